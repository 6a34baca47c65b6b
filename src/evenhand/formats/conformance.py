"""What every format keeps, as checks that run on any of them, built in or not.

A test of a new format is ``check(MyFormat(), questions, folder)``, or one test for each of `CHECKS`. A
check raises AssertionError with a sentence about what is not kept. The questions come from the caller,
so that formats and label types stay strangers here as well.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import re
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from evenhand.core import record
from evenhand.core.errors import Invalid, Refused
from evenhand.core.release import (
    ReleasedAnnotation,
    ReleasedAnswer,
    ReleasedQuestion,
    ReleasedReceipt,
    ReleasedReview,
    ReleasedTask,
    ReleaseSchema,
    Survey,
)
from evenhand.formats import (
    Format,
    ReadOptions,
    Rejected,
    Row,
    WriteOptions,
    choose,
    read_options,
    write_options,
)

MANY = 200_000  # rows of the memory check
GROWTH = 48 * 2**20  # bytes that memory may grow by while most of them go by; all of them are 130 MB


def check_outward(kind: Format, questions: Sequence[ReleasedQuestion], folder: Path) -> None:
    """Run every check of a format that is written and not read.

    Raises:
        AssertionError: one of them fails.
    """
    for one in OUTWARD_CHECKS:
        inner = folder / one.__name__
        inner.mkdir()
        one(Subject(kind, tuple(questions), inner))


@dataclass(frozen=True)
class Subject:
    """A format with all that its checks need."""

    kind: Format
    questions: tuple[ReleasedQuestion, ...]
    folder: Path  # empty, and nobody else's

    def sub(self, name: str) -> Path:
        """A new, empty folder."""
        folder = self.folder / name
        folder.mkdir()
        return folder


def check(kind: Format, questions: Sequence[ReleasedQuestion], folder: Path) -> None:
    """Run every check.

    Raises:
        AssertionError: one of them fails.
    """
    for one in CHECKS:
        inner = folder / one.__name__
        inner.mkdir()
        one(Subject(kind, tuple(questions), inner))


# -- what the checks write ---------------------------------------------------------------------

_TEXTS = (
    "plain",
    'She said "hi", then left',
    "  blanks at both ends  ",
    "naïve café 東京 🙂 e\u0301 \u200f\u2028",
    "=1+1",
    "null",
    "0012",
    '"',
    "'",
    "\\t \\ {} [] ; |",
    '{"a": [1, "b"]}',
)


def plain_tasks(questions: Sequence[ReleasedQuestion], count: int = 22) -> Iterator[ReleasedTask]:
    """Tasks whose data are texts on one line: what every table can hold. Two keys have names of our own."""
    for i in range(count):
        text = _TEXTS[i % len(_TEXTS)]
        data = {"text": text, "task_id": f"theirs {i}", "évid=nt": _TEXTS[-1 - i % len(_TEXTS)]}
        yield _task(i, data, questions)


def rich_tasks(questions: Sequence[ReleasedQuestion], count: int = 22) -> Iterator[ReleasedTask]:
    """Tasks whose data hold all that JSON has."""
    for i, task in enumerate(plain_tasks(questions, count)):
        data = msgspec.json.decode(task.data)
        more: dict[str, Any] = {
            "lines": f"one\r\ntwo\nthree\tfour {i}",
            "whole": i - 3,
            "large": 2**60 + i,
            "float": i / 7,
            "yes": i % 2 == 0,
            "null": None,
            "maybe": None if i % 3 else "there",
            "mixed": (1, "1", [1], {"a": 1}, None, True)[i % 6],
            "list": list(range(i % 4)),
            "chat": [{"role": "user", "content": f"tab\t{i}"}] * (i % 3),
            "object": {"a": i, "b": {"c": "x", "d": None if i % 2 else 1.5}},
            "ragged": {"a": 1} if i % 2 else {"b": [{}]},
        }
        data |= more
        if i % 5 == 0:
            data["sometimes"] = "here"
        if i % 5 in (1, 2):
            data["null or nothing"] = None if i % 5 == 1 else "text"
        yield _task(i, data, questions)


def _task(i: int, data: dict[str, Any], questions: Sequence[ReleasedQuestion]) -> ReleasedTask:
    answers = {question.id: _answer(question, i) for question in questions if (i + len(question.id)) % 4}
    consensus = {
        name: ReleasedAnswer(
            value=msgspec.Raw(value),
            confidence=1 / (1 + i % 3),
            method="medoid",
            probabilities=(None, {"A": 0.75, 'b"': 0.25}, (0.5, 1.0))[i % 3],
        )
        for name, value in answers.items()
    }
    if i % 7 == 6:
        gone = ReleasedAnswer(value=msgspec.Raw(b'{"old": [1, "x"]}'), confidence=0.5, method="majority")
        consensus["a question of an earlier version"] = gone
    return ReleasedTask(
        task_id=f"tsk_{i:06}",
        external_id=None if i % 4 == 3 else f"their id {i}",
        data=msgspec.Raw(msgspec.json.encode(data)),
        metadata=msgspec.Raw(b'{"source": {"page": 7}, "tags": ["a\\tb"]}' if i % 2 else b"{}"),
        consensus=consensus,
        annotations=tuple(_annotation(i, j, answers) for j in range(i % 4)),
        review=_review(i) if i % 3 == 0 else None,
        predictions=_predictions(i, answers) if i % 5 == 2 else (),
    )


def _predictions(i: int, answers: dict[str, bytes]) -> tuple[dict[str, Any], ...]:
    made = {name: msgspec.json.decode(value) for name, value in answers.items()}
    return ({"answers": made, "score": 0.25, "model": "m-1"},) * (1 + i % 2)


def _review(i: int) -> ReleasedReview:
    outcomes = ("accepted", "fixed", "")[: i % 4]
    at = f"2026-11-23T19:58:{i % 60:02}.000Z"
    return ReleasedReview(reviewer="mem_9", decision="fixed", decided_at=at, outcomes=outcomes)


def _answer(question: ReleasedQuestion, i: int) -> bytes:
    examples = question.label.examples()
    return msgspec.json.encode(question.label.dump(examples[i % len(examples)][1]))


def _annotation(i: int, j: int, answers: dict[str, bytes]) -> ReleasedAnnotation:
    fields = ",".join(
        f"{msgspec.json.encode(name).decode()}: {value.decode()}" for name, value in answers.items()
    )
    receipt = ReleasedReceipt(
        stream=f"annotator/{j}", n=i, leaf="q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="
    )
    return ReleasedAnnotation(
        annotator=f"mem_{j}",
        kind="model" if j == 2 else "human",
        answers=msgspec.Raw(f"{{{fields}}}".encode()),
        seconds=None if j == 1 else 2.25 * i,
        submitted_at=f"2026-11-23T18:58:{i % 60:02}.{'000' if j else '123'}Z",
        receipt=None if j == 1 else receipt,
    )


def schema_of(tasks: Sequence[ReleasedTask], questions: Sequence[ReleasedQuestion]) -> ReleaseSchema:
    """The schema that these tasks have."""
    survey = Survey()
    for task in tasks:
        survey.add(task.data)
    return ReleaseSchema(
        columns=survey.columns(),
        questions=tuple(questions),
        reviewed=any(task.review for task in tasks),
        predicted=any(task.predictions for task in tasks),
        weighed=any(one.probabilities is not None for task in tasks for one in task.consensus.values()),
    )


def _written(
    s: Subject, tasks: Sequence[ReleasedTask], schema: ReleaseSchema, name: str, loss: bool = False
) -> Path:
    """The first file of an export of these tasks, its digest checked."""
    folder = s.sub(name)
    with s.kind.write(schema, folder, WriteOptions(accept_loss=loss)) as writer:
        for task in tasks:
            writer.add(task)
        files = writer.close()
    _expect(
        {path.name for path in folder.iterdir()} == {file.name for file in files}, "there are other files"
    )
    for file in files:
        raw = (folder / file.name).read_bytes()
        _expect(len(raw) == file.bytes, f"{file.name} is not as long as reported")
        _expect(hashlib.sha256(raw).hexdigest() == file.sha256, f"{file.name} has another digest")
    return folder / files[0].name


def _read(s: Subject, raw: bytes, options: ReadOptions | None = None) -> list[Row | Rejected]:
    return list(s.kind.read(io.BytesIO(raw), options or ReadOptions()))


def _restored(s: Subject, path: Path, schema: ReleaseSchema) -> list[ReleasedTask]:
    rows = _read(s, path.read_bytes())
    bad = [row for row in rows if isinstance(row, Rejected)]
    _expect(not bad, f"a row of its own making is rejected: {bad[:1]}")
    return [s.kind.restore(cast(Row, row).record, schema) for row in rows]


def _plain_file(s: Subject, name: str = "plain") -> bytes:
    tasks = list(plain_tasks(s.questions))
    return _written(s, tasks, schema_of(tasks, s.questions), name).read_bytes()


# -- the checks --------------------------------------------------------------------------------


def names_are_sane(s: Subject) -> None:
    """Name, suffixes and guide are what registries, the command line and READMEs rely on."""
    _expect(
        re.fullmatch(r"[a-z][a-z0-9_]*", s.kind.name) is not None,
        f"the name {s.kind.name!r} is not like_this",
    )
    _expect(bool(s.kind.suffixes) and bool(s.kind.title.strip()), "there is no suffix or no title")
    for suffix in s.kind.suffixes:
        _expect(re.fullmatch(r"\.[a-z0-9.]+", suffix) is not None, f"the suffix {suffix!r} is not .like-this")
        _expect(choose(f"Some File{suffix.upper()}") is s.kind, f"{suffix!r} leads to another format")
    name = next(iter(_written(s, [], schema_of([], s.questions), "named").parent.iterdir())).name
    _expect(name in s.kind.guide, f"the guide does not speak of {name}")


def options_are_checked(s: Subject) -> None:
    """Options that mean nothing to the format, and values that do not fit, are refused."""
    for raw in ({"no such option": 1}, {"limit": "much"}, {"limit": None}):
        _invalid(lambda raw=raw: read_options(s.kind, raw), f"the option {raw} is accepted")  # type: ignore[misc]  # mypy cannot infer a lambda's default
    _invalid(lambda: write_options(s.kind, {"accept_loss": 1}), "accept_loss=1 is accepted")
    _expect(s.kind.reads_with <= set(ReadOptions.__struct_fields__), "it heeds an option that there is not")
    _expect(s.kind.writes_with <= set(WriteOptions.__struct_fields__), "it heeds an option that there is not")


def plain_release_comes_back(s: Subject) -> None:
    """Texts on one line, and every answer, receipt and digit of metadata, in every format."""
    tasks = list(plain_tasks(s.questions))
    schema = schema_of(tasks, s.questions)
    lost = s.kind.loss(schema)
    _expect(not lost, f"plain texts are said to be lost: {lost}")
    back = _restored(s, _written(s, tasks, schema, "plain"), schema)
    _expect(list(map(_json, back)) == list(map(_json, tasks)), "a plain release does not come back")


def reading_again_gives_the_same(s: Subject) -> None:
    """What was read, written and read again is what was read at first, unknown columns included."""
    records = [cast(Row, row).record for row in _read(s, _plain_file(s))]
    tasks = [_task(i, _without_reserved(row), ()) for i, row in enumerate(records)]
    schema = schema_of(tasks, ())
    back = _restored(s, _written(s, tasks, schema, "again", loss=True), schema)
    lost = {loss.where for loss in s.kind.loss(schema) if loss.part == "data"}
    for task, again in zip(tasks, back, strict=True):
        _expect(_kept(task, lost) == _kept(again, lost), f"{task.task_id} is not what was read")


def loss_is_named(s: Subject) -> None:
    """Nothing is lost without a word, nothing is said to be lost that is not, and no loss goes unasked."""
    tasks = list(rich_tasks(s.questions))
    schema = schema_of(tasks, s.questions)
    lost = s.kind.loss(schema)
    if lost:
        folder = s.sub("refused")
        _refused(lambda: s.kind.write(schema, folder), "a loss is accepted that nobody was asked about")
        _expect(not list(folder.iterdir()), "a refused export leaves something behind")
    back = _restored(s, _written(s, tasks, schema, "rich", loss=True), schema)
    _expect(len(back) == len(tasks), "there are more or fewer rows than tasks")
    differ = {place for task, again in zip(tasks, back, strict=True) for place in _differences(task, again)}
    named = {(loss.part, loss.where) for loss in lost}
    _expect(differ <= named, f"lost without a word: {sorted(differ - named)}")
    _expect(named <= differ, f"said to be lost, and is not: {sorted(named - differ)}")
    _expect(all(loss.reason.endswith(".") for loss in lost), "a reason is no sentence")


def empty_release_comes_back(s: Subject) -> None:
    """No task is no row, and no error."""
    schema = schema_of([], s.questions)
    _expect(not _restored(s, _written(s, [], schema, "empty"), schema), "an empty release has rows")


def abort_leaves_nothing(s: Subject) -> None:
    """What was begun and not closed is gone, whatever happened."""
    tasks = list(plain_tasks(s.questions))
    folder = s.sub("aborted")
    try:
        with s.kind.write(schema_of(tasks, s.questions), folder) as writer:
            for task in tasks:
                writer.add(task)
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    _expect(not list(folder.iterdir()), "an aborted export leaves something behind")


def archives_are_refused(s: Subject) -> None:
    """A compressed file is refused by name, never unpacked: a small one may hold terabytes."""
    raw = _plain_file(s)
    for archive in (gzip.compress(raw), b"PK\x03\x04" + raw, b"\x28\xb5\x2f\xfd" + raw):
        error = _invalid(lambda archive=archive: _read(s, archive), "an archive is read")  # type: ignore[misc]  # as above
        _expect(error.rule == "format.compressed", f"an archive is refused as {error.rule}")


def damage_is_found(s: Subject) -> None:
    """Cut or flipped anywhere, a file gives rows, rejections or `Invalid`, and never bad records."""
    raw = _plain_file(s)
    dice = random.Random(7)  # the same damage each time
    for _ in range(30):
        cut = bytearray(raw[: dice.randrange(len(raw))] if dice.random() < 0.3 else raw)
        for _ in range(dice.randrange(3)):
            if cut:
                cut[dice.randrange(len(cut))] = (
                    dice.choice(b'\x00\xff"{,\n\t\\') if dice.random() < 0.7 else 0x80
                )
        try:
            rows = _read(s, bytes(cut))
        except Invalid:
            continue
        for row in rows:
            _expect(isinstance(row, Rejected) or record.check(row.record) is None, f"a bad record: {row}")


def encodings_are_told_apart(s: Subject) -> None:
    """Of text: a byte order mark decides; what does not fit is refused with line, byte and remedy."""
    if "encoding" not in s.kind.reads_with:
        return
    raw = _plain_file(s)
    rows = _read(s, raw)
    text = raw.decode()
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        _expect(_read(s, text.encode(encoding)) == rows, f"{encoding} with its mark is read differently")
    named = _read(s, text.encode("utf-16-be"), ReadOptions(encoding="utf-16-be"))
    _expect(named == rows, "an encoding that was named is read differently")
    for strange in (
        text.replace("東京", "").encode("cp1252", "replace"),
        text.encode("utf-16-le"),
        raw + b"\xe4",
    ):
        error = _invalid(lambda strange=strange: _read(s, strange), "a wrong encoding is read")  # type: ignore[misc]  # as above
        _expect("--encoding" in error.remedy and bool(error.where), f"no place or no remedy: {error}")
    _invalid(lambda: _read(s, raw, ReadOptions(encoding="hex")), "hex is taken for an encoding of text")


def large_rows_are_rejected(s: Subject) -> None:
    """A row beyond the limit is rejected, and the others go in."""
    tasks = list(plain_tasks(s.questions))
    data = msgspec.json.encode({"text": "x" * 300_000, "task_id": "", "évid=nt": ""})
    tasks[5] = msgspec.structs.replace(tasks[5], data=msgspec.Raw(data))
    path = _written(s, tasks, schema_of(tasks, s.questions), "large")
    rows = _read(s, path.read_bytes(), ReadOptions(limit=100_000))
    rejected = [i for i, row in enumerate(rows) if isinstance(row, Rejected)]
    _expect(rejected == [5], f"rows {rejected} are rejected instead of the sixth")
    _expect(len(rows) == len(tasks), "rows behind the large one are lost")


def memory_is_constant(s: Subject) -> None:
    """200,000 rows out and in: memory does not grow with them."""
    few = list(plain_tasks(s.questions[:2], 100))
    schema = schema_of(few, s.questions[:2])
    folder = s.sub("many")
    with s.kind.write(schema, folder) as writer, _Growth(s.kind.title, "writing") as growth:
        for i in range(MANY):
            writer.add(few[i % 100])
            growth.look(i)
        name = writer.close()[0].name
    with (folder / name).open("rb") as source, _Growth(s.kind.title, "reading") as growth:
        count = 0
        for row in s.kind.read(cast(BinaryIO, source)):
            count += isinstance(row, Row)
            growth.look(count)
    _expect(count == MANY, f"{count} rows come back instead of {MANY}")


CHECKS: tuple[Callable[[Subject], None], ...] = (
    names_are_sane,
    options_are_checked,
    plain_release_comes_back,
    reading_again_gives_the_same,
    loss_is_named,
    empty_release_comes_back,
    abort_leaves_nothing,
    archives_are_refused,
    damage_is_found,
    encodings_are_told_apart,
    large_rows_are_rejected,
    memory_is_constant,
)


# -- comparing ---------------------------------------------------------------------------------


def _expect(kept: bool, otherwise: str) -> None:
    # not `assert`: third parties run these checks, perhaps with python -O
    if not kept:
        raise AssertionError(otherwise)


def _invalid(call: Callable[[], object], otherwise: str) -> Invalid:
    try:
        call()
    except Invalid as error:
        return error
    raise AssertionError(otherwise)


def _refused(call: Callable[[], object], otherwise: str) -> None:
    try:
        call()
    except Refused:
        return
    raise AssertionError(otherwise)


def _json(task: ReleasedTask) -> Any:
    """A task as plain JSON, to compare by value: 1.0 is 1, and the order of keys does not matter."""
    return msgspec.json.decode(msgspec.json.encode(task))


def _kept(task: ReleasedTask, lost: set[str]) -> Any:
    """The data without the keys that are lost."""
    data = msgspec.json.decode(task.data)
    return {} if "" in lost else {name: value for name, value in data.items() if name not in lost}


def _without_reserved(record_: bytes) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(record_)
    return {name: value for name, value in data.items() if name not in ("external_id", "metadata")}


def _differences(task: ReleasedTask, again: ReleasedTask) -> Iterator[tuple[str, str]]:
    """(part, where) of everything that is not the same, as `Loss` names it."""
    a, b = _json(task), _json(again)
    for name in a["data"].keys() | b["data"].keys():
        if (
            name not in a["data"]
            or name not in b["data"]
            or _strict(a["data"][name]) != _strict(b["data"][name])
        ):
            yield "data", name
    for part in ("task_id", "external_id", "metadata", "annotations", "review", "predictions"):
        if a.get(part) != b.get(part):
            yield part, ""
    for name in a["consensus"].keys() | b["consensus"].keys():
        if a["consensus"].get(name) != b["consensus"].get(name):
            yield "consensus", name


def _strict(value: Any) -> Any:
    """The value with booleans told from numbers, which Python holds for equal."""
    return repr(value) if type(value) is bool else value


class _Growth:
    """How much memory has grown since the first tenth of the rows, which fills buffers and pools."""

    def __init__(self, title: str, doing: str) -> None:
        self._doing = f"{doing} {title}"
        self._base = 0
        self._most = 0

    def look(self, i: int) -> None:
        if i % 5_000 == 0:
            if i <= MANY // 5:
                self._base = max(self._base, resident())
            self._most = max(self._most, resident())

    def __enter__(self) -> _Growth:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.look(0)
            grown = self._most - self._base
            _expect(
                grown < GROWTH,
                f"{self._doing} {MANY:,} rows takes {grown / 2**20:.0f} MiB more and more memory",
            )


def resident() -> int:
    """Bytes of this process in memory now; where the system does not say, the most so far."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


# -- formats that are written and not read -----------------------------------------------------


def example_tasks(questions: Sequence[ReleasedQuestion], count: int = 22) -> Iterator[ReleasedTask]:
    """Tasks whose data fit the answers: of each question its own examples. Every fifth has no consensus."""
    for i in range(count):
        data: dict[str, Any] = {"prompt": f"Say {i}", "completion": f"{i}", "note": _TEXTS[i % len(_TEXTS)]}
        answers: dict[str, bytes] = {}
        for question in questions:
            given, value = question.label.examples()[i % len(question.label.examples())]
            if all(data.get(name, field) == field for name, field in given.items()):
                data |= given
                answers[question.id] = msgspec.json.encode(question.label.dump(value))
        task = _task(i, data, ())
        consensus = {
            name: ReleasedAnswer(value=msgspec.Raw(answer), confidence=0.5, method="medoid")
            for name, answer in answers.items()
            if i % 5
        }
        annotations = (_annotation(i, 0, answers),) if answers else ()
        yield msgspec.structs.replace(task, consensus=consensus, annotations=annotations)


def _carried(s: Subject) -> list[ReleasedQuestion]:
    """The questions that the format carries when each stands alone."""
    found = []
    for question in s.questions:
        columns = schema_of(list(example_tasks([question])), [question])
        lost = {loss.where for loss in s.kind.loss(columns) if loss.part == "consensus"}
        try:
            with s.kind.write(columns, s.sub(f"try {question.id}"), WriteOptions(accept_loss=True)):
                pass
        except Refused:
            _expect(question.id in lost, f"{question.id} is refused and not said to be lost")
            continue
        found.append(question)
    return found


def is_written_only(s: Subject) -> None:
    """Reading is refused with what to do instead, and no file is taken for one of this format."""
    _expect(not s.kind.suffixes, "it claims a suffix, and cannot read")
    _invalid(lambda: list(s.kind.read(io.BytesIO(b"{}"))), "it reads")
    _expect(bool(s.kind.title.strip()), "there is no title")


def loss_comes_first(s: Subject) -> None:
    """What is lost is named, each with a sentence, and nothing is written before it is accepted."""
    for question in _carried(s):
        tasks = list(example_tasks([question]))
        schema = schema_of(tasks, [question])
        lost = s.kind.loss(schema)
        _expect(all(loss.reason.endswith(".") for loss in lost), "a reason is no sentence")
        folder = s.sub(f"refused {question.id}")
        if lost:
            _refused(lambda schema=schema, folder=folder: s.kind.write(schema, folder), "a loss is accepted")  # type: ignore[misc]  # mypy cannot infer a lambda's default
        _expect(not list(folder.iterdir()), "a refused export leaves something behind")


def writes_what_it_reports(s: Subject) -> None:
    """Every file is as long as reported, with its digest, named in the guide, the same for the same tasks."""
    for question in _carried(s):
        tasks = list(example_tasks([question]))
        schema = schema_of(tasks, [question])
        for name in ("first", "again"):
            path = _written(s, tasks, schema, f"{name} {question.id}", loss=True)
            _expect(re.sub(r"\d+", "", path.name) in re.sub(r"\d+", "", s.kind.guide), "not in the guide")
        first, again = (s.folder / f"{name} {question.id}" for name in ("first", "again"))
        for file in first.iterdir():
            _expect(file.read_bytes() == (again / file.name).read_bytes(), f"{file.name} is never the same")


def writes_nothing_of_nothing(s: Subject) -> None:
    """No task is no error, and what is aborted is gone."""
    for question in _carried(s)[:1]:
        _written(s, [], schema_of([], [question]), "none", loss=True)
        folder = s.sub("aborted")
        tasks = list(example_tasks([question]))
        with s.kind.write(schema_of(tasks, [question]), folder, WriteOptions(accept_loss=True)) as writer:
            for task in tasks:
                writer.add(task)
        _expect(not list(folder.iterdir()), "an aborted export leaves something behind")


def strange_tasks_are_no_error(s: Subject) -> None:
    """Data without the fields, answers of an earlier type, and consensus of nobody's question."""
    for question in _carried(s):
        strange = [
            msgspec.structs.replace(task, consensus={question.id: answer, "gone": answer})
            for task in plain_tasks([], 4)
            for answer in (
                ReleasedAnswer(value=msgspec.Raw(raw), confidence=1.0, method="single")
                for raw in (b'"old"', b"7", b"[]", b'[{"old": 1}]', b"{}", b"null")
            )
        ]
        _written(s, strange, schema_of(strange, [question]), f"strange {question.id}", loss=True)


OUTWARD_CHECKS: tuple[Callable[[Subject], None], ...] = (
    is_written_only,
    loss_comes_first,
    writes_what_it_reports,
    writes_nothing_of_nothing,
    strange_tasks_are_no_error,
)
