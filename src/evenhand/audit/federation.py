"""Shares of a project for other nodes: caps by control group, chains of letters, and the draw taken again.

Written from ``docs/spec/ledger.md``, section 11. What the home node's log shows needs no openings; with those
of the project's archive every task is followed to its control groups.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evenhand.audit.entries import AuditedEntry
from evenhand.audit.findings import GAP, PROVEN
from evenhand.audit.notes import LogKey, Unacceptable, split_note
from evenhand.audit.ownership import Graph, Thresholds

WHOLE = 1_000_000  # a cap of all tasks
LAYOUT = "evenhand/letter/v1"
DEFAULT = Thresholds.read(
    {
        "blocked": 25_000_000,
        "waiver": 10_000_000,
        "disclosed": 1_000_000,
        "common": 5_000_000,
        "control": 50_000_000,
    }
)
"""Where no policy of the node is in force."""
KINDS = frozenset({"share-letter", "share-planned", "share-sliced"})

Tell = Callable[[str, str, str, str], None]  # control, class, rule, reason
Graphs = Callable[[AuditedEntry], Graph | None]  # ownership as an entry had to know it
Records = Callable[[str, AuditedEntry], list[str]]
"""Records that a client may have had, as far as an entry had to know it; "" among them for none."""


@dataclass
class SharePart:
    """One partner's share, as the log of either side tells it."""

    share: str
    project: str  # stream of its letters
    side: str  # home, partner
    plan: int = 0
    group: int = 0
    stated: bool = False  # whose it is
    tasks: int = 0
    offered: int = 0  # of the partner's side: accepted
    delivered: int = 0
    late: int = 0  # deliveries
    recalled: bool = False
    deleted: bool = False  # the partner says so
    slices: dict[int, int] = field(default_factory=dict)  # planned: slice -> tasks
    out: Counter[int] = field(default_factory=Counter)  # slice -> tasks offered
    back: Counter[int] = field(default_factory=Counter)  # slice -> answers
    letters: dict[str, int] = field(default_factory=dict)  # way -> letters
    compared: bool = False  # with the client, whom the archive shows
    elsewhere: bool = False  # it began in an earlier log, so nothing is known of what was offered
    record: str = ""


@dataclass
class _Plan:
    project: str
    number: int
    tasks: int
    each: int
    most: int
    next: int  # place of the next slice
    shares: list[SharePart]
    client: str = ""  # as its archive opens it
    complete: bool = False


class Federation:
    """What the log says of shares, entry by entry."""

    def __init__(self, graphs: Graphs, records: Records) -> None:
        self._graphs, self._records = graphs, records
        self._clients: dict[tuple[str, int], str] = {}  # place of a plan -> client, where it is opened
        self.continues = False  # the log continues another, where shares may have begun
        self._plans: dict[str, list[_Plan]] = {}  # project -> plans
        self.shares: dict[str, SharePart] = {}
        self._digests: dict[tuple[str, str, int], str] = {}  # (share, way, seq) -> digest

    def hold(self, stream: str, n: int, opened: Mapping[str, bytes]) -> None:
        """What an archive or a receipt opens of a plan."""
        if "client" in opened:
            self._clients[stream, n] = opened["client"].decode()

    def take(self, entry: AuditedEntry, b: Mapping[str, Any], tell: Tell) -> None:
        """An entry about shares."""
        {"share-planned": self._planned, "share-sliced": self._sliced, "share-letter": self._letter}[
            entry.kind
        ](entry, b, tell)

    # ---- plans ---------------------------------------------------------------------------------

    def _planned(self, entry: AuditedEntry, b: Mapping[str, Any], tell: Tell) -> None:
        plans = self._plans.setdefault(entry.stream, [])
        if plans and b["number"] != plans[-1].number + 1:
            tell("EN-31", PROVEN, "share.number", f"Plan {b['number']} follows plan {plans[-1].number}.")
        most = b["tasks"] * b["cap"] // WHOLE
        shares = [
            SharePart(one["share"], entry.stream, "home", b["number"], one["group"], bool(one["record"]),
                      one["tasks"], record=one["record"])
            for one in b["partners"]
        ]  # fmt: skip
        plans.append(_Plan(entry.stream, b["number"], b["tasks"], b["each"], most, entry.n + 1, shares))
        plans[-1].client = self._clients.get((entry.stream, entry.n), "")
        known = [one.share for one in shares if one.share in self.shares]
        if known or len({one.share for one in shares}) < len(shares):
            tell("EN-31", PROVEN, "share.again", "A share is planned twice.")
        self.shares |= {one.share: one for one in shares}
        self._check_numbers(plans[-1], tell)
        groups = control_groups([one.record for one in shares], self._graphs(entry))
        if groups != [one.group for one in shares]:
            said = [one.group for one in shares]
            reason = f"The control groups are {groups} by what is stated, and the plan says {said}."
            tell("EN-22", PROVEN, "share.groups", reason)
        for one in shares:
            self._check_rival(entry, plans[-1], one, tell)

    def _check_numbers(self, plan: _Plan, tell: Tell) -> None:
        sums: Counter[int] = Counter()
        for one in plan.shares:
            sums[one.group] += one.tasks
        for group, count in sorted(sums.items()):
            if count > plan.most:
                reason = f"Control group {group} gets {count} tasks, and {plan.most} are the most."
                tell("EN-23", PROVEN, "share.cap", reason)
        if sum(sums.values()) != plan.each * plan.tasks or not 0 < plan.each <= len(sums):
            reason = (
                f"{sum(sums.values())} tasks are given to {len(sums)} control groups, and {plan.tasks} tasks "
                f"with {plan.each} groups each are {plan.each * plan.tasks}."
            )
            tell("EN-14", PROVEN, "share.sum", reason)
        if sums and max(sums.values()) > plan.tasks:
            tell("EN-14", PROVEN, "share.twice", "A control group gets more tasks than there are.")

    def _sliced(self, entry: AuditedEntry, b: Mapping[str, Any], tell: Tell) -> None:
        plan = next(iter(self._plans.get(entry.stream, [])[-1:]), None)
        share = self.shares.get(b["share"])
        if plan is None or share not in plan.shares or entry.n != plan.next:
            tell("EN-31", PROVEN, "share.slice", "The slice does not follow its plan at once.")
            return
        plan.next += 1
        if b["slice"] != len(share.slices) + 1:
            tell("EN-31", PROVEN, "share.slice", f"Slice {b['slice']} follows slice {len(share.slices)}.")
        share.slices[b["slice"]] = b["count"]
        plan.complete = all(sum(one.slices.values()) == one.tasks for one in plan.shares)
        if sum(share.slices.values()) > share.tasks:
            reason = f"The slices hold {sum(share.slices.values())} tasks, and the plan says {share.tasks}."
            tell("EN-23", PROVEN, "share.slice", reason)

    # ---- letters -------------------------------------------------------------------------------

    def _letter(self, entry: AuditedEntry, b: Mapping[str, Any], tell: Tell) -> None:
        share = self.shares.get(b["share"])
        by_home = b["act"] in ("offer", "recall", "ack")
        if share is None:
            side = "home" if by_home == (b["way"] == "sent") else "partner"
            share = self.shares[b["share"]] = SharePart(b["share"], entry.stream, side)
            if (b["way"], b["act"], b["seq"]) != ("taken", "offer", 0):
                kind = GAP if self.continues else PROVEN
                tell(
                    "EN-23",
                    kind,
                    "share.unplanned",
                    "A letter is about a share that this log does not begin.",
                )
                share.elsewhere = True
        before = share.letters.get(b["way"], b["seq"] if share.elsewhere else 0)
        if b["seq"] != before:
            reason = f"Letter {b['seq']} was {b['way']} after {before} letters."
            tell("EN-14", PROVEN, "share.gap", reason)
        share.letters[b["way"]] = b["seq"] + 1
        self._digests[b["share"], b["way"], b["seq"]] = b["letter"]
        if by_home != ((share.side == "home") == (b["way"] == "sent")):
            tell("EN-31", PROVEN, "share.side", f"A letter {b['act']!r} is not that side's to write.")
            return
        if b["act"] == "offer":
            self._offer(entry, share, b, tell)
        elif b["act"] == "deliver":
            self._delivery(share, b, tell)
        elif b["act"] == "recall":
            share.recalled = True
        elif b["act"] == "deleted":
            share.deleted = True

    def _offer(self, entry: AuditedEntry, share: SharePart, b: Mapping[str, Any], tell: Tell) -> None:
        share.offered += b["count"]
        share.out[b["slice"]] += b["count"]
        if share.side == "partner":
            share.tasks += b["count"]
            return
        plan = next((one for one in self._plans.get(share.project, []) if share in one.shares), None)
        if plan is None:
            return  # of an earlier log, and told
        if not plan.complete:
            tell(
                "EN-31",
                PROVEN,
                "share.early",
                "Something is offered before the whole plan stands in the log.",
            )
        if share.out[b["slice"]] != share.slices.get(b["slice"]):
            reason = (
                f"{share.out[b['slice']]} tasks of slice {b['slice']} are offered, and the plan has "
                f"{share.slices.get(b['slice'], 0)} in it."
            )
            tell("EN-23", PROVEN, "share.offer", reason)
        if share.recalled:
            tell("EN-23", PROVEN, "share.offer", "The share was recalled before.")
        self._check_cap_now(entry, plan, share, tell)
        self._check_rival(entry, plan, share, tell)

    def _check_rival(self, entry: AuditedEntry, plan: _Plan, share: SharePart, tell: Tell) -> None:
        """Where it is shown whose the project is, and stated who owns both: none gives to whom it is in
        conflict with. Rivals that a client has named stay its own."""
        records = self._records(plan.client, entry) if plan.client and share.record else []
        graph = self._graphs(entry) if records and all(records) else None
        if graph is None:
            return
        share.compared = True
        if all(graph.grade(record, share.record) == 3 for record in records):
            reason = f"{share.share} is of a partner in conflict with the client, {plan.client}."
            tell("EN-21", PROVEN, "share.rival", reason)

    def _check_cap_now(self, entry: AuditedEntry, plan: _Plan, share: SharePart, tell: Tell) -> None:
        """With partners that have come under one control since, too."""
        groups = control_groups([one.record for one in plan.shares], self._graphs(entry))
        mine = groups[plan.shares.index(share)]
        same = [one for one, group in zip(plan.shares, groups, strict=True) if group == mine]
        seen = sum(one.offered for one in same)
        if seen > plan.most:
            reason = f"The control group is offered {seen} tasks by now, and {plan.most} are the most."
            tell("EN-23", PROVEN, "share.cap", reason)
        if len({one.group for one in same}) > 1:
            reason = "Something is offered to a partner that has come under one control with another one."
            tell("EN-22", PROVEN, "share.merged", reason)

    def _delivery(self, share: SharePart, b: Mapping[str, Any], tell: Tell) -> None:
        share.delivered += b["count"]
        share.back[b["slice"]] += b["count"]
        share.late += b["late"]
        if share.back[b["slice"]] > share.out[b["slice"]] and not share.elsewhere:
            reason = (
                f"{share.back[b['slice']]} answers to slice {b['slice']} are delivered, and "
                f"{share.out[b['slice']]} tasks of it were offered."
            )
            tell("EN-15", PROVEN, "share.delivery", reason)
        if share.recalled and share.side == "home" and b["count"]:
            tell("EN-15", PROVEN, "share.delivery", f"{b['count']} answers count after a recall.")

    # ---- letters that somebody holds -----------------------------------------------------------

    def compare(self, name: str, letter: HeldLetter, origin: str, newest: int, tell: Tell) -> None:
        """Whether a letter that somebody holds stands in this log as it should.

        Args:
            name: of the file.
            newest: ms up to which the log surely has all of its node's own.
        """
        way = "sent" if letter.sender == origin else "taken"
        known = self._digests.get((letter.share, way, letter.seq))
        if known is not None and known != letter.digest:
            reason = f"{name}: the log has another letter {letter.seq} of {letter.share} as {way}."
            tell("EN-34", PROVEN, "letter.other", reason)
        elif known is None and way == "sent" and letter.at < newest:
            reason = f"{name}: the node signed it, and its log does not have it."
            tell("EN-34", PROVEN, "letter.missing", reason)


def control_groups(records: Sequence[str], graph: Graph | None) -> list[int]:
    """The number of each partner's control group, from 0 in the order in which groups first stand there."""
    groups = list(range(len(records)))
    for i, record in enumerate(records):
        for j in range(i):
            other = records[j]
            one = record == other or (graph is not None and graph.grade(record, other) == 3)
            if record and other and one:
                old, new = groups[i], groups[j]
                groups = [new if group == old else group for group in groups]
    order = list(dict.fromkeys(groups))
    return [order.index(group) for group in groups]


# ---- letters as files ----------------------------------------------------------------------------


@dataclass(frozen=True)
class HeldLetter:
    """What an auditor reads of a letter."""

    share: str
    sender: str  # origin
    seq: int
    at: int  # ms
    digest: str  # base64url


def read_letter(data: bytes, key: LogKey) -> HeldLetter | None:
    """A letter by the node whose log is audited, or to it; None where it is about neither.

    Raises:
        Unacceptable: it is no letter, or the node did not sign what it is said to have signed.
    """
    note, _, rest = data.partition(b"\n\n")
    signature, _, rows = rest.partition(b"\n")
    whole = note + b"\n\n" + signature + b"\n"
    text, signatures = split_note(whole)
    first, _, told = text.partition("\n")
    try:
        head = json.loads(told)
        letter = HeldLetter(head["share"], head["from"], head["seq"], head["at"], _digest(text.encode()))
        right, to = head["rows"] == _digest(rows), head["to"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unacceptable(f"the letter cannot be read: {error}") from error
    if first != LAYOUT or not right or not isinstance(letter.seq, int) or not isinstance(letter.at, int):
        raise Unacceptable("it is no letter, or was altered")
    if letter.sender == key.name:
        own = [blob for name, blob in signatures if name == key.name and blob[:4] == key.id]
        if not own or not all(key.check(blob[4:], text.encode()) for blob in own):
            raise Unacceptable(f"{key.name} did not sign it")
    return letter if key.name in (letter.sender, to) else None


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


# ---- the draw, with the project's archive ----------------------------------------------------------


class Draws:
    """Plans and slices of one project with their openings: each is drawn again."""

    def __init__(self, add: Callable[[str, str, str], None]) -> None:
        """Args:
        add: told of what is wrong: rule, place, what.
        """
        self._add = add
        self._plans: list[tuple[str, Mapping[str, Any], Mapping[str, bytes]]] = []
        self._tasks: dict[str, list[set[int]]] = {}  # share -> tasks of each slice

    def take(
        self, entry: AuditedEntry, b: Mapping[str, Any], opened: Mapping[str, bytes], rows: Iterable[bytes]
    ) -> None:
        """An event of the project."""
        if entry.kind == "share-planned":
            self._plans.append((f"{entry.stream} {entry.n}", b, opened))
        elif entry.kind == "share-sliced":
            self._tasks.setdefault(b["share"], []).append({int(row) for row in rows})

    def finish(self) -> int:
        """Draw every plan again whose seed is opened; how many that were."""
        opened = [plan for plan in self._plans if "seed" in plan[2]]
        for place, b, values in opened:
            self._check(place, b, values)
        return len(opened)

    def _check(self, place: str, b: Mapping[str, Any], opened: Mapping[str, bytes]) -> None:
        groups = [one["group"] for one in b["partners"]]
        given = [self._tasks.get(one["share"], []) for one in b["partners"]]
        tasks = sorted(set().union(*(piece for pieces in given for piece in pieces)))
        if "known" in opened:
            keys = [vkey for _, vkey in json.loads(opened["known"])]
            if keys != sorted(keys) or len(keys) != len(groups):
                self._add("share.order", place, "The partners do not stand in the order of their keys.")
        if len(tasks) != b["tasks"]:
            what = f"The slices hold {len(tasks)} different tasks, and the plan is of {b['tasks']}."
            self._add("share.draw", place, what)
            return
        right = draw(opened["seed"], tasks, groups, b["each"])
        for one, pieces, wanted in zip(b["partners"], given, right, strict=True):
            flat = [n for piece in pieces for n in sorted(piece)]
            cut, start = [], 0
            for piece in pieces:
                cut.append(set(wanted[start : start + len(piece)]))
                start += len(piece)
            if pieces != cut or len(flat) != len(wanted):
                self._add("share.draw", place, f"The tasks of {one['share']} are not those that were drawn.")


def draw(seed: bytes, tasks: Sequence[int], groups: Sequence[int], each: int) -> list[list[int]]:
    """For each partner the tasks that it gets, in the order of the draw (11.1)."""
    count = max(groups) + 1

    def lot(n: int, g: int) -> bytes:
        number = n.to_bytes(8, "big") + g.to_bytes(8, "big")
        return hashlib.sha256(b"evenhand/share/v1\0" + seed + number).digest()

    quota, more = divmod(each * len(tasks), count)
    left = dict.fromkeys(range(count), quota)
    for group in sorted(left, key=lambda g: lot(0, g + 1))[:more]:
        left[group] += 1
    waiting = {g: [i for i, group in enumerate(groups) if group == g] for g in range(count)}
    shares: list[list[int]] = [[] for _ in groups]
    for n in sorted(tasks, key=lambda n: lot(n, 0)):
        ranked = sorted(left, key=lambda g: (-left[g], lot(n, g + 1)))
        for group in ranked[:each]:
            partner = waiting[group].pop(0)
            waiting[group].append(partner)
            shares[partner].append(n)
            left[group] -= 1
    return shares
