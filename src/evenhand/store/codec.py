"""Events to rows and back: the entry that the ledger takes, and the opening that stays here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evenhand.core import canonical
from evenhand.core.errors import Broken
from evenhand.core.events import ALL, Event, Place, Reviewed, Said, Submitted, TasksImported

SALT = 32  # bytes of salt for each private field and each row

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its place, as the store knows it."""

    event: Event
    n: int
    ms: int  # the entry's time
    seq: int  # order of commits
    entry: bytes
    salts: tuple[bytes, ...]  # of the private fields, then of the rows

    @property
    def place(self) -> Place:
        """Where the event stands."""
        return Place(self.event.stream, self.n)


def salts_needed(event: Event) -> int:
    """How many salts an event takes."""
    return len(event.PRIVATE) + (len(event.rows) if event.BULK else 0)  # type: ignore[attr-defined]  # BULK has rows


def encode(
    event: Event, origin: str, n: int, ms: int, salts: Sequence[bytes], kept: Mapping[str, str] | None = None
) -> bytes:
    """The entry of an event: the header in clear, private fields and rows as commitments.

    Args:
        kept: the commitments of fields that were erased, whose salts are empty.
    """
    public: dict[str, Any] = {name: getattr(event, name) for name in event.PUBLIC}
    commitments = {
        name: canonical.b64url(canonical.commit(origin, event.KIND, name, salt, getattr(event, name)))
        if salt or not kept
        else kept[name]
        for name, salt in zip(event.PRIVATE, salts, strict=False)
    }
    if event.BULK:
        rows: tuple[bytes, ...] = event.rows  # type: ignore[attr-defined]  # BULK has rows
        public["count"] = len(rows)
        own = list(zip(salts[len(event.PRIVATE) :], rows, strict=True))
        commitments["rows"] = canonical.b64url(canonical.bulk_root(origin, event.KIND, own))
    return canonical.encode_entry(
        canonical.Entry(
            kind=event.KIND,
            stream=event.stream,
            n=n,
            at=ms,
            public=public,
            commitments=commitments,
            causes=event.causes,
            by=f"key:{event.said.key}" if event.said else canonical.NODE,
            statement=event.said.statement if event.said else "",
            signature=event.said.signature if event.said else "",
        )
    )


def body(event: Event, salts: Sequence[bytes]) -> bytes:
    """What the entry does not say: private values, local fields, rows, salts. MessagePack.

    The rows of an import are left out: the table `payload` holds them and their salts.
    """
    private = [getattr(event, name) for name in event.PRIVATE]
    local = [getattr(event, name) for name in event.LOCAL]
    if isinstance(event, TasksImported):
        return _pack([private, local, None, []])
    rows = list(event.rows) if event.BULK else None  # type: ignore[attr-defined]  # BULK has rows
    return _pack([private, local, rows, list(salts)])


def drawn_salts(event: Event, drawn: Sequence[bytes]) -> tuple[bytes, ...]:
    """The salts of an event: those that its actor drew in place of fresh ones."""
    if event.said is None or not event.said.salts:
        return tuple(drawn)
    own = dict(event.said.salts)
    private = [own.get(name, salt) for name, salt in zip(event.PRIVATE, drawn, strict=False)]
    return (*private, *drawn[len(private) :])


_COUNTED = Submitted.LOCAL.index("counted")
_STANDS, _STORED = Reviewed.PRIVATE.index("answers"), Reviewed.LOCAL.index("counted")


def answers_of(opening: bytes) -> bytes:
    """The answers of a Submitted event in stored form, out of its opening, fast."""
    private, local = _unpack(opening)[:2]
    counted: bytes = local[_COUNTED] if len(local) > _COUNTED else b""
    value: bytes = counted or private[0]
    return value


def reviewed_answers_of(opening: bytes) -> bytes:
    """The answers of a Reviewed event in stored form, out of its opening; empty when none stands."""
    private, local = _unpack(opening)[:2]
    counted: bytes = local[_STORED] if len(local) > _STORED else b""
    value: bytes = counted or private[_STANDS]
    return value


def private_of(opening: bytes) -> tuple[list[bytes], list[bytes]]:
    """Private values and their salts, out of an opening; a salt is empty where a value was erased."""
    private, _, _, salts = _unpack(opening)
    return private, salts


def decode(
    seq: int, entry: bytes, opening: bytes | None, owner: str | None, rows: Sequence[Any] = ()
) -> Placed:
    """The event that these rows hold; the inverse of `encode` and `body`.

    Args:
        rows: for an import, its (salt, record) pairs out of the table `payload`.

    Raises:
        Broken: the rows are not an event of this grammar.
    """
    header = canonical.decode_entry(entry)
    kind = ALL.get(header.kind)
    if kind is None:
        raise Broken("store.unknown-kind", f"There is no event of kind {header.kind!r}.", f"event {seq}")
    private, local, own_rows, salts = _unpack(opening) if opening else ([], [], None, [])
    fields: dict[str, Any] = {name: header.public[name] for name in kind.PUBLIC}
    fields.update(zip(kind.PRIVATE, private, strict=True))
    fields.update(zip(kind.LOCAL, local, strict=False))
    if kind.BULK:
        fields["rows"] = own_rows if own_rows is not None else [record for _, record in rows]
        salts = salts or [salt for salt, _ in rows]
    causes = [Place(stream, n) for stream, n in header.causes]
    event = msgspec.convert(
        {"stream": header.stream, "causes": causes, "owner": owner or "", **fields},
        kind,
        strict=False,
        builtin_types=(bytes,),
    )
    if header.by != canonical.NODE:
        event = msgspec.structs.replace(event, said=_said(header, kind, salts))
    return Placed(event=event, n=header.n, ms=header.at, seq=seq, entry=entry, salts=tuple(salts))


def _said(header: canonical.Entry, kind: type[Event], salts: Sequence[bytes]) -> Said:
    """The actor's statement about an event, as it was."""
    told = canonical.decode_statement(header.statement)
    own = dict(zip(kind.PRIVATE, salts, strict=False))
    return Said(
        key=header.by.removeprefix("key:"),
        statement=header.statement,
        signature=header.signature,
        salts=tuple((field, own[field]) for field in sorted(told.commitments)),
        clock=told.clock,
    )
