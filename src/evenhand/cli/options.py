"""What commands read from the command line and from files: questions, columns, project.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from evenhand.core.errors import Invalid, Missing

if TYPE_CHECKING:
    from evenhand import wire
    from evenhand.core.label import Flag
    from evenhand.label_file import Asked

Command = TypeVar("Command", bound=Callable[..., Any])


class WithQuestions(click.Command):
    """A command with one option for each label type that declares one. They are found when it is used."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters and those of the label types."""
        own = super().get_params(ctx)
        return [*own[:2], *self.asking, *own[2:]]

    @cached_property
    def asking(self) -> list[click.Option]:
        """Made once: click tells the order on the command line by the options' identity."""
        from evenhand import labels

        flags = [(kind.name, kind.flag) for kind in labels.all_types().values() if kind.flag is not None]
        return [_question_option(name, flag) for name, flag in flags]


def _question_option(name: str, flag: Flag) -> click.Option:
    return click.Option(
        [flag.option, f"label_type_{name}"],
        metavar=flag.metavar or None,
        is_flag=not flag.metavar,
        help=f"{flag.help.rstrip('.')}.",
        expose_value=False,
        callback=_note_question,
    )


def _note_question(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep what was asked for, in the order of the command line."""
    from evenhand.label_file import Asked

    if value not in (None, False) and param.name is not None:
        text = value if isinstance(value, str) else ""
        asked_of(ctx).append(Asked(param.name.removeprefix("label_type_"), text))


def asked_of(ctx: click.Context) -> list[Asked]:
    """The questions of the label types' options so far."""
    found: list[Asked] = ctx.meta.setdefault("evenhand.asked", [])
    return found


def reading_options(command: Command) -> Command:
    """How to read a source: the same options wherever a file comes in."""
    for option in reversed(
        (
            click.option("--format", help="Format of the file; without it, its suffix and content tell."),
            click.option("--encoding", help="Encoding of the text, such as latin-1; without it UTF-8."),
            click.option("--delimiter", help="Character between cells."),
            click.option("--quote", help='Character around cells; "" for none.'),
            click.option(
                "--columns", metavar="A,B", help="Names of the columns, when the first row does not tell."
            ),
            click.option("--no-header", is_flag=True, help="The first row is data."),
            click.option(
                "--map", "mapping", metavar="A=B", multiple=True, help="Rename key A of the records to B."
            ),
            click.option(
                "--gold", metavar="KEY", help="Key of the right answer: such rows become gold tasks."
            ),
            click.option(
                "--option", "extra", metavar="K=V", multiple=True, help="Another option of the format."
            ),
        )
    ):
        command = option(command)
    return command


def reading(given: dict[str, Any]) -> tuple[str | None, dict[str, Any], dict[str, str]]:
    """Format, options and mapping out of a command's parameters, which are taken from `given`."""
    format, columns, no_header = given.pop("format"), given.pop("columns"), given.pop("no_header")
    options: dict[str, Any] = {key: given.pop(key) for key in ("encoding", "delimiter", "quote")}
    options |= {"columns": columns.split(",") if columns else None, "header": False if no_header else None}
    options = {key: value for key, value in options.items() if value is not None}
    options |= {key: literal(value) for key, value in pairs(given.pop("extra"), "--option").items()}
    mapping = pairs(given.pop("mapping"), "--map")
    gold = given.pop("gold")
    return format, options, mapping | ({gold: "gold_answers"} if gold else {})


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """`A=B` texts as a dict."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise click.UsageError(f"{option} takes A=B, not {text!r}.")
        found[key] = value
    return found


def literal(text: str) -> Any:
    """An option's value: JSON where it is JSON, else the text."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def existing(path: Path) -> Path:
    """The path of a file that is there.

    Raises:
        Missing: there is none.
    """
    if not path.is_file():
        if path.is_dir():
            remedy = "Pack what is in it as a ZIP archive, or name a file of it."
            raise Missing("file.missing", "The file is a folder.", str(path), remedy)
        raise Missing("file.missing", "The file does not exist.", str(path), "Check the path.")
    return path


def text_of(path: Path) -> str:
    """A text file's content.

    Raises:
        Missing, Invalid: there is none; it is not UTF-8.
    """
    try:
        return existing(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"byte {error.start}"
        raise Invalid(
            "file.encoding", f"The file is not UTF-8 ({where}).", str(path), "Save it as UTF-8."
        ) from error


def project_yaml(path: Path) -> dict[str, Any]:
    """A project described in YAML, with the keys of `create_project`."""
    import yaml

    try:
        found = yaml.safe_load(text_of(path))
    except yaml.YAMLError as error:
        raise Invalid("file.yaml", f"This is not YAML: {error}.", str(path), "Correct it there.") from error
    if not isinstance(found, dict):
        raise Invalid(
            "file.yaml", "A project is a mapping of names to values.", str(path), "Begin with `name: …`."
        )
    return found


def project_draft(given: Mapping[str, Any]) -> wire.ProjectDraft:
    """The project that these keys describe.

    Raises:
        Invalid: a key is unknown or its value does not fit.
    """
    from evenhand import sdk, wire

    return sdk.draft(given, wire.ProjectDraft)
