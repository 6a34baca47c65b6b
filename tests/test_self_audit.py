"""When a node audits itself: soon after its log has grown, and seldom while it has not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from evenhand import self_audit


def test_a_log_is_audited_when_it_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule alone; what an audit finds is tested with the page that shows it."""
    monkeypatch.setattr(self_audit, "FIRST", 0.01)
    monkeypatch.setattr(self_audit, "GROWN", 0.01)
    monkeypatch.setattr(self_audit, "SHARE", 0)
    (tmp_path / "public").mkdir()
    checkpoint = tmp_path / "public" / "checkpoint"
    audited = threading.Semaphore(0)
    node = self_audit.SelfAudit(tmp_path, None)
    monkeypatch.setattr(node, "once", audited.release)
    checkpoint.write_text("origin\n5\nroot\n")
    node.start()
    try:
        assert audited.acquire(timeout=60)
        assert not audited.acquire(timeout=0.3), "nothing has come since"
        checkpoint.write_text("origin\n6\nroot\n")
        assert audited.acquire(timeout=60)
        monkeypatch.setattr(self_audit, "PAUSE", 0.0)
        checkpoint.write_text("origin\n7\nroot\n")
        assert audited.acquire(timeout=60)
        assert audited.acquire(timeout=60), "a log at rest, too, now and then"
    finally:
        node.stop()


def test_the_first_audit_waits_until_a_node_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_audit, "FIRST", 0.01)
    node = self_audit.SelfAudit(tmp_path, None)
    sizes = iter([257, 300, 427, 427])
    left: list[int] = []
    done = threading.Event()
    monkeypatch.setattr(node, "_size", lambda: next(sizes, 0))
    monkeypatch.setattr(node, "once", lambda: (left.extend(sizes), done.set()))
    node.start()
    try:
        assert done.wait(60)
        assert left == [], "it looked until two looks agreed"
    finally:
        node.stop()
