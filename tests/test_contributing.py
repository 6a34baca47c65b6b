"""What CONTRIBUTING.md shows is made into a package of its own, installed, and its tests are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ ([\w./]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
ENTRY = re.compile(r"`(\w+) = \"([\w.]+:\w+)\"` under `\[project\.entry-points\.\"(evenhand\.\w+)\"\]`")


def entry_points() -> dict[str, dict[str, str]]:
    """Group -> name -> object: those of the pyproject shown, and those in the text."""
    groups: dict[str, dict[str, str]] = dict(
        tomllib.loads(FILES["pyproject.toml"])["project"]["entry-points"]
    )
    for name, target, group in ENTRY.findall(PAGE):
        groups.setdefault(group, {})[name] = target
    return groups


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files shown and what an installer writes beside them."""
    folder = tmp_path_factory.mktemp("contributed")
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    about = tomllib.loads(FILES["pyproject.toml"])["project"]
    info = folder / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {about['name']}\nVersion: {about['version']}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in p.items()) for group, p in entry_points().items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


def python(package: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(package)}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=package,
        env=environment,
        capture_output=True,
        text=True,
        timeout=850,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["test_light.py", "test_semicolon.py"])
def test_the_test_that_is_shown_passes(package: Path, name: str) -> None:
    said = python(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(package), name)
    assert re.search(r"\d+ passed", said) and "skipped" not in said


def test_the_type_can_be_asked_and_the_format_chosen(package: Path) -> None:
    said = python(
        package,
        "-c",
        "from evenhand import labels, formats; from evenhand.core.project import *\n"
        "q = Question(id='q', title='?', type='light/1', config={'off': False})\n"
        "d = Document(name='p', fields=(Field(name='text', type='text'),), questions=(q,))\n"
        "print(check_document(d, labels.all_types()).labels['q'].colours, formats.choose('a.ssv').name)",
    )
    assert said.split("\n")[0] == "('green', 'amber', 'red') semicolon"


def test_a_type_that_keeps_less_is_noticed(package: Path) -> None:
    """The test that is shown fails when `distance` is not symmetric."""
    broken = FILES["evenhand_light/__init__.py"].replace(
        "abs(COLOURS.index(a) - COLOURS.index(b))", "COLOURS.index(a)"
    )
    assert broken != FILES["evenhand_light/__init__.py"]
    path = package / "evenhand_light" / "__init__.py"
    path.write_text(broken, encoding="utf-8")
    try:
        with pytest.raises(AssertionError, match="symmetric"):
            python(
                package,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "--rootdir",
                str(package),
                "test_light.py",
            )
    finally:
        path.write_text(FILES["evenhand_light/__init__.py"], encoding="utf-8")
