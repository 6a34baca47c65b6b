"""What is installed: label types and formats, through the doors that plugins use."""

from __future__ import annotations

from typing import Any

from evenhand import formats, labels, wire
from evenhand.http.call import Call


async def label_types(call: Call) -> wire.Page[wire.LabelTypeInfo]:
    """GET /label-types."""
    types = labels.all_types()
    widgets = call.app.assets.widgets(types)
    items = [
        wire.LabelTypeInfo(
            id=kind.id,
            name=kind.name,
            title=kind.title,
            example_config=dict(kind.example_config),
            config_schema=kind.config_schema(),
            widget=widgets.get(kind.id),
        )
        for kind in types.values()
    ]
    return wire.Page(items=items)


async def all_formats(call: Call) -> wire.Page[wire.FormatInfo]:
    """GET /formats."""
    items = [_format(kind) for kind in formats.all_formats().values()]
    return wire.Page(items=items)


def _format(kind: Any) -> wire.FormatInfo:
    return wire.FormatInfo(
        name=kind.name,
        title=kind.title,
        suffixes=list(kind.suffixes),
        reads=bool(kind.suffixes),
        writes=True,
        options=[
            wire.FormatOption(name=o.name, kind=o.kind, choices=list(o.choices), default=o.default)
            for o in formats.declared_options(kind)
        ],
    )
