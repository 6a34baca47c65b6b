"""Media of other tools: which file is meant by an address, what is stored, and what is said of the rest."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
import zipfile
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from evenhand import peers
from evenhand.core.errors import Invalid
from evenhand.outbound import Door
from evenhand.peers.media import Media, path_of

from .test_label_studio import Server, annotation, region

Files = dict[str, bytes]


def picture(number: int) -> bytes:
    """The head of a PNG, and a number that makes it another one."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 4, 3) + bytes([number])


def folder(root: Path, files: Files) -> Path:
    root.mkdir()
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def archive(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return path


CONFIG = """<View><Image name="i" value="$image"/>
<Choices name="c" toName="i"><Choice value="A"/><Choice value="B"/></Choices></View>"""


def label_studio(root: Path, *addresses: str) -> tuple[Path, Path]:
    chosen = [region("c", "choices", {"choices": ["A"]})]
    tasks = [
        {"id": n, "data": {"image": address}, "annotations": [annotation(3, chosen)]}
        for n, address in enumerate(addresses, 1)
    ]
    (root / "export.json").write_text(json.dumps(tasks))
    (root / "config.xml").write_text(CONFIG)
    return root / "export.json", root / "config.xml"


def stored(task: Any, field: str = "image") -> Any:
    return json.loads(bytes(task.data))[field]


def inline(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


CVAT = """<annotations><meta/><image id="0" name="a/1.jpg" width="4" height="3"><tag label="day"/></image>
</annotations>"""
TAG = {"type": "groundtruth/image-classification", "class-name": "x", "human-annotated": "yes"}
ARGILLA = {
    "fields": [{"name": "pic", "settings": {"type": "image"}}],
    "questions": [{"name": "why", "title": "Why?", "settings": {"type": "text"}}],
}
CASES: dict[str, tuple[str, Files, Files, str]] = {  # peer, its files, media, field
    "path": ("cvat", {"a.xml": CVAT.encode()}, {"a/1.jpg": picture(1), "b/1.jpg": picture(2)}, "image"),
    "below": ("cvat", {"a.xml": CVAT.encode()}, {"set/a/1.jpg": picture(1), "1.jpg": picture(2)}, "image"),
    "bucket": (
        "ground_truth",
        {"o.manifest": json.dumps({"source-ref": "s3://b/x/1.jpg", "j": 0, "j-metadata": TAG}).encode()},
        {"set/x/1.jpg": picture(1), "set/y/1.jpg": picture(2)},
        "source-ref",
    ),
    "web": (
        "argilla",
        {
            ".argilla/settings.json": json.dumps(ARGILLA).encode(),
            "records.json": b'[{"id": "1", "fields": {"pic": "https://e.org/x/gr%C3%BCn.png?v=2"}}]',
        },
        {"x/gru\u0308n.png": picture(1), "y/gr\u00fcn.png": picture(2)},
        "pic",
    ),
    "inline": (
        "argilla",
        {
            ".argilla/settings.json": json.dumps(ARGILLA).encode(),
            "records.json": json.dumps([{"id": "1", "fields": {"pic": inline(picture(1))}}]).encode(),
        },
        {},
        "pic",
    ),
    "name": (
        "doccano",
        {"all.jsonl": b'{"filename": "1.jpg", "label": ["x"]}'},
        {"a/1.jpg": picture(1)},
        "image",
    ),
}


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("case", CASES)
def test_each_tool_s_media_come_and_twice_adds_nothing(case, packed, tmp_path, bring, released) -> None:
    peer, source, files, field = CASES[case]
    root = folder(tmp_path / "source", source)
    given = [root] if peer == "argilla" else list(root.iterdir())
    media = archive(tmp_path / "m.zip", files) if packed else folder(tmp_path / "m", files)
    moved = bring(peer, *given, media=media, name=f"{case} {packed}")
    (task,) = released(moved.project_id)
    digest = hashlib.sha256(picture(1)).hexdigest()
    size = len(picture(1))
    assert stored(task, field) == {
        "blob": digest,
        "bytes": size,
        "type": "image/png",
        "width": 4,
        "height": 3,
    }
    assert not moved.rejected and not [one for one in moved.lost if one.where.startswith("media")]
    again = bring(peer, *given, media=media, name=f"{case} {packed}")
    assert (again.project_id, again.tasks, again.annotations) == (moved.project_id, 0, 0)
    assert not again.rejected


def test_what_is_not_found_is_named_and_keeps_its_address(tmp_path, bring, released, client) -> None:
    addresses = [
        "/data/upload/1/0a1b2c3d-cat.jpg",  # as it was called before it was uploaded
        "/data/local-files/?d=photos/dog.jpg",
        "/data/upload/../../secret.png",
        "/data/upload/1/gone.jpg",
        "/data/upload/1/note.png",  # is there, and is text
        "/data/upload/1/00000000-cow.jpg",  # two that were uploaded under one name
        "/data/upload/1/11111111-cow.jpg",
        "/data/upload/1/sheep.jpg",  # and two of one name in the folder
        "data:image/png;base64,AAA",
    ]
    export, config = label_studio(tmp_path, *addresses)
    media = folder(
        tmp_path / "media",
        {
            "cat.jpg": picture(1),
            "photos/dog.jpg": picture(2),
            "note.png": b"hello",
            "cow.jpg": picture(3),
            "a/sheep.jpg": picture(4),
            "b/sheep.jpg": picture(5),
        },
    )
    (tmp_path / "secret.png").write_bytes(picture(6))
    (media / "gone.jpg").symlink_to(tmp_path / "secret.png")
    moved = bring("label-studio", export, config=config, media=media, name="Some are gone")
    tasks = released(moved.project_id)
    found = [hashlib.sha256(picture(n)).hexdigest() for n in (1, 2)]
    assert [stored(task)["blob"] for task in tasks[:2]] == found
    assert [stored(task) for task in tasks[2:]] == addresses[2:]
    assert client.task(tasks[0].task_id).metadata["media"] == {"image": addresses[0]}
    lost = {one.reason: one.count for one in moved.lost if one.where == "media of the field image"}
    assert sorted(lost.values()) == [1, 2, 2, 2] and (moved.tasks, moved.annotations) == (9, 9)
    (gone,) = (reason for reason in lost if "no file of this path" in reason)
    assert "media has" in gone and addresses[3] in gone and addresses[7] in gone
    with Media(None) as none:
        one, _ = none.look(peers.find("label_studio").read([export], peers.Options(config=config))).lost
    assert one.count == 8 and "--media" in one.reason and one.reason.endswith("…."), one.reason


def test_an_archive_that_climbs_or_swells_is_refused_as_at_every_import(tmp_path: Path) -> None:
    climbing = archive(tmp_path / "c.zip", {"../1.jpg": picture(1), "b/../../1.jpg": picture(1)})
    export, config = label_studio(tmp_path, "/data/upload/../1.jpg", "/data/upload/1.jpg")
    read = peers.find("label_studio").read([export], peers.Options(config=config))
    with Media(climbing) as media:
        assert sum(one.count for one in media.look(read).lost) == 2
    bomb = archive(tmp_path / "b.zip", {"1.jpg": picture(1)})
    content = bytearray(bomb.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 2 << 30)  # claims to unpack to two GiB
    bomb.write_bytes(content)
    with pytest.raises(Invalid, match="claims to unpack"):
        Media(bomb)


def test_what_a_damaged_file_belongs_to_is_a_line_of_the_report(tmp_path, bring) -> None:
    whole = archive(tmp_path / "d.zip", {"1.jpg": picture(1) + bytes(3 << 20), "2.jpg": picture(2)})
    content = bytearray(whole.read_bytes())
    content[2 << 20] ^= 1  # behind the first piece, so that the check sum tells
    whole.write_bytes(content)
    export, config = label_studio(tmp_path, "/data/upload/1/1.jpg", "/data/upload/1/2.jpg")
    moved = bring("label-studio", export, config=config, media=whole, name="Damaged")
    assert (moved.tasks, moved.annotations, [line for line, _, _ in moved.rejected]) == (1, 1, [1])
    assert "unpacked" in moved.rejected[0][2]


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/data/upload/1/a%20b.jpg", "data/upload/1/a b.jpg"),
        ("/data/local-files/?d=x/a%2Fb.jpg", "x/a/b.jpg"),
        ("s3://bucket/50%.jpg", "bucket/50%.jpg"),
        ("a\\b.jpg", "a/b.jpg"),
        ("what?.jpg", "what?.jpg"),
        ("/data/local-files/?d=../../etc/passwd", None),
        ("https://e.org/%2e%2e/a.jpg", None),
        ("/", None),
    ],
)
def test_an_address_says_where_a_file_is(address: str, path: str | None) -> None:
    assert path_of(address) == path


class WithMedia(Server):
    """A server that keeps some media, and whose short tokens are soon over."""

    addresses = ("/data/upload/1/1.jpg", "/data/upload/1/gone.jpg", "/data/../secret", "https://e.org/2.jpg")
    asked: list[str] = []  # noqa: RUF012 (one server, one list)

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/data/"):
            if self.asked.count(self.path) == 1 or self.headers["authorization"] != "Bearer short":
                self.send_error(401)
            elif self.path == "/data/upload/1/1.jpg":
                self._send(picture(1))
            else:
                self.send_error(404)
        elif self.path == "/api/projects/7":
            self._answer({"title": "Seven", "label_config": CONFIG})
        else:
            self._answer([{"id": n, "data": {"image": a}} for n, a in enumerate(self.addresses)])

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_running_server_gives_its_own_media_and_no_other_is_asked(tmp_path: Path) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), WithMedia)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/projects/7"
        peer = peers.find("label_studio")
        files, options = peer.fetch(Door(("127.0.0.1",)), url, "a.b.c", tmp_path, peers.Options())
    finally:
        server.shutdown()
        server.server_close()
    once = ["/data/upload/1/1.jpg", "/data/upload/1/gone.jpg"]
    assert [path for path in WithMedia.asked if path.startswith("/data")] == [p for p in once for _ in (1, 2)]
    with Media(options.media) as media:
        read = media.look(peer.read(files, options))
        first, *others = (list(media.of(item.record)) for item in read.items())
    assert [(field, b"".join(file.read())) for field, file in first] == [("image", picture(1))]
    assert others == [[], [], []] and sum(one.count for one in read.lost) == 3
