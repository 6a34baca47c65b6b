"""From the body of a task to what the verb takes: parameters, form, record; and the media that it names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from evenhand import labels, wire
from evenhand.blobs import HEAD, MAX_BLOB, Upload, shape_of
from evenhand.core.errors import EvenhandError, Invalid, Refused
from evenhand.core.intake import read_record
from evenhand.core.project import MEDIA, Form
from evenhand.http.scale import types
from evenhand.http.scale.types import Plan, bad
from evenhand.node import Node
from evenhand.service import media
from evenhand.service import projects as our_projects
from evenhand.service.scale import metadata_of
from evenhand.service.scale.projects import Project
from evenhand.service.scale.tasks import Asked, check_tags
from evenhand.service.view import encode_json

COMMON = frozenset(
    {
        "project",
        "batch",
        "callback_url",
        "metadata",
        "unique_id",
        "clear_unique_id_on_error",
        "tags",
        "hypothesis",
        "expected_response",
        "initial_response",
        "responses_required",
        "instruction",
        "priority",
    }
)
"""Keys that every type has; all others are the type's parameters."""

MAX_TEXT = HEAD  # bytes of a text that an address leads to
MAX_UNIQUE = 1000  # characters
FETCH_SECONDS = 30.0
MOST_MOVES = 3  # redirects
KEPT_FORMS = 4096
_checked: dict[str, None] = {}  # digests of forms that were found to be good


class Reading:
    """One task on its way in: read once, completed by what was fetched, then asked."""

    def __init__(self, type_: str, body: Any, project: Project | None, kind: str = "task") -> None:
        """
        Raises:
            Invalid: a parameter is missing, or asks for what cannot be labelled here.
        """
        if not isinstance(body, dict):
            raise Invalid("scale.body", "The body is no JSON object.", "", "Send the parameters of the task.")
        self.kind, self.type, self.body, self.row = kind, type_, body, types.find(type_)
        if project is not None and project.type != type_:
            raise bad(f"The project {project.name!r} is for tasks of the type {project.type!r}.", "project")
        taken_over = project.params if project else {}
        self.project = project.name if project else ""
        self.params = {k: v for k, v in {**taken_over, **body}.items() if k not in COMMON}
        self.callback = callback_of(body.get("callback_url"), "callback_url")
        reserved = [
            k for k in self.params if k in ("external_id", "predictions") or k.startswith(types.DERIVED)
        ]
        if reserved:
            raise bad(
                f"The parameter {reserved[0]!r} has a meaning of its own here.", reserved[0], "Rename it."
            )
        self.plan: Plan = self.row.plan(self.params)
        self.rules = _text(taken_over.get("instruction"), "instruction")
        self.own = _text(body.get("instruction"), "instruction")
        if self.own:
            self.plan.fields.append(wire.FieldDraft(name="instruction", type="markdown", title="Instruction"))

    def draft(self) -> tuple[wire.ProjectDraft, str]:
        """(the project of ours that asks this, its digest)."""
        overlap = self.body.get("responses_required") or 1
        if type(overlap) is not int:
            raise bad("This is no whole number.", "responses_required")
        draft = wire.ProjectDraft(
            name=self.project or f"Scale {self.type}",
            fields=self.plan.fields,
            questions=self.plan.questions,
            instructions=self.rules,
            overlap=overlap,
            order="priority",
        )
        digest = hashlib.blake2b(encode_json([self.project, draft]), digest_size=20).hexdigest()
        if digest not in _checked:
            our_projects.document_of(draft)
            if len(_checked) >= KEPT_FORMS:
                _checked.clear()
            _checked[digest] = None
        return draft, digest

    def asked(self, batch: str, shown: Mapping[str, Any], test: bool, failure: Any = None) -> Asked:
        """What the verb takes.

        Args:
            batch: the name of the batch, or "".
            shown: part of the record -> what was fetched for it.
            test: the key is a test key, so that an answer is made up.
            failure: the response that says why the media are not there.
        """
        draft, digest = self.draft()
        response = self.expected(draft)
        status = "error" if failure is not None else ""
        if failure is not None:
            response = failure
        elif test and self.kind == "task":
            status, response = "completed", self.row.respond(self.params, types.made_up(self.plan))
        unique = _unique(self.body.get("unique_id"))
        cleared = failure is not None and bool(self.body.get("clear_unique_id_on_error"))
        tags = self.body.get("tags")
        if tags is not None:
            check_tags(tags)
        return Asked(
            kind=self.kind,
            type=self.type,
            project=self.project,
            batch=batch,
            unique_id=None if cleared else unique,
            tags=None if tags is None else list(dict.fromkeys(tags)),
            metadata=metadata_of(self.body.get("metadata")),
            callback=self.callback,
            record=self.record(draft, shown, unique),
            digest=digest,
            draft=None if status or self.kind != "task" else draft,
            status=status or ("" if self.kind == "task" else "completed"),
            response=None if response is None else encode_json(response),
        )

    def record(self, draft: wire.ProjectDraft, shown: Mapping[str, Any], unique: str | None) -> bytes:
        """The record: parameters as sent, what annotators see, and the reserved keys."""
        record: dict[str, Any] = {**self.params, **self.plan.shown, **shown}
        instruction = "\n\n".join(part for part in (self.own, self.rules) if part)
        if instruction:
            record["instruction"] = instruction
        if unique is not None:
            record["external_id"] = unique
        if self.body.get("metadata"):
            record["metadata"] = self.body["metadata"]
        if self.body.get("priority") is not None:
            record["priority"] = self.body["priority"]
        if self.body.get("hypothesis") is not None:
            answers = self.read_response(draft, self.body["hypothesis"], record, "hypothesis")
            record["predictions"] = [{"model": "hypothesis", "answers": answers}]
        return read_record(encode_json(record), {}).record

    def expected(self, draft: wire.ProjectDraft) -> Any:
        """The known answer of an evaluation or training task, checked."""
        if self.kind == "task":
            return None
        expected = self.body.get("expected_response")
        self.read_response(draft, expected, self.params, "expected_response")
        return expected

    def read_response(
        self, draft: wire.ProjectDraft, response: Any, data: Mapping[str, Any], where: str
    ) -> dict[str, Any]:
        """A response in Scale's shape as answers that fit the questions.

        Raises:
            Invalid: it has not that shape, or does not fit.
        """
        try:
            answers = self.row.suggest(self.params, response)
            form = Form(our_projects.document_of(draft), labels.all_types())
            return {q: form.labels[q].dump(form.labels[q].parse(a, data)) for q, a in answers.items()}
        except (Invalid, LookupError, TypeError, AttributeError) as error:
            reason = error.reason if isinstance(error, Invalid) else "It has another shape than a response."
            raise bad(f"This response does not fit the task: {reason}", where) from error


def _text(value: Any, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise bad("This is no text.", where, "Send a text.")
    return value


def callback_of(value: Any, where: str) -> str:
    """The web address that is to be told; "" for none.

    Raises:
        Invalid: it is something else, such as an e-mail address: this node sends no mail.
    """
    text = _text(value, where)
    if text and not text.startswith(("http://", "https://")):
        raise bad(
            "Only web addresses are called back; this node sends no mail.", where, "Send a web address."
        )
    return text


def _unique(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_UNIQUE:
        raise bad(f"A unique id is a text of at most {MAX_UNIQUE} characters.", "unique_id")
    return value


# ---- media -------------------------------------------------------------------------------------


class NotThere(Exception):
    """An attachment that cannot be had."""

    def __init__(self, status: int, url: str) -> None:
        super().__init__(url)
        self.failure = {"statusCode": status, "url": url}


def fetch(node: Node, organization: str, kind: str, url: str) -> str | wire.Blob:
    """A text, or a medium whose bytes are stored.

    Raises:
        NotThere: the address gives no such thing.
        Refused: the address is inside a private network.
    """
    upload = node.blobs.upload(organization)
    try:
        _download(node, url, upload, MAX_TEXT if kind == "text" else MAX_BLOB)
        if kind == "text":
            return upload.head.decode()
        return kept(upload, kind)
    except Refused:
        raise
    except (EvenhandError, UnicodeError) as error:
        raise NotThere(0, url) from error
    finally:
        upload.drop()


def _download(node: Node, url: str, upload: Upload, limit: int) -> None:
    """Into the upload, through the door, once more for each redirect."""
    at = url
    for _ in range(MOST_MOVES + 1):
        with node.door.open("GET", at, seconds=FETCH_SECONDS) as (status, headers, pieces):
            if status == 200:
                _take(pieces, upload, limit, url)
                return
            if status not in (301, 302, 303, 307, 308):
                raise NotThere(status, url)
            at = str(headers.get("location", ""))
    raise NotThere(310, url)


def _take(pieces: Any, upload: Upload, limit: int, url: str) -> None:
    for piece in pieces:
        if upload.bytes + len(piece) > limit:
            raise NotThere(413, url)
        upload.write(piece)


def kept(upload: Upload, kind: str = "") -> wire.Blob:
    """A medium by its bytes, whatever was said of it.

    Raises:
        Invalid: the bytes are nothing that can be shown, or not of this kind.
    """
    shape = shape_of(upload.head, "", upload.part)
    if kind and shape.type.partition("/")[0] not in MEDIA[kind]:
        raise Invalid("blob.declared", f"The bytes are {shape.type}, not of the kind {kind!r}.", "", "")
    return media.kept(upload)


def part_of(blob: wire.Blob) -> dict[str, Any]:
    """A medium as it stands in a record."""
    found: dict[str, Any] = msgspec.to_builtins(blob)
    return {key: value for key, value in found.items() if value is not None}
