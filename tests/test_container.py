"""The Containerfile, step by step in a folder of its own, without an engine; and compose.yaml."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import site
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from evenhand import config

ROOT = Path(__file__).resolve().parents[1]
OFFLINE = "--no-deps --no-index --no-build-isolation --ignore-installed --quiet"
KNOWN = {
    "FROM",
    "WORKDIR",
    "COPY",
    "RUN",
    "ENV",
    "USER",
    "VOLUME",
    "EXPOSE",
    "STOPSIGNAL",
    "HEALTHCHECK",
    "CMD",
}


def steps() -> list[tuple[str, str]]:
    """(instruction, rest) of each line, continued lines joined, comments gone."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Containerfile").read_text(), flags=re.M).replace("\\\n", " ")
    parts = [line.partition(" ") for line in text.splitlines() if line]
    return [(word, rest.strip()) for word, _, rest in parts]


class Sandbox:
    """A file tree with the container's paths. Both stages share it: neither hides what the other has."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.here = root
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], *site.getsitepackages()]),  # the index
        }

    def inside(self, text: str) -> str:
        """The paths of the container as those of the sandbox; programs of the system stay where they are."""
        return re.sub(r"(?<![\w.:/])/(?=build|opt|data)", f"{self.root}/", text)

    def step(self, word: str, rest: str) -> None:
        if word == "WORKDIR":
            self.here = Path(self.inside(rest))
            self.here.mkdir(parents=True)
        elif word == "COPY":
            self.copy([part for part in shlex.split(rest) if not part.startswith("--")], "--from" in rest)
        elif word == "ENV":
            name, _, value = rest.partition("=")
            self.environment[name] = self.inside(value)
        elif word == "RUN":
            command = self.inside(rest).replace("pip install", f"pip install {OFFLINE}")
            done = subprocess.run(
                command, shell=True, cwd=self.here, env=self.environment, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{rest}\n{done.stdout}{done.stderr}"

    def copy(self, paths: list[str], between_stages: bool) -> None:
        *sources, target = paths
        if between_stages:
            assert sources == [target] and Path(self.inside(target)).exists(), paths
            return
        for name in sources:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, self.here / target, ignore=ignored)
            else:
                shutil.copy2(ROOT / name, self.here / target / name)


def ignored(folder: str, names: list[str]) -> list[str]:
    """What .containerignore leaves out of any folder."""
    lines = (ROOT / ".containerignore").read_text().split()
    patterns = [line.removeprefix("**/") for line in lines if line.startswith("**/")]
    return [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The tree after all steps but the last."""
    made = Sandbox(tmp_path_factory.mktemp("container"))
    for word, rest in steps():
        assert word in KNOWN, f"teach this test about {word}"
        made.step(word, rest)
    return made


def test_the_image_runs_what_it_says(sandbox: Sandbox, free_port: int) -> None:
    """The program of the image starts from its own files, answers, is found healthy, and ends in order."""
    environment = sandbox.environment | {"EVENHAND_HOST": "127.0.0.1", "EVENHAND_PORT": str(free_port)}
    ask = [str(sandbox.root / "opt/evenhand/bin/python"), "-c", "import evenhand; print(evenhand.__file__)"]
    installed = next((sandbox.root / "opt/evenhand/lib").glob("python3*/site-packages"))
    assert (installed / "evenhand" / "cli" / "__init__.py").is_file()
    environment["PYTHONPATH"] = os.pathsep.join([str(installed), environment["PYTHONPATH"]])
    where = subprocess.run(ask, env=environment, cwd=sandbox.root, capture_output=True, text=True).stdout
    assert where.startswith(str(installed)), where
    command = json.loads(dict(steps())["CMD"])
    program = shutil.which(command[0], path=environment["PATH"])
    assert program == str(sandbox.root / "opt/evenhand/bin/evenhand")
    check = dict(steps())["HEALTHCHECK"].partition(" CMD ")[2]
    process = subprocess.Popen(
        [program, *command[1:]], env=environment, cwd=sandbox.root, stdout=subprocess.DEVNULL
    )
    try:
        _wait_for(f"http://127.0.0.1:{free_port}/healthz", process)
        _wait_for(f"http://127.0.0.1:{free_port}/readyz", process)
        assert "<script" in httpx.get(f"http://127.0.0.1:{free_port}/annotate").text, "no pages were built"
        assert subprocess.run(check, shell=True, env=environment).returncode == 0
        assert (sandbox.root / "data" / "evenhand.db").is_file()
    finally:
        process.terminate()
        assert process.wait(120) == 0
    assert subprocess.run(check, shell=True, env=environment, stderr=subprocess.DEVNULL).returncode != 0


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + 120
    while not _is_well(url):
        assert process.poll() is None and time.monotonic() < limit, url
        time.sleep(0.05)


def _is_well(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def test_the_image_is_not_root_and_keeps_its_data_in_a_volume() -> None:
    words = dict(steps())
    assert not words["USER"].startswith(("0", "root"))
    settings = dict(rest.split("=", 1) for word, rest in steps() if word == "ENV")
    assert words["VOLUME"] == settings["EVENHAND_DATA"] and words["EXPOSE"] == settings["EVENHAND_PORT"]
    assert {name for name in settings if name.startswith("EVENHAND_")} <= {s.name for s in config.SETTINGS}


def test_compose_names_settings_that_exist() -> None:
    text = (ROOT / "compose.yaml").read_text()
    assert set(re.findall(r"EVENHAND_[A-Z_]+", text)) <= {setting.name for setting in config.SETTINGS}
    services = yaml.safe_load(text)["services"]
    given = services["evenhand"]["environment"]
    usual = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in given.items()}
    assert config.read(usual).database_url is None, "SQLite unless the operator says otherwise"
    assert services["evenhand"]["env_file"] == [{"path": ".env", "required": False}], "all settings reach it"
    inside = dict(rest.split("=", 1) for word, rest in steps() if word == "ENV")
    assert all(given[name] == inside[name] for name in ("EVENHAND_DATA", "EVENHAND_HOST", "EVENHAND_PORT"))
    assert services["postgres"]["profiles"] == ["postgres"] and "profiles" not in services["evenhand"]
    assert all(port.startswith("127.0.0.1:") for port in services["evenhand"]["ports"])


def test_both_engines_leave_the_same_files_out() -> None:
    assert (ROOT / ".dockerignore").read_text() == (ROOT / ".containerignore").read_text()
