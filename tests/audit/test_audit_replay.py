"""A frozen history of a shared pool, replayed; and the same with one lie in it, each found at its entry.

The history was made by an exchange that decides with the core; the auditor was written from the ledger page
(docs/spec/ledger.md) alone. So this file is also for whoever writes a third implementation.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand.audit.entries import read_entry
from evenhand.audit.findings import GAP, PROVEN
from evenhand.audit.notes import LogKey
from evenhand.audit.run import Audit, Auditor
from evenhand.audit.trust import read_policy

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "exchange.json").read_text())
HISTORY: list[dict[str, Any]] = [json.loads(text) for text in VECTOR["entries"]]
Entry = dict[str, Any]


TWO_PHASE = json.loads((Path(__file__).parents[1] / "vectors" / "two-phase.json").read_text())


def replay(history: list[Entry], **trusted: Any) -> Audit:
    made = Audit()
    auditor = Auditor(made, LogKey(VECTOR["origin"], b"\0" * 4, bytes(32)), **trusted)
    for index, entry in enumerate(history):
        data = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        auditor.take(index, data, read_entry(data))
    auditor.finish()
    return made


def first(kind: str, which: Callable[[Entry], bool] = lambda b: True) -> int:
    return next(i for i, e in enumerate(HISTORY) if e["t"] == kind and which(e["b"]))


BUSY = first("window", lambda b: len(b["leases"]) > 2 and bool(b["settled"]))
ANSWER = first("submitted")
CONFLICT = first("conflict")


def changed(index: int, **fields: Any) -> list[Entry]:
    told = copy.deepcopy(HISTORY)
    told[index]["b"] |= fields
    return told


def leases(**fields: Any) -> list[Entry]:
    own = copy.deepcopy(HISTORY[BUSY]["b"]["leases"])
    own[0] |= fields
    return changed(BUSY, leases=own)


def without(index: int) -> list[Entry]:
    return [e for i, e in enumerate(HISTORY) if i != index]


def swapped(field: str) -> list[Entry]:
    own = copy.deepcopy(HISTORY[BUSY]["b"]["leases"])
    own[0][field], own[1][field] = own[1][field], own[0][field]
    return changed(BUSY, leases=own)


def other_client() -> str:
    served = HISTORY[BUSY]["b"]["leases"][0]["client"]
    return next(c for c in ("cli-0", "cli-1", "cli-2") if c != served)


def dated(index: int, ms: int) -> list[Entry]:
    told = copy.deepcopy(HISTORY)
    told[index]["ts"] += ms
    return told


def told_by(history: list[Entry], index: int, **fields: Any) -> list[Entry]:
    history = copy.deepcopy(history)
    history[index] |= fields
    return history


def stated_late() -> list[Entry]:
    """The purchase took effect long before it was stated, and the one bought was known before, too."""
    purchase = first("ownership-stated", lambda b: bool(b["subject"]))
    told = changed(purchase, effective=HISTORY[0]["ts"] - 10**9)
    told[first("policy")]["b"]["late"] = 0
    return told


def with_posting(**fields: Any) -> list[Entry]:
    """The history with a posting of the first client that is served, told before anything is decided."""
    served = HISTORY[BUSY]["b"]["leases"][0]
    told = {
        "client": served["client"],
        "family": served["family"],
        "posting": "pst-0",
        "state": "open",
        "test": 0,
    }
    history = copy.deepcopy(HISTORY)
    entry = copy.deepcopy(HISTORY[first("client-joined")]) | {"t": "posted", "b": told | fields}
    entry["c"] = {"project": "A" * 43}
    history.insert(first("window"), entry)
    return history


def admitting(history: list[Entry], **fields: Any) -> list[Entry]:
    at = next(i for i, e in enumerate(history) if e["t"] == "window")
    entry = copy.deepcopy(history[at - 1]) | {"t": "admitted", "c": {"evidence": "A" * 43}}
    entry["b"] = {"on": 0, "posting": "pst-0", "who": [HISTORY[BUSY]["b"]["leases"][0]["who"]]} | fields
    return [*history[:at], entry, *history[at:]]


def test_the_honest_history_is_replayed_without_a_difference() -> None:
    made = replay(HISTORY)
    assert made.findings.ok, [str(f) for f in made.findings.kept]
    assert (made.windows, made.draws, made.overrides) == (16, 15, 1)
    assert {(s.client, s.weight, s.leases, s.service, s.blocked) for s in made.shares} == {
        ("cli-0", 1, 13, 780, 1),
        ("cli-1", 1, 8, 800, 0),
        ("cli-2", 2, 25, 1500, 0),
    }
    assert set(made.e_values["pool-1"]) == {"cli-0", "cli-1", "cli-2"}


@pytest.mark.parametrize(
    ("control", "history"),
    [
        ("EN-1", leases(client=other_client())),
        ("EN-1", leases(v=1)),
        ("EN-1", changed(BUSY, virtual=HISTORY[BUSY]["b"]["virtual"] + 1)),
        ("EN-1", changed(BUSY, leases=HISTORY[BUSY]["b"]["leases"][:-1])),
        ("EN-1", changed(BUSY, leases=[*HISTORY[BUSY]["b"]["leases"], HISTORY[BUSY]["b"]["leases"][0]])),
        ("EN-1", changed(BUSY, idle=["per-0", "per-1"])),
        ("EN-1", changed(BUSY, passed=[{"client": "cli-1", "who": "per-11", "why": "whim"}])),
        (
            "EN-1",
            changed(first("overridden"), signatures=HISTORY[first("overridden")]["b"]["signatures"][:1]),
        ),
        ("EN-2", changed(first("pool-policy"), effective_from=1)),
        ("EN-2", changed(first("pool-policy"), cap=10)),
        ("EN-3", changed(BUSY, backlog=[{"client": "cli-9", "on": 1, "tag": 0}])),
        ("EN-3", changed(BUSY, gone=["cli-9"])),
        ("EN-4", changed(CONFLICT, grade=1, blocked=0)),
        ("EN-4", changed(CONFLICT, blocked=0)),
        ("EN-5", swapped("who")),
        ("EN-5", changed(first("enrolled"), state="ended")),
        ("EN-6", changed(BUSY, candidates="A" * 43)),
        ("EN-6", changed(BUSY, proof=HISTORY[BUSY]["b"]["proof"][:-4] + "AAAA")),
        ("EN-6", changed(BUSY, proof="")),
        ("EN-6", changed(first("policy"), vrf="A" * 43)),
        ("EN-14", leases(slot=HISTORY[first("window")]["b"]["leases"][0]["slot"])),
        ("EN-14", changed(BUSY, lapsed=["f" * 32])),
        ("EN-14", changed(BUSY, changed=["f" * 32])),
        ("EN-14", told_by(HISTORY, BUSY, re=[])),
        ("EN-14", changed(first("recalled"), slots=["f" * 32])),
        ("EN-15", told_by(HISTORY, ANSWER, s="ghost", n=0)),
        ("EN-17", dated(ANSWER, -7_200_000)),
        ("EN-21", without(CONFLICT)),
        ("EN-24", stated_late()),
        ("EN-26", changed(BUSY, tags=[])),
        ("EN-26", leases(family="free")),
        ("EN-30", with_posting(test=1)),
        ("EN-30", with_posting(state="closed")),
        ("EN-30", admitting(with_posting())),
        ("EN-31", admitting(HISTORY)),
        ("EN-31", with_posting(state="ajar")),
        ("EN-1", changed(BUSY, passed=[{"client": "cli-1", "who": "per-11", "why": "closed"}])),
        ("EN-31", changed(BUSY, leases="many")),
        ("EN-31", changed(first("policy"), effective_from=0)),
        ("EN-33", changed(ANSWER, ms=3_600_000)),
    ],
)
def test_a_lie_is_found(control: str, history: list[Entry]) -> None:
    made = replay(history)
    assert control in made.findings.controls, [str(f) for f in made.findings.kept[:5]]
    assert all(f.kind in (PROVEN, GAP) for f in made.findings.kept)


def test_a_lie_that_was_resumed_from_gives_no_thousand_findings() -> None:
    """After a wrong V the audit goes on with what the log says."""
    made = replay(changed(BUSY, virtual=HISTORY[BUSY]["b"]["virtual"] + 1))
    assert 1 <= sum(made.findings.counts.values()) < 12


def test_exposure_is_counted_by_provider() -> None:
    history = copy.deepcopy(HISTORY)
    for entry in history:
        if entry["t"] == "client-joined":
            entry["b"]["exposure"] = 1
    assert "EN-23" in replay(history).findings.controls


def test_a_lease_of_a_provider_in_conflict_is_named_so() -> None:
    history = copy.deepcopy(HISTORY)
    moved = history.pop(CONFLICT)
    recalled = [i for i, e in enumerate(history) if e["t"] == "recalled" and e["b"]["reason"] == "conflict"]
    for i in reversed(recalled):
        history.pop(i)
    statements = [i for i, e in enumerate(history) if e["t"] == "client-joined"]
    history.insert(statements[-1] + 1, moved)
    assert "EN-21" in replay(history).findings.controls


@pytest.mark.parametrize("source", ["with_drand", "with_reveals"])
def test_frozen_histories_in_two_phases_hold_and_a_draw_that_is_left_out_is_found(source: str) -> None:
    history = [json.loads(text) for text in TWO_PHASE[source]]
    trusted: dict[str, Any] = {"quorum": read_policy(TWO_PHASE["policy"]), "chains": [TWO_PHASE["chain"]]}
    made = replay(history, **trusted)
    assert made.findings.ok and sum(made.sources.values()) > 5, [str(f) for f in made.findings.kept]
    last = max(i for i, e in enumerate(history) if e["t"] == "window-drawn")
    away = history[last] | {"t": "availability", "b": {"on": 0, "who": "per-1"}, "c": {}, "re": []}
    waiting = [*history[:last], away | {"ts": away["ts"] + 3_600_000}]
    assert {f.rule for f in replay(waiting, **trusted).findings.kept} == {"draw.pending"}
    cut = [e for i, e in enumerate(history) if i != first_drawn(history)]
    assert "draw.dropped" in {f.rule for f in replay(cut, **trusted).findings.kept}
    late = copy.deepcopy(history)
    late[first_drawn(history) - 1]["b"]["round"] += 40
    assert "draw.round" in {f.rule for f in replay(late, **trusted).findings.kept}


def first_drawn(history: list[Entry]) -> int:
    return next(i for i, e in enumerate(history) if e["t"] == "window-drawn")
