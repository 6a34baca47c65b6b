"""Label types: one folder each. This page only finds them, through the public entry point."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from evenhand.core.errors import Invalid
from evenhand.core.label import LabelType


@cache
def all_types() -> Mapping[str, type[LabelType[Any]]]:
    """Every installed label type by its id ("choice/1"), in alphabetical order."""
    found = [point.load() for point in entry_points(group="evenhand.labels")]
    return MappingProxyType({kind.id: kind for kind in sorted(found, key=lambda kind: kind.id)})


def find(name: str) -> type[LabelType[Any]]:
    """The label type with this id, or the newest one with this short name.

    Raises:
        Invalid: no such type is installed.
    """
    types = all_types()
    if name in types:
        return types[name]
    matches = [kind for kind in types.values() if kind.name == name]
    if not matches:
        known = ", ".join(sorted({kind.name for kind in types.values()}))
        raise Invalid(
            "question.unknown-type", f"There is no label type {name!r}.", "type", f"Take one of: {known}."
        )
    return max(matches, key=lambda kind: int(kind.id.rpartition("/")[2]))
