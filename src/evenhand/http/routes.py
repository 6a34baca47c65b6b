"""Every route of the interface, on one page. The dispatcher, the OpenAPI document and the tests read it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, get_type_hints

import msgspec

from evenhand import wire
from evenhand.blobs import MAX_BLOB
from evenhand.http import backends as backends_edge
from evenhand.http import catalogue, courier, evidence, people, transfer
from evenhand.http.call import Call
from evenhand.service import (
    allocation,
    api_keys,
    appeals,
    backends,
    brought,
    erasure,
    exchange,
    exports,
    gold,
    intake,
    invites,
    members,
    organizations,
    owners,
    pay,
    projects,
    qualification,
    quality,
    restores,
    review,
    shares,
    signing,
    submission,
    tasks,
    webhooks,
    work,
)

API = "/api/v1"
SMALL = 64 << 10  # bytes of a form that people fill in
MEDIUM = 4 << 20  # bytes of answers, project documents, corrected records
LARGE = 16 << 20  # bytes of one piece of an import, as the contract says
MEDIA = MAX_BLOB

Kind = Literal["read", "write", "edge"]
PASSED_OVER = frozenset({"after", "limit"})
"""Query parameters of every list; one that is always short does without them."""


class Route(msgspec.Struct, frozen=True, dict=True):
    """One method of one path.

    A `read` verb is called as ``verb(reader, actor, *path, body?, **query)``, a `write` verb as
    ``verb(tx, at, actor, *path, body?, *query)``; what follows path and body in its signature is the query.
    An `edge` handler is a coroutine that takes the `Call`.
    """

    method: str
    path: str  # below `API`; "{name}" stands for one segment
    kind: Kind
    verb: Callable[..., Any]
    takes: Any = None  # type of the body; None: none, or one that the edge handler reads itself
    gives: Any = None  # type of the answer; None: 204; str: a media type
    permission: str = ""  # that the verb asks for; "": only to be signed in; "public": not even that
    bytes: int = SMALL  # of the body at most
    sends: str = ""  # media type of a body that is not JSON
    query: dict[str, Any] = {}  # of an edge handler: name -> type; what may be None may be left out
    finish: Callable[[Any, Call], Any] | None = None  # last touch to the answer
    again: Callable[[Any], bool] | None = None  # whether the verb is called again once a window is drawn
    changes_people: bool = False  # who may do what may be another now

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The path's parameters."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @cached_property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """The query's parameters with their types, in the verb's order."""
        if self.kind == "edge":
            return tuple(
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    annotation=kind,
                    default=None if kind == str | None else inspect.Parameter.empty,
                )
                for name, kind in self.query.items()
            )
        return self._signature[self._before_path + len(self.names) + (self.takes is not None) :]

    @cached_property
    def path_types(self) -> tuple[Any, ...]:
        """Types of the path's parameters."""
        if self.kind == "edge":
            return tuple(str for _ in self.names)
        own = self._signature[self._before_path : self._before_path + len(self.names)]
        return tuple(parameter.annotation for parameter in own)

    @property
    def _before_path(self) -> int:
        return (1 if self.kind == "read" else 2) + (self.permission != "public")

    @cached_property
    def _signature(self) -> tuple[inspect.Parameter, ...]:
        hints = get_type_hints(self.verb)
        parameters = inspect.signature(self.verb).parameters.values()
        return tuple(parameter.replace(annotation=hints[parameter.name]) for parameter in parameters)

    @cached_property
    def query_type(self) -> type[msgspec.Struct]:
        """The query as a type: what is not in it is refused."""
        fields: list[Any] = [
            (p.name, p.annotation)
            if p.default is inspect.Parameter.empty
            else (p.name, p.annotation, p.default)
            for p in self.parameters
        ]
        if self.is_list:
            names = {p.name for p in self.parameters}
            fields += [(name, str | None, None) for name in sorted(PASSED_OVER - names)]
        return msgspec.defstruct(
            f"{self.method}{self.path}", fields, kw_only=True, forbid_unknown_fields=True
        )

    @property
    def is_list(self) -> bool:
        """Whether it gives a page of a list."""
        return getattr(self.gives, "__origin__", None) is wire.Page


def _absolute(name: str) -> Callable[[Any, Call], Any]:
    """Turn the path in this field of the answer into a link."""

    def finish(answer: Any, call: Call) -> Any:
        return msgspec.structs.replace(answer, **{name: call.base_url + getattr(answer, name)})

    return finish


def _with_widgets(form: wire.Form, call: Call) -> wire.Form:
    types = {question.type for question in form.document.questions}
    return msgspec.structs.replace(form, widgets=call.app.assets.widgets(types))


def _signed(answer: Any, call: Call) -> Any:
    """Put the node's signature into every letter of the answer."""
    if isinstance(answer, wire.Letter):
        text, _, rows = answer.content.partition("\n\n")
        content = call.app.node.sign_note(f"{text}\n").decode() + rows
        return msgspec.structs.replace(answer, content=content)
    if isinstance(answer, wire.Written):
        letter = answer.letter and _signed(answer.letter, call)
        return msgspec.structs.replace(answer, letter=letter)
    letters = [_signed(letter, call) for letter in answer.letters]
    return msgspec.structs.replace(answer, letters=letters)


# fmt: off
TABLE: tuple[Route, ...] = (
    # -- sign-in, people
    Route("GET", "/session", "edge", people.session, gives=wire.Session, permission="public"),
    Route("GET", "/session/options", "edge", people.options, gives=wire.SignInOptions,
          permission="public"),
    Route("POST", "/session", "edge", people.sign_in, takes=wire.SignIn, gives=wire.Session,
          permission="public"),
    Route("DELETE", "/session", "edge", people.sign_out, permission="public"),
    Route("POST", "/session/password", "edge", people.change_password, takes=wire.NewPassword,
          gives=wire.Session),
    Route("POST", "/session/link", "write", invites.create_link, takes=wire.NewLink, gives=wire.Link,
          finish=_absolute("url")),
    Route("GET", "/invites/{token}", "read", invites.get_invite, gives=wire.Invite, permission="public"),
    Route("POST", "/invites/{token}", "edge", people.accept, takes=wire.AcceptInvite, gives=wire.Session,
          permission="public"),
    Route("GET", "/organizations", "read", organizations.list_organizations,
          gives=wire.Page[wire.Organization], permission="organization.list"),
    Route("POST", "/organizations", "write", organizations.create_organization, takes=wire.NewOrganization,
          gives=wire.CreatedOrganization, permission="organization.create", finish=_absolute("owner_invite")),
    Route("GET", "/members", "read", members.list_members, gives=wire.Page[wire.Member],
          permission="member.list"),
    Route("POST", "/members", "write", members.create_member, takes=wire.NewMember,
          gives=wire.CreatedMember, permission="member.manage"),
    Route("PATCH", "/members/{member}", "write", members.change_member, takes=wire.MemberChange,
          gives=wire.Member, permission="member.manage", changes_people=True),
    Route("GET", "/invites", "read", invites.list_invites, gives=wire.Page[wire.Invite],
          permission="invite.list"),
    Route("POST", "/invites", "write", invites.create_invite, takes=wire.NewInvite,
          gives=wire.CreatedInvite, permission="member.manage", finish=_absolute("url")),
    Route("DELETE", "/invites/{invite}", "write", invites.revoke_invite, permission="invite.manage"),
    Route("GET", "/keys", "read", api_keys.list_keys, gives=wire.Page[wire.Key], permission="key.list"),
    Route("POST", "/keys", "write", api_keys.create_key, takes=wire.NewKey, gives=wire.CreatedKey,
          permission="key.manage"),
    Route("DELETE", "/keys/{key}", "write", api_keys.revoke_key, permission="key.manage",
          changes_people=True),
    Route("GET", "/signing-keys", "read", signing.list_, gives=wire.SigningKeys,
          permission="signing.manage"),
    Route("POST", "/signing-keys", "write", signing.add, takes=wire.NewSigningKey, gives=wire.SigningKey,
          permission="signing.manage"),
    Route("POST", "/signing-keys/{key}/revoke", "write", signing.revoke, takes=wire.SigningKeyRevocation,
          gives=wire.SigningKey, permission="signing.manage"),
    Route("GET", "/signing-policy", "read", signing.get_policy, gives=wire.SigningPolicy),
    Route("PUT", "/signing-policy", "write", signing.set_policy, takes=wire.SigningPolicy,
          gives=wire.SigningPolicy, permission="exchange.operate"),
    # -- erasure
    Route("POST", "/members/{member}/erase", "write", erasure.erase_member, takes=wire.Erasure,
          gives=wire.ErasureReport, permission="erasure.make", changes_people=True),
    Route("POST", "/tasks/{task}/erase", "write", erasure.erase_task, takes=wire.Erasure,
          gives=wire.ErasureReport, permission="erasure.make"),
    # -- label types and formats
    Route("GET", "/label-types", "edge", catalogue.label_types, gives=wire.Page[wire.LabelTypeInfo]),
    Route("GET", "/formats", "edge", catalogue.all_formats, gives=wire.Page[wire.FormatInfo]),
    # -- projects
    Route("GET", "/projects", "read", projects.list_, gives=wire.Page[wire.Project],
          permission="project.list"),
    Route("POST", "/projects", "write", projects.create, takes=wire.ProjectDraft, gives=wire.Project,
          permission="project.create", bytes=MEDIUM),
    Route("POST", "/projects/check", "read", projects.check, takes=wire.ProjectDraft, gives=wire.Form,
          permission="project.create", bytes=MEDIUM, finish=_with_widgets),
    Route("GET", "/projects/{project}", "read", projects.get, gives=wire.Project,
          permission="project.read"),
    Route("PATCH", "/projects/{project}", "write", projects.change, takes=wire.ProjectChange,
          gives=wire.Project, permission="project.manage", bytes=MEDIUM),
    Route("POST", "/projects/{project}/state", "write", projects.set_state, takes=wire.StateChange,
          gives=wire.Project, permission="project.manage"),
    Route("GET", "/projects/{project}/versions", "read", projects.versions,
          gives=wire.Page[wire.ProjectVersion], permission="project.read"),
    Route("GET", "/projects/{project}/versions/{version}/form", "read", projects.form, gives=wire.Form,
          permission="project.form", finish=_with_widgets),
    Route("GET", "/projects/{project}/progress", "read", projects.progress, gives=wire.Progress,
          permission="project.read"),
    # -- import, tasks
    Route("POST", "/projects/{project}/imports", "write", intake.open_import, takes=wire.NewImport,
          gives=wire.Import, permission="import.manage"),
    Route("GET", "/projects/{project}/imports", "read", intake.list_imports, gives=wire.Page[wire.Import],
          permission="import.manage"),
    Route("GET", "/imports/{import}", "read", intake.get_import, gives=wire.Import,
          permission="import.manage"),
    Route("POST", "/imports/{import}/rows", "edge", transfer.rows, gives=wire.RowsReport,
          permission="import.manage", bytes=LARGE, sends="application/x-ndjson", query={"line": int}),
    Route("PUT", "/imports/{import}/file", "edge", transfer.file_chunk, gives=wire.Import,
          permission="import.manage", bytes=LARGE, sends="application/octet-stream", query={"offset": int}),
    Route("POST", "/imports/{import}/finish", "edge", transfer.finish_import, gives=wire.Import,
          permission="import.manage"),
    Route("POST", "/projects/{project}/annotations", "write", brought.bring, takes=wire.BroughtAnnotations,
          gives=wire.BroughtReport, permission="import.manage", bytes=LARGE),
    Route("POST", "/projects/{project}/blobs", "edge", transfer.put_blob, gives=wire.Blob,
          permission="import.manage", bytes=MEDIA, sends="application/octet-stream"),
    Route("GET", "/projects/{project}/tasks", "read", tasks.list_, gives=wire.Page[wire.TaskRow],
          permission="task.read"),
    Route("GET", "/projects/{project}/tasks/full", "read", tasks.list_full, gives=wire.Page[wire.Task],
          permission="task.read"),
    Route("POST", "/projects/{project}/tasks/actions", "write", tasks.act, takes=wire.TaskAction,
          gives=wire.ActionReport, permission="task.manage", bytes=MEDIUM),
    Route("GET", "/tasks/{task}", "read", tasks.get, gives=wire.Task, permission="task.read"),
    Route("PATCH", "/tasks/{task}", "write", tasks.correct, takes=wire.TaskCorrection, gives=wire.Task,
          permission="task.manage", bytes=LARGE),
    Route("GET", "/tasks/{task}/media/{field}", "edge", transfer.medium, gives="application/octet-stream",
          permission="project.form"),
    # -- annotating
    Route("GET", "/work", "read", work.list_work, gives=wire.Page[wire.WorkProject]),
    Route("POST", "/assignments/next", "write", allocation.next_, takes=wire.NextAssignment,
          gives=wire.Assignments, permission="task.label", again=allocation.is_drawing),
    Route("GET", "/assignments/{assignment}", "read", work.get, gives=wire.Assignment,
          permission="task.label"),
    Route("POST", "/assignments/{assignment}/submit", "write", submission.submit, takes=wire.Submission,
          gives=wire.Submitted, permission="task.label", bytes=MEDIUM),
    Route("POST", "/assignments/{assignment}/skip", "write", work.skip, takes=wire.Skip,
          permission="task.label"),
    Route("POST", "/assignments/{assignment}/flag", "write", work.flag, takes=wire.Skip,
          permission="task.label"),
    Route("PUT", "/assignments/{assignment}/draft", "write", work.draft, takes=wire.DraftSave,
          gives=wire.DraftSaved, permission="task.label", bytes=MEDIUM),
    Route("POST", "/assignments/{assignment}/extend", "write", work.extend, gives=wire.Assignment,
          permission="task.label"),
    Route("GET", "/history", "read", work.history, gives=wire.Page[wire.HistoryRow]),
    Route("GET", "/neutrality", "edge", evidence.neutrality, gives=wire.Neutrality, permission="public"),
    Route("GET", "/receipts", "edge", evidence.list_receipts, gives=wire.Receipts, permission="receipt.list",
          query={"organization": str | None, "after": str | None}),
    Route("GET", "/receipts/{stream}/{n}", "edge", transfer.proof, gives="text/plain"),
    # -- gold and qualification
    Route("POST", "/projects/{project}/gold", "write", gold.mark, takes=wire.GoldMarks,
          gives=wire.ActionReport, permission="gold.manage", bytes=MEDIUM),
    Route("GET", "/projects/{project}/gold", "read", gold.overview, gives=wire.Gold, permission="gold.read"),
    Route("GET", "/projects/{project}/gold/tasks", "read", gold.list_, gives=wire.Page[wire.GoldTask],
          permission="gold.read"),
    Route("GET", "/projects/{project}/gold/openings", "read", gold.openings,
          gives=wire.Page[wire.GoldOpening], permission="gold.read"),
    Route("POST", "/projects/{project}/standings/{member}", "write", gold.change_standing,
          takes=wire.StandingChange, gives=wire.Gold, permission="gold.manage"),
    Route("GET", "/standings", "read", gold.mine, gives=wire.Page[wire.Standing]),
    Route("GET", "/projects/{project}/qualification", "read", qualification.get, gives=wire.Qualification,
          permission="task.label"),
    Route("POST", "/projects/{project}/qualification", "write", qualification.begin,
          gives=wire.Qualification, permission="task.label"),
    Route("POST", "/projects/{project}/qualification/answer", "write", qualification.answer,
          takes=wire.TestAnswer, gives=wire.TestFeedback, permission="task.label", bytes=MEDIUM),
    # -- review
    Route("POST", "/projects/{project}/reviews/next", "write", review.next_, gives=wire.NextReview,
          permission="task.review"),
    Route("GET", "/projects/{project}/reviews", "read", review.list_, gives=wire.Page[wire.ReviewRow],
          permission="review.read"),
    Route("GET", "/reviews/{review}", "read", review.get, gives=wire.Review, permission="review.read"),
    Route("POST", "/reviews/{review}/decide", "write", review.decide, takes=wire.ReviewDecision,
          gives=wire.Review, permission="task.review", bytes=MEDIUM),
    Route("GET", "/projects/{project}/appeals", "read", appeals.list_appeals, gives=wire.Page[wire.Appeal],
          permission="task.review"),
    Route("GET", "/appeals/{appeal}", "read", appeals.get_appeal, gives=wire.Appeal,
          permission="task.review"),
    Route("POST", "/appeals/{appeal}/decide", "write", appeals.decide_appeal, takes=wire.AppealDecision,
          gives=wire.Appeal, permission="task.review"),
    Route("GET", "/judgements", "read", appeals.list_mine, gives=wire.Page[wire.Judgement]),
    Route("POST", "/assignments/{assignment}/appeal", "write", appeals.appeal, takes=wire.NewAppeal,
          gives=wire.AppealState, permission="task.label"),
    # -- time and pay
    Route("GET", "/projects/{project}/pay", "read", pay.get, gives=wire.Pay, permission="pay.read"),
    Route("POST", "/projects/{project}/pay/statements", "write", pay.state, gives=wire.Pay,
          permission="pay.manage"),
    Route("GET", "/projects/{project}/pay/table", "edge", transfer.pay_table, gives="text/csv",
          permission="pay.read"),
    Route("GET", "/pay", "read", pay.mine, gives=wire.Page[wire.Due]),
    # -- quality
    Route("GET", "/projects/{project}/quality", "read", quality.get, gives=wire.Quality,
          permission="quality.read"),
    Route("POST", "/projects/{project}/quality", "edge", transfer.start_quality, gives=wire.Quality,
          permission="quality.read"),
    Route("GET", "/projects/{project}/quality/tasks", "read", quality.list_tasks,
          gives=wire.Page[wire.WorthALook], permission="quality.read"),
    Route("GET", "/quality", "read", quality.mine, gives=wire.Page[wire.OwnQuality]),
    # -- export
    Route("POST", "/projects/{project}/exports", "edge", transfer.start_export, takes=wire.NewExport,
          gives=wire.Export, permission="export.manage"),
    Route("POST", "/projects/{project}/exports/check", "read", exports.check, takes=wire.NewExport,
          gives=wire.ExportCheck, permission="export.manage"),
    Route("POST", "/projects/{project}/archive", "edge", transfer.start_archive, takes=wire.NewArchive,
          gives=wire.Export, permission="archive.manage"),
    Route("POST", "/restores", "write", restores.open_restore, takes=wire.NewRestore, gives=wire.Restore,
          permission="archive.restore"),
    Route("GET", "/restores", "read", restores.list_, gives=wire.Page[wire.Restore],
          permission="archive.restore"),
    Route("GET", "/restores/{restore}", "read", restores.get, gives=wire.Restore,
          permission="archive.restore"),
    Route("PUT", "/restores/{restore}/file", "edge", transfer.archive_chunk, gives=wire.Restore,
          permission="archive.restore", bytes=LARGE, sends="application/octet-stream", query={"offset": int}),
    Route("GET", "/projects/{project}/exports", "read", exports.list_, gives=wire.Page[wire.Export],
          permission="export.manage"),
    Route("GET", "/exports/{export}", "read", exports.get, gives=wire.Export, permission="export.manage"),
    Route("GET", "/exports/{export}/files/{name}", "edge", transfer.export_file,
          gives="application/octet-stream", permission="export.manage"),
    Route("GET", "/exports/{export}/zip", "edge", transfer.export_zip, gives="application/zip",
          permission="export.manage"),
    # -- shared pools
    Route("GET", "/shared-pools", "read", exchange.list_pools, gives=wire.Page[wire.SharedPool]),
    Route("POST", "/shared-pools", "write", exchange.open_pool, takes=wire.NewSharedPool,
          gives=wire.SharedPool, permission="exchange.operate"),
    Route("PUT", "/shared-pools/{pool}/terms", "write", exchange.change_terms, takes=wire.PoolTerms,
          gives=wire.SharedPool, permission="exchange.operate"),
    Route("GET", "/shared-pools/{pool}/clients", "read", exchange.list_clients,
          gives=wire.Page[wire.PoolClient]),
    Route("POST", "/shared-pools/{pool}/clients", "write", exchange.join, takes=wire.ClientTerms,
          gives=wire.PoolClient, permission="exchange.join"),
    Route("GET", "/shared-pools/{pool}/annotators", "read", exchange.list_annotators,
          gives=wire.Page[wire.PoolAnnotator]),
    Route("POST", "/shared-pools/{pool}/annotators", "write", exchange.enrol, takes=wire.Enrolment,
          gives=wire.PoolAnnotator, permission="exchange.join"),
    Route("POST", "/shared-pools/{pool}/waivers", "write", owners.waive, takes=wire.Waiver,
          gives=wire.Waiver, permission="ownership.own"),
    Route("POST", "/shared-pools/{pool}/overrides", "write", exchange.override, takes=wire.Override,
          permission="exchange.operate"),
    Route("GET", "/overrides", "read", exchange.list_overrides, gives=wire.Overrides),
    Route("GET", "/availability", "read", exchange.list_enrolments, gives=wire.Page[wire.PoolAvailability]),
    Route("PUT", "/availability/{pool}", "write", exchange.set_available, takes=wire.AvailabilityChange,
          gives=wire.PoolAvailability, permission="exchange.available"),
    Route("GET", "/pooled-projects", "read", exchange.list_pooled, gives=wire.Page[wire.PooledProject],
          permission="exchange.read"),
    Route("PUT", "/projects/{project}/pool", "write", exchange.pool_project, takes=wire.ProjectPool,
          gives=wire.PooledProject, permission="project.manage"),
    Route("GET", "/parties", "read", exchange.list_parties, gives=wire.Page[wire.Party]),
    Route("POST", "/parties/clients", "write", exchange.register_client, takes=wire.NewClient,
          gives=wire.Party, permission="exchange.operate"),
    Route("POST", "/parties/entities", "write", exchange.register_entity, takes=wire.NewEntity,
          gives=wire.Party, permission="exchange.operate"),
    Route("GET", "/policy", "read", exchange.get_policy, gives=wire.NodePolicy,
          permission="exchange.operate"),
    Route("PUT", "/policy", "write", exchange.set_policy, takes=wire.NodePolicy, gives=wire.NodePolicy,
          permission="exchange.operate"),
    # -- shares for other nodes
    Route("POST", "/projects/{project}/shares", "write", shares.plan, takes=wire.NewPlan, gives=wire.Plan,
          permission="share.manage"),
    Route("GET", "/projects/{project}/shares", "read", shares.list_, gives=wire.Page[wire.Share],
          permission="share.read"),
    Route("POST", "/shares/{share}/letters", "write", shares.write, takes=wire.NewLetter, gives=wire.Written,
          permission="share.manage", finish=_signed),
    Route("GET", "/shares/{share}/letters/{seq}", "read", shares.get_letter, gives=wire.Letter,
          permission="share.read", finish=_signed),
    Route("POST", "/letters", "write", shares.take, takes=wire.TakenLetter, gives=wire.Taken,
          permission="share.manage", bytes=2 * LARGE, finish=_signed),
    # -- ownership
    Route("GET", "/ownership", "read", owners.overview, gives=wire.Ownership, permission="exchange.read"),
    Route("GET", "/ownership/statements", "read", owners.statements, gives=list[dict[str, Any]],
          permission="exchange.operate"),
    Route("POST", "/ownership/statements", "write", owners.state, takes=wire.NewStatements,
          gives=wire.StatementsReport, permission="ownership.state", bytes=MEDIUM),
    Route("POST", "/ownership/holdings", "write", owners.hold, takes=wire.NewHolding,
          gives=wire.StatementsReport, permission="ownership.state"),
    Route("GET", "/rivals", "read", owners.get_rivals, gives=wire.Rivals, permission="ownership.state"),
    Route("PUT", "/rivals", "write", owners.set_rivals, takes=wire.Rivals, gives=wire.Rivals,
          permission="ownership.own"),
    # -- messages to other programs
    Route("GET", "/webhooks", "read", webhooks.list_, gives=wire.Page[wire.Webhook],
          permission="webhook.read"),
    Route("POST", "/projects/{project}/backends", "edge", backends_edge.connect, takes=wire.NewBackend,
          gives=wire.Backend, permission="project.manage"),
    Route("GET", "/projects/{project}/backends", "read", backends.list_, gives=wire.Page[wire.Backend],
          permission="project.read"),
    Route("POST", "/backends/{backend}/predict", "write", backends.predict, gives=wire.Backend,
          permission="project.manage"),
    Route("POST", "/backends/{backend}/train", "write", backends.train, permission="project.manage"),
    Route("DELETE", "/backends/{backend}", "write", backends.disconnect, permission="project.manage"),
    Route("POST", "/assignments/{assignment}/ask", "edge", backends_edge.ask, takes=wire.AskBackend,
          gives=wire.BackendSays, permission="task.label", bytes=MEDIUM),
    Route("POST", "/webhooks", "edge", courier.create, takes=wire.NewWebhook, gives=wire.CreatedWebhook,
          permission="webhook.manage"),
    Route("PATCH", "/webhooks/{webhook}", "write", webhooks.change, takes=wire.WebhookChange,
          gives=wire.Webhook, permission="webhook.manage"),
    Route("DELETE", "/webhooks/{webhook}", "write", webhooks.delete, permission="webhook.manage"),
    Route("GET", "/deliveries", "read", webhooks.deliveries, gives=wire.Page[wire.Delivery],
          permission="webhook.read"),
    Route("GET", "/deliveries/{delivery}", "read", webhooks.delivery, gives=wire.DeliveryDetail,
          permission="webhook.read"),
    Route("POST", "/deliveries/{delivery}/replay", "write", webhooks.replay, gives=wire.Delivery,
          permission="webhook.manage"),
    Route("GET", "/callback-key", "read", webhooks.callback_key, gives=wire.CallbackKey,
          permission="webhook.manage"),
    Route("PUT", "/callback-key", "write", webhooks.set_callback_key, takes=wire.CallbackKey,
          gives=wire.CallbackKey, permission="webhook.manage"),
)
# fmt: on
