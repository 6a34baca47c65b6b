"""Who gets which task next. One call decides for everybody who waits in a pool.

Here is the pool of one organization: its projects are the flows of a fair queue (`core.fair_queue`), each
assignment costs the same, and nothing is given back. Pools that organizations share are decided by
`core.shared_pool`.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from evenhand.core.events import MAX_ROWS, Moment, Offered, Place
from evenhand.core.fair_queue import UNIT, FairQueue

CHARGE = UNIT  # what an assignment adds to its project's tag
RELIEF_MS = 24 * 3600 * 1000  # a task that waits longer for a further answer is offered to everybody

_encode = msgspec.json.Encoder().encode


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who asks for work."""

    person: str
    members: dict[str, str]  # organization -> the person's membership there
    project: str | None  # only this one; None: whatever is next
    count: int  # how many more assignments, 1 or more
    leases: tuple[str, ...]  # fresh ids for them, at least `count`; secret randomness, drawn by the shell


class Candidate(msgspec.Struct, frozen=True):
    """A task with a free slot."""

    n: int
    free: int
    round: int
    further_ms: int = 0
    """When a further answer was asked for that nobody gives who is passed over; 0: everybody may."""
    first: bool = False  # wants first answers and is no pilot: not for those of whom pilots only are asked


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """An active project of the pool with its first free tasks in order."""

    organization: str
    project: str
    version: int
    lease_ms: int
    tag: int
    candidates: tuple[Candidate, ...]
    seen: frozenset[tuple[str, int]]  # (person, task): had it in this round
    gold: Mapping[str, tuple[Candidate | None, ...]] = {}  # person -> what hides in the k-th assignment
    closed: frozenset[str] = frozenset()  # persons who may not work here: not qualified, suspended
    passed_over: frozenset[str] = frozenset()  # persons of whom no further answers are asked
    pilots_only: frozenset[str] = frozenset()  # of these, persons of whom no first answers are asked either
    first_answers: int = 0  # that every task gets; 0: all are asked for


class OfferView(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision depends on."""

    pool: str
    virtual: int  # the largest tag at a selection so far
    backlogs: tuple[Backlog, ...]
    lapsed: tuple[str, ...]  # ids of live assignments whose time has passed
    settled: tuple[tuple[str, Place], ...]  # (id, place) of submissions and skips that no window has named


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One assignment that the window gives out."""

    lease: str
    waiting: int  # index of the one who gets it
    organization: str
    project: str
    task: int
    round: int
    version: int
    until: int  # ms


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """The decision: what to record, and who gets what."""

    events: tuple[Offered, ...]
    given: tuple[Given, ...]


def slot_of(lease: str) -> str:
    """The public pseudonym of a lease: whoever knows the lease's secret id can show that it is this slot."""
    return hashlib.sha256(b"evenhand/slot/v1\x00" + lease.encode()).hexdigest()[:32]


class _Round:
    """The state of one decision: free slots and tags as they change while leases are given."""

    def __init__(self, view: OfferView, at: Moment) -> None:
        self.waited = at.ms - RELIEF_MS  # what was asked for up to then has waited long enough
        self.backlogs = view.backlogs
        self.places = {backlog.project: i for i, backlog in enumerate(view.backlogs)}
        tags = {backlog.project: backlog.tag for backlog in view.backlogs}
        self.queue = FairQueue(tags, view.virtual, lambda project: 1, list.sort)
        self.free = [[c.free for c in backlog.candidates] for backlog in view.backlogs]
        self.first = [0] * len(view.backlogs)  # candidates before this one are used up
        self.taken: set[tuple[int, str, int]] = set()  # (backlog, person, task) given in this round
        self.turns: Counter[tuple[int, str]] = Counter()  # assignments of (backlog, person) in this round

    def choose(self, waiting: Waiting) -> tuple[int, Candidate] | None:
        """The project and task for one assignment, or None when nothing fits."""

        def fits(project: str) -> Candidate | None:
            i = self.places[project]
            backlog = self.backlogs[i]
            if backlog.organization not in waiting.members or waiting.person in backlog.closed:
                return None
            return self._task(i, waiting.person) if waiting.project in (None, project) else None

        served = self.queue.serve(fits, charge=1)
        return (self.places[served[0]], served[1]) if served else None

    def _task(self, i: int, person: str) -> Candidate | None:
        """The first free task, or gold in its place: only where an ordinary one was there to be given."""
        j = self._first_free(i, person)
        if j is None:
            return None
        candidate, hidden = self.backlogs[i].candidates[j], self._hidden(i, person)
        if hidden is None:
            self.free[i][j] -= 1
        chosen = hidden or candidate
        self.taken.add((i, person, chosen.n))
        self.turns[i, person] += 1
        return chosen

    def _first_free(self, i: int, person: str) -> int | None:
        backlog, free = self.backlogs[i], self.free[i]
        while self.first[i] < len(free) and free[self.first[i]] == 0:
            self.first[i] += 1
        latest = self.waited if person in backlog.passed_over else None
        bound = person in backlog.pilots_only
        for j in range(self.first[i], len(free)):
            candidate = backlog.candidates[j]
            had = (person, candidate.n) in backlog.seen or (i, person, candidate.n) in self.taken
            apart = bound and candidate.first
            if free[j] and (latest is None or candidate.further_ms <= latest) and not had and not apart:
                return j
        return None

    def _hidden(self, i: int, person: str) -> Candidate | None:
        drawn, turn = self.backlogs[i].gold.get(person, ()), self.turns[i, person]
        return drawn[turn] if turn < len(drawn) else None


def offer(view: OfferView, waiting: Sequence[Waiting], at: Moment) -> Offer:
    """Give work to everybody who waits, as far as there is any.

    Everybody gets a first assignment before anybody gets a second. Nobody gets a task twice in a
    round, and no task gets more leases than free slots, whatever `waiting` says. Who is passed over gets no
    task that wants a further answer, unless it has waited for `RELIEF_MS`, and no first answers to give where
    pilots only are asked of them.
    """
    state = _Round(view, at)
    given: list[Given] = []
    for turn in range(max((w.count for w in waiting), default=0)):
        for index, person in enumerate(waiting):
            if turn < person.count:
                choice = state.choose(person)
                if choice is not None:
                    given.append(_given(view.backlogs[choice[0]], choice[1], index, person.leases[turn], at))
    return Offer(events=_record(view, state, waiting, given), given=tuple(given))


def _given(backlog: Backlog, candidate: Candidate, index: int, lease: str, at: Moment) -> Given:
    return Given(
        lease=lease,
        waiting=index,
        organization=backlog.organization,
        project=backlog.project,
        task=candidate.n,
        round=candidate.round,
        version=backlog.version,
        until=at.ms + backlog.lease_ms,
    )


WINDOW = 256  # leases, lapses or settlements in one event: an entry has at most 65,535 bytes


def _record(
    view: OfferView, state: _Round, waiting: Sequence[Waiting], given: list[Given]
) -> tuple[Offered, ...]:
    """The events of the window; none when nothing happened."""
    longest = max(len(given), len(view.lapsed), len(view.settled))
    events = []
    for start in range(0, longest, min(WINDOW, MAX_ROWS)):
        cut = slice(start, start + WINDOW)
        last = start + WINDOW >= longest
        events.append(_window(view, state, waiting, given[cut], view.lapsed[cut], view.settled[cut], last))
    return tuple(events)


def _window(
    view: OfferView,
    state: _Round,
    waiting: Sequence[Waiting],
    given: list[Given],
    lapsed: tuple[str, ...],
    settled: tuple[tuple[str, Place], ...],
    last: bool,
) -> Offered:
    tags = state.queue.changed
    changed = (
        [(b, tags[b.project]) for b in view.backlogs if tags.get(b.project, b.tag) != b.tag] if last else []
    )
    return Offered(
        stream=view.pool,
        leases=tuple(
            {"slot": slot_of(g.lease), "who": waiting[g.waiting].person, "until": g.until} for g in given
        ),
        lapsed=tuple(slot_of(lease) for lease in lapsed),
        settled=tuple(place for _, place in settled),
        rows=tuple(_row(g, waiting[g.waiting]) for g in given),
        lapsed_ids=lapsed,
        settled_ids=tuple(id_ for id_, _ in settled),
        tags=tuple((b.organization, b.project, tag) for b, tag in changed),
        virtual=state.queue.virtual if changed else 0,
    )


def _row(given: Given, waiting: Waiting) -> bytes:
    member = waiting.members[given.organization]
    return _encode(
        [given.lease, given.organization, given.project, given.task, given.round, given.version, member]
    )
