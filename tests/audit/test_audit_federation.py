"""What the auditor makes of shares: the same draw as the core's, and every way to cheat that counts show."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.audit import federation
from evenhand.audit.federation import Draws, Federation, HeldLetter
from evenhand.audit.notes import Unacceptable, read_key
from evenhand.core import sharing
from evenhand.core.checkpoint import SigningKey, sign_note

Told = list[tuple[str, str]]  # class and rule


@dataclass
class Entry:
    """What the auditor reads of an entry here."""

    kind: str
    b: dict[str, Any]
    n: int
    stream: str = "prj-1"
    at: int = 0
    causes: tuple[Any, ...] = ()


def no_records(client: str, entry: object) -> list[str]:
    return []


def planned(**said: Any) -> Entry:
    """Ten tasks to two of three partners, none above 7; the second plan entry is at n = 0."""
    partners = [
        {"group": g, "record": f"rec-{g}", "share": f"shr-{g}", "tasks": 7 - (g > 1)} for g in range(3)
    ]
    b = {"cap": 700_000, "each": 2, "number": 1, "partners": partners, "tasks": 10} | said
    return Entry("share-planned", b, 0)


def sliced(g: int, n: int, **said: Any) -> Entry:
    return Entry("share-sliced", {"share": f"shr-{g}", "slice": 1, "count": 7 - (g > 1)} | said, n)


def letter(act: str, way: str, seq: int, count: int = 7, **said: Any) -> Entry:
    b = {"act": act, "way": way, "seq": seq, "count": count, "share": "shr-0", "slice": 1, "late": 0}
    return Entry("share-letter", b | {"letter": f"{way}{seq}"} | said, 10)


def honest() -> list[Entry]:
    return [
        planned(), sliced(0, 1), sliced(1, 2), sliced(2, 3),
        letter("offer", "sent", 0), letter("accept", "taken", 0), letter("deliver", "taken", 1, 4),
        letter("ack", "sent", 1, 4), letter("deliver", "taken", 2, 3), letter("ack", "sent", 2, 3),
        letter("recall", "sent", 3, 0, slice=0), letter("deleted", "taken", 3, 7, slice=0),
    ]  # fmt: skip


def found(entries: list[Entry], one_control: frozenset[str] = frozenset(), continues: bool = False) -> Told:
    class Owners:
        def grade(self, p: str, q: str) -> int:
            return 3 if {p, q} <= one_control else 0

    told: Told = []
    checked = Federation(lambda entry: Owners(), no_records)  # type: ignore[arg-type,return-value]  # all that is asked
    checked.continues = continues
    for entry in entries:
        checked.take(entry, entry.b, lambda control, kind, rule, why: told.append((kind, rule)))  # type: ignore[arg-type]
    return told


def test_an_honest_log_has_no_findings() -> None:
    assert found(honest()) == []
    partner = [letter("offer", "taken", 0), letter("accept", "sent", 0), letter("deliver", "sent", 1)]
    assert found(partner) == []


def replaced(i: int, entry: Entry) -> list[Entry]:
    return [*honest()[:i], entry, *honest()[i + 1 :]]


CHEATS: dict[str, tuple[Callable[[], list[Entry]], str]] = {
    "a cap that the plan breaks": (lambda: replaced(0, planned(cap=600_000)), "share.cap"),
    "tasks that get one group less": (lambda: replaced(0, planned(tasks=11)), "share.sum"),
    "a group that gets a task twice": (lambda: replaced(0, planned(tasks=5, each=4, cap=10**6)), "share.sum"),
    "a plan that was skipped": (lambda: [*honest(), planned(number=3)], "share.number"),
    "the same share again": (lambda: [*honest(), planned(number=2)], "share.again"),
    "a slice that comes later": (lambda: [*honest(), sliced(0, 9, slice=2)], "share.slice"),
    "a slice of more": (lambda: replaced(1, sliced(0, 1, count=8)), "share.slice"),
    "slices out of order": (lambda: replaced(1, sliced(0, 1, slice=2)), "share.slice"),
    "an offer before the plan": (lambda: [*honest()[:3], letter("offer", "sent", 0)], "share.early"),
    "an offer of more": (lambda: replaced(4, letter("offer", "sent", 0, 8)), "share.offer"),
    "a second offer": (lambda: [*honest()[:5], letter("offer", "sent", 1)], "share.offer"),
    "an offer after the recall": (lambda: [*honest(), letter("offer", "sent", 4, slice=2)], "share.offer"),
    "a letter left out": (lambda: [*honest()[:6], letter("deliver", "taken", 2, 4)], "share.gap"),
    "answers to what was not offered": (
        lambda: replaced(6, letter("deliver", "taken", 1, 8)),
        "share.delivery",
    ),
    "answers after a recall": (lambda: [*honest()[:11], letter("deliver", "taken", 3, 1)], "share.delivery"),
    "a letter of the wrong side": (lambda: replaced(7, letter("ack", "taken", 3, 4)), "share.side"),
    "a share out of nowhere": (lambda: [letter("deliver", "taken", 0)], "share.unplanned"),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_who_cheats_is_found(cheat: str) -> None:
    entries, rule = CHEATS[cheat]
    assert ("proven violation", rule) in found(entries())


def test_partners_under_one_control_are_one_group() -> None:
    both = frozenset({"rec-0", "rec-1"})
    assert ("proven violation", "share.groups") in found(honest(), both)
    entries = honest()
    late = letter("offer", "sent", 0, share="shr-1")

    class Later:
        """Control that came after the plan."""

        def grade(self, p: str, q: str) -> int:
            return 3 if {p, q} <= both else 0

    told: Told = []
    checked = Federation(lambda entry: Later() if entry.n else None, no_records)  # type: ignore[arg-type,return-value]
    for entry in [*entries[:5], late]:
        checked.take(entry, entry.b, lambda control, kind, rule, why: told.append((control, rule)))  # type: ignore[arg-type]
    assert {("EN-23", "share.cap"), ("EN-22", "share.merged")} <= set(told)


@pytest.mark.parametrize(
    ("records", "times"),
    [(["rec-c"], 2), (["rec-c", "rec-c"], 2), (["rec-d", "rec-c"], 0), (["", "rec-c"], 0), ([], 0)],
)
def test_a_partner_in_conflict_with_the_client_is_found_where_both_are_stated(
    records: list[str], times: int
) -> None:
    """At the plan and at its offer; a client that has just stated another record has either."""

    class Owners:
        def grade(self, p: str, q: str) -> int:
            return 3 if (p, q) == ("rec-c", "rec-0") else 0

    told: Told = []
    checked = Federation(lambda entry: Owners(), lambda client, entry: records)  # type: ignore[arg-type,return-value]
    checked.hold("prj-1", 0, {"client": b"cli-1"})
    for entry in honest():
        checked.take(entry, entry.b, lambda control, kind, rule, why: told.append((control, rule)))  # type: ignore[arg-type]
    assert told == [("EN-21", "share.rival")] * times
    assert checked.shares["shr-0"].compared == (bool(records) and all(records))


def test_a_log_that_continues_another_has_a_gap_and_no_violation() -> None:
    rest = [letter("offer", "sent", 4), letter("deliver", "taken", 3), letter("ack", "sent", 5)]
    assert found(rest, continues=True) == [("unexplained gap", "share.unplanned")]
    assert found([*rest, letter("ack", "sent", 7)], continues=True)[1:] == [("proven violation", "share.gap")]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=6),
    st.integers(1, 40),
    st.binary(min_size=32, max_size=32),
)
def test_core_and_audit_draw_alike(partners: list[int], tasks: int, seed: bytes) -> None:
    order = list(dict.fromkeys(partners))
    groups = [order.index(group) for group in partners]
    for each in range(1, len(order) + 1):
        numbers = list(range(7, 7 + tasks))
        assert federation.draw(seed, numbers, groups, each) == sharing.draw(seed, numbers, groups, each)


def test_a_plan_that_was_not_drawn_is_found_with_its_openings() -> None:
    groups, seed = [0, 1, 2], b"s" * 32
    drawn = sharing.draw(seed, range(1, 11), groups, 2)
    b = planned().b | {
        "partners": [p | {"tasks": len(t)} for p, t in zip(planned().b["partners"], drawn, strict=True)]
    }

    def told(shares: list[list[int]], keys: list[str]) -> list[str]:
        rules: list[str] = []
        draws = Draws(lambda rule, place, what: rules.append(rule))
        known = json.dumps([[key, key] for key in keys]).encode()
        draws.take(Entry("share-planned", b, 0), b, {"seed": seed, "known": known}, [])  # type: ignore[arg-type]
        for g, tasks in enumerate(shares):
            piece = {"share": f"shr-{g}", "slice": 1, "count": len(tasks)}
            draws.take(Entry("share-sliced", piece, 1), piece, {}, [b"%d" % n for n in sorted(tasks)])  # type: ignore[arg-type]
        assert draws.finish() == 1
        return rules

    assert told(drawn, ["a", "b", "c"]) == []
    assert told(drawn, ["a", "c", "b"]) == ["share.order"]
    mine, other = (
        next(n for n in drawn[0] if n not in drawn[1]),
        next(n for n in drawn[1] if n not in drawn[0]),
    )
    swapped = [[*(set(drawn[0]) - {mine}), other], [*(set(drawn[1]) - {other}), mine], drawn[2]]
    assert told(swapped, ["a", "b", "c"]) == ["share.draw", "share.draw"]
    assert told([drawn[0], drawn[1], [99, *drawn[2][1:]]], ["a", "b", "c"]) == ["share.draw"]


def test_letters_that_somebody_holds_are_compared_with_the_log() -> None:
    told: Told = []
    checked = Federation(lambda entry: None, no_records)
    for entry in honest():
        checked.take(entry, entry.b, lambda *_: None)  # type: ignore[arg-type]

    def compare(sender: str, seq: int, digest: str, at: int = 0) -> list[str]:
        held = HeldLetter("shr-0", sender, seq, at, digest)
        told.clear()
        checked.compare("f", held, "home", 1000, lambda control, kind, rule, why: told.append((kind, rule)))
        return [rule for _, rule in told]

    assert compare("home", 0, "sent0") == [] == compare("other", 0, "taken0")
    assert compare("home", 0, "else") == ["letter.other"] == compare("other", 0, "else")
    assert compare("home", 9, "more") == ["letter.missing"]
    assert compare("home", 9, "more", at=1000) == [] == compare("other", 9, "more")  # it is on its way


def test_a_letter_is_read_by_the_auditor_as_by_the_node() -> None:
    key, rows = SigningKey("home.example", b"k" * 32), b'{"n":1}\n'
    head = sharing.Head(
        act="offer", at=5, count=1, from_="home.example", rows=sharing.rows_digest(rows), seen=0, seq=3,
        share="shr-1", to="other.example",
    )  # fmt: skip
    data = sign_note(sharing.text_of(head), key) + rows
    own = read_key(str(key.verify_key))
    read = federation.read_letter(data, own)
    assert read is not None and (read.seq, read.digest) == (3, sharing.read_letter(data).digest)
    other = read_key(str(SigningKey("third.example", b"t" * 32).verify_key))
    assert federation.read_letter(data, other) is None
    forger = read_key(str(SigningKey("home.example", b"f" * 32).verify_key))
    for bad, by in (
        (data + b"x", own),
        (data, forger),
        (b"", own),
        (data.replace(b'"seq":3', b'"seq":[', 1), own),
    ):
        with pytest.raises(Unacceptable):
            federation.read_letter(bad, by)
