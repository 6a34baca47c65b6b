"""Files on this machine: what is sent is there; what an export leaves appears whole or not at all."""

from __future__ import annotations

from pathlib import Path

from evenhand.core.errors import Broken, Missing, Refused


def existing(path: Path) -> Path:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise Missing("import.no-file", f"The file {what}.", str(path), "Check the path.")
    return path


def check_free(target: Path, replace: bool) -> None:
    if target.exists() and not (replace and target.is_dir()):
        remedy = "Name another folder, or say that it shall be replaced."
        raise Refused(
            "export.exists", "There is something already, and it is left alone.", str(target), remedy
        )


def put_in_place(new: Path, target: Path, old: Path) -> None:
    """Rename, so that a reader finds the old folder or the new one, never half of one."""
    if target.exists():
        target.rename(old)
    new.rename(target)


def inside(name: str) -> Path:
    """The name of an export's file as a path, refused when it would lead out of the folder."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part or ":" in part for part in parts):
        reason = f"The node names a file {name!r}, which leads out of the folder."
        raise Broken("export.file-name", reason, name)
    return Path(*parts)
