"""A log that continues another may begin its streams late; everything else is as strict as ever."""

from __future__ import annotations

from evenhand.audit.entries import AuditedEntry, Places, names_previous
from evenhand.core.canonical import Entry, encode_entry


def entry(stream: str, n: int, *causes: tuple[str, int], at: int = 0) -> AuditedEntry:
    return AuditedEntry("submitted", stream, n, at, (), {}, list(causes), "node", "", "")


def test_streams_go_on_and_causes_may_lie_before() -> None:
    places = Places(continues=True)
    assert not places.check(entry("a", 7, ("b", 3), ("a", 2)))
    assert not places.check(entry("a", 8, ("a", 7)))
    assert not places.check(entry("b", 4))


def test_from_there_on_nothing_is_missing() -> None:
    places = Places(continues=True)
    assert not places.check(entry("a", 7))
    assert places.check(entry("a", 9)), "a gap"
    assert places.check(entry("c", 0, ("a", 12))), "a cause that comes later"
    places = Places(continues=True)
    assert not places.check(entry("a", 7, ("b", 3)))
    assert places.check(entry("b", 3)), "what was a cause cannot come after its effect"


def test_a_log_that_continues_nothing_begins_at_0() -> None:
    places = Places()
    assert places.check(entry("a", 1))
    assert places.check(entry("b", 0, ("c", 0)))


def test_only_an_entry_that_names_a_checkpoint_continues() -> None:
    def opened(previous: str, kind: str = "node-opened") -> bytes:
        return encode_entry(
            Entry(
                kind=kind, stream="node", n=0, at=0, public={"previous": previous}, commitments={}, causes=()
            )
        )

    assert names_previous(opened("x" * 43))
    assert not names_previous(opened(""))
    assert not names_previous(opened("x" * 43, kind="released"))
    assert not names_previous(b"[]") and not names_previous(b"\xff")
