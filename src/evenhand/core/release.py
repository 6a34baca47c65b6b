"""What goes out: one row per task, the same for every format."""

from __future__ import annotations

import msgspec


class ReleasedReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """Where the submission stands in the ledger."""

    stream: str
    n: int  # place of the entry in its stream
    leaf: str  # leaf hash: base64 of SHA-256(0x00 || entry), RFC 6962


class ReleasedAnnotation(msgspec.Struct, frozen=True, kw_only=True):
    """One person's or model's answers to one task."""

    annotator: str  # id of the member in the owner's organization: a pseudonym of that organization's own
    kind: str  # "human" or "model"
    answers: msgspec.Raw  # JSON object: question id -> answer, the bytes that were committed to
    seconds: float | None  # active time
    submitted_at: str  # RFC 3339, UTC, milliseconds
    receipt: ReleasedReceipt | None


class ReleasedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the answers to one question come to."""

    value: msgspec.Raw  # JSON, as `LabelType.dump` gives it
    confidence: float  # 0 to 1
    method: str


class ReleasedTask(msgspec.Struct, frozen=True, kw_only=True):
    """One task with all that is known about it. Field order is the order in JSONL."""

    task_id: str
    external_id: str | None
    data: msgspec.Raw  # JSON object: every key of the record as it came, reserved keys left out
    metadata: msgspec.Raw  # JSON object; b"{}" when there was none
    consensus: dict[str, ReleasedAnswer]  # question id -> answer; no key where there is none
    annotations: tuple[ReleasedAnnotation, ...]
