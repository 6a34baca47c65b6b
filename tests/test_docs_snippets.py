"""What pages say to run is run: shell in a fresh folder, Python against the node that it started."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", *sorted(f"docs/guide/{path.name}" for path in (ROOT / "docs" / "guide").glob("*.md"))]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STAYS = re.compile(r"^evenhand (demo|label|up)\b")  # prints a link and runs until Ctrl-C
CHECKOUT = re.compile(r"^(make \w+|\. \.venv/bin/activate)$")  # what the fresh folder cannot do


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of each part of a page that is to be run; Python goes on where it stopped."""
    found = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    runs = groupby(found, key=lambda block: block[0])
    return [(language, "".join(text for _, text in run)) for language, run in runs]


class Reader:
    """Somebody who types what a page says, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.node: subprocess.Popen[str] | None = None
        kept = {key: value for key, value in os.environ.items() if not key.startswith("EVENHAND_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = kept | {"PATH": path, "EVENHAND_PORT": "0", "PYTHONUNBUFFERED": "1"}

    def shell(self, text: str) -> None:
        for line in text.replace("\\\n", " ").splitlines():
            if CHECKOUT.match(line):
                continue
            if STAYS.match(line):
                self.stop()
                self.start(line)
            else:
                self.run("sh", "-ec", line)

    def python(self, text: str) -> None:
        """With address and key of the node that the page has started, as it told the reader to set them."""
        data = self.folder / "evenhand-data"
        told = {}
        if self.node is not None:
            told["EVENHAND_URL"] = json.loads((data / "node.json").read_text())["url"]
            told["EVENHAND_API_KEY"] = (data / "local.key").read_text().strip()
        self.run(sys.executable, "-c", text, **told)

    def run(self, *command: str, **more: str) -> None:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}{done.stderr}"

    def start(self, line: str) -> None:
        """A command that stays, until it says so."""
        self.node = subprocess.Popen(
            ["sh", "-ec", f"exec {line}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.node.stdout is not None
        said = ""
        for words in self.node.stdout:
            said += words
            if "/invite/" in words:
                return
        raise AssertionError(f"{line}\n{said}")

    def stop(self) -> None:
        if self.node is not None:
            self.node.send_signal(signal.SIGINT)
            self.node.communicate(timeout=120)
            self.node = None


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    one = Reader(tmp_path)
    yield one
    one.stop()


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_what_a_page_says_to_run_runs(page: str, reader: Reader) -> None:
    for language, text in blocks(page):
        if language == "sh":
            reader.shell(text)
        else:
            reader.python(text)


def test_the_targets_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in [*PAGES, "CONTRIBUTING.md"]:
        text = (ROOT / page).read_text(encoding="utf-8")
        named = {a or b for a, b in re.findall(r"^make (\w+)|`make (\w+)", text, re.MULTILINE)}
        assert named <= targets, page
