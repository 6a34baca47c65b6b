"""Who owns and controls whom, and who is therefore in conflict with whom. Exact: fractions, no floats.

The rule is spec/neutrality.md 4.2; docs/spec/ledger.md, section 10.4, says it step by step under the name
`RULE`. Integrated ownership follows Brioschi, Buzzacchi, Colombo 1989 and Baldone, Brioschi, Paleari 1998,
solved for each strongly connected component; control is the least fixpoint of majorities (company control
problem). Economic and voting shares are both followed, and the worse counts: 49% without votes is a conflict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

import msgspec
import networkx as nx

RULE = "own:1"
WHOLE = 100_000_000  # a share of 100%, in the units of statements and thresholds

SHARES = {  # type of interest -> the kinds of shares that it counts as
    "shareholding": ("economic",),
    "rightsToProfitOrIncome": ("economic",),
    "rightToProfitOrIncomeFromAssets": ("economic",),
    "rightsToSurplusAssetsOnDissolution": ("economic",),
    "enjoymentAndUseOfAssets": ("economic",),
    "beneficiaryOfLegalArrangement": ("economic",),
    "votingRights": ("voting",),
    "appointmentOfBoard": ("voting",),
    "unknownInterest": ("economic", "voting"),
    "unpublishedInterest": ("economic", "voting"),
}
COMMAND = frozenset(
    {
        "otherInfluenceOrControl",
        "controlViaCompanyRulesOrArticles",
        "controlByLegalFramework",
        "settlor",
        "trustee",
        "protector",
        "nominee",
        "nominator",
    }
)
OFFICES = {
    "boardChair": "chief",
    "seniorManagingOfficial": "chief",
    "boardMember": "board",
    "rightsGrantedByContract": "contract",
    "conditionalRightsGrantedByContract": "contract",
}
TYPES = frozenset({*SHARES, *COMMAND, *OFFICES})
"""The 23 types of interest of BODS 0.4."""
NAMELESS = frozenset({"anonymousEntity", "unknownEntity", "anonymousPerson", "unknownPerson"})
UNKNOWN = "unknown"  # the party of a relationship that names none


class Interest(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody holds. Shares in units of 10^-8."""

    type: str
    least: int = 0
    most: int = WHOLE
    indirect: int = 0
    end: int = 0  # ms; 0: none


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The newest statement of a record, as the ledger has it."""

    record: str
    type: str  # entity, person, relationship
    status: str  # new, updated, closed
    form: str = ""
    subject: str = ""
    party: str = ""
    interests: tuple[Interest, ...] = ()
    components: tuple[str, ...] = ()


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """From which shares on, in units of 10^-8."""

    blocked: int = 25_000_000
    waiver: int = 10_000_000
    disclosed: int = 1_000_000
    common: int = 5_000_000
    control: int = 50_000_000  # more than this is control


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One link of a path: what a holder has in the one below."""

    holder: str
    held: str
    kind: str  # economic, voting, chief, board, contract
    share: int = 0  # units of 10^-8; 0 where it is no share


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """How two parties stand to each other, and what led to it."""

    grade: int  # 0 none declared, 1 disclosed, 2 needs a waiver, 3 blocked
    why: str = "none"  # same, opaque, control, share, office, contract, common, none
    holder: str = ""  # who connects them
    held: str = ""
    share: int = 0  # the share that decided, units of 10^-8
    steps: tuple[Step, ...] = ()


Matrix = dict[str, dict[str, Fraction]]  # holder -> held -> share


class Graph:
    """The graph of ownership at one moment."""

    def __init__(self, records: Iterable[Record], thresholds: Thresholds, at_ms: int) -> None:
        """
        Args:
            at_ms: time of the newest statement; what ended by then does not count.
        """
        known = {r.record: r for r in records if r.status != "closed"}
        self.thresholds = thresholds
        self.nameless: set[str] = {r.record for r in known.values() if r.form in NAMELESS}
        self.offices: dict[str, dict[str, set[str]]] = {}  # holder -> held -> chief, board, contract
        self.shares: dict[str, Matrix] = {"economic": {}, "voting": {}}
        self.nodes = {r.record for r in known.values() if r.type != "relationship"}
        sums: dict[tuple[str, str, str], Fraction] = {}  # (type, holder, held)
        for relation in known.values():
            if relation.type == "relationship" and relation.subject:
                self._add(relation, known, at_ms, sums)
        for (type_, holder, held), share in sums.items():
            for kind in SHARES.get(type_, ("voting",)):
                row = self.shares[kind].setdefault(holder, {})
                row[held] = max(row.get(held, Fraction(0)), min(share, Fraction(1)))
        self._rows: dict[tuple[str, str], dict[str, Fraction]] = {}
        self._controlled: dict[str, frozenset[str]] = {}

    def _add(
        self,
        relation: Record,
        known: Mapping[str, Record],
        at_ms: int,
        sums: dict[tuple[str, str, str], Fraction],
    ) -> None:
        holder, held = relation.party, relation.subject
        if holder == UNKNOWN:
            holder = f"{UNKNOWN}:{relation.record}"
            self.nameless.add(holder)
        if not holder:
            return
        self.nodes |= {holder, held}
        explained = bool(relation.components) and all(c in known for c in relation.components)
        for interest in relation.interests or (Interest(type="unknownInterest"),):
            if 0 < interest.end <= at_ms or (interest.indirect and explained):
                continue
            if interest.type in OFFICES:
                office = OFFICES[interest.type]
                self.offices.setdefault(holder, {}).setdefault(held, set()).add(office)
            else:
                most = WHOLE if interest.type in COMMAND else interest.most
                key = (interest.type, holder, held)
                sums[key] = sums.get(key, Fraction(0)) + Fraction(most, WHOLE)

    # -- integrated ownership ------------------------------------------------------------------------

    @cached_property
    def _nets(self) -> dict[str, nx.DiGraph]:
        return {kind: self._net(matrix) for kind, matrix in self.shares.items()}

    def _net(self, matrix: Matrix) -> nx.DiGraph:
        net = nx.DiGraph()
        net.add_nodes_from(sorted(self.nodes))
        net.add_edges_from((a, b) for a in sorted(matrix) for b in sorted(matrix[a]) if matrix[a][b])
        return net

    @cached_property
    def _components(self) -> dict[str, list[list[str]]]:
        """The strongly connected components of each kind, holders before those they hold."""
        found = {}
        for kind, net in self._nets.items():
            condensed = nx.condensation(net)
            order = nx.topological_sort(condensed)
            found[kind] = [sorted(condensed.nodes[c]["members"]) for c in order]
        return found

    @cached_property
    def closed(self) -> dict[str, frozenset[str]]:
        """Of each kind, members of components that own themselves wholly, or may."""
        return {
            kind: frozenset(
                member
                for component in components
                if self._cyclic(kind, component) and not _converges(self.shares[kind], component)
                for member in component
            )
            for kind, components in self._components.items()
        }

    def _cyclic(self, kind: str, component: Sequence[str]) -> bool:
        own = self.shares[kind].get(component[0], {})
        return len(component) > 1 or bool(own.get(component[0]))

    def direct(self, kind: str, holder: str, held: str) -> Fraction:
        """The share that one holds in the other itself."""
        return self.shares[kind].get(holder, {}).get(held, Fraction(0))

    def integrated(self, kind: str, holder: str, held: str) -> Fraction:
        """The share over all ways, corrected for ways that return to the holder."""
        return self._row(kind, holder).get(held, Fraction(0))

    def _row(self, kind: str, holder: str) -> dict[str, Fraction]:
        """Solve y (I - A) = a for one holder, component by component."""
        if (kind, holder) in self._rows:
            return self._rows[kind, holder]
        matrix, y = self.shares[kind], {}
        reachable = nx.descendants(self._nets[kind], holder) | {holder} if holder in self.nodes else set()
        inflow: dict[str, Fraction] = dict(matrix.get(holder, {}))
        for component in self._components[kind]:
            if not reachable.isdisjoint(component):
                y.update(self._solve(kind, component, inflow))
                for member in component:
                    for held, share in matrix.get(member, {}).items():
                        if held not in component:
                            inflow[held] = inflow.get(held, Fraction(0)) + y[member] * share
        back = 1 + y.get(holder, Fraction(0))
        self._rows[kind, holder] = {held: share / back for held, share in y.items() if share}
        return self._rows[kind, holder]

    def _solve(
        self, kind: str, component: Sequence[str], inflow: Mapping[str, Fraction]
    ) -> dict[str, Fraction]:
        matrix = self.shares[kind]
        known = [inflow.get(member, Fraction(0)) for member in component]
        if len(component) == 1 and not matrix.get(component[0], {}).get(component[0]):
            return {component[0]: known[0]}
        if component[0] in self.closed[kind]:
            return dict(zip(component, known, strict=True))
        return dict(zip(component, _times_inverse(matrix, component, known), strict=True))

    # -- control -------------------------------------------------------------------------------------

    def controlled(self, holder: str) -> frozenset[str]:
        """Everybody whom the holder commands by majorities, itself included."""
        if holder not in self._controlled:
            sets = [self._majority(matrix, holder) for matrix in self.shares.values()]
            self._controlled[holder] = frozenset().union(*sets)
        return self._controlled[holder]

    def _majority(self, matrix: Matrix, holder: str) -> set[str]:
        more_than = Fraction(self.thresholds.control, WHOLE)
        group, queue = {holder}, [holder]
        sums: dict[str, Fraction] = {}
        while queue:
            for held, share in matrix.get(queue.pop(), {}).items():
                sums[held] = sums.get(held, Fraction(0)) + share
                if sums[held] > more_than and held not in group:
                    group.add(held)
                    queue.append(held)
        return group

    def above(self, record: str) -> set[str]:
        """Everybody who may hold something in this one, over any number of steps."""
        nets = self._nets.values()
        return set().union(*(nx.ancestors(net, record) for net in nets if record in net))

    def houses(self, record: str) -> list[str]:
        """The record and all who control it."""
        above = {x for x in self.above(record) if record in self.controlled(x)}
        return sorted(above | {record})

    def share(self, holder: str, held: str) -> tuple[Fraction, str]:
        """(the share at the holder's command, kind): direct, integrated, or held by those it controls."""
        group = self.controlled(holder)
        found = []
        for kind, matrix in self.shares.items():
            commanded = sum((matrix.get(k, {}).get(held, Fraction(0)) for k in group), Fraction(0))
            most = max(commanded, self.direct(kind, holder, held), self.integrated(kind, holder, held))
            found.append((min(most, Fraction(1)), kind))
        return max(found, key=lambda one: (one[0], one[1] == "economic"))

    # -- relations -----------------------------------------------------------------------------------

    @cached_property
    def opaque(self) -> dict[str, str]:
        """Records whose owner cannot be told -> the one on whom that depends."""
        found = {record: record for record in sorted(self.nameless.union(*self.closed.values()))}
        queue = list(found)
        while queue:
            holder = queue.pop(0)
            for held in sorted(self._below(holder) - found.keys()):
                share, _ = self.share(holder, held)
                if share >= Fraction(self.thresholds.blocked, WHOLE) or held in self.controlled(holder):
                    found[held] = holder
                    queue.append(held)
        return found

    def _below(self, holder: str) -> set[str]:
        return set().union(*(nx.descendants(net, holder) for net in self._nets.values() if holder in net))

    def relation(self, p: str, q: str) -> Relation:
        """How two records stand to each other: the worst that holds."""
        if p == q:
            return Relation(grade=0, why="same", holder=p, held=q)
        return (
            self._hidden(p, q)
            or self._commanded(p, q)
            or self._held(p, q, self.thresholds.blocked, 3)
            or self._chiefs(p, q)
            or self._held(p, q, self.thresholds.waiver, 2)
            or self._offices(p, q)
            or self._common(p, q, self.thresholds.blocked, 2)
            or self._held(p, q, self.thresholds.disclosed, 1)
            or self._common(p, q, self.thresholds.common, 1)
            or Relation(grade=0)
        )

    def _hidden(self, p: str, q: str) -> Relation | None:
        for record in (p, q):
            if record in self.opaque:
                source = self.opaque[record]
                steps = self.path(source, record)
                return Relation(grade=3, why="opaque", holder=source, held=record, steps=steps)
        return None

    def _commanded(self, p: str, q: str) -> Relation | None:
        both = sorted(set(self.houses(p)) & set(self.houses(q)))
        if not both:
            return None
        top = p if p in both else q if q in both else both[0]
        steps = tuple(step for record in (p, q) if record != top for step in self.path(top, record))
        held = q if top == p else p
        return Relation(grade=3, why="control", holder=top, held=held, steps=steps)

    def _held(self, p: str, q: str, threshold: int, grade: int) -> Relation | None:
        pairs = [(x, q) for x in self.houses(p)] + [(x, p) for x in self.houses(q)]
        found = [(*self.share(x, held), x, held) for x, held in pairs]
        share, kind, holder, held = max(found, key=lambda one: (one[0], one[2], one[3]))
        if share < Fraction(threshold, WHOLE) or not share:
            return None
        steps = self.path(holder, held, kind)
        return Relation(grade=grade, why="share", holder=holder, held=held, share=units(share), steps=steps)

    def _office(self, holder: str, held: str) -> set[str]:
        return self.offices.get(holder, {}).get(held, set())

    def _chiefs(self, p: str, q: str) -> Relation | None:
        for x, held in self._crossed(p, q):
            if "chief" in self._office(x, held):
                return _by_office("office", 3, [(x, held, "chief")])
        for x in sorted(self.offices):
            of_p, of_q = self._office(x, p) - {"contract"}, self._office(x, q) - {"contract"}
            if of_p and of_q and "chief" in of_p | of_q:
                return _by_office("office", 3, [(x, p, min(of_p, key=_rank)), (x, q, min(of_q, key=_rank))])
        return None

    def _offices(self, p: str, q: str) -> Relation | None:
        for x, held in self._crossed(p, q):
            for office in sorted(self._office(x, held)):
                return _by_office("contract" if office == "contract" else "office", 2, [(x, held, office)])
        for x in sorted(self.offices):
            if "board" in self._office(x, p) and "board" in self._office(x, q):
                return _by_office("office", 2, [(x, p, "board"), (x, q, "board")])
        return None

    def _crossed(self, p: str, q: str) -> list[tuple[str, str]]:
        return [(x, q) for x in self.houses(p)] + [(x, p) for x in self.houses(q)]

    def _common(self, p: str, q: str, threshold: int, grade: int) -> Relation | None:
        least = Fraction(threshold, WHOLE)
        found = []
        for x in sorted(self.above(p) & self.above(q)):
            smaller = min(self.share(x, p)[0], self.share(x, q)[0])
            if smaller >= least:
                found.append((smaller, x))
        if not found:
            return None
        share, holder = max(found)
        steps = (*self.path(holder, p), *self.path(holder, q))
        return Relation(grade=grade, why="common", holder=holder, held=q, share=units(share), steps=steps)

    def path(self, holder: str, held: str, kind: str = "") -> tuple[Step, ...]:
        """A shortest way from a holder down to the held one, with the shares on it."""
        for one in [kind] if kind else ["voting", "economic"]:
            net = self._nets[one]
            if holder in net and held in net and nx.has_path(net, holder, held):
                nodes = nx.shortest_path(net, holder, held)
                return tuple(
                    Step(holder=a, held=b, kind=one, share=units(self.direct(one, a, b)))
                    for a, b in pairwise(nodes)
                )
        return ()


def _by_office(why: str, grade: int, links: list[tuple[str, str, str]]) -> Relation:
    steps = tuple(Step(holder=x, held=held, kind=office) for x, held, office in links)
    return Relation(grade=grade, why=why, holder=links[0][0], held=links[-1][1], steps=steps)


def _rank(office: str) -> int:
    return ("chief", "board").index(office)


def units(share: Fraction) -> int:
    """A share in units of 10^-8, rounded up: for showing; decisions are taken on the fraction."""
    return -((-share.numerator * WHOLE) // share.denominator)


def _converges(matrix: Matrix, component: Sequence[str]) -> bool:
    """Whether I - A within the component has an inverse without negative elements: its radius is below 1."""
    for i in range(len(component)):
        unit = [Fraction(int(i == j)) for j in range(len(component))]
        row = _times_inverse(matrix, component, unit)
        if any(x < 0 for x in row):
            return False
    return True


def _times_inverse(matrix: Matrix, component: Sequence[str], known: Sequence[Fraction]) -> list[Fraction]:
    """Solve y (I - A) = known within the component, by elimination; minus ones where there is no solution."""
    n = len(component)
    rows = [
        [
            Fraction(int(i == j)) - matrix.get(component[j], {}).get(component[i], Fraction(0))
            for j in range(n)
        ]
        + [known[i]]
        for i in range(n)
    ]
    for column in range(n):
        pivot = next((r for r in range(column, n) if rows[r][column]), None)
        if pivot is None:
            return [Fraction(-1)] * n
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column][column]
        rows[column] = [x / head for x in rows[column]]
        for r in range(n):
            if r != column and rows[r][column]:
                factor = rows[r][column]
                rows[r] = [x - factor * y for x, y in zip(rows[r], rows[column], strict=True)]
    return [row[n] for row in rows]


def more_than_all(records: Iterable[Record]) -> str:
    """A record of which more than the whole is held, even at the least that is stated; "" for none."""
    sums: dict[tuple[str, str], int] = {}
    for relation in records:
        if relation.status != "closed" and not relation.components:
            for interest in relation.interests:
                if (
                    interest.type in ("shareholding", "votingRights")
                    and not interest.end
                    and not interest.indirect
                ):
                    key = (interest.type, relation.subject)
                    sums[key] = sums.get(key, 0) + interest.least
    return next((subject for (_, subject), total in sorted(sums.items()) if total > WHOLE), "")


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """What follows for a client and an entity in one pool."""

    grade: int
    rival: bool
    blocked: bool
    own: Relation
    by_rival: Relation | None = None  # with the rival that is nearest
    name: str = ""  # that rival's record


def judge(graph: Graph, client: str, entity: str, rivals: Sequence[str], waived: bool) -> Conflict:
    """Whether an entity may work for a client.

    Args:
        client: its record; "" when none is stated, and then only rivals count.
        entity: its record; "" when none is stated, and then nothing is known against it.
        rivals: records that the client names.
        waived: the client lets this entity work for it in spite of grade 2.
    """
    own = graph.relation(client, entity) if client and entity else Relation(grade=0)
    worst: tuple[Relation, str] | None = None
    for rival in sorted(rivals) if entity else ():
        found = graph.relation(entity, rival)
        relation = msgspec.structs.replace(found, grade=3) if entity == rival else found
        if worst is None or relation.grade > worst[0].grade:
            worst = (relation, rival)
    hit = worst if worst is not None and worst[0].grade >= 2 else None
    return Conflict(
        grade=own.grade,
        rival=hit is not None,
        blocked=own.grade == 3 or (own.grade == 2 and not waived) or hit is not None,
        own=own,
        by_rival=hit[0] if hit else None,
        name=hit[1] if hit else "",
    )


def percent(share: int) -> str:
    """A share for people, such as "49%"."""
    whole, rest = divmod(share, WHOLE // 100)
    digits = f"{rest:06d}".rstrip("0")[:2]
    return f"{whole}{'.' + digits if digits else ''}%"


def sentence(relation: Relation, names: Mapping[str, str]) -> str:
    """The relation in a sentence with its path, for people."""
    holder, held = names.get(relation.holder, relation.holder), names.get(relation.held, relation.held)
    if relation.why == "opaque":
        if relation.holder == relation.held:
            return f"Nobody can tell who owns {held}."
        return f"{held} is owned by somebody whom nobody can tell: {_way(relation.steps, names)}."
    heads = {
        "none": "Nothing is declared that connects them.",
        "same": "They are the same.",
        "control": f"{holder} commands both: {_way(relation.steps, names)}.",
        "share": f"{holder} holds {percent(relation.share)} of {held}: {_way(relation.steps, names)}.",
        "office": f"{holder} has a seat: {_way(relation.steps, names)}.",
        "contract": f"{holder} has rights by contract: {_way(relation.steps, names)}.",
        "common": f"{holder} has {percent(relation.share)} of both, or more: {_way(relation.steps, names)}.",
    }
    return heads[relation.why]


def _way(steps: Sequence[Step], names: Mapping[str, str]) -> str:
    offices = {"chief": "leads", "board": "sits on the board of", "contract": "has a contract with"}
    parts = []
    for step in steps:
        holder, held = names.get(step.holder, step.holder), names.get(step.held, step.held)
        what = offices.get(step.kind) or f"has {percent(step.share)} ({step.kind}) of"
        parts.append(f"{holder} {what} {held}")
    return ", ".join(parts)
