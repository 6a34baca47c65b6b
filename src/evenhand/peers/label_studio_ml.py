"""Label Studio's ML backends: what they are sent and what their answers mean (label-studio-ml 1.0, LS 1.23).

A backend is a server with a model that speaks ``/health``, ``/setup``, ``/predict`` and ``/webhook``. It
knows our project as a labeling configuration, whose controls are our questions by their ids.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence

import msgspec

from evenhand.core.errors import EvenhandError, Invalid, Unavailable
from evenhand.core.label import Json
from evenhand.core.project import Form
from evenhand.core.release import ReleasedColumn, ReleasedQuestion, ReleaseSchema
from evenhand.formats.label_studio import Asked, config_of, rates, results_of
from evenhand.formats.tracks import fps_of
from evenhand.labels.reading import shortest
from evenhand.outbound import Door
from evenhand.peers import Losses
from evenhand.peers.label_studio import answers_of, read_config

HEALTH_SECONDS = 5.0
PREDICT_SECONDS = 100.0  # as Label Studio waits
LARGEST = 16 << 20  # bytes of an answer

TAGS = {
    "text": "Text",
    "markdown": "Text",
    "html": "HyperText",
    "chat": "Paragraphs",
    "image": "Image",
    "audio": "Audio",
    "video": "Video",
}
"""Type of a field -> the tag that shows it there."""

_encode = msgspec.json.Encoder().encode


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend says of one task."""

    answers: dict[str, Json]  # id of the question -> answer, as far as it said anything
    score: float | None = None  # 0 to 1, where it gives one
    version: str = ""  # of the model


class Translation:
    """A project in Label Studio's words."""

    def __init__(self, form: Form) -> None:
        tags = {field.name: TAGS[field.type] for field in form.document.fields}
        columns = tuple(ReleasedColumn(name=name, schema={}) for name in tags)
        questions = tuple(ReleasedQuestion(id=q, label=label) for q, label in form.labels.items())
        shows = {field.name: str(field.type) for field in form.document.fields}
        schema = ReleaseSchema(columns=columns, questions=questions, shows=shows)
        self._form = form
        self._asked = {question.id: Asked(question, schema) for question in questions}
        self.config = config_of(schema, list(self._asked.values()), tags)
        self._read = read_config(self.config.encode(), "", Losses())
        joins = [one for label in form.labels.values() for one in label.config().get("relations", ())]
        self._read.relations = {one["id"]: one["directed"] for one in joins}

    def results(self, answers: Mapping[str, Json], data: Mapping[str, Json]) -> list[dict[str, Json]]:
        """Our answers as Label Studio's results."""
        return results_of(self._asked, answers, data)

    def predicted(self, raw: Json, data: Mapping[str, Json], version: str) -> Predicted:
        """One item of a backend's ``results``: a prediction, or several, of which the best counts.

        Answers that do not fit their questions are left out: a suggestion need not be complete.
        """
        several = [one for one in (raw if isinstance(raw, list) else [raw]) if isinstance(one, dict)]
        best = max(several, key=lambda one: _score(one) or 0.0, default={})
        result = best.get("result")
        parts = [one for one in result if isinstance(one, dict)] if isinstance(result, list) else []
        answers: dict[str, Json] = {}
        for name in dict.fromkeys(str(one.get("from_name")) for one in parts):
            own = [one for one in parts if one.get("from_name") == name or one.get("type") == "relation"]
            try:
                told = dict(data) | rates(self._asked.values(), data)
                made = answers_of(own, told, self._read, Losses())[name]
                made = shortest(made) if isinstance(made, float) else made  # a rating is whole
                label = self._form.labels[name]
                answers[name] = label.dump(label.parse(made, data))
            except (EvenhandError, KeyError, TypeError, ValueError, AttributeError, IndexError):
                continue
        said = best.get("model_version")
        return Predicted(answers=answers, score=_score(best), version=str(said or version)[:200])


def _score(one: Mapping[str, Json]) -> float | None:
    score = one.get("score")
    return float(score) if isinstance(score, int | float) and 0 <= score <= 1 else None


def data_for(data: Mapping[str, Json], address: Callable[[str], str]) -> dict[str, Json]:
    """A task's data as backends read it: media of ours as addresses, with the frame rates of videos.

    Args:
        address: name of a field -> where its medium can be fetched.
    """
    is_ours = {name: isinstance(value, Mapping) and "blob" in value for name, value in data.items()}
    shown = {name: address(name) if is_ours[name] else value for name, value in data.items()}
    films = [name for name in data if is_ours[name] and str(data[name].get("type")).startswith("video/")]
    return shown | {f"{name}_fps": fps_of(data, name) for name in films}


class Backend:
    """Calls one backend, through the door."""

    def __init__(self, door: Door, url: str, login: str = "") -> None:
        self._door = door
        self._url = url.rstrip("/")
        self._login = login_headers(login)

    def check(self, project: str, config: str, hostname: str, token: str) -> str:
        """Whether it lives, and that it knows the project; gives its model's version.

        Raises:
            Invalid, Refused: the address is none that the node may call.
            Unavailable: it does not answer as a backend does.
        """
        self._call("GET", "/health", None, HEALTH_SECONDS)
        body = {
            "project": project,
            "schema": config,
            "hostname": hostname,
            "access_token": token,
            "extra_params": None,
        }
        said = self._call("POST", "/setup", body, HEALTH_SECONDS)
        return str(said.get("model_version") or "")[:200]

    def predict(
        self,
        project: str,
        config: str,
        tasks: Sequence[Mapping[str, Json]],
        context: Sequence[Mapping[str, Json]] | None = None,
    ) -> tuple[list[Json], str]:
        """(an item for each task, the model's version).

        Args:
            tasks: ``{"id": ..., "data": {...}}`` each.
            context: results so far, when an annotator asks in the middle of a task.

        Raises:
            Unavailable: it does not answer as a backend does, or leaves out tasks.
        """
        empty: dict[str, Json] = {"meta": {}, "annotations": [], "predictions": []}
        body = {
            "tasks": [empty | dict(task) for task in tasks],
            "project": project,
            "label_config": config,
            "params": {
                "login": None,
                "password": None,
                "context": None if context is None else {"result": list(context)},
            },
        }
        said = self._call("POST", "/predict", body, PREDICT_SECONDS)
        results, version = said.get("results"), str(said.get("model_version") or "")
        if not isinstance(results, list) or len(results) != len(tasks):
            if isinstance(results, list) and len(results) == 1 and len(tasks) > 1:  # it takes one at a time
                return [self.predict(project, config, [task], context)[0][0] for task in tasks], version
            count = len(results) if isinstance(results, list) else "no"
            raise self._wrong("/predict", f"{count} results came for {len(tasks)} tasks")
        return results, version

    def _call(self, method: str, path: str, body: Json, seconds: float) -> dict[str, Json]:
        content = _encode(body) if body is not None else b""
        headers = self._login | ({"content-type": "application/json"} if content else {})
        answer = self._door.send(method, self._url + path, headers, content, keep=LARGEST, seconds=seconds)
        if answer.status == 401:
            reason = f"{path}: it lets nobody in without {'another ' * bool(self._login)}name and password."
            raise Unavailable(
                "backend.login", reason, self._url, "Connect it with them (`--login name:password`)."
            )
        if answer.status >= 400:
            raise self._wrong(path, f"it answered HTTP {answer.status}")
        try:
            said = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            raise self._wrong(path, "its answer is no JSON") from None
        return said if isinstance(said, dict) else {}

    def _wrong(self, path: str, what: str) -> Unavailable:
        return Unavailable("backend.answer", f"{path}: {what}.", self._url, "Look at the backend's own log.")


def login_headers(login: str) -> dict[str, str]:
    """The header of HTTP basic authentication (RFC 7617, in UTF-8); none without a login.

    Args:
        login: ``name:password``.
    """
    return {"authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}


def require_backend_url(url: str) -> str:
    """The address without what only gets in the way of the paths that follow it.

    Raises:
        Invalid: it has a query or a fragment.
    """
    if "?" in url or "#" in url:
        raise Invalid("backend.url", "The address ends in a query.", "url", "Write https://host:9090.")
    return url.rstrip("/")
