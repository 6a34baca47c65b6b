"""SageMaker Ground Truth: augmented manifests, JSON Lines (docs.aws.amazon.com/sagemaker, "Output data").

Each job adds two keys to a line: its label, and `<job>-metadata`, whose `type` says what the label is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from evenhand.peers import (
    Brought,
    Fault,
    Given,
    Item,
    Losses,
    Options,
    Peer,
    Seen,
    count,
    draft,
    guarded,
    named_by_content,
    objects,
    one_file,
    question,
)


class GroundTruth(Peer):
    """Reads an output.manifest; labels made by a model are a model's."""

    name: ClassVar[str] = "ground_truth"
    title: ClassVar[str] = "SageMaker Ground Truth"
    takes: ClassVar[str] = "output.manifest of a labeling job."

    def read(self, files: Sequence[Path], options: Options) -> Brought:
        path = one_file(files, self)
        losses, jobs = Losses(), dict[str, _Job]()
        field = "source"
        for _, row in objects(path, lines=True):
            if not isinstance(row, Fault):
                field = "source-ref" if "source-ref" in row else field
                _look(row, jobs, losses)
        kind = (
            "image" if field == "source-ref" and not any(j.kind == "span" for j in jobs.values()) else "text"
        )
        asked = [job.question(field) for job in jobs.values()]
        made = draft(path.stem, {field: kind}, asked, options)

        def items(noting: Losses) -> Iterator[Item | Fault]:
            return guarded(objects(path, lines=True), lambda n, row: _item(n, row, jobs, noting), self.title)

        counts = count(items(losses))
        return Brought(draft=made, lost=losses.all(), items=lambda: items(Losses()), counts=counts)


class _Job:
    """A labeling job, which becomes a question."""

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.kind = name, kind
        self.labels = Seen()

    def question(self, field: str) -> dict[str, Any]:
        labels = self.labels.all() or ["unknown"]
        if self.kind in ("choice", "multi_choice"):
            return question(self.name, self.kind, choices=labels)
        more: dict[str, Any] = {"min_size": 0} if self.kind == "box" else {"overlap": True}
        return question(self.name, self.kind, field=field, labels=labels, **more)


TYPES = {
    "groundtruth/image-classification": "choice",
    "groundtruth/text-classification": "choice",
    "groundtruth/image-classification-multilabel": "multi_choice",
    "groundtruth/text-classification-multilabel": "multi_choice",
    "groundtruth/object-detection": "box",
    "groundtruth/text-span": "span",
}
"""Type of a job -> our type."""


def _jobs_of(row: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, about in row.items():
        name = key.removesuffix("-metadata")
        if name != key and name in row and isinstance(about, dict):
            yield name, about


def _look(row: Mapping[str, Any], jobs: dict[str, _Job], losses: Losses) -> None:
    for name, about in _jobs_of(row):
        kind = TYPES.get(str(about.get("type")))
        if kind is None:
            losses.note(f"{name} ({about.get('type')})", "Labels of this kind have no counterpart here.")
            continue
        job = jobs.setdefault(name, _Job(name, kind))
        for label in _named(row[name], about, kind):
            job.labels.add(label)


def _named(value: Any, about: Mapping[str, Any], kind: str) -> list[Any]:
    """The labels that a line names, used or not."""
    if kind == "choice":
        return [about.get("class-name", value)]
    if kind == "span":
        given = value.get("annotations", {}) if isinstance(value, dict) else {}
        listed = [one.get("label") for one in given.get("labels") or []]
        return [label for label in listed + [e.get("label") for e in given.get("entities") or []] if label]
    return list((about.get("class-map") or {}).values())


def _item(line: int, row: dict[str, Any], jobs: Mapping[str, _Job], losses: Losses) -> Item:
    key = "source-ref" if "source-ref" in row else "source"
    of_jobs = {name for found, _ in _jobs_of(row) for name in (found, f"{found}-metadata")}
    data: dict[str, Any] = {name: value for name, value in row.items() if name not in of_jobs}
    record = data | {"external_id": named_by_content([data[key]])}
    given: list[Given] = []
    for name, about in _jobs_of(row):
        job = jobs.get(name)
        if job is None or "failure-reason" in about:
            losses.note(f"{name}-metadata.failure-reason", "The line was not labelled.")
            continue
        _note(row[name], about, job, losses)
        sizes = row[name].get("image_size") if job.kind == "box" else None
        record |= _size(key, sizes)
        human = about.get("human-annotated", "yes") == "yes"
        who = about.get("job-name", name)
        given.append(
            Given(
                annotator=f"ground-truth/{who}/{'people' if human else 'model'}",
                name=f"Ground Truth {'people' if human else 'model'}: {who}",
                kind="human" if human else "model",
                answers={name: READERS[job.kind](row[name], about)},
                submitted_at=about.get("creation-date"),
            )
        )
    return Item(line=line, record=record, annotations=_together(given))


def _together(given: list[Given]) -> tuple[Given, ...]:
    """The answers to several questions by one annotator as one annotation."""
    found: dict[str, Given] = {}
    for one in given:
        before = found.get(one.annotator)
        answers = {**(before.answers if before else {}), **one.answers}
        found[one.annotator] = Given(
            annotator=one.annotator,
            name=one.name,
            kind=one.kind,
            answers=answers,
            submitted_at=one.submitted_at,
        )
    return tuple(found.values())


def _note(value: Any, about: Mapping[str, Any], job: _Job, losses: Losses) -> None:
    losses.note(f"{job.name}", "It is what several workers came to; who they were is not in the manifest.")
    if any(key in about for key in ("confidence", "confidence-map", "objects")):
        losses.note(f"{job.name}-metadata.confidence", "Confidence is not brought.")


def _size(key: str, sizes: Any) -> dict[str, Any]:
    if not sizes:
        return {}
    return {f"{key}_width": sizes[0]["width"], f"{key}_height": sizes[0]["height"]}


def _choice(value: Any, about: Mapping[str, Any]) -> Any:
    return str(about.get("class-name", value))


def _choices(value: Any, about: Mapping[str, Any]) -> Any:
    return [str(about["class-map"][str(one)]) for one in value]


def _boxes(value: Any, about: Mapping[str, Any]) -> Any:
    return [
        {
            "x": box["left"],
            "y": box["top"],
            "width": box["width"],
            "height": box["height"],
            "label": str(about["class-map"][str(box["class_id"])]),
        }
        for box in value["annotations"]
    ]


def _spans(value: Any, about: Mapping[str, Any]) -> Any:
    return [
        {"start": e["startOffset"], "end": e["endOffset"], "label": str(e["label"])}
        for e in value["annotations"]["entities"]
    ]


READERS: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "choice": _choice,
    "multi_choice": _choices,
    "box": _boxes,
    "span": _spans,
}
