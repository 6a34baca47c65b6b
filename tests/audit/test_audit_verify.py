"""A whole log checked from outside: what is right passes, and every single alteration is found."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from evenhand.audit import sources
from evenhand.audit.sources import HttpSource, Unreadable
from evenhand.audit.verify import MAX_FINDINGS, numbered, verify
from evenhand.core import merkle
from evenhand.core.canonical import Entry, encode_entry
from evenhand.core.checkpoint import Checkpoint, SigningKey, sign_note
from evenhand.ledger import Ledger

ORIGIN = "labels.example.org/log"


def entry(i: int, **changed: Any) -> bytes:
    """The i-th entry of a log of ten streams, in which each entry follows from the one before it."""
    fields: dict[str, Any] = {
        "kind": "project-state-changed",
        "stream": f"project:{i % 10}",
        "n": i // 10,
        "at": 1_795_435_200_000 + i,
        "public": {"state": "active"},
        "commitments": {},
        "causes": ((f"project:{(i - 1) % 10}", (i - 1) // 10),) if i % 10 else (),
    }
    return encode_entry(Entry(**(fields | changed)))


ENTRIES = [entry(n) for n in range(1_000)]


def make(folder: Path, entries: Sequence[bytes], steps: Sequence[int] = (300, 700)) -> list[bytes]:
    """A published log; gives the checkpoints that it showed on the way."""
    ledger, at, notes = Ledger.open(folder / "ledger", ORIGIN), 0, []
    for step in [*steps, len(entries)]:
        if step > at and entries[at:step]:
            ledger.sequence(entries[at:step])
            at = step
            notes.append(ledger.public.checkpoint_note())
    ledger.close()
    (folder / "ledger" / "public").rename(folder / "log")
    return notes


@pytest.fixture
def log(tmp_path: Path) -> Path:
    make(tmp_path, ENTRIES)
    return tmp_path / "log"


def test_a_right_log_passes_and_is_described(tmp_path: Path) -> None:
    notes = make(tmp_path, ENTRIES)
    told: list[tuple[int, int]] = []
    vkey = (tmp_path / "log" / "vkey").read_text()
    report = verify(tmp_path / "log", vkey=vkey, earlier=notes, progress=lambda *at: told.append(at))
    assert report.findings == []
    assert report.ok
    assert report.trusted
    assert (report.origin, report.size, report.entries, report.streams) == (ORIGIN, 1000, 1000, 10)
    assert (report.earlier, report.unsigned, report.signed) == (3, 1000, 0)
    assert report.kinds == {"project-state-changed": 1000}
    assert report.root == merkle.root([merkle.leaf_hash(data) for data in ENTRIES]).hex()
    assert told == [(256, 1000), (512, 1000), (768, 1000), (1000, 1000)]


def test_a_key_that_the_log_itself_gave_is_said_to_be_that(log: Path) -> None:
    report = verify(log)
    assert report.ok
    assert not report.trusted


def test_a_log_of_several_tile_levels_passes(tmp_path: Path) -> None:
    many = [entry(n) for n in range(66_000)]
    make(tmp_path, many, steps=(65_000,))
    assert (tmp_path / "log" / "tile" / "2").exists()
    assert verify(tmp_path / "log").findings == []


def rules(source: Path | str, **how: Any) -> dict[str, int | None]:
    report = verify(source, **how)
    assert not report.ok
    return {finding.rule: finding.index for finding in reversed(report.findings)}


# --- files that were altered ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("checkpoint", {"checkpoint": None}),
        ("vkey", {"checkpoint": None}),
        ("tile/0/001", {"tile.missing": 256}),
        ("tile/0/003.p/232", {"tile.missing": 768}),
        ("tile/1/000.p/3", {"tile.missing": None}),
        ("tile/entries/001", {"bundle.missing": 256, "entry.place": 512}),
        ("tile/entries/003.p/232", {"bundle.missing": 768}),
    ],
)
def test_a_file_that_is_missing_is_found(log: Path, name: str, expected: dict[str, int | None]) -> None:
    (log / name).unlink()
    found = rules(log)
    assert expected.items() <= found.items()
    assert "root" not in found


def test_a_bundle_and_its_tile_that_are_both_missing_end_the_check(log: Path) -> None:
    (log / "tile/0/001").unlink()
    (log / "tile/entries/001").unlink()
    report = verify(log)
    assert {finding.rule for finding in report.findings} == {"tile.missing", "bundle.missing"}
    assert (report.ok, report.entries) == (False, 256)


@pytest.mark.parametrize("name", ["tile/0/001", "tile/0/003.p/232", "tile/1/000.p/3"])
def test_one_wrong_bit_in_a_tile_is_found(log: Path, name: str) -> None:
    data = bytearray((log / name).read_bytes())
    data[40] ^= 1
    (log / name).write_bytes(data)
    assert rules(log) in ({"tile.leaf": 257}, {"tile.leaf": 769}, {"tile.hash": None})


@pytest.mark.parametrize("name", ["tile/0/001", "tile/1/000.p/3"])
def test_a_tile_that_is_cut_off_is_found(log: Path, name: str) -> None:
    (log / name).write_bytes((log / name).read_bytes()[:-5])
    assert rules(log)


def test_one_wrong_byte_in_an_entry_is_found(log: Path) -> None:
    path = log / "tile" / "entries" / "002"
    path.write_bytes(path.read_bytes().replace(b"active", b"paused", 1))
    assert rules(log) == {"tile.leaf": 512, "tile.hash": None, "root": None}


@pytest.mark.parametrize("cut", [lambda data: data[:-1], lambda data: data[:300], lambda data: b""])
def test_a_bundle_that_is_cut_off_is_found(log: Path, cut: Callable[[bytes], bytes]) -> None:
    path = log / "tile" / "entries" / "003.p" / "232"
    path.write_bytes(cut(path.read_bytes()))
    assert rules(log) == {"bundle.short": 768}


def test_a_full_tile_stands_in_for_a_partial_one_that_is_gone(tmp_path: Path) -> None:
    notes = make(tmp_path, ENTRIES, steps=(300,))
    (tmp_path / "log" / "checkpoint").write_bytes(notes[0])
    assert not (tmp_path / "log" / "tile" / "0" / "001.p").exists()
    assert verify(tmp_path / "log").ok


# --- logs that lie ---


def test_a_log_that_was_written_anew_is_found(tmp_path: Path) -> None:
    """The operator keeps key and origin, and signs another history."""
    notes = make(tmp_path, ENTRIES)
    seed = (tmp_path / "ledger" / "key").read_bytes()
    other = tmp_path / "other"
    (other / "ledger").mkdir(parents=True)
    (other / "ledger" / "key").write_bytes(seed)
    make(other, [*ENTRIES[:299], entry(299, public={"state": "paused"}), *ENTRIES[300:]])
    assert verify(other / "log").ok
    assert rules(other / "log", earlier=notes) == {"earlier.fork": None}
    assert verify(other / "log", earlier=notes).found == 3


def test_a_log_that_was_cut_is_found(tmp_path: Path) -> None:
    notes = make(tmp_path, ENTRIES)
    (tmp_path / "log" / "checkpoint").write_bytes(notes[0])
    assert rules(tmp_path / "log", earlier=notes) == {
        "earlier.rollback": None,
    }


def test_an_earlier_checkpoint_of_another_log_is_said_to_be_that(log: Path) -> None:
    other = SigningKey("other.example/log", b"\7" * 32)
    note = sign_note(Checkpoint(other.name, 3, b"r" * 32).text, other)
    assert rules(log, earlier=[note, b"rubbish"]) == {"earlier.unreadable": None}


def test_a_log_of_another_key_than_was_given_is_found(log: Path) -> None:
    other = str(SigningKey(ORIGIN, b"\7" * 32).verify_key)
    assert rules(log, vkey=other) == {"checkpoint": None}


LIES: dict[str, tuple[dict[str, Any] | bytes, str]] = {
    "a place that is taken": ({"n": 49}, "entry.place"),
    "a place that is skipped": ({"n": 51}, "entry.place"),
    "a time that falls": ({"at": 1}, "entry.place"),
    "an effect before its cause": ({"causes": (("project:9", 50),)}, "entry.place"),
    "a cause that never was": ({"causes": (("nowhere", 0),)}, "entry.place"),
    "an unknown kind": ({"kind": "favour"}, "entry.kind"),
    "an unknown field": ({"public": {"state": "active", "priority": 1}}, "entry.kind"),
    "a commitment that the kind does not have": ({"commitments": {"x": "A" * 43}}, "entry.kind"),
    "a statement that is none": (
        {"by": "key:1", "statement": "I say so", "signature": "A" * 86},
        "entry.statement",
    ),
    "bytes that are no entry": (b"{}", "entry.bytes"),
    "bytes that are not canonical": (ENTRIES[505].replace(b",", b", ", 1), "entry.bytes"),
}


@pytest.mark.parametrize(("lie", "rule"), LIES.values(), ids=LIES.keys())
def test_a_signed_lie_is_found_where_it_stands(
    tmp_path: Path, lie: dict[str, Any] | bytes, rule: str
) -> None:
    lying = lie if isinstance(lie, bytes) else entry(505, **lie)
    make(tmp_path, [*ENTRIES[:505], lying, *ENTRIES[506:]])
    first = verify(tmp_path / "log").findings[0]
    assert (first.rule, first.index) == (rule, 505)
    assert "505" in str(first)


def test_an_actor_s_word_is_counted_apart_from_the_operator_s(tmp_path: Path) -> None:
    vectors = json.loads((Path(__file__).parents[1] / "vectors" / "ledger.json").read_text())
    said = vectors["entries"][3]["bytes"].encode()
    make(tmp_path, [*ENTRIES[:10], said])
    report = verify(tmp_path / "log")
    assert (report.signed, report.unsigned) == (1, 10)
    assert {finding.rule for finding in report.findings} == {
        "entry.place",  # its stream begins at 5
        "key.validity",  # no entry has added its key
    }


def test_very_many_findings_are_counted_not_kept(tmp_path: Path) -> None:
    make(tmp_path, [b"{}"] * (MAX_FINDINGS + 200))
    report = verify(tmp_path / "log")
    assert (len(report.findings), report.found) == (MAX_FINDINGS, MAX_FINDINGS + 200)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 512])
def test_logs_whose_last_tile_is_full_or_not_pass(tmp_path: Path, size: int) -> None:
    make(tmp_path, ENTRIES[:size], steps=())
    source = sources.FolderSource(tmp_path / "log")
    report = verify(source)
    assert (report.findings, report.entries) == ([], size)
    source.close()


def test_an_empty_log_passes(tmp_path: Path) -> None:
    make(tmp_path, [])
    report = verify(tmp_path / "log")
    assert (report.ok, report.size) == (True, 0)


def test_paths_are_those_of_the_specification() -> None:
    vectors = json.loads((Path(__file__).parents[1] / "vectors" / "ledger.json").read_text())
    for vector in vectors["tile_paths"]:
        path = f"tile/{vector['level']}/{numbered(vector['index'])}"
        assert vector["path"] in (path, f"{path}.p/{vector['width']}")


# --- over HTTP, and when nothing answers ---


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(log: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(log)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_any_static_file_server_serves_a_log(served: str) -> None:
    report = verify(served)
    assert (report.findings, report.entries) == ([], 1000)


def test_a_file_that_the_server_does_not_have_is_found(served: str, log: Path) -> None:
    (log / "tile" / "0" / "001").unlink()
    assert rules(served) == {"tile.missing": 256}


def test_a_source_that_does_not_answer_is_no_verdict(tmp_path: Path) -> None:
    for source in (
        "http://127.0.0.1:1/log",
        "http://127.0.0.1:99999999",
        tmp_path / "nowhere",
        str(tmp_path / "nowhere"),
    ):
        with pytest.raises(Unreadable):
            verify(source)


def answering(status: int, body: bytes = b"") -> HttpSource:
    return HttpSource(
        "http://log.example", httpx.MockTransport(lambda request: httpx.Response(status, content=body))
    )


def test_many_files_come_in_order() -> None:
    source = HttpSource(
        "http://log.example",
        httpx.MockTransport(lambda request: httpx.Response(200, content=request.url.path)),
    )
    names = [str(n) for n in range(50)]
    assert list(source.map(source.read, names)) == [f"/{name}".encode() for name in names]
    source.close()


@pytest.mark.parametrize("status", [301, 403, 500, 503])
def test_a_status_that_says_nothing_about_the_file_is_no_verdict(status: int) -> None:
    source = answering(status)
    with pytest.raises(Unreadable, match=str(status)):
        verify(source)
    source.close()


def test_a_host_cannot_fill_our_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 1000)
    source = answering(200, b"x" * 1001)
    with pytest.raises(Unreadable, match="longer"):
        verify(source)
    source.close()


def test_a_folder_that_cannot_be_read_is_no_verdict(log: Path) -> None:
    (log / "checkpoint").unlink()
    (log / "checkpoint").mkdir()
    with pytest.raises(Unreadable):
        verify(log)
