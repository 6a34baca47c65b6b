"""What pages say that is made from the sources: `make docs` writes it, tests compare it.

errors.md and schemas.json are made as a whole; of ARCHITECTURE.md, the table of rooms.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "spec" / "errors.md"
SCHEMAS = ROOT / "docs" / "spec" / "schemas.json"
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
ROOMS = re.compile(r"(?<=\| room \| what it is \|\n\|---\|---\|\n)(?:\|.*\n)*")
KINDS = {
    "Invalid": ("400", "What was sent cannot be read. Correct it and send it again."),
    "Refused": ("403, 409", "It can be read, and a rule forbids it now. Sending it again will not help."),
    "Missing": (
        "404",
        "There is no such thing, or none that you may see. The two are not told apart on purpose.",
    ),
    "Broken": ("500", "Evenhand's own data contradict themselves. Stop, and run `evenhand doctor`."),
    "Unavailable": ("429, 503", "Not now: something is busy, full or starting. Try the same again later."),
}

HEAD = """# Errors

Every error has a `rule`, a stable name for programs; a reason, one sentence for a person; the place in what
was sent; and mostly a remedy. Over HTTP it is `application/problem+json` (see http.md), on the command line
it is words on standard error and exit code 1, in Python one of five exceptions of `evenhand.core.errors`,
sorted by what the caller should do. `…` stands for what differs from case to case. `make docs` writes this.
"""


def raised() -> dict[str, dict[str, set[str]]]:
    """Kind -> rule -> reasons, from every call in the package that makes an error."""
    found: dict[str, dict[str, set[str]]] = {kind: {} for kind in KINDS}
    for path in sorted((ROOT / "src" / "evenhand").rglob("*.py")):
        if path.name.startswith("test_"):
            continue
        for kind, rule, reason in calls(ast.parse(path.read_text(encoding="utf-8"))):
            found[kind].setdefault(rule, set()).add(reason)
    return found


def calls(tree: ast.AST) -> Iterator[tuple[str, str, str]]:
    """(kind, rule, reason) of each."""
    said = sorted(
        (node.lineno, target.id, words(node.value))
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    )
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS):
            continue
        if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
            reason = node.args[1] if len(node.args) > 1 else None
            text = words(reason)
            if isinstance(reason, ast.Name):
                before = [text for line, name, text in said if name == reason.id and line <= node.lineno]
                text = before[-1] if before else "…"  # the last one before the call
            yield node.func.id, node.args[0].value, text


def words(node: ast.expr | None) -> str:
    """A text with its variable parts as an ellipsis."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(words(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return "…"


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for kind, rules in raised().items():
        status, meaning = KINDS[kind]
        rows = [f"| `{rule}` | {' / '.join(sorted(reasons))} |" for rule, reasons in sorted(rules.items())]
        parts.append(f"\n## {kind} (HTTP {status})\n\n{meaning}\n\n| rule | what it says |\n|---|---|\n")
        parts.append("\n".join(row.replace("\n", " ") for row in rows) + "\n")
    return "".join(parts)


def schemas() -> str:
    """JSON Schemas of every kind of entry."""
    from evenhand.audit import grammar

    return json.dumps(grammar.schemas(), indent=1, sort_keys=True) + "\n"


def rooms() -> str:
    """A row for each module and package right below `evenhand`: what its first paragraph says it is."""
    package = ROOT / "src" / "evenhand"
    rows = []
    for path in sorted((*package.glob("*.py"), *package.glob("*/__init__.py")), key=name_of):
        if path.parent != package or path.name != "__init__.py":
            said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            first = " ".join(said.partition("\n\n")[0].split())
            rows.append(f"| `{name_of(path)}` | {first} |\n")
    return "".join(rows)


def name_of(path: Path) -> str:
    """`lane.py`, or `core/` for a package."""
    return f"{path.parent.name}/" if path.name == "__init__.py" else path.name


if __name__ == "__main__":
    ARCHITECTURE.write_text(ROOMS.sub(lambda _: rooms(), ARCHITECTURE.read_text(encoding="utf-8")), "utf-8")
    PAGE.write_text(page(), encoding="utf-8")
    SCHEMAS.write_text(schemas(), encoding="utf-8")
