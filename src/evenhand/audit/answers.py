"""Answers of kinds that an audit can compare and combine, written from ``docs/spec/weighing.md``, section 5.

A kind is made from a question as a project's version has it. Values are the JSON of answers, as stored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations, pairwise
from typing import Any

from rapidfuzz.distance import Levenshtein

EQUAL = 1e-9  # sums so near to each other are equal
BAD = "both_bad"
READ = 2_000  # code points of a text by which skill is learnt

Value = Any
Weights = Sequence[float]


@dataclass(frozen=True)
class Kind:
    """How answers to a question are compared and combined."""

    distance: Callable[[Value, Value], float]
    combine: Callable[[Sequence[Value], Weights], tuple[Value, str]]  # what they come to, and its method
    accepts: Callable[[Value], bool]  # an answer to an older version's question may not be one to this
    config: dict[str, Any]
    earlier: Callable[[Sequence[Value]], tuple[Value, str]] | None = None  # the same in an earlier version
    learns_by: Callable[[Value, Value], float] | None = None
    """Distance that skill is learnt by; None: `distance`."""


def kind_of(type_: str, config: dict[str, Any]) -> Kind | None:
    """The kind of a question; None: one that this auditor does not know."""
    made = _KINDS.get(type_)
    return None if made is None else made(config)


def support(kind: Kind, value: Value, values: Sequence[Value], weights: Weights) -> float:
    """Section 5: 1 less the weighed mean distance from what the answers come to."""
    apart = sum(w * kind.distance(value, other) for w, other in zip(weights, values, strict=True))
    return 1 - min(apart / sum(weights), 1.0)


def same(a: Value, b: Value) -> bool:
    """Whether two answers are the same JSON; 1 and 1.0 are."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True) or (
        isinstance(a, int | float) and isinstance(b, int | float) and float(a) == float(b)
    )


def nearest(distance: Callable[[Value, Value], float], values: Sequence[Value], weights: Weights) -> Value:
    """Section 5, "the nearest": of equals the first."""
    off = [sum(w * distance(a, b) for w, b in zip(weights, values, strict=True)) for a in values]
    return next(value for value, one in zip(values, off, strict=True) if one <= min(off) + EQUAL)


def median(values: Sequence[Value], weights: Weights) -> Value:
    """Section 5: the least value up to which half of the weight lies."""
    held = sorted(zip(values, weights, strict=True))
    upto = accumulate(w for _, w in held)
    return next(v for (v, _), mass in zip(held, upto, strict=True) if mass >= sum(weights) / 2 - EQUAL)


# ---- kinds ---------------------------------------------------------------------------------------


def _ids(options: Sequence[Any], leaves_only: bool = False) -> list[str]:
    """Ids of options in their order, depth first."""
    found = []
    for one in options:
        if isinstance(one, str):
            found.append(one)
            continue
        children = one.get("children", [])
        if not (leaves_only and children):
            found.append(one.get("id") or one["name"])
        found += _ids(children, leaves_only)
    return found


def _choice(config: dict[str, Any]) -> Kind:
    places = {one: i for i, one in enumerate(_ids(config["choices"]))}

    def combine(values: Sequence[Value], weights: Weights) -> tuple[Value, str]:
        votes: dict[str, float] = {}
        for value, weight in zip(values, weights, strict=True):
            votes[value] = votes.get(value, 0.0) + weight
        most = max(votes.values())
        able = [value for value in votes if votes[value] >= most - EQUAL]
        return min(able, key=lambda value: places.get(value, len(places))), "majority"

    return Kind(lambda a, b: float(a != b), combine, lambda value: value in places, config)


def _multi_choice(config: dict[str, Any]) -> Kind:
    ids = _ids(config["choices"], config.get("leaves_only", False))
    places = {one: i for i, one in enumerate(ids)}
    least, most = config.get("min", 0), config.get("max") or len(ids)

    def distance(a: Value, b: Value) -> float:
        either = set(a) | set(b)
        return 1 - len(set(a) & set(b)) / len(either) if either else 0.0

    def combine(values: Sequence[Value], weights: Weights) -> tuple[Value, str]:
        votes = {
            one: round(sum(w for value, w in zip(values, weights, strict=True) if one in value), 9)
            for one in ids
        }
        picked = sorted((one for one in ids if votes[one] > 0), key=lambda one: (-votes[one], places[one]))
        count = sum(1 for one in picked if votes[one] > round(sum(weights) / 2, 9))
        return sorted(picked[: min(max(count, least), most)], key=places.__getitem__), "majority"

    def accepts(value: Value) -> bool:
        return set(value) <= places.keys() and least <= len(value) <= most

    return Kind(distance, combine, accepts, config)


def _rating(config: dict[str, Any]) -> Kind:
    low, high = config.get("min", 1), config.get("max", 5)
    return Kind(
        lambda a, b: abs(a - b) / (high - low),
        lambda values, weights: (median(values, weights), "median"),
        lambda value: low <= value <= high,
        config,
    )


def _pairwise(config: dict[str, Any]) -> Kind:
    reach = config.get("scale", 3) // 2

    def distance(a: Value, b: Value) -> float:
        one, other = a["preference"], b["preference"]
        return float(one != other) if BAD in (one, other) else abs(one - other) / (2 * reach)

    def combine(values: Sequence[Value], weights: Weights) -> tuple[Value, str]:
        held = list(zip(values, weights, strict=True))
        bad = [one for one in held if one[0]["preference"] == BAD]
        rated = [one for one in held if one[0]["preference"] != BAD]
        whole = round(sum(weight for _, weight in bad), 9) > round(sum(weights) / 2, 9)
        some = bad if whole or not rated else rated
        value = nearest(distance, [v for v, _ in some], [w for _, w in some])
        return value, "majority" if value["preference"] == BAD else "median"

    def accepts(value: Value) -> bool:
        step, scale = value["preference"], config.get("scale", 3)
        if step == BAD:
            return bool(config.get("both_bad", False))
        return isinstance(step, int) and abs(step) <= reach and (step != 0 or scale % 2 == 1)

    return Kind(distance, combine, accepts, config)


def _ranking(config: dict[str, Any]) -> Kind:
    ids = _ids(config.get("items") or config.get("field_items") or [])
    order, ties = {one: i for i, one in enumerate(ids)}, config.get("ties", False)

    def places(value: Value) -> dict[str, float]:
        """Mean places, counted from 0."""
        found: dict[str, float] = {}
        for group in value:
            first = len(found)
            found |= dict.fromkeys(group, first + (len(group) - 1) / 2)
        return found

    def sign(x: float) -> int:
        return (x > 0) - (x < 0)

    def distance(a: Value, b: Value) -> float:
        one, other = places(a), places(b)
        pairs = list(combinations(ids, 2))
        apart = sum(abs(sign(one[x] - one[y]) - sign(other[x] - other[y])) for x, y in pairs)
        return apart / 2 / len(pairs)

    def ordered(values: Sequence[Value], weights: Weights, earlier: bool = False) -> Value:
        held = [(places(value), weight) for value, weight in zip(values, weights, strict=True)]
        # Twice the places, so that the ninth decimal is where the page has it.
        sums = {one: round(sum(2 * own[one] * w for own, w in held), 9) for one in ids}
        row = sorted(ids, key=lambda one: (sums[one], order[one]))
        groups = [[row[0]]]
        for a, b in pairwise(row):
            lead = round(sum(w if own[a] < own[b] else -w for own, w in held), 9)
            if ties and (sums[a] == sums[b] or (lead < 0 and not earlier)):
                groups[-1].append(b)
            else:
                groups.append([b])
        return [sorted(group, key=order.__getitem__) for group in groups]

    def combine(values: Sequence[Value], weights: Weights) -> tuple[Value, str]:
        return ordered(values, weights), "tied_borda" if ties else "borda"

    def accepts(value: Value) -> bool:
        given = [one for group in value for one in group]
        return sorted(given) == sorted(ids) and (ties or all(len(group) == 1 for group in value))

    def before(values: Sequence[Value]) -> tuple[Value, str]:
        return ordered(values, [1.0] * len(values), earlier=True), "borda"

    return Kind(distance, combine, accepts, config, before if ties else None)


def _number(config: dict[str, Any]) -> Kind:
    low, high = config.get("min"), config.get("max")
    step = step_of(config)

    def distance(a: Value, b: Value) -> float:
        scale = max(abs(a), abs(b), 1.0) if low is None or high is None else high - low
        return float(min(abs(a - b) / scale, 1.0))

    def combine(values: Sequence[Value], weights: Weights) -> tuple[Value, str]:
        held = sorted(values)
        below, above = held[(len(held) - 1) // 2], held[len(held) // 2]
        return below if step else below + (above - below) / 2, "median"

    def accepts(value: Value) -> bool:
        if (low is not None and value < low) or (high is not None and value > high):
            return False
        if config.get("integer") and not float(value).is_integer():
            return False
        if not config.get("step"):
            return True
        steps = (value - (low or 0.0)) / config["step"]
        return math.isclose(steps, round(steps), rel_tol=1e-9, abs_tol=1e-9)

    return Kind(distance, combine, accepts, config)


def _text(config: dict[str, Any]) -> Kind:
    def distance(a: Value, b: Value) -> float:
        return float(Levenshtein.normalized_distance(a, b))

    return Kind(
        distance,
        lambda values, weights: (nearest(distance, values, weights), "medoid"),
        lambda value: True,
        config,
        learns_by=lambda a, b: distance(a[:READ], b[:READ]),
    )


def step_of(config: dict[str, Any]) -> float | None:
    """Width of a number's grid, where it has one."""
    return config.get("step") or (1.0 if config.get("integer") else None)


_KINDS: dict[str, Callable[[dict[str, Any]], Kind]] = {
    "choice/1": _choice,
    "multi_choice/1": _multi_choice,
    "number/1": _number,
    "pairwise/1": _pairwise,
    "ranking/1": _ranking,
    "rating/1": _rating,
    "text/1": _text,
}
