"""One word, one thing: GLOSSARY.md defines the words, and the sources use them and no synonyms."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from evenhand.core import events
from evenhand.core.policy import PERMISSIONS
from evenhand.http import routes

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "evenhand"
GLOSSARY = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
DEFINED = set(re.findall(r"^\| \*\*([a-z ]+)\*\* \| \S", GLOSSARY, re.MULTILINE))
DENIED = {
    word.strip().replace(" ", "")
    for row in re.findall(r"^\| \*\*.*\| ([^|]*) \|$", GLOSSARY, re.MULTILINE)
    for word in row.split(",")
} - {""}
PLACES = ("core", "store", "service", "http", "wire.py", "lane.py", "node.py", "ledger", "sdk", "audit")
ALLOWED = {"items", "Items"}  # the named exceptions that are identifiers
WORDS = """organization, client, provider, operator, annotator, reviewer, project, field, question,
label type, task, assignment, annotation, prediction, review, consensus, release, gold task, pool,
ledger, entry, event, checkpoint, receipt, witness, node"""


def parts(name: str) -> set[str]:
    """The words in an identifier: `open_ledgerTile` -> open, ledger, tile; and their singulars."""
    found = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
    return found | {part.removesuffix("s") for part in found}


def synonyms(name: str) -> set[str]:
    """The denied words that an identifier holds."""
    return set() if name in ALLOWED else parts(name) & DENIED


def defined_names(tree: ast.AST) -> Iterator[str]:
    """Every name that a source makes up: classes, functions, parameters, variables, fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr


def sources() -> list[Path]:
    found = [PACKAGE / place for place in PLACES]
    return [path for place in found for path in ([place] if place.is_file() else sorted(place.rglob("*.py")))]


def schema_names() -> Iterator[str]:
    """Every table and column of the store, and every named query."""
    for path in sorted((PACKAGE / "store").rglob("*.sql")):
        text = path.read_text(encoding="utf-8")
        yield from re.findall(r"^CREATE TABLE (\w+)", text, re.MULTILINE)
        yield from re.findall(r"^  ([a-z_]+) (?:TEXT|BIGINT|BYTEA|\{serial\})", text, re.MULTILINE)
        yield from re.findall(r"^-- name: (\w+)", text, re.MULTILINE)


def spoken_names() -> Iterator[str]:
    """Every kind of event with its fields, every route and every permission."""
    for kind, event in events.ALL.items():
        yield from (kind, *event.PUBLIC, *event.PRIVATE, *event.LOCAL)
    for route in routes.TABLE:
        yield from re.findall(r"\w+", route.path)
    yield from PERMISSIONS


@pytest.mark.parametrize("word", [word.strip() for word in re.split(r",\s", WORDS)])
def test_each_word_of_the_design_is_defined(word: str) -> None:
    assert word in DEFINED


def test_a_word_is_not_denied_and_defined() -> None:
    assert not DEFINED & DENIED
    assert {"tenant", "worker", "labeller", "item", "labelset"} <= DENIED


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_source_makes_up_no_synonym(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert {name: found for name in defined_names(tree) if (found := synonyms(name))} == {}


def test_tables_columns_and_queries_use_the_words() -> None:
    names = set(schema_names())
    assert {"event", "organization", "lease"} & names and len(names) > 100
    assert {name: found for name in names if (found := synonyms(name))} == {}


def test_events_routes_and_permissions_use_the_words() -> None:
    assert {name: found for name in spoken_names() if (found := synonyms(name))} == {}


@pytest.mark.parametrize("name", ["tenant_id", "WorkerPool", "next_item", "listItems", "label_worker"])
def test_a_synonym_is_noticed(name: str) -> None:
    assert synonyms(name)
    assert name in set(defined_names(ast.parse(f"{name} = 1")))
