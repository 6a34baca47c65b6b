"""Pay: credits, integers, statements."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from evenhand.core import pay
from evenhand.core.pay import Due, Effort
from evenhand.core.project import PayPolicy


def effort(rate: str = "EUR:hour:1500", tasks: int = 1, ms: int = 0, member: str = "m") -> Effort:
    return Effort(member=member, rate=rate, tasks=tasks, ms=ms)


def test_credit_is_the_time_told_up_to_the_most():
    policy = PayPolicy(most_seconds=60)
    assert [pay.credited(policy, ms) for ms in (-1, 0, 59_900, 61_000)] == [0, 0, 59_900, 60_000]


def test_what_is_owed_by_time_and_by_task():
    assert pay.rate_of(PayPolicy(amount=1500)) == "EUR:hour:1500"
    assert pay.owed(effort(ms=3_600_000)) == ("EUR", 1500)
    assert pay.owed(effort(ms=3_599_999)) == ("EUR", 1499)
    assert pay.owed(effort(rate="USD:task:7", tasks=9, ms=1)) == ("USD", 63)


def test_rates_of_one_currency_are_summed_and_others_apart():
    found = pay.sums([effort(tasks=2, ms=1_800_000), effort("EUR:task:5", 3), effort("USD:task:1", 4)])
    assert found["m", "EUR"] == Due(member="m", currency="EUR", tasks=5, ms=1_800_000, amount=765)
    assert found["m", "USD"].amount == 4


@given(st.lists(st.integers(0, 900_000), min_size=1, max_size=30), st.integers(0, 10_000))
def test_statements_add_up_to_what_is_owed(times, amount):
    """However often a statement is made, nothing is lost and nothing is owed twice."""
    stated, total = None, 0
    for i, ms in enumerate(times, 1):
        total += ms
        due = pay.sums([effort(f"EUR:hour:{amount}", i, total)])["m", "EUR"]
        left = pay.open_since(due, stated)
        assert left.amount >= 0
        before = stated.amount if stated else 0
        stated = msgspec.structs.replace(due, amount=before + left.amount)
    assert stated is not None and stated.amount == amount * total // 3_600_000


def test_a_statement_leaves_out_who_has_nothing_new():
    some = Due(member="m", currency="EUR", tasks=1, ms=0, amount=0)
    none = Due(member="n", currency="EUR", tasks=0, ms=0, amount=0)
    (event,) = pay.state("o", "p", 3, [(some, "org"), (none, "org")])
    assert event.number == 3
    assert [msgspec.json.decode(row) for row in event.rows] == [["m", "org", "EUR", 1, 0, 0]]
    assert pay.state("o", "p", 1, []) == ()
