"""Reading ledger entries: one form as bytes, and places that fit together (``docs/spec/ledger.md``).

An entry's layout leaves so little freedom that one pattern describes its canonical bytes. Only what is
freer (nested public values, statements) is parsed as JSON and written again to compare.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn, TypeVar

import msgspec

from evenhand.audit.notes import Unacceptable

MAX_BYTES = 65_535
_LIMIT = 1 << 53

T = TypeVar("T", str, tuple[str, str], tuple[str, int])

_ID = r"[A-Za-z0-9:._-]{1,64}"
_NATURAL = r"(?:0|[1-9][0-9]{0,15})"
_DIGEST = r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
_PLACE = rf'\["{_ID}",{_NATURAL}\]'
_COMMITMENT = rf'"{_ID}":"{_DIGEST}"'

_VALUE = r'(?:"[ !#-\[\]-~]*"|-?[1-9][0-9]{0,14}|0|true|false)'


def _object(value: str) -> str:
    return rf'\{{(?:"{_ID}":{value}(?:,"{_ID}":{value})*)?\}}'


def _array(value: str) -> str:
    return rf"\[(?:{value}(?:,{value})*)?\]"


_FLAT = _object(_VALUE)  # whose values can be in one form only
_ROW = rf"(?:{_VALUE}|{_object(_VALUE)}|{_array(_VALUE)})"
_plain = re.compile(_object(rf"(?:{_VALUE}|{_object(_ROW)}|{_array(_ROW)})")).fullmatch  # but for the order

_entry = re.compile(
    rf'\{{"b":(?:({_FLAT})|(\{{.*\}})),"by":"(node|key:[A-Za-z0-9._-]{{1,60}})",'
    rf'"c":\{{((?:{_COMMITMENT}(?:,{_COMMITMENT})*)?)\}},"n":({_NATURAL}),'
    rf'"re":\[((?:{_PLACE}(?:,{_PLACE})*)?)\],"s":"({_ID})",'
    r'"sg":"((?:[A-Za-z0-9_-]{85}[AQgw])?)","st":"((?:[^"\\\x00-\x1f]|\\.)*)",'
    rf'"t":"([a-z][a-z0-9._-]{{0,63}})","ts":({_NATURAL}),"v":1\}}'
).fullmatch

_keys = re.compile(rf'"({_ID})":').findall
_commitments = re.compile(rf'"({_ID})":"({_DIGEST})"').findall
_places = re.compile(rf'\["({_ID})",({_NATURAL})\]').findall
_is_id = re.compile(_ID).fullmatch
_write = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_read_plain = msgspec.json.Decoder(dict[str, Any]).decode
_write_plain = msgspec.json.Encoder(order="sorted").encode  # as `_write`, of what `_plain` matches


class AuditedEntry(NamedTuple):
    """What an entry says, as far as a check needs it."""

    kind: str
    stream: str
    n: int  # number in the stream
    at: int  # ms since 1970-01-01 UTC
    public: tuple[str, ...]  # names of the public fields, ascending
    committed: dict[str, str]  # private field -> commitment, base64url
    causes: list[tuple[str, int]]  # places
    by: str  # "node" or "key:" and an id
    statement: str  # what the actor signed
    signature: str  # base64url; "" by node
    text: str = "{}"  # the public fields as JSON, in canonical form
    nested: dict[str, Any] | None = None  # the same parsed, where one of them is a container

    def b(self) -> dict[str, Any]:
        """The public fields with their values."""
        return _read_plain(self.text) if self.nested is None else self.nested


def read_entry(data: bytes) -> AuditedEntry:
    """Read an entry's bytes and check everything about it that needs no other entry and no grammar.

    Raises:
        Unacceptable: it is not an entry of version 1 in canonical form.
    """
    if len(data) > MAX_BYTES:
        raise Unacceptable(f"{len(data)} bytes are more than an entry may have")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Unacceptable(f"not UTF-8: {error}") from error
    found = _entry(text)
    if found is None:
        raise Unacceptable(_why_not(text))
    flat, nested, by, c, n, causes, stream, signature, statement, kind, at = found.groups()
    if bool(statement) != (by != "node") or bool(signature) != (by != "node"):
        raise Unacceptable("statement and signature belong to entries by a key, and to all of them")
    number = _natural(n)
    parsed = None if nested is None else _nested(nested)
    return AuditedEntry(
        kind,
        stream,
        number,
        _natural(at),
        tuple(_ascending(_keys(flat), "public fields") if parsed is None else parsed),
        dict(_ascending(_commitments(c), "commitments")) if c else {},
        _read_causes(causes, stream, number) if causes else [],
        by,
        _string(statement) if statement else "",
        signature,
        flat if nested is None else nested,
        parsed,
    )


def _natural(digits: str) -> int:
    """A natural number that every JSON reader keeps exact."""
    value = int(digits)
    if value >= _LIMIT:
        raise Unacceptable(f"{digits} is beyond 2^53")
    return value


def _ascending(parts: list[T], what: str) -> list[T]:
    """The parts, when they ascend and none is there twice."""
    if len(parts) > 1 and sorted(set(parts)) != parts:
        raise Unacceptable(f"{what} are not in ascending order, each once")
    return parts


def _read_causes(text: str, stream: str, n: int) -> list[tuple[str, int]]:
    """The places that an entry follows from."""
    causes = [(cause, _natural(number)) for cause, number in _places(text)]
    if any(cause == stream and number >= n for cause, number in causes):
        raise Unacceptable("it follows from itself or from its own future")
    return _ascending(causes, "causes")


def _nested(text: str) -> dict[str, Any]:
    """Public fields that hold more than plain values, parsed and written again."""
    if _plain(text) is not None:
        plain = _read_plain(text)
        if _write_plain(plain) == text.encode():
            return plain
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_no_float, parse_constant=_no_float)
        again = _write(value)
        again.encode()
    except (ValueError, RecursionError) as error:
        raise Unacceptable(f"its public fields are no JSON: {error}") from error
    if again != text:
        raise Unacceptable("its public fields are not in canonical form (RFC 8785)")
    _check_values(value, 4)
    return dict(value)


def _no_float(text: str) -> NoReturn:
    raise Unacceptable(f"{text[:40]} is no integer")


def _integer(text: str) -> int:
    if len(text) > 17 or not -_LIMIT < (value := int(text)) < _LIMIT:
        raise Unacceptable(f"{text[:40]} is beyond 2^53")
    return value


def _check_values(value: Any, depth: int) -> None:
    """Booleans, integers, strings, and arrays and objects at most three deep. Null is not among them."""
    kind = type(value)
    if kind is str or kind is int or kind is bool:
        return
    if kind not in (list, dict) or depth == 0:
        raise Unacceptable("its public fields hold null, or lie too deep")
    if kind is dict and not all(map(_is_id, value)):
        raise Unacceptable("its public fields have a malformed key")
    for part in value.values() if kind is dict else value:
        _check_values(part, depth - 1)


def _string(inner: str) -> str:
    """A JSON string, in its canonical form."""
    try:
        value = str(json.loads(f'"{inner}"'))
        again = _write(value)
        again.encode()
    except ValueError as error:
        raise Unacceptable(f"its statement is no JSON string: {error}") from error
    if again != f'"{inner}"':
        raise Unacceptable("its statement is not in canonical form (RFC 8785)")
    return value


def _why_not(text: str) -> str:
    """The nearest reason why a text is no entry, for whoever has to find out."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    names = ["b", "by", "c", "n", "re", "s", "sg", "st", "t", "ts", "v"]
    if not isinstance(value, dict) or sorted(value) != names:
        return "its fields are not exactly those of version 1"
    if _write(value) != text:
        return "not in canonical form (RFC 8785)"
    return "a field is malformed"


def check_statement(entry: AuditedEntry, b: dict[str, Any], origin: str) -> dict[str, str]:
    """Check that an actor's statement is about this ledger and this entry.

    Args:
        b: the entry's public fields.

    Returns:
        What it states: "b field" or "c field" -> value as in its line. The line "clock" is the actor's time.

    Raises:
        Unacceptable: it is not.
    """
    lines = entry.statement.split("\n")
    if len(lines) < 6 or lines[0] != "evenhand/statement/v2" or lines[-1]:
        raise Unacceptable("the statement is not one of version 2")
    if lines[1] != origin or lines[2] != entry.kind:
        raise Unacceptable("the statement is about another ledger or another act")
    if lines[3] not in {f"{stream} {n}" for stream, n in entry.causes}:
        raise Unacceptable("the statement answers a place that is no cause of the entry")
    if re.fullmatch(_NATURAL, lines[4]) is None:
        raise Unacceptable("the statement's clock is no number")
    said = {f"c {name}": value for name, value in entry.committed.items()}
    said |= {f"b {name}": _write(value) for name, value in b.items() if type(value) in (int, str)}
    pairs = [(name, value) for name, _, value in (line.rpartition(" ") for line in lines[5:-1])]
    _ascending([name for name, _ in pairs], "the statement's fields")
    if any(said.get(name) != value for name, value in pairs):
        raise Unacceptable("the entry does not repeat what the statement says")
    return {**dict(pairs), "clock": lines[4]}


def names_previous(data: bytes) -> bool:
    """Whether an entry opens a log that continues an earlier one, whose last checkpoint it names."""
    try:
        entry = json.loads(data)
        return bool(entry["t"] == "node-opened" and entry["b"]["previous"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


@dataclass
class Places:
    """What was seen of each stream so far: the one thing that a check has to remember.

    In a log that continues an earlier one a stream may begin where it stood there, and causes may be there.
    """

    continues: bool = False
    _streams: dict[str, tuple[int, int]] = field(default_factory=dict)  # stream -> (next n, last time in ms)
    _starts: dict[str, int] = field(default_factory=dict)  # of a continued log: stream -> its first n here
    _earlier: dict[str, int] = field(default_factory=dict)  # stream -> largest cause taken for an earlier one

    def __len__(self) -> int:
        return len(self._streams)

    def check(self, entry: AuditedEntry) -> Iterable[str]:
        """Take the next entry of the log; gives what is wrong about its place, time and causes."""
        _, stream, n, at, _, _, causes, *_ = entry
        streams = self._streams
        expected, last = streams.get(stream) or (self._begin(stream, n), 0)
        wrong = []
        if n != expected:
            wrong.append(
                f"it is number {n} of {stream}, where number {expected} is due: one was left out or moved"
            )
        if at < last:
            wrong.append(f"the time of {stream} falls from {last} to {at}")
        for cause, number in causes:
            if number >= streams.get(cause, (0, 0))[0] and not self._is_earlier(cause, number):
                wrong.append(f"the entry stands before its cause {cause} {number}")
        streams[stream] = (max(n + 1, expected), max(at, last))
        return wrong

    def _begin(self, stream: str, n: int) -> int:
        """The number with which a stream has to begin."""
        if not self.continues:
            return 0
        self._starts[stream] = max(n, self._earlier.get(stream, -1) + 1)
        return self._starts[stream]

    def _is_earlier(self, stream: str, n: int) -> bool:
        """Whether a place can only be in an earlier log. A stream that begins later must begin after it."""
        if not self.continues:
            return False
        if stream in self._starts:
            return n < self._starts[stream]
        self._earlier[stream] = max(n, self._earlier.get(stream, -1))
        return True


def unb64url(text: str) -> bytes:
    """Base64url without padding, of a text that was checked to be that."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
