"""From JSON to frozen types: a label type says what it expects, this page says where it is not met."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from evenhand.core.errors import Invalid
from evenhand.core.label import Element, Json

T = TypeVar("T")
E = TypeVar("E", bound=Element)

LARGEST = 2**53 - 1
"""Largest whole number that JSON carries unchanged through every language (RFC 8259, section 6)."""

TextField = Annotated[str, Meta(min_length=1, extra_json_schema={"format": "field:text,markdown"})]
ImageField = Annotated[str, Meta(min_length=1, extra_json_schema={"format": "field:image"})]
VideoField = Annotated[str, Meta(min_length=1, extra_json_schema={"format": "field:video"})]
RecordingField = Annotated[str, Meta(min_length=1, extra_json_schema={"format": "field:audio,video"})]
AnyField = Annotated[str, Meta(min_length=1, extra_json_schema={"format": "field:*"})]

_PLACE = re.compile(r"^(?P<reason>.*?)(?: - at `(?:key` in `)?\$(?P<path>.*)`)?$", re.DOTALL)
_KEY = re.compile(r"(?:unknown|missing required) field `(?P<key>.*?)`", re.DOTALL)


def read_config(kind: type[T], config: Mapping[str, Json]) -> T:
    """The configuration as the type that declares it.

    Raises:
        Invalid: a key is unknown, missing or does not fit; `where` names it.
    """
    try:
        body = json.dumps(dict(config), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        reason = "The configuration is not JSON: it holds NaN, half a character or too many levels."
        raise Invalid("question.not-json", reason, "", "Write plain JSON values.") from None
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.ValidationError, RecursionError) as error:
        keys = ", ".join(getattr(kind, "__struct_encode_fields__", ()))
        raise _unfit("question.config", error, f"The keys of this label type: {keys}.") from None


def read_answer(kind: type[T], raw: Json) -> T:
    """An answer as the type that declares its shape. Ranges and meaning are the label type's business.

    Raises:
        Invalid: it has another shape; `where` is the path inside the answer.
    """
    try:
        return msgspec.convert(raw, kind)
    except (ValueError, OverflowError, RecursionError) as error:  # half characters raise UnicodeEncodeError
        raise _unfit("answer.shape", error, "Send the shape that the label type's README shows.") from None


def form(kind: type[Any]) -> dict[str, Json]:
    """JSON Schema of a configuration, with its properties at the top, as the builder draws it."""
    schema = msgspec.json.schema(kind)
    root = schema.pop("$ref").rpartition("/")[2]
    others = {name: part for name, part in schema["$defs"].items() if name != root}
    schema = {**schema["$defs"][root], "$defs": others}
    return schema if others else {key: value for key, value in schema.items() if key != "$defs"}


def plain(value: Any) -> Json:
    """A frozen type as plain JSON: lists, not tuples."""
    return msgspec.json.decode(msgspec.json.encode(value))


def shown(raw: Json) -> str:
    """What was sent, short enough for a message. Numbers are not printed: they may have a million digits."""
    if isinstance(raw, str):
        return reprlib.repr(raw)
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(raw), "null" if raw is None else "something else")


def whole(text: str) -> bool:
    """Whether a text can be written as UTF-8: half a surrogate pair cannot, and no store would keep it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shortest(value: float) -> int | float:
    """A number as browsers and RFC 8785 write it: 3, not 3.0, so that one answer has one form."""
    return int(value) if float(value).is_integer() and abs(value) <= LARGEST else value


def require_field(fields: Mapping[str, str], name: str, kinds: tuple[str, ...], where: str) -> None:
    """Refuse a name that is no field of the project, or a field of another type (no kinds: any).

    Raises:
        Invalid: with `where` as given.
    """
    if name not in fields:
        known = ", ".join(fields) or "none"
        raise Invalid(
            "question.unknown-field", f"There is no field {shown(name)}.", where, f"Fields: {known}."
        )
    if kinds and fields[name] not in kinds:
        reason = f"The field {shown(name)} is of type {fields[name]}."
        raise Invalid("question.field-type", reason, where, f"Take a field of type {' or '.join(kinds)}.")


def with_field(
    config: Mapping[str, Json], fields: Mapping[str, str], kinds: tuple[str, ...]
) -> Mapping[str, Json]:
    """The configuration, with the one field that fits where it names none."""
    fitting = [name for name, kind in fields.items() if kind in kinds]
    return {"field": fitting[0], **config} if len(fitting) == 1 else config


def first_field(fields: Mapping[str, str], kinds: tuple[str, ...]) -> str:
    """The first field of one of these types.

    Raises:
        Invalid: the project has none.
    """
    for name, kind in fields.items():
        if kind in kinds:
            return name
    raise Invalid(
        "question.no-field", f"The data has no {' or '.join(kinds)} field.", "", "Add one, or use --config."
    )


def listed(value: str) -> list[str]:
    """The parts of "ham, spam" as a command-line option gives them.

    Raises:
        Invalid: a part is empty or there is half a character in it.
    """
    parts = [part.strip() for part in value.split(",")]
    if not all(parts) or not whole(value):
        raise Invalid(
            "option.empty-part", f"A name is missing in {shown(value)}.", "", "Write them as A,B,C."
        )
    return parts


def elements_of(kind: type[E], elements: Sequence[Element]) -> list[E]:
    """These elements, all of one kind.

    Raises:
        Invalid: one is of another kind; `where` is its index.
    """
    for i, element in enumerate(elements):
        if not isinstance(element, kind):
            raise Invalid(
                "elements.kind", f"{type(element).__name__} does not belong in this answer.", f"[{i}]"
            )
    return [element for element in elements if isinstance(element, kind)]


def elements_in(kind: type[E], elements: Sequence[Element], field: str) -> list[E]:
    """These elements, all of one kind and of one field.

    Raises:
        Invalid: one is of another kind or field; `where` is its index, or its field.
    """
    found = elements_of(kind, elements)
    for i, element in enumerate(found):
        other = getattr(element, "field", field)
        if other != field:
            raise Invalid("elements.field", f"This is a piece of {shown(other)}.", f"[{i}].field")
    return found


def only_element(kind: type[E], elements: Sequence[Element]) -> E:
    """The one element that an answer of one piece has.

    Raises:
        Invalid: there are more, fewer, or others.
    """
    found = elements_of(kind, elements)
    if len(found) != 1:
        raise Invalid("elements.count", f"This answer is one {kind.__name__}, and here are {len(found)}.")
    return found[0]


def _unfit(rule: str, error: Exception, remedy: str) -> Invalid:
    """msgspec's verdict in our words: its "$[2].start" becomes the place, with the key that it names."""
    text = str(error) if isinstance(error, msgspec.ValidationError) else "This cannot be read as JSON values."
    text = text.encode("utf-8", "backslashreplace").decode()
    found = _PLACE.match(text)
    reason, path = (found["reason"], found["path"] or "") if found else (text, "")
    key = _KEY.search(reason)
    where = f"{path}.{key['key']}" if key else path
    return Invalid(rule, f"{reason}.", where.removeprefix("."), remedy)
