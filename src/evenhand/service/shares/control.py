"""Who is under one control with whom, and who with the client or its rivals, by what is stated now."""

from __future__ import annotations

from collections.abc import Sequence

from evenhand.core import sharing
from evenhand.core.errors import Missing, Refused
from evenhand.core.events import Place
from evenhand.service import owners
from evenhand.service.view import decode_json
from evenhand.store import Reader, Transaction
from evenhand.store.driver import Row


def record_of(reader: Reader, said: str, where: str) -> str:
    """The pseudonym of a record of ownership that is named by its id or its name; "" of nothing."""
    if not said:
        return ""
    rows = reader.all("ownership_all")
    names = {row["record"]: owners.name_of(row) for row in rows if row["type"] == "entity"}
    exact = [row["record"] for row in rows if row["source"] == said]
    found = exact or [record for record, name in names.items() if name == said]
    if len(found) != 1:
        reason = f"{len(found) or 'No'} records of ownership are called {said!r}."
        raise Missing("ownership.record", reason, where, "State it first: evenhand exchange hold.")
    return str(found[0])


def groups_of(reader: Reader, records: Sequence[str]) -> list[int]:
    """Control groups of partners, by what is stated now.

    Raises:
        Refused: nobody can tell who owns one of them.
    """
    if not any(records):
        return list(range(len(records)))
    graph = owners.graph_of(reader)
    for i, record in enumerate(records):
        if record in graph.opaque:
            reason = "Nobody can tell who owns it, so it might be under one control with any other."
            raise Refused("share.opaque", reason, f"partners[{i}].record", "State who its owners are.")
    return sharing.control_groups(records, lambda p, q: graph.relation(p, q).grade == 3)


def newest_statement(reader: Reader) -> tuple[Place, ...]:
    """What the groups depend on."""
    rows = reader.all("ownership_all")
    return (Place("node", max(row["n"] for row in rows)),) if rows else ()


def check_now(tx: Transaction, row: Row) -> None:
    """Check once more, before an offer: no control groups have grown together, and the partner is not in
    conflict with the client."""
    shares = [
        one
        for one in tx.all("shares_of_project", organization=row["organization"], project=row["project"])
        if one["plan"] == row["plan"]
    ]
    groups = groups_of(tx, [one["record"] for one in shares])
    mine = groups[[one["id"] for one in shares].index(row["id"])]
    same = [one for one, group in zip(shares, groups, strict=True) if group == mine]
    if len({one["control"] for one in same}) > 1:
        names = ", ".join(one["name"] for one in same)
        reason = f"Since the plan was drawn, {names} have come under one control: it would see a task twice."
        remedy = "Recall these shares, and share what is left out in a project of its own."
        raise Refused("share.merged", reason, "partners", remedy)
    client = client_of(tx, row["organization"])
    again = "Recall the share, and share what is left out in a project of its own."
    check_rivals(tx, client, [(row["name"], row["record"], "share")], again)


def client_of(reader: Reader, organization: str) -> Row | None:
    """The organization as a client of the node's exchange; None where it is none."""
    return reader.one("client_of", organization=organization)


def check_rivals(
    reader: Reader, client: Row | None, partners: Sequence[tuple[str, str, str]], remedy: str
) -> None:
    """Check that no partner is in conflict with the client, by the rule that keeps rivals apart in pools.

    To name a partner is the client's own word, as a waiver is in a pool: grade 2 alone refuses nobody.

    Args:
        client: its row; None: then nothing can be told, and nobody is refused.
        partners: name, record ("" of nothing stated, of which nothing can be told) and where it is said.

    Raises:
        Refused: one is.
    """
    if client is None or not any(record for _, record, _ in partners):
        return
    from evenhand.core import ownership

    graph, names = owners.graph_of(reader), owners.record_names(reader.all("ownership_all"))
    rivals = decode_json(client["rivals"])
    for name, record, where in partners:
        found = ownership.judge(graph, client["record"], record, rivals, waived=True)
        if found.blocked:
            whom = (
                "your organization"
                if found.by_rival is None
                else f"your rival {names.get(found.name, found.name)}"
            )
            why = ownership.sentence(found.by_rival or found.own, names)
            raise Refused("share.rival", f"{name} is in conflict with {whom}: {why}", where, remedy)
