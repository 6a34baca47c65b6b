"""Time and pay: what annotators and their providers are owed. The annotator sees the manager's number."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from evenhand import wire
from evenhand.core import pay
from evenhand.core.events import Moment
from evenhand.core.pay import Due, Effort
from evenhand.core.policy import Actor
from evenhand.service.view import form_of, project_row, when
from evenhand.store import Reader, Transaction


def get(reader: Reader, actor: Actor, project: str) -> wire.Pay:
    """What everybody in a project is owed, with the statements so far."""
    row = project_row(reader, actor, project, "pay.read")
    document = form_of(reader, row["organization"], project, row["version"]).document
    annotators = _dues(reader, row["organization"], project, document.name)
    return wire.Pay(
        policy=document.pay,
        annotators=annotators,
        providers=_providers(annotators),
        statements=_statements(reader, row["organization"], project),
    )


def mine(reader: Reader, actor: Actor) -> wire.Page[wire.Due]:
    """What the caller is owed, in each project that pays."""
    members = {m.member: m.organization for m in actor.memberships}
    rows = reader.tuples(
        "paid_projects", organizations=sorted(set(members.values())), members=sorted(members)
    )
    items: list[wire.Due] = []
    for organization, project, member, version in rows:
        document = form_of(reader, organization, project, version).document
        items += _dues(reader, organization, project, document.name, member)
    return wire.Page(items=items)


def _dues(reader: Reader, organization: str, project: str, name: str, member: str = "") -> list[wire.Due]:
    keys = {"organization": organization, "project": project, "member": member}
    sums = _sums(reader, keys)
    stated = _stated(reader, keys)
    people = _people(reader, organization, {who for who, _ in sums})
    return [
        _due(project, name, people[due.member], due, stated.get(key)) for key, due in sorted(sums.items())
    ]


def _sums(reader: Reader, keys: Mapping[str, str]) -> dict[tuple[str, str], Due]:
    return pay.sums(
        [
            Effort(member=member, rate=rate, tasks=tasks, ms=ms)
            for member, rate, tasks, ms in reader.tuples("efforts", **keys)
        ]
    )


def _stated(reader: Reader, keys: Mapping[str, str]) -> dict[tuple[str, str], Due]:
    """(member, currency) -> the sum of all statements."""
    found: dict[tuple[str, str], Due] = {}
    for _, member, currency, _, tasks, ms, amount, _ in reader.tuples("statements", **keys):
        before = found.get((member, currency))
        found[member, currency] = Due(
            member=member,
            currency=currency,
            tasks=tasks + (before.tasks if before else 0),
            ms=ms + (before.ms if before else 0),
            amount=amount + (before.amount if before else 0),
        )
    return found


def _people(reader: Reader, organization: str, members: Iterable[str]) -> dict[str, dict[str, Any]]:
    rows = reader.all("pay_names", organization=organization, members=sorted(members))
    return {row["id"]: row for row in rows}


def _due(
    project: str, project_name: str, person: Mapping[str, Any], due: Due, stated: Due | None
) -> wire.Due:
    left = pay.open_since(due, stated)
    return wire.Due(
        project_id=project,
        project_name=project_name,
        member_id=due.member,
        name=person["name"] or "",
        provider_id=person["home"] or "",
        provider_name=person["provider"] or "",
        currency=due.currency,
        tasks=due.tasks,
        seconds=due.ms / 1000,
        amount=due.amount,
        stated=due.amount - left.amount,
        open=left.amount,
    )


def _providers(annotators: Iterable[wire.Due]) -> list[wire.Due]:
    """Sums over the annotators of each provider."""
    groups: dict[tuple[str, str], list[wire.Due]] = defaultdict(list)
    for due in annotators:
        groups[due.provider_id, due.currency].append(due)
    return [
        msgspec.structs.replace(
            own[0],
            member_id="",
            name="",
            tasks=sum(d.tasks for d in own),
            seconds=round(sum(d.seconds for d in own), 3),
            amount=sum(d.amount for d in own),
            stated=sum(d.stated for d in own),
            open=sum(d.open for d in own),
        )
        for _, own in sorted(groups.items())
    ]


def _statements(reader: Reader, organization: str, project: str) -> list[wire.PayStatement]:
    amounts: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    rows = reader.tuples("statements", organization=organization, project=project, member="")
    for number, _, currency, _, _, _, amount, at in rows:
        amounts[number, at][currency] += amount
    return [
        wire.PayStatement(number=number, at=when(at), amounts=dict(own))
        for (number, at), own in sorted(amounts.items(), reverse=True)
    ]


def state(tx: Transaction, at: Moment, actor: Actor, project: str) -> wire.Pay:
    """Make a statement of what is owed since the one before. Where nothing is, nothing happens."""
    row = project_row(tx, actor, project, "pay.manage")
    keys = {"organization": row["organization"], "project": project, "member": ""}
    sums, stated = _sums(tx, keys), _stated(tx, keys)
    people = _people(tx, row["organization"], {who for who, _ in sums})
    dues = [
        (pay.open_since(due, stated.get(key)), people[due.member]["home"] or "")
        for key, due in sorted(sums.items())
    ]
    earlier = _statements(tx, row["organization"], project)
    tx.append(pay.state(row["organization"], project, len(earlier) + 1, dues), at)
    return get(tx, actor, project)


COLUMNS = (
    "member_id",
    "name",
    "provider_id",
    "provider_name",
    "currency",
    "tasks",
    "seconds",
    "amount",
    "stated",
    "open",
)


def table(reader: Reader, actor: Actor, project: str) -> str:
    """What everybody is owed as CSV (RFC 4180), amounts in minor units. A name that a spreadsheet would
    take for a formula gets an apostrophe before it."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(COLUMNS)
    for due in get(reader, actor, project).annotators:
        rows.writerow([_cell(getattr(due, column)) for column in COLUMNS])
    return out.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
