"""Label Studio's export: every control that has a counterpart, each trap, and what is said to be lost."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from evenhand import peers
from evenhand.core.errors import Invalid, Refused
from evenhand.outbound import Door
from evenhand.peers.label_studio import about_centre

CONFIG = """
<View>
  <Header value="How does it sound?"/>
  <Text name="txt" value="$text"/>
  <Image name="img" value="$image"/>
  <List name="list" value="$answers"/>
  <Text name="left" value="$a"/>
  <Text name="right" value="$b"/>
  <Choices name="mood" toName="txt" choice="single" required="true">
    <Choice value="Good mood" alias="good" hotkey="g"/><Choice value="bad"/>
  </Choices>
  <Choices name="topics" toName="txt" choice="multiple">
    <Choice value="news"/><Choice value="sport"/></Choices>
  <View visibleWhen="choice-selected" whenTagName="mood" whenChoiceValue="bad">
    <TextArea name="why" toName="txt" placeholder="In a sentence"/>
  </View>
  <Taxonomy name="place" toName="txt"><Choice value="Europe"><Choice value="Köln"/></Choice></Taxonomy>
  <Labels name="ner" toName="txt"><Label value="PER"/><Label value="LOC"/></Labels>
  <RectangleLabels name="box" toName="img"><Label value="cat"/></RectangleLabels>
  <Number name="age" toName="txt" minValue="0"/>
  <Rating name="stars" toName="txt" maxRating="5"/>
  <Pairwise name="better" toName="left,right"/>
  <Ranker name="rank" toName="list"/>
  <TextArea name="caption" toName="img" perRegion="true"/>
  <EllipseLabels name="round" toName="img"><Label value="x"/></EllipseLabels>
  <Table name="clip" value="$clip"/>
  <Relations><Relation value="knows"/></Relations>
</View>
"""

TEXT = "🙂 Ana lives in Köln"


def region(name: str, kind: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": f"r-{name}", "from_name": name, "to_name": "x", "type": kind, "value": value} | more


def size(wide: int = 200, high: int = 100) -> dict[str, int]:
    return {"original_width": wide, "original_height": high}


RESULT = [
    region("mood", "choices", {"choices": ["Good mood"]}),
    region("topics", "choices", {"choices": ["sport", "news"]}),
    region("place", "taxonomy", {"taxonomy": [["Europe", "Köln"]]}),
    region("ner", "labels", {"start": 3, "end": 6, "text": "Ana", "labels": ["PER"]}),  # UTF-16
    region("ner", "labels", {"start": 15, "end": 19, "text": "Köln", "labels": ["LOC"]}, id="köln"),
    region(
        "box", "rectanglelabels", {"x": 10, "y": 20, "width": 95, "height": 50, "rectanglelabels": ["cat"]}
    )
    | size(),
    region("box", "rectangle", {"x": 50, "y": 50, "width": 10, "height": 20, "rotation": 90}, id="split")
    | size(),
    region("box", "labels", {"labels": ["cat"]}, id="split") | size(),
    region("age", "number", {"number": 3.5}),
    region("stars", "rating", {"rating": 4}),
    region("better", "pairwise", {"selected": "right"}),
    region("rank", "ranker", {"ranker": {"rank": ["2", "1"]}}),
    region("caption", "textarea", {"text": ["per region"]}),
    {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"},
    {"type": "relation", "from_id": "köln", "to_id": "r-ner", "direction": "left", "labels": ["lives in"]},
    {"type": "relation", "from_id": "r-ner", "to_id": "köln", "direction": "bi", "labels": ["knows"]},
    {"type": "relation", "from_id": "r-ner", "to_id": "köln", "direction": "bi"},
    {"type": "relation", "from_id": "köln", "to_id": "r-ner", "direction": "right"},
]
ANSWERS = {
    "mood": "good",
    "topics": ["news", "sport"],
    "place": ["Europe / Köln"],
    "ner": [
        {
            "start": 2,
            "end": 5,
            "label": "PER",
            "relations": [{"to": 1, "label": label} for label in ("knows", "lives in", "related")],
        },
        {"start": 15, "end": 19, "label": "LOC", "relations": [{"to": 0, "label": "related"}]},
    ],
    "box": [
        {"x": 20, "y": 20, "width": 180, "height": 50, "label": "cat"},  # the edge that slipped out is cut
        {"x": 80, "y": 50, "width": 20, "height": 20, "label": "cat", "rotation": 90},
    ],
    "age": 3.5,
    "stars": 4,
    "better": {"preference": 1},
    "rank": [["answers_2"], ["answers_1"]],
}


def task(number: int, *annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    data = {
        "text": TEXT,
        "image": "https://example.org/1.jpg",
        "answers": [{"id": "1", "title": "One", "body": "first"}, {"id": "2", "title": "Two"}],
        "a": "left one",
        "b": "right one",
    }
    return {"id": number, "data": data, "annotations": list(annotations), "meta": {"page": number}} | more


def annotation(who: Any, result: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    times = {"created_at": "2026-01-02T03:04:05.5Z", "updated_at": "2026-01-02T03:05:00Z", "lead_time": 12.34}
    return {"completed_by": who, "result": result, **times} | more


ANA = {"id": 3, "email": "ana@example.org", "first_name": "Ana", "last_name": "Bell"}
PLAIN = [region("mood", "choices", {"choices": ["bad"]}), region("why", "textarea", {"text": ["too loud"]})]
PLAIN += [region("rank", "ranker", {"ranker": ["1", "2"]})]
EXPORT = [
    task(
        1,
        annotation(ANA, RESULT),
        annotation(4, PLAIN, ground_truth=True, lead_time=9e9, updated_at="2026-02-01"),
    ),
    task(2, annotation(ANA, PLAIN), annotation(4, PLAIN, was_cancelled=True), annotation(4, [])),
    task(
        3,
        predictions=[{"model_version": "v1", "score": 0.9, "result": RESULT[:1]}],
        drafts=[{"result": []}],
    ),
]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    config, export = tmp_path / "config.xml", tmp_path / "export.json"
    config.write_text(CONFIG)
    export.write_text(json.dumps(EXPORT))
    return export, config


def test_a_project_comes_with_questions_answers_people_and_times(bring, released, client, files) -> None:
    export, config = files
    moved = bring("label-studio", export, config=config, name="From there")
    assert (moved.fresh, moved.tasks, moved.annotations) == (True, 3, 3)
    assert [(line, path) for line, path, _ in moved.rejected] == [(2, "answers.mood")]
    project = client.project(moved.project_id)
    assert project.document.overlap == 2
    why = next(q for q in project.document.questions if q.id == "why")
    assert why.when is not None and (why.when.question, why.when.is_) == ("mood", "bad")
    mood = project.document.questions[0]
    assert (mood.title, mood.required, mood.config["choices"][0]["key"]) == ("How does it sound?", True, "g")
    first, second, third = released(moved.project_id)
    ana, other = first.annotations
    assert json.loads(bytes(ana.answers)) == ANSWERS
    ner = next(q for q in project.document.questions if q.id == "ner")
    assert [(one["id"], one["directed"]) for one in ner.config["relations"]] == [
        ("knows", False),  # only ever both ways there
        ("related", True),  # those without a label
        ("lives in", True),
    ]
    assert (ana.submitted_at, ana.seconds, other.seconds) == ("2026-01-02T03:05:00.000Z", 12.3, None)
    assert ana.annotator == second.annotations[0].annotator != other.annotator
    assert json.loads(bytes(other.answers))["rank"] == [["answers_1"], ["answers_2"]]
    assert json.loads(bytes(first.data))["answers_1"] == "One\n\nfirst"
    assert (first.external_id, json.loads(bytes(first.metadata))) == ("1", {"page": 1})
    names = {member.name: member.email for member in client.members()}
    assert "Ana Bell" in names and "Label Studio 4" in names
    assert client.task(third.task_id).predictions == [
        {"answers": {"mood": "good", "ner": [], "box": []}, "model": "v1", "score": 0.9}
    ]


def test_the_same_again_adds_nothing_and_what_is_new_is_added(bring, files) -> None:
    export, config = files
    first = bring("label-studio", export, config=config, name="Twice")
    again = bring("label-studio", export, config=config, name="Twice")
    assert (again.project_id, again.fresh) == (first.project_id, False)
    assert (again.tasks, again.tasks_present, again.annotations, again.annotations_present) == (0, 3, 0, 3)
    more = [*EXPORT[:2], task(3, annotation(4, PLAIN), predictions=EXPORT[2]["predictions"]), task(4)]
    export.write_text(json.dumps(more))
    later = bring("label-studio", export, config=config, name="Twice")
    assert (later.tasks, later.annotations, later.annotations_present) == (1, 1, 3)


def test_what_does_not_fit_is_named_before_anything_is_written(files) -> None:
    export, config = files
    read = peers.find("label_studio").read([export], peers.Options(config=config))
    lost = {one.where: one.count for one in read.lost}
    assert lost == {
        "object Table clip": 0,
        "control TextArea caption": 0,
        "control EllipseLabels round": 0,
        "result[] of caption": 1,
        "result[] of relation": 1,
        "annotations[].ground_truth": 1,
        "annotations[].lead_time": 1,
        "annotations[].was_cancelled": 1,
        "tasks[].drafts": 1,
    }
    assert read.counts == {"tasks": 3, "annotations": 4, "faults": 0}


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ('[{"id": 1},\n {"id": }]', "line 2, column 9"),
        ('{"id": 1}', "export.json"),
        ("[", "line 1, column 2"),
    ],
)
def test_a_broken_export_says_where(files, content: str, where: str) -> None:
    export, config = files
    export.write_text(content)
    with pytest.raises(Invalid) as caught:
        peers.find("label_studio").read([export], peers.Options(config=config))
    assert where in caught.value.where


def test_a_task_that_does_not_fit_is_a_line_of_the_report(bring, files) -> None:
    export, config = files
    broken = annotation(4, [region("box", "rectanglelabels", {"x": 1, "rectanglelabels": ["cat"]})])
    export.write_text(json.dumps([EXPORT[0], 7, task(8, broken)]))
    moved = bring("label-studio", export, config=config, name="Broken")
    assert (moved.tasks, [line for line, _, _ in moved.rejected]) == (1, [2, 3])


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ("<View>\n<Text", "line 2"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><View/>', "config.xml"),
        ('<View><Video name="v" value="$v"/></View>', "--config"),
    ],
)
def test_a_broken_configuration_says_where(files, config: str, where: str) -> None:
    export, path = files
    path.write_text(config)
    with pytest.raises(Invalid) as caught:
        peers.find("label_studio").read([export], peers.Options(config=path))
    assert where in caught.value.where


@pytest.mark.parametrize(
    ("rate", "end", "lost"), [(' frameRate="25.0"', 2.0, []), ("", 2.083, ["frameRate of v"])]
)
def test_timelines_of_videos_are_time_spans(files, rate: str, end: float, lost: list[str]) -> None:
    export, path = files
    path.write_text(
        f'<View><Video name="film" value="$v"{rate}/><TimelineLabels name="what" toName="film">'
        '<Label value="Runs"/></TimelineLabels></View>'
    )
    marks = [
        region("what", "timelinelabels", {"ranges": [{"start": 26, "end": 50}], "timelinelabels": ["Runs"]})
    ]
    export.write_text(
        json.dumps([{"id": 1, "data": {"v": "/data/a.mp4"}, "annotations": [annotation(4, marks)]}])
    )
    read = peers.find("label_studio").read([export], peers.Options(config=path))
    assert read.draft["fields"] == [{"name": "v", "type": "video"}]
    assert [one.where for one in read.lost] == lost
    (item,) = read.items()
    (given,) = item.annotations
    (span,) = given.answers["what"]
    assert (round(span["end"], 3), span["label"]) == (end, "Runs")


def test_a_box_turned_about_its_corner_is_the_same_one_turned_about_its_centre() -> None:
    assert about_centre(10, 20, 4, 2, 0) == (10, 20)
    x, y = about_centre(0, 0, 4, 2, 90)  # its corners: (0, 0), (0, 4), (-2, 4), (-2, 0)
    assert (round(x, 9), round(y, 9)) == (-3, 1)


TOLD = [{"id": 12, "model_version": "v1", "score": 0.9, "result": RESULT[:1], "task": 3}]
NUMBERED = [  # as 1.23 exports: people and predictions only by their numbers
    task(1, annotation(3, RESULT)),
    task(3, predictions=[12], allow_skip=True),
]


def test_an_export_with_numbers_for_predictions_comes_without_them(bring, files, released) -> None:
    export, config = files
    export.write_text(json.dumps(NUMBERED))
    moved = bring("label-studio", export, config=config, name="Numbered")
    assert (moved.tasks, moved.annotations, moved.rejected) == (2, 1, ())
    assert ("tasks[].predictions", 1) in {(one.where, one.count) for one in moved.lost}


class Server(BaseHTTPRequestHandler):
    """As much of Label Studio as an export needs."""

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        self._answer({"access": "short"})

    def do_GET(self) -> None:
        if self.headers["authorization"] not in ("Token legacy", "Bearer short"):
            self.send_error(401)
        elif self.path == "/api/projects/7":
            self._answer({"title": "Seven", "label_config": CONFIG, "maximum_annotations": 3})
        elif self.path == "/api/projects/7/export?exportType=JSON&download_all_tasks=true":
            self._answer(NUMBERED)
        elif self.path == "/api/predictions?project=7":
            self._answer(TOLD)
        elif self.path == "/api/users":
            self._answer([ANA])
        else:
            self.send_error(404)

    def _answer(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize("token", ["legacy", "a.b.c"])
def test_a_running_server_is_read_through_the_outbound_door(tmp_path: Path, token: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/projects/7/data"
        peer = peers.find("label_studio")
        with pytest.raises(Refused, match="private network"):
            peer.fetch(Door(), url, token, tmp_path, peers.Options())
        door = Door(("127.0.0.1",))
        with pytest.raises(Refused, match="401"):
            peer.fetch(door, url, "wrong", tmp_path, peers.Options())
        found, options = peer.fetch(door, url, token, tmp_path, peers.Options())
        read = peer.read(found, options)
        assert (read.draft["name"], read.draft["overlap"], read.counts["tasks"]) == ("Seven", 3, 2)
        first, second = (item for item in read.items() if isinstance(item, peers.Item))
        (given,) = first.annotations
        assert (given.annotator, given.name, given.email) == ("label-studio/3", "Ana Bell", ANA["email"])
        assert [(one["model"], one["score"]) for one in second.record["predictions"]] == [("v1", 0.9)]
        assert "tasks[].predictions" not in {one.where for one in read.lost}
    finally:
        server.shutdown()
        server.server_close()
