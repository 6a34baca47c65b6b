"""Evenhand from code: `from evenhand import Client`. Synchronous, typed, one connection pool per client."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from evenhand import wire
from evenhand.core.allocation import slot_of
from evenhand.core.canonical import b64url
from evenhand.core.erasure import Basis
from evenhand.core.errors import Broken, Refused, Unavailable
from evenhand.core.receipt import Promise
from evenhand.core.release import Manifest
from evenhand.core.signing import key_id
from evenhand.core.submission import active_ms
from evenhand.sdk.connection import Connection, Sleep, draft, pauses, segment
from evenhand.sdk.exchange import Exchange
from evenhand.sdk.files import check_free, existing, inside, put_in_place
from evenhand.sdk.rows import Batch, Rejection, Report, Tally, batches, file_report, one_ahead, spooled
from evenhand.sdk.speaker import Speaker
from evenhand.signer import Signer

T = TypeVar("T")
Progress = Callable[[int, int | None], None]
"""Called with what is done and what there is in all (None when that is not known)."""


Role = Literal["owner", "manager", "reviewer", "annotator", "auditor"]


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
        self._node = Connection(url, api_key, timeout, sleep)
        self._speaker = Speaker(
            self._node, Signer.open(Path(signing_key)) if signing_key is not None else None
        )
        self._places: dict[str, tuple[str, int]] = {}  # assignment not answered yet -> where its lease stands

    @property
    def url(self) -> str:
        """Address of the node."""
        return self._node.url

    @property
    def checkpoint(self) -> str | None:
        """The newest checkpoint that the node has shown, as "size:root"."""
        return self._node.checkpoint

    @property
    def exchange(self) -> Exchange:
        """Shared pools, those who take part in them, and who owns whom."""
        return Exchange(self._node, self._speaker, self._organization)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._node.close()

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
                text, markdown, chat, image, audio, video, html.
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
        return self._node.call("POST", "/projects", new, wire.Project)

    def project(self, project_id: str) -> wire.Project:
        """One project, with its document and counts."""
        return self._node.get(f"/projects/{segment(project_id)}", wire.Project)

    def projects(self, state: str | None = None) -> Iterator[wire.Project]:
        """Every project that the caller may see."""
        return self._node.pages("/projects", wire.Page[wire.Project], state=state)

    def change_project(self, project_id: str, version: int, **changes: Any) -> wire.Project:
        """Make a new version of a project. `version` is the one that the change was made on."""
        change = draft({"version": version} | changes, wire.ProjectChange)
        return self._node.call("PATCH", f"/projects/{segment(project_id)}", change, wire.Project)

    def set_state(self, project_id: str, state: wire.ProjectState) -> wire.Project:
        """Pause, archive or delete a project, or bring it back with "active"."""
        change = wire.StateChange(state=state)
        return self._node.call("POST", f"/projects/{segment(project_id)}/state", change, wire.Project)

    def progress(self, project_id: str) -> wire.Progress:
        """How far a project is, and who has done how much."""
        return self._node.get(f"/projects/{segment(project_id)}/progress", wire.Progress)

    # -- people ---------------------------------------------------------------------------------

    def session(self) -> wire.Session:
        """Who the API key stands for."""
        return self._node.get("/session", wire.Session)

    def sign_in_link(self, next: str = "/") -> wire.Link:
        """Make a single-use link that signs the caller in, in a browser, and goes to the page `next`."""
        return self._node.call("POST", "/session/link", wire.NewLink(next=next), wire.Link)

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
        return self._node.call("POST", "/members", member, wire.CreatedMember)

    def members(self) -> Iterator[wire.Member]:
        """The people and models of the caller's organization."""
        return self._node.pages("/members", wire.Page[wire.Member])

    def create_invite(self, role: Role = "annotator", hours: int = 168) -> wire.CreatedInvite:
        """Make a single-use link by which someone joins."""
        return self._node.call("POST", "/invites", wire.NewInvite(role=role, hours=hours), wire.CreatedInvite)

    def create_reset(self, member_id: str, hours: int = 24) -> wire.CreatedInvite:
        """Make a single-use link by which a member sets a new password."""
        invite = wire.NewInvite(purpose="reset", member_id=member_id, hours=hours)
        return self._node.call("POST", "/invites", invite, wire.CreatedInvite)

    def create_organization(self, name: str) -> wire.CreatedOrganization:
        """Make an organization, with a link for its first owner. For the operator."""
        new = wire.NewOrganization(name=name)
        return self._node.call("POST", "/organizations", new, wire.CreatedOrganization)

    def organizations(self) -> Iterator[wire.Organization]:
        """The organizations of the node. For the operator."""
        return self._node.pages("/organizations", wire.Page[wire.Organization])

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
            path = existing(Path(records))
            size = path.stat().st_size
            new = wire.NewImport(
                name=name or path.name,
                format=format,
                mapping=rename,
                options=extra,
                bytes=size,
                fetch_media=fetch_media,
            )
            return self._send_import(self._open_import(project_id, new), path, tell)
        if fetch_media:
            with spooled(records) as (path, unsendable):
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
        path = f"/projects/{segment(project_id)}/annotations"
        return self._node.call("POST", path, body, wire.BroughtReport, again=True)

    def imports(self, project_id: str) -> Iterator[wire.Import]:
        """The project's imports, newest first."""
        return self._node.pages(f"/projects/{segment(project_id)}/imports", wire.Page[wire.Import])

    def upload(
        self, project_id: str, content: bytes | Callable[[], Iterable[bytes]], media_type: str
    ) -> wire.Blob:
        """Store an image, a sound or a video; ``{"blob": blob.blob}`` stands for it in a record.

        Args:
            content: its bytes; or what gives them in pieces, from the start each time it is called.
            media_type: what it is; ``application/octet-stream`` when its bytes shall tell.
        """
        path = f"/projects/{segment(project_id)}/blobs"
        return self._node.upload("POST", path, content, wire.Blob, media_type)

    def _open_import(self, project_id: str, new: wire.NewImport) -> wire.Import:
        return self._node.call("POST", f"/projects/{segment(project_id)}/imports", new, wire.Import)

    def _send_rows(self, job: wire.Import, records: Iterable[Mapping[str, Any]], tell: Progress) -> Report:
        tally = Tally()
        with ThreadPoolExecutor(1, thread_name_prefix="evenhand-import") as lane:
            for batch, answer in one_ahead(lane, partial(self._post_rows, job.id), batches(records)):
                tally.add(batch, answer)
                tell(answer.next_line - 1, None)
        return tally.report(
            self._node.call("POST", f"/imports/{job.id}/finish", None, wire.Import, again=True)
        )

    def _send_import(self, job: wire.Import, path: Path, tell: Progress) -> Report:
        """Send the bytes from where the node stands, then wait until it has read them."""
        size = path.stat().st_size
        job = self._node.send_file(f"/imports/{job.id}/file", path, job, lambda at: tell(at.received, size))
        job = self._node.call("POST", f"/imports/{job.id}/finish", None, wire.Import, again=True)
        return file_report(self._node.wait(f"/imports/{job.id}", job))

    def _post_rows(self, import_id: str, batch: Batch) -> wire.RowsReport:
        """Send some rows. Sending them twice adds nothing: the server passes over lines that it has."""
        path = f"/imports/{import_id}/rows?line={batch.line}"
        return self._node.upload("POST", path, batch.body, wire.RowsReport, "application/x-ndjson")

    # -- telling other programs -----------------------------------------------------------------

    def webhooks(self) -> Iterator[wire.Webhook]:
        """The webhooks of your organization, oldest first."""
        return self._node.pages("/webhooks", wire.Page[wire.Webhook])

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
        return self._node.call("POST", "/webhooks", new, wire.CreatedWebhook)

    def pause_webhook(self, webhook_id: str, paused: bool = True) -> wire.Webhook:
        """Hold a webhook's messages; with `paused=False` send them, and go on."""
        path = f"/webhooks/{segment(webhook_id)}"
        return self._node.call("PATCH", path, wire.WebhookChange(paused=paused), wire.Webhook, again=True)

    def delete_webhook(self, webhook_id: str) -> None:
        """Tell that address nothing more."""
        self._node.send("DELETE", f"/webhooks/{segment(webhook_id)}")

    def deliveries(self, webhook_id: str | None = None, state: str | None = None) -> Iterator[wire.Delivery]:
        """What was sent or waits, newest first. `state`: waiting, held, taken or given_up."""
        return self._node.pages("/deliveries", wire.Page[wire.Delivery], webhook=webhook_id, state=state)

    def delivery(self, delivery_id: str) -> wire.DeliveryDetail:
        """One message, with what is sent and what was answered."""
        return self._node.get(f"/deliveries/{segment(delivery_id)}", wire.DeliveryDetail)

    def replay(self, delivery_id: str) -> wire.Delivery:
        """Send a message once more, under the same id."""
        return self._node.call("POST", f"/deliveries/{segment(delivery_id)}/replay", None, wire.Delivery)

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
        return self._node.call("POST", f"/projects/{segment(project_id)}/backends", new, wire.Backend)

    def backends(self, project_id: str) -> Iterator[wire.Backend]:
        """The backends of a project, oldest first."""
        return self._node.pages(f"/projects/{segment(project_id)}/backends", wire.Page[wire.Backend])

    def predict(self, backend_id: str) -> wire.Backend:
        """Begin to ask a backend about every open task that its model has not said anything of."""
        return self._node.call(
            "POST", f"/backends/{segment(backend_id)}/predict", None, wire.Backend, again=True
        )

    def train_backend(self, backend_id: str) -> None:
        """Tell a backend that it may train now."""
        self._node.send("POST", f"/backends/{segment(backend_id)}/train")

    def disconnect_backend(self, backend_id: str) -> None:
        """Ask a backend nothing more, and show no more of what it said."""
        self._node.send("DELETE", f"/backends/{segment(backend_id)}")

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
        given = self._node.call("POST", "/assignments/next", wanted, wire.Assignments, again=True).assignments
        if self._speaker.signer is not None:
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
        path = f"/assignments/{segment(assignment_id)}/submit"
        receipt = Receipt(self._node.call("POST", path, submission, wire.Submitted, again=True), self)
        self._places.pop(assignment_id, None)
        return receipt

    def _signed_answers(
        self, assignment_id: str, answers: Mapping[str, Any], seconds: float | None, revision: int | None
    ) -> wire.Signed | None:
        """The caller's statement about these answers; None without a key."""
        public: dict[str, int | str]
        public = {"ms": active_ms(seconds), "revision": (revision or 0) + 1, "slot": slot_of(assignment_id)}
        value = _sorted_json(dict(answers))
        return self._speaker.say("submitted", lambda: self._place(assignment_id), public, {"answers": value})

    def _place(self, assignment_id: str) -> tuple[str, int]:
        """Where an assignment's lease stands."""
        known = self._places.get(assignment_id)
        return known or self._node.get(f"/assignments/{segment(assignment_id)}", wire.Assignment).place

    # -- erasure --------------------------------------------------------------------------------

    def erase_task(self, task_id: str, basis: Basis = "request") -> wire.ErasureReport:
        """Destroy a task's data and all that was said about them. For an owner; it cannot be taken back."""
        path = f"/tasks/{segment(task_id)}/erase"
        return self._node.call("POST", path, wire.Erasure(basis=basis), wire.ErasureReport)

    def erase_member(self, member_id: str, basis: Basis = "request") -> wire.ErasureReport:
        """Destroy who a member was; their answers stay, under a pseudonym. It cannot be taken back."""
        path = f"/members/{segment(member_id)}/erase"
        return self._node.call("POST", path, wire.Erasure(basis=basis), wire.ErasureReport)

    # -- signing keys ---------------------------------------------------------------------------

    def signing_with(self, path: str | os.PathLike[str] | None) -> Self:
        """This client, which signs with the key in this file from now on; None: as it did."""
        if path is not None:
            self._speaker.signer = Signer.open(Path(path))
        return self

    def signing_keys(self, organization_id: str | None = None) -> wire.SigningKeys:
        """The caller's keys, or those of an organization as a client of the exchange."""
        return self._speaker.keys(organization_id)

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
        return self._node.call("POST", "/signing-keys", wanted, wire.SigningKey)

    def _signed_key(self, keys: wire.SigningKeys, new: bytes) -> wire.Signed | None:
        """This client's own key vouches for a new one, where it is in force."""
        signer, own = self._speaker.signer, self._speaker.own(keys)
        if signer is None or own is None:
            return None
        public = {"key": key_id(keys.holder, new), "public": b64url(new)}
        return signer.say(keys.origin, keys.holder, "key-added", own.place, public)

    def revoke_signing_key(self, key_id: str, organization_id: str | None = None) -> wire.SigningKey:
        """From here on this key signs nothing."""
        wanted = wire.SigningKeyRevocation(organization_id=organization_id)
        return self._node.call("POST", f"/signing-keys/{segment(key_id)}/revoke", wanted, wire.SigningKey)

    def signing_policy(self) -> wire.SigningPolicy:
        """Which acts must be signed on this node."""
        return self._node.get("/signing-policy", wire.SigningPolicy)

    def set_signing_policy(
        self, kinds: Iterable[str], whose: Literal["holders", "everybody"] = "holders"
    ) -> wire.SigningPolicy:
        """Demand that acts of these kinds be signed: by whoever has a key, or by everybody. For an operator.

        Args:
            kinds: of entries, such as "reviewed"; an empty list demands no more than answers and waivers.
        """
        wanted = wire.SigningPolicy(kinds=list(kinds), whose=whose)
        return self._node.call("PUT", "/signing-policy", wanted, wire.SigningPolicy)

    def _organization(self, organization_id: str | None) -> str:
        """The organization that is meant where none is named: the caller's only one, else none."""
        memberships = self.session().memberships
        return organization_id or (memberships[0].organization_id if len(memberships) == 1 else "")

    def skip(self, assignment_id: str, reason: str = "") -> None:
        """Give an assignment back unanswered. The caller does not get its task again."""
        self._remark("skip", "skipped", assignment_id, reason)

    def flag(self, assignment_id: str, reason: str = "") -> None:
        """Mark the task for the manager. The assignment stays."""
        self._remark("flag", "flagged", assignment_id, reason)

    def _remark(self, act: str, kind: str, assignment_id: str, reason: str) -> None:
        public, private = {"slot": slot_of(assignment_id)}, {"reason": reason}
        signed = self._speaker.say(kind, lambda: self._place(assignment_id), public, private)
        path = f"/assignments/{segment(assignment_id)}/{act}"
        self._node.tell("POST", path, wire.Skip(reason=reason, signed=signed))

    def proof(self, stream: str, n: int, timeout: float = 30.0) -> str:
        """The `tlog-proof` of an entry, waited for.

        Raises:
            Unavailable: the entry was not in the log after `timeout` seconds.
        """
        path = f"/receipts/{segment(stream)}/{n}"
        limit = time.monotonic() + timeout
        while True:
            try:
                return self._node.send("GET", path).text
            except Unavailable:
                if time.monotonic() >= limit:
                    raise
            self._node.sleep(0.2)

    def receipts(self, after: str | None = None) -> Iterator[wire.Receipts]:
        """Receipts of all that the caller's organization asked for and had done, page by page.

        Args:
            after: of the last page that was read before; None for everything.
        """
        while True:
            query = f"?{urlencode({'after': after})}" if after else ""
            page = self._node.get(f"/receipts{query}", wire.Receipts)
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
        path = f"/projects/{segment(project_id)}/tasks/actions"
        ids = None if task_ids is None else list(task_ids)
        wanted = wire.TaskAction(
            action="review", task_ids=ids, filter=None if filter is None else dict(filter)
        )
        sent = 0
        while True:
            report = self._node.call("POST", path, wanted, wire.ActionReport)
            sent += report.changed
            if report.next is None:
                return sent
            wanted = msgspec.structs.replace(wanted, after=report.next)

    def next_review(self, project_id: str) -> wire.Review | None:
        """The caller's review to do now, or None when there is nothing. A live review is given again."""
        path = f"/projects/{segment(project_id)}/reviews/next"
        return self._node.call("POST", path, None, wire.NextReview, again=True).review

    def review(self, review_id: str) -> wire.Review:
        """A review: the caller's own, or a decided one."""
        return self._node.get(f"/reviews/{segment(review_id)}", wire.Review)

    def reviews(self, project_id: str) -> Iterator[wire.ReviewRow]:
        """The project's decided reviews, newest first."""
        return self._node.pages(f"/projects/{segment(project_id)}/reviews", wire.Page[wire.ReviewRow])

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
        if self._speaker.signer is not None:
            word = msgspec.structs.replace(word, signed=self._signed_review(review_id, word))
        path = f"/reviews/{segment(review_id)}/decide"
        return self._node.call("POST", path, word, wire.Review, again=True)

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
        return self._speaker.say("reviewed", lambda: review.place, public, private)

    def judgements(
        self, project_id: str | None = None, outcome: Literal["accepted", "fixed", "returned"] | None = None
    ) -> Iterator[wire.Judgement]:
        """What reviews said of the caller's own answers, newest first."""
        return self._node.pages("/judgements", wire.Page[wire.Judgement], project=project_id, outcome=outcome)

    def appeal(self, assignment_id: str, text: str) -> wire.AppealState:
        """Appeal the newest judgement of one of the caller's own answers, once. Somebody else decides."""
        path = f"/assignments/{segment(assignment_id)}/appeal"
        signed = self._speaker.say("appealed", lambda: self._judged(assignment_id), {}, {"text": text})
        return self._node.call("POST", path, wire.NewAppeal(text=text, signed=signed), wire.AppealState)

    def _judged(self, assignment_id: str) -> tuple[str, int]:
        """Where the caller's answer stands that was judged last."""
        newest = next(
            self._node.pages("/judgements", wire.Page[wire.Judgement], assignment=assignment_id), None
        )
        if newest is None:
            raise Refused("appeal.none", "No review has judged this answer.", "assignment")
        return newest.place

    def appeals(
        self, project_id: str, state: Literal["open", "upheld", "rejected"] | None = None
    ) -> Iterator[wire.Appeal]:
        """The project's appeals, oldest first. Texts are there for whoever answers them."""
        path = f"/projects/{segment(project_id)}/appeals"
        return self._node.pages(path, wire.Page[wire.Appeal], state=state)

    def decide_appeal(
        self, appeal_id: str, decision: Literal["uphold", "reject"], text: str = ""
    ) -> wire.Appeal:
        """Say who is right. Upheld, the annotator's answer stands; to reject needs a reason."""
        answer = wire.AppealDecision(decision=decision, text=text)
        if self._speaker.signer is not None:
            appeal = self._node.get(f"/appeals/{segment(appeal_id)}", wire.Appeal)
            said = {"decision": "upheld" if decision == "uphold" else "rejected", "text": text}
            signed = self._speaker.say("appeal-decided", lambda: appeal.place, {"slot": appeal.slot}, said)
            answer = msgspec.structs.replace(answer, signed=signed)
        return self._node.call("POST", f"/appeals/{segment(appeal_id)}/decide", answer, wire.Appeal)

    # -- data out -------------------------------------------------------------------------------

    def tasks(
        self, project_id: str, status: str | None = None, search: str | None = None
    ) -> Iterator[wire.Task]:
        """Every task with its data, annotations and consensus, in the order of their ids."""
        path = f"/projects/{segment(project_id)}/tasks/full"
        return self._node.pages(path, wire.Page[wire.Task], status=status, search=search)

    def act_on_tasks(
        self,
        project_id: str,
        action: Literal["withdraw", "restore", "prioritise", "unflag", "review"],
        task_ids: Iterable[str],
        priority: int = 0,
    ) -> int:
        """Withdraw, restore, put first, unflag or send to review; how many tasks that changed."""
        wanted = wire.TaskAction(action=action, task_ids=list(task_ids), priority=priority)
        path = f"/projects/{segment(project_id)}/tasks/actions"
        return self._node.call("POST", path, wanted, wire.ActionReport, again=True).changed

    def task(self, task_id: str) -> wire.Task:
        """One task with its data, annotations and consensus."""
        return self._node.get(f"/tasks/{segment(task_id)}", wire.Task)

    def quality(self, project_id: str, read: bool = True) -> wire.Quality:
        """Of each question the agreement and each annotator's skill with intervals, the confusion of classes,
        hard tasks and likely errors; and the forecast.

        Args:
            read: let the node read all answers first, and wait until it has; else the newest reading.

        Raises:
            Unavailable: the reading failed.
        """
        path = f"/projects/{segment(project_id)}/quality"
        if not read:
            return self._node.get(path, wire.Quality)
        found = self._node.call("POST", path, None, wire.Quality)
        for pause in pauses():
            if found.state != "running":
                break
            self._node.sleep(pause)
            found = self._node.get(path, wire.Quality)
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
        check_free(target, replace)
        new = wire.NewExport(
            format=format, since=since, accept_loss=accept_loss, surplus=surplus, options=dict(options or {})
        )
        job = self._node.call("POST", f"/projects/{segment(project_id)}/exports", new, wire.Export)
        job = self._wait_for_export(job, on_progress or _silent)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
            manifest = self._download(job, Path(scratch) / "new")
            put_in_place(Path(scratch) / "new", target, Path(scratch) / "old")
        return manifest

    # -- shares for other nodes -------------------------------------------------------------------

    def vkey(self) -> str:
        """The key of the node's ledger, one line, by which other nodes know it."""
        return self._node.log_key()

    def plan_shares(self, project_id: str, cap: float, partners: Iterable[wire.NewPartner]) -> wire.Plan:
        """Share a project's open tasks out to other nodes, so that no control group sees more than `cap`.

        Args:
            cap: 0 to 1.
            partners: the nodes, each with its key and, where it is stated, whose it is.

        Raises:
            Refused: it is not possible; the reason says the numbers. Nothing was planned.
        """
        wanted = wire.NewPlan(cap=cap, partners=list(partners))
        return self._node.call("POST", f"/projects/{segment(project_id)}/shares", wanted, wire.Plan)

    def shares(self, project_id: str) -> list[wire.Share]:
        """The shares of a project: yours for others, or the one of another node that it is."""
        return self._node.get(f"/projects/{segment(project_id)}/shares", wire.Page[wire.Share]).items

    def write_letter(
        self, share_id: str, act: Literal["offer", "deliver", "recall", "deleted"], hours: int = 168
    ) -> wire.Written:
        """Write the next letter about a share; none when there is nothing to say."""
        wanted = wire.NewLetter(act=act, hours=hours)
        return self._node.call("POST", f"/shares/{segment(share_id)}/letters", wanted, wire.Written)

    def letter(self, share_id: str, seq: int) -> wire.Letter:
        """A letter again that the other node has not taken yet."""
        return self._node.get(f"/shares/{segment(share_id)}/letters/{seq}", wire.Letter)

    def take_letter(
        self,
        content: str,
        *,
        home: str = "",
        answer: Literal["", "accept", "decline"] = "",
        reason: str = "",
        organization_id: str | None = None,
    ) -> wire.Taken:
        """Take a letter of another node; its answer is in `letters`. The same again does nothing.

        Args:
            content: of the file.
            home: of a first offer: the key that is expected.
            answer: to an offer.
            reason: of declining.
        """
        wanted = wire.TakenLetter(
            content=content, home=home, answer=answer, reason=reason, organization_id=organization_id
        )
        return self._node.call("POST", "/letters", wanted, wire.Taken)

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
        job = self._node.call("POST", f"/projects/{segment(project_id)}/archive", new, wire.Export)
        job = self._wait_for_export(job, on_progress or _silent)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
            self._fetch(job, job.files[0], Path(scratch) / "new")
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
        path, tell = existing(Path(archive)), on_progress or _silent
        new = wire.NewRestore(bytes=path.stat().st_size, name=name, organization_id=organization_id)
        job = self._node.call("POST", "/restores", new, wire.Restore)
        job = self._node.send_file(f"/restores/{job.id}/file", path, job)
        return self._node.wait(f"/restores/{job.id}", job, lambda at: tell(at.replayed, at.events or None))

    def _wait_for_export(self, job: wire.Export, tell: Progress) -> wire.Export:
        return self._node.wait(f"/exports/{job.id}", job, lambda seen: tell(seen.tasks, seen.total))

    def _download(self, job: wire.Export, folder: Path) -> Manifest:
        """Fetch all files of an export and compare them with the manifest among them."""
        folder.mkdir()
        digests = {name: self._fetch(job, name, folder / inside(name)) for name in job.files}
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
        for file in manifest.files:
            if digests.get(file.name) != file.sha256:
                reason = f"{file.name} is not the file that the manifest names (SHA-256 differs)."
                raise Broken(
                    "export.digest", reason, file.name, "Export again; if it stays, run `evenhand doctor`."
                )
        return manifest

    def _fetch(self, job: wire.Export, name: str, target: Path) -> str:
        return self._node.fetch(f"/exports/{job.id}/files/{quote(name)}", target)


def _silent(done: int, total: int | None) -> None:
    """No progress is shown."""
