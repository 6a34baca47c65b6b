"""A record as it comes in: one JSON object in UTF-8, checked without changing a byte of it.

What JSON itself leaves open is settled here (RFC 8259, sections 4 and 6; RFC 7493), because the same
bytes are later hashed, stored by two databases and read by Python and JavaScript: names are unique,
numbers are finite, integers fit into 64 bits, strings hold neither lone surrogates nor NUL.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from evenhand.core.errors import Invalid

MAX_DEPTH = 64  # levels of lists and objects inside a record
INT_MIN, INT_MAX = -(2**63), 2**64 - 1  # what both databases and Arrow can hold


class Fault(msgspec.Struct, frozen=True):
    """Why a record cannot be taken."""

    path: str  # JSON path inside the record, "a.b[2]"; "" for the record itself
    reason: str  # one sentence for a person


def check(record: bytes) -> Fault | None:
    """What is wrong with this record, or None.

    Args:
        record: one JSON object in UTF-8.
    """
    try:
        value = _decode(record)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return _diagnose(record) or Fault("", f"This is not JSON: {error}.")
    if type(value) is not dict:
        return Fault("", f"This is {_KINDS.get(type(value), 'a number')}, not an object.")
    escaped_nul = b"\\" in record and b"\\u0000" in record
    if not escaped_nul and _names_once(record, _count_keys(value, 1)):
        return None
    return _diagnose(record)


def rename(record: bytes, mapping: Mapping[str, str]) -> bytes:
    """The record with these keys renamed, order and values kept byte for byte.

    Args:
        record: a record that `check` has passed.
        mapping: key of the record -> new key. Keys that the record lacks are passed over.

    Raises:
        Invalid: two keys would get the same name.
    """
    fields = _decode_raw(record)
    if mapping.keys().isdisjoint(fields):
        return record
    renamed = {mapping.get(name, name): value for name, value in fields.items()}
    if len(renamed) == len(fields):
        return _encode(renamed)
    names = [mapping.get(name, name) for name in fields]
    twice = next(name for name in names if names.count(name) > 1)
    raise Invalid("record.clash", f"Two keys would be called {twice!r}.", twice, "Map the other one as well.")


_decode = msgspec.json.Decoder().decode
_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode

_NAME_END = re.compile(rb'"[ \t\r\n]*:')
_LOOK = -(1 << 60)  # outweighs every real count of keys
_KINDS = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}


def _names_once(record: bytes, keys: int) -> bool:
    """Whether no name is there twice. False may also mean that a string looks like a name.

    The decoder keeps the last of two equal names without a word. Every name ends in a quotation mark
    and a colon, so no more of these in the text than names in the decoded value means that none got
    lost. Counting colons alone is ten times as fast and enough for most records.
    """
    return record.count(b":") == keys or len(_NAME_END.findall(record)) == keys


def _count_keys(value: Any, depth: int) -> int:
    """Keys in all objects of this value; far below zero when a closer look is needed."""
    if type(value) is dict:
        count, children = len(value), value.values()
    else:
        count, children = 0, value
    for child in children:
        kind = type(child)
        if kind is str:
            continue
        if kind is dict or kind is list:
            count += _count_keys(child, depth + 1) if depth < MAX_DEPTH else _LOOK
        elif kind is int and not INT_MIN <= child <= INT_MAX:
            count += _LOOK
    return count


class _Pairs(list[tuple[str, Any]]):
    """An object with its keys as they stand, doubles and all."""


class _Number(str):
    """A number, NaN or Infinity as it stands in the text."""


_decode_closely = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number, parse_constant=_Number
).decode


def _diagnose(record: bytes) -> Fault | None:
    """The first fault, with its path. Reads slowly and closely."""
    try:
        value = _decode_closely(record.decode())
    except UnicodeDecodeError as error:
        return Fault("", f"Byte {error.start + 1} is not UTF-8.")
    except RecursionError:
        return Fault("", _TOO_DEEP)
    except json.JSONDecodeError as error:
        return Fault("", f"This is not JSON: {error.msg} at character {error.pos + 1}.")
    if type(value) is not _Pairs:
        kind = "a number" if type(value) is _Number else _KINDS[type(value)]
        return Fault("", f"This is {kind}, not an object.")
    return next(_faults(value, "", 1), None)


_TOO_DEEP = f"This is nested more than {MAX_DEPTH} levels deep."


def _faults(value: Any, path: str, depth: int) -> Iterator[Fault]:
    """Every fault in a value that `json.loads` has read with `_Pairs` and `_Number`."""
    if type(value) is _Pairs or type(value) is list:
        if depth > MAX_DEPTH:
            yield Fault(path, _TOO_DEEP)
        elif type(value) is _Pairs:
            yield from _object_faults(value, path, depth)
        else:
            for i, child in enumerate(value):
                yield from _faults(child, f"{path}[{i}]", depth + 1)
    elif type(value) is _Number:
        yield from _number_faults(value, path)
    elif type(value) is str:
        yield from _text_faults(value, path)


def _object_faults(pairs: _Pairs, path: str, depth: int) -> Iterator[Fault]:
    seen: set[str] = set()
    for name, child in pairs:
        inner = f"{path}.{name}" if path else name
        if name in seen:
            yield Fault(_printable(inner), "This key is there twice.")
        seen.add(name)
        yield from (Fault(_printable(inner), fault.reason) for fault in _text_faults(name, inner))
        yield from _faults(child, _printable(inner), depth + 1)


def _number_faults(number: _Number, path: str) -> Iterator[Fault]:
    if number in ("NaN", "Infinity", "-Infinity"):
        yield Fault(path, f"{number!s} is not a JSON number.")
    elif not math.isfinite(float(number)):
        yield Fault(path, "This number is too large for a 64-bit float.")
    elif number.lstrip("-").isdigit() and (len(number) > 20 or not INT_MIN <= int(number) <= INT_MAX):
        yield Fault(path, "This integer does not fit into 64 bits. Write it as a text.")


def _text_faults(text: str, path: str) -> Iterator[Fault]:
    if "\0" in text:
        yield Fault(path, "This text holds a NUL character.")
    if _printable(text) != text:
        yield Fault(path, "This text holds half of a surrogate pair, which is no character.")


def _printable(text: str) -> str:
    """The text, lone surrogates replaced, so that a report of the fault can itself be stored and shown."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
