"""Shares: which partner may see which tasks of a project, and the letters that two nodes exchange about it.

A plan gives each task to as many control groups as the project's overlap, and no group more than its cap, so
that any c groups together see at most min(1, c q) of the tasks (spec: ``docs/spec/ledger.md``, section 11).
Who gets what follows from a seed that the ledger committed to before; the audit draws again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Annotated, Literal

import msgspec
import rfc8785

from evenhand.core.canonical import b64url
from evenhand.core.checkpoint import VerifyKey, open_note
from evenhand.core.errors import Invalid, Refused

WHOLE = 1_000_000  # a cap of all tasks, in the unit of caps
MOST_TASKS = 100_000  # of one plan: it is drawn and written in one go
MOST_PARTNERS = 64
SKEW_MS = 30_000  # that the clocks of two nodes may differ
LAYOUT = "evenhand/letter/v1"
MOST_BYTES = 15 << 20  # of a letter, so that it fits a request
HOUR = 3_600_000  # ms
MOST_MS = 24 * 366 * HOUR  # that an offer holds

Act = Literal["offer", "recall", "ack", "accept", "decline", "deliver", "deleted"]
BY_HOME = frozenset({"offer", "recall", "ack"})
"""Acts of the node whose tasks they are; the others are the partner's."""


# ---- the plan ------------------------------------------------------------------------------------


def seed_of(project_seed: bytes, number: int) -> bytes:
    """The 32 bytes that a plan is drawn with. The project's own were committed before its first task.

    Args:
        project_seed: 32 bytes.
        number: of the plan in the project, from 1.
    """
    return sha256(b"evenhand/share-seed/v1\0" + project_seed + number.to_bytes(8, "big")).digest()


def control_groups(records: Sequence[str], one: Callable[[str, str], bool]) -> list[int]:
    """The number of each partner's control group, from 0 in the order of partners.

    Args:
        records: of the graph of ownership; "" where nothing is stated, which is a group of its own.
        one: whether two records are under one control. What follows over a third counts too.
    """
    groups = list(range(len(records)))
    for i, record in enumerate(records):
        for j in range(i):
            if record and records[j] and (record == records[j] or one(record, records[j])):
                old, new = groups[i], groups[j]
                groups = [new if g == old else g for g in groups]
    order = list(dict.fromkeys(groups))
    return [order.index(g) for g in groups]


def most_tasks(tasks: int, cap: int) -> int:
    """How many of so many tasks one control group may see: floor(q N)."""
    return tasks * cap // WHOLE


def check_plan(tasks: int, groups: Sequence[int], each: int, cap: int) -> None:
    """Check that a plan is possible.

    Args:
        tasks: how many there are.
        groups: as `control_groups` gives them.
        each: control groups that each task goes to.
        cap: of one group, in units of 10^-6.

    Raises:
        Invalid: the cap is none.
        Refused: it is not possible; the reason says the numbers.
    """
    if not 0 < cap <= WHOLE:
        raise Invalid("share.cap", "A cap is more than 0% and at most 100%.", "cap", "Such as 40%.")
    if not 0 < tasks <= MOST_TASKS:
        reason = f"There are {tasks:,} tasks to plan, and a plan has 1 to {MOST_TASKS:,}."
        raise Refused("share.tasks", reason, "project", "Import tasks, or plan as they come in.")
    count, most = len(set(groups)), most_tasks(tasks, cap)
    if each > count:
        reason = (
            f"Each task gets {each} answers from as many control groups, and the {len(groups)} partners are "
            f"{count} control groups."
        )
        raise Refused("share.groups", reason, "partners", "Name more partners, or lower the overlap.")
    if each * tasks > count * most:
        least = -(-each * WHOLE // count)
        reason = (
            f"{tasks:,} tasks with {each} answers each are {each * tasks:,} to give, and {count} control "
            f"groups may see {most:,} each, {count * most:,} in all."
        )
        remedy = f"Raise the cap to {least / 10_000:.4g}% or a little more, or name more partners."
        raise Refused("share.too-little", reason, "cap", remedy)


def draw(seed: bytes, tasks: Sequence[int], groups: Sequence[int], each: int) -> list[list[int]]:
    """For each partner the tasks that it gets, in the order of the draw.

    Loads of groups differ by one at most. Each task goes to the groups that have most left to get, by lot
    where they have the same; that this never ends short follows from Gale and Ryser (1957,
    doi:10.4153/CJM-1957-044-3). Partners of one group take turns.

    Args:
        seed: 32 bytes.
        tasks: their numbers; the order does not matter.
        groups: of each partner, the number of its control group, from 0 without gaps.
        each: at most as many as there are groups.
    """
    count = max(groups) + 1
    members = [[i for i, group in enumerate(groups) if group == g] for g in range(count)]
    least, rest = divmod(each * len(tasks), count)
    by_lot = sorted(range(count), key=lambda g: _lot(seed, 0, g + 1))
    left = [least + (by_lot.index(g) < rest) for g in range(count)]
    turns = [0] * count
    shares: list[list[int]] = [[] for _ in groups]
    for task in sorted(tasks, key=lambda n: _lot(seed, n, 0)):
        for g in sorted(range(count), key=lambda g: (-left[g], _lot(seed, task, g + 1)))[:each]:
            shares[members[g][turns[g] % len(members[g])]].append(task)
            left[g] -= 1
            turns[g] += 1
    return shares


def _lot(seed: bytes, task: int, group: int) -> bytes:
    text = b"evenhand/share/v1\0" + seed + task.to_bytes(8, "big") + group.to_bytes(8, "big")
    return sha256(text).digest()


# ---- letters -------------------------------------------------------------------------------------


Number = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53) - 1)]
"""A number that the ledger can hold."""


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the signer of a letter says, apart from the rows that come with it."""

    act: Act
    at: Number  # ms since 1970-01-01 UTC, by the signer's clock
    count: Number  # rows that come with it
    from_: str = msgspec.field(name="from")  # origin of the signer's ledger
    late: bool = False  # of an ack: what it answers came after its time
    of: Number = 0  # of an ack: the number of the letter that it answers
    place: tuple[str, int] = ("", 0)  # of an offer: where the slice stands in the home node's ledger
    prev: str = ""  # digest of the signer's letter before; "" for its first
    reason: str = ""  # of a decline, in words
    root: str = ""  # of an offer: the commitment to the slice, as the ledger has it
    rows: str  # SHA-256 of the rows' bytes, base64url
    seen: Number  # letters of the other side that the signer has taken
    seq: Number  # of the signer's letters about this share, from 0
    share: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}\Z")]
    slice: Number = 0  # of the share, from 1; 0 where the letter is about all of it
    to: str  # origin of the other node's ledger
    token: Number = 0  # fences: number of the offer that a delivery answers
    until: Number = 0  # ms: of an offer


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter as it was received. Nothing is checked but its form, until `check_signature`."""

    head: Head
    text: str  # what is signed
    note: bytes  # text and signature
    rows: tuple[bytes, ...]  # JSON, one a line

    @property
    def digest(self) -> str:
        """By which the ledger, and the next letter, name it."""
        return digest_of(self.text)


def digest_of(text: str) -> str:
    """SHA-256 of what is signed, base64url."""
    return b64url(sha256(text.encode()).digest())


def rows_digest(rows: bytes) -> str:
    """SHA-256, base64url."""
    return b64url(sha256(rows).digest())


def text_of(head: Head) -> str:
    """What a node signs: no checkpoint or statement reads like it."""
    return f"{LAYOUT}\n{rfc8785.dumps(msgspec.to_builtins(head)).decode()}\n"


_head = msgspec.json.Decoder(Head).decode


def read_letter(data: bytes) -> Letter:
    """Read the file of a letter: a signed note (C2SP ``signed-note``) and its rows.

    Raises:
        Invalid: it is none, or was altered so that its parts do not fit each other.
    """
    text, blank, rest = data.partition(b"\n\n")
    signature, newline, body = rest.partition(b"\n")
    first, _, told = text.partition(b"\n")
    if first != LAYOUT.encode() or not blank or not newline or len(data) > MOST_BYTES:
        raise Invalid("letter.form", "This is no letter of a node, or not all of one.", "", ASK)
    try:
        head = _head(told)
        whole, canonical = text.decode() + "\n", text_of(head)
    except (msgspec.DecodeError, UnicodeDecodeError, rfc8785.CanonicalizationError) as error:
        raise Invalid("letter.head", f"The letter's head cannot be read: {error}.", "", ASK) from error
    if canonical != whole:
        raise Invalid("letter.canonical", "The letter's head is not in canonical form.", "", ASK)
    if rows_digest(body) != head.rows:
        raise Invalid("letter.rows", "The rows are not those that were signed: a byte was changed.", "", ASK)
    rows = tuple(body.split(b"\n")[:-1])
    if len(rows) != head.count:
        raise Invalid("letter.count", f"{head.count} rows are told, and {len(rows)} came.", "", ASK)
    return Letter(head=head, text=whole, note=text + b"\n\n" + signature + b"\n", rows=rows)


ASK = "Ask for the file again."


def check_signature(letter: Letter, key: VerifyKey) -> None:
    """Check that the node whose key this is has signed the letter.

    Raises:
        Invalid: it has not.
    """
    if key.name != letter.head.from_:
        reason = f"The letter says that it is from {letter.head.from_}, and {key.name} was expected."
        raise Invalid("letter.sender", reason, "from", "Compare the keys over another channel.")
    try:
        open_note(letter.note, [key])
    except Invalid as error:
        reason = f"{key.name} has not signed this letter: {error.reason}"
        raise Invalid("letter.signature", reason, "", ASK) from error


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a node has taken of the other's letters about one share."""

    count: int  # letters
    last: str  # digest of the newest; "" without one
    same: str = ""  # digest of the one with the number of the letter at hand, where it was taken


def is_new(head: Head, digest: str, heard: Heard, now: int) -> bool:
    """Whether a letter is the next one; False when it was taken before, so that nothing is to be done.

    Args:
        now: ms; this node's clock decides.

    Raises:
        Refused: letters before it are missing; it contradicts one that was taken; it is from the future.
    """
    if head.seq < heard.count:
        if digest == heard.same:
            return False
        reason = (
            f"Two letters with the number {head.seq} are signed by {head.from_}, and say different things."
        )
        raise Refused("letter.fork", reason, "seq", "Keep both files: together they are the proof.")
    if head.seq > heard.count:
        reason = f"The letter has the number {head.seq}, and {heard.count} to {head.seq - 1} have not come."
        raise Refused("letter.gap", reason, "seq", "Take the missing files first; ask for them.")
    if head.prev != heard.last:
        reason = f"The letter {head.seq} does not continue the one that {head.from_} signed before."
        raise Refused("letter.fork", reason, "prev", "Keep both files: together they are the proof.")
    if head.at > now + SKEW_MS:
        reason = f"The letter is from {(head.at - now) // 1000} s after this node's time."
        raise Refused("letter.clock", reason, "at", "Set the clocks of both nodes, and take it again later.")
    return True
