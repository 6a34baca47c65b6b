"""What draws in two phases depend on: ``docs/spec/ledger.md``, 10.8, as an auditor checks it.

Written from that page, RFC 9380 (hashing to G1) and drand's own description of unchained beacons.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from evenhand.audit import draw
from evenhand.audit.entries import unb64url
from evenhand.audit.findings import GAP, PROVEN
from evenhand.audit.trust import Quorum

Tell = Callable[[str, str, str, str], None]
"""control, class, rule, evidence"""

QUICKNET = (
    "g88PKJat7n64tfAfytORIhLEN-AHPpEfuQAi0-dgGDyMS0ULagpsOsald2otEGRR"
    "DR_sdYySHMIrDhfmOq9Ly17WYwTenPgJvSdMpzurSvWm6cdqS8CeduromR717ORa"
)
"""Public key of drand's chain quicknet, base64url: the one that an auditor knows by itself."""
LATEST = 60_000  # ms after its first phase that a round may be: later ones leave room for nothing but waiting
MOST = 100_000  # entries after a closing in which its draw is looked for
_DST = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"


class Beacon(NamedTuple):
    """A ``beacon`` entry."""

    n: int
    at: int  # ms
    chain: tuple[bytes, int, int] | None  # (public key, genesis, period), in seconds
    witnesses: dict[str, bytes]  # witness -> public key of its reveals


@dataclass(frozen=True)
class Closing:
    """A ``window-closed`` whose draw is due."""

    n: int
    at: int  # ms
    leaf: bytes
    index: int
    candidates: str
    round: int
    beacon: Beacon | None
    waiting: dict[str, int]


def read_beacon(n: int, at: int, b: dict[str, Any], known: Iterable[str], tell: Tell) -> Beacon:
    """Take an entry; each witness must have said itself what it reveals with."""
    witnesses: dict[str, bytes] = {}
    for one in b["witnesses"]:
        text = f"evenhand/reveal-key/v1\n{one['public']}\n".encode()
        if _signed(unb64url(one["witness"]), unb64url(one["sg"]), text):
            witnesses[one["witness"]] = unb64url(one["public"])
        else:
            tell(
                "EN-6",
                PROVEN,
                "beacon.key",
                f"The witness {one['witness']} has not signed its key of reveals.",
            )
    chain = None
    for one in b["drand"][:1]:
        chain = (unb64url(one["public"]), one["genesis"], max(1, one["period"]))
        if one["public"] not in known:
            tell(
                "EN-6",
                GAP,
                "beacon.chain",
                "Rounds are those of a chain of drand that this auditor does not know.",
            )
    return Beacon(n, at, chain, witnesses)


def time_of(beacon: Beacon, round_: int) -> int:
    """When a round of its chain can be known, ms."""
    assert beacon.chain is not None, "the caller has looked"
    _, genesis, period = beacon.chain
    return (genesis + (round_ - 1) * period) * 1000


def drawable(closing: Closing) -> int:
    """From when on a second phase could be made, ms: at once, or when its round can be known."""
    if closing.round and closing.beacon is not None and closing.beacon.chain is not None:
        return max(closing.at, min(time_of(closing.beacon, closing.round), closing.at + LATEST))
    return closing.at


def check_closing(closing: Closing, tell: Tell) -> None:
    """The round that will decide lies after the closing, and soon."""
    beacon = closing.beacon
    if beacon is None or beacon.chain is None:
        if closing.round:
            tell("EN-6", PROVEN, "draw.round", "A round is named, and no chain of drand.")
        return
    due = time_of(beacon, closing.round)
    if closing.round == 0:
        tell("EN-6", PROVEN, "draw.round", "No round is named although there is a chain of drand.")
    elif due <= closing.at:
        told = f"Round {closing.round} was known {closing.at - due} ms before the candidates were closed."
        tell("EN-6", PROVEN, "draw.stale", told)
    elif due > closing.at + LATEST:
        tell(
            "EN-6", GAP, "draw.round", f"Round {closing.round} comes {due - closing.at} ms after the closing."
        )


def external(closing: Closing, b: dict[str, Any]) -> str:
    """What goes into the draw besides the candidates."""
    reveals = [[one["witness"], draw.b64url(draw.output(unb64url(one["proof"])))] for one in b["reveals"]]
    text = draw.canonical([draw.b64url(closing.leaf), b["source"], b["signature"], reveals])
    return draw.b64url(hashlib.sha256(b"evenhand/external/v1\0" + text).digest())


def check_source(origin: str, pool: str, at: int, closing: Closing, b: dict[str, Any], tell: Tell) -> None:
    """The round or the reveals are the right ones, and none is held back.

    Args:
        at: time of the draw, ms.
    """
    beacon = closing.beacon
    source, told = b["source"], {one["witness"]: unb64url(one["proof"]) for one in b["reveals"]}
    if (source == "drand") != bool(b["signature"]) or (source == "reveal") != bool(told):
        tell("EN-6", PROVEN, "draw.source", f"The source is said to be {source}, and it is not.")
    if source == "drand":
        _check_round(at, closing, b["signature"], tell)
        return
    if closing.round:
        tell("EN-6", GAP, "draw.fallback", f"Round {closing.round} should have decided, and did not.")
    keys = beacon.witnesses if beacon else {}
    text = draw.canonical([origin, pool, closing.n, draw.b64url(closing.leaf)])
    asked = hashlib.sha256(b"evenhand/reveal/v1\0" + text).digest()
    for witness, proof in told.items():
        if witness not in keys or not draw.holds(keys[witness], asked, proof):
            tell("EN-6", PROVEN, "draw.reveal", f"The reveal of {witness} is not the one that its key makes.")
    if list(told) != sorted(told, key=unb64url):
        tell("EN-6", PROVEN, "draw.reveal", "The reveals are not in their order.")
    for witness in sorted(keys.keys() - told.keys()):
        tell("EN-6", GAP, "draw.withheld", f"The reveal of {witness} is missing.")
    if not keys:
        tell("EN-6", GAP, "draw.alone", "Nothing that the node could not know went into the draw.")


def _check_round(at: int, closing: Closing, signature: str, tell: Tell) -> None:
    beacon = closing.beacon
    try:
        good = beacon and beacon.chain and _is_round(beacon.chain[0], closing.round, signature)
    except ImportError:
        tell("EN-6", GAP, "draw.unchecked", "Rounds of drand are not checked here: install evenhand[drand].")
        return
    if beacon is None or not good:
        told = f"The beacon is not round {closing.round} of the chain that the log names."
        tell("EN-6", PROVEN, "draw.beacon", told)
    elif at < time_of(beacon, closing.round):
        early = time_of(beacon, closing.round) - at
        tell("EN-17", PROVEN, "draw.time", f"The draw says that it is {early} ms older than its round.")


@lru_cache(maxsize=4096)
def _is_round(public: bytes, round_: int, signature: str) -> bool:
    """Whether a signature is that of a round; pools that draw at once share it."""
    from py_arkworks_bls12381 import GT, G1Point, G2Point  # extra `drand`; only logs that use it need it

    message = hashlib.sha256(round_.to_bytes(8, "big")).digest()
    try:
        given, key = G1Point.from_compressed_bytes(unb64url(signature)), G2Point.from_compressed_bytes(public)
    except ValueError:
        return False
    sides = [given, -G1Point.hash_to_curve(message, _DST)]
    return bool(GT.multi_pairing(sides, [G2Point(), key]) == GT.one())


def check_checkpoint(
    origin: str, closing: Closing, b: dict[str, Any], root: bytes, quorum: Quorum | None, tell: Tell
) -> None:
    """A checkpoint shows the first phase, and enough witnesses had seen it before the round could be known.

    Args:
        root: of the tree at the size that the draw names; b"": the tree was never that large, or long ago.
        quorum: whose cosignatures count; None: nobody's.
    """
    size = b["size"]
    if size <= closing.index or not root:
        tell(
            "EN-6",
            PROVEN,
            "draw.checkpoint",
            f"A checkpoint of {size} entries does not show entry {closing.index}.",
        )
        return
    if unb64url(b["root"]) != root:
        tell("EN-6", PROVEN, "draw.checkpoint", f"The tree of {size} entries has another root.")
        return
    if quorum is None or quorum.needed in ("", "none"):
        return
    times = _times(origin, b, quorum, tell)
    if not quorum.met(set(times)):
        tell("EN-6", GAP, "draw.unwitnessed", "Not enough witnesses had seen the candidates before the draw.")
    elif closing.round and closing.beacon is not None and closing.beacon.chain is not None:
        due = time_of(closing.beacon, closing.round)
        early = {label for label, seconds in times.items() if seconds * 1000 < due}
        if not quorum.met(early):
            told = f"Not enough witnesses had seen the candidates before round {closing.round} was known."
            tell("EN-6", GAP, "draw.late", told)


def _times(origin: str, b: dict[str, Any], quorum: Quorum, tell: Tell) -> dict[str, int]:
    """Label of a witness of the policy -> when it cosigned, in seconds."""
    labels = {w.public: label for label, w in quorum.witnesses.items() if w.kind == 4}
    text = f"{origin}\n{b['size']}\n{base64.b64encode(unb64url(b['root'])).decode()}\n"
    found: dict[str, int] = {}
    for one in b["cosignatures"]:
        public = unb64url(one["witness"])
        message = f"cosignature/v1\ntime {one['at']}\n{text}".encode()
        if public not in labels:
            continue
        if _signed(public, unb64url(one["sg"]), message):
            found[labels[public]] = one["at"]
        else:
            tell("EN-19", PROVEN, "draw.cosignature", f"{labels[public]} has not cosigned that checkpoint.")
    return found


def _signed(public: bytes, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass
class Roots:
    """Roots of a growing tree, at the sizes since the oldest closing whose draw is due."""

    size: int = 0
    _edge: list[tuple[int, bytes]] = field(default_factory=list)  # (leaves, root) of perfect subtrees
    _kept: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)  # size -> edge then
    _due: dict[str, int] = field(default_factory=dict)  # pool -> leaf of its closing

    def take(self, leaf: bytes) -> None:
        """The hash of the next leaf."""
        width, edge = 1, self._edge
        while edge and edge[-1][0] == width:
            leaf = hashlib.sha256(b"\1" + edge.pop()[1] + leaf).digest()
            width *= 2
        edge.append((width, leaf))
        self.size += 1
        if self._due and len(self._kept) < MOST:
            self._kept[self.size] = list(edge)

    def close(self, pool: str, index: int) -> None:
        """A draw is due for the closing with this leaf, which was taken last."""
        self._due[pool] = index
        self._kept[self.size] = list(self._edge)

    def drawn(self, pool: str) -> None:
        """It was drawn; what no other closing needs is forgotten."""
        self._due.pop(pool, None)
        oldest = min(self._due.values(), default=self.size)
        self._kept = {size: edge for size, edge in self._kept.items() if size > oldest} if self._due else {}

    def at(self, size: int) -> bytes:
        """The root at a size; b"" when it is not kept."""
        edge = self._kept.get(size)
        if not edge:
            return b""
        root = edge[-1][1]
        for _, left in reversed(edge[:-1]):
            root = hashlib.sha256(b"\1" + left + root).digest()
        return root
