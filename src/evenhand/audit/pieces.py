"""Answers made of pieces, weighed again: ``docs/spec/weighing.md``, section 5, "pieces".

Pieces are the JSON of answers, as stored. Polygons, turned boxes and transcripts are not weighed again here:
their arithmetic has no order that two programs would follow to the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenhand.audit import skills

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Piece = dict[str, Any]
Spot = dict[int, Piece]  # position of the answer -> its piece

METHOD = "pieces"
EQUAL = 1e-9
TOLERANCE = 1e-5
NEAR, MOST_LABELS, MOST_PLACED = 0.3, 30, 20_000
ROUNDS, OWN, COIN, RIGHT, EDGE, FLOOR, TINY = 10, 2.0, 10.0, 0.8, 0.01, 0.01, 1e-12
HEDGE, LIGHTEST, DOUBT, PAIRS, MOST_HIDDEN = 25.0, 0.01, 0.5, 400.0, 0.9


@dataclass(frozen=True)
class Join:
    """A label of relations between spans."""

    source: frozenset[str]  # labels of spans that it may begin at; empty: any
    to: frozenset[str]
    directed: bool

    def allows(self, source: str, to: str) -> bool:
        both = [(source, to)] if self.directed else [(source, to), (to, source)]
        return any((not self.source or a in self.source) and (not self.to or b in self.to) for a, b in both)


@dataclass(frozen=True)
class Shape:
    """What is special about the pieces of one question."""

    labels: list[str]  # in the order of their bytes
    near: Callable[[Piece, Piece], float | None]  # how close; None: too far to mean the same
    middle: Callable[[Sequence[Piece], Sequence[float]], Piece]
    fits: Callable[[Sequence[Piece], Piece], bool]
    order: tuple[str, ...]  # keys that pieces are ordered by
    within: float  # numbers of an outcome may differ by so much, as they are rounded
    plain: Callable[[Piece], bool]  # whether this auditor can weigh such a piece
    joins: dict[str, Join] = field(default_factory=dict)  # id of a label of relations -> the label

    @property
    def count(self) -> int:
        """Of classes beside nothing."""
        return min(len(self.labels), MOST_LABELS) + 1

    def number(self, piece: Piece) -> int:
        """Its class, from 1."""
        known = self.labels.index(piece["label"]) if piece["label"] in self.labels else MOST_LABELS
        return min(known + 1, self.count)

    def sorted(self, pieces: Iterable[Piece]) -> list[Piece]:
        return sorted(pieces, key=lambda piece: tuple(piece.get(key, 0) for key in self.order))


def shape_of(type_: str, config: dict[str, Any]) -> Shape | None:
    """The shape of a question's pieces; None: one that this auditor does not weigh."""
    made = _SHAPES.get(type_)
    if made is None:
        return None
    labels = sorted(one if isinstance(one, str) else one.get("id") or one["name"] for one in config["labels"])
    return made(labels, config)


# ---- spots ---------------------------------------------------------------------------------------


def spots(shape: Shape, answers: Sequence[Sequence[Piece]]) -> list[Spot]:
    """The spots of a task, from its answers in the order of annotators."""
    links = []
    for who, own in enumerate(answers):
        for other in range(who + 1, len(answers)):
            for i, a in enumerate(own):
                for j, b in enumerate(answers[other]):
                    close = shape.near(a, b)
                    if close is not None:
                        links.append((a["label"] != b["label"], -round(close, 9), (who, i), (other, j)))
    groups = {(who, i): {who: i} for who, own in enumerate(answers) for i in range(len(own))}
    for _, _, this, that in sorted(links):
        here, there = groups[this], groups[that]
        if here is not there and not set(here) & set(there):
            joined = {**here, **there}
            groups.update(dict.fromkeys(joined.items(), joined))
    seen: list[dict[int, int]] = []
    for group in groups.values():
        if all(group is not other for other in seen):
            seen.append(group)
    return [{who: answers[who][group[who]] for who in sorted(group)} for group in seen]


# ---- what annotators are like ----------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """Of each annotator missed, invented, mislabelled and off; of a newcomer; and what is usual."""

    annotators: dict[str, tuple[float, ...]]
    newcomer: tuple[float, ...]
    prior: Floats
    table: Floats
    dependence: float

    def differs(self, said: Known, allowed: float) -> str:
        """How what was said differs from this; "" where it does not."""
        if said.annotators.keys() != self.annotators.keys():
            return "skills of others than of those who answered"
        for name, numbers in [*said.annotators.items(), ("", said.newcomer)]:
            if not _close(self.of(name), numbers, allowed):
                return f"{name or 'a newcomer'} has the numbers {self.of(name)}; it says {numbers}"
        if not _close(self.common, said.common, allowed):
            return "what holds for everybody is something else"
        return ""

    def of(self, name: str) -> tuple[float, ...]:
        return self.annotators.get(name, self.newcomer)

    @property
    def common(self) -> list[float]:
        return [*self.prior.tolist(), *self.table.ravel().tolist(), self.dependence]


def learn(shape: Shape, given: Sequence[skills.Given]) -> Known:
    """What is learnt of these answers, at least one."""
    names = sorted({one.annotator for one in given})
    every = -(-len(given) // skills.MOST_TAKEN)
    by_task: dict[int, list[tuple[str, Any]]] = {}
    for one in sorted(given, key=lambda one: (one.task, one.annotator)):
        if one.task % every == 0:
            by_task.setdefault(one.task, []).append((one.annotator, one.value))
    tasks = list(by_task.values())
    found = [(spot, [name for name, _ in task]) for task in tasks
             for spot in spots(shape, [pieces for _, pieces in task])]  # fmt: skip
    s, a, v = [], [], []
    for i, (spot, who) in enumerate(found):
        for place, name in enumerate(who):
            s.append(i)
            a.append(names.index(name))
            v.append(shape.number(spot[place]) if place in spot else 0)
    sighted = _Sighted(
        np.array(s, int), np.array(a, int), np.array(v, int), len(found), len(names), shape.count
    )
    q = np.zeros((len(found), shape.count + 1))
    np.add.at(q, (sighted.s, sighted.v), 1.0)
    q = q / q.sum(axis=1, keepdims=True)
    usual, rates = sighted.learn(q)
    for _ in range(ROUNDS):
        q = sighted.weigh(usual, rates)
        usual, rates = sighted.learn(q)
    there = [one for one, chance in zip(found, q, strict=True) if chance[0] < 0.5 - EQUAL]
    nth = max(-(-sum(len(spot) for spot, _ in there) // MOST_PLACED), 1)
    rows = [(i, names.index(who[place]), piece) for i, (spot, who) in enumerate(there)
            if i % nth == 0 for place, piece in spot.items()]  # fmt: skip

    def apart(one: Piece, other: Piece) -> float:
        return 1.0 - (shape.near(one, other) or 0.0)

    off, typical = skills.errors(rows, apart, len(names))
    told: dict[str, tuple[float, ...]] = {
        name: (*own, far) for name, own, far in zip(names, rates.tolist(), off, strict=True)
    }
    depends = sighted.dependence(usual, rates, q)
    return Known(told, (*usual.often.tolist(), typical), usual.prior, usual.table, depends)


@dataclass(frozen=True)
class _Usual:
    prior: Floats
    table: Floats
    often: Floats

    def table_of(self, rates: Floats) -> Floats:
        """The table of somebody with these rates."""
        T, L = self.table, len(self.prior) - 1
        more = rates / self.often
        found = np.zeros_like(T)
        invented = _edged(more[1] * (1 - T[0, 0]))
        found[0, 0] = 1 - invented
        found[0, 1:] = invented * T[0, 1:] / T[0, 1:].sum()
        for k in range(1, L + 1):
            missed = _edged(more[0] * T[k, 0])
            wrong = _edged(more[2] * (1 - T[k, k] / (1 - T[k, 0]))) if L > 1 else 0.0
            found[k, 0] = missed
            found[k, k] = (1 - missed) * (1 - wrong)
            others = [one for one in range(1, L + 1) if one != k]
            whole = sum(T[k, one] + TINY for one in others)
            for one in others:
                found[k, one] = (1 - missed) * wrong * (T[k, one] + TINY) / whole
        return found


def _edged(rate: float) -> float:
    return min(max(float(rate), EDGE), 1 - EDGE)


@dataclass(frozen=True)
class _Sighted:
    """Votes: spot, annotator, class."""

    s: Ints
    a: Ints
    v: Ints
    spots: int
    annotators: int
    labels: int

    def learn(self, q: Floats) -> tuple[_Usual, Floats]:
        L = self.labels
        own = q[self.s]
        V = np.zeros((L + 1, L + 1))
        for vote in range(L + 1):
            V[:, vote] = own[self.v == vote].sum(axis=0)
        r = (np.trace(V) + COIN * RIGHT) / (V.sum() + COIN)
        J = np.full((L + 1, L + 1), (1 - r) / L)
        np.fill_diagonal(J, r)
        T = V + COIN * J
        T = T / T.sum(axis=1, keepdims=True)
        prior = (q.sum(axis=0) + 1) / (self.spots + L + 1)
        wrong = np.array([1 - T[k, k] / (1 - T[k, 0]) for k in range(1, L + 1)])
        named, nothing = self.v > 0, own[:, 0]
        right = own[np.arange(len(self.v)), self.v]
        slips = [(1 - nothing) * ~named, nothing * named, (1 - nothing - right) * named]
        due = [own[:, 1:] @ T[1:, 0], nothing * (1 - T[0, 0]), (own[:, 1:] @ wrong) * named]
        chances = np.array([(1 - nothing).sum(), nothing.sum(), ((1 - nothing) * named).sum()])
        often = (np.array([one.sum() for one in due]) + TINY) / (chances + TINY)
        by = [
            np.stack([np.bincount(self.a, one, self.annotators) for one in part], axis=1)
            for part in (slips, due)
        ]
        return _Usual(prior, T, often), np.minimum((by[0] + OWN) / (by[1] + OWN) * often, 1.0)

    def dependence(self, usual: _Usual, rates: Floats, q: Floats) -> float:
        """d of the page."""
        tables = self._tables(usual, rates)
        sums = np.zeros(2)
        for k in range(1, self.labels + 1):
            p = tables[self.a, k, k]
            for i, one in enumerate(((self.v == k) - p, np.sqrt(p * (1 - p)))):
                pairs = np.bincount(self.s, one, self.spots) ** 2 - np.bincount(self.s, one * one, self.spots)
                sums[i] += float((q[:, k] * pairs).sum())
        return max(float(sums[0] / (sums[1] + PAIRS)), 0.0)

    def sure(self, rates: Floats, q: Floats, d: float) -> tuple[Floats, Floats]:
        """u of the page, and of each spot how many things it stands for."""
        w = (1 - rates[:, 0]) * (1 - rates[:, 1]) * (1 - rates[:, 2]) + LIGHTEST
        n, votes = float(len(rates)), np.zeros(q.shape)  # everybody has a vote on each spot
        np.add.at(votes, (self.s, self.v), w[self.a])
        e = n / (1 + (n - 1) * d)
        o = e / (e + HEDGE * d)
        share = (e * votes / w.sum() + DOUBT / q.shape[1]) / (e + DOUBT)
        m = rates[:, 0]
        hidden = min(o * float(m.prod()) + (1 - o) * float((m * w).sum() / w.sum()), MOST_HIDDEN)
        return o * q + (1 - o) * share, np.full(self.spots, 1 / (1 - hidden))

    def _tables(self, usual: _Usual, rates: Floats) -> Floats:
        size = self.labels + 1
        return np.array([usual.table_of(one) for one in rates]).reshape(-1, size, size)

    def weigh(self, usual: _Usual, rates: Floats) -> Floats:
        tables = self._tables(usual, rates)
        score = np.tile(np.log(usual.prior), (self.spots, 1))
        np.add.at(score, self.s, np.log(tables[self.a, :, self.v]))
        p = np.exp(score - score.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
        return np.asarray((1 - FLOOR) * p + FLOOR / (self.labels + 1))


# ---- one task ------------------------------------------------------------------------------------


def concluded(shape: Shape, given: Sequence[tuple[str, Any]], known: Known) -> tuple[list[Piece], float]:
    """What a task comes to from its answers, (annotator, pieces) each, and the confidence."""
    given = sorted(given, key=lambda one: one[0])
    found = spots(shape, [pieces for _, pieces in given])
    rows = [(i, place, shape.number(spot[place]) if place in spot else 0)
            for i, spot in enumerate(found) for place in range(len(given))]  # fmt: skip
    s, a, v = (np.array([row[i] for row in rows], int) for i in range(3))
    rates = np.array([known.of(name) for name, _ in given])
    usual = _Usual(known.prior, known.table, np.array(known.newcomer[:3]))
    sighted = _Sighted(s, a, v, len(found), len(given), shape.count)
    p = sighted.weigh(usual, rates[:, :3])
    u, many = sighted.sure(rates[:, :3], p, known.dependence)
    some = []
    for i, spot in enumerate(found):
        w = {place: float(1 / rates[place, 3] ** 2) for place in spot}
        own = {place: shape.number(piece) for place, piece in spot.items()}
        best = min(set(own.values()), key=lambda k: (-round(float(p[i, k]), 9), k))
        names: dict[str, float] = {}
        for place, piece in spot.items():
            if own[place] == best:
                names[piece["label"]] = names.get(piece["label"], 0.0) + w[place]
        label = min(names, key=lambda name: (-round(names[name] / sum(w.values()), 9), name))
        if len(given) == 1 or p[i, 0] < 0.5 - EQUAL:
            middle = shape.middle(list(spot.values()), list(w.values()))
            some.append((float(p[i, best]), {**middle, "label": label}, float(u[i, best]), i))
    kept: list[Piece] = []
    chances = []
    made: dict[int, int] = {}  # id of a piece -> its spot
    ranked = {id(piece): n for n, piece in enumerate(shape.sorted(piece for _, piece, _, _ in some))}
    for _, piece, chance, i in sorted(some, key=lambda one: (-round(one[0], 9), ranked[id(one[1])])):
        if len(given) == 1 or shape.fits(kept, piece):
            kept.append(piece)
            chances.append(chance)
            made[id(piece)] = i
    value = list(given[0][1]) if len(given) == 1 and not shape.joins else shape.sorted(kept)
    if shape.joins:
        count = [float(np.prod(1 - one[:3])) + LIGHTEST for one in rates]
        value = _joined(shape, value, [found[made[id(piece)]] for piece in value], given, count)
    if not kept:
        return value, math.prod(u[:, 0].tolist())
    return value, 2 * sum(chances) / (len(kept) + float(((1 - u[:, 0]) * many).sum()))


def _joined(
    shape: Shape,
    pieces: list[Piece],
    spots: Sequence[Spot],
    given: Sequence[tuple[str, Any]],
    w: Sequence[float],
) -> list[Piece]:
    """The pieces with the relations that most of the weight gave of those who have both ends."""
    held: dict[tuple[int, int, str], float] = {}
    for who, (_, own) in enumerate(given):
        at = {id(spot[who]): n for n, spot in enumerate(spots) if who in spot}
        said = {
            _turned(shape, at[id(piece)], at[id(own[one["to"]])], one["label"])
            for piece in own
            for one in piece.get("relations", ())
            if id(piece) in at and id(own[one["to"]]) in at
        }
        for relation in said:
            held[relation] = held.get(relation, 0.0) + w[who]
    told = [{**piece, "relations": []} for piece in pieces]
    for source, to, label in sorted(held):
        voters = spots[source].keys() & spots[to].keys()
        most = held[source, to, label] / sum(w[who] for who in voters) > 0.5 + EQUAL
        join = shape.joins.get(label)
        if most and join is not None and join.allows(pieces[source]["label"], pieces[to]["label"]):
            told[source]["relations"].append({"to": to, "label": label})
    return [piece if piece["relations"] else _without(piece) for piece in told]


def _turned(shape: Shape, source: int, to: int, label: str) -> tuple[int, int, str]:
    directed = label not in shape.joins or shape.joins[label].directed
    return (source, to, label) if directed else (min(source, to), max(source, to), label)


def _without(piece: Piece) -> Piece:
    return {key: value for key, value in piece.items() if key != "relations"}


def _close(due: Sequence[float], said: Sequence[float], allowed: float) -> bool:
    return len(due) == len(said) and all(abs(a - b) <= allowed for a, b in zip(due, said, strict=True))


def as_said(shape: Shape, said: dict[str, Any]) -> Known | None:
    """What an entry says was learnt; None where it is of other labels than the question has now."""
    size = shape.count + 1
    common = np.array(said.get("common", ()), float)
    if len(common) != size * (size + 1) + 1:
        return None
    told = {who: tuple(map(float, numbers)) for who, numbers in said["annotators"]}
    newcomer = tuple(map(float, said["newcomer"]))
    return Known(told, newcomer, common[:size], common[size:-1].reshape(size, size), float(common[-1]))


def unlike(shape: Shape, right: list[Piece], confidence: float, said: dict[str, Any]) -> str:
    """What is right where something else was said; "" where it fits."""
    if _alike(right, said["value"], shape.within) and abs(confidence - said["confidence"]) <= TOLERANCE:
        return ""
    return f"{right!r} at {confidence:.6f} is right; it says {said['value']!r} at {said['confidence']}"


def _alike(one: Any, other: Any, within: float) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_alike(a, b, within) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key], within) for key in one)
    if isinstance(one, bool) or isinstance(other, bool) or not isinstance(one, int | float):
        return bool(one == other)
    return isinstance(other, int | float) and abs(one - other) <= within


# ---- shapes --------------------------------------------------------------------------------------


def _mean(values: Iterable[float], weights: Sequence[float]) -> float:
    return sum(w * x for w, x in zip(weights, values, strict=True)) / sum(weights)


def _stretches(a: Piece, b: Piece) -> float:
    shared = max(min(a["end"], b["end"]) - max(a["start"], b["start"]), 0)
    return float(shared / (max(a["end"], b["end"]) - min(a["start"], b["start"])))


def _apart(kept: Sequence[Piece], piece: Piece) -> bool:
    return all(piece["end"] <= one["start"] or one["end"] <= piece["start"] for one in kept)


def _any(_: Any) -> bool:
    return True


def _new(kept: Sequence[Piece], piece: Piece) -> bool:
    return piece not in kept


def _span(labels: list[str], config: dict[str, Any]) -> Shape:
    def middle(pieces: Sequence[Piece], weights: Sequence[float]) -> Piece:
        votes: dict[tuple[int, int], float] = {}
        for piece, weight in zip(pieces, weights, strict=True):
            place = (piece["start"], piece["end"])
            votes[place] = votes.get(place, 0.0) + weight
        start, end = min(votes, key=lambda place: (-round(votes[place] / sum(weights), 9), place))
        return {"start": start, "end": end}

    fits = _new if config.get("overlap", False) else _apart
    order = ("start", "end", "label")
    asked: list[dict[str, Any]] = [
        {"name": one} if isinstance(one, str) else one for one in config.get("relations", ())
    ]
    joins = {
        one.get("id") or one["name"]: Join(
            frozenset(one.get("from", ())), frozenset(one.get("to", ())), one.get("directed", True)
        )
        for one in asked
    }
    return Shape(labels, lambda a, b: _stretches(a, b) or None, middle, fits, order, 0.0, _any, joins)


def _time_span(labels: list[str], config: dict[str, Any]) -> Shape:
    def near(a: Piece, b: Piece) -> float | None:
        close = _stretches(a, b)
        return close if close >= NEAR else None

    def middle(pieces: Sequence[Piece], weights: Sequence[float]) -> Piece:
        return {key: round(_mean([one[key] for one in pieces], weights), 3) for key in ("start", "end")}

    def fits(kept: Sequence[Piece], piece: Piece) -> bool:
        return _new(kept, piece) if config.get("overlap", True) else _apart(kept, piece)

    def plain(piece: Piece) -> bool:
        return not piece.get("text")

    return Shape(labels, near, middle, fits, ("start", "end", "label"), 0.0011, plain)


def _box(labels: list[str], config: dict[str, Any]) -> Shape:
    def near(a: Piece, b: Piece) -> float | None:
        width = min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"])
        height = min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"])
        if width <= 0 or height <= 0:
            return None
        shared = width * height
        close = shared / (a["width"] * a["height"] + b["width"] * b["height"] - shared)
        return float(min(close, 1.0)) if close >= NEAR else None

    def middle(pieces: Sequence[Piece], weights: Sequence[float]) -> Piece:
        left, top = (round(_mean([one[key] for one in pieces], weights), 2) for key in ("x", "y"))
        right, bottom = (
            round(_mean([one[key] + one[side] for one in pieces], weights), 2)
            for key, side in (("x", "width"), ("y", "height"))
        )
        sides = {"width": round(right - left, 2), "height": round(bottom - top, 2)}
        return {"x": left, "y": top, **sides}

    def plain(piece: Piece) -> bool:
        return not piece.get("rotation")

    order = ("x", "y", "width", "height", "label")
    return Shape(labels, near, middle, _new, order, 0.021, plain)


def _keypoint(labels: list[str], config: dict[str, Any]) -> Shape:
    radius = config.get("radius", 10.0)

    def near(a: Piece, b: Piece) -> float | None:
        away = math.hypot(a["x"] - b["x"], a["y"] - b["y"])
        return 1 - away / radius if away <= radius else None

    def middle(pieces: Sequence[Piece], weights: Sequence[float]) -> Piece:
        place = {key: round(_mean([one[key] for one in pieces], weights), 2) for key in ("x", "y")}
        seen = _mean([float(one.get("visible", True)) for one in pieces], weights)
        return place if round(seen, 9) >= 0.5 else {**place, "visible": False}

    def fits(kept: Sequence[Piece], piece: Piece) -> bool:
        keys = ("label",) if config.get("once", False) else ("x", "y", "label")
        return all(any(one[key] != piece[key] for key in keys) for one in kept)

    return Shape(labels, near, middle, fits, ("x", "y", "label"), 0.011, _any)


def _mask(labels: list[str], config: dict[str, Any]) -> Shape:
    def overlap(a: Piece, b: Piece) -> float:
        if (a["width"], a["height"]) != (b["width"], b["height"]):
            return 0.0
        covered = _covered([a, b], [1.0, 1.0])
        both = sum(end - start for start, end, weight in covered if weight > 1.5)
        return both / sum(end - start for start, end, weight in covered if weight > 0.5)

    def near(a: Piece, b: Piece) -> float | None:
        close = overlap(a, b)
        return close if close >= NEAR else None

    def middle(pieces: Sequence[Piece], weights: Sequence[float]) -> Piece:
        first, held = pieces[0], [weight / max(weights) for weight in weights]
        runs, at, on = [0], 0, False
        for start, end, weight in _covered(pieces, held):
            most = 2 * weight > sum(held) + EQUAL
            if most != on:
                runs.append(0)
                on = most
            runs[-1] += end - start
            at = end
        if len(runs) == 1:
            central = [
                sum(w * overlap(one, other) for w, other in zip(weights, pieces, strict=True))
                for one in pieces
            ]
            return {**pieces[central.index(max(central))]}
        if (rest := first["width"] * first["height"] - at) > 0:
            runs = [*runs[:-1], runs[-1] + rest] if not on else [*runs, rest]
        return {"width": first["width"], "height": first["height"], "runs": runs}

    order = ("label", "width", "height", "runs")
    return Shape(labels, near, middle, _new, order, 0.0, _any)


def _covered(masks: Sequence[Piece], weights: Sequence[float]) -> list[tuple[int, int, float]]:
    """Stretches of pixels, in order and without gaps, and the weight of the masks that are on there."""
    steps: dict[int, float] = {0: 0.0}
    for mask, weight in zip(masks, weights, strict=True):
        at, sign = 0, 1.0
        for run in mask["runs"][:-1] if len(mask["runs"]) % 2 else mask["runs"]:
            at += run
            steps[at] = steps.get(at, 0.0) + sign * weight
            sign = -sign
    places = sorted(steps)
    upto = np.cumsum([steps[place] for place in places]).tolist()
    return list(zip(places[:-1], places[1:], upto[:-1], strict=True))


_SHAPES: dict[str, Callable[[list[str], dict[str, Any]], Shape]] = {
    "box/1": _box,
    "keypoint/1": _keypoint,
    "mask/1": _mask,
    "span/1": _span,
    "time_span/1": _time_span,
}
