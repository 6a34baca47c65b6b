"""What every store must do. Tests run `CHECKS` on each implementation; so can whoever writes another one.

Each check takes an empty store and raises AssertionError. `tools` make what a store needs around it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from evenhand.core import receipt, vrf
from evenhand.core.checkpoint import SigningKey
from evenhand.core.errors import EvenhandError, Invalid
from evenhand.core.events import MemberAdded, Moment, OrganizationCreated, Place, PoolOpened
from evenhand.core.receipt import Promise
from evenhand.store import Reader, Store, Transaction

ORIGIN = "conformance.example/log"


class FakeNode:
    """A node with nothing but a key: all that verbs need."""

    def __init__(self) -> None:
        self.key = SigningKey(ORIGIN, os.urandom(32))
        self.origin = ORIGIN

    def promise(self, leaf_hashes: list[bytes], at_ms: int) -> list[Promise]:
        """As a node does."""
        return receipt.promise(leaf_hashes, at_ms, self.key)

    @property
    def draw_key(self) -> bytes:
        """As a node does."""
        return vrf.public_key(self.key.derived(b"draw"))

    def draw(self, alpha: bytes) -> bytes:
        """As a node does."""
        return vrf.prove(self.key.derived(b"draw"), alpha)


@contextmanager
def writing(store: Store, ms: int = 1000) -> Iterator[tuple[Transaction, Moment]]:
    """A committed transaction, or a rolled back one where the block raises."""
    store.writer.begin()
    try:
        yield store.transaction(FakeNode(), ms), Moment(ms=ms)
        store.writer.commit()
    except BaseException:
        store.rollback()
        raise


def organization(name: str) -> list[OrganizationCreated | PoolOpened]:
    """The events of a new organization."""
    return [
        OrganizationCreated(stream="node", owner=name, organization=name, name=name.encode()),
        PoolOpened(stream=f"pool-{name}", owner=name, organization=name.encode()),
    ]


def _member(n: int) -> MemberAdded:
    return MemberAdded(
        stream="org-a", owner="org-a", role="owner", actor="human", member=b"mem-%d" % n, person=b"ann-%d" % n
    )


def places_are_contiguous_and_times_never_fall(store: Store) -> None:
    """Each stream counts from 0, across transactions, and its time never falls, whatever the clock does."""
    with writing(store, ms=2000) as (tx, at):
        tx.append(organization("org-a"), at)
        first = tx.append([_member(0), _member(1)], at)
    with writing(store, ms=1000) as (tx, at):
        second = tx.append([_member(2)], at)
    assert [p.place for p in [*first, *second]] == [Place("org-a", n) for n in range(3)]
    assert [p.ms for p in second] == [2000]
    assert [p.seq for p in [*first, *second]] == sorted(p.seq for p in [*first, *second])


def what_is_rolled_back_never_was(store: Store) -> None:
    """A failed transaction leaves no event, no row and no gap in its streams."""
    with writing(store) as (tx, at):
        tx.append(organization("org-a"), at)
    try:
        with writing(store) as (tx, at):
            tx.append([_member(0)], at)
            raise Invalid("test", "stop")
    except Invalid:
        pass
    with store.read() as reader:
        assert _members(reader) == []
    with writing(store) as (tx, at):
        assert tx.append([_member(1)], at)[0].n == 0


def a_savepoint_undoes_only_what_came_after(store: Store) -> None:
    """One bad verb of a group undoes itself and nothing else."""
    with writing(store) as (tx, at):
        tx.append(organization("org-a"), at)
        tx.append([_member(0)], at)
        tx.db.savepoint()
        tx.append([_member(1)], at)
        tx.back()
        tx.db.savepoint()
        tx.append([_member(2)], at)
        tx.db.release()
    with store.read() as reader:
        assert _members(reader) == ["mem-0", "mem-2"]


def a_reader_sees_one_moment(store: Store) -> None:
    """What is committed while a reader reads is not seen by it, and the writer does not wait for it."""
    with writing(store) as (tx, at):
        tx.append(organization("org-a"), at)
    with store.read() as reader:
        assert _members(reader) == []
        with writing(store) as (tx, at):
            tx.append([_member(0)], at)
        assert _members(reader) == []
    with store.read() as reader:
        assert _members(reader) == ["mem-0"]


def readers_are_for_many_threads(store: Store) -> None:
    """Many threads may read at once, also while a transaction is open."""
    with writing(store) as (tx, at):
        tx.append(organization("org-a"), at)
    results: list[int] = []

    def read() -> None:
        with store.read() as reader:
            results.append(len(reader.all("walk_organization")))

    with writing(store) as (tx, at):
        tx.append(organization("org-b"), at)
        threads = [threading.Thread(target=read) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == [1] * 12


def lists_may_be_empty_and_bytes_come_back(store: Store) -> None:
    """`{in name}` takes an empty list, text of any kind and numbers; bytes come back as bytes."""
    with writing(store) as (tx, at):
        tx.many("put_head", [])
        tx.run("put_setting", name="a'; DROP TABLE event; --", value="\U0001f600 ‮ é")
        tx.append(organization("org-a"), at)
        tx.append([_member(0)], at)
    with writing(store) as (tx, at):
        assert tx.all("heads", ids=[]) == []
        odd = ["x'y", 'a"b', "back\\slash", "{,}", "", "NULL", "\U0001f600"]
        assert [row["id"] for row in tx.all("heads", ids=["org-a", *odd])] == ["org-a"]
        tx.many("put_head", [{"id": name, "n": n, "ms": 0} for n, name in enumerate(odd)])
        assert {row["id"]: row["n"] for row in tx.all("heads", ids=odd)} == {
            name: n for n, name in enumerate(odd)
        }
        assert tx.all("events_by_seq", seqs=[]) == [] and len(tx.all("events_by_seq", seqs=(1, 2))) == 2
    with store.read() as reader:
        row = reader.one("setting", name="a'; DROP TABLE event; --")
        assert row is not None and row["value"] == "\U0001f600 ‮ é"
        event = reader.one("event_at", stream="org-a", n=0)
        assert event is not None and type(event["entry"]) is bytes and type(event["body"]) is bytes


def what_is_asked_ahead_is_seen_as_it_was(store: Store) -> None:
    """A query that is sent ahead sees what was written before it, and nothing that came later."""
    with writing(store) as (tx, at):
        tx.append(organization("org-a"), at)
        none = tx.ahead("walk_member")
        tx.append([_member(0)], at)
        one = tx.ahead("walk_member")
        tx.lock(["org-a", "org-b"])
        tx.append([_member(1)], at)
        assert none() == [] and len(one()) == 1
        tx.db.savepoint()
        assert tx.append([_member(2)], at)[0].n == 2
        tx.back()
        assert tx.append([_member(3)], at)[0].n == 2
    with store.read() as reader:
        assert _members(reader) == ["mem-0", "mem-1", "mem-3"]


def errors_leave_the_store_usable(store: Store) -> None:
    """An error inside a transaction is told and undone, and the next transaction works."""
    for _ in range(2):
        try:
            with writing(store) as (tx, at):
                tx.append(organization("org-a"), at)
                tx.append(organization("org-a"), at)
        except EvenhandError:
            raise
        except Exception as error:
            assert "unique" in str(error).lower(), error
        else:
            raise AssertionError("two organizations have one id")
    with writing(store) as (tx, at):
        tx.append(organization("org-a"), at)


def _members(reader: Reader) -> list[str]:
    return [row["id"] for row in reader.all("walk_member")]


CHECKS: tuple[Callable[[Store], None], ...] = (
    places_are_contiguous_and_times_never_fall,
    what_is_rolled_back_never_was,
    a_savepoint_undoes_only_what_came_after,
    a_reader_sees_one_moment,
    readers_are_for_many_threads,
    lists_may_be_empty_and_bytes_come_back,
    what_is_asked_ahead_is_seen_as_it_was,
    errors_leave_the_store_usable,
)
