"""What the node says to users has a German text: the table of the pages against the node's sources."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "evenhand"
sys.path.insert(0, str(ROOT / "tests"))

import reference  # noqa: E402

from evenhand import formats  # noqa: E402

GERMAN: dict[str, dict[str, str]] = json.loads(
    (ROOT / "web" / "src" / "lib" / "problems.de.json").read_text(encoding="utf-8")
)
MET = re.compile(
    r"(answer|appeal|assignment|body|draft|export|format|import|invite|lane|member|not-found|oidc|password"
    r"|permission|qualification|record|review|session|standing|submission|too-many|zip)($|\.)"
    r"|blob\.(declared|large|missing|type)|project\.(state|version)"
)
"""Rules that people meet on the pages: signing in, importing, answering, reviewing, exporting, permissions,
conflicts, limits."""
ELSEWHERE = {
    "answer.justification",  # its reason is another rule's
    "export.digest",  # of the client and the command line
    "export.file-name",
    "format.column",  # of `convert` on the command line
    "format.missing",
    "import.file-changed",
    "import.no-file",
}
ROWS = ["core/record.py", "service/intake.py", "formats/csv.py", "formats/jsonl.py", "formats/parquet.py"]


def said() -> dict[str, set[str]]:
    """Rule -> reasons and remedies, variable parts as an ellipsis, of every error that the package makes."""
    found: dict[str, set[str]] = defaultdict(set)
    kinds = ("Turned", *reference.KINDS)
    for path in sorted(PACKAGE.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        assigned = [node for node in nodes if isinstance(node, ast.Assign)]
        for node in nodes:
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds):
                continue
            args = node.args[1:] if node.func.id == "Turned" else node.args
            if args and isinstance(args[0], ast.Constant):
                told = [*args[1:2], *args[3:4], *(k.value for k in node.keywords if k.arg == "remedy")]
                found[str(args[0].value)].update(t for one in told for t in _texts(assigned, node, one))
    return found


def _texts(assigned: list[ast.Assign], call: ast.Call, told: ast.expr) -> Iterator[str]:
    """What an argument can be: a name is what was assigned to it before, a choice is both."""
    if isinstance(told, ast.IfExp):
        yield from _texts(assigned, call, told.body)
        yield from _texts(assigned, call, told.orelse)
    elif isinstance(told, ast.Name):
        before = [
            node
            for node in assigned
            if node.lineno <= call.lineno
            if any(isinstance(target, ast.Name) and target.id == told.id for target in node.targets)
        ]
        if before:
            yield from _texts(assigned, call, max(before, key=lambda one: one.lineno).value)
    else:
        yield reference.words(told)


def undefined() -> set[str]:
    """Every reason for which a figure of quality has no value."""
    found: set[str] = set()
    for name in ("agreement", "integrity", "lean"):
        nodes = list(ast.walk(ast.parse((PACKAGE / "core" / f"{name}.py").read_text(encoding="utf-8"))))
        assigned = [node for node in nodes if isinstance(node, ast.Assign)]
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                told = node.args[1:2] if node.func.id == "_undefined" else []
                told += [k.value for k in node.keywords if k.arg == "undefined"]
                found |= {text for one in told for text in _texts(assigned, node, one)}
    return {text for text in found if " " in text}


def titles() -> set[str]:
    """Titles of formats that are more than names: they have a word of English in them."""
    all_titles = {format.title for format in formats.all_formats().values()}
    return {title for title in all_titles if re.search(r"\b[a-z]{4,}", title) and title != "doccano"}


def test_whatever_users_meet_has_a_german_text_with_its_parameters() -> None:
    said_ = said()
    rows = {
        reference.words(node)
        for name in ROWS
        for node in ast.walk(ast.parse((PACKAGE / name).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant | ast.JoinedStr)
    }
    missing = {
        (rule, text)
        for rule, texts in said_.items()
        if MET.match(rule) and rule not in ELSEWHERE
        for text in texts - GERMAN.get(rule, {}).keys()
        if len(re.sub(r"\W", "", text)) > 3  # else it is somebody else's words
    }
    assert missing == set()
    assert undefined() == GERMAN["undefined"].keys()
    assert titles() == GERMAN["title"].keys()
    for rule, texts in GERMAN.items():
        known = (
            rows
            if rule == "row"
            else undefined()
            if rule == "undefined"
            else titles()
            if rule == "title"
            else said_[rule]
        )
        assert texts.keys() <= known, f"{rule}: nobody says {texts.keys() - known}"
        for english, german in texts.items():
            places = [str(n + 1) for n in range(english.count("…"))]
            assert sorted(re.findall(r"\{(\d)\}", german)) == places, (rule, english, german)
