"""Label Studio's run lengths for brushes (label-studio-sdk, `converter/brush.py`), which are not COCO's.

A stream of bits: how many values (32 bits), bits of a value - 1 (5), four sizes of run lengths - 1 (4
bits each); then blocks: whether one value is repeated (1 bit), which size (2 bits), length - 1, and the
value, or as many values as the length says. The values are the pixels' red, green, blue and alpha, row
by row; alpha is the mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

SIZES = (3, 4, 8, 16)  # bits of a run length, as the SDK writes them
CHANNELS = 4
MOST = 1 << 28  # values: an image of 8,192 x 8,192; more is not believed


def encode(runs: Sequence[int]) -> list[int]:
    """A mask as bytes.

    Args:
        runs: lengths of alternating runs of pixels, off first, row by row.
    """
    bits = _Bits()
    bits.put(sum(runs) * CHANNELS, 32)
    bits.put(7, 5)
    for size in SIZES:
        bits.put(size - 1, 4)
    for i, run in enumerate(runs):
        left = run * CHANNELS
        while left:
            which = next((k for k, size in enumerate(SIZES) if left <= 1 << size), 3)
            length = min(left, 1 << SIZES[which])
            bits.put(1, 1)
            bits.put(which, 2)
            bits.put(length - 1, SIZES[which])
            bits.put(255 if i % 2 else 0, 8)
            left -= length
    return list(bits.bytes())


def decode(rle: Sequence[int]) -> tuple[int, ...]:
    """Lengths of alternating runs of pixels, off first. The inverse of `encode`.

    Raises:
        ValueError: these bytes are no such stream.
    """
    runs, on = [0], False
    for alpha, length in _alphas(bytes(rle)):
        if (alpha > 0) != on:
            runs.append(0)
            on = not on
        runs[-1] += length
    return tuple(runs)


def _alphas(content: bytes) -> Iterator[tuple[int, int]]:
    """(alpha, of how many pixels), in order."""
    source = _Source(content)
    count, word = source.take(32), source.take(5) + 1
    if count > MOST or count % CHANNELS:
        raise ValueError(f"{count} values are no image")
    sizes = [source.take(4) + 1 for _ in range(4)]
    at = 0
    while at < count:
        repeated, length = source.take(1), source.take(sizes[source.take(2)]) + 1
        length = min(length, count - at)
        if repeated:
            value = source.take(word)
            pixels = (at + length) // CHANNELS - at // CHANNELS  # whose alpha lies within
            if pixels:
                yield value, pixels
        else:
            for place in range(at, at + length):
                value = source.take(word)
                if place % CHANNELS == CHANNELS - 1:
                    yield value, 1
        at += length


class _Bits:
    """Bits being written, most significant first."""

    def __init__(self) -> None:
        self._done = bytearray()
        self._held = self._count = 0

    def put(self, value: int, width: int) -> None:
        self._held = self._held << width | value
        self._count += width
        while self._count >= 8:
            self._count -= 8
            self._done.append(self._held >> self._count & 0xFF)
        self._held &= (1 << self._count) - 1

    def bytes(self) -> bytes:
        rest = bytes([self._held << (8 - self._count) & 0xFF]) if self._count else b""
        return bytes(self._done) + rest


class _Source:
    """Bits being read."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def take(self, width: int) -> int:
        first, last = self._at // 8, (self._at + width + 7) // 8
        if last > len(self._content):
            raise ValueError("the stream ends too early")
        whole = int.from_bytes(self._content[first:last], "big")
        self._at += width
        return whole >> (last * 8 - self._at) & ((1 << width) - 1)
