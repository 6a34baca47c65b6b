"""Archives that people send, and those that are made to do harm."""

from __future__ import annotations

import io
import struct
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from evenhand import zipped
from evenhand.core.errors import Invalid
from evenhand.zipped import Zipped


def pack(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def read(archive: Zipped, name: str) -> bytes:
    return b"".join(archive.read(next(one for one in archive.files if one.name == name)))


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_files_are_found_by_the_name_that_a_table_gives(tmp_path: Path, method: int) -> None:
    decomposed = unicodedata.normalize("NFD", "bilder/grün.png")
    files = {"set/table.csv": b"x", "set/a.png": b"beside", "a.png": b"top", decomposed: b"green" * 9000}
    files |= {"__MACOSX/._a.png": b"x", "set/.DS_Store": b"x", "empty/": b""}
    with Zipped(pack(tmp_path / "a.zip", files, method)) as archive:
        assert [one.name for one in archive.files] == [
            "set/table.csv",
            "set/a.png",
            "a.png",
            "bilder/grün.png",
        ]
        assert [one.number for one in archive.files] == [1, 2, 3, 4]
        found = [archive.find(name, beside="set/table.csv") for name in ("a.png", "./a.png", "set/a.png")]
        assert [one and one.name for one in found] == ["set/a.png"] * 3
        assert archive.find("bilder\\grün.png") is not None and archive.find("/a.png") is None
        assert read(archive, "bilder/grün.png") == b"green" * 9000


@pytest.mark.parametrize(
    "name", ["../out.png", "a/../../out.png", "/etc/passwd", "C:\\x.png", "a\x1b[2J.png"]
)
def test_a_name_that_climbs_is_a_fault_of_that_file_only(tmp_path: Path, name: str) -> None:
    with Zipped(pack(tmp_path / "a.zip", {name: b"x", "b.png": b"y"})) as archive:
        assert [one.fault for one in archive.files] == ["The name leads out of the archive.", ""]
        with pytest.raises(Invalid, match="leads out"):
            list(archive.read(archive.files[0]))
        assert read(archive, "b.png") == b"y"


def test_links_encrypted_and_double_files_are_faults(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret.png", b"s")
        archive.writestr("twice.png", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("twice.png", b"2")
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02", 0, data.rfind(b"secret.png"))
    data[at + 8] |= 1
    path.write_bytes(data)
    with Zipped(path) as opened:
        faults = [one.fault for one in opened.files]
    assert faults == [
        "This is a link to another file.",
        "The file is encrypted.",
        "",
        "Another file has the same name.",
    ]


def bomb(path: Path) -> None:
    """2 GiB of zeros in 2 MB, as a program packs them."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(2):
            with archive.open(f"{i}.png", "w", force_zip64=True) as target:
                for _ in range(64):
                    target.write(bytes(1 << 20))
    claim(path, 1 << 30)


def claim(path: Path, size: int) -> None:
    """Write this unpacked size into the list of files, so that a test need not pack as much."""
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 24 : at + 28] = struct.pack("<L", size)
        at = data.find(b"PK\x01\x02", at + 1)
    path.write_bytes(data)


def overlapping(path: Path) -> None:
    """Many names for the same packed bytes (Fifield, "A better zip bomb", WOOT 2019)."""
    pack(path, {"0.png": bytes(1 << 20)})
    data = path.read_bytes()
    start = data.find(b"PK\x01\x02")
    end = data.rfind(b"PK\x05\x06")
    entry, count = data[start:end], 500
    tail = bytearray(data[end:])
    tail[8:12] = struct.pack("<HH", count, count)
    tail[12:16] = struct.pack("<L", len(entry) * count)
    path.write_bytes(data[:start] + entry * count + tail)


def long_list(path: Path) -> None:
    pack(path, {"0.png": b"x"})
    data = bytearray(path.read_bytes() + bytes(zipped.MAX_DIRECTORY))
    at = data.rfind(b"PK\x05\x06")
    end = bytes(data[at : at + 22])
    path.write_bytes(data + end[:12] + struct.pack("<L", zipped.MAX_DIRECTORY + 1) + end[16:])


def long_list_in_zip64(path: Path) -> None:
    record = b"PK\x06\x06" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, 0, 1)
    path.write_bytes(record + locator + b"PK\x05\x06" + b"\xff" * 16 + b"\0\0")


def cut(path: Path) -> None:
    pack(path, {"0.png": b"x" * 5000}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes()[:4000])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (bomb, "claims to unpack to"),
        (overlapping, "claims to unpack to"),
        (long_list, "list of files"),
        (long_list_in_zip64, "list of files"),
        (cut, "end is missing"),
        (lambda path: path.write_bytes(b"PK\x05\x06" + b"\xff" * 18), "list of files|cannot be read"),
        (lambda path: path.write_bytes(b""), "end is missing"),
    ],
)
def test_what_would_do_harm_is_refused_before_anything_is_unpacked(
    tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    make(tmp_path / "a.zip")
    with pytest.raises(Invalid, match=says), Zipped(tmp_path / "a.zip"):
        pass


def test_a_file_gives_no_more_than_the_list_says_and_damage_is_told(tmp_path: Path) -> None:
    """The sizes checked at the start hold while unpacking: a lie in the list does not pass them."""
    path = pack(tmp_path / "a.zip", {"0.png": bytes(1 << 20), "1.png": b"y" * 100})
    claim(path, 10)
    with Zipped(path) as archive, pytest.raises(Invalid, match="cannot be unpacked"):
        got = io.BytesIO()
        for piece in archive.read(archive.files[0]):
            got.write(piece)
            assert got.tell() <= 10


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipped, "MAX_FILES", 3)
    path = pack(tmp_path / "a.zip", {f"{i}.png": b"" for i in range(4)})
    with pytest.raises(Invalid, match="holds 4 files"), Zipped(path):
        pass
