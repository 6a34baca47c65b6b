"""Nobody names a plugin: types and formats are found through entry points, so a new one is one folder."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import evenhand
from evenhand.labels import all_types

ROOT = Path(evenhand.__file__).parent

COMPOSITION_ROOTS = {"http/scale.py", "demo/examples.py", "demo/exchange.py", "peers/label_studio_ml.py"}
"""Where types are put together on purpose: what speaks another platform's words, and the demo."""

AUDITED = {"audit/answers.py", "audit/pieces.py", "audit/skills.py"}
"""Second versions of types' published rules, by the ids that stand in the log: an auditor shares no code."""

PLUGINS = {
    point.value.partition(":")[0]
    for group in ("labels", "formats")
    for point in entry_points(group=f"evenhand.{group}")
}
IDS = set(all_types())


def named(source: str, package: str = "") -> list[str]:
    """Each plugin that a source names: in an import, or in a string that is no docstring."""
    tree = ast.parse(source)
    found = [name for node in ast.walk(tree) for name in _imported(node, package) if _plugin(name)]
    docs = {id(doc) for node in ast.walk(tree) for doc in _docstrings(node)}
    words = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in docs]
    return found + [word for word in words if isinstance(word, str) and _named_in(word)]


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        module = ".".join([*above, *filter(None, [node.module])])
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)


def _docstrings(node: ast.AST) -> Iterator[ast.AST]:
    """Strings that stand alone: of modules, classes, functions, and under a constant."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value


def _plugin(name: str) -> bool:
    return any(name == plugin or name.startswith(f"{plugin}.") for plugin in PLUGINS)


def _named_in(word: str) -> bool:
    return _plugin(word) or any(re.search(rf"(?<!\w){re.escape(id)}(?!\d)", word) for id in IDS)


def _belongs(path: Path, name: str) -> bool:
    """Whether a file may name this: its own type, or a format among formats, which share readers."""
    place = ".".join(("evenhand", *path.with_suffix("").parts))
    if place.startswith("evenhand.formats"):
        return name.startswith("evenhand.formats")
    own = path.parts[1] if len(path.parts) > 2 and path.parts[0] == "labels" else None
    return own is not None and name.startswith((f"evenhand.labels.{own}", f"{own}/"))


def _sources() -> list[Path]:
    return [path.relative_to(ROOT) for path in sorted(ROOT.rglob("*.py"))]


def test_nobody_names_a_plugin() -> None:
    culprits = []
    for path in _sources():
        if path.as_posix() not in COMPOSITION_ROOTS | AUDITED:
            package = ".".join(("evenhand", *path.parent.parts))
            names = named((ROOT / path).read_text(encoding="utf-8"), package)
            culprits += [f"{path} names {name}" for name in names if not _belongs(path, name)]
    assert culprits == []


def test_every_plugin_is_where_its_entry_point_says() -> None:
    for plugin in PLUGINS:
        kind, name = plugin.split(".")[1:]
        assert (
            (ROOT / kind / name).is_dir() if kind == "labels" else (ROOT / kind / f"{name}.py").is_file()
        ), plugin


@pytest.mark.parametrize(
    "source",
    [
        "from evenhand.labels.choice import Choice",
        "from evenhand.labels import choice",
        "import evenhand.labels.span",
        "from ..labels.box.geometry import overlap",
        "from evenhand.formats.jsonl import Jsonl",
        "kind = 'choice/1'",
        "if kind == f'choice/1 {x}': pass",
        "import_module('evenhand.labels.choice')",
        "match kind:\n    case 'pairwise/1': pass",
    ],
)
def test_the_walk_notices(source: str) -> None:
    assert named(source, "evenhand.http")


@pytest.mark.parametrize(
    "source",
    [
        "from evenhand.labels import all_types",
        "from evenhand.labels.conformance import check",
        "from evenhand.formats import find",
        '"""A type has an id such as "choice/1"."""',
        "kind = 'text'",
        "path = 'multichoice/12'",
    ],
)
def test_the_walk_lets_pass(source: str) -> None:
    assert not named(source, "evenhand.http")
