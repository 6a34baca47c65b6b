"""Check a receipt offline, with nothing but the log's verification key."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from evenhand.audit.entries import AuditedEntry, read_entry, unb64url
from evenhand.audit.notes import LogKey, TreeHead, Unacceptable, read_checkpoint, read_key, strict_base64


@dataclass
class ReceiptReport:
    """What a receipt shows, and what is wrong with it."""

    leaf: str = ""  # hash of the entry, hex
    kind: str = ""  # of the entry
    opened: dict[str, bytes] = field(default_factory=dict)  # private field -> the value that was committed to
    deadline: int = 0  # when the node promised to have it in the log, ms since 1970-01-01 UTC
    index: int | None = None  # leaf; None while the receipt holds only the promise
    size: int | None = None  # of the checkpoint that covers it
    findings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong. A receipt without a proof is a promise, and may be right as such."""
        return not self.findings


def verify_receipt(receipt: bytes, vkey: str) -> ReceiptReport:
    """Check a receipt: its entry, openings, promise and, where it has one, its proof.

    Args:
        receipt: the JSON that `submit` gave.
        vkey: the log's verification key.
    """
    report = ReceiptReport()
    try:
        key = read_key(vkey)
        parts = json.loads(receipt)
        _check_parts(parts, key, report)
    except Unacceptable as error:
        report.findings.append(f"{error}.")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        report.findings.append(f"The receipt is not of the form of version 1: {error!r}.")
    return report


def _check_parts(parts: dict[str, Any], key: LogKey, report: ReceiptReport) -> None:
    """Go through a receipt's parts; stops at the first that is wrong."""
    data = strict_base64(parts["entry"])
    entry = read_entry(data)
    leaf = hashlib.sha256(b"\0" + data).digest()
    report.kind, report.leaf = entry.kind, leaf.hex()
    if parts["place"] != [entry.stream, entry.n] or strict_base64(parts["leaf"]) != leaf:
        raise Unacceptable("place or leaf hash are not those of the entry")
    for opening in parts["openings"]:
        report.opened[opening["field"]] = _open(entry, opening, key.name)
    _check_promise(parts["promise"], leaf, key)
    report.deadline = parts["promise"]["deadline"]
    if parts.get("proof") is not None:
        index, head = _check_proof(parts["proof"], leaf, key)
        report.index, report.size = index, head.size


def _open(entry: AuditedEntry, opening: dict[str, str], origin: str) -> bytes:
    """The value of an opening, when its commitment stands in the entry."""
    name, salt, value = opening["field"], strict_base64(opening["salt"]), strict_base64(opening["value"])
    context = f"{origin}|{entry.kind}|{name}".encode()
    given = hashlib.sha256(
        b"evenhand/commit/v1\0" + len(context).to_bytes(2, "big") + context + salt + value
    ).digest()
    if name not in entry.committed or unb64url(entry.committed[name]) != given or len(salt) != 32:
        raise Unacceptable(f"the entry does not commit to this value of {name!r}")
    return value


def _check_promise(promise: dict[str, Any], leaf: bytes, key: LogKey) -> None:
    """One signature covers a group of leaves: climb to the group's root, then check it."""
    path = [strict_base64(part) for part in promise["path"]]
    root = climb(leaf, int(promise["index"]), int(promise["size"]), path)
    text = f"evenhand/promise/v1\n{key.name}\n{int(promise['deadline'])}\n{base64.b64encode(root).decode()}\n"
    if not key.check(strict_base64(promise["signature"]), text.encode()):
        raise Unacceptable(f"{key.name} did not promise to include this entry")


def _check_proof(proof: str, leaf: bytes, key: LogKey) -> tuple[int, TreeHead]:
    """Read a ``tlog-proof``, and follow it from the leaf to the signed root."""
    head_text, _, note = proof.partition("\n\n")
    lines = head_text.split("\n")
    if lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise Unacceptable("the proof is not a tlog-proof of version 1")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)  # nothing vouches for it
    number = lines.pop(0).removeprefix("index ") if lines else ""
    if not number.isascii() or not number.isdigit() or str(int(number[:20])) != number:
        raise Unacceptable("the proof does not say the index of its leaf")
    head = read_checkpoint(note.encode(), key)
    if climb(leaf, int(number), head.size, [strict_base64(line) for line in lines]) != head.root:
        raise Unacceptable("the proof does not lead to the root that was signed")
    return int(number), head


def climb(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion path leads to (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size or any(len(part) != 32 for part in (leaf, *path)):
        raise Unacceptable(f"a tree of {size} leaves has no leaf {index}, or leaf and path are no hashes")
    position, last, root = index, size - 1, leaf
    for part in path:
        if last == 0:
            raise Unacceptable("the path is too long")
        while position % 2 == 0 and position == last:  # a lone right edge moves up unchanged
            position, last = position // 2, last // 2
        pair = part + root if position % 2 else root + part
        root = hashlib.sha256(b"\1" + pair).digest()
        position, last = position // 2, last // 2
    while position % 2 == 0 and position == last and last:
        position, last = position // 2, last // 2
    if last:
        raise Unacceptable("the path is too short")
    return root
