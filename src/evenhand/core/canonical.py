"""An event as bytes: ledger entries, statements of actors, and commitments to what stays private.

The normative page is ``docs/spec/ledger.md``; whatever is written there is fixed for ever. Entries
are RFC 8785 canonical JSON. ``msgspec`` with sorted keys gives the same bytes for everything that an
entry may hold (ASCII keys, integers, any well-formed string), 40 times faster than a general encoder.
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from evenhand.core import merkle
from evenhand.core.errors import Invalid

MAX_ENTRY_BYTES = 65_535  # what the two length bytes of a C2SP entry bundle can say
SALT_BYTES = 32
NODE = "node"
"""The actor of an entry that no actor signed: the operator's own word."""

_ID = r"[A-Za-z0-9:._-]{1,64}"
_MAX_INTEGER = 2**53 - 1  # every JSON reader, browsers included, keeps integers up to here exact

Id = Annotated[str, Meta(pattern=rf"^{_ID}\Z")]
Kind = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9._-]{0,63}\Z")]
Count = Annotated[int, Meta(ge=0, le=_MAX_INTEGER)]
Actor = Annotated[str, Meta(pattern=r"^(node|key:[A-Za-z0-9._-]{1,60})\Z")]
Digest = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")]
Signature = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-]{85}[AQgw])?\Z")]
Place = tuple[Id, Count]
"""Where an event stands: its stream, and its number there, from 0 without gaps."""

if TYPE_CHECKING:
    PublicValue = bool | int | str | list["PublicValue"] | dict[str, "PublicValue"]
    _AnyNames = PublicValue
else:  # the same, four levels deep: a bound that the decoder enforces in C
    _Integer = Annotated[int, Meta(ge=-_MAX_INTEGER, le=_MAX_INTEGER)]
    PublicValue = _AnyNames = bool | _Integer | str
    for _ in range(3):
        PublicValue = bool | _Integer | str | list[PublicValue] | dict[Id, PublicValue]
        _AnyNames = bool | _Integer | str | list[_AnyNames] | dict[str, _AnyNames]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the ledger, version 1. In its bytes each field goes by the short name in brackets."""

    v: Literal[1] = 1  # version of the layout
    kind: Kind = msgspec.field(name="t")  # what happened
    stream: Id = msgspec.field(name="s")  # with `n`, the entry's place
    n: Count  # number in the stream, from 0 without gaps
    at: Count = msgspec.field(name="ts")  # ms since 1970-01-01 UTC; never falls within a stream
    public: dict[Id, PublicValue] = msgspec.field(name="b")  # what a replay reads
    commitments: dict[Id, Digest] = msgspec.field(name="c")  # private field -> `commit`, base64url
    causes: tuple[Place, ...] = msgspec.field(name="re")  # earlier entries it follows from, ascending
    by: Actor = NODE  # who says it: "node", or "key:" and the id of a certified key
    statement: str = msgspec.field(name="st", default="")  # the very text that the actor signed; "" by node
    signature: Signature = msgspec.field(name="sg", default="")  # Ed25519 over it, base64url; "" by node

    @property
    def place(self) -> tuple[str, int]:
        """The stream and the number in it."""
        return (self.stream, self.n)


_encoder = msgspec.json.Encoder(order="sorted")
_decoder = msgspec.json.Decoder(Entry)


def encode_entry(entry: Entry) -> bytes:
    """The entry's bytes: what is hashed into the tree and never changes again.

    Raises:
        Invalid: the entry breaks a rule of the layout, so no reader would accept it.
    """
    try:
        data = _encoder.encode(entry)
    except (TypeError, UnicodeEncodeError) as error:
        raise Invalid("entry.value", f"The entry holds what JSON cannot carry: {error}.") from error
    if not _surely_readable(entry, data):
        decode_entry(data)  # what we cannot read back must not be written: it would be there for ever
    return data


class _Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry's bytes as `Entry` reads them, but for the patterns of texts: these take most of its time."""

    v: Literal[1]
    t: str
    s: str
    n: Count
    ts: Count
    b: dict[str, _AnyNames]
    c: dict[str, str]
    re: tuple[tuple[str, Count], ...]
    by: Literal["node"]
    st: Literal[""]
    sg: Literal[""]


_shape = msgspec.json.Decoder(_Shape).decode
_NESTED = (dict, list, tuple)  # what may hold further names
_digest = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]").fullmatch


@lru_cache(1 << 14)
def _is_id(name: str) -> bool:
    """Whether a name fits `Id`. The same few come again and again."""
    return re.fullmatch(_ID, name) is not None


@lru_cache(256)
def _is_kind(name: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9._-]{0,63}", name) is not None


def _surely_readable(entry: Entry, data: bytes) -> bool:
    """Whether `decode_entry` takes these bytes, which the encoder just made of `entry`: a quicker look.

    True is certain; False means that only `decode_entry` can tell. Entries of actors are left to it.
    """
    try:
        _shape(data)
        _check_causes(entry)
    except (msgspec.MsgspecError, Invalid):
        return False
    return (
        len(data) <= MAX_ENTRY_BYTES
        and _is_kind(entry.kind)
        and _is_id(entry.stream)
        and all(_is_id(stream) for stream, _ in entry.causes)
        and _names_fit(entry.public)
        and all(map(_is_id, entry.commitments))
        and all(map(_digest, entry.commitments.values()))
    )


def _names_fit(fields: Mapping[str, object] | Iterable[object]) -> bool:
    """Whether the names of all fields in here fit `Id`."""
    if isinstance(fields, dict):
        if not all(map(_is_id, fields)):
            return False
        fields = fields.values()
    nested = [value for value in fields if isinstance(value, _NESTED)]
    return not nested or all(map(_names_fit, nested))


def decode_entry(data: bytes) -> Entry:
    """Read an entry, strictly: one entry has exactly one form as bytes.

    Raises:
        Invalid: too long, not the layout of version 1, an unknown field, or not canonical.
    """
    if len(data) > MAX_ENTRY_BYTES:
        raise Invalid("entry.size", f"An entry has at most {MAX_ENTRY_BYTES} bytes, this one {len(data)}.")
    try:
        entry = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        reason, _, where = str(error).partition(" - at ")
        raise Invalid(
            "entry.layout", f"Not an entry of version 1: {reason}.", where.replace("`", "")
        ) from error
    if _encoder.encode(entry) != data:
        raise Invalid("entry.canonical", "The bytes are not the canonical form (RFC 8785) of what they say.")
    _check_causes(entry)
    _check_actor(entry)
    return entry


def _check_causes(entry: Entry) -> None:
    """Causes are a set, so their order must carry nothing; and an entry cannot follow from its own future."""
    before: Place = ("", -1)
    for cause in entry.causes:
        if cause <= before:
            raise Invalid("entry.causes", "Causes stand in ascending order, each once.", "re")
        if cause[0] == entry.stream and cause[1] >= entry.n:
            raise Invalid("entry.causes", "An entry cannot follow from itself or from a later entry.", "re")
        before = cause


def _check_actor(entry: Entry) -> None:
    """Statement and signature are there together, and exactly when an actor's key speaks."""
    spoken = entry.by != NODE
    if bool(entry.statement) != spoken or bool(entry.signature) != spoken:
        raise Invalid("entry.actor", f"Statement and signature do not fit an entry by {entry.by!r}.", "by")


# --- statements ---


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What an actor signs with a key of its own, before the node has given it a place."""

    origin: str  # of the ledger it is meant for, so that it cannot be used in another
    kind: str  # the act: the kind of the entry that will embed it
    answers: tuple[str, int]  # place of the entry that it answers, such as the assignment; one of the causes
    clock: int  # the actor's own clock, ms since 1970-01-01 UTC
    public: dict[str, int | str]  # public field -> value; the entry repeats them
    commitments: dict[str, str]  # private field -> commitment, base64url; the entry repeats them


_STATEMENT = re.compile(
    r"evenhand/statement/v2\n(?P<origin>[!-~]{1,255})\n(?P<kind>[a-z][a-z0-9._-]{0,63})\n"
    rf"(?P<stream>{_ID}) (?P<n>0|[1-9][0-9]{{0,15}})\n(?P<clock>0|[1-9][0-9]{{0,15}})\n"
    rf"(?P<public>(?:b {_ID} (?:\"{_ID}\"|0|-?[1-9][0-9]{{0,15}})\n)*)"
    rf"(?P<commitments>(?:c {_ID} [A-Za-z0-9_-]{{42}}[AEIMQUYcgkosw048]\n)*)"
)


def encode_statement(statement: Statement) -> str:
    """The text to sign, line by line (``docs/spec/ledger.md``, statements)."""
    stream, n = statement.answers
    lines = ["evenhand/statement/v2", statement.origin, statement.kind, f"{stream} {n}", str(statement.clock)]
    lines += [
        f"b {field} {_encoder.encode(value).decode()}" for field, value in sorted(statement.public.items())
    ]
    lines += [f"c {field} {value}" for field, value in sorted(statement.commitments.items())]
    return "\n".join(lines) + "\n"


def decode_statement(text: str) -> Statement:
    """Read a statement, strictly.

    Raises:
        Invalid: it is not the one text that says what it says.
    """
    found = _STATEMENT.fullmatch(text)
    if found is None:
        raise Invalid("statement.layout", "Not a statement of version 2.", "st")
    public = [
        line.split(" ")[1:] for line in found["public"].splitlines()
    ]  # three words a line, by the pattern
    statement = Statement(
        origin=found["origin"],
        kind=found["kind"],
        answers=(found["stream"], int(found["n"])),
        clock=int(found["clock"]),
        public={field: value[1:-1] if value[0] == '"' else int(value) for field, value in public},
        commitments=dict(line.split(" ")[1:] for line in found["commitments"].splitlines()),
    )
    if encode_statement(statement) != text:
        raise Invalid("statement.order", "Fields stand in ascending order, each once.", "st")
    return statement


def check_statement(entry: Entry, origin: str) -> Statement:
    """Check that an actor's entry says what its statement says. The signature is checked with the key.

    Raises:
        Invalid: another ledger, another act, an answer to something else, other values or commitments.
    """
    statement = decode_statement(entry.statement)
    if (statement.origin, statement.kind) != (origin, entry.kind):
        raise Invalid("statement.act", "The statement is about another ledger or another act.", "st")
    if statement.answers not in entry.causes:
        raise Invalid("statement.answers", "The statement answers a place that is no cause.", "st")
    if not _says(entry.public, statement.public) or not _says(entry.commitments, statement.commitments):
        raise Invalid("statement.fields", "The entry does not repeat what the statement says.", "st")
    return statement


def _says(entry: Mapping[str, object], statement: Mapping[str, object]) -> bool:
    """Whether the entry has every field of the statement with the same value. True is not 1 here."""
    return all(
        type(entry.get(field)) is type(value) and entry[field] == value for field, value in statement.items()
    )


# --- commitments ---


def commit(origin: str, kind: str, field: str, salt: bytes, value: bytes) -> bytes:
    """Commit to a private field: hiding while the salt is secret, binding by SHA-256.

    Args:
        origin: of the ledger.
        kind: of the entry.
        field: name of the private field.
        salt: 32 fresh secret random bytes. Without them a yes or no could be guessed; used twice,
            they would show that two values are equal.
        value: the bytes as they are stored, never encoded again.

    Raises:
        Invalid: the salt does not have 32 bytes.
    """
    return _salted(_context(b"evenhand/commit/v1\0", origin, kind, field), salt, value)


def _salted(context: bytes, salt: bytes, value: bytes) -> bytes:
    """SHA-256 over context, salt, and value."""
    if len(salt) != SALT_BYTES:
        raise Invalid("commitment.salt", f"A salt has {SALT_BYTES} bytes, this one {len(salt)}.")
    return sha256(context + salt + value).digest()


@lru_cache(1024)
def _context(domain: bytes, *names: str) -> bytes:
    """Domain, length and bytes of the names with bars between: they are few, and asked for each value."""
    name = "|".join(names).encode()
    return domain + len(name).to_bytes(2, "big") + name


NO_RECORD = b"{ }"
"""What stands for an erased record. No record that came in reads so: it would have no field."""
NO_ROW = b"\0"
"""What an erased row begins with. Rows are JSON, which never does; behind it stands what the tables need."""


def is_erased(row: bytes) -> bool:
    """Whether a row was erased: in the place of its salt stands its leaf then (`core.erasure`)."""
    return row[:1] == NO_ROW or row == NO_RECORD


def bulk_root(origin: str, kind: str, rows: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Commit to the rows of a bulk verb: one root, from which single rows can be opened.

    Args:
        origin: of the ledger.
        kind: of the entry.
        rows: (32 fresh random bytes, the row's bytes as received), in order.
    """
    return merkle.root(bulk_leaves(origin, kind, rows))


def bulk_proof(origin: str, kind: str, rows: Sequence[tuple[bytes, bytes]], index: int) -> list[bytes]:
    """The hashes that lead from one row to the root of `bulk_root`."""
    leaves = bulk_leaves(origin, kind, rows)

    def read_hash(level: int, at: int) -> bytes:
        return merkle.root(leaves[at << level : (at + 1) << level])

    return merkle.inclusion_proof(index, len(leaves), read_hash)


def verify_bulk_row(
    origin: str,
    kind: str,
    row: tuple[bytes, bytes],
    index: int,
    count: int,
    proof: Sequence[bytes],
    root: bytes,
) -> None:
    """Check that (salt, bytes) is row `index` of the `count` rows that were committed to.

    Raises:
        Invalid: it is not.
    """
    merkle.verify_inclusion(_salted(_row_context(origin, kind), *row), index, count, proof, root)


def bulk_leaves(origin: str, kind: str, rows: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """The rows' leaf hashes; of a row that was erased, what stands in the place of its salt."""
    context = _row_context(origin, kind)
    return [row[0] if is_erased(row[1]) else _salted(context, *row) for row in rows]


def _row_context(origin: str, kind: str) -> bytes:
    """What a row's leaf begins with; no leaf of RFC 6962, inner node or single commitment begins so."""
    return _context(b"evenhand/row/v1\0", origin, kind)


# --- base64url without padding, as entries carry hashes and signatures ---


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def b64url(data: bytes) -> str:
    """Bytes as base64url without padding (RFC 4648, section 5)."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_URL_SAFE).decode("ascii")


def unb64url(text: str) -> bytes:
    """Read `b64url`, strictly.

    Raises:
        Invalid: another character, padding, or bits that the encoding leaves unused.
    """
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise Invalid("base64url", f"Not base64url: {error}.") from error
    if b64url(data) != text:
        raise Invalid("base64url", "Not base64url in its one form, without padding.")
    return data
