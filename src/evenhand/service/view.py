"""What several verbs load in the same way: forms, projects, times, tasks by their public id."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from evenhand import labels, wire
from evenhand.core import gold, review
from evenhand.core.errors import EvenhandError, Invalid, Missing, Refused
from evenhand.core.intake import shown_data, split
from evenhand.core.policy import Actor, allows, require
from evenhand.core.project import Document, Form
from evenhand.store import Reader
from evenhand.store.driver import Row

decode_document: Callable[[bytes], Document] = msgspec.json.Decoder(Document).decode
encode_json = msgspec.json.Encoder().encode
decode_json = msgspec.json.Decoder().decode

FORMS = 2048  # forms kept: more than a large pool has clients. None ever changes, so any number is right
_forms: dict[tuple[str, int], Form] = {}


def form_of(reader: Reader, organization: str, project: str, version: int) -> Form:
    """The questions of one version of a project, ready to read answers with."""
    form = _forms.get((project, version))
    if form is None:
        row = reader.one("document", organization=organization, project=project, version=version)
        if row is None:
            raise Missing("not-found", f"Project {project} has no version {version}.")
        form = Form(decode_document(row["document"]), labels.all_types())
        if len(_forms) >= FORMS:
            _forms.clear()
        _forms[project, version] = form
    return form


def hidden(reader: Reader, actor: Actor, row: dict[str, Any]) -> str:
    """What this project hides from the actor: "", "names" or "answers"; see `core.review.hides`."""
    form = form_of(reader, row["organization"], row["id"], row["version"])
    return review.hides(form, actor, row["organization"])


def open_to(reader: Reader, actor: Actor, row: dict[str, Any], where: str = "") -> None:
    """Pass where the project hides nothing from the actor.

    Raises:
        Refused: what is asked for would tell who gave which answer.
    """
    if hidden(reader, actor, row):
        raise Refused(
            "review.hidden",
            "This project hides from reviewers who gave which answer.",
            where,
            "Ask a manager of your organization.",
        )


@lru_cache(maxsize=1024)
def when(ms: int) -> str:
    """Milliseconds UTC as RFC 3339."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def project_row(reader: Reader, actor: Actor, project: str, permission: str) -> dict[str, Any]:
    """The project's row, if the actor may.

    Raises:
        Missing: there is none, or it belongs to an organization that the actor does not belong to.
        Refused: the actor belongs to it and may not.
    """
    row = reader.one("project", project=project)
    if row is None:
        raise Missing("not-found", "There is no such project, or you may not see it.", project)
    if permission == "project.form" and _works_on(reader, actor, row):
        return row
    require(actor, permission, row["organization"])
    return row


def _works_on(reader: Reader, actor: Actor, row: dict[str, Any]) -> bool:
    """Whether an annotator of a shared pool has work of this project, and so needs its form."""
    if actor.membership(row["organization"]) is not None or "annotate" not in actor.scopes:
        return False
    keys = {"person": actor.person, "project": row["id"]}
    return any(reader.one(query, **keys) is not None for query in ("lent_project", "tested_project"))


def organization_of(actor: Actor, permission: str, named: str | None, where: str = "organization") -> str:
    """The organization that is meant, if the caller may: the one named, or the only one where they may.

    Args:
        where: the parameter or key that names one.

    Raises:
        Invalid: none is named, and the caller may in several.
        Missing, Refused: see `require`.
    """
    able = [m.organization for m in actor.memberships if allows(actor, permission, m.organization)]
    if named is None and len(able) > 1:
        raise Invalid("organization.which", "You belong to several organizations.", where, "Name one.")
    home = named or next(iter(able or [m.organization for m in actor.memberships]), None)
    require(actor, permission, home)
    assert home is not None, "nobody may anything nowhere"
    return home


def own_client(reader: Reader, actor: Actor, organization: str | None, permission: str) -> Row:
    """The caller's client: that of the organization named, or of the only one where they may."""
    home = organization_of(actor, permission, organization, "organization_id")
    row = reader.one("client_of", organization=home)
    if row is None:
        reason = "Your organization is not a client of this node's exchange."
        raise Refused("exchange.client", reason, "organization_id", "Ask the operator.")
    return row


def node_policy(reader: Reader) -> dict[str, Any] | None:
    """The newest rules of the node about conflicts and officers, as their event says them; None: none yet."""
    rows = reader.all("node_policies")
    return decode_json(rows[-1]["document"]) if rows else None


def failure(error: EvenhandError, title: str) -> bytes:
    """Why a job came to nothing, as its row keeps it: a `wire.Problem` in JSON."""
    problem = wire.Problem(
        type="about:blank",
        title=title,
        status=409 if isinstance(error, Refused) else 400,
        detail=error.reason,
        rule=error.rule,
        where=error.where,
        remedy=error.remedy,
    )
    return encode_json(problem)


def is_number(text: str) -> bool:
    """Whether this is a natural number in ASCII that both databases can hold."""
    return text.isascii() and text.isdigit() and len(text) <= 18


def parse_task_id(task_id: str) -> tuple[str, int]:
    """(project, number) of a public task id.

    Raises:
        Missing: it is no task id.
    """
    project, _, number = task_id.rpartition("-")
    if not project or not is_number(number):
        raise Missing("not-found", "There is no such task, or you may not see it.", task_id)
    return project, int(number)


def task_id(project: str, n: int) -> str:
    """The public id of a task."""
    return f"{project}-{n}"


VEIL = 32  # hexadecimal digits of a veiled number


def told_task_id(reader: Reader, project: str, n: int, document: Document) -> str:
    """A task's id as annotators are told it: veiled where the project has gold."""
    if document.gold is None:
        return task_id(project, n)
    return f"{project}-{gold.veiled(seed_of(reader, project), n)}"


def parse_told_id(reader: Reader, told: str) -> tuple[str, int]:
    """(project, number) of a task id, veiled or not."""
    project, _, veil = told.rpartition("-")
    if len(veil) != VEIL or not set(veil) <= set("0123456789abcdef"):
        return parse_task_id(told)
    try:
        number = gold.unveiled(seed_of(reader, project), veil)
    except Missing:
        number = 0  # of no task
    return project, min(number, 1 << 60)


_seeds: dict[str, bytes] = {}


def seed_of(reader: Reader, project: str) -> bytes:
    """The project's secret bytes, which never change."""
    if project not in _seeds:
        row = reader.one("project_seed", project=project)
        if row is None:
            raise Missing("not-found", "There is no such task, or you may not see it.", project)
        if len(_seeds) >= FORMS:
            _seeds.clear()
        _seeds[project] = bytes(row["seed"])
    return _seeds[project]


def counts(row: dict[str, Any]) -> wire.Counts:
    """The counters of a project's row."""
    return msgspec.convert({name: row[name] for name in wire.Counts.__struct_fields__}, wire.Counts)


def summary(data: dict[str, msgspec.Raw], document: Document) -> str:
    """A line that stands for the task in a list: its first field, shortened."""
    name = document.fields[0].name
    value = decode_json(data[name]) if name in data else ""
    text = value if isinstance(value, str) else encode_json(value).decode()
    line = " ".join(text[:400].split())
    return line if len(line) <= 160 else f"{line[:159]}…"


def suggestion_of(
    record: bytes, mapping: bytes, form: Form, said: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any] | None:
    """The answers of the best prediction that fit their questions; None when there are none.

    Args:
        said: what backends said of the task, as predictions.
    """
    if not form.document.suggestions or (b'"predictions"' not in record and not said):
        return None
    _, reserved = split(record, mapping)
    predictions = decode_json(reserved["predictions"]) if "predictions" in reserved else []
    usable = [p for p in [*said, *predictions] if isinstance(p, dict) and isinstance(p.get("answers"), dict)]
    best = max(
        usable, key=lambda p: p["score"] if isinstance(p.get("score"), int | float) else 0, default=None
    )
    if best is None:
        return None
    data = shown_data(record, mapping, form.shown)
    return {q: a for q, a in best["answers"].items() if _fits(form, q, a, data)} or None


def _fits(form: Form, question: str, answer: Any, data: dict[str, Any]) -> bool:
    if question not in form.labels:
        return False
    try:
        form.labels[question].parse(answer, data)
    except Invalid:
        return False
    return True
