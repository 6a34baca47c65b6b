"""The index of words: taken in beside the requests, in small verbs, while corrections follow at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evenhand.core.events import Moment
from evenhand.core.search import words_of
from evenhand.lane import Lane
from evenhand.service.view import decode_json
from evenhand.store import Reader, Transaction

STEP = 1_000  # tasks that one verb takes in, so that annotators get in between
PAGES = 200  # of the index that one verb writes again
ERASED = "words-erased"  # the setting that says that the index still holds marks of erased words
GROWING = 1_000  # tasks more than a turn ago: an import is under way, and the index waits until it is over


class Indexer:
    """Takes in what has come; one process of the node runs it, turn by turn."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._seen: dict[str, int] = {}  # project -> its next task a turn ago

    def turn(self, over: Callable[[], bool]) -> bool:
        """Take in what projects have that are not growing fast: an import is faster without us.

        Args:
            over: whether it is time to let others go on.

        Returns:
            Whether it stopped before the end.
        """
        with self._lane.store.read() as reader:
            behind = reader.all("search_behind")
        seen, self._seen = self._seen, {row["id"]: row["next_task"] for row in behind}
        for row in behind:
            settled = row["next_task"] - seen.get(row["id"], row["upto"] + 1) <= GROWING
            if settled and not self._catch_up(row, over):
                return True
        return self._forget(over)

    def _forget(self, over: Callable[[], bool]) -> bool:
        """Write the index again until nothing is in it of what was erased; whether some of it may be left."""
        with self._lane.store.read() as reader:
            asked = reader.one("setting", name=ERASED)
        left = asked is not None and asked["value"] != ""
        while left and not over():
            left = self._lane.call(forget_some)
        return left

    def _catch_up(self, row: dict[str, Any], over: Callable[[], bool]) -> bool:
        organization, project, upto, last = row["organization"], row["id"], row["upto"], row["next_task"] - 1
        much = last - upto > STEP
        while upto < last:
            if over():
                return False
            chunk = min(upto + STEP, last)
            with self._lane.store.read() as reader:
                keys = {"organization": organization, "project": project, "after": upto, "last": chunk}
                corrections = reader.tuples("corrections", **keys)[0][0]
                rows = [
                    (n, words_of(decode_json(record)))
                    for n, record in reader.tuples("search_records", **keys)
                ]
            upto = self._lane.call(take_in, organization, project, upto, chunk, corrections, rows)
        if much:  # not before: it may take longer than a turn, and then nothing would ever be taken in
            self._lane.store.take_stock()
        return True


def forget_later(tx: Transaction) -> None:
    """Words were erased: the index is to be written again without them."""
    tx.run("put_setting", name=ERASED, value="1")


def forget_some(tx: Transaction, at: Moment) -> bool:
    """Write some pages of the index again; whether there is more to do."""
    before = tx.tuples("written_so_far")[0][0]
    tx.run("merge_words", pages=PAGES)
    more: bool = tx.tuples("written_so_far")[0][0] - before >= 2  # FTS5, 6.7: less says that all is done
    if not more:
        tx.run("put_setting", name=ERASED, value="")
    return more


def take_in(
    tx: Transaction,
    at: Moment,
    organization: str,
    project: str,
    after: int,
    last: int,
    corrections: int,
    rows: list[tuple[int, list[str]]],
) -> int:
    """Put the words of tasks `after` < n <= `last` into the index; gives the number that it now reaches.

    Nothing is done when another process was here first, or when a correction came since the words were
    read: they are read again then.
    """
    keys = {"organization": organization, "project": project}
    tx.run("open_search", **keys)
    state = tx.one("search_project", **keys)
    assert state is not None, "it was just opened"
    if (
        state["upto"] != after
        or tx.tuples("corrections", **keys, after=after, last=last)[0][0] != corrections
    ):
        return int(state["upto"])
    tx.many(
        "put_words",
        [{**keys, "slot": state["slot"], "task": n, "words": " ".join(words)} for n, words in rows],
    )
    tx.run("search_taken", **keys, upto=last)
    return last


def follow_correction(
    tx: Transaction, organization: str, project: str, n: int, old: bytes, new: bytes
) -> None:
    """The words of a task's new data instead of the old ones."""
    keys = {"organization": organization, "project": project}
    state = tx.one("search_project", **keys)
    if state is None or n > state["upto"]:
        return  # not taken in yet; when it is, the new data are read
    row = {**keys, "slot": state["slot"], "task": n}
    tx.many("drop_words", [{**row, "words": " ".join(words_of(decode_json(old)))}])
    tx.many("put_words", [{**row, "words": " ".join(words_of(decode_json(new)))}])


def state_of(reader: Reader, row: dict[str, Any]) -> tuple[int, int]:
    """(slot, number of the last task taken in) of a project; (0, 0) before the first."""
    state = reader.one("searchable", organization=row["organization"], project=row["id"])
    return (0, 0) if state is None else (state["slot"], state["upto"])
