"""A list to pick from: the choices of a question, the labels of spans and boxes, the items of a ranking."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Json
from evenhand.labels.reading import shown


class Option(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of a list to pick from."""

    name: Annotated[
        str, Meta(title="Name", description="What annotators read", min_length=1, max_length=1000)
    ]
    id: Annotated[
        str,
        Meta(
            title="Id", description="Stored in answers, stable for ever; the name when empty", max_length=1000
        ),
    ] = ""
    description: Annotated[str, Meta(title="Description", description="Shown as help", max_length=5000)] = ""
    key: Annotated[
        str,
        Meta(title="Key", description="One character that picks it; by position when empty", max_length=1),
    ] = ""

    def __post_init__(self) -> None:
        if not self.id:
            msgspec.structs.force_setattr(self, "id", self.name)


Name = Annotated[str, Meta(min_length=1, max_length=1000)]
"""An entry that is only a name."""

Options = tuple[Option | Name, ...]
"""A list as configurations write it: names alone, or entries in full."""


def complete(options: Options, where: str) -> tuple[Option, ...]:
    """The entries in full.

    Args:
        options: entries, or names that stand for one.
        where: key of the configuration that holds the list.

    Raises:
        Invalid: an id or a key is there twice.
    """
    full = tuple(Option(name=option) if isinstance(option, str) else option for option in options)
    require_distinct((f"{where}[{i}]", option) for i, option in enumerate(full))
    return full


def require_distinct(options: Iterable[tuple[str, Option]]) -> None:
    """Refuse a second entry with the same id or key: answers, or key strokes, could not tell them apart.

    Raises:
        Invalid: `where` is the given place of the second one.
    """
    ids: set[str] = set()
    keys: set[str] = set()
    for where, option in options:
        if option.id in ids:
            raise Invalid(
                "question.same-id", f"The id {option.id!r} is there twice.", f"{where}.id", "Change one."
            )
        if option.key and option.key in keys:
            raise Invalid(
                "question.same-key", f"The key {option.key!r} is there twice.", f"{where}.key", "Change one."
            )
        ids.add(option.id)
        keys.add(option.key)


def positions(options: Sequence[Option | str]) -> dict[str, int]:
    """Id of each entry -> its position in the list."""
    return {option if isinstance(option, str) else option.id: i for i, option in enumerate(options)}


def require_label(label: str, labels: Container[str], where: str) -> None:
    """Refuse a label that the question does not have.

    Raises:
        Invalid: with `where` as given.
    """
    if label not in labels:
        reason = f"{shown(label)} is none of the labels."
        raise Invalid("answer.unknown-label", reason, where, "Send the id of a label.")


def one_of(ids: Iterable[str]) -> dict[str, Json]:
    """JSON Schema of an id out of these."""
    return {"enum": list(ids)}
