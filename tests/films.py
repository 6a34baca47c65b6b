"""Small videos for tests, made here: frames by a browser's own encoder, in a WebM that this page writes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

ENCODE = """async ([width, height, fps, count]) => {
  const frames = [];
  const encoder = new VideoEncoder({
    output: (chunk) => {
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      frames.push([chunk.type === "key", btoa(String.fromCharCode(...bytes))]);
    },
    error: (error) => { throw error; },
  });
  const rate = { framerate: fps, bitrate: 120_000, latencyMode: "realtime" };
  encoder.configure({ codec: "vp8", width, height, ...rate });
  const canvas = new OffscreenCanvas(width, height);
  const paint = canvas.getContext("2d");
  for (let i = 0; i < count; i += 1) {
    const along = i / Math.max(1, count - 1);
    paint.fillStyle = "#27364a";
    paint.fillRect(0, 0, width, height);
    paint.fillStyle = "#33475e";
    paint.fillRect(0, height * 0.7, width, height * 0.3);
    paint.fillStyle = "#ffb454";
    paint.fillRect(width * (0.05 + 0.65 * along), height * (0.2 + 0.3 * along), width * 0.2, height * 0.25);
    paint.fillStyle = "#fff";
    paint.font = `${Math.round(height / 8)}px sans-serif`;
    paint.fillText(String(i), 4, height - 6);
    const frame = new VideoFrame(canvas, { timestamp: Math.round((i * 1e6) / fps) });
    encoder.encode(frame, { keyFrame: i % 25 === 0 });
    frame.close();
    await new Promise((next) => setTimeout(next));
  }
  await encoder.flush();
  return frames;
}"""
"""A bright box goes down to the right, with the number of each frame, from 0, in the corner."""


def film(page: Any, width: int = 320, height: int = 180, fps: int = 25, seconds: float = 2) -> bytes:
    """A WebM (VP8) of a box that moves. The page must be one of a secure context, such as a loopback's."""
    encoded = page.evaluate(ENCODE, [width, height, fps, round(fps * seconds)])
    return webm(width, height, fps, [(key, base64.b64decode(data)) for key, data in encoded])


def webm(width: int, height: int, fps: float, frames: Sequence[tuple[bool, bytes]]) -> bytes:
    """A WebM with one track of VP8: (whether it is a key frame, its bytes) for each frame."""
    head = element(0x1A45DFA3, element(0x4282, b"webm") + number(0x4287, 2) + number(0x4285, 2))
    info = element(0x1549A966, number(0x2AD7B1, 1_000_000) + real(0x4489, 1000 * len(frames) / fps))
    picture = element(0xE0, number(0xB0, width) + number(0xBA, height))
    length = number(0x23E383, round(1_000_000_000 / fps))
    track = number(0xD7, 1) + number(0x73C5, 1) + number(0x83, 1) + element(0x86, b"V_VP8") + length + picture
    tracks = element(0x1654AE6B, element(0xAE, track))
    clusters, cues, at = b"", b"", len(info) + len(tracks)
    for first in range(0, len(frames), 25):
        start = round(1000 * first / fps)
        blocks = b"".join(
            element(
                0xA3,
                b"\x81"
                + (round(1000 * i / fps) - start).to_bytes(2, "big")
                + (b"\x80" if frames[i][0] else b"\0")
                + frames[i][1],
            )
            for i in range(first, min(first + 25, len(frames)))
        )
        position = element(0xB7, number(0xF7, 1) + number(0xF1, at + len(clusters)))
        cues += element(0xBB, number(0xB3, start) + position)
        clusters += element(0x1F43B675, number(0xE7, start) + blocks)
    return head + element(0x18538067, info + tracks + clusters + element(0x1C53BB6B, cues))


def element(id_: int, content: bytes) -> bytes:
    """An EBML element, its length in eight bytes."""
    name = id_.to_bytes((id_.bit_length() + 7) // 8, "big")
    return name + (len(content) | 1 << 56).to_bytes(8, "big") + content


def number(id_: int, value: int) -> bytes:
    return element(id_, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def real(id_: int, value: float) -> bytes:
    import struct

    return element(id_, struct.pack(">d", value))


def box(kind: bytes, content: bytes) -> bytes:
    """A box of an MP4."""
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def mp4(width: int, height: int, fps: int, *, turned: bool = False, last: bool = False) -> bytes:
    """The boxes of an MP4 without a frame: one track of pictures, one of sound.

    Args:
        turned: it was filmed upright, and is to be turned by a quarter.
        last: its description stands at its end, behind what would be its frames.
    """
    unit, zero = (1 << 16).to_bytes(4, "big"), bytes(4)
    rows = (zero, unit, zero, zero) if turned else (unit, zero, zero, unit)
    matrix = rows[0] + rows[1] + zero + rows[2] + rows[3] + zero + zero + zero + (1 << 30).to_bytes(4, "big")
    size = (width << 16).to_bytes(4, "big") + (height << 16).to_bytes(4, "big")
    head = box(b"tkhd", bytes(40) + matrix + size)
    times = b"\0\0\0\0\0\0\0\x02" + (9).to_bytes(4, "big") + (512).to_bytes(4, "big")
    times += (1).to_bytes(4, "big") + (256).to_bytes(4, "big")  # the last frame is shorter
    tables = box(b"minf", box(b"stbl", box(b"stts", times)))
    clock = box(b"mdhd", bytes(12) + (512 * fps).to_bytes(4, "big") + bytes(8))
    picture = box(b"trak", head + box(b"mdia", clock + box(b"hdlr", bytes(8) + b"vide" + bytes(13)) + tables))
    sound = box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + b"soun" + bytes(13))))
    moov = box(b"moov", sound + picture)
    start, middle = box(b"ftyp", b"isom\0\0\2\0isomiso2"), box(b"mdat", bytes(400_000 if last else 100))
    return start + (middle + moov if last else moov + middle)
