"""A backend as people run them: Label Studio's ML protocol on 127.0.0.1, with a model of three lines.

It speaks what `label-studio-ml` 1.0 speaks: ``/health``, ``/setup``, ``/predict``, ``/webhook``.
"""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class Model:
    """Finds shouting spam, capital names and a box in the upper left corner; notes all that it is asked."""

    def __init__(self) -> None:
        self.version = "rules-1"
        self.calls: list[tuple[str, Any]] = []
        self.broken = 0  # how many of the next calls of /predict fail
        self.login = ""  # "name:password" that it asks for
        self.one_at_a_time = False  # answers for the first task only, as some backends do

    def of(self, path: str) -> list[Any]:
        """Bodies that came to a path."""
        return [body for where, body in self.calls if where == path]

    def predict(self, task: dict[str, Any], config: str, context: Any) -> dict[str, Any]:
        result: list[dict[str, Any]] = []
        for control in (tag for tag in ET.fromstring(config).iter() if tag.get("toName")):
            named = {"from_name": control.get("name"), "to_name": control.get("toName")}
            for type_, value, more in self.say(control.tag, task["data"], context):
                result.append({**named, **more, "type": type_, "value": value})
        return {"result": result, "score": 0.75, "model_version": self.version}

    def say(self, tag: str, data: dict[str, Any], context: Any) -> Iterator[tuple[str, Any, dict[str, Any]]]:
        text = str(data.get("text", ""))
        if tag == "Choices":
            told = str(context) if context else ""
            yield "choices", {"choices": ["spam" if "!" in text or "Zoë" in told else "ham"]}, {}
        elif tag == "Labels" and "Zoë" in text:
            start = text.encode("utf-16-le").index("Zoë".encode("utf-16-le")) // 2  # as browsers count
            yield "labels", {"start": start, "end": start + 3, "text": "Zoë", "labels": ["person"]}, {}
        elif tag == "RectangleLabels":
            size = {"original_width": 200, "original_height": 100, "image_rotation": 0}
            place = {"x": 10, "y": 20, "width": 50, "height": 30, "rotation": 0, "rectanglelabels": ["thing"]}
            yield "rectanglelabels", place, size


def app_of(model: Model) -> Any:
    async def health(request: Request) -> Response:
        model.calls.append(("/health", None))
        return JSONResponse({"status": "UP", "model_dir": "/model", "v2": False})

    async def setup(request: Request) -> Response:
        model.calls.append(("/setup", await request.json()))
        return JSONResponse({"model_version": model.version})

    async def predict(request: Request) -> Response:
        body = await request.json()
        model.calls.append(("/predict", body))
        if model.broken > 0:
            model.broken -= 1
            return JSONResponse({"error": "out of memory"}, 500)
        tasks = body["tasks"][:1] if model.one_at_a_time else body["tasks"]
        found = [model.predict(task, body["label_config"], body["params"]["context"]) for task in tasks]
        return JSONResponse({"results": found, "model_version": model.version})

    async def webhook(request: Request) -> Response:
        model.calls.append(("/webhook", await request.json()))
        return JSONResponse({"job": "1"}, 201)

    ways = [("/health", health, "GET"), ("/setup", setup, "POST"), ("/predict", predict, "POST")]
    routes = [
        Route(path, run, methods=[method]) for path, run, method in [*ways, ("/webhook", webhook, "POST")]
    ]

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        given = dict(scope.get("headers", ())).get(b"authorization", b"")
        if scope["type"] == "http" and model.login and given != b"Basic " + b64encode(model.login.encode()):
            await Response(status_code=401)(scope, receive, send)
        else:
            await inner(scope, receive, send)

    inner = Starlette(routes=routes)
    return guarded


@contextmanager
def serve(model: Model) -> Iterator[str]:
    """Its address while it runs."""
    server = uvicorn.Server(uvicorn.Config(app_of(model), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
        assert thread.is_alive(), "the backend does not start"
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
