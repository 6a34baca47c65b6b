"""Who owns and controls whom, and how badly two parties are in conflict: rule ``own:1``, in exact numbers.

Written from ``docs/spec/ledger.md``, 10.4. Shares are fractions; nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

ONE_HUNDRED = 100_000_000  # shares are in units of 10^-8

ECONOMIC = frozenset(
    {
        "shareholding",
        "rightsToProfitOrIncome",
        "rightToProfitOrIncomeFromAssets",
        "rightsToSurplusAssetsOnDissolution",
        "enjoymentAndUseOfAssets",
        "beneficiaryOfLegalArrangement",
        "unknownInterest",
        "unpublishedInterest",
    }
)
VOTING = frozenset({"votingRights", "appointmentOfBoard", "unknownInterest", "unpublishedInterest"})
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
CHIEF = frozenset({"boardChair", "seniorManagingOfficial"})
BOARD = frozenset({"boardMember"})
CONTRACT = frozenset({"rightsGrantedByContract", "conditionalRightsGrantedByContract"})
HIDDEN = frozenset({"anonymousEntity", "unknownEntity", "anonymousPerson", "unknownPerson"})

Matrix = dict[str, dict[str, Fraction]]  # holder -> held -> share


@dataclass(frozen=True)
class Thresholds:
    """Of the policy, as fractions."""

    blocked: Fraction
    waiver: Fraction
    disclosed: Fraction
    common: Fraction
    control: Fraction

    @classmethod
    def read(cls, told: Mapping[str, int]) -> Thresholds:
        """From the policy's integers."""
        names = ("blocked", "waiver", "disclosed", "common", "control")
        return cls(*(Fraction(told[name], ONE_HUNDRED) for name in names))


class Graph:
    """The graph of ownership as it stands after one statement."""

    def __init__(self, statements: Iterable[Mapping[str, Any]], at: int, thresholds: Thresholds) -> None:
        """
        Args:
            statements: the newest of each record, public fields; closed ones may be among them.
            at: ms; interests that have ended by then do not count.
            thresholds: of the policy in force.
        """
        self._at = at
        self._thresholds = thresholds
        self._open = {s["record"]: s for s in statements if s["status"] != "closed"}
        self._roles: dict[str, dict[str, set[str]]] = {"chief": {}, "board": {}, "contract": {}}
        self._sums: dict[tuple[str, str, str], Fraction] = {}  # (holder, held, type) -> share
        self._hidden = {r for r, s in self._open.items() if s["form"] in HIDDEN}
        for statement in self._open.values():
            if statement["type"] == "relationship":
                self._take(statement)

    @cached_property
    def work(self) -> int:
        """How much there is to compute, in steps of some 20 ns: fractions grow with each step of a path, and
        with each record of a circle. Ownership of a few thousand companies comes to 10^5 to 10^8."""
        total = 0
        for matrix in self._shares:
            depth, order = 0, _components(matrix)
            of = {record: number for number, component in enumerate(order) for record in component}
            deep = [1] * len(order)
            for number, component in enumerate(order):
                depth = max(depth, deep[number])
                for held in {held for holder in component for held in matrix.get(holder, {})}:
                    deep[of[held]] = max(deep[of[held]], deep[number] + len(component))
            edges = sum(map(len, matrix.values()))
            total += len(of) * edges * depth + 20 * sum(len(c) ** 4 for c in order if len(c) > 1)
        return total

    def grade(self, p: str, q: str) -> int:
        """0 to 3: how badly two records are in conflict."""
        if p == q:
            return 0
        if p in self._opaque or q in self._opaque or self._up(p) & self._up(q):
            return 3
        limits = self._thresholds
        if self._reaches(p, q, limits.blocked) or self._commands(p, q):
            return 3
        if self._reaches(p, q, limits.waiver) or self._sits(p, q) or self._both(p, q, limits.blocked):
            return 2
        if self._reaches(p, q, limits.disclosed) or self._both(p, q, limits.common):
            return 1
        return 0

    # ---- what is stated ----------------------------------------------------------------------

    def _take(self, statement: Mapping[str, Any]) -> None:
        holder, held = statement["party"], statement["subject"]
        if holder == "unknown":
            holder = f"unknown:{statement['record']}"
            self._hidden.add(holder)
        if not statement["interests"]:
            if holder:
                self._add(holder, held, "unknownInterest", Fraction(1))
            return
        components = statement["components"]
        shown = bool(components) and all(component in self._open for component in components)
        for interest in statement["interests"]:
            over = interest["end"] != 0 and interest["end"] <= self._at
            if holder and not over and not (interest["indirect"] and shown):
                self._add(holder, held, interest["type"], Fraction(interest["most"], ONE_HUNDRED))

    def _add(self, holder: str, held: str, kind: str, share: Fraction) -> None:
        key = (holder, held, kind)
        self._sums[key] = min(Fraction(1), self._sums.get(key, Fraction(0)) + share)
        for role, kinds in (("chief", CHIEF), ("board", BOARD), ("contract", CONTRACT)):
            if kind in kinds:
                self._roles[role].setdefault(held, set()).add(holder)

    @cached_property
    def _shares(self) -> tuple[Matrix, Matrix]:
        """Economic and voting shares, the inner ones of closed components taken out."""
        economic: Matrix = {}
        voting: Matrix = {}
        for (holder, held, kind), stated in self._sums.items():
            share = Fraction(1) if kind in COMMAND else stated
            for matrix, kinds in ((economic, ECONOMIC), (voting, VOTING | COMMAND)):
                if kind in kinds and share > 0:
                    row = matrix.setdefault(holder, {})
                    row[held] = max(row.get(held, Fraction(0)), share)
        return economic, voting

    @cached_property
    def _opened(self) -> tuple[list[_Shares], set[str]]:
        both = [_Shares(matrix) for matrix in self._shares]
        return both, set().union(*(shares.closed for shares in both))

    @cached_property
    def _records(self) -> set[str]:
        found = {r for r, s in self._open.items() if s["type"] != "relationship"} | self._hidden
        return found | {holder for holder, _, _ in self._sums} | {held for _, held, _ in self._sums}

    # ---- what follows ------------------------------------------------------------------------

    @cached_property
    def _controlled(self) -> dict[str, frozenset[str]]:
        return {record: self._control(record) for record in self._records}

    def _control(self, record: str) -> frozenset[str]:
        """The union, over both kinds of shares, of what majorities lead to."""
        found: set[str] = set()
        for shares in self._opened[0]:
            reached, grown = {record}, True
            while grown:
                sums: dict[str, Fraction] = {}
                for holder in reached:
                    for held, share in shares.matrix.get(holder, {}).items():
                        sums[held] = sums.get(held, Fraction(0)) + share
                fresh = {held for held, total in sums.items() if total > self._thresholds.control} - reached
                reached |= fresh
                grown = bool(fresh)
            found |= reached
        return frozenset(found)

    @cached_property
    def _strength(self) -> dict[str, dict[str, Fraction]]:
        """s(x, j): the largest of direct, integrated and controlled shares."""
        return {record: self._strengths(record) for record in self._records}

    def _strengths(self, record: str) -> dict[str, Fraction]:
        found: dict[str, Fraction] = {}
        for shares in self._opened[0]:
            together: dict[str, Fraction] = {}
            for holder in self._controlled[record]:
                for held, share in shares.matrix.get(holder, {}).items():
                    together[held] = together.get(held, Fraction(0)) + share
            for part in (shares.matrix.get(record, {}), shares.integrated(record), together):
                for held, share in part.items():
                    found[held] = min(Fraction(1), max(found.get(held, Fraction(0)), share))
        return found

    @cached_property
    def _opaque(self) -> set[str]:
        found = self._hidden | self._opened[1]
        grown = True
        while grown:
            fresh = {
                held
                for record in found & self._records
                for held in {*self._controlled[record], *self._at_least(record, self._thresholds.blocked)}
            } - found
            found |= fresh
            grown = bool(fresh)
        return found

    def _at_least(self, record: str, limit: Fraction) -> set[str]:
        return {held for held, share in self._strength.get(record, {}).items() if share >= limit}

    def _up(self, record: str) -> set[str]:
        return {x for x, held in self._controlled.items() if record in held} | {record}

    def _holds(self, holder: str, held: str) -> Fraction:
        return self._strength.get(holder, {}).get(held, Fraction(0))

    def _reaches(self, p: str, q: str, limit: Fraction) -> bool:
        return any(self._holds(x, b) >= limit for a, b in ((p, q), (q, p)) for x in self._up(a))

    def _role(self, role: str, record: str) -> set[str]:
        return self._roles[role].get(record, set())

    def _commands(self, p: str, q: str) -> bool:
        for a, b in ((p, q), (q, p)):
            chiefs = self._role("chief", a)
            if self._up(b) & chiefs or chiefs & (self._role("chief", b) | self._role("board", b)):
                return True
        return False

    def _sits(self, p: str, q: str) -> bool:
        for a, b in ((p, q), (q, p)):
            if self._up(a) & (self._role("board", b) | self._role("contract", b)):
                return True
        return bool(self._role("board", p) & self._role("board", q))

    def _both(self, p: str, q: str, limit: Fraction) -> bool:
        return any(self._holds(x, p) >= limit and self._holds(x, q) >= limit for x in self._records)


class _Shares:
    """One matrix of shares, its components, and integrated ownership over it."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = {holder: dict(row) for holder, row in matrix.items()}
        self._order = _components(self.matrix)  # holders before what they hold
        self._inverse: dict[int, dict[str, dict[str, Fraction]]] = {}
        self._of: dict[str, int] = {}
        self.closed: set[str] = set()
        for number, component in enumerate(self._order):
            self._of.update(dict.fromkeys(component, number))
            inner = [r for r in component if any(s in component for s in self.matrix.get(r, {}))]
            if inner and not self._invert(number, component):
                self._cut(component)

    def _invert(self, number: int, component: list[str]) -> bool:
        """(I - M)^-1 within a component; whether it exists without negative elements."""
        inverse = _inverse(component, self.matrix)
        if inverse is None or any(value < 0 for row in inverse.values() for value in row.values()):
            return False
        self._inverse[number] = inverse
        return True

    def _cut(self, component: list[str]) -> None:
        self.closed |= set(component)
        for holder in component:
            row = self.matrix.get(holder, {})
            self.matrix[holder] = {held: share for held, share in row.items() if held not in component}

    def integrated(self, record: str) -> dict[str, Fraction]:
        """z(record, j) = Y[record, j] / N[record, record], for every j with a share."""
        reach: dict[str, Fraction] = {record: Fraction(1)}  # what flows into each, from outside its component
        whole: dict[str, Fraction] = {}  # the row of N
        for number, component in enumerate(self._order):
            entering = {r: reach[r] for r in component if r in reach}
            if not entering:
                continue
            inverse = self._inverse.get(number)
            inside = entering if inverse is None else _through(entering, inverse)
            for holder, value in inside.items():
                whole[holder] = whole.get(holder, Fraction(0)) + value
                for held, share in self.matrix.get(holder, {}).items():
                    if self._of[held] != number:
                        reach[held] = reach.get(held, Fraction(0)) + value * share
        own = whole.get(record, Fraction(1))
        found = {j: value / own for j, value in whole.items() if j != record}
        if own > 1:
            found[record] = (own - 1) / own
        return found


def _through(entering: dict[str, Fraction], inverse: dict[str, dict[str, Fraction]]) -> dict[str, Fraction]:
    inside: dict[str, Fraction] = {}
    for source, value in entering.items():
        for target, share in inverse[source].items():
            inside[target] = inside.get(target, Fraction(0)) + value * share
    return inside


def _inverse(nodes: list[str], matrix: Matrix) -> dict[str, dict[str, Fraction]] | None:
    """(I - M)^-1 over these nodes by Gauss and Jordan; None when it is singular."""
    size = len(nodes)
    rows = [
        [Fraction(a == b) - matrix.get(a, {}).get(b, Fraction(0)) for b in nodes]
        + [Fraction(a == b) for b in nodes]
        for a in nodes
    ]
    for column in range(size):
        pivot = next((r for r in range(column, size) if rows[r][column]), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        scale = rows[column][column]
        rows[column] = [value / scale for value in rows[column]]
        for r in range(size):
            factor = rows[r][column]
            if r != column and factor:
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[column], strict=True)]
    return {a: dict(zip(nodes, row[size:], strict=True)) for a, row in zip(nodes, rows, strict=True)}


def _components(matrix: Matrix) -> list[list[str]]:
    """Strongly connected components, holders before what they hold (Tarjan 1972, without recursion)."""
    nodes = sorted({*matrix, *(held for row in matrix.values() for held in row)})
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on: set[str] = set()
    found: list[list[str]] = []
    for root in nodes:
        work = [(root, iter(sorted(matrix.get(root, {}))))] if root not in index else []
        while work:
            node, below = work[-1]
            if node not in index:
                index[node] = low[node] = len(index)
                stack.append(node)
                on.add(node)
            fresh = next(
                (held for held in below if held not in index or _lower(low, index, on, node, held)), None
            )
            if fresh is not None:
                work.append((fresh, iter(sorted(matrix.get(fresh, {})))))
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == index[node]:
                cut = stack.index(node)
                found.append(sorted(stack[cut:]))
                on -= set(stack[cut:])
                del stack[cut:]
    return found[::-1]


def _lower(low: dict[str, int], index: dict[str, int], on: set[str], node: str, held: str) -> bool:
    """Note an edge to a node that was met before; never a reason to go there."""
    if held in on:
        low[node] = min(low[node], index[held])
    return False
