"""What an erasure takes out of an event, and what it leaves."""

from __future__ import annotations

import msgspec
import pytest

from evenhand.core import canonical, erasure
from evenhand.core.events import (
    Brought,
    Concluded,
    GoldMarked,
    MemberAdded,
    Reviewed,
    RulesFollowed,
    Submitted,
    TaskCorrected,
    TestAnswered,
)

SALTS = (b"1" * 32, b"2" * 32, b"3" * 32, b"4" * 32)
SAID = {"assignment": "a", "project": "p", "task": 7, "member": "m", "slot": "s"}
SUBMITTED = Submitted(
    stream="per", **SAID, ms=1, revision=1, surplus=0, answers=b'{"q":1}', counted=b'{"q":1.0}', was="live"
)
REVIEWED = Reviewed(
    stream="per",
    slot="s",
    ms=1,
    decision=b"fixed",
    answers=b'{"q":2}',
    comment=b"no",
    judged=b"[]",
    review="r",
    project="p",
    task=7,
    round=1,
    member="m",
    judgements=(),
)


@pytest.mark.parametrize(
    ("event", "about"),
    [
        (SUBMITTED, True),
        (msgspec.structs.replace(SUBMITTED, task=8), False),
        (msgspec.structs.replace(SUBMITTED, project="other"), False),
        (REVIEWED, True),
        (Brought(stream="per", **SAID, answers=b"{}", given=b"1", round=1, version=1, ms=1), True),
        (TaskCorrected(stream="p", task=b"7", record=b'{"t":1}'), True),
        (TaskCorrected(stream="p", task=b"70", record=b'{"t":1}'), False),
        (
            TestAnswered(stream="per", task=b"7", answers=b"{}", project="p", member="m", attempt=1, right=1),
            True,
        ),
        (RulesFollowed(stream="p", version=1, first=1, last=9), False),
    ],
)
def test_which_events_are_about_a_task(event, about):
    assert erasure.about_task(event, "p", 7) is about


def test_values_and_salts_go_and_the_rest_stays():
    event, salts = erasure.without(SUBMITTED, SALTS[:1], ("answers",))
    assert (event.answers, event.counted, salts) == (b"{}", b"", (b"",))
    assert msgspec.structs.replace(event, answers=SUBMITTED.answers, counted=SUBMITTED.counted) == SUBMITTED
    event, salts = erasure.without(REVIEWED, SALTS, ("answers", "comment"))
    assert (event.decision, event.answers, event.comment) == (b"fixed", b"{}", b"")
    assert salts == (SALTS[0], b"", b"", SALTS[3])


def test_of_a_member_the_ids_stay_that_tables_need_and_nobody_can_open():
    member = MemberAdded(stream="org", role="owner", actor="human", member=b"mem", person=b"per")
    assert erasure.without(member, SALTS[:2], ("member", "person")) == (member, (b"", b""))


@pytest.mark.parametrize(
    ("kind", "row", "kept"),
    [
        (Concluded, b'[7,{"q":{"value":1}}]', b"\0"),
        (GoldMarked, b'[7,"open",{"q":1},"see"]', b'\0[7,"open",{},""]'),
    ],
)
def test_a_row_goes_and_every_other_can_still_be_shown(kind, row, kept):
    others = [row.replace(b"[7,", b"[%d," % n) for n in (6, 8)]
    more = {"use": "gold"} if kind is GoldMarked else {}
    event = kind(stream="p", rows=(others[0], row, others[1]), **more)
    rows = list(zip(SALTS, event.rows, strict=False))
    root = canonical.bulk_root("o", event.KIND, rows)
    leaves = canonical.bulk_leaves("o", event.KIND, rows)
    made = erasure.without_rows(event, SALTS[:3], leaves, 7)
    assert made is not None
    left = list(zip(made[1], made[0].rows, strict=True))
    assert left[1] == (leaves[1], kept)
    assert canonical.bulk_root("o", event.KIND, left) == root
    for i in (0, 2):
        canonical.verify_bulk_row(
            "o", event.KIND, left[i], i, 3, canonical.bulk_proof("o", event.KIND, left, i), root
        )
    assert erasure.without_rows(made[0], made[1], leaves, 7) is None
    assert erasure.without_rows(event, SALTS[:3], leaves, 9) is None
