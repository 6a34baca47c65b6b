"""What is special about numbers."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand.core.errors import Invalid
from evenhand.labels.number import Number


def number(**config: object) -> Number:
    return Number.configure(config, {})


def test_one_number_has_one_form() -> None:
    """Browsers write 3 and 0 where Python would write 3.0 and -0.0; two forms would have two hashes."""
    kind = number()
    for raw, stored in ((3.0, "3"), (-0.0, "0"), (0.5, "0.5"), (2**53 - 1, "9007199254740991")):
        assert json.dumps(kind.dump(kind.parse(raw, {}))) == stored
    assert str(kind.parse(-0.0, {})) == "0.0"


@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.01, 0.05, 0.3]))
def test_every_step_of_a_decimal_grid_is_on_it(steps: int, step: float) -> None:
    kind = number(min=-1, step=step)
    assert math.isclose(kind.parse(round(-1 + steps * step, 10), {}), -1 + steps * step, abs_tol=1e-9)
    with pytest.raises(Invalid):
        kind.parse(-1 + (steps + 0.5) * step, {})


def test_distance_is_a_share_of_the_range_or_of_the_larger() -> None:
    assert number(min=0, max=10).distance(2, 4.5) == 0.25
    assert number().distance(100, 90) == 0.1
    assert number().distance(-5, 5) == 1.0
    assert number().distance(0.1, 0.3) == pytest.approx(0.2)
    assert number(min=0).distance(0, 2**53 - 1) == 1.0


def test_median() -> None:
    combined = number().combine([1.0, 100.0, 2.0, 3.0])
    assert (combined.value, combined.method) == (2.5, "median")
    assert number(integer=True).combine([1.0, 2.0]).value == 1.0
    assert number(min=0, step=0.5).combine([1.0, 1.5]).value == 1.0
    assert number(min=0, max=10).combine([0.0, 10.0]).confidence == 0.5


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({"min": 2, "max": 2}, "max"),
        ({"step": 0}, "step"),
        ({"step": -1}, "step"),
        ({"integer": True, "min": 0.5}, "min"),
        ({"integer": True, "step": 0.5}, "step"),
        ({"min": 1e300}, "min"),
        ({"min": True}, "min"),
        ({"unit": 5}, "unit"),
    ],
)
def test_a_bad_configuration_is_refused_where_it_is_bad(config: dict[str, object], where: str) -> None:
    with pytest.raises(Invalid) as refused:
        number(**config)
    assert refused.value.where == where


def test_a_bound_that_is_not_a_number_is_not_taken_for_none() -> None:
    """msgspec writes NaN as null, and null means "no bound"."""
    for bound in (math.nan, math.inf):
        with pytest.raises(Invalid):
            number(max=bound)
