"""Pairwise preference: which of two is better, by how much, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import (
    ClassElement,
    Combined,
    Element,
    Flag,
    Json,
    LabelType,
    NumberElement,
    OrderElement,
    TextElement,
)
from evenhand.labels.reading import (
    AnyField,
    elements_of,
    form,
    listed,
    plain,
    read_answer,
    read_config,
    require_field,
    shortest,
    whole,
)

LONGEST = 100_000
"""Code points of a justification."""

BOTH_BAD: Literal["both_bad"] = "both_bad"


class Preferred(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which of two is better, or that neither is good."""

    preference: (
        int | Literal["both_bad"]
    )  # below 0: a is better, above: b, 0: a tie; farther from 0 is stronger
    justification: str = ""  # why, as it was written


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of a pairwise preference."""

    a: Annotated[AnyField, Meta(title="One side", description="Field of the first text or picture")]
    b: Annotated[AnyField, Meta(title="Other side", description="Field of the second text or picture")]
    scale: Annotated[
        int,
        Meta(
            title="Steps",
            description="2: one or the other; 3: or a tie; 5, 7 ...: with strength",
            ge=2,
            le=21,
        ),
    ] = 3
    both_bad: Annotated[bool, Meta(title="Both bad", description="Offer to say that neither is good")] = False
    justification: Annotated[
        Literal["none", "optional", "required"],
        Meta(title="Justification", description="Whether annotators say why"),
    ] = "none"


@dataclass(frozen=True)
class Pairwise(LabelType[Preferred]):
    """A preference between two fields, from -k (a is much better) to k (b is much better), k = scale // 2."""

    settings: Config

    id: ClassVar[str] = "pairwise/1"
    name: ClassVar[str] = "pairwise"
    title: ClassVar[str] = "Pairwise preference"
    weighed_by: ClassVar[str] = "distances"
    flag: ClassVar[Flag | None] = Flag(option="--pairwise", metavar="A,B", help="Compare these two fields")
    example_config: ClassVar[Mapping[str, Json]] = {
        "a": "answer_a",
        "b": "answer_b",
        "scale": 5,
        "both_bad": True,
        "justification": "optional",
    }

    @classmethod
    def config_schema(cls) -> dict[str, Json]:
        return form(Config)

    @classmethod
    def configure(cls, config: Mapping[str, Json], fields: Mapping[str, str]) -> Self:
        settings = read_config(Config, config)
        require_field(fields, settings.a, (), "a")
        require_field(fields, settings.b, (), "b")
        if settings.a == settings.b:
            raise Invalid(
                "question.same-field", "A field cannot be compared with itself.", "b", "Name another."
            )
        return cls(settings)

    @classmethod
    def from_flag(cls, value: str, fields: Mapping[str, str]) -> Mapping[str, Json]:
        names = listed(value)
        if len(names) != 2:
            raise Invalid("option.not-two", f"Two fields are compared, not {len(names)}.", "", "Write A,B.")
        return {"a": names[0], "b": names[1]}

    def config(self) -> dict[str, Json]:
        return dict(plain(self.settings))

    @property
    def _preferences(self) -> list[Json]:
        """Every preference that can be given."""
        k = self.settings.scale // 2
        steps: list[Json] = [step for step in range(-k, k + 1) if step or self.settings.scale % 2]
        return [*steps, BOTH_BAD] if self.settings.both_bad else steps

    def parse(self, raw: Json, data: Mapping[str, Json]) -> Preferred:
        value = read_answer(Preferred, raw)
        if value.preference not in self._preferences:
            reason = "This preference is not offered."
            raise Invalid("answer.off-scale", reason, "preference", f"Send one of {self._preferences}.")
        self._check_justification(value.justification)
        return value

    def _check_justification(self, text: str) -> None:
        reason = remedy = ""
        if self.settings.justification == "required" and not text.strip():
            reason, remedy = "The reason for the preference is missing.", "Say why."
        if self.settings.justification == "none" and text:
            reason, remedy = "This question asks for no justification.", "Leave it out."
        if len(text) > LONGEST or not whole(text):
            reason, remedy = (
                "The justification is too long or holds half a character.",
                "Shorten or correct it.",
            )
        if reason:
            raise Invalid("answer.justification", reason, "justification", remedy)

    def dump(self, value: Preferred) -> Json:
        why = {"justification": value.justification} if value.justification else {}
        return {"preference": value.preference, **why}

    def schema(self) -> dict[str, Json]:
        why = self.settings.justification
        most = 0 if why == "none" else LONGEST
        text = {"type": "string", "minLength": int(why == "required"), "maxLength": most}
        return {
            "type": "object",
            "properties": {"preference": {"enum": self._preferences}, "justification": text},
            "required": ["preference", "justification"] if why == "required" else ["preference"],
            "additionalProperties": False,
        }

    def distance(self, a: Preferred, b: Preferred) -> float:
        """Steps between the two over the steps of the scale; "both bad" is 1 from any preference.

        Justifications do not count: two people who agree may say so in different words.
        """
        if isinstance(a.preference, str) or isinstance(b.preference, str):
            return float(a.preference != b.preference)
        return abs(a.preference - b.preference) / (2 * (self.settings.scale // 2))

    def elements(self, value: Preferred) -> tuple[Element, ...]:
        """The order of the two fields and the strength, or the class "both_bad"; then the justification."""
        why = (TextElement(value=value.justification),) if value.justification else ()
        if isinstance(value.preference, str):
            return (ClassElement(value=value.preference), *why)
        return (self._order(value.preference), NumberElement(value=float(value.preference)), *why)

    def _order(self, preference: int) -> OrderElement:
        a, b = self.settings.a, self.settings.b
        if preference == 0:
            return OrderElement(ranks=((a, b),))
        return OrderElement(ranks=((a,), (b,)) if preference < 0 else ((b,), (a,)))

    def from_elements(self, elements: Sequence[Element], data: Mapping[str, Json]) -> Preferred:
        texts = [element.value for element in elements if isinstance(element, TextElement)]
        verdict = [element for element in elements if not isinstance(element, TextElement)]
        if len(texts) > 1:
            raise Invalid("elements.count", "A preference has one justification at most.")
        raw = {"preference": self._preference(verdict), **({"justification": texts[0]} if texts else {})}
        return self.parse(raw, data)

    def _preference(self, verdict: Sequence[Element]) -> Json:
        if len(verdict) == 1 and isinstance(verdict[0], ClassElement):
            return verdict[0].value
        if len(verdict) != 2:
            raise Invalid("elements.count", "A preference is an order and its strength, or a class.")
        order, strength = (
            elements_of(OrderElement, verdict[:1])[0],
            elements_of(NumberElement, verdict[1:])[0],
        )
        preference = shortest(strength.value)
        if isinstance(preference, float) or self._order(preference) != order:
            raise Invalid("elements.strength", "The order and its strength contradict each other.", "[1]")
        return preference

    def examples(self) -> tuple[tuple[Mapping[str, Json], Preferred], ...]:
        data = {self.settings.a: "The first answer.", self.settings.b: "The second answer."}
        why = "It answers the question." if self.settings.justification != "none" else ""
        chosen = [*self._preferences[:2], self._preferences[-1]]
        return tuple((data, Preferred(preference, why)) for preference in dict.fromkeys(chosen))

    def combine_by(self, values: Sequence[Preferred], weights: Sequence[float]) -> Combined[Preferred]:
        """ "Both bad" when more than half say so, else the median of the preferences, with its justification.

        The median is the answer nearest to all, and the first of several: never a tie that nobody
        meant, and no side gains by where it stands.
        """
        given = list(zip(values, weights, strict=True))
        bad = [one for one in given if one[0].preference == BOTH_BAD]
        rated = [one for one in given if one[0].preference != BOTH_BAD]
        most = round(sum(weight for _, weight in bad), 9) > round(sum(weights) / 2, 9)
        some, held = zip(*(bad if most or not rated else rated), strict=True)
        value = super().combine_by(some, held).value
        method = "majority" if value.preference == BOTH_BAD else "median"
        return Combined(value=value, confidence=self.support(value, values, weights), method=method)
