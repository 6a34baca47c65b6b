"""What a witness decides and says: C2SP ``tlog-witness`` and ``tlog-cosignature``, without any I/O."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterable, Sequence

import msgspec

from evenhand.core import merkle
from evenhand.core.checkpoint import (
    MLDSA44,
    Checkpoint,
    SigningKey,
    VerifyKey,
    cosignature_text,
    cosigned_message,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    parse_note,
)
from evenhand.core.errors import Invalid

MAX_PROOF = 63  # hashes: enough for any tree
MAX_REQUEST_BYTES = 64 << 10
SIZE_TYPE = "text/x.tlog.size"  # media type of the body of a 409

_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


class Submission(msgspec.Struct, frozen=True):
    """What a log asks of a witness."""

    old: int  # leaves of the checkpoint that the witness cosigned last, as the log believes
    proof: tuple[bytes, ...]  # of consistency from there, RFC 6962
    note: bytes  # the signed checkpoint

    @property
    def checkpoint(self) -> Checkpoint:
        """What the note says; its signatures are not checked by this."""
        return parse_checkpoint(parse_note(self.note).text)


class Judgement(msgspec.Struct, frozen=True):
    """A witness's answer, before it signs anything."""

    status: int  # of HTTP; 200: it may be cosigned once it is remembered
    body: str = ""
    media_type: str = "text/plain; charset=utf-8"


def encode_submission(submission: Submission) -> bytes:
    """The body of ``add-checkpoint``."""
    lines = [f"old {submission.old}", *(b64encode(part).decode() for part in submission.proof), "", ""]
    return "\n".join(lines).encode() + submission.note


def parse_submission(body: bytes) -> Submission:
    """Read the body of ``add-checkpoint``. Signatures and proof are not checked by this.

    Raises:
        Invalid: it is none.
    """
    head, blank, note = body.partition(b"\n\n")
    lines = head.decode("latin-1").split("\n")
    old = _OLD.fullmatch(lines[0])
    if len(body) > MAX_REQUEST_BYTES or not blank or old is None or len(lines) > MAX_PROOF + 1:
        raise Invalid("witness.request", "Not an old size, a proof, an empty line and a checkpoint.")
    submission = Submission(int(old[1]), tuple(_hash(line) for line in lines[1:]), note)
    _ = submission.checkpoint  # malformed ones are refused here
    return submission


def _hash(line: str) -> bytes:
    try:
        data = b64decode(line, validate=True)
    except (Error, ValueError) as error:
        raise Invalid("witness.request", f"A hash of the proof is not base64: {error}.") from error
    if len(data) != merkle.HASH_BYTES or b64encode(data).decode() != line:
        raise Invalid("witness.request", "A line of the proof is not one hash of 32 bytes.")
    return data


def judge(submission: Submission, log: VerifyKey | None, latest: Checkpoint | None) -> Judgement:
    """Decide whether a witness may cosign.

    Args:
        submission: what the log asks.
        log: the key that is trusted for its origin; None when the origin is not known.
        latest: the checkpoint of this origin that was cosigned last; None before the first.
    """
    if log is None:
        return Judgement(404, "unknown log\n")
    try:
        checkpoint = open_checkpoint(submission.note, log)
    except Invalid as error:
        return Judgement(403, f"invalid signature: {error.reason}\n")
    if submission.old > checkpoint.size:
        return Judgement(400, "the old size is larger than the checkpoint\n")
    size = latest.size if latest else 0
    if submission.old != size:
        return Judgement(409, f"{size}\n", SIZE_TYPE)
    wrong = _inconsistency(submission, checkpoint, latest)
    return Judgement(422, f"consistency proof: {wrong}\n") if wrong else Judgement(200)


def _inconsistency(submission: Submission, new: Checkpoint, latest: Checkpoint | None) -> str:
    """Why the new tree is not shown to continue the old one; "" when it is."""
    if new.size == 0 and new.root != merkle.EMPTY_ROOT:
        return "the root of no entries is the hash of nothing"
    if submission.old == 0:
        return "from size 0 there is nothing to prove" if submission.proof else ""
    assert latest is not None, "its size was compared"
    try:
        merkle.verify_consistency(latest.size, new.size, submission.proof, latest.root, new.root)
    except Invalid as error:
        return error.reason
    return ""


def cosign(text: str, key: SigningKey, seconds: int) -> str:
    """A signature line that says: at this time this is the largest consistent tree that I have seen.

    Args:
        text: of the checkpoint.
        key: of a witness, of type COSIGNATURE or MLDSA44.
        seconds: since 1970-01-01 UTC, not 0.
    """
    if key.verify_key.kind == MLDSA44:
        message = cosigned_message(key.name, seconds, text)
    else:
        message = cosignature_text(seconds, text.encode())
    signature = key.sign(message)
    blob = key.verify_key.id + seconds.to_bytes(8, "big") + signature
    return f"— {key.name} {b64encode(blob).decode()}\n"


def merge(note: bytes, lines: Iterable[str], keys: Sequence[VerifyKey]) -> bytes:
    """A note with those signature lines added that a known key made; the newest of each key.

    Args:
        note: signed by its log.
        lines: answers of witnesses, each ending in a newline; unknown keys are left out.
        keys: of the witnesses that are known.
    """
    head, _, own = note.decode().rpartition("\n\n")
    kept: dict[str, str] = {}
    for line in [*own.splitlines(), *(one for answer in lines for one in answer.splitlines())]:
        signer = _signer(head, line, keys)
        if signer or line in own:
            kept[signer or line] = line
    return "\n".join([head, "", *kept.values(), ""]).encode()


def _signer(head: str, line: str, keys: Sequence[VerifyKey]) -> str:
    """The known key that made a signature line, as its vkey; "" when none did."""
    try:
        return str(open_note(f"{head}\n\n{line}\n".encode(), keys).signers[0])
    except Invalid:
        return ""
