"""Argilla 2: a dataset as `Dataset.to_disk` writes it (`.argilla/settings.json`, `records.json`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from evenhand.core.errors import Invalid
from evenhand.peers import (
    Brought,
    Fault,
    Given,
    Item,
    Losses,
    Options,
    Peer,
    count,
    draft,
    guarded,
    named_by_content,
    objects,
    question,
)

FIELDS = {"text": "text", "chat": "chat", "image": "image"}


class Argilla(Peer):
    """Reads records with their responses and suggestions."""

    name: ClassVar[str] = "argilla"
    title: ClassVar[str] = "Argilla"
    takes: ClassVar[str] = (
        "The folder that Dataset.to_disk wrote, or its records.json with --config settings.json."
    )

    def read(self, files: Sequence[Path], options: Options) -> Brought:
        records, settings = self._find(files, options)
        losses = Losses()
        asked, fields = _questions(settings, losses), _fields(settings, losses)
        distribution = settings.get("distribution") or {}
        told = options if options.instructions else msgspec.structs.replace(
            options, instructions=settings.get("guidelines") or ""
        )  # fmt: skip
        made = draft(
            records.parent.name, fields, list(asked.values()), told, distribution.get("min_submitted") or 1
        )
        for one in ("vectors", "metadata"):
            if one == "vectors" and settings.get(one):
                losses.note("vectors", "Vectors are not brought.", len(settings[one]))

        def items(noting: Losses) -> Iterator[Item | Fault]:
            return guarded(objects(records), lambda line, row: _item(line, row, asked, noting), self.title)

        counts = count(items(losses))
        return Brought(draft=made, lost=losses.all(), items=lambda: items(Losses()), counts=counts)

    def _find(self, files: Sequence[Path], options: Options) -> tuple[Path, dict[str, Any]]:
        path = files[0]
        folder = path if path.is_dir() else path.parent
        records = path / "records.json" if path.is_dir() else path
        config = options.config or folder / ".argilla" / "settings.json"
        for needed in (records, config):
            if not needed.is_file():
                raise Invalid("peer.files", "This file is missing.", str(needed), self.takes)
        try:
            settings = msgspec.json.decode(config.read_bytes(), type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            reason = f"These are no settings of a dataset: {error}."
            raise Invalid("peer.config", reason, str(config), "Write the dataset again.") from error
        return records, settings


def _fields(settings: Mapping[str, Any], losses: Losses) -> dict[str, str]:
    fields = {}
    for field in settings.get("fields") or []:
        kind = (field.get("settings") or {}).get("type", "text")
        if kind not in FIELDS:
            losses.note(f"field {field['name']}", "It is kept in the record, and not shown.", 0)
        else:
            markdown = kind == "text" and (field.get("settings") or {}).get("use_markdown")
            fields[field["name"]] = "markdown" if markdown else FIELDS[kind]
    return fields


def _questions(settings: Mapping[str, Any], losses: Losses) -> dict[str, dict[str, Any]]:
    asked = {}
    for one in settings.get("questions") or []:
        about = one.get("settings") or {}
        make = KINDS.get(about.get("type"))
        if make is None:
            losses.note(f"question {one['name']}", "It has no counterpart here.", 0)
            continue
        kind, config = make(about)
        made = question(one["name"], kind, one.get("title") or "", bool(one.get("required")), **config)
        asked[one["name"]] = made | ({"help": one["description"]} if one.get("description") else {})
    return asked


def _options(about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Options as our lists have them."""
    return [
        {"id": str(o["value"]), "name": str(o.get("text") or o["value"])}
        | ({"description": o["description"]} if o.get("description") else {})
        for o in about.get("options") or []
    ]


def _scale(about: Mapping[str, Any]) -> dict[str, Any]:
    steps = [int(option["value"]) for option in about.get("options") or []] or [1, 5]
    return {"min": min(steps), "max": max(steps)}


KINDS: dict[Any, Any] = {
    "label_selection": lambda about: ("choice", {"choices": _options(about)}),
    "multi_label_selection": lambda about: ("multi_choice", {"choices": _options(about)}),
    "rating": lambda about: ("rating", _scale(about)),
    "text": lambda about: ("text", {}),
    "ranking": lambda about: ("ranking", {"items": _options(about), "ties": True}),
    "span": lambda about: (
        "span",
        {"field": about["field"], "labels": _options(about), "overlap": bool(about.get("allow_overlapping"))},
    ),
}
"""Type of a question there -> (our type, its configuration)."""


def _item(line: int, row: dict[str, Any], asked: Mapping[str, dict[str, Any]], losses: Losses) -> Item:
    record: dict[str, Any] = dict(row["fields"])
    record["external_id"] = str(row["id"]) if row.get("id") is not None else named_by_content(row["fields"])
    if row.get("metadata"):
        record["metadata"] = row["metadata"]
    if row.get("vectors"):
        losses.note("records[].vectors", "Vectors are not brought.")
    suggested = _suggestions(row.get("suggestions") or {}, asked)
    record |= {"predictions": suggested} if suggested else {}
    return Item(line=line, record=record, annotations=_responses(row.get("responses") or {}, asked, losses))


def _suggestions(raw: Mapping[str, Any], asked: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """One prediction for each agent that suggested something."""
    by_agent: dict[str, dict[str, Any]] = {}
    for name, one in raw.items():
        if name in asked and one.get("value") is not None:
            made = by_agent.setdefault(str(one.get("agent") or ""), {"answers": {}})
            made["answers"][name] = _answer(one["value"], asked[name]["type"])
            if isinstance(one.get("score"), int | float):
                made["score"] = min(made.get("score", one["score"]), one["score"])
    return [made | ({"model": agent} if agent else {}) for agent, made in by_agent.items()]


def _responses(
    raw: Mapping[str, Any], asked: Mapping[str, dict[str, Any]], losses: Losses
) -> tuple[Given, ...]:
    by_user: dict[str, dict[str, Any]] = {}
    for name, responses in raw.items():
        for one in responses:
            if name not in asked:
                losses.note(f"responses.{name}", "No question here takes this answer.")
            elif one.get("value") is not None:
                answers = by_user.setdefault(str(one["user_id"]), {})
                answers[name] = _answer(one["value"], asked[name]["type"])
    if by_user:
        reason = (
            "Argilla does not say when they were given, nor which were drafts; the time of the import stands."
        )
        losses.note("responses", reason, len(by_user))
    return tuple(
        Given(annotator=f"argilla/{user}", name=f"Argilla {user[:8]}", answers=answers, submitted_at=None)
        for user, answers in by_user.items()
    )


def _answer(value: Any, kind: str) -> Any:
    match kind:
        case "ranking":
            ranks: dict[int, list[str]] = {}
            for place, one in enumerate(value, 1):
                item = one if isinstance(one, dict) else {"value": one, "rank": place}
                ranks.setdefault(int(item.get("rank") or place), []).append(str(item["value"]))
            return [ranks[rank] for rank in sorted(ranks)]
        case "span":
            return [{"start": s["start"], "end": s["end"], "label": str(s["label"])} for s in value]
        case "multi_choice":
            return [str(one) for one in value]
        case "choice":
            return str(value)
    return value
