"""The built pages and modules, and the public log: files that anyone may fetch."""

from __future__ import annotations

import gzip
import mimetypes
import re
import sys
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from starlette.responses import Response

from evenhand.core.errors import Missing, Unavailable
from evenhand.core.label import LabelType
from evenhand.labels import all_types
from evenhand.ledger import PublicLog

IMMUTABLE = "public, max-age=31536000, immutable"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")
_HASHED = re.compile(r"-[A-Za-z0-9_-]{8}\.[a-z0-9]+$")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_PACKED = frozenset({"text/javascript", "text/css", "text/html", "image/svg+xml", "application/json"})
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing inline, nothing from elsewhere. A page that were tricked into showing markup could not run it."""

OFFLINE_POLICY = "default-src 'none'; connect-src 'self'"
"""A service worker fetches from us and does nothing else."""

NOT_BUILT = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Evenhand</title>
<p>The web pages of this checkout are not built yet. Build them with: python hatch_build.py</p></html>"""


class File(msgspec.Struct, frozen=True):
    """One asset, read once."""

    body: bytes
    packed: bytes | None  # gzip; None where it would not be smaller
    headers: dict[str, str]


class Assets:
    """The pages of `evenhand.http.assets`, in memory: they are some hundred kilobytes."""

    def __init__(self, folder: Path | None = None) -> None:
        """
        Args:
            folder: of the built assets; by default those of the package.
        """
        self._folder = folder or Path(str(files("evenhand.http") / "assets"))
        self._files: dict[str, tuple[int, File]] = {}  # name -> time of change, content
        self._foreign: dict[str, Path] = {}  # served name -> widget of a label type from another package

    def page(self, name: str, accepts: str) -> Response:
        """One of the two pages."""
        headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}
        try:
            return self._response(self._file(name), accepts, headers)
        except Missing:
            return Response(NOT_BUILT, 503, {**headers, "Retry-After": "5"}, "text/html")

    def offline(self, accepts: str) -> Response:
        """The service worker of the annotator's page: at an address that stays, so never from a cache.

        Raises:
            Missing: the pages are not built.
        """
        headers = {"Content-Security-Policy": OFFLINE_POLICY, "Cache-Control": "no-cache"}
        return self._response(self._file("annotate-worker.js"), accepts, headers)

    def asset(self, name: str, accepts: str) -> Response:
        """A module, style sheet or picture.

        Raises:
            Missing: there is none of this name.
        """
        caching = IMMUTABLE if _HASHED.search(name) else "no-cache"
        policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox" if name.endswith(".svg") else ""
        headers = {"Cache-Control": caching, "Cross-Origin-Resource-Policy": "same-origin"}
        if policy:
            headers["Content-Security-Policy"] = policy
        return self._response(self._file(name), accepts, headers)

    def widgets(self, types: Iterable[str]) -> dict[str, str]:
        """Address of the widget's ES module for each of these label types that has one."""
        index, known = self._widget_index(), all_types()
        kinds = {id_: known[id_] for id_ in types if id_ in known}
        names = {id_: index.get(kind.name) or self._foreign_name(kind) for id_, kind in kinds.items()}
        return {id_: f"/assets/{name}" for id_, name in names.items() if name}

    def _foreign_name(self, kind: type[LabelType[Any]]) -> str | None:
        """What the `widget.js` beside the class of a label type is served as; None without one.

        The name carries the digest of the content, since browsers keep such names for ever.
        """
        path = _beside(kind)
        if path is None:
            return None
        name = f"widget-{_UNFIT.sub('_', kind.name)}-{sha256(path.read_bytes()).hexdigest()[:8]}.js"
        self._foreign[name] = path
        return name

    def _path(self, name: str) -> Path:
        """Where a file is. Another process, or a start ago, may have given out a widget's name."""
        if name.startswith("widget-") and name not in self._foreign:
            for kind in all_types().values():
                self._foreign_name(kind)
        return self._foreign.get(name, self._folder / name)

    def _widget_index(self) -> Mapping[str, str]:
        try:
            index: dict[str, str] = msgspec.json.decode(self._file("widgets.json").body)
        except Missing:
            return {}
        return index

    def _file(self, name: str) -> File:
        """From memory, unless the file was built anew meanwhile."""
        if _NAME.fullmatch(name) is None:
            raise Missing("not-found", "There is no such file.", name)
        path = self._path(name)
        try:
            changed = path.stat().st_mtime_ns
            known = self._files.get(name)
            if known is None or known[0] != changed:
                known = self._files[name] = (changed, _load(path))
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise Missing("not-found", "There is no such file.", name) from error
        return known[1]

    def _response(self, file: File, accepts: str, headers: Mapping[str, str]) -> Response:
        if file.packed is not None and "gzip" in accepts:
            return Response(file.packed, headers={**file.headers, **headers, "Content-Encoding": "gzip"})
        return Response(file.body, headers={**file.headers, **headers})


def _beside(kind: type[LabelType[Any]]) -> Path | None:
    """`widget.js` in the package that the class of a label type stands in."""
    package = getattr(sys.modules.get(kind.__module__), "__package__", None)
    path = Path(str(files(package) / "widget.js")) if package else None
    return path if path is not None and path.is_file() else None


def _load(path: Path) -> File:
    body = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind in _PACKED
    beside = path.with_name(f"{path.name}.gz")
    packed = beside.read_bytes() if beside.exists() else gzip.compress(body, 9, mtime=0) if text else None
    headers = {"Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind}
    if text:
        headers["Vary"] = "Accept-Encoding"
    return File(body, packed if packed is not None and len(packed) < len(body) else None, headers)


# ---- the public log ----------------------------------------------------------------------------

_TILE = re.compile(
    r"tile/(?:[0-9]{1,2}|entries)/(?:x[0-9]{3}/)*[0-9]{3}(?:\.p/(?:[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?"
)
"""The paths of C2SP tlog-tiles, and nothing else: so no path climbs out of the folder."""
_PREVIOUS = re.compile(r"previous/([1-9][0-9]{0,5})/(.*)")
"""A log that a restore has ended, by its epoch."""


def log_file(log: PublicLog, path: str) -> Response:
    """A file of the public log (C2SP tlog-tiles, "Monitoring APIs").

    Raises:
        Missing: there is none at this path.
        Unavailable: the ledger has not begun.
    """
    headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
    earlier = _PREVIOUS.fullmatch(path)
    if earlier is not None:
        log, path = log.previous(int(earlier[1])), earlier[2]
        if not log.folder.is_dir():
            raise Missing("not-found", "There is no such log.", earlier[1])
    if path == "checkpoint":
        return Response(log.checkpoint_note(), headers=headers, media_type="text/plain; charset=utf-8")
    if path == "cosigned":
        note = log.cosigned_note()
        if note is None:
            raise Missing("log.not-cosigned", "No witnesses have cosigned this log.", path)
        return Response(note, headers=headers, media_type="text/plain; charset=utf-8")
    if path == "vkey":
        return Response(f"{log.vkey()}\n", headers=headers, media_type="text/plain; charset=utf-8")
    if _TILE.fullmatch(path) is None:
        raise Missing("not-found", "The log has no such file.", path)
    return Response(
        _tile(log.folder, path),
        headers={**headers, "Cache-Control": IMMUTABLE},
        media_type="application/octet-stream",
    )


def _tile(folder: Path, path: str) -> bytes:
    try:
        return (folder / path).read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise Missing("not-found", "The log has no such tile, or not yet.", path) from error
    except OSError as error:
        raise Unavailable("log.read", "The log cannot be read now.", path) from error
