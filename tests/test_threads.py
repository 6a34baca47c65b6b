"""Threads beside the requests: what goes on again and again, and who asks for much waits for itself."""

from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest

from evenhand.threads import Loop, Turns


def test_who_asks_for_much_waits_for_itself() -> None:
    """One owner's work stands still; another one's goes on, although it came later."""
    turns, gate, done = Turns(4, 3, "t"), threading.Event(), list[str]()
    slow = [turns.submit("much", gate.wait, 600) for _ in range(20)]
    quick = [turns.submit("little", done.append, str(n)) for n in range(5)]
    wait(quick, timeout=60)
    assert done == list("01234") and not any(future.done() for future in slow)
    gate.set()
    assert all(future.result(60) for future in slow)
    turns.shutdown()


def test_owners_come_by_turns() -> None:
    turns, gate, order = Turns(1, 1, "t"), threading.Event(), list[str]()
    turns.submit("a", gate.wait, 600)
    late = [turns.submit(owner, order.append, owner) for owner in "aaabbc"]
    gate.set()
    wait(late, timeout=60)
    assert order == ["b", "c", "a", "b", "a", "a"] or order == ["a", "b", "c", "a", "b", "a"]
    turns.shutdown()


def test_errors_and_ends() -> None:
    turns = Turns(1, 1, "t")
    with pytest.raises(ZeroDivisionError):
        turns.submit("a", divmod, 1, 0).result(60)
    assert turns.submit("a", divmod, 7, 2).result(60) == (3, 1)
    gate = threading.Event()
    running, waiting = turns.submit("a", gate.wait, 600), turns.submit("a", divmod, 1, 1)
    threading.Timer(0.2, gate.set).start()
    turns.shutdown()
    assert running.result() and not waiting.done()


def test_a_loop_goes_on_after_failures_wakes_when_it_is_hastened_and_ends_after_its_round() -> None:
    rounds, second, third = list[int](), threading.Event(), threading.Event()

    def one() -> float:
        rounds.append(len(rounds))
        if len(rounds) == 1:
            raise ZeroDivisionError
        (second if len(rounds) == 2 else third).set()
        return 3600.0

    loop = Loop("l", one, 0.0)
    loop.start()
    assert second.wait(30) and not third.is_set()
    loop.hasten()
    assert third.wait(30)
    loop.stop()
    assert rounds == [0, 1, 2] and loop.stopping.is_set()


def test_a_loop_that_was_never_started_stops() -> None:
    Loop("l", lambda: 0.0, 0.0).stop()
