"""Evenhand from code: `from evenhand import Client`. Synchronous, typed, one connection pool per client."""

from __future__ import annotations

import hashlib
import math
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec

from evenhand import wire
from evenhand.core.allocation import slot_of
from evenhand.core.canonical import b64url
from evenhand.core.erasure import Basis
from evenhand.core.errors import Broken, EvenhandError, Invalid, Missing, Refused, Unavailable
from evenhand.core.receipt import Promise
from evenhand.core.release import Manifest
from evenhand.core.signing import key_id
from evenhand.core.submission import active_ms
from evenhand.sdk_exchange import Exchange
from evenhand.signer import Signer

T = TypeVar("T")
Sleep = Callable[[float], None]
Progress = Callable[[int, int | None], None]
"""Called with what is done and what there is in all (None when that is not known)."""

ATTEMPTS = 6  # of an idempotent call: about 6 s of waiting in all
BATCH_ROWS = 5_000  # rows of one import request: long enough to hide the round trip
BATCH_BYTES = 4 << 20  # of one import request; the server takes 16 MiB
MAX_ROW = 15 << 20  # bytes of one row that still fits a request
CHUNK_BYTES = 8 << 20  # of one file upload request
PAGE = 200  # items of one list request
RETRY_STATUS = frozenset({429, 502, 503, 504})

Role = Literal["owner", "manager", "reviewer", "annotator", "auditor"]


class Rejection(NamedTuple):
    """A row that was not taken."""

    row: int  # 1 is the first of the source
    path: str  # place inside the row, or ""
    reason: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an import came to."""

    import_id: str
    accepted: int  # tasks made
    present: int  # rows that were there already
    rejected: tuple[Rejection, ...]  # at most the first 1,000 when a file was sent
    rejected_count: int


class Receipt:
    """What `submit` gives back: the entry that was made durable, and the node's promise to log it."""

    def __init__(self, submitted: wire.Submitted, client: Client) -> None:
        self.submitted = submitted
        self._client = client

    @property
    def leaf(self) -> bytes:
        """Leaf hash of the entry: SHA-256(0x00 || entry), RFC 6962."""
        return self.submitted.receipt.leaf

    @property
    def promise(self) -> Promise:
        """The node's signed word that the leaf is in the log by the deadline."""
        return self.submitted.receipt.promise

    @property
    def place(self) -> tuple[str, int]:
        """Stream and number of the entry."""
        stream, n = self.submitted.receipt.place
        return stream, n

    def proof(self, timeout: float = 30.0) -> str:
        """Wait until the entry is in the log, and fetch its `tlog-proof` (C2SP), which any verifier reads.

        Args:
            timeout: seconds to wait at most; the promise says 10.

        Raises:
            Unavailable: it is not there yet. Past the promise's deadline that is evidence against the node.
        """
        stream, n = self.place
        return self._client.proof(stream, n, timeout)

    def dump(self, timeout: float = 30.0) -> bytes:
        """The receipt with its proof as JSON: all that is needed to check it offline, with the log's key."""
        whole = msgspec.structs.replace(self.submitted.receipt, proof=self.proof(timeout))
        return msgspec.json.encode(whole)

    def __repr__(self) -> str:
        stream, n = self.place
        return f"Receipt({stream!r}, {n}, leaf={self.leaf.hex()})"


_sorted = msgspec.json.Encoder(order="sorted").encode


def _sorted_json(value: Any) -> str:
    return _sorted(value).decode()


class Client:
    """A connection to one node, with one API key.

    Calls that may be repeated safely are, a few times, when the node is busy or the network fails.
    Errors are those of `evenhand.core.errors`. Use it as a context manager, or call `close`.

    Args:
        url: address of the node, such as ``"http://127.0.0.1:8080"``.
        api_key: shown as ``Authorization: Bearer``.
        timeout: seconds that one request may take.
        sleep: how to wait between attempts.
        signing_key: file of a key (`evenhand key new`) that signs what the caller says.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout: float = 60.0,
        sleep: Sleep = time.sleep,
        signing_key: str | os.PathLike[str] | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            remedy = "Write http://host:port or https://host."
            raise Invalid("client.url", f"{url!r} is not a web address.", "url", remedy)
        if not api_key.isascii() or not api_key.strip():
            raise Invalid("client.api-key", "This is not an API key.", "api_key", "Copy it whole.")
        self.url = url.rstrip("/")
        self.checkpoint: str | None = None  # "size:root", the newest that the node has shown
        self._sleep = sleep
        self._signer = Signer.open(Path(signing_key)) if signing_key is not None else None
        self._holders: dict[str | None, tuple[str, str]] = {}  # organization -> (origin, holder)
        self._places: dict[str, tuple[str, int]] = {}  # assignment not answered yet -> where its lease stands
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {api_key.strip()}", "User-Agent": "evenhand-sdk"},
            timeout=httpx.Timeout(timeout, connect=10.0),
            limits=httpx.Limits(max_connections=8, max_keepalive_connections=8),
            trust_env=not _is_loopback(parts.hostname),  # a proxy for the outside cannot reach this machine
        )

    @property
    def exchange(self) -> Exchange:
        """Shared pools, those who take part in them, and who owns whom."""
        return Exchange(self._call, self._send_json, self._signed_for, self._organization)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    # -- projects -------------------------------------------------------------------------------

    def create_project(
        self,
        name: str,
        fields: Iterable[Mapping[str, Any]],
        questions: Iterable[Mapping[str, Any]],
        overlap: int = 1,
        instructions: str = "",
        **policy: Any,
    ) -> wire.Project:
        """Make a project.

        Args:
            name: what people call it.
            fields: ``{"name": "text", "type": "text"}``; the name is the record's key, the type one of
                text, markdown, chat, image, audio, html.
            questions: ``{"name": "spam", "type": "choice", ...}`` with the label type's configuration.
            overlap: how many answers each task gets.
            instructions: Markdown.
            policy: `order`, `lease_seconds`, `prefetch`, `skip`, `suggestions`, `organization_id`; and as
                objects `gold`, `qualification`, `pay`.

        Raises:
            Invalid: `where` is the path of what does not fit, such as ``questions[0].choices``.
        """
        given = {"name": name, "fields": list(fields), "questions": list(questions), "overlap": overlap}
        return self.create(draft(given | {"instructions": instructions} | policy, wire.ProjectDraft))

    def create(self, new: wire.ProjectDraft) -> wire.Project:
        """Make a project from a draft as a whole."""
        return self._call("POST", "/projects", new, wire.Project)

    def project(self, project_id: str) -> wire.Project:
        """One project, with its document and counts."""
        return self._get(f"/projects/{_segment(project_id)}", wire.Project)

    def projects(self, state: str | None = None) -> Iterator[wire.Project]:
        """Every project that the caller may see."""
        return self._pages("/projects", wire.Page[wire.Project], state=state)

    def change_project(self, project_id: str, version: int, **changes: Any) -> wire.Project:
        """Make a new version of a project. `version` is the one that the change was made on."""
        change = draft({"version": version} | changes, wire.ProjectChange)
        return self._call("PATCH", f"/projects/{_segment(project_id)}", change, wire.Project)

    def set_state(self, project_id: str, state: wire.ProjectState) -> wire.Project:
        """Pause, archive or delete a project, or bring it back with "active"."""
        change = wire.StateChange(state=state)
        return self._call("POST", f"/projects/{_segment(project_id)}/state", change, wire.Project)

    def progress(self, project_id: str) -> wire.Progress:
        """How far a project is, and who has done how much."""
        return self._get(f"/projects/{_segment(project_id)}/progress", wire.Progress)

    # -- people ---------------------------------------------------------------------------------

    def session(self) -> wire.Session:
        """Who the API key stands for."""
        return self._get("/session", wire.Session)

    def sign_in_link(self, next: str = "/") -> wire.Link:
        """Make a single-use link that signs the caller in, in a browser, and goes to the page `next`."""
        return self._call("POST", "/session/link", wire.NewLink(next=next), wire.Link)

    def create_annotator(self, name: str, email: str | None = None) -> wire.CreatedMember:
        """Make an annotator with an API key, which is shown this once."""
        return self.create_member(name, email)

    def create_member(
        self,
        name: str,
        email: str | None = None,
        role: Role = "annotator",
        kind: Literal["human", "model"] = "human",
    ) -> wire.CreatedMember:
        """Make a member of the caller's organization with an API key, which is shown this once."""
        member = wire.NewMember(name=name, email=email, role=role, kind=kind)
        return self._call("POST", "/members", member, wire.CreatedMember)

    def members(self) -> Iterator[wire.Member]:
        """The people and models of the caller's organization."""
        return self._pages("/members", wire.Page[wire.Member])

    def create_invite(self, role: Role = "annotator", hours: int = 168) -> wire.CreatedInvite:
        """Make a single-use link by which someone joins."""
        return self._call("POST", "/invites", wire.NewInvite(role=role, hours=hours), wire.CreatedInvite)

    def create_reset(self, member_id: str, hours: int = 24) -> wire.CreatedInvite:
        """Make a single-use link by which a member sets a new password."""
        invite = wire.NewInvite(purpose="reset", member_id=member_id, hours=hours)
        return self._call("POST", "/invites", invite, wire.CreatedInvite)

    def create_organization(self, name: str) -> wire.CreatedOrganization:
        """Make an organization, with a link for its first owner. For the operator."""
        new = wire.NewOrganization(name=name)
        return self._call("POST", "/organizations", new, wire.CreatedOrganization)

    def organizations(self) -> Iterator[wire.Organization]:
        """The organizations of the node. For the operator."""
        return self._pages("/organizations", wire.Page[wire.Organization])

    # -- data in --------------------------------------------------------------------------------

    def import_tasks(
        self,
        project_id: str,
        records: Iterable[Mapping[str, Any]] | str | os.PathLike[str],
        on_progress: Progress | None = None,
        *,
        name: str | None = None,
        format: str | None = None,
        mapping: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        fetch_media: bool = False,
    ) -> Report:
        """Bring data in. Records that are there already are counted and left alone.

        Args:
            project_id: where to.
            records: records, or the path of a file: a table, or a ZIP archive of media, with or without
                the table that names them. A record is a mapping; `external_id`, `metadata`
                and `predictions` are special, every other key is data.
            on_progress: called with the rows sent (and None), or the bytes of a file sent and its size.
            name: of the source, in the list of imports. Default: the file's name, or "records".
            format: of a file. Default: by its suffix.
            mapping: key of the source -> key of the record.
            options: for the format: encoding, delimiter, columns, header, ...
            fetch_media: the node fetches the web addresses in fields of images and sounds, once, and
                keeps what it gets. Addresses in its private networks it refuses.

        Raises:
            Invalid: the file as a whole cannot be read. Single bad rows are in `report.rejected` instead.
            Missing: no such project or file.
        """
        tell = on_progress or _silent
        rename, extra = dict(mapping or {}), dict(options or {})
        if isinstance(records, str | os.PathLike):
            path = _file(Path(records))
            size = path.stat().st_size
            new = wire.NewImport(
                name=name or path.name,
                format=format,
                mapping=rename,
                options=extra,
                bytes=size,
                fetch_media=fetch_media,
            )
            return self._send_file(self._open_import(project_id, new), path, tell)
        if fetch_media:
            with _spooled(records) as (path, unsendable):
                report = self.import_tasks(
                    project_id,
                    path,
                    on_progress,
                    name=name or "records",
                    format="jsonl",
                    mapping=rename,
                    fetch_media=True,
                )
            told = tuple(Rejection(n, at, unsendable.get(n, why)) for n, at, why in report.rejected)
            return msgspec.structs.replace(report, rejected=told)
        new = wire.NewImport(name=name or "records", mapping=rename, options=extra)
        return self._send_rows(self._open_import(project_id, new), records, tell)

    def bring_annotations(
        self, project_id: str, annotations: Iterable[wire.BroughtAnnotation]
    ) -> wire.BroughtReport:
        """Bring in annotations that were given in another tool, at most 1,000. The same again adds nothing.

        Args:
            project_id: whose tasks they are about; each names its task by the external id.
            annotations: with who gave them there, and when.
        """
        body = wire.BroughtAnnotations(annotations=list(annotations))
        path = f"/projects/{_segment(project_id)}/annotations"
        return self._call("POST", path, body, wire.BroughtReport, again=True)

    def imports(self, project_id: str) -> Iterator[wire.Import]:
        """The project's imports, newest first."""
        return self._pages(f"/projects/{_segment(project_id)}/imports", wire.Page[wire.Import])

    def upload(
        self, project_id: str, content: bytes | Callable[[], Iterable[bytes]], media_type: str
    ) -> wire.Blob:
        """Store an image or a sound; ``{"blob": blob.blob}`` stands for it in a record.

        Args:
            content: its bytes; or what gives them in pieces, from the start each time it is called.
            media_type: what it is; ``application/octet-stream`` when its bytes shall tell.
        """
        path = f"/projects/{_segment(project_id)}/blobs"
        return _read(self._send("POST", path, content, {"Content-Type": media_type}, again=True), wire.Blob)

    def _open_import(self, project_id: str, new: wire.NewImport) -> wire.Import:
        return self._call("POST", f"/projects/{_segment(project_id)}/imports", new, wire.Import)

    def _send_rows(self, job: wire.Import, records: Iterable[Mapping[str, Any]], tell: Progress) -> Report:
        tally = _Tally()
        with ThreadPoolExecutor(1, thread_name_prefix="evenhand-import") as lane:
            for batch, answer in _one_ahead(lane, partial(self._post_rows, job.id), _batches(records)):
                tally.add(batch, answer)
                tell(answer.next_line - 1, None)
        return tally.report(self._call("POST", f"/imports/{job.id}/finish", None, wire.Import, again=True))

    def _post_rows(self, import_id: str, batch: _Batch) -> wire.RowsReport:
        """Send some rows. Sending them twice adds nothing: the server passes over lines that it has."""
        headers = {"Content-Type": "application/x-ndjson"}
        path = f"/imports/{import_id}/rows?line={batch.line}"
        return _read(self._send("POST", path, batch.body, headers, again=True), wire.RowsReport)

    def _send_file(self, job: wire.Import, path: Path, tell: Progress) -> Report:
        """Send the bytes from where the server stands, then wait until it has read them."""
        size = path.stat().st_size
        with path.open("rb") as source:
            while job.received < size:
                source.seek(job.received)
                chunk = source.read(CHUNK_BYTES)
                if not chunk:
                    raise Refused(
                        "import.file-changed", "The file became shorter meanwhile.", str(path), "Start again."
                    )
                target = f"/imports/{job.id}/file?offset={job.received}"
                job = _read(self._send("PUT", target, chunk, _BINARY, again=True), wire.Import)
                tell(job.received, size)
        job = self._call("POST", f"/imports/{job.id}/finish", None, wire.Import, again=True)
        return _file_report(self._wait_for_import(job))

    def _wait_for_import(self, job: wire.Import) -> wire.Import:
        for pause in _pauses():
            if job.error is not None:
                raise _error(job.error)
            if job.state == "done":
                return job
            self._sleep(pause)
            job = self._get(f"/imports/{job.id}", wire.Import)
        raise AssertionError("pauses never end")

    # -- telling other programs -----------------------------------------------------------------

    def webhooks(self) -> Iterator[wire.Webhook]:
        """The webhooks of your organization, oldest first."""
        return self._pages("/webhooks", wire.Page[wire.Webhook])

    def create_webhook(
        self, url: str, kinds: Iterable[str] = (), project_id: str | None = None
    ) -> wire.CreatedWebhook:
        """Let the node tell this address what happens from now on.

        Args:
            url: where to. The node refuses addresses in private networks that its operator has not named.
            kinds: of messages, such as "task.completed"; empty: all.
            project_id: only about this project.

        Returns:
            The webhook with its secret, with which messages are signed. It is shown this once.
        """
        new = wire.NewWebhook(url=url, kinds=list(kinds), project_id=project_id)
        return self._call("POST", "/webhooks", new, wire.CreatedWebhook)

    def pause_webhook(self, webhook_id: str, paused: bool = True) -> wire.Webhook:
        """Hold a webhook's messages; with `paused=False` send them, and go on."""
        path = f"/webhooks/{_segment(webhook_id)}"
        return self._call("PATCH", path, wire.WebhookChange(paused=paused), wire.Webhook, again=True)

    def delete_webhook(self, webhook_id: str) -> None:
        """Tell that address nothing more."""
        self._send("DELETE", f"/webhooks/{_segment(webhook_id)}")

    def deliveries(self, webhook_id: str | None = None, state: str | None = None) -> Iterator[wire.Delivery]:
        """What was sent or waits, newest first. `state`: waiting, held, taken or given_up."""
        return self._pages("/deliveries", wire.Page[wire.Delivery], webhook=webhook_id, state=state)

    def delivery(self, delivery_id: str) -> wire.DeliveryDetail:
        """One message, with what is sent and what was answered."""
        return self._get(f"/deliveries/{_segment(delivery_id)}", wire.DeliveryDetail)

    def replay(self, delivery_id: str) -> wire.Delivery:
        """Send a message once more, under the same id."""
        return self._call("POST", f"/deliveries/{_segment(delivery_id)}/replay", None, wire.Delivery)

    # -- models of your own -----------------------------------------------------------------------

    def connect_backend(
        self,
        project_id: str,
        url: str,
        title: str = "",
        *,
        counts: bool = True,
        interactive: bool = False,
        training: bool = False,
        access_token: str = "",
        login: str = "",
    ) -> wire.Backend:
        """Let a model that speaks Label Studio's ML protocol suggest answers in a project.

        Args:
            project_id: the project.
            url: where it answers, without ``/predict``. The node refuses private addresses that its
                operator has not named.
            title: what it is called; its host when empty.
            counts: its predictions are annotations of a model annotator too.
            interactive: annotators may ask it in the middle of a task.
            training: it is told of every annotation.
            access_token: an API key for it, to read data with; none is sent without it.
            login: ``name:password``, where it answers only behind HTTP basic authentication.

        Raises:
            Refused: the address is private; or `counts`, and each task gets one answer only.
            Unavailable: it does not answer as a backend does.
        """
        new = wire.NewBackend(
            url=url,
            title=title,
            counts=counts,
            interactive=interactive,
            training=training,
            access_token=access_token,
            login=login,
        )
        return self._call("POST", f"/projects/{_segment(project_id)}/backends", new, wire.Backend)

    def backends(self, project_id: str) -> Iterator[wire.Backend]:
        """The backends of a project, oldest first."""
        return self._pages(f"/projects/{_segment(project_id)}/backends", wire.Page[wire.Backend])

    def predict(self, backend_id: str) -> wire.Backend:
        """Begin to ask a backend about every open task that its model has not said anything of."""
        return self._call("POST", f"/backends/{_segment(backend_id)}/predict", None, wire.Backend, again=True)

    def train_backend(self, backend_id: str) -> None:
        """Tell a backend that it may train now."""
        self._send("POST", f"/backends/{_segment(backend_id)}/train")

    def disconnect_backend(self, backend_id: str) -> None:
        """Ask a backend nothing more, and show no more of what it said."""
        self._send("DELETE", f"/backends/{_segment(backend_id)}")

    # -- annotating -----------------------------------------------------------------------------

    def next_assignment(
        self, project_id: str | None = None, pool: str | None = None
    ) -> wire.Assignment | None:
        """The caller's task to do now, or None when there is nothing. A live assignment is given again."""
        given = self.next_assignments(project_id, count=1, pool=pool)
        return given[0] if given else None

    def next_assignments(
        self,
        project_id: str | None = None,
        count: int = 1,
        have: Iterable[str] = (),
        pool: str | None = None,
    ) -> list[wire.Assignment]:
        """Live assignments that are not in `have`, and up to `count` new ones."""
        wanted = wire.NextAssignment(project_id=project_id, pool=pool, have=list(have), count=count)
        given = self._call("POST", "/assignments/next", wanted, wire.Assignments, again=True).assignments
        if self._signer is not None:
            self._places |= {one.id: one.place for one in given}
        return given

    def submit(
        self,
        assignment_id: str,
        answers: Mapping[str, Any],
        seconds: float | None = None,
        revision: int | None = None,
    ) -> Receipt:
        """Answer an assignment. The same again gives the same receipt: nothing is counted twice.

        Args:
            assignment_id: also the idempotency key.
            answers: id of the question -> answer.
            seconds: active time.
            revision: for a correction, the revision that it replaces.

        Raises:
            Invalid: an answer does not fit its question; `where` is its path.
            Refused: another revision is in force, or the assignment is not the caller's to answer any more.
        """
        signed = self._signed_answers(assignment_id, answers, seconds, revision)
        submission = wire.Submission(answers=dict(answers), seconds=seconds, revision=revision, signed=signed)
        path = f"/assignments/{_segment(assignment_id)}/submit"
        receipt = Receipt(self._call("POST", path, submission, wire.Submitted, again=True), self)
        self._places.pop(assignment_id, None)
        return receipt

    def _signed_answers(
        self, assignment_id: str, answers: Mapping[str, Any], seconds: float | None, revision: int | None
    ) -> wire.Signed | None:
        """The caller's statement about these answers; None without a key."""
        public: dict[str, int | str]
        public = {"ms": active_ms(seconds), "revision": (revision or 0) + 1, "slot": slot_of(assignment_id)}
        value = _sorted_json(dict(answers))
        return self._say("submitted", lambda: self._place(assignment_id), public, {"answers": value})

    def _say(
        self,
        kind: str,
        answers: Callable[[], tuple[str, int]],
        public: Mapping[str, int | str],
        private: Mapping[str, str],
    ) -> wire.Signed | None:
        """The caller's statement about one act; None without a key.

        Args:
            answers: finds the place that the act answers.
        """
        if self._signer is None:
            return None
        values = {field: text.encode() for field, text in private.items()}
        return self._signer.say(*self._holder(None), kind, answers(), public, values)

    def _place(self, assignment_id: str) -> tuple[str, int]:
        """Where an assignment's lease stands."""
        known = self._places.get(assignment_id)
        return known or self._get(f"/assignments/{_segment(assignment_id)}", wire.Assignment).place

    # -- erasure --------------------------------------------------------------------------------

    def erase_task(self, task_id: str, basis: Basis = "request") -> wire.ErasureReport:
        """Destroy a task's data and all that was said about them. For an owner; it cannot be taken back."""
        path = f"/tasks/{_segment(task_id)}/erase"
        return self._call("POST", path, wire.Erasure(basis=basis), wire.ErasureReport)

    def erase_member(self, member_id: str, basis: Basis = "request") -> wire.ErasureReport:
        """Destroy who a member was; their answers stay, under a pseudonym. It cannot be taken back."""
        path = f"/members/{_segment(member_id)}/erase"
        return self._call("POST", path, wire.Erasure(basis=basis), wire.ErasureReport)

    # -- signing keys ---------------------------------------------------------------------------

    def signing_with(self, path: str | os.PathLike[str] | None) -> Self:
        """This client, which signs with the key in this file from now on; None: as it did."""
        if path is not None:
            self._signer = Signer.open(Path(path))
        return self

    def signing_keys(self, organization_id: str | None = None) -> wire.SigningKeys:
        """The caller's keys, or those of an organization as a client of the exchange."""
        query = f"?{urlencode({'organization': organization_id})}" if organization_id else ""
        return self._get(f"/signing-keys{query}", wire.SigningKeys)

    def add_signing_key(
        self, path: str | os.PathLike[str], organization_id: str | None = None
    ) -> wire.SigningKey:
        """Let the key in this file sign for the caller, or for an organization as a client.

        From then on nothing counts in that name unsigned. Where this client has a key in force, it signs for
        the new one.
        """
        new, keys = Signer.open(Path(path)), self.signing_keys(organization_id)
        signed = self._signed_key(keys, new.public)
        wanted = wire.NewSigningKey(
            public=b64url(new.public),
            proof=new.possession(keys.origin, keys.holder),
            organization_id=organization_id,
            signed=signed,
        )
        return self._call("POST", "/signing-keys", wanted, wire.SigningKey)

    def _signed_key(self, keys: wire.SigningKeys, new: bytes) -> wire.Signed | None:
        """This client's own key vouches for a new one, where it is in force."""
        if self._signer is None:
            return None
        own = next((k for k in keys.items if k.in_force and k.public == b64url(self._signer.public)), None)
        if own is None:
            return None
        public = {"key": key_id(keys.holder, new), "public": b64url(new)}
        return self._signer.say(keys.origin, keys.holder, "key-added", own.place, public)

    def revoke_signing_key(self, key_id: str, organization_id: str | None = None) -> wire.SigningKey:
        """From here on this key signs nothing."""
        wanted = wire.SigningKeyRevocation(organization_id=organization_id)
        return self._call("POST", f"/signing-keys/{_segment(key_id)}/revoke", wanted, wire.SigningKey)

    def signing_policy(self) -> wire.SigningPolicy:
        """Which acts must be signed on this node."""
        return self._get("/signing-policy", wire.SigningPolicy)

    def set_signing_policy(
        self, kinds: Iterable[str], whose: Literal["holders", "everybody"] = "holders"
    ) -> wire.SigningPolicy:
        """Demand that acts of these kinds be signed: by whoever has a key, or by everybody. For an operator.

        Args:
            kinds: of entries, such as "reviewed"; an empty list demands no more than answers and waivers.
        """
        wanted = wire.SigningPolicy(kinds=list(kinds), whose=whose)
        return self._call("PUT", "/signing-policy", wanted, wire.SigningPolicy)

    def _signed_for(
        self,
        organization_id: str | None,
        kind: str,
        answers: Callable[[str], tuple[str, int]] | None,
        public: Callable[[str], Mapping[str, int | str]],
        private: Mapping[str, bytes] | None = None,
    ) -> wire.Signed | None:
        """The statement of a client, or of the caller; None where this client has no key in force for it.

        Args:
            organization_id: as a client of the exchange; None: the caller.
            answers: from the holder, the place that the act answers; None: that of the key.
            public: from the holder, what is said.
        """
        if self._signer is None:
            return None
        keys = self.signing_keys(organization_id)
        own = next((k for k in keys.items if k.in_force and k.public == b64url(self._signer.public)), None)
        if own is None:
            return None
        place = answers(keys.holder) if answers is not None else own.place
        return self._signer.say(keys.origin, keys.holder, kind, place, public(keys.holder), private)

    def _organization(self, organization_id: str | None) -> str:
        """The organization that is meant where none is named: the caller's only one, else none."""
        memberships = self.session().memberships
        return organization_id or (memberships[0].organization_id if len(memberships) == 1 else "")

    def _holder(self, organization_id: str | None) -> tuple[str, str]:
        """(origin of the ledger, whose key it is), asked for once."""
        if organization_id not in self._holders:
            keys = self.signing_keys(organization_id)
            self._holders[organization_id] = keys.origin, keys.holder
        return self._holders[organization_id]

    def skip(self, assignment_id: str, reason: str = "") -> None:
        """Give an assignment back unanswered. The caller does not get its task again."""
        self._remark("skip", "skipped", assignment_id, reason)

    def flag(self, assignment_id: str, reason: str = "") -> None:
        """Mark the task for the manager. The assignment stays."""
        self._remark("flag", "flagged", assignment_id, reason)

    def _remark(self, act: str, kind: str, assignment_id: str, reason: str) -> None:
        public, private = {"slot": slot_of(assignment_id)}, {"reason": reason}
        signed = self._say(kind, lambda: self._place(assignment_id), public, private)
        path = f"/assignments/{_segment(assignment_id)}/{act}"
        self._send_json("POST", path, wire.Skip(reason=reason, signed=signed))

    def proof(self, stream: str, n: int, timeout: float = 30.0) -> str:
        """The `tlog-proof` of an entry, waited for.

        Raises:
            Unavailable: the entry was not in the log after `timeout` seconds.
        """
        path = f"/receipts/{_segment(stream)}/{n}"
        limit = time.monotonic() + timeout
        while True:
            try:
                return self._send("GET", path).text
            except Unavailable:
                if time.monotonic() >= limit:
                    raise
            self._sleep(0.2)

    def receipts(self, after: str | None = None) -> Iterator[wire.Receipts]:
        """Receipts of all that the caller's organization asked for and had done, page by page.

        Args:
            after: of the last page that was read before; None for everything.
        """
        while True:
            query = f"?{urlencode({'after': after})}" if after else ""
            page = _read(self._send("GET", f"/receipts{query}", again=True), wire.Receipts)
            yield page
            if not page.more:
                return
            after = page.after

    # -- review and appeal ----------------------------------------------------------------------

    def send_to_review(
        self,
        project_id: str,
        task_ids: Iterable[str] | None = None,
        filter: Mapping[str, str] | None = None,
    ) -> int:
        """Send finished tasks to review; how many wait now that did not before.

        Args:
            project_id: whose tasks.
            task_ids: these; one that was reviewed is reviewed once more.
            filter: or all that match `status`, `search`, `annotator`, `external_id`, `flagged`, of which no
                review was asked yet; ``{}`` means all.
        """
        path = f"/projects/{_segment(project_id)}/tasks/actions"
        ids = None if task_ids is None else list(task_ids)
        wanted = wire.TaskAction(
            action="review", task_ids=ids, filter=None if filter is None else dict(filter)
        )
        sent = 0
        while True:
            report = self._call("POST", path, wanted, wire.ActionReport)
            sent += report.changed
            if report.next is None:
                return sent
            wanted = msgspec.structs.replace(wanted, after=report.next)

    def next_review(self, project_id: str) -> wire.Review | None:
        """The caller's review to do now, or None when there is nothing. A live review is given again."""
        path = f"/projects/{_segment(project_id)}/reviews/next"
        return self._call("POST", path, None, wire.NextReview, again=True).review

    def review(self, review_id: str) -> wire.Review:
        """A review: the caller's own, or a decided one."""
        return self._get(f"/reviews/{_segment(review_id)}", wire.Review)

    def reviews(self, project_id: str) -> Iterator[wire.ReviewRow]:
        """The project's decided reviews, newest first."""
        return self._pages(f"/projects/{_segment(project_id)}/reviews", wire.Page[wire.ReviewRow])

    def decide_review(
        self,
        review_id: str,
        decision: Literal["accept", "fix", "return", "skip"],
        answers: Mapping[str, Any] | None = None,
        comment: str = "",
        assignment_ids: Iterable[str] = (),
        revision: int | None = None,
        seconds: float | None = None,
    ) -> wire.Review:
        """Decide a review. The same again gives the same.

        Args:
            review_id: of the caller's own review.
            decision: "accept" what the answers come to, "fix" it, "return" some of them, "skip".
            answers: with "fix": id of the question -> answer that stands.
            comment: what the annotators read; needed to send back.
            assignment_ids: with "return": whose answers go back.
            revision: what the caller saw; if an answer was corrected meanwhile, it is refused.
            seconds: active time.

        Raises:
            Invalid: an answer does not fit its question, or a comment is missing.
            Refused: the review is over, or the policy hides what it would take to decide so.
        """
        word = wire.ReviewDecision(
            decision=decision,
            answers=None if answers is None else dict(answers),
            comment=comment,
            assignment_ids=list(assignment_ids),
            revision=revision,
            seconds=seconds,
        )
        if self._signer is not None:
            word = msgspec.structs.replace(word, signed=self._signed_review(review_id, word))
        path = f"/reviews/{_segment(review_id)}/decide"
        return self._call("POST", path, word, wire.Review, again=True)

    def _signed_review(self, review_id: str, word: wire.ReviewDecision) -> wire.Signed | None:
        """The caller's statement about a review: the decision, and the answer that they take to stand."""
        review = self.review(review_id)
        seen = {question: answer.value for question, answer in review.consensus.items()}
        stands = {"accept": seen, "fix": word.answers}.get(word.decision)
        private = {
            "answers": _sorted_json(stands) if stands else "",
            "comment": word.comment,
            "decision": _sorted_json({"assignments": sorted(word.assignment_ids), "decision": word.decision}),
        }
        public: dict[str, int | str]
        public = {"ms": active_ms(word.seconds), "slot": slot_of(review_id)}
        return self._say("reviewed", lambda: review.place, public, private)

    def judgements(
        self, project_id: str | None = None, outcome: Literal["accepted", "fixed", "returned"] | None = None
    ) -> Iterator[wire.Judgement]:
        """What reviews said of the caller's own answers, newest first."""
        return self._pages("/judgements", wire.Page[wire.Judgement], project=project_id, outcome=outcome)

    def appeal(self, assignment_id: str, text: str) -> wire.AppealState:
        """Appeal the newest judgement of one of the caller's own answers, once. Somebody else decides."""
        path = f"/assignments/{_segment(assignment_id)}/appeal"
        signed = self._say("appealed", lambda: self._judged(assignment_id), {}, {"text": text})
        return self._call("POST", path, wire.NewAppeal(text=text, signed=signed), wire.AppealState)

    def _judged(self, assignment_id: str) -> tuple[str, int]:
        """Where the caller's answer stands that was judged last."""
        newest = next(self._pages("/judgements", wire.Page[wire.Judgement], assignment=assignment_id), None)
        if newest is None:
            raise Refused("appeal.none", "No review has judged this answer.", "assignment")
        return newest.place

    def appeals(
        self, project_id: str, state: Literal["open", "upheld", "rejected"] | None = None
    ) -> Iterator[wire.Appeal]:
        """The project's appeals, oldest first. Texts are there for whoever answers them."""
        path = f"/projects/{_segment(project_id)}/appeals"
        return self._pages(path, wire.Page[wire.Appeal], state=state)

    def decide_appeal(
        self, appeal_id: str, decision: Literal["uphold", "reject"], text: str = ""
    ) -> wire.Appeal:
        """Say who is right. Upheld, the annotator's answer stands; to reject needs a reason."""
        answer = wire.AppealDecision(decision=decision, text=text)
        if self._signer is not None:
            appeal = self._get(f"/appeals/{_segment(appeal_id)}", wire.Appeal)
            said = {"decision": "upheld" if decision == "uphold" else "rejected", "text": text}
            signed = self._say("appeal-decided", lambda: appeal.place, {"slot": appeal.slot}, said)
            answer = msgspec.structs.replace(answer, signed=signed)
        return self._call("POST", f"/appeals/{_segment(appeal_id)}/decide", answer, wire.Appeal)

    # -- data out -------------------------------------------------------------------------------

    def tasks(
        self, project_id: str, status: str | None = None, search: str | None = None
    ) -> Iterator[wire.Task]:
        """Every task with its data, annotations and consensus, in the order of their ids."""
        path = f"/projects/{_segment(project_id)}/tasks/full"
        return self._pages(path, wire.Page[wire.Task], status=status, search=search)

    def act_on_tasks(
        self,
        project_id: str,
        action: Literal["withdraw", "restore", "prioritise", "unflag", "review"],
        task_ids: Iterable[str],
        priority: int = 0,
    ) -> int:
        """Withdraw, restore, put first, unflag or send to review; how many tasks that changed."""
        wanted = wire.TaskAction(action=action, task_ids=list(task_ids), priority=priority)
        path = f"/projects/{_segment(project_id)}/tasks/actions"
        return self._call("POST", path, wanted, wire.ActionReport, again=True).changed

    def task(self, task_id: str) -> wire.Task:
        """One task with its data, annotations and consensus."""
        return self._get(f"/tasks/{_segment(task_id)}", wire.Task)

    def quality(self, project_id: str, read: bool = True) -> wire.Quality:
        """Of each question the agreement and each annotator's skill with intervals, the confusion of classes,
        hard tasks and likely errors; and the forecast.

        Args:
            read: let the node read all answers first, and wait until it has; else the newest reading.

        Raises:
            Unavailable: the reading failed.
        """
        path = f"/projects/{_segment(project_id)}/quality"
        if not read:
            return self._get(path, wire.Quality)
        found = self._call("POST", path, None, wire.Quality)
        for pause in _pauses():
            if found.state != "running":
                break
            self._sleep(pause)
            found = self._get(path, wire.Quality)
        if found.state == "failed":
            raise Unavailable(
                "quality.failed", found.error, project_id, "Try again; the node's log says more."
            )
        return found

    def export(
        self,
        project_id: str,
        format: str = "jsonl",
        out: str | os.PathLike[str] = "export",
        *,
        since: str | None = None,
        accept_loss: bool = False,
        surplus: bool = False,
        options: Mapping[str, Any] | None = None,
        replace: bool = False,
        on_progress: Progress | None = None,
    ) -> Manifest:
        """Write a project's labels to a folder. It appears whole or not at all; every digest is checked.

        Args:
            project_id: whose labels.
            format: name of the format.
            out: the folder to make.
            since: id of an earlier export: only what is new since then.
            accept_loss: go on although the format cannot carry everything.
            surplus: with the answers that came when a task had all it needed, marked as such.
            options: for the format.
            replace: put the new folder in the place of one that is there already.
            on_progress: called with the tasks written and how many there are in all.

        Raises:
            Refused: `out` is there already, or the format would lose something.
            Broken: a file's digest is not the manifest's.
        """
        target = Path(out)
        _check_free(target, replace)
        new = wire.NewExport(
            format=format, since=since, accept_loss=accept_loss, surplus=surplus, options=dict(options or {})
        )
        job = self._call("POST", f"/projects/{_segment(project_id)}/exports", new, wire.Export)
        job = self._wait_for_export(job, on_progress or _silent)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
            manifest = self._download(job, Path(scratch) / "new")
            _put_in_place(Path(scratch) / "new", target, Path(scratch) / "old")
        return manifest

    def archive(
        self,
        project_id: str,
        out: str | os.PathLike[str],
        *,
        named: bool = False,
        on_progress: Progress | None = None,
    ) -> Path:
        """Write a project's archive: everything of it, signed, in one file that appears whole or not at all.

        Args:
            project_id: of which project.
            out: the file to make.
            named: with the names and e-mail addresses of those who answered; else under their pseudonyms.
            on_progress: called with the tasks written and how many there are in all.

        Raises:
            Refused: `out` is there already.
        """
        target = Path(out)
        if target.exists():
            raise Refused("export.exists", "There is a file of this name.", str(target), "Name another one.")
        new = wire.NewArchive(people="named" if named else "pseudonymous")
        job = self._call("POST", f"/projects/{_segment(project_id)}/archive", new, wire.Export)
        job = self._wait_for_export(job, on_progress or _silent)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
            self._fetch(job.id, job.files[0], Path(scratch) / "new")
            (Path(scratch) / "new").replace(target)
        return target

    def restore(
        self,
        archive: str | os.PathLike[str],
        name: str | None = None,
        organization_id: str | None = None,
        on_progress: Progress | None = None,
    ) -> wire.Restore:
        """Make a project out of an archive. The node checks it first.

        Args:
            archive: the file.
            name: of the project to make. Default: its name in the archive.
            organization_id: whose it will be. Default: the only one where you may.
            on_progress: called with the events that were done again and how many there are.

        Raises:
            Missing: there is no such file.
            Invalid: the archive is damaged, or not what its node signed.
            Refused: there is a project of that name.
        """
        path, tell = _file(Path(archive)), on_progress or _silent
        size = path.stat().st_size
        new = wire.NewRestore(bytes=size, name=name, organization_id=organization_id)
        job = self._call("POST", "/restores", new, wire.Restore)
        with path.open("rb") as source:
            while job.state == "open":
                source.seek(job.received)
                chunk = source.read(CHUNK_BYTES)
                if not chunk:
                    what = "The file became shorter meanwhile."
                    raise Broken("archive.changed", what, str(path), "Start again.")
                target = f"/restores/{job.id}/file?offset={job.received}"
                job = _read(self._send("PUT", target, chunk, _BINARY, again=True), wire.Restore)
        for pause in _pauses():
            tell(job.replayed, job.events or None)
            if job.error is not None:
                raise _error(job.error)
            if job.state == "done":
                return job
            self._sleep(pause)
            job = self._get(f"/restores/{job.id}", wire.Restore)
        raise AssertionError("pauses never end")

    def _wait_for_export(self, job: wire.Export, tell: Progress) -> wire.Export:
        for pause in _pauses():
            tell(job.tasks, job.total)
            if job.error is not None:
                raise _error(job.error)
            if job.state == "done":
                return job
            self._sleep(pause)
            job = self._get(f"/exports/{job.id}", wire.Export)
        raise AssertionError("pauses never end")

    def _download(self, job: wire.Export, folder: Path) -> Manifest:
        """Fetch all files of an export and compare them with the manifest among them."""
        folder.mkdir()
        digests = {name: self._fetch(job.id, name, folder / _inside(name)) for name in job.files}
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
        for file in manifest.files:
            if digests.get(file.name) != file.sha256:
                reason = f"{file.name} is not the file that the manifest names (SHA-256 differs)."
                raise Broken(
                    "export.digest", reason, file.name, "Export again; if it stays, run `evenhand doctor`."
                )
        return manifest

    def _fetch(self, export_id: str, name: str, target: Path) -> str:
        """Download one file durably; its SHA-256."""
        path = f"/exports/{export_id}/files/{quote(name)}"
        target.parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(ATTEMPTS):
            try:
                return self._stream_to(path, target)
            except (httpx.TransportError, Unavailable) as error:
                if attempt + 1 == ATTEMPTS:
                    raise _unreachable(self.url, error) from error
                self._sleep(_delay(attempt, None))
        raise AssertionError("the last attempt returns or raises")

    def _stream_to(self, path: str, target: Path) -> str:
        digest = hashlib.sha256()
        with self._http.stream("GET", _API + path) as response, target.open("wb") as out:
            if response.status_code != 200:
                response.read()
                raise _problem(response)
            for chunk in response.iter_bytes(1 << 18):
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        return digest.hexdigest()

    # -- the wire -------------------------------------------------------------------------------

    def _get(self, path: str, kind: type[T]) -> T:
        return _read(self._send("GET", path, again=True), kind)

    def _call(
        self, method: str, path: str, body: wire.Request | None, kind: type[T], again: bool = False
    ) -> T:
        return _read(self._send_json(method, path, body, again), kind)

    def _pages(self, path: str, kind: type[wire.Page[T]], **filters: str | int | None) -> Iterator[T]:
        """Every item of a list, page by page."""
        query = {key: value for key, value in filters.items() if value is not None} | {"limit": PAGE}
        while True:
            page = _read(self._send("GET", f"{path}?{urlencode(query)}", again=True), kind)
            yield from page.items
            if page.next is None:
                return
            query["after"] = page.next

    def _send_json(
        self, method: str, path: str, body: wire.Request | None, again: bool = False
    ) -> httpx.Response:
        content = None if body is None else _encode(body)
        return self._send(method, path, content, _JSON if body is not None else {}, again=again)

    def _send(
        self,
        method: str,
        path: str,
        content: bytes | Callable[[], Iterable[bytes]] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        again: bool = False,
    ) -> httpx.Response:
        """One call. With `again` it may be repeated safely, so that it is when the node is busy.

        A request that never left (no connection) or that was turned away at the door (429) may always be.
        """
        if self._http.is_closed:
            remedy = "Ask for proofs and pages before the `with` block ends."
            raise Refused("client.closed", "This client is closed.", self.url, remedy)
        for attempt in range(ATTEMPTS):
            last = attempt + 1 == ATTEMPTS
            wait: str | None = None
            try:
                body = content() if callable(content) else content
                response = self._http.request(method, _API + path, content=body, headers=headers)
            except httpx.TransportError as error:
                if last or not (again or isinstance(error, httpx.ConnectError)):
                    raise _unreachable(self.url, error) from error
            else:
                self.checkpoint = response.headers.get("Evenhand-Checkpoint", self.checkpoint)
                if response.is_success:
                    return response
                busy = response.status_code == 429 or (again and response.status_code in RETRY_STATUS)
                if last or not busy:
                    raise _problem(response)
                wait = response.headers.get("Retry-After")
            self._sleep(_delay(attempt, wait))
        raise AssertionError("the last attempt returns or raises")


_API = "/api/v1"
_JSON = {"Content-Type": "application/json"}
_BINARY = {"Content-Type": "application/octet-stream"}
_ENCODER = msgspec.json.Encoder()


# -- rows ---------------------------------------------------------------------------------------


class _Batch(msgspec.Struct, frozen=True):
    """Rows of one request."""

    line: int  # of the first row
    body: bytes  # NDJSON
    unsendable: dict[int, str]  # line -> why JSON cannot carry the row; its place holds `null`


class _Tally:
    """Every rejected row. The counts are the server's, since an answer may have been lost on its way."""

    def __init__(self) -> None:
        self.rejected: dict[int, Rejection] = {}
        self.unsendable: dict[int, str] = {}

    def add(self, batch: _Batch, answer: wire.RowsReport) -> None:
        self.unsendable |= batch.unsendable
        self._note(answer.rejected)

    def _note(self, rows: Iterable[wire.Rejected]) -> None:
        for row in rows:
            reason = self.unsendable.get(row.line, row.reason)
            self.rejected[row.line] = Rejection(row.line, row.path, reason)

    def report(self, job: wire.Import) -> Report:
        self._note(job.rejections)
        return Report(
            import_id=job.id,
            accepted=job.accepted,
            present=job.present,
            rejected=tuple(self.rejected[line] for line in sorted(self.rejected)),
            rejected_count=job.rejected,
        )


def _batches(records: Iterable[Mapping[str, Any]]) -> Iterator[_Batch]:
    """The records as request bodies, each short enough."""
    rows: list[bytes] = []
    unsendable: dict[int, str] = {}
    size, first = 0, 1
    for line, record in enumerate(records, 1):
        row, why = _row(record)
        if why:
            unsendable[line] = why
        if rows and (len(rows) >= BATCH_ROWS or size + len(row) > BATCH_BYTES):
            yield _Batch(first, b"\n".join(rows), {n: w for n, w in unsendable.items() if n < line})
            rows, size, first = [], 0, line
            unsendable = {n: w for n, w in unsendable.items() if n >= line}
        rows.append(row)
        size += len(row) + 1
    if rows:
        yield _Batch(first, b"\n".join(rows), unsendable)


def _row(record: Mapping[str, Any]) -> tuple[bytes, str]:
    """One record as JSON, and "" or why JSON cannot carry it.

    An encoder that writes NaN as null would change data in silence, so that rows with a null are looked at.
    """
    try:
        row = _encode(record)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return b"null", f"The record cannot be written as JSON: {error}."
    if len(row) > MAX_ROW:
        return b"null", f"The record takes {len(row)} bytes, and at most {MAX_ROW} can be sent."
    if b"null" in row and not _finite(record):
        return b"null", "The record holds NaN or an infinity, which JSON cannot carry."
    return row, ""


def _finite(value: Any) -> bool:
    """Whether every float inside is a number."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    return True


def _one_ahead(
    lane: ThreadPoolExecutor, send: Callable[[_Batch], wire.RowsReport], batches: Iterable[_Batch]
) -> Iterator[tuple[_Batch, wire.RowsReport]]:
    """Each batch with its answer. The next one is encoded while one is on its way."""
    flying: tuple[_Batch, Future[wire.RowsReport]] | None = None
    for batch in batches:
        landed = (flying[0], flying[1].result()) if flying is not None else None
        flying = batch, lane.submit(send, batch)
        if landed is not None:
            yield landed
    if flying is not None:
        yield flying[0], flying[1].result()


def _file_report(job: wire.Import) -> Report:
    rejected = tuple(Rejection(row.line, row.path, row.reason) for row in job.rejections)
    return Report(
        import_id=job.id,
        accepted=job.accepted,
        present=job.present,
        rejected=rejected,
        rejected_count=job.rejected,
    )


# -- files --------------------------------------------------------------------------------------


@contextmanager
def _spooled(records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Path, dict[int, str]]]:
    """The records as a file of JSON lines, while the block lasts, and why some (by line) cannot be sent."""
    unsendable: dict[int, str] = {}
    with tempfile.NamedTemporaryFile(prefix="evenhand-", suffix=".jsonl") as target:
        for line, record in enumerate(records, 1):
            row, why = _row(record)
            target.write(row + b"\n")
            if why:
                unsendable[line] = why
        target.flush()
        yield Path(target.name), unsendable


def _file(path: Path) -> Path:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise Missing("import.no-file", f"The file {what}.", str(path), "Check the path.")
    return path


def _check_free(target: Path, replace: bool) -> None:
    if target.exists() and not (replace and target.is_dir()):
        remedy = "Name another folder, or say that it shall be replaced."
        raise Refused(
            "export.exists", "There is something already, and it is left alone.", str(target), remedy
        )


def _put_in_place(new: Path, target: Path, old: Path) -> None:
    """Rename, so that a reader finds the old folder or the new one, never half of one."""
    if target.exists():
        target.rename(old)
    new.rename(target)


def _inside(name: str) -> Path:
    """The name of an export's file as a path, refused when it would lead out of the folder."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part or ":" in part for part in parts):
        reason = f"The node names a file {name!r}, which leads out of the folder."
        raise Broken("export.file-name", reason, name)
    return Path(*parts)


# -- answers and errors -------------------------------------------------------------------------


def _encode(value: Any) -> bytes:
    return _ENCODER.encode(value)


def draft(given: Mapping[str, Any], kind: type[T]) -> T:
    """Names and values as a request, so that a wrong name or type is told before anything is sent."""
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$")
        raise Invalid("request.shape", reason, where.strip("`.")) from error


def _read(response: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as error:
        reason = f"The node's answer cannot be read: {error}."
        remedy = "Is this address an Evenhand node, and of the same version?"
        raise Broken("client.answer", reason, str(response.url), remedy) from error


def _problem(response: httpx.Response) -> EvenhandError:
    """The error that the answer stands for."""
    try:
        return _error(msgspec.json.decode(response.content, type=wire.Problem), response.status_code)
    except msgspec.DecodeError:
        reason = f"The node answered {response.status_code} {response.reason_phrase}."
        remedy = "Is this address an Evenhand node? Look at a proxy in between."
        return _kind(response.status_code)("http.status", reason, str(response.url), remedy)


def _error(problem: wire.Problem, status: int | None = None) -> EvenhandError:
    return _kind(status or problem.status)(problem.rule, problem.detail, problem.where, problem.remedy)


def _kind(status: int) -> type[EvenhandError]:
    """The error by what the caller should do; see docs/spec/http.md."""
    if status in (401, 403, 409):
        return Refused
    if status == 404:
        return Missing
    if status == 429 or 502 <= status <= 504:
        return Unavailable
    return Broken if status >= 500 else Invalid


def _unreachable(url: str, error: Exception) -> EvenhandError:
    if isinstance(error, EvenhandError):
        return error
    reason = f"The node cannot be reached ({type(error).__name__}: {error})."
    return Unavailable(
        "client.unreachable", reason, url, "Does it run, and is the address right? Try again later."
    )


def _delay(attempt: int, retry_after: str | None) -> float:
    """Seconds to wait: what the server asks for, at most 10; else doubling, spread by chance."""
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after), 10.0)
    return float(min(0.2 * 2**attempt, 3.0) * random.uniform(0.5, 1.0))


def _pauses() -> Iterator[float]:
    """Seconds between looks at a long job: short at first, so that a small one feels immediate."""
    pause = 0.02
    while True:
        yield pause
        pause = min(pause * 1.5, 1.0)


def _segment(text: str) -> str:
    """Text as one segment of a path: an id with a slash in it must not become another address."""
    return quote(text, safe=":")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _silent(done: int, total: int | None) -> None:
    """No progress is shown."""
