"""The build hook: builds what is stale, leaves alone what is not, records no registry."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Sources of the pages and built assets, all of the same moment, as an unpacked sdist has them."""
    for name in [
        "web/package.json",
        "web/src/theme.css",
        "web/src/lib/kit.test.ts",
        "src/evenhand/labels/choice/widget.ts",
        "src/evenhand/labels/span/page.ts",
        "src/evenhand/http/assets/widgets.json",
    ]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        os.utime(path, (1_000, 1_000))
    return tmp_path


def build_hook(hook: ModuleType, root: Path) -> list[str]:
    """What the hook asks for before it builds."""
    made = hook.WebBuildHook(str(root), {}, None, None, str(root), "wheel")
    needed: list[str] = made.dependencies()
    return needed


def test_assets_that_are_present_need_no_node(hook: ModuleType, checkout: Path) -> None:
    assert build_hook(hook, checkout) == []


@pytest.mark.parametrize(
    "changed",
    [
        "web/src/theme.css",
        "web/package.json",
        "src/evenhand/labels/choice/widget.ts",
        "src/evenhand/labels/span/page.ts",
    ],
)
def test_a_newer_source_is_built(hook: ModuleType, checkout: Path, changed: str) -> None:
    os.utime(checkout / changed, (2_000, 2_000))
    assert build_hook(hook, checkout) == [hook.NODE_REQUIREMENT]


def test_a_newer_test_is_not(hook: ModuleType, checkout: Path) -> None:
    os.utime(checkout / "web/src/lib/kit.test.ts", (2_000, 2_000))
    assert build_hook(hook, checkout) == []


def test_missing_assets_are_built(hook: ModuleType, checkout: Path) -> None:
    (checkout / hook.BUILT).unlink()
    assert build_hook(hook, checkout) == [hook.NODE_REQUIREMENT]


def test_the_lock_file_records_no_registry() -> None:
    locked = json.loads((ROOT / "web" / "package-lock.json").read_text())
    assert all("resolved" not in package for package in locked["packages"].values())
    assert all("integrity" in package for path, package in locked["packages"].items() if path)


def test_pages_hold_nothing_inline() -> None:
    for name in ["annotate.html", "manage.html", "neutrality.html"]:
        page = (ROOT / "web" / name).read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|https?://", page), name
