"""Media: what is taken, how it is served, and that nothing in it ever runs."""

from __future__ import annotations

import contextlib
import io
import struct
import tarfile
import time
import wave
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evenhand import blobs
from evenhand.blobs import Shape, shape_of
from evenhand.containers import inside
from evenhand.core.errors import Invalid, Missing

from ..films import mp4, number, webm

# ---- what the bytes say ------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    """A whole, grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg(width: int, height: int, orientation: int = 0, order: str = "<") -> bytes:
    """The segments up to the frame header."""
    exif = b""
    if orientation:
        mark = b"II" if order == "<" else b"MM"
        entry = struct.pack(f"{order}HHIHH", 274, 3, 1, orientation, 0)
        tiff = mark + struct.pack(f"{order}HI", 42, 8) + struct.pack(f"{order}H", 1) + entry + b"\0" * 4
        exif = b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff
    table = b"\xff\xc4" + struct.pack(">H", 4) + b"\xff\xc0"  # a table whose bytes look like a frame header
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8" + exif + table + b"\xff" + frame + b"\xff\xda"


def webp(kind: bytes, width: int, height: int) -> bytes:
    body = {
        b"VP8 ": b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width & 0x3FFF, height),
        b"VP8L": b"\x2f" + ((width - 1) | (height - 1) << 14).to_bytes(4, "little"),
        b"VP8X": b"\0" * 4 + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"),
    }[kind]
    return b"RIFF\0\0\0\0WEBP" + kind + struct.pack("<I", len(body)) + body + b"\0" * 8


def theora(width: int, height: int) -> bytes:
    """The first page of an Ogg with pictures (Theora specification, 6.2)."""
    picture = width.to_bytes(3, "big") + height.to_bytes(3, "big") + b"\0\0"
    packet = (
        b"\x80theora\3\2\1" + b"\0\x28\0\x17" + picture + (25).to_bytes(4, "big") + (1).to_bytes(4, "big")
    )
    packet += bytes(12)
    return b"OggS\0\2" + bytes(20) + bytes([1, len(packet)]) + packet


def wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setparams((1, 1, 8000, 0, "NONE", ""))
        sound.writeframes(b"\x80" * 800)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (png(3, 2), Shape("image/png", 3, 2)),
        (b"GIF89a" + struct.pack("<HH", 640, 480), Shape("image/gif", 640, 480)),
        (jpeg(40, 30), Shape("image/jpeg", 40, 30)),
        (jpeg(40, 30, 1), Shape("image/jpeg", 40, 30)),
        (jpeg(40, 30, 3), Shape("image/jpeg", 40, 30)),
        (jpeg(40, 30, 6), Shape("image/jpeg", 30, 40)),
        (jpeg(40, 30, 8, ">"), Shape("image/jpeg", 30, 40)),
        (webp(b"VP8 ", 100, 50), Shape("image/webp", 100, 50)),
        (webp(b"VP8L", 100, 50), Shape("image/webp", 100, 50)),
        (webp(b"VP8X", 16000, 50), Shape("image/webp", 16000, 50)),
        (b'<?xml version="1.0"?><svg xmlns="x"/>', Shape("image/svg+xml")),
        (wav(), Shape("audio/wav")),
        (b"ID3\x04" + b"\0" * 8, Shape("audio/mpeg")),
        (b"\xff\xfb\x90\x00", Shape("audio/mpeg")),
        (b"\xff\xf1\x50\x80", Shape("audio/aac")),
        (b"OggS" + b"\0" * 8, Shape("audio/ogg")),
        (b"fLaC" + b"\0" * 8, Shape("audio/flac")),
        (b"\x1aE\xdf\xa3" + b"\0" * 8, Shape("audio/webm")),
        (b"\0\0\0\x20ftypM4A " + b"\0" * 8, Shape("audio/mp4")),
        (webm(320, 180, 30000 / 1001, [(True, b"x")]), Shape("video/webm", 320, 180, 29.97)),
        (webm(320, 180, 25, [(True, b"x")]).replace(number(0x83, 1), number(0x83, 2)), Shape("audio/webm")),
        (mp4(640, 360, 25), Shape("video/mp4", 640, 360, 25.0)),
        (mp4(640, 360, 25, turned=True), Shape("video/mp4", 360, 640, 25.0)),
        (theora(640, 360), Shape("video/ogg", 640, 360, 25.0)),
        (b"OggS\0\x02" + b"\0" * 20 + b"\x01\x08OpusHead", Shape("audio/ogg")),
    ],
)
def test_type_and_size_come_from_the_bytes(data: bytes, shape: Shape) -> None:
    assert shape_of(data, "application/octet-stream") == shape
    assert shape_of(data, f"{shape.type}; charset=x") == shape
    if shape.type in ("audio/mp4", "video/webm", "audio/webm", "audio/ogg"):  # programs go by the suffix
        kind, _, container = shape.type.partition("/")
        assert shape_of(data, f"{'video' if kind == 'audio' else 'audio'}/{container}").width == shape.width
    with pytest.raises(Invalid):
        shape_of(data, "image/png" if shape.type != "image/png" else "image/gif")


def test_a_description_at_the_end_of_a_video_is_found() -> None:
    """As cameras write them: an MP4 that was not prepared for the web."""
    data = mp4(640, 360, 30, last=True)
    head = data[: blobs.HEAD]
    assert shape_of(head, "", inside(data)) == Shape("video/mp4", 640, 360, 30.0)
    assert shape_of(head, "") == Shape("video/mp4"), "of a file of which only the first bytes are at hand"
    assert shape_of(head, "video/quicktime", inside(data)).type == "video/mp4"
    assert shape_of(head, "audio/mp4") == Shape("audio/mp4")


@pytest.mark.parametrize("whole", [webm(320, 180, 25, [(True, b"x")]), mp4(640, 360, 25), theora(64, 36)])
def test_damaged_videos_do_no_harm(whole: bytes) -> None:
    for at in range(4, min(len(whole), 420), 3):
        for data in (
            whole[:at],
            whole[:at] + b"\xff" * 8 + whole[at + 8 :],
            whole[:at] + bytes(8) + whole[at + 8 :],
        ):
            with contextlib.suppress(Invalid):
                assert shape_of(data, "").type.partition("/")[0] in ("audio", "video", "image")


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"%PDF-1.7", b"PK\3\4" + b"\0" * 30, b"<html><script>", b"\x89PNG"]
)
def test_what_is_no_medium_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid) as error:
        shape_of(data, "")
    assert error.value.where == "Content-Type" and error.value.remedy


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_cut_off_pictures_do_no_harm(cut: int) -> None:
    for data in (jpeg(40, 30, 6), webp(b"VP8X", 9, 9), png(3, 2), b"GIF89a\1\0\1\0"):
        with contextlib.suppress(Invalid):
            shape_of(data[:cut], "")


@pytest.mark.parametrize("kind", ["folder", "object store"])
def test_where_media_are_kept(tmp_path: Any, kind: str) -> None:
    if kind == "folder":
        store: blobs.Blobs = blobs.Folder(tmp_path)
    else:
        (tmp_path / "bucket").mkdir()
        store = blobs.Bucket(f"file://{tmp_path}/bucket", tmp_path / "uploads")
    upload = store.upload("org-a")
    for piece in (b"abc", b"def"):
        upload.write(piece)
    digest = upload.keep()
    upload.drop()
    assert store.size("org-a", digest) == 6
    assert b"".join(store.read("org-a", digest, 2, 5)) == b"cde"
    with pytest.raises(Missing):
        store.size("org-b", digest)
    dropped = store.upload("org-a")
    dropped.write(b"half")
    dropped.drop()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [digest]


# ---- over HTTP ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(quick: Any) -> str:
    fields = [{"name": "picture", "type": "image"}]
    questions = [{"name": "q", "type": "text"}]
    made = quick.ok(
        quick.operator, "POST", "/projects", json={"name": "M", "fields": fields, "questions": questions}
    )
    return str(made["id"])


def task_with(
    quick: Any, project: str, data: bytes, declared: str, **more: Any
) -> tuple[str, dict[str, Any]]:
    """(address of the medium, the blob) of a fresh task that shows these bytes."""
    blob = quick.ok(
        quick.operator, "POST", f"/projects/{project}/blobs", content=data, headers={"Content-Type": declared}
    )
    client = quick.client(quick.operator)
    client.import_tasks(project, [{"picture": blob, "external_id": f"{blob['blob']}{len(data)}", **more}])
    last = list(client.tasks(project))[-1].task_id
    return f"/tasks/{last}/media/picture", blob


def test_a_picture_there_and_back(quick: Any, project: str) -> None:
    data = png(5, 4)
    address, blob = task_with(quick, project, data, "image/png")
    assert (blob["type"], blob["width"], blob["height"], blob["bytes"]) == ("image/png", 5, 4, len(data))
    answer = quick.call(quick.operator, "GET", address)
    assert answer.content == data and answer.headers["content-type"] == "image/png"
    assert answer.headers["etag"] == f'"{blob["blob"]}"'
    again = quick.call(quick.operator, "GET", address, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304 and again.content == b""


@pytest.mark.parametrize(
    ("wanted", "status", "slice_"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=10-", 206, slice(10, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=5-99999", 206, slice(5, None)),
        ("bytes=0-0", 206, slice(0, 1)),
        ("bytes=99999-", 416, slice(0, 0)),
        ("bytes=-0", 416, slice(0, 0)),
        ("bytes=9-3", 416, slice(0, 0)),
        ("bytes=\xb2-", 200, slice(0, None)),
        ("bytes=0-" + "9" * 5000, 200, slice(0, None)),
        ("bytes=0-1,4-5", 200, slice(None)),
        ("lines=0-1", 200, slice(None)),
        ("bytes=a-b", 200, slice(None)),
    ],
)
def test_parts_of_a_sound(quick: Any, project: str, wanted: str, status: int, slice_: slice) -> None:
    data = wav()
    address, _ = task_with(quick, project, data, "audio/wav")
    answer = quick.call(quick.operator, "GET", address, headers={"Range": wanted.encode("latin-1")})
    assert answer.status_code == status
    if status != 416:
        assert answer.content == data[slice_]
    if status == 206:
        start, stop, _ = slice_.indices(len(data))
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(data)}"


VECTORS = [
    '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    '<svg xmlns="http://www.w3.org/2000/svg"><image href="x" onerror="alert(1)"/></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><a href="javascript:alert(1)"><text>x</text></a></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><animate onbegin="alert(1)" attributeName="x" dur="1s"/></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><set attributeName="onmouseover" to="alert(1)"/></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><foreignObject><iframe src="data:,"/></foreignObject></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><use href="data:image/svg+xml;base64,PHN2Zz4=#x"/></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><style>@import "//evil.example/x.css";</style></svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><script href="//evil.example/x.js"/></svg>',
    '<?xml version="1.0"?><?xml-stylesheet href="javascript:alert(1)"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg">&x;</svg>',
    '<svg xmlns="http://www.w3.org/2000/svg"><handler type="text/javascript">alert(1)</handler></svg>',
    '\ufeff<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    '<!-- x --><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
]
HTML = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<body onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href=javascript:alert(1)>x</a>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<form action=javascript:alert(1)><input type=submit>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<base href=//evil.example/>",
    "<math><mtext><script>alert(1)</script></mtext></math>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<template><script>alert(1)</script></template>",
]


@pytest.mark.parametrize("vector", VECTORS)
def test_a_drawing_with_a_script_is_inert(quick: Any, project: str, vector: str) -> None:
    """As an <img> it never runs; opened by itself it is a download in a sandbox without scripts."""
    address, _ = task_with(quick, project, vector.encode(), "image/svg+xml")
    answer = quick.call(quick.operator, "GET", address)
    assert answer.headers["content-disposition"].startswith("attachment")
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy and "allow-scripts" not in policy and "default-src 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize("vector", HTML)
@pytest.mark.parametrize("declared", ["text/html", "image/png", "image/svg+xml", "application/octet-stream"])
def test_markup_is_no_medium(quick: Any, project: str, vector: str, declared: str) -> None:
    answer = quick.call(
        quick.operator,
        "POST",
        f"/projects/{project}/blobs",
        content=vector.encode(),
        headers={"Content-Type": declared},
    )
    assert answer.status_code == 400 and answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("vector", HTML)
def test_a_picture_that_ends_in_markup_stays_a_picture(quick: Any, project: str, vector: str) -> None:
    """Bytes that are two things at once are served as the one that they begin as, and never sniffed."""
    address, _ = task_with(quick, project, png(2, 2) + vector.encode(), "image/png")
    answer = quick.call(quick.operator, "GET", address)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff" and "sandbox" in str(answer.headers)


@pytest.mark.parametrize("vector", HTML + VECTORS)
def test_names_come_back_as_data(quick: Any, vector: str) -> None:
    """Whatever is typed comes back as JSON, which no browser renders."""
    draft = {
        "name": vector[:150],
        "fields": [{"name": "t", "title": vector}],
        "instructions": vector,
        "questions": [{"name": "q", "type": "text", "title": vector}],
    }
    answer = quick.call(quick.operator, "POST", "/projects", json=draft)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    refused = quick.call(quick.operator, "GET", f"/projects/{vector.replace('/', '')[:60]}")
    assert refused.headers["content-type"] == "application/problem+json"


def test_only_who_was_given_the_task_sees_its_medium(quick: Any, project: str) -> None:
    address, _ = task_with(quick, project, png(7, 7), "image/png")
    made = quick.ok(quick.operator, "POST", "/members", json={"name": "A"})
    assert quick.call(made["api_key"], "GET", address).status_code == 404
    worker = quick.client(made["api_key"])
    while True:
        work = worker.next_assignment(project)
        assert work is not None
        if f"/tasks/{work.task_id}/media/picture" == address:
            break
        worker.skip(work.id)
    assert quick.call(made["api_key"], "GET", address).content == png(7, 7)
    assert quick.call(quick.operator, "GET", address.replace("picture", "nothing")).status_code == 404


def test_the_picture_of_a_test_is_seen_when_its_turn_has_come(quick: Any) -> None:
    draft = {
        "name": "Pictures",
        "fields": [{"name": "picture", "type": "image"}],
        "questions": [{"name": "spam", "type": "choice", "choices": ["ham", "spam"]}],
        "qualification": {"tasks": 2, "pass_mark": 100, "tries": 1},
    }
    project = quick.ok(quick.operator, "POST", "/projects", json=draft)["id"]
    for side in (5, 6):
        address, _ = task_with(
            quick, project, png(side, side), "image/png", gold_answers="ham", gold_feedback="So."
        )
    key = quick.ok(quick.operator, "POST", "/members", json={"name": "A"})["api_key"]
    assert quick.call(key, "GET", address).status_code == 404
    path = f"/projects/{project}/qualification"
    state = quick.ok(key, "POST", path)
    first = state["next"]["task_id"]
    assert quick.call(key, "GET", f"/tasks/{first}/media/picture").status_code == 200
    others = [n for n in (1, 2) if f"{project}-{n}" != first]
    assert [quick.call(key, "GET", f"/tasks/{project}-{n}/media/picture").status_code for n in others] == [
        404
    ]
    quick.ok(key, "POST", f"{path}/answer", json={"task_id": first, "answers": {"spam": "ham"}})
    assert quick.call(key, "GET", f"/tasks/{project}-{others[0]}/media/picture").status_code == 200


def test_a_medium_of_another_organization_cannot_be_named(quick: Any, project: str) -> None:
    """A record may name any digest; only those of its own organization are ever looked up."""
    _, blob = task_with(quick, project, png(11, 3), "image/png")
    made = quick.ok(quick.operator, "POST", "/organizations", json={"name": "Thief"})
    thief = quick.browser().accept(
        made["owner_invite"], name="T", email="t@x.example", password="a long password"
    )
    key = thief.call("POST", "/keys", json={"name": "k"}).json()["api_key"]
    fields = [{"name": "picture", "type": "image"}]
    own = quick.ok(
        key,
        "POST",
        "/projects",
        json={"name": "T", "fields": fields, "questions": [{"name": "q", "type": "text"}]},
    )["id"]
    quick.client(key).import_tasks(own, [{"picture": blob}])
    assert quick.call(key, "GET", f"/tasks/{own}-1/media/picture").status_code == 404


def until(true: Callable[[], Any]) -> None:
    """Wait for something that the node does."""
    limit = time.monotonic() + 60
    while not true():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)


def test_an_upload_that_breaks_off_leaves_nothing(quick: Any, project: str) -> None:
    import socket
    from urllib.parse import urlsplit

    folder = quick.app.node.config.data / "media"
    before = sorted(folder.rglob("*"))
    parts = urlsplit(quick.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as peer:
        head = f"POST /api/v1/projects/{project}/blobs HTTP/1.1\r\nHost: localhost\r\n"
        peer.sendall(f"{head}Authorization: Bearer {quick.operator}\r\nContent-Length: 900\r\n\r\n".encode())
        peer.sendall(png(4, 4)[:20])
        until(lambda: list(folder.rglob("*.new")))
    until(lambda: not list(folder.rglob("*.new")))
    assert sorted(folder.rglob("*")) == before


# ---- exports -------------------------------------------------------------------------------------


def test_an_export_as_files_and_as_one_archive(quick: Any) -> None:
    draft = {"name": "X", "fields": [{"name": "t"}], "questions": [{"name": "q", "type": "text"}]}
    project = quick.ok(quick.operator, "POST", "/projects", json=draft)["id"]
    quick.client(quick.operator).import_tasks(project, [{"t": f"row {i}"} for i in range(3000)])
    export = quick.ok(quick.operator, "POST", f"/projects/{project}/exports", json={})["id"]
    while (state := quick.ok(quick.operator, "GET", f"/exports/{export}"))["state"] == "running":
        pass
    archive = zipfile.ZipFile(io.BytesIO(quick.call(quick.operator, "GET", f"/exports/{export}/zip").content))
    assert archive.testzip() is None and sorted(archive.namelist()) == sorted(state["files"])
    for name in state["files"]:
        answer = quick.call(quick.operator, "GET", f"/exports/{export}/files/{name}")
        assert answer.content == archive.read(name)
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]
    part = quick.call(
        quick.operator, "GET", f"/exports/{export}/files/tasks.jsonl", headers={"Range": "bytes=10-19"}
    )
    assert part.status_code == 206 and part.content == archive.read("tasks.jsonl")[10:20]
    assert quick.ok(quick.operator, "GET", f"/projects/{project}/exports")["items"][0]["id"] == export


# ---- files in pieces -------------------------------------------------------------------------------


def test_a_file_comes_in_pieces_and_is_read_once(quick: Any) -> None:
    draft = {"name": "F", "fields": [{"name": "t"}], "questions": [{"name": "q", "type": "text"}]}
    project = quick.ok(quick.operator, "POST", "/projects", json=draft)["id"]
    body = b"".join(b'{"t": "row %d"}\n' % i for i in range(5000))
    wish = {"name": "rows.jsonl", "bytes": len(body)}
    id_ = quick.ok(quick.operator, "POST", f"/projects/{project}/imports", json=wish)["id"]
    put = f"/imports/{id_}/file?offset="
    assert quick.call(quick.operator, "PUT", f"{put}10", content=body[10:20]).status_code == 409
    assert quick.ok(quick.operator, "PUT", f"{put}0", content=body[:30_000])["received"] == 30_000
    assert quick.call(quick.operator, "POST", f"/imports/{id_}/finish").status_code == 400
    assert quick.ok(quick.operator, "PUT", f"{put}20000", content=body[20_000:30_000])["received"] == 30_000
    quick.ok(quick.operator, "PUT", f"{put}30000", content=body[30_000:])
    for _ in range(3):
        quick.ok(quick.operator, "POST", f"/imports/{id_}/finish")
    while (done := quick.ok(quick.operator, "GET", f"/imports/{id_}"))["state"] == "running":
        pass
    assert (done["state"], done["accepted"], done["rejected"]) == ("done", 5000, 0)
    assert quick.call(quick.operator, "PUT", f"{put}0", content=b"x").status_code == 403
    for _ in range(200):
        if not (quick.app.node.config.data / "imports" / id_).exists():
            return
        quick.plain.get("/healthz")
    raise AssertionError("the file was read, and stays on the disk")


@pytest.mark.parametrize("format", ["yolo", "coco", "voc", "datumaro", "imagefolder"])
def test_stored_images_come_with_an_export(quick: Any, tmp_path: Path, format: str) -> None:
    """Under the names that the labels have; an image that two tasks show comes once, and none unasked."""
    client = quick.client(quick.operator)
    boxes = {"name": "cats", "type": "box", "field": "photo", "labels": ["cat"]}
    fields = [{"name": "photo", "type": "image"}]
    project = client.create_project(f"Pictures for {format}", fields=fields, questions=[boxes]).id
    content = png(30, 20)
    photo = client.upload(project, content, "image/png")
    stored = {"blob": photo.blob, "type": photo.type, "width": 30, "height": 20}
    client.import_tasks(
        project, [{"n": i, "photo": stored} for i in range(2)] + [{"photo": "http://x/a.png"}]
    )
    annotator = quick.client(client.create_annotator(f"For {format}").api_key)
    while (work := annotator.next_assignment(project)) is not None:
        box = {"x": 3, "y": 2, "width": 6, "height": 4, "label": "cat"}
        annotator.submit(work.id, {"cats": [box]})
    client.export(project, format=format, out=tmp_path / "with", accept_loss=True)
    with tarfile.open(tmp_path / "with" / "images.tar") as pictures:
        (name,) = pictures.getnames()
        kept = pictures.extractfile(name)
        assert kept is not None and kept.read() == content
    labels = b"".join(one.read_bytes() for one in (tmp_path / "with").iterdir() if one.name != "images.tar")
    assert name.split("/")[0].lower().endswith("images")
    assert name.rpartition("/")[2].rpartition(".")[0].encode() in labels
    client.export(
        project, format=format, out=tmp_path / "without", accept_loss=True, options={"media": False}
    )
    assert not (tmp_path / "without" / "images.tar").exists()


@pytest.mark.parametrize(("format", "suffix"), [("webvtt", "vtt"), ("rttm", "rttm")])
def test_stored_sounds_come_with_what_was_heard_in_them(
    quick: Any, tmp_path: Path, format: str, suffix: str
) -> None:
    client = quick.client(quick.operator)
    heard = {"name": "talk", "type": "time_span", "field": "sound", "labels": ["speech"]}
    fields = [{"name": "sound", "type": "audio"}, {"name": "cover", "type": "image"}]
    project = client.create_project(f"Sounds for {format}", fields=fields, questions=[heard]).id
    content = io.BytesIO()
    with wave.open(content, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(16000))
    sound = client.upload(project, content.getvalue(), "audio/wav")
    cover = client.upload(project, png(3, 2), "image/png")
    record = {"sound": {"blob": sound.blob, "type": sound.type}, "cover": {"blob": cover.blob}}
    client.import_tasks(project, [record])
    annotator = quick.client(client.create_annotator(f"Ears for {format}").api_key)
    work = annotator.next_assignment(project)
    annotator.submit(work.id, {"talk": [{"start": 0.25, "end": 0.75, "label": "speech"}]})
    client.export(project, format=format, out=tmp_path / "out", accept_loss=True)
    with tarfile.open(tmp_path / "out" / "sounds.tar") as sounds:
        (name,) = sounds.getnames()
        kept = sounds.extractfile(name)
        assert kept is not None and kept.read() == content.getvalue(), "the cover is none"
    with tarfile.open(tmp_path / "out" / f"{format}.tar") as told:
        assert told.getnames() == [f"{name.rpartition('.')[0]}.{suffix}"]
