"""Answers made of pieces, and texts, of annotators with planted skills: `python -m bench shapes`.

Sentences, images and recordings have pieces at random places; twelve annotators miss some, invent some, name
some wrongly and draw more or less exactly; three of them answer at random. Nothing that is planted is seen by
what concludes the answers.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import crowd_kit
from bench.crowd import FOLDER
from evenhand.labels import find

ROUNDS = 5
TASKS, EACH, ANNOTATORS = 100, 4, 12
Say = Callable[[str], None]
Dice = np.random.Generator


@dataclass(frozen=True)
class Person:
    """How an annotator works."""

    missed: float  # share of pieces
    invented: float  # pieces a task, in the mean
    mislabelled: float  # share of those found
    off: float  # deviation of an edge, in sides of the piece
    random: bool = False  # answers without a look at the task


PEOPLE = (
    *[Person(0.0, 3.0, 0.0, 0.0, random=True)] * 3,
    *[Person(0.05, 0.1, 0.03, 0.03)] * 5,
    *[Person(0.30, 0.6, 0.20, 0.12)] * 4,
)
LABELS = ["a", "b", "c"]
SIDES = (640, 480)


def planted(kind: str, seed: int) -> tuple[Any, list[Any], list[tuple[int, str, Any]]]:
    """A label type, what is true of each task, and answers (task, annotator, value)."""
    dice = np.random.default_rng(seed)
    make = MAKERS[kind]
    label = find(kind).configure({"field": "x", "labels": LABELS, **make.config}, {"x": make.field})
    truth, answers = [], []
    for task in range(TASKS):
        there = [make.piece(dice) for _ in range(dice.poisson(4))]
        truth.append(label.parse(make.dumped(there, dice, 0.0), make.data))
        for who in dice.permutation(ANNOTATORS)[:EACH].tolist():
            seen = _seen(there, PEOPLE[who], dice, make)
            answers.append((task, f"annotator {who}", label.parse(seen, make.data)))
    return label, truth, answers


def _seen(there: Sequence[Any], person: Person, dice: Dice, make: Maker) -> Any:
    """What somebody answers where this is there."""
    found = [] if person.random else [piece for piece in there if dice.random() >= person.missed]
    named = [
        (*piece[:-1], LABELS[dice.integers(len(LABELS))]) if dice.random() < person.mislabelled else piece
        for piece in found
    ]
    invented = [make.piece(dice) for _ in range(dice.poisson(person.invented))]
    return make.dumped([*named, *invented], dice, person.off)


@dataclass(frozen=True)
class Maker:
    """How pieces of one type are made: (numbers..., label) each."""

    field: str
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    piece: Callable[[Dice], Any]
    dumped: Callable[[Sequence[Any], Dice, float], Any]  # pieces as an answer, drawn so far off


def _place(dice: Dice) -> Any:
    width, height = dice.uniform(30, 120, 2)
    x, y = dice.random(2) * (np.array(SIDES) - (width, height))
    return x, y, width, height, LABELS[dice.integers(len(LABELS))]


def _moved(piece: Any, dice: Dice, off: float) -> tuple[float, float, float, float]:
    """Edges of a box, drawn somewhat off, inside of the image."""
    x, y, width, height, _ = piece
    left, top = np.clip((x, y) + dice.normal(0, off, 2) * (width, height), 0, np.array(SIDES) - 3)
    right, bottom = np.array((x + width, y + height)) + dice.normal(0, off, 2) * (width, height)
    return (
        float(left),
        float(top),
        float(min(max(right, left + 2), SIDES[0])),
        float(min(max(bottom, top + 2), SIDES[1])),
    )


def _boxes(pieces: Sequence[Any], dice: Dice, off: float) -> Any:
    edges = [(_moved(piece, dice, off), piece[-1]) for piece in pieces]
    return [
        {"x": left, "y": top, "width": right - left, "height": bottom - top, "label": label}
        for (left, top, right, bottom), label in edges
    ]


def _polygons(pieces: Sequence[Any], dice: Dice, off: float) -> Any:
    """Eight corners on an ellipse in the box, each somewhat off."""
    made = []
    for x, y, width, height, label in pieces:
        angles = np.arange(8) * np.pi / 4
        middle, half = np.array((x + width / 2, y + height / 2)), np.array((width, height)) / 2
        corners = middle + half * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        corners += dice.normal(0, off, (8, 2)) * (width, height)
        inside = np.clip(corners, 0, SIDES)
        made.append({"points": inside.tolist(), "label": label})
    return made


def _masks(pieces: Sequence[Any], dice: Dice, off: float) -> Any:
    """Ellipses in boxes that are somewhat off."""
    down, across = np.mgrid[: SIDES[1], : SIDES[0]]
    made = []
    for piece in pieces:
        left, top, right, bottom = _moved(piece, dice, off)
        far = ((across - (left + right) / 2) / (right - left)) ** 2
        on = (far + ((down - (top + bottom) / 2) / (bottom - top)) ** 2 <= 0.25).ravel()
        if on.any():
            edges = np.flatnonzero(np.diff(on)) + 1
            runs = np.diff([0, *([0] if on[0] else []), *edges, on.size]).tolist()
            made.append({"label": piece[-1], "width": SIDES[0], "height": SIDES[1], "runs": runs})
    return made


def _points(pieces: Sequence[Any], dice: Dice, off: float) -> Any:
    """Middles of boxes, with the error of a box of 100 pixels."""
    made = []
    for x, y, width, height, label in pieces:
        place = np.clip((x + width / 2, y + height / 2) + dice.normal(0, off, 2) * 60, 0, SIDES).tolist()
        made.append({"x": place[0], "y": place[1], "label": label})
    return made


def _stretch(dice: Dice) -> Any:
    length = dice.uniform(1, 8)
    return dice.random() * (120 - length), length, LABELS[dice.integers(len(LABELS))]


def _times(pieces: Sequence[Any], dice: Dice, off: float) -> Any:
    made = []
    for start, length, label in pieces:
        first, last = np.clip((start, start + length) + dice.normal(0, off, 2) * length, 0, 120).tolist()
        if last - first > 0.01:
            made.append({"start": first, "end": last, "label": label})
    return made


def _word(dice: Dice) -> Any:
    start = dice.integers(0, 27)
    return start, start + dice.integers(1, 4), LABELS[dice.integers(len(LABELS))]


def _spans(pieces: Sequence[Any], dice: Dice, off: float) -> Any:
    """Stretches of words, of five characters each and a space; an edge is a word off now and then.
    Of two that overlap the first stays."""
    made: list[Any] = []
    for first, last, label in pieces:
        start, end = np.clip((first, last) + np.sign(dice.normal(0, 1, 2)) * (dice.random(2) < off), 0, 30)
        end = max(end, start + 1)
        if start < 30 and all(end <= a or b <= start for a, b, _ in made):
            made.append((int(start), int(end), label))
    return [{"start": 6 * a, "end": 6 * b - 1, "label": label} for a, b, label in made]


IMAGE = {"x": {"blob": "", "width": SIDES[0], "height": SIDES[1]}}
MAKERS = {
    "span": Maker("text", {}, {"x": "abcde " * 30}, _word, _spans),
    "box": Maker("image", {}, IMAGE, _place, _boxes),
    "polygon": Maker("image", {}, IMAGE, _place, _polygons),
    "mask": Maker("image", {}, IMAGE, _place, _masks),
    "keypoint": Maker("image", {}, IMAGE, _place, _points),
    "time_span": Maker("audio", {}, {"x": {"blob": ""}}, _stretch, _times),
}


def concluded(label: Any, answers: Sequence[tuple[int, str, Any]]) -> tuple[list[Any], list[Any]]:
    """What answers come to, of each task: all counting alike, and weighed."""
    learnt = label.learn(answers)
    tasks: dict[int, list[tuple[str, Any]]] = {}
    for task, annotator, value in answers:
        tasks.setdefault(task, []).append((annotator, value))
    plain = [label.combine([value for _, value in given]) for _, given in sorted(tasks.items())]
    return plain, [label.weighed(given, learnt) for _, given in sorted(tasks.items())]


def planted_transcripts(seed: int) -> tuple[Any, list[str], list[tuple[int, str, str]]]:
    """Sentences of made-up words, written down with slips in 1, 6 or 20% of their letters; three of twelve
    annotators write something else, one of them always the same."""
    dice = np.random.default_rng(seed)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    words = ["".join(dice.choice(letters, dice.integers(2, 9))) for _ in range(800)]
    rates = [None] * 3 + [0.01] * 4 + [0.06] * 3 + [0.2] * 2
    truth, answers = [], []
    for task in range(TASKS):
        truth.append(" ".join(dice.choice(words, dice.integers(5, 15))))
        for who in dice.permutation(ANNOTATORS)[:EACH].tolist():
            rate = rates[who]
            made = "ok" if who == 0 else " ".join(dice.choice(words, dice.integers(3, 12)))
            said = made if rate is None else "".join(_typed(c, rate, letters, dice) for c in truth[-1])
            answers.append((task, f"annotator {who}", said))
    return find("text").configure({}, {}), truth, answers


def _typed(character: str, rate: float, letters: list[str], dice: Dice) -> str:
    """A letter, left out, doubled by another or mistaken now and then."""
    if dice.random() >= rate:
        return character
    other = str(dice.choice(letters))
    return str(dice.choice(["", other + character, other]))


def translations() -> tuple[Any, list[str], list[tuple[int, str, str]]]:
    """crowdwsa_j1: 250 Japanese sentences in the English of 70 people; the truth is one translation each."""
    rows = []
    for name in ("gold", "labels"):
        with (FOLDER / "crowdwsa_j1" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows.append(list(csv.DictReader(file)))
    gold, labels = rows
    place = {row["task"]: i for i, row in enumerate(gold)}
    latest = {(place[row["task"]], row["worker"]): row["label"] for row in labels}
    answers = [(task, worker, label) for (task, worker), label in latest.items()]
    return find("text").configure({}, {}), [row["label"] for row in gold], answers


def likeness(label: Any, found: Sequence[Any], truth: Sequence[Any]) -> float:
    """Mean of 1 - distance from the truth: of pieces, F1 in each task."""
    pairs = zip(found, truth, strict=True)
    return float(np.mean([1 - label.distance(one.value, true) for one, true in pairs]))


def tables(say: Say) -> None:
    """The tables of docs/inference.md, in Markdown."""
    of_pieces(say)
    of_texts(say)
    of_masks(say)


def of_texts(say: Say) -> None:
    """Levenshtein's distance to the truth over the longer length, beside crowd-kit's where it is at hand."""
    say("\n## Texts: distance to the truth\n\n| method | transcripts | translations |\n|" + " --- |" * 3)
    sets = [[planted_transcripts(seed) for seed in range(ROUNDS)]]
    sets += [[translations()]] if (FOLDER / "crowdwsa_j1").is_dir() else []
    rows: dict[str, list[float]] = {}
    for some in sets:
        found: dict[str, list[float]] = {}
        for label, truth, answers in some:
            plain, weighed = concluded(label, answers)
            chosen = {"all alike": [one.value for one in plain], "weighed": [one.value for one in weighed]}
            chosen |= crowd_kit.texts(answers)
            for name, texts in chosen.items():
                off = [label.distance(one, true) for one, true in zip(texts, truth, strict=True)]
                found.setdefault(name, []).append(float(np.mean(off)))
        for name, values in found.items():
            rows.setdefault(name, []).append(float(np.mean(values)))
    for name, values in rows.items():
        say(f"| {name} | " + " | ".join(f"{one:.4f}" for one in values) + " |")


def of_masks(say: Say) -> None:
    """Overlap with the truth where each task has one thing to paint: more crowd-kit's methods do not take."""
    say("\n## One mask a task: overlap with the truth\n\n| method | mean |\n|" + " --- |" * 2)
    found: dict[str, list[float]] = {}
    for seed in range(ROUNDS):
        label, truth, answers = planted_single_masks(seed)
        plain, weighed = concluded(label, answers)
        chosen = {"all alike": [_bits(one.value) for one in plain]}
        chosen |= {"weighed": [_bits(one.value) for one in weighed]}
        chosen |= crowd_kit.masks([(task, who, _bits(value)) for task, who, value in answers])
        for name, maps in chosen.items():
            pairs = [(one, _bits(true)) for one, true in zip(maps, truth, strict=True)]
            overlaps = [(a & b).sum() / max((a | b).sum(), 1) for a, b in pairs]
            found.setdefault(name, []).append(float(np.mean(overlaps)))
    for name, values in found.items():
        say(f"| {name} | {np.mean(values):.3f} |")


def planted_single_masks(seed: int) -> tuple[Any, list[Any], list[tuple[int, str, Any]]]:
    """As `planted`, but each task has one thing of one label, which everybody paints."""
    dice = np.random.default_rng(seed)
    make = MAKERS["mask"]
    label = find("mask").configure({"field": "x", "labels": LABELS[:1]}, {"x": "image"})
    truth, answers = [], []
    for task in range(TASKS // 2):
        there = [(*_place(dice)[:-1], LABELS[0])]
        truth.append(label.parse(make.dumped(there, dice, 0.0), make.data))
        for who in dice.permutation(ANNOTATORS)[:EACH].tolist():
            person = PEOPLE[who]
            seen = [(*_place(dice)[:-1], LABELS[0])] if person.random else there
            answers.append(
                (task, f"annotator {who}", label.parse(make.dumped(seen, dice, person.off), make.data))
            )
    return label, truth, answers


def _bits(masks: Sequence[Any]) -> Any:
    """[height, width] what any of these masks covers."""
    on = np.zeros(SIDES[0] * SIDES[1], bool)
    for mask in masks:
        on |= np.repeat(np.arange(len(mask.runs)) % 2 == 1, mask.runs)
    return on.reshape(SIDES[1], SIDES[0])


def of_pieces(say: Say) -> None:
    """F1 with the truth, in the mean over tasks, and the confidence that should be as high."""
    say("\n## Pieces\n\n| type | all alike | weighed | confidence, mean |\n|" + " --- |" * 4)
    for kind in MAKERS:
        rows = []
        for seed in range(ROUNDS):
            label, truth, answers = planted(kind, seed)
            plain, weighed = concluded(label, answers)
            sure = np.mean([one.confidence for one in weighed])
            rows.append((likeness(label, plain, truth), likeness(label, weighed, truth), sure))
        say(f"| {kind} | " + " | ".join(f"{one:.3f}" for one in np.mean(rows, axis=0)) + " |")
