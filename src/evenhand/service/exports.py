"""Export: a folder with data files, a manifest and a README; written by a job, whole or not at all."""

from __future__ import annotations

import csv
import io
import shutil
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from evenhand import __version__, formats, wire
from evenhand.blobs import Blobs
from evenhand.core import merkle
from evenhand.core.errors import EvenhandError, Missing
from evenhand.core.events import Moment, Released
from evenhand.core.intake import split
from evenhand.core.policy import Actor
from evenhand.core.project import RESERVED, Document, Form
from evenhand.core.release import (
    About,
    Manifest,
    ReleasedAnnotation,
    ReleasedAnswer,
    ReleasedFile,
    ReleasedQuestion,
    ReleasedReceipt,
    ReleasedReview,
    ReleasedTask,
    ReleaseSchema,
    Survey,
    dump_manifest,
    readme,
)
from evenhand.formats.output import Output
from evenhand.formats.outward import Along, Outward, Stored
from evenhand.lane import Lane
from evenhand.service.adaptive import newest, probabilities
from evenhand.service.ids import new_id
from evenhand.service.quality import agreement_of, skills_of
from evenhand.service.view import (
    decode_json,
    encode_json,
    failure,
    form_of,
    open_to,
    project_row,
    task_id,
    when,
)
from evenhand.store import Reader, Transaction
from evenhand.store.codec import answers_of

CHUNK = 2_000  # tasks read at once

_consensus = msgspec.json.Decoder(dict[str, ReleasedAnswer]).decode
_encode = msgspec.json.Encoder().encode
T = TypeVar("T")

_EMPTY = msgspec.Raw(b"{}")


class Settings(msgspec.Struct, frozen=True):
    """What an export was asked for."""

    format: str
    since: str | None = None
    accept_loss: bool = False
    surplus: bool = False
    options: dict[str, Any] = {}


_settings = msgspec.json.Decoder(Settings).decode


def settings_of(row: dict[str, Any]) -> Settings:
    """What the export in this row was asked for."""
    return _settings(row["settings"])


def start(tx: Transaction, at: Moment, actor: Actor, project: str, request: wire.NewExport) -> wire.Export:
    """Begin an export; `run` writes it."""
    row = project_row(tx, actor, project, "export.manage")
    open_to(tx, actor, row)
    formats.write_options(formats.find(request.format), request.options)
    if request.since is not None and _row(tx, actor, request.since)["project"] != project:
        raise Missing("not-found", "There is no such export of this project.", "since")
    settings = Settings(request.format, request.since, request.accept_loss, request.surplus, request.options)
    return get(tx, actor, begin(tx, at, row, settings))


def begin(tx: Transaction, at: Moment, project: dict[str, Any], settings: Settings) -> str:
    """Note that an export of this project is to be written; its id."""
    id_ = new_id("exp")
    tx.run(
        "put_export",
        organization=project["organization"],
        project=project["id"],
        id=id_,
        settings=encode_json(settings),
        total=project["tasks"],
        at=at.ms,
    )
    return id_


CHECKED = 10_000  # tasks whose data a check looks at: a page waits for it


def check(reader: Reader, actor: Actor, project: str, request: wire.NewExport) -> wire.ExportCheck:
    """What an export would lose. Nothing is written.

    Raises:
        Invalid: the format has no such option, or cannot do what it says.
    """
    row = project_row(reader, actor, project, "export.manage")
    open_to(reader, actor, row)
    kind = formats.find(request.format)
    options = formats.write_options(kind, {**request.options, "accept_loss": request.accept_loss})
    form = form_of(reader, row["organization"], project, row["version"])
    about = {"organization": row["organization"], "project": project}
    schema = _schema(reader, about, form, kind.surveys, CHECKED)
    lost = [] if request.accept_loss else kind.unasked_loss(schema, options)
    whole = not kind.surveys or row["next_task"] - 1 <= CHECKED
    return wire.ExportCheck(
        lost=[wire.Lost(part=one.part, where=one.where, reason=one.reason) for one in lost], whole=whole
    )


def _row(reader: Reader, actor: Actor, export: str) -> dict[str, Any]:
    row = reader.one("export", id=export)
    if row is None:
        raise Missing("not-found", "There is no such export, or you may not see it.", export)
    open_to(reader, actor, project_row(reader, actor, row["project"], "export.manage"))
    return row


def get(reader: Reader, actor: Actor, export: str) -> wire.Export:
    """How far an export is, and its files when it is done."""
    return _wire(_row(reader, actor, export))


def _wire(row: dict[str, Any]) -> wire.Export:
    return wire.Export(
        id=row["id"],
        project_id=row["project"],
        format=_settings(row["settings"]).format,
        state=row["state"],
        tasks=row["written"],
        total=row["total"],
        error=msgspec.json.decode(row["error"], type=wire.Problem) if row["error"] else None,
        created_at=when(row["created_ms"]),
        files=decode_json(row["files"]),
    )


def list_(reader: Reader, actor: Actor, project: str) -> wire.Page[wire.Export]:
    """The project's exports, newest first."""
    row = project_row(reader, actor, project, "export.manage")
    rows = reader.all("exports", organization=row["organization"], project=project)
    return wire.Page(items=[_wire(r) for r in rows])


def file_path(reader: Reader, actor: Actor, export: str, name: str, folder: Path) -> Path:
    """Where a file of a finished export is. Only the names that the export lists are served.

    Args:
        folder: of all exports.
    """
    row = _row(reader, actor, export)
    if row["state"] != "done" or name not in decode_json(row["files"]):
        raise Missing("not-found", "There is no such file in this export.", name)
    return folder / export / name


def running(reader: Reader) -> list[tuple[str, bytes]]:
    """(id, settings) of exports that a stop has interrupted, to be written again at start."""
    return reader.tuples("running_exports")


def format_of(settings: bytes) -> str:
    """The format that an export was asked for in."""
    return _settings(settings).format


# ---- the job -----------------------------------------------------------------------------------


def run(
    lane: Lane, export: str, folder: Path, checkpoint: Callable[[], str | None], blobs: Blobs | None = None
) -> None:
    """Write an export into ``folder/<export>``.

    Args:
        folder: of all exports.
        checkpoint: the newest signed checkpoint of the ledger, once it covers what was read.
        blobs: the media that are stored; None: there are none.
    """

    def write(row: dict[str, Any], work: Path) -> Done:
        manifest, upto = _write(lane, row, work, checkpoint, blobs)
        return lambda tx, at: _done(tx, at, row, manifest, upto)

    whole(lane, export, folder, write)


Done = Callable[[Transaction, Moment], None]  # the verb that notes the end of an export


def whole(lane: Lane, export: str, folder: Path, write: Callable[[dict[str, Any], Path], Done]) -> None:
    """Have an export written into ``folder/<export>``: whole, or not at all and with the reason.

    Args:
        write: puts the files of the export in this row into this folder; gives what notes the end.
    """
    with lane.store.read() as reader:
        row = reader.one("export", id=export)
    if row is None or row["state"] != "running":
        return
    target, work = folder / export, folder / f"{export}.part"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        done = write(row, work)
        shutil.rmtree(target, ignore_errors=True)
        work.rename(target)
        lane.call(done)
    except EvenhandError as error:
        shutil.rmtree(work, ignore_errors=True)
        lane.call(_failed, export, error)


def _done(tx: Transaction, at: Moment, row: dict[str, Any], manifest: Manifest, upto: int) -> None:
    count = manifest.counts["tasks"]
    event = Released(
        stream=row["project"], owner=row["organization"], count=count, manifest=dump_manifest(manifest)
    )
    tx.append([event], at)
    names = [file.name for file in manifest.files] + ["manifest.json", "README.md"]
    tx.run(
        "finish_export",
        id=row["id"],
        state="done",
        written=count,
        upto=upto,
        files=encode_json(names),
        error=None,
    )


def _failed(tx: Transaction, at: Moment, export: str, error: EvenhandError) -> None:
    """Note why an export came to nothing."""
    tx.run(
        "finish_export",
        id=export,
        state="failed",
        written=0,
        upto=0,
        files=b"[]",
        error=failure(error, "Export failed"),
    )


def _write(
    lane: Lane,
    row: dict[str, Any],
    folder: Path,
    checkpoint: Callable[[], str | None],
    blobs: Blobs | None,
) -> tuple[Manifest, int]:
    """Write all files from one snapshot; the manifest, and the newest event that the snapshot shows."""
    settings = _settings(row["settings"])
    kind = formats.find(settings.format)
    options = formats.write_options(kind, {**settings.options, "accept_loss": settings.accept_loss})
    with lane.store.read() as reader, lane.store.read() as media:
        project = reader.one("project", project=row["project"])
        assert project is not None, "an export follows its project"
        upto: int = reader.tuples("max_seq")[0][0]
        form = form_of(reader, row["organization"], row["project"], project["version"])
        schema = _schema(reader, row, form, kind.surveys)
        lost = kind.loss(schema, options)
        since = _since(reader, settings.since)
        tasks = rows(reader, row["organization"], row["project"], since, settings.surplus)
        along = _along(media, row["organization"], kind, options, folder, blobs)
        surplus = _surplus(reader, row, since) if project["surplus"] else 0
        counts, files = _filled(
            kind.write(schema, folder, options),
            tasks,
            along,
            lambda written: lane.call(progress, row["id"], written),
        )
        people = _people(reader, row, folder) if not isinstance(kind, Outward) else ()
    manifest = Manifest(
        format=kind.name,
        counts=counts | ({"surplus": surplus} if surplus else {}),
        files=files + people,
        checkpoint=checkpoint(),
        lost=lost,
        since=settings.since,
        project=row["project"],
        version=project["version"],
        software=f"evenhand {__version__}",
        surplus=("marked" if settings.surplus else "left out") if surplus else "none",
    )
    (folder / "manifest.json").write_bytes(dump_manifest(manifest))
    text = readme(manifest, form.document.name, kind.guide + (PEOPLE if people else ""))
    (folder / "README.md").write_text(kind.card(schema) + text, encoding="utf-8")
    return manifest, upto


def _filled(
    writer: formats.Writer,
    tasks: Generator[ReleasedTask],
    along: Along | None,
    tell: Callable[[int], None],
) -> tuple[dict[str, int], tuple[ReleasedFile, ...]]:
    """Write all tasks, and their media along; how many there were, and the files.

    Args:
        tell: hears every now and then how many tasks are written.
    """
    counts = {"tasks": 0, "annotations": 0}
    with writer, _dropped_unless_kept(along), closing(tasks):
        for task in tasks:
            writer.add(task)
            if along is not None:
                along.add(task)
            counts["tasks"] += 1
            counts["annotations"] += len(task.annotations)
            if counts["tasks"] % 20_000 == 0:
                tell(counts["tasks"])
        files = writer.close()
        return counts, files if along is None else files + along.close()


def _along(
    reader: Reader,
    organization: str,
    kind: formats.Format,
    options: formats.WriteOptions,
    folder: Path,
    blobs: Blobs | None,
) -> Along | None:
    """What takes the stored media along; None where the format has no place for them, or none are wanted."""
    if kind.beside is None or not options.media or blobs is None:
        return None

    def read(digest: str) -> Stored | None:
        row = reader.one("blob", organization=organization, sha256=digest)
        if row is None:
            return None
        return Stored(row["type"], row["bytes"], blobs.read(organization, digest, 0, row["bytes"]))

    return Along(folder, kind.beside, read)


@contextmanager
def _dropped_unless_kept(along: Along | None) -> Iterator[None]:
    """Removes half an archive of media when the export fails."""
    try:
        yield
    finally:
        if along is not None:
            along.drop()


def progress(tx: Transaction, at: Moment, export: str, written: int) -> None:
    """Note how many tasks are written."""
    tx.run("export_progress", id=export, written=written)


PEOPLE = """
## `annotators.csv`

How good each annotator's answers to each question are, by the newest reading of the project's quality
(`as_of`): `labels` that it rests on, `skill` (0 to 1) and its 95% interval `low` to `high`. Where `basis` is
`model`, skill is the probability that an answer is right; where it is `agreement`, how near their answers are
to others'.
"""


def _people(reader: Reader, row: dict[str, Any], folder: Path) -> tuple[ReleasedFile, ...]:
    """Who answered how well, beside a format that carries who answered what; nothing without a reading."""
    found = skills_of(reader, row["organization"], row["project"])
    if not found:
        return ()
    kinds = dict(reader.tuples("release_members", organization=row["organization"]))
    text = io.StringIO()
    table = csv.DictWriter(text, ["annotator", "kind", *list(found[0])[1:]])
    table.writeheader()
    table.writerows({**one, "kind": kinds.get(one["annotator"], "")} for one in found)
    file = Output(folder / "annotators.csv")
    file.write(text.getvalue().encode())
    return (file.keep(),)


def _since(reader: Reader, since: str | None) -> int:
    """The newest event that the earlier export took in; 0 for everything."""
    row = reader.one("export", id=since) if since else None
    return int(row["upto_seq"]) if row else 0


def _surplus(reader: Reader, row: dict[str, Any], since: int) -> int:
    """How many surplus annotations there are to tell of."""
    keys = {"organization": row["organization"], "project": row["project"]}
    return int(reader.tuples("release_surplus", **keys, since=since)[0][0])


def _schema(
    reader: Reader, row: dict[str, Any], form: Form, surveys: bool, most: int | None = None
) -> ReleaseSchema:
    """What the rows look like.

    Args:
        surveys: the columns of the data are asked for, which takes a pass over all of them.
        most: tasks that it looks at; None: all.
    """
    survey, predicted = Survey(), False
    chunks = _chunks(reader, row["organization"], row["project"]) if surveys else iter(())
    for chunk in _ahead(chunks) if most is None else islice(chunks, most // CHUNK):
        for _, _, record, mapping, _ in chunk:
            survey.add(_encode(split(record, mapping)[0]) if len(mapping) > 2 else record, RESERVED)
            predicted = predicted or bool(_predictions(record, mapping))
    asked = {question.id: question for question in form.document.questions}
    questions = tuple(
        ReleasedQuestion(id=q, label=label, title=asked[q].title, required=asked[q].required)
        for q, label in form.labels.items()
    )
    keys = {"organization": row["organization"], "project": row["project"]}
    reviewed = bool(reader.tuples("review_counts", **keys))
    return ReleaseSchema(
        columns=survey.columns(),
        questions=questions,
        reviewed=reviewed,
        predicted=predicted,
        weighed=newest(reader, **keys) is not None,
        about=_about(reader, keys, form.document),
        shows={field.name: str(field.type) for field in form.document.fields},
    )


def _predictions(record: bytes, mapping: bytes) -> tuple[Any, ...]:
    """What the record says that models answer. Entries of another shape are left out: no page shows them."""
    if len(mapping) <= 2 and b'"predictions"' not in record:
        return ()
    _, reserved = split(record, mapping)
    said = decode_json(reserved["predictions"]) if "predictions" in reserved else None
    listed = said if isinstance(said, list) else []
    return tuple(one for one in listed if isinstance(one, dict) and isinstance(one.get("answers"), dict))


def _about(reader: Reader, keys: dict[str, str], document: Document) -> About:
    who = reader.tuples("release_annotators", **keys)
    return About(
        name=document.name,
        instructions=document.instructions,
        questions=tuple(question.title for question in document.questions),
        overlap=document.overlap,
        people=sum(kind == "human" for kind, _, _ in who),
        models=tuple(name or "unnamed" for kind, name, _ in who if kind == "model"),
        annotations=sum(count for _, _, count in who),
        agreement=agreement_of(reader, **keys),
        software=f"Evenhand {__version__}",
    )


def _chunks(reader: Reader, organization: str, project: str) -> Iterator[list[tuple[Any, ...]]]:
    """(number, round, record, mapping, external id) of all tasks that are not withdrawn, in chunks."""
    after = 0
    while True:
        rows = reader.tuples(
            "release_tasks", organization=organization, project=project, after=after, upto=after + CHUNK
        )
        if rows:
            yield rows
        elif not reader.tuples(
            "release_more", organization=organization, project=project, after=after + CHUNK
        ):
            return
        after += CHUNK


def rows(
    reader: Reader, organization: str, project: str, since: int = 0, surplus: bool = False
) -> Generator[ReleasedTask]:
    """All tasks with what is known about them.

    Args:
        since: only those answered or corrected after this event.
        surplus: with the annotations outside the overlap, marked.
    """
    also = "surplus" if surplus else "submitted"
    reviewed = bool(reader.tuples("review_counts", organization=organization, project=project))
    told = _with_probabilities(reader, organization, project)
    kinds = dict(reader.tuples("release_members", organization=organization))
    for stretch in _ahead(_stretches(reader, organization, project, since, also, reviewed)):
        annotations: dict[int, list[ReleasedAnnotation]] = defaultdict(list)
        ids: dict[int, list[str]] = defaultdict(list)
        rounds = {n: round_ for n, round_, _, _, _ in stretch.tasks}
        for row in stretch.annotations:
            if rounds.get(row[0]) == row[1]:
                annotations[row[0]].append(_annotation(row, kinds[row[2]]))
                if reviewed:
                    ids[row[0]].append(row[9])
        reviews = _reviews(stretch, ids)
        for n, _, record, mapping, external_id in stretch.tasks:
            if stretch.changed is None or n in stretch.changed:
                conclusion = stretch.conclusions.get(n)
                task = _task(project, n, record, mapping, external_id, conclusion, annotations.get(n, ()))
                task = told(task) if told else task
                yield msgspec.structs.replace(task, review=reviews[n]) if n in reviews else task


def _with_probabilities(
    reader: Reader, organization: str, project: str
) -> Callable[[ReleasedTask], ReleasedTask] | None:
    """What gives a task's answers their probabilities by the newest weighing; None where there is none."""
    likely = probabilities(reader, organization, project)
    if likely is None:
        return None

    def told(task: ReleasedTask) -> ReleasedTask:
        counted = [
            (one.annotator, _decode_answers(one.answers)) for one in task.annotations if not one.surplus
        ]
        now = {name: (one.method, msgspec.json.decode(one.value)) for name, one in task.consensus.items()}
        found = {
            question: msgspec.structs.replace(task.consensus[question], probabilities=known)
            for question, known in likely(counted, now).items()
        }
        return msgspec.structs.replace(task, consensus={**task.consensus, **found})

    return told


_decode_answers = msgspec.json.Decoder(dict[str, Any]).decode


class _Stretch(NamedTuple):
    """What the store has of some tasks in a row."""

    tasks: list[tuple[Any, ...]]
    changed: set[int] | None  # the tasks that are wanted; None: all
    annotations: list[tuple[Any, ...]]
    conclusions: dict[int, bytes]
    judgements: list[tuple[Any, ...]]
    reviews: list[tuple[Any, ...]]


def _stretches(
    reader: Reader, organization: str, project: str, since: int, also: str, reviewed: bool
) -> Iterator[_Stretch]:
    """All tasks as the store has them, a chunk at a time."""
    for chunk in _chunks(reader, organization, project):
        keys = {
            "organization": organization,
            "project": project,
            "first": chunk[0][0],
            "last": chunk[-1][0],
        }
        changed = reader.tuples("release_changed", **keys, since=since, also=also) if since else None
        yield _Stretch(
            tasks=chunk,
            changed=None if changed is None else {n for (n,) in changed},
            annotations=reader.tuples("release_annotations", **keys, also=also),
            conclusions=dict(reader.tuples("release_consensus", **keys)),
            judgements=reader.tuples("release_judgements", **keys) if reviewed else [],
            reviews=reader.tuples("release_reviews", **keys) if reviewed else [],
        )


def _ahead(read: Iterator[T]) -> Iterator[T]:
    """The same, each read by a thread while the one before it is worked on.

    The reader that it reads from serves nobody else until this is at its end or closed.
    """
    with ThreadPoolExecutor(1, "export") as thread:
        coming = thread.submit(next, read, None)
        while (one := coming.result()) is not None:
            coming = thread.submit(next, read, None)
            yield one


def _reviews(stretch: _Stretch, ids: dict[int, list[str]]) -> dict[int, ReleasedReview]:
    """task -> its newest review, of the tasks in this stretch whose data are still those reviewed."""
    outcomes: dict[str, dict[str, str]] = defaultdict(dict)
    for review, assignment, outcome in stretch.judgements:
        outcomes[review][assignment] = outcome
    return {
        n: ReleasedReview(
            reviewer=member,
            decision=decision,
            decided_at=when(closed_ms),
            outcomes=tuple(outcomes[review].get(id_, "") for id_ in ids[n]),
        )
        for n, review, member, decision, closed_ms in stretch.reviews
    }


def _task(
    project: str,
    n: int,
    record: bytes,
    mapping: bytes,
    external_id: str | None,
    conclusion: bytes | None,
    annotations: Sequence[ReleasedAnnotation],
) -> ReleasedTask:
    data, reserved = split(record, mapping)
    metadata = reserved.get("metadata", _EMPTY)
    return ReleasedTask(
        task_id=task_id(project, n),
        external_id=external_id,
        data=msgspec.Raw(_encode(data) if reserved or len(mapping) > 2 else record),
        metadata=_EMPTY if bytes(metadata) == b"null" else metadata,
        consensus=_consensus(conclusion) if conclusion else {},
        annotations=tuple(annotations),
        predictions=_predictions(record, mapping),
    )


def _annotation(row: tuple[Any, ...], kind: str) -> ReleasedAnnotation:
    _, _, member, ms, closed_ms, stream, n, entry, body, _, state = row
    leaf = msgspec.to_builtins(merkle.leaf_hash(entry))
    return ReleasedAnnotation(
        annotator=member,
        kind=kind,
        answers=msgspec.Raw(answers_of(body)),
        seconds=ms / 1000 if ms >= 0 else None,
        submitted_at=when(closed_ms),
        receipt=ReleasedReceipt(stream=stream, n=n, leaf=leaf),
        surplus=state == "surplus",
    )
