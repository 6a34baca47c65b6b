"""Cheats are found out, honest operators are not accused: a small draw of what `make attacks` plays."""

from __future__ import annotations

from pathlib import Path

import pytest

from attacks.cheats import CHEATS, HONEST, Cheat, Honest
from attacks.files import ON_FILES, OnFiles
from attacks.look import look
from attacks.table import Line, table, told, wrong
from evenhand.audit.findings import CONTROLS
from evenhand.core.canonical import decode_entry, encode_entry

SHORT = [cheat for cheat in CHEATS if cheat.needs <= 100]
LONG = [cheat for cheat in CHEATS if cheat.needs > 100]


@pytest.mark.parametrize("seed", range(13))
@pytest.mark.parametrize("kind", HONEST)
def test_nobody_honest_is_accused(kind: type[Cheat], seed: int) -> None:
    """Fifty honest histories. No proven violation and no gap; an alarm would be one in a hundred."""
    audit = look(kind(10_000 + seed).play())
    assert audit.findings.ok, [str(finding) for finding in audit.findings.kept]
    assert audit.windows > 20 and audit.draws > 20


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("cheat", SHORT, ids=lambda cheat: cheat.__name__)
def test_each_cheat_is_found_or_said_to_be_invisible(cheat: type[Cheat], seed: int) -> None:
    audit = look(cheat(seed, cheat.needs).play())
    assert audit.findings.ok is not cheat.expected, [str(f) for f in audit.findings.kept[:3]]
    assert cheat.control in CONTROLS
    assert all(f.index is not None or "overdue" in f.rule for f in audit.findings.kept)


@pytest.mark.parametrize("cheat", LONG, ids=lambda cheat: cheat.__name__)
def test_what_only_shows_over_time_is_an_alarm(cheat: type[Cheat]) -> None:
    audit = look(cheat(1, cheat.needs).play())
    assert cheat.control in audit.findings.controls
    assert set(audit.findings.counts) == {"statistical alarm"}


@pytest.mark.parametrize("one", ON_FILES, ids=lambda one: one.play.__name__)
def test_cheats_on_files(one: OnFiles, tmp_path: Path) -> None:
    audit = one.run(3, tmp_path / "log")
    assert audit.findings.ok is not one.expected, [str(f) for f in audit.findings.kept[:3]]
    if one.expected:
        tree = {"EN-18", "EN-19"}  # a tree that was altered and one that was forked look alike
        assert audit.findings.controls.keys() & (tree if one.control in tree else {one.control})


def test_any_single_event_that_is_altered_is_found() -> None:
    """Every number in every window of an honest log, one by one: each is either checked or only a claim."""
    log = Honest(5, 12).play()
    windows = [i for i, data in enumerate(log) if decode_entry(data).kind == "window"]
    missed = []
    for i in windows[2:6]:
        entry = decode_entry(log[i])
        for field in (
            "tags",
            "virtual",
            "leases",
            "settled",
            "idle",
            "candidates",
            "proof",
            "waiting",
            "backlog",
        ):
            altered = _altered(entry.public, field)
            if altered is None:
                continue
            spoiled = encode_entry(_with(entry, altered))
            if look([*log[:i], spoiled, *log[i + 1 :]]).findings.ok:
                missed.append((i, field))
    assert missed == []


def _with(entry, public):
    import msgspec

    return msgspec.structs.replace(entry, public=public)


def _altered(public, field):
    value = public[field]
    if isinstance(value, list):
        return public | {field: value[:-1]} if value else None
    if isinstance(value, int):
        return public | {field: value + 1}
    swapped = ("B" if value[5] == "A" else "A") if len(value) > 5 else None
    return public | {field: value[:5] + swapped + value[6:]} if swapped else None


def test_the_table_tells_what_was_missed() -> None:
    line = Line("EN-1", "x", True)
    line.take((False, {}, [], ""))
    honest = Line("", "honest", False)
    honest.take(told(look(CHEATS[0](1).play())))
    assert len(wrong([line, honest])) == 2
    assert "| EN-1 | x | 1 | 0 | nothing |" in table([line, honest])
