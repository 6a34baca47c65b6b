"""An archive with any byte changed is told of, and never crashes whoever checks it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from evenhand.audit.archive import verify


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_changed_byte_is_a_finding_and_no_crash(packing: int, tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("manifest.json", b'{"layout":"x"}' * 20)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert not verify(path).ok, place


def test_only_the_packing_of_the_layout_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("manifest.json", b"{}")
    report = verify(path)
    assert [(rule, what) for rule, _, what in report.findings] == [
        ("archive.form", "manifest.json is neither stored nor deflated.")
    ]
