"""Label types whose answer is a list of labelled pieces of one field: boxes, spans, stretches of sound."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self, TypeVar

import msgspec
from msgspec import Meta

from evenhand.core.label import Combined, Element, Json, LabelType, Learnt
from evenhand.labels import pieces
from evenhand.labels.matching import MATCH, NEAR, agreed, difference, new
from evenhand.labels.options import complete, positions
from evenhand.labels.reading import (
    elements_in,
    first_field,
    form,
    listed,
    plain,
    read_answer,
    read_config,
    require_field,
    with_field,
)

P = TypeVar("P", bound=Any)


def labels_meta(description: str) -> Meta:
    """How the builder shows the `labels` of a configuration."""
    return Meta(
        title="Labels", description=description, min_length=1, extra_json_schema={"format": "choices"}
    )


@dataclass(frozen=True)
class PieceType(LabelType[tuple[P, ...]]):
    """What such types share: their configuration, agreement by pairs of pieces, weighing (`labels.pieces`).

    An answer is sorted, and no piece is there twice. A type declares what a piece is, and says how an answer
    is checked and written, and when two pieces mean the same.
    """

    settings: Any  # its configuration: `field` is where the pieces are, `labels` what they can be

    weighed_by: ClassVar[str] = pieces.METHOD
    measures: ClassVar[tuple[str, ...]] = pieces.MEASURES
    settings_type: ClassVar[type[msgspec.Struct]]
    shape: ClassVar[Any]  # of an answer: tuple[P, ...]
    piece: ClassVar[type[msgspec.Struct]]  # P: has a `label` and sorts; its fields are those of `element`
    element: ClassVar[type[Element]]
    field_types: ClassVar[tuple[str, ...]]  # of the field that pieces are of, such as ("image",)
    nearest: ClassVar[float] = NEAR  # closeness from which pieces may mean the same, whatever their labels

    @classmethod
    def config_schema(cls) -> dict[str, Json]:
        return form(cls.settings_type)

    @classmethod
    def configure(cls, config: Mapping[str, Json], fields: Mapping[str, str]) -> Self:
        settings: Any = read_config(cls.settings_type, with_field(config, fields, cls.field_types))
        require_field(fields, settings.field, cls.field_types, "field")
        return cls(msgspec.structs.replace(settings, labels=complete(settings.labels, "labels")))

    @classmethod
    def from_flag(cls, value: str, fields: Mapping[str, str]) -> Mapping[str, Json]:
        return {"field": first_field(fields, cls.field_types), "labels": listed(value)}

    def config(self) -> dict[str, Json]:
        return dict(plain(self.settings))

    @abstractmethod
    def closeness(
        self, a: Sequence[P], b: Sequence[P], least: float, alike: bool
    ) -> Sequence[Mapping[int, float]]:
        """`matching.Closeness` of pieces that are so close or closer; `alike`: with one label."""

    @abstractmethod
    def middle(self, pieces: Sequence[P], weights: Sequence[float]) -> P:
        """Where these pieces (at least one) lie together, each with its weight."""

    def fits(self, kept: Sequence[P], piece: P) -> bool:
        """Whether an answer may hold these, which it may, and this one too."""
        return new(kept, piece)

    @cached_property
    def labels(self) -> dict[str, int]:
        """Id of each label -> its position in the list."""
        return positions(self.settings.labels)

    def received(self, raw: Json) -> tuple[P, ...]:
        """An answer in its shape; whether it means something is for `parse` to find out."""
        return tuple(read_answer(self.shape, raw))

    def load(self, dumped: Json) -> tuple[P, ...]:
        """As it was checked when it was given; its labels may be gone from the question since."""
        return self.received(dumped)

    def close(self, a: Sequence[P], b: Sequence[P]) -> Sequence[Mapping[int, float]]:
        """Pieces that mean the same, where all answers count alike."""
        return self.closeness(a, b, MATCH, alike=True)

    def distance(self, a: tuple[P, ...], b: tuple[P, ...]) -> float:
        """1 - F1 of the most pieces that pair up with the same label and a closeness of `MATCH`."""
        return 0.0 if a == b else difference(a, b, self.close)

    def elements(self, value: tuple[P, ...]) -> tuple[Element, ...]:
        field = self.settings.field
        return tuple(self.element(field=field, **msgspec.structs.asdict(piece)) for piece in value)

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> tuple[P, ...]:
        found = elements_in(self.element, elements, self.settings.field)
        keys = self.piece.__struct_fields__
        return self.parse([{key: getattr(element, key) for key in keys} for element in found], data)

    def combine(self, values: Sequence[tuple[P, ...]]) -> Combined[tuple[P, ...]]:
        """Pieces that more than half gave: those as close as `MATCH` are gathered, each at their middle."""
        groups = agreed(values, self.close)
        return self.clustered({self.middle(group, [1.0] * len(group)) for group in groups}, values)

    def clustered(self, found: Iterable[P], values: Sequence[tuple[P, ...]]) -> Combined[tuple[P, ...]]:
        """These pieces as what the answers come to."""
        value = tuple(sorted(found))
        return Combined(value=value, confidence=self.support(value, values), method="cluster")

    def learn(self, answers: Sequence[tuple[int, str, tuple[P, ...]]]) -> Learnt:
        return self._pieces.learn(answers)

    def weighed(
        self, answers: Sequence[tuple[str, tuple[P, ...]]], learnt: Learnt
    ) -> Combined[tuple[P, ...]]:
        """As `labels.pieces` weighs them, each spot at its `middle`."""
        found = self._pieces.weighed(answers, learnt)
        return found or self.combine([value for _, value in answers])

    @cached_property
    def _pieces(self) -> pieces.Pieces[P]:
        return pieces.Pieces(self.labels, self._near, self.middle, self.fits)

    def _near(self, a: Sequence[P], b: Sequence[P]) -> Sequence[Mapping[int, float]]:
        return self.closeness(a, b, self.nearest, alike=False)
