"""Ranking: items in order, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import Annotated, ClassVar, Self

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Combined, Element, Json, LabelType, OrderElement
from evenhand.labels.options import Options, complete, one_of, positions
from evenhand.labels.reading import (
    AnyField,
    form,
    only_element,
    plain,
    read_answer,
    read_config,
    require_field,
    shown,
)

Ranks = tuple[tuple[str, ...], ...]
"""Ids of items, best first; items of one inner tuple tie, in the order of the list."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of a ranking. Either `items` or `field_items` is given."""

    items: Annotated[
        Options,
        Meta(
            title="Items",
            description="What is ranked, the same in each task",
            extra_json_schema={"format": "choices"},
        ),
    ] = ()
    field_items: Annotated[
        tuple[AnyField, ...],
        Meta(title="Fields", description="Fields that are ranked; a field's name is the item's id"),
    ] = ()
    ties: Annotated[bool, Meta(title="Ties", description="Items may share a rank")] = False


@dataclass(frozen=True)
class Ranking(LabelType[Ranks]):
    """An order of all items. A value lists groups of ids, best first."""

    settings: Config

    id: ClassVar[str] = "ranking/1"
    name: ClassVar[str] = "ranking"
    title: ClassVar[str] = "Ranking"
    weighed_by: ClassVar[str] = "distances"
    example_config: ClassVar[Mapping[str, Json]] = {
        "field_items": ["answer_a", "answer_b", "answer_c"],
        "ties": True,
    }

    @classmethod
    def config_schema(cls) -> dict[str, Json]:
        return form(Config)

    @classmethod
    def configure(cls, config: Mapping[str, Json], fields: Mapping[str, str]) -> Self:
        settings = read_config(Config, config)
        if bool(settings.items) == bool(settings.field_items):
            raise Invalid("question.items", "A ranking needs items or field_items, and not both.", "items")
        for i, name in enumerate(settings.field_items):
            require_field(fields, name, (), f"field_items[{i}]")
            if name in settings.field_items[:i]:
                raise Invalid("question.same-id", f"{shown(name)} is there twice.", f"field_items[{i}]")
        kind = cls(msgspec.structs.replace(settings, items=complete(settings.items, "items")))
        if len(kind._position) < 2:
            raise Invalid("question.items", "One item cannot be ranked.", "items", "Give at least two.")
        return kind

    def config(self) -> dict[str, Json]:
        return dict(plain(self.settings))

    @cached_property
    def _position(self) -> dict[str, int]:
        return positions(self.settings.items or self.settings.field_items)

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Ranks:
        ranks = read_answer(Ranks, raw)
        seen: set[str] = set()
        for i, rank in enumerate(ranks):
            self._check_rank(rank, f"[{i}]")
            for j, item in enumerate(rank):
                self._check_item(item, seen, f"[{i}][{j}]")
        if missing := [item for item in self._position if item not in seen]:
            reason = f"{shown(missing[0])} has no rank."
            raise Invalid("answer.unranked", reason, "", "Rank every item once.")
        return tuple(self._ordered(rank) for rank in ranks)

    def load(self, dumped: Json) -> Ranks:
        """As it is: what is stored was checked, and is in order."""
        return read_answer(Ranks, dumped)

    def _check_rank(self, rank: tuple[str, ...], where: str) -> None:
        if not rank:
            raise Invalid("answer.empty-rank", "Nothing has this rank.", where, "Leave it out.")
        if len(rank) > 1 and not self.settings.ties:
            raise Invalid("answer.tie", "These items share a rank.", where, "Put one before the other.")

    def _check_item(self, item: str, seen: set[str], where: str) -> None:
        if item not in self._position:
            raise Invalid("answer.unknown-item", f"{shown(item)} is none of the items.", where, "Send ids.")
        if item in seen:
            raise Invalid("answer.duplicate", f"{shown(item)} has two ranks.", where, "Rank every item once.")
        seen.add(item)

    def _ordered(self, rank: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted(rank, key=self._position.__getitem__))

    def dump(self, value: Ranks) -> Json:
        return [list(rank) for rank in value]

    def schema(self) -> dict[str, Json]:
        rank = {"type": "array", "items": one_of(self._position), "uniqueItems": True, "minItems": 1}
        ranks = {"type": "array", "minItems": 1, "maxItems": len(self._position), "uniqueItems": True}
        return {**ranks, "items": rank if self.settings.ties else {**rank, "maxItems": 1}}

    def distance(self, a: Ranks, b: Ranks) -> float:
        """Share of the pairs of items that the two order in opposite ways; a tie on one side counts half.

        Kendall's distance with penalty 1/2 (Fagin et al. 2004, 10.1145/1055558.1055568), over its maximum.
        """
        one, two = _places(a), _places(b)
        pairs = list(combinations(sorted(one.keys() & two.keys()), 2))
        apart = sum(abs(_sign(one[x] - one[y]) - _sign(two[x] - two[y])) for x, y in pairs)
        return apart / 2 / len(pairs) if pairs else float(a != b)

    def elements(self, value: Ranks) -> tuple[Element, ...]:
        return (OrderElement(ranks=value),)

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> Ranks:
        return self.parse(only_element(OrderElement, elements).ranks, data)

    def examples(self) -> tuple[tuple[Mapping[str, Json], Ranks], ...]:
        data = {name: f"This is {name}." for name in self.settings.field_items}
        ids = list(self._position)
        orders = [tuple((item,) for item in order) for order in (ids, ids[::-1], ids[1:] + ids[:1])]
        tied = [(tuple(ids),)] if self.settings.ties else []
        return tuple((data, ranks) for ranks in dict.fromkeys([*orders, *tied]))

    def combine_by(self, values: Sequence[Ranks], weights: Sequence[float]) -> Combined[Ranks]:
        """Borda's count with average ranks: items by the weighed sum of their mean places, to nine decimals.

        Equal sums follow the list where ties are not allowed. Else they tie, and so do two neighbours
        where those who put one before the other are fewer than those who tie them or do the opposite:
        with a tie, less is then apart (Kendall's distance, as in `distance`).
        """
        places = [_places(ranks) for ranks in values]
        totals = dict.fromkeys(self._position, 0.0)
        for weight, own in zip(weights, places, strict=True):
            for item, place in own.items():
                totals[item] = totals.get(item, 0.0) + weight * place
        totals = {item: round(total, 9) for item, total in totals.items()}
        order = sorted(self._position, key=totals.__getitem__)
        groups: list[tuple[str, ...]] = [(order[0],)]
        for before, item in pairwise(order):
            lead = sum(
                weight if own[before] < own[item] else -weight
                for weight, own in zip(weights, places, strict=True)
                if before in own and item in own
            )
            if self.settings.ties and (totals[before] == totals[item] or round(lead, 9) < 0):
                groups[-1] = (*groups[-1], item)
            else:
                groups.append((item,))
        value = tuple(self._ordered(group) for group in groups)
        method = "tied_borda" if self.settings.ties else "borda"
        return Combined(value=value, confidence=self.support(value, values, weights), method=method)


def _places(ranks: Ranks) -> dict[str, int]:
    """Item -> twice its mean place, from 0: items that tie share the mean of the places they fill."""
    places: dict[str, int] = {}
    for rank in ranks:
        first = len(places)
        places.update(dict.fromkeys(rank, 2 * first + len(rank) - 1))
    return places


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
