"""Letters about shares as files in a folder: what a node has to say is written, what came is taken in order.

A folder is the whole transport: copy it, mail it, carry it. Letters that are there already are left alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from evenhand import wire
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.sdk import Client

SUFFIX = ".letter"
Answer = Literal["", "accept", "decline"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one file came to."""

    file: str
    taken: wire.Taken | None  # None: an offer, which waits for an answer


def write(
    client: Client, shares: Sequence[wire.Share], act: Literal["offer", "deliver", "recall", "deleted"],
    folder: Path, hours: int = 168, tell: Callable[[int, int | None], None] | None = None,
) -> list[Path]:  # fmt: skip
    """Write letters about these shares until there is nothing more to say, and files of all that are not
    known to have arrived.

    Args:
        folder: where; of a home node each partner's letters have a folder of its own name in it.
        tell: called with the letters that are written.
    """
    written: list[Path] = []
    for share in shares:
        place = _place(folder, share)
        while True:
            done = client.write_letter(share.share_id, act, hours)
            if done.letter is None:
                break
            written.append(keep(done.letter, place))
            if tell:
                tell(len(written), None)
        written += _again(client, share, place)
    return list(dict.fromkeys(written))


def _again(client: Client, share: wire.Share, place: Path) -> Iterator[Path]:
    """Files of letters that were written before, where the other node has not taken them and none is there:
    a stop, or a lost folder, loses none."""
    there = {path.name[:6] for path in place.glob(f"*-{share.side}-*{SUFFIX}")}
    for seq in range(share.acked, share.sent):
        if f"{seq:06}" not in there:
            try:
                yield keep(client.letter(share.share_id, seq), place)
            except Missing:
                continue  # it has arrived meanwhile, or was erased


def _place(folder: Path, share: wire.Share) -> Path:
    """Where letters about a share go: to those that are there already, else to a folder of the partner's."""
    for path, head in _letters(folder):
        if head["share"] == share.share_id:
            return path.parent
    return folder / re.sub(r"[^\w.-]+", "-", share.name).strip(".-") if share.side == "home" else folder


def keep(letter: wire.Letter, folder: Path) -> Path:
    """Write the file of a letter: whole, or not at all.

    Raises:
        Refused: it cannot be written, or another file is in its place.
    """
    path = folder / letter.name
    content = letter.content.encode()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            if path.read_bytes() != content:
                reason = "Another letter is in this place."
                raise Refused("letter.exists", reason, str(path), "Use one folder for one partner.")
            return path
        half = path.with_name(f".{path.name}.half")
        half.write_bytes(content)
        half.replace(path)
    except OSError as error:
        raise Refused("letter.unwritable", f"It cannot be written: {error.strerror}.", str(path)) from error
    return path


def take(
    client: Client,
    folder: Path,
    *,
    home: str = "",
    answer: Answer = "",
    reason: str = "",
    organization_id: str | None = None,
    tell: Callable[[int, int | None], None] | None = None,
) -> list[Outcome]:
    """Take every letter in a folder that is to this node, each share's in their order, and write the answers
    beside them.

    Args:
        home, answer, reason, organization_id: as `Client.take_letter` takes them. Without an `answer`, a
            share whose offer waits for one is left at that: it has an outcome without anything taken.

    Raises:
        Missing: there is no letter to this node.
        Invalid, Refused: a letter cannot be taken, and which; what came before it is taken.
    """
    origin = client.vkey().partition("+")[0]
    found = [(path, head) for path, head in _letters(folder) if head["to"] == origin]
    if not found:
        remedy = "Name the folder that the other node's letters were copied to."
        raise Missing("letter.none", f"There is no letter to {origin} here.", str(folder), remedy)
    outcomes: list[Outcome] = []
    waiting: set[str] = set()  # shares whose offer is not answered
    for path, head in sorted(found, key=lambda one: (one[1]["share"], one[1]["seq"])):
        if head["share"] in waiting:
            continue
        try:
            taken = client.take_letter(
                _text(path), home=home, answer=answer, reason=reason, organization_id=organization_id
            )
        except (Invalid, Refused, Missing) as error:
            if answer == "" and error.rule in UNDECIDED:
                waiting.add(head["share"])
                outcomes.append(Outcome(file=str(path), taken=None))
                continue
            raise type(error)(error.rule, error.reason, str(path), error.remedy) from error
        for letter in taken.letters:
            keep(letter, path.parent)
        outcomes.append(Outcome(file=str(path), taken=taken))
        if tell:
            tell(len(outcomes), len(found))
    return outcomes


UNDECIDED = frozenset({"share.undecided", "share.home"})
"""Why an offer is not taken without an answer to it."""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise Invalid(
            "letter.form", "The letter was damaged on its way.", str(path), "Ask for it again."
        ) from None


def _letters(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The files of letters below a folder with what their heads say, nothing of it checked."""
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        with path.open("rb") as file:
            file.readline(64)
            line = file.readline(1 << 20)
        try:
            head = json.loads(line)
        except ValueError:
            head = None
        known = isinstance(head, dict) and {"share", "seq", "act", "to"} <= head.keys()
        if not known or not isinstance(head["seq"], int):
            reason = "The file ends in .letter, and is no letter of a node."
            raise Invalid("letter.form", reason, str(path), "Ask for it again, or take it away.")
        yield path, head


def new_ones(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those that were not taken before."""
    return [one for one in outcomes if one.taken is None or not one.taken.again]
