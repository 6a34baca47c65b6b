"""Plans keep their caps for any number of tasks and partners; letters are what was signed, in order."""

from __future__ import annotations

from itertools import combinations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.core import sharing
from evenhand.core.checkpoint import SigningKey, sign_note
from evenhand.core.errors import Invalid, Refused
from evenhand.core.sharing import WHOLE, Head, Heard

KEY = SigningKey("home.example", b"k" * 32)


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, list[int], int]:
    """(tasks, control group of each partner, groups a task) of a plan that may be possible."""
    partners = draw(st.lists(st.integers(0, 5), min_size=1, max_size=8))
    order = list(dict.fromkeys(partners))
    groups = [order.index(group) for group in partners]
    return draw(st.integers(1, 60)), groups, draw(st.integers(1, len(order)))


@settings(max_examples=150, deadline=None)
@given(plans(), st.integers(1, WHOLE), st.binary(min_size=32, max_size=32))
def test_caps_hold_and_each_task_goes_to_as_many_groups(
    plan: tuple[int, list[int], int], cap: int, seed: bytes
) -> None:
    tasks, groups, each = plan
    count, most = max(groups) + 1, sharing.most_tasks(tasks, cap)
    try:
        sharing.check_plan(tasks, groups, each, cap)
    except Refused:
        assert each * tasks > count * most  # never refused where it is possible
        return
    numbers = [3 * n + 1 for n in range(tasks)]
    shares = sharing.draw(seed, numbers, groups, each)
    assert shares == sharing.draw(seed, numbers[::-1], groups, each)  # the order is nobody's choice
    seen = [
        {n for share, group in zip(shares, groups, strict=True) if group == g for n in share}
        for g in range(count)
    ]
    assert sum(map(len, shares)) == sum(map(len, seen)) == each * tasks  # no task twice in a group
    assert all(len(one) <= most for one in seen)
    assert max(map(len, seen)) - min(map(len, seen)) <= 1
    assert all(sum(n in one for one in seen) == each for n in numbers)
    for some in range(1, count + 1):
        for coalition in combinations(seen, some):
            assert len(set().union(*coalition)) <= min(tasks, some * most)
    for g in range(count):
        own = [len(share) for share, group in zip(shares, groups, strict=True) if group == g]
        assert max(own) - min(own) <= 1


def test_who_gets_what_depends_on_the_seed_and_all_pairs_of_groups_meet() -> None:
    tasks, groups = range(400), [0, 1, 2, 3]
    first = sharing.draw(sharing.seed_of(b"p" * 32, 1), tasks, groups, 2)
    assert first != sharing.draw(sharing.seed_of(b"p" * 32, 2), tasks, groups, 2)
    for one, two in combinations(first, 2):
        assert 40 <= len(set(one) & set(two)) <= 95  # 67 in the mean: agreement can be told between all


def test_control_follows_over_a_third() -> None:
    pairs = {("b", "a"), ("c", "b")}
    groups = sharing.control_groups(
        ["a", "x", "c", "", "b", "", "x"], lambda p, q: (p, q) in pairs or (q, p) in pairs
    )
    assert groups == [0, 1, 0, 2, 0, 3, 1]


def test_what_cannot_be_planned_is_refused_with_numbers() -> None:
    with pytest.raises(Invalid, match="at most 100%"):
        sharing.check_plan(10, [0, 1], 1, 0)
    with pytest.raises(Refused, match="1 to 100,000"):
        sharing.check_plan(0, [0, 1], 1, WHOLE)
    with pytest.raises(Refused, match="3 partners are 2 control groups"):
        sharing.check_plan(10, [0, 1, 1], 3, WHOLE)
    with pytest.raises(Refused, match=r"20 to give, and 3 control groups may see 6 each, 18") as error:
        sharing.check_plan(10, [0, 1, 2], 2, 660_000)
    assert "66.67%" in error.value.remedy
    sharing.check_plan(10, [0, 1, 2], 2, 700_000)


# ---- letters -------------------------------------------------------------------------------------


def letter(rows: bytes = b'{"n":1}\n{"n":2}\n', **said: object) -> bytes:
    told: dict[str, object] = {
        "act": "deliver", "at": 1000, "count": rows.count(b"\n"), "from_": "home.example", "prev": "",
        "rows": sharing.rows_digest(rows), "seen": 0, "seq": 0, "share": "shr-1", "to": "other.example",
    }  # fmt: skip
    head = Head(**(told | said))  # type: ignore[arg-type]  # a test may say what it likes
    return sign_note(sharing.text_of(head), KEY) + rows


def test_a_letter_is_read_as_it_was_signed() -> None:
    read = sharing.read_letter(letter())
    assert (read.head.seq, read.rows) == (0, (b'{"n":1}', b'{"n":2}'))
    assert read.digest == sharing.digest_of(read.text)
    sharing.check_signature(read, KEY.verify_key)
    sharing.check_signature(sharing.read_letter(letter(b"")), KEY.verify_key)


def test_no_byte_can_be_changed() -> None:
    whole = letter()
    for i in range(len(whole)):
        changed = whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :]
        with pytest.raises(Invalid):
            sharing.check_signature(sharing.read_letter(changed), KEY.verify_key)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "letter.form"),
        (letter()[:40], "letter.form"),
        (letter().replace(b"{", b"[", 1), "letter.head"),
        (letter().replace(b'"act"', b' "act"', 1), "letter.canonical"),
        (letter().replace(b"deliver", b"\xff\xfeliver", 1), "letter.head"),
        (letter(count=3), "letter.count"),
        (letter(seq=-1), "letter.head"),
        (letter(share="a share"), "letter.head"),
        (letter().replace(b'"shr-1"', b'"shr-1\\n"', 1), "letter.head"),
        (letter().replace(b'["",0]', b'["",9007199254740993]', 1), "letter.head"),
        (letter() + b"{}\n", "letter.rows"),
    ],
)
def test_what_is_no_letter_is_told_apart(data: bytes, rule: str) -> None:
    with pytest.raises(Invalid) as error:
        sharing.read_letter(data)
    assert error.value.rule == rule


def test_a_letter_of_somebody_else_is_not_taken() -> None:
    other = SigningKey("other.example", b"o" * 32)
    with pytest.raises(Invalid, match="was expected"):
        sharing.check_signature(sharing.read_letter(letter()), other.verify_key)
    namesake = SigningKey("home.example", b"o" * 32)
    with pytest.raises(Invalid, match="has not signed"):
        sharing.check_signature(sharing.read_letter(letter()), namesake.verify_key)


def test_letters_follow_each_other() -> None:
    head = sharing.read_letter(letter(seq=1, prev="before")).head
    heard = Heard(count=1, last="before")
    assert sharing.is_new(head, "own", heard, 1000)
    later = msgspec.structs.replace(heard, count=2, last="own", same="own")
    assert not sharing.is_new(head, "own", later, 1000)  # a repeat
    for other, rule in (
        (msgspec.structs.replace(later, same="another"), "letter.fork"),
        (Heard(count=0, last=""), "letter.gap"),
        (Heard(count=1, last="another"), "letter.fork"),
    ):
        with pytest.raises(Refused) as error:
            sharing.is_new(head, "own", other, 1000)
        assert error.value.rule == rule


def test_a_clock_may_be_ahead_by_half_a_minute() -> None:
    head = sharing.read_letter(letter(at=100_000)).head
    assert sharing.is_new(head, "own", Heard(count=0, last=""), 100_000 - sharing.SKEW_MS)
    with pytest.raises(Refused, match="31 s after"):
        sharing.is_new(head, "own", Heard(count=0, last=""), 100_000 - sharing.SKEW_MS - 1000)
