"""What a label type is: everything there is to know about one kind of answer.

A label type is one folder under ``labels/``. An *instance* of its class is the type together with
the configuration of one question. Nothing outside its own folder names it: the registry
(``evenhand.labels``) finds it through its entry point.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Generic, Self, TypeVar

import msgspec

from evenhand.core.errors import Invalid

V = TypeVar("V")

Json = Any
"""A value that JSON can hold: None, bool, int, float (finite), str, list, or dict with str keys."""


class Element(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """One neutral piece of an answer. Label types and formats meet in this closed vocabulary only."""


class ClassElement(Element, frozen=True, kw_only=True, tag="class"):
    """A class out of a list."""

    value: str  # id of the choice


class NumberElement(Element, frozen=True, kw_only=True, tag="number"):
    """A number."""

    value: float


class TextElement(Element, frozen=True, kw_only=True, tag="text"):
    """Free text."""

    value: str


class LabelledElement(Element, frozen=True, kw_only=True):
    """A place in a medium or text, with what it shows: the base of spans and shapes."""

    field: str  # name of the field that holds the text, image or recording
    label: str  # id of the label


class SpanElement(LabelledElement, frozen=True, kw_only=True, tag="text-span"):
    """A stretch of a text field."""

    start: int  # Unicode code points from the start of the field's text
    end: int  # code points, end excluded


class BoxElement(LabelledElement, frozen=True, kw_only=True, tag="box"):
    """A box in an image."""

    x: float  # pixels after EXIF orientation, left edge
    y: float  # pixels, top edge
    width: float  # pixels, > 0
    height: float  # pixels, > 0
    rotation: float = 0.0  # degrees clockwise about the centre


class PolygonElement(LabelledElement, frozen=True, kw_only=True, tag="polygon"):
    """A closed polygon in an image."""

    points: tuple[tuple[float, float], ...]  # pixels after EXIF orientation, first point not repeated


class MaskElement(LabelledElement, frozen=True, kw_only=True, tag="mask"):
    """A set of pixels of an image."""

    width: int  # pixels
    height: int  # pixels
    runs: tuple[int, ...]  # lengths of alternating runs, off first, row by row


class KeypointElement(LabelledElement, frozen=True, kw_only=True, tag="keypoint"):
    """A point in an image."""

    x: float  # pixels after EXIF orientation
    y: float
    visible: bool = True


class TimeSpanElement(LabelledElement, frozen=True, kw_only=True, tag="time-span"):
    """A stretch of a recording."""

    start: float  # seconds
    end: float  # seconds, end excluded
    text: str = ""  # transcript, where there is one


class Keyframe(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a box that moves is at one time."""

    time: float  # seconds from the start of the video
    x: float  # left edge, as a part of the video's width as shown: 0 to 1
    y: float  # top edge, as a part of its height
    width: float  # as a part of its width, > 0
    height: float  # as a part of its height, > 0
    outside: bool = False  # from here on it is not there, until the next keyframe that is not outside


class TrackElement(LabelledElement, frozen=True, kw_only=True, tag="track"):
    """A box that moves through a video: on straight lines between keyframes, at rest behind the last one."""

    keyframes: tuple[Keyframe, ...]  # by time


class RelationElement(Element, frozen=True, kw_only=True, tag="relation"):
    """A labelled link between two elements of the same answer."""

    source: int  # index of an element in the same answer
    target: int
    label: str
    directed: bool = True  # False: it joins the two, and neither is where it begins


class OrderElement(Element, frozen=True, kw_only=True, tag="order"):
    """An order of items, best first; items of one inner tuple tie."""

    ranks: tuple[tuple[str, ...], ...]


class MessageElement(Element, frozen=True, kw_only=True, tag="message"):
    """One turn of a conversation."""

    role: str
    content: str


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """How a type shows on the command line of ``evenhand label``."""

    option: str  # "--choices"
    metavar: str  # "A,B"; "" for an option without a value
    help: str


class Combined(msgspec.Struct, Generic[V], frozen=True, kw_only=True):
    """What several answers to one question come to."""

    value: V
    confidence: float  # 0 to 1: share of the weight behind `value`, not yet a calibrated probability
    method: str  # "majority", "medoid", "mean", ...
    pieces: tuple[float, ...] = ()  # probability that each of `value` is there and so named; (): unknown


class Learnt(msgspec.Struct, frozen=True, kw_only=True):
    """What weighing all answers to a question has learnt: enough to conclude a task from its own answers."""

    annotators: dict[str, tuple[float, ...]]  # of each who answered, what `LabelType.measures` names
    newcomer: tuple[float, ...]  # the same of somebody who had not answered
    common: tuple[float, ...] = ()  # numbers that belong to no annotator

    def of(self, annotator: str) -> tuple[float, ...]:
        """What is known of an annotator."""
        return self.annotators.get(annotator, self.newcomer)


class LabelType(ABC, Generic[V]):
    """One kind of answer, with the configuration of one question.

    Values of type `V` are immutable and compare by value. `dump` and `parse` are inverse:
    ``parse(dump(v), data) == v`` for every `v` that `parse` has returned.
    """

    id: ClassVar[str]  # "choice/1"; a new meaning gets a new number, an old number keeps its meaning for ever
    name: ClassVar[str]  # "choice": the short name in configurations
    title: ClassVar[str]  # "Single choice": what the builder shows
    flag: ClassVar[Flag | None] = None  # how `evenhand label` offers it; None: only by --config
    example_config: ClassVar[Mapping[str, Json]]  # a configuration that works, for builder and conformance
    weighed_by: ClassVar[str] = ""
    """The method of docs/spec/weighing.md by which answers are weighed by skill; "": all count alike."""
    measures: ClassVar[tuple[str, ...]] = ("error",)
    """What `learn` tells of an annotator, in this order: "error" is the distance from what is right, 0 to 1,
    where 1 is as good as chance; others, such as "bias" and "spread", are in the answers' own `unit`."""

    @classmethod
    @abstractmethod
    def config_schema(cls) -> dict[str, Json]:
        """JSON Schema (2020-12) of the configuration. The builder draws its form from it, so each
        property has `title` and `description`; a property that names a field of the project has
        ``"format": "field:text,markdown"`` (the types that it takes; ``field:*`` for any), a list of
        such names has it on its items; a list of choices has ``"format": "choices"``."""

    @classmethod
    @abstractmethod
    def configure(cls, config: Mapping[str, Json], fields: Mapping[str, str]) -> Self:
        """The type with this configuration.

        Args:
            config: the keys of the question that belong to the type (all but id, title, help,
                type, required and when).
            fields: name of each field of the project -> its type ("text", "image", ...).

        Raises:
            Invalid: a key is unknown, missing or does not fit; `where` names the key.
        """

    @classmethod
    def from_flag(cls, value: str, fields: Mapping[str, str]) -> Mapping[str, Json]:
        """The configuration that the command-line option's value stands for. Only where `flag` is set.

        Raises:
            Invalid: the value cannot be read.
        """
        raise NotImplementedError(f"{cls.__name__} declares no flag")

    @abstractmethod
    def config(self) -> dict[str, Json]:
        """The configuration in full, defaults filled in: `configure(config())` gives an equal type."""

    @abstractmethod
    def parse(self, raw: Json, data: Mapping[str, Json]) -> V:
        """An answer as it came from outside, checked.

        Args:
            raw: decoded JSON. Never trust it: `bool` is an `int`, floats may be huge, strings may
                hold lone surrogates.
            data: the task's fields that the annotator saw, name -> value (texts to check offsets
                against; an image field holds ``{"blob": ..., "width": px, "height": px}`` or a URL).

        Raises:
            Invalid: `where` is the path inside the answer ("", "[2].start").
        """

    @abstractmethod
    def dump(self, value: V) -> Json:
        """The answer as JSON, in the one form that is stored, hashed and exported."""

    def load(self, dumped: Json) -> V:
        """A stored answer back: ``load(dump(v)) == v``, without the task's data at hand.

        Types whose `parse` needs the data (offsets inside a text, boxes inside an image) override this.
        """
        return self.parse(dumped, {})

    def read(self, raw: Json) -> V:
        """An answer as it came from outside, of a task that is not at hand: checked as far as can be.

        Raises:
            Invalid: as `parse`, less what only the task's data could show.
        """
        return self.parse(raw, {})

    @abstractmethod
    def schema(self) -> dict[str, Json]:
        """JSON Schema (2020-12) of what `dump` gives. `parse` may be stricter, never laxer."""

    @abstractmethod
    def distance(self, a: V, b: V) -> float:
        """How far two answers are apart: 0 equal, 1 as different as can be. Symmetric."""

    @abstractmethod
    def elements(self, value: V) -> tuple[Element, ...]:
        """The answer in the vocabulary that formats understand."""

    @abstractmethod
    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> V:
        """The answer that these elements make; the inverse of `elements`.

        Raises:
            Invalid: these elements are not an answer of this type.
        """

    @abstractmethod
    def examples(self) -> tuple[tuple[Mapping[str, Json], V], ...]:
        """At least three different (data, answer) pairs for `example_config`, and some for any other."""

    @property
    def unit(self) -> str:
        """What `measures` other than an error are counted in; "": just a number."""
        return ""

    def support(self, value: V, values: Sequence[V], weights: Sequence[float] | None = None) -> float:
        """How far these answers (at least one) stand behind a value: 1 - their mean distance from it."""
        held = (1.0,) * len(values) if weights is None else weights
        apart = sum(weight * self.distance(value, other) for weight, other in zip(held, values, strict=True))
        return 1.0 - min(apart / sum(held), 1.0)

    def combine(self, values: Sequence[V]) -> Combined[V]:
        """What these answers (at least one) come to, where all count alike. Default: `combine_by`."""
        return self.combine_by(values, (1.0,) * len(values))

    def combine_by(self, values: Sequence[V], weights: Sequence[float]) -> Combined[V]:
        """What these answers (at least one) come to. Default: the answer nearest to all others.

        Confidence is `support`. Ties go to the answer that came first, so that the outcome is a
        function of the sequence. A type with its own way overrides this one, or `combine` where
        answers are not weighed by `distances`.

        Args:
            values: the answers.
            weights: what each counts: above 0, the largest is 1.
        """
        spread = [sum(w * self.distance(a, b) for w, b in zip(weights, values, strict=True)) for a in values]
        least = min(spread) + TIE
        best = values[next(i for i, one in enumerate(spread) if one <= least)]
        return Combined(value=best, confidence=self.support(best, values, weights), method="medoid")

    def learn(self, answers: Sequence[tuple[int, str, V]]) -> Learnt:
        """How skilled each annotator is, by all answers to the question; at least one. Default: by distances.

        It is a function of the set of answers: their order does not matter. Only asked where `weighed_by`
        is set; a job does it.

        Args:
            answers: (task number, annotator, value), one of each annotator for a task.
        """
        return by_distances(self.distance, answers)

    def weighed(self, answers: Sequence[tuple[str, V]], learnt: Learnt) -> Combined[V]:
        """What these answers (at least one) to one task come to, weighed by what `learn` has learnt.

        Of everybody equally skilled it is what `combine` gives, or near it. Asked at each submit, so it
        costs no more than `combine`.

        Args:
            answers: (annotator, value), oldest first.
        """
        from evenhand.core import distances  # with numpy, which the client of the HTTP interface does without

        weights = [distances.weight(learnt.of(annotator)[0]) for annotator, _ in answers]
        most = max(weights)
        found = self.combine_by([value for _, value in answers], [one / most for one in weights])
        return msgspec.structs.replace(found, method=self.weighed_by)


TIE = 1e-9  # sums of weighed distances so near to each other are equal: else the order of additions decides
MOST_ANSWERS = 200_000  # that distances are taken of; of more, those of every n-th task


def by_distances(distance: Callable[[V, V], float], answers: Sequence[tuple[int, str, V]]) -> Learnt:
    """The method `distances`: everybody's error by how far answers are from those of others."""
    import numpy as np

    from evenhand.core import distances

    names = sorted({annotator for _, annotator, _ in answers})
    code = {name: i for i, name in enumerate(names)}
    every = -(-len(answers) // MOST_ANSWERS)
    seen = sorted((one for one in answers if one[0] % every == 0), key=lambda one: one[:2])
    found, typical = distances.errors(
        np.array([n for n, _, _ in seen], np.int64),
        np.array([code[annotator] for _, annotator, _ in seen], np.int64),
        [value for _, _, value in seen],
        distance,
        len(names),
    )
    told: dict[str, tuple[float, ...]] = {
        name: (error,) for name, error in zip(names, found.tolist(), strict=True)
    }
    return Learnt(annotators=told, newcomer=(typical,))


def readable(kind: LabelType[V], dumped: Sequence[tuple[str, Json]]) -> list[tuple[str, V]]:
    """Those (annotator, stored answer) that are answers to the question as it is now, read.

    Another version may have asked for a number of another range, say: such answers stay what they were, and
    count for nothing here.
    """
    found = []
    for annotator, answer in dumped:
        with suppress(Invalid):
            found.append((annotator, kind.load(answer)))
    return found


def is_class(kind: LabelType[Any]) -> bool:
    """Whether every answer of this type is one class out of a list."""
    return is_always(kind, ClassElement)


def is_weighed(kind: LabelType[Any]) -> bool:
    """Whether answers of this type are weighed by skill where a project weighs."""
    return bool(kind.weighed_by) or is_class(kind)


def is_always(kind: LabelType[Any], element: type) -> bool:
    """Whether every answer of this type is one element of this kind."""
    made = [kind.elements(value) for _, value in kind.examples()]
    return all(len(parts) == 1 and isinstance(parts[0], element) for parts in made)
