"""What the pages say is so: settings, commands, options, errors, routes."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType
from typing import get_args

import click
import pytest

from evenhand import cli, config, doctor, sdk

ROOT = Path(__file__).resolve().parents[1]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def page(name: str) -> str:
    return read(f"docs/{name}")


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("evenhand_reference", ROOT / "tests" / "reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def every_command() -> list[tuple[str, click.Command]]:
    """("project create", command) and so on."""
    found: list[tuple[str, click.Command]] = []
    for name, command in cli.commands.commands.items():
        parts = command.commands.items() if isinstance(command, click.Group) else [("", command)]
        found += [(f"{name} {part}".strip(), one) for part, one in parts]
    return found


def test_each_setting_stands_on_its_page_with_its_default_and_no_other() -> None:
    rows = dict(re.findall(r"^\| `(EVENHAND_[A-Z_<>]+)` \| (.*?) \|", page("guide/settings.md"), re.M))
    assert set(rows) == {setting.name for setting in config.SETTINGS}
    for setting in config.SETTINGS:
        if setting.default:
            assert rows[setting.name] == f"`{setting.default}`"


def test_the_defaults_are_those_of_the_table() -> None:
    assert config.read({}) == config.Config()
    for setting in config.SETTINGS:
        if setting.default:
            assert config.read({setting.name: setting.default}) == config.read({})


def test_no_setting_is_read_that_is_not_in_the_table() -> None:
    named = {re.sub(r"<NAME>", "[A-Z]+", setting.name) for setting in config.SETTINGS}
    for path in (ROOT / "src" / "evenhand").rglob("*.py"):
        if path.name.startswith("test_"):
            continue
        for name in re.findall(r"\bEVENHAND_[A-Z_]+[A-Z]\b", path.read_text(encoding="utf-8")):
            assert any(re.fullmatch(known, name) for known in named) or name == "EVENHAND_OIDC", (path, name)


@pytest.mark.parametrize(("name", "command"), every_command(), ids=[name for name, _ in every_command()])
def test_each_command_and_option_stands_on_its_page(name: str, command: click.Command) -> None:
    text = page("guide/commands.md")
    assert f"evenhand {name}" in text
    with click.Context(command) as context:
        for param in command.get_params(context):
            for option in (
                param.opts if isinstance(param, click.Option) and "--help" not in param.opts else []
            ):
                assert option in text, option


def test_no_command_is_on_the_page_that_does_not_exist() -> None:
    known = {name for name, _ in every_command()}
    for heading in re.findall(r"^### (.*)$", page("guide/commands.md"), re.M):
        for found in re.findall(r"`evenhand ([a-z ]+?)(?: [A-Z|…]+)*`", heading):
            assert found in known


def test_the_page_of_errors_is_what_the_sources_say() -> None:
    assert page("spec/errors.md") == reference().page(), "run `make docs`"
    assert page("spec/schemas.json") == reference().schemas(), "run `make docs`"


def test_a_rule_has_one_kind_of_error() -> None:
    """Whoever handles an error by its rule must be able to rely on what to do."""
    seen: dict[str, str] = {}
    for kind, rules in reference().raised().items():
        for rule in rules:
            assert seen.setdefault(rule, kind) == kind, rule


def test_bad_settings_are_told_with_their_name() -> None:
    for name, value in (
        ("EVENHAND_PORT", "70000"),
        ("EVENHAND_PORT", "٣"),
        ("EVENHAND_PUBLIC_URL", "labels.example.org"),
        ("EVENHAND_ADMIN_KEY", "short"),
        ("EVENHAND_LOG_LEVEL", "loud"),
    ):
        with pytest.raises(config.Invalid) as caught:
            config.read({name: value})
        assert caught.value.where == name and caught.value.remedy
    half = {"EVENHAND_OIDC_ACME_ISSUER": "https://id.example.org", "EVENHAND_OIDC_ACME_CLIENT_ID": "x"}
    with pytest.raises(config.Invalid) as caught:
        config.read(half)
    assert caught.value.where == "EVENHAND_OIDC_ACME_CLIENT_SECRET"
    (provider,) = config.read(half | {"EVENHAND_OIDC_ACME_CLIENT_SECRET": "y"}).oidc
    assert (provider.name, provider.issuer) == ("acme", "https://id.example.org")


# -- ARCHITECTURE, links, what must not be in the repository --------------------------------------


def texts() -> list[Path]:
    """Every file under version control that people read."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    found = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in found if path.is_file() and path.suffix not in (".png", ".lock")]


def test_the_layers_are_those_that_are_enforced() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (enforced,) = (c["layers"] for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    (shown,) = re.findall(r"^```layers\n(.*?)^```$", read("ARCHITECTURE.md"), re.M | re.S)
    assert shown.splitlines() == enforced


def test_the_table_of_rooms_is_what_the_sources_say_and_each_has_a_layer() -> None:
    (shown,) = reference().ROOMS.findall(read("ARCHITECTURE.md"))
    assert shown == reference().rooms(), "run `make docs`"
    rooms = {name.strip("/").removesuffix(".py") for name in re.findall(r"^\| `(.*?)` \|", shown, re.M)}
    layers = re.findall(r"^```layers\n(.*?)^```$", read("ARCHITECTURE.md"), re.M | re.S)[0]
    assert rooms == set(re.findall(r"evenhand\.(\w+)", layers))


def test_each_table_stands_in_its_row() -> None:
    rows = re.findall(r"^\| (events|first kind|second kind)[^|]*\| (.*) \|$", read("ARCHITECTURE.md"), re.M)
    shown = {kind: set(re.findall(r"`(\w+)`", tables)) for kind, tables in rows}
    schema = "\n".join(p.read_text() for p in sorted((ROOT / "src/evenhand/store/migrations").glob("*.sql")))
    assert set.union(*shown.values()) == set(re.findall(r"^CREATE TABLE (\w+) \(", schema, re.M))
    assert shown["first kind"] | {"stream", "payload"} == set(doctor.TABLES)


def test_each_link_leads_somewhere() -> None:
    broken = []
    for path in texts():
        if path.suffix == ".md":
            for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
                outside = target.startswith(("https://", "http://", "mailto:", "#"))
                if not outside and not (path.parent / target.partition("#")[0]).exists():
                    broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert broken == []


def test_files_that_pages_name_exist() -> None:
    example = "src/evenhand/labels/light/"  # which the reader is to make
    for name in ("ARCHITECTURE.md", "CONTRIBUTING.md"):
        for found in re.findall(r"`((?:src|web|tests|docs|core|store|service|http)/[\w/.]+)`", read(name)):
            places = (ROOT / found, ROOT / "src" / "evenhand" / found)
            assert found == example or any(place.exists() for place in places), (name, found)


def test_nothing_names_a_registry_or_this_machine() -> None:
    """Where a package came from, or where somebody's checkout lay, is nobody's business."""
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "registry." + "npmjs", "registry." + "yarnpkg")
    paths = ("/" + "work/", "/" + "root/", "/home" + "/")
    culprits = []
    for path in texts():
        text = path.read_text(encoding="utf-8", errors="replace")
        culprits += [f"{path.relative_to(ROOT)}: {word}" for word in (*hosts, *paths) if word in text]
    assert culprits == []


# -- README and guides ----------------------------------------------------------------------------

FOR_USERS = [
    "README.md",
    "CHANGELOG.md",
    *sorted(f"docs/guide/{p.name}" for p in (ROOT / "docs/guide").glob("*.md")),
]
ELSEWHERE = {"--help", "--debug", "--version"}
"""Options of `evenhand` itself."""


def known_options() -> set[str]:
    found = set(ELSEWHERE)
    for _, command in every_command():
        with click.Context(command) as context:
            params = command.get_params(context)
            found |= {
                name for p in params if isinstance(p, click.Option) for name in (*p.opts, *p.secondary_opts)
            }
    return found


@pytest.mark.parametrize("name", FOR_USERS)
def test_commands_and_options_that_a_page_names_exist(name: str) -> None:
    text = read(name)
    commands = {words.split()[0] for words, _ in every_command()}
    for found in re.findall(r"(?:^|`|\$ |\. )evenhand ([a-z]+)", text, re.M):
        assert found in commands, found
    if name != "docs/guide/operators.md":  # which shows other programs' options as well
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) <= known_options()


def test_the_keys_of_the_guide_are_those_of_the_page() -> None:
    source = read("web/src/annotate/KeysDialog.svelte")
    shown = {key for keys in re.findall(r'\{ keys: "([^"]+)", does:', source) for key in keys.split(" ")}
    shown = {key.replace("ArrowUp", "↑").replace("ArrowDown", "↓") for key in shown}
    rows = re.findall(r"^\| (`.*?) \|", read("docs/guide/annotators.md"), re.M)
    told = {key for row in rows for key in re.findall(r"`([^`]+)`", row)}
    assert shown | {"1", "9"} == told


def test_the_roles_of_the_guide_are_those_of_the_policy() -> None:
    told = set(
        re.findall(
            r"^\| (\w+) \| ",
            read("docs/guide/managers.md").partition("| role |")[2].partition("\n\n")[0],
            re.M,
        )
    )
    assert told == set(get_args(sdk.Role))


def test_pictures_are_small_and_shown() -> None:
    pages = "\n".join(read(name) for name in FOR_USERS)
    for path in (ROOT / "docs" / "pictures").iterdir():
        assert path.stat().st_size < 200_000, path.name
        assert f"pictures/{path.name}" in pages, path.name


def test_decisions_are_numbered_once_and_say_why() -> None:
    seen = set()
    for path in sorted((ROOT / "docs" / "adr").glob("*.md")):
        text, number = path.read_text(encoding="utf-8"), int(path.name[:4])
        assert number not in seen and text.startswith(f"# {number}. "), path.name
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences")), path.name
        seen.add(number)
