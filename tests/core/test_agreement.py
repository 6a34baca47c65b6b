"""Agreement: each coefficient beside a library that computes it too, intervals, and what has no value."""

from __future__ import annotations

from collections.abc import Mapping

import krippendorff
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from evenhand import labels
from evenhand.core.agreement import (
    SCALES,
    Answered,
    Figure,
    Resampling,
    Scale,
    alpha,
    alpha_by,
    by_scale,
    character_error_rate,
    character_f1,
    coded,
    cohen,
    fleiss,
    gwet,
    icc,
    kendall_tau,
    kendall_w,
    mean_of_pairs,
    of_question,
    percent,
    word_error_rate,
)
from evenhand.core.label import OrderElement, SpanElement
from evenhand.labels.conformance import fields_named

FEW = Resampling(draws=40)

# Twelve tasks, four annotators, gaps. Values beside it: irrCAC 0.4.4 (which rounds to five places).
TABLE = np.array(
    [
        *([1, 1, 2, 1], [2, 2, 2, 2], [3, 3, 3, 2], [1, 2, 1, 0], [4, 4, 3, 4], [2, 0, 2, 1]),
        *([1, 1, 1, 1], [3, 4, 3, 3], [0, 2, 2, 3], [4, 4, 4, 4], [1, 1, 0, 0], [2, 3, 2, 2]),
    ]
)
IRRCAC_GWET: Mapping[Scale, float] = {
    "nominal": 0.50436,
    "ordinal": 0.81096,
    "interval": 0.85962,
    "ratio": 0.79487,
}

# Shrout and Fleiss 1979, table 2; values: pingouin 0.6.1.
SHROUT = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
PINGOUIN_ICC = {"one-way": 0.165742, "agreement": 0.289764, "consistency": 0.714841}


def of_table(table: np.ndarray) -> Answered:
    """A row for each task, a column for each annotator; 0 or NaN is a gap. Classes are codes from 0."""
    tasks, annotators = np.nonzero(~np.isnan(table) & (table != 0))
    values = table[tasks, annotators]
    return Answered(tasks, annotators, values if table.dtype.kind == "f" else values - 1)


def noisy(rng: np.random.Generator, tasks: int, annotators: int, classes: int, gaps: float) -> np.ndarray:
    """(tasks, annotators) of classes from 1, some of them gone."""
    truth = rng.integers(1, classes + 1, (tasks, 1))
    table = np.where(
        rng.random((tasks, annotators)) < 0.6, truth, rng.integers(1, classes + 1, (tasks, annotators))
    )
    return np.where(rng.random(table.shape) < gaps, 0, table)


def undefined(figure: Figure) -> str:
    assert (figure.value, figure.low, figure.high) == (None, None, None)
    return figure.undefined


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("gaps", [0.0, 0.4])
def test_alpha_is_that_of_krippendorff(scale: Scale, gaps: float) -> None:
    table = noisy(np.random.default_rng(3), 50, 6, 5, gaps)
    tasks, annotators = np.nonzero(table)
    found = alpha(Answered(tasks, annotators, table[tasks, annotators]), scale, FEW)
    known = krippendorff.alpha(np.where(table, table, np.nan).T, level_of_measurement=scale)
    assert found.value is not None and found.low is not None and found.high is not None
    assert_allclose(found.value, known, atol=1e-10)
    assert found.low < found.value < found.high


def test_alpha_of_large_numbers_keeps_its_digits() -> None:
    table = np.random.default_rng(2).normal(size=(40, 1)) + np.random.default_rng(3).normal(size=(40, 3)) / 2
    small, large = alpha(of_table(table), "interval", FEW), alpha(of_table(table + 1e9), "interval", FEW)
    assert small.value == pytest.approx(large.value, abs=1e-5)


def test_alpha_by_any_distance_is_that_of_krippendorff() -> None:
    answers = of_table(TABLE)
    own = alpha_by(answers.tasks, answers.values.tolist(), lambda a, b: float(a - b) ** 2, FEW)
    assert own.value == pytest.approx(alpha(answers, "interval").value, abs=1e-10)


def test_alpha_over_many_different_values_draws_pairs() -> None:
    rng = np.random.default_rng(4)
    values = (rng.normal(size=(400, 1)) + rng.normal(size=(400, 3)) / 2).ravel().round(6)
    tasks = np.repeat(np.arange(400), 3)
    exact = alpha(Answered(tasks, tasks, values), "interval").value
    assert exact is not None
    own = alpha_by(tasks, values.tolist(), lambda a, b: (a - b) ** 2, FEW)
    assert own.value == pytest.approx(exact, abs=0.01)
    ratio = alpha(Answered(tasks[:300], tasks[:300], values[:300] + 9), "ratio", FEW)
    known = krippendorff.alpha(values[:300].reshape(100, 3).T + 9, level_of_measurement="ratio")
    assert ratio.value == pytest.approx(known, abs=0.01)


def test_fleiss_is_that_of_statsmodels() -> None:
    table = noisy(np.random.default_rng(5), 40, 5, 4, 0.0)
    known = fleiss_kappa(aggregate_raters(table)[0])
    assert fleiss(of_table(table), FEW).value == pytest.approx(known, abs=1e-12)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_cohen_is_that_of_scikit_learn(weights) -> None:
    table = noisy(np.random.default_rng(6), 60, 2, 4, 0.0)
    known = cohen_kappa_score(table[:, 0], table[:, 1], weights=None if weights == "none" else weights)
    assert cohen(of_table(table), weights, FEW).value == pytest.approx(known, abs=1e-12)


@pytest.mark.parametrize("scale", SCALES)
def test_gwet_is_that_of_irrcac(scale: Scale) -> None:
    assert gwet(of_table(TABLE), scale, how=FEW).value == pytest.approx(IRRCAC_GWET[scale], abs=1e-5)


def test_percent_is_that_of_irrcac() -> None:
    assert percent(of_table(TABLE), FEW).value == pytest.approx(0.625, abs=1e-5)


def test_gwet_counts_classes_that_do_not_occur() -> None:
    answers = of_table(TABLE)
    more = gwet(answers, classes=10, how=FEW).value
    assert more is not None and more > IRRCAC_GWET["nominal"]


@pytest.mark.parametrize("model", PINGOUIN_ICC)
def test_icc_is_that_of_pingouin(model) -> None:
    found = icc(of_table(SHROUT), model, FEW)
    assert found.value == pytest.approx(PINGOUIN_ICC[model], abs=1e-6)
    assert (found.tasks, found.labels) == (6, 24)


def test_a_two_way_icc_needs_every_answer() -> None:
    gap = SHROUT.copy()
    gap[0, 0] = np.nan
    assert "23 of 24" in undefined(icc(of_table(gap), "agreement"))
    assert icc(of_table(gap), "one-way", FEW).value is not None
    assert icc(of_table(SHROUT[:1]), "consistency").undefined
    assert icc(of_table(SHROUT[:1]), "one-way").undefined


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)

    def sample(tasks: int) -> Answered:
        return of_table(noisy(rng, tasks, 3, 3, 0.2))

    truth = alpha(sample(60_000), how=Resampling(draws=0)).value
    held = [
        found.low <= truth <= found.high
        for seed in range(120)
        if (found := alpha(sample(80), how=Resampling(seed, 200)))
    ]
    assert 0.87 <= np.mean(held) <= 1.0


def test_many_tasks_are_drawn_in_groups_with_the_same_interval(monkeypatch) -> None:
    answers = of_table(noisy(np.random.default_rng(9), 3_000, 3, 3, 0.1))
    grouped = alpha(answers, how=Resampling(1, 400))
    monkeypatch.setattr("evenhand.core.agreement.BLOCKS", 3_000)
    single = alpha(answers, how=Resampling(1, 400))
    assert grouped.value == single.value
    assert grouped.high - grouped.low == pytest.approx(single.high - single.low, rel=0.15)


def test_the_same_seed_gives_the_same_interval() -> None:
    answers = of_table(TABLE)
    assert alpha(answers, how=Resampling(7, 50)) == alpha(answers, how=Resampling(7, 50))
    assert alpha(answers, how=Resampling(7, 50)) != alpha(answers, how=Resampling(8, 50))


def test_more_classes_than_fit_a_table() -> None:
    tasks = np.repeat(np.arange(150_000), 2)
    values = np.arange(300_000)
    values[1::4] = values[::4]  # every second task agrees
    answers = Answered(tasks, np.arange(300_000) % 2, values)
    assert alpha(answers, how=Resampling(draws=20)).value == pytest.approx(0.5, abs=1e-4)
    assert "table" in undefined(gwet(answers, "ordinal"))
    assert "table" in undefined(cohen(answers))


def test_undefined_because() -> None:
    nobody = Answered(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))
    single = Answered(np.arange(5), np.zeros(5, np.int64), np.arange(5))
    for answers in (nobody, single):
        for figure in (*by_scale(answers, "nominal"), *by_scale(answers, "interval")):
            assert figure.undefined and figure.value is None
        assert "no task" in undefined(alpha_by(answers.tasks, answers.values.tolist(), lambda a, b: 1.0))
        assert "no task" in undefined(mean_of_pairs("m", answers.tasks, ["x"] * len(answers.tasks), max))
    equal = of_table(np.ones((6, 3), np.int64))
    for figure in (alpha(equal), fleiss(equal), gwet(equal), cohen(of_table(np.ones((6, 2), np.int64)))):
        assert "equal" in undefined(figure)
    assert percent(equal, FEW).value == 1.0
    assert "two annotators" in undefined(cohen(of_table(TABLE)))


def test_one_task_has_a_value_and_no_interval() -> None:
    found = alpha(of_table(np.array([[1, 1, 2]])))
    assert found.value is not None and found.low is None and found.high is None


def test_resamples_that_hardly_ever_have_a_value_give_no_interval() -> None:
    table = np.ones((300, 2), np.int64)
    table[0, 0] = 2
    some = alpha(of_table(table), how=Resampling(3, 50))
    assert some.value is not None
    two = alpha(of_table(np.array([[1, 1], [2, 2]])), how=Resampling(0, 50))
    assert two.value == 1.0
    found = alpha(of_table(np.array([[1, 1]] * 2 + [[1, 2]])), how=Resampling(draws=0))
    assert found.value is not None and found.low is None


def test_too_many_pairs_are_not_compared(monkeypatch) -> None:
    monkeypatch.setattr("evenhand.core.agreement.MOST_PAIRS", 10)
    answers = of_table(TABLE)
    assert "too many" in undefined(alpha(answers, "ratio"))
    assert "too many" in undefined(mean_of_pairs("m", answers.tasks, answers.values.tolist(), max))


# -- answers with a shape -----------------------------------------------------------------------


def order(*groups: str) -> OrderElement:
    return OrderElement(ranks=tuple(tuple(group) for group in groups))


def test_tau_is_that_of_scipy() -> None:
    # scipy 1.12.0: kendalltau([1, 2.5, 2.5, 4, 5], [2, 1, 3.5, 3.5, 5]) = 0.6666666666666666
    one, other = order("a", "bc", "d", "e"), order("b", "a", "cd", "e")
    assert kendall_tau(one, other) == pytest.approx(2 / 3)
    assert kendall_tau(one, one) == 1.0
    assert np.isnan(kendall_tau(one, order("abcde")))


def test_w_of_known_rankings() -> None:
    tasks = np.zeros(3, np.int64)
    assert kendall_w(tasks, [order("a", "b", "c")] * 3).value == 1.0
    cycle = [order("a", "b", "c"), order("b", "c", "a"), order("c", "a", "b")]
    assert kendall_w(tasks, cycle).value == 0.0
    tied = [order("ab", "c"), order("ab", "c"), order("a", "b", "c")]  # by hand: rank sums 4, 5, 9, S = 14
    assert kendall_w(tasks, tied).value == pytest.approx(12 * 14 / (9 * 24 - 3 * 12))
    assert kendall_w(tasks[:1], cycle[:1]).undefined
    assert kendall_w(tasks, [*cycle[:2], order("a", "b")]).undefined


def span(start: int, end: int, label: str = "PER") -> SpanElement:
    return SpanElement(field="text", start=start, end=end, label=label)


def test_character_f1_of_spans_that_nearly_fit() -> None:
    assert character_f1((span(0, 4),), (span(0, 4),)) == 1.0
    assert character_f1((span(0, 4),), (span(2, 6),)) == 0.5
    assert character_f1((span(0, 4),), (span(0, 4, "LOC"),)) == 0.0
    assert character_f1((), ()) == 1.0


def test_error_rates_of_texts() -> None:
    assert word_error_rate("the red fox", "the fox") == pytest.approx(1 / 2.5)
    assert character_error_rate("abcd", "abxd") == 0.25
    assert word_error_rate("", "") == 0.0


def test_pairs_without_a_measure_do_not_count() -> None:
    tasks = np.array([0, 0, 0, 1, 1])
    found = mean_of_pairs(
        "m", tasks, [1, 2, 3, 4, 5], lambda a, b: float("nan") if 4 in (a, b) else a * 1.0, FEW
    )
    assert (found.tasks, found.labels) == (1, 3)


EXPECTED = {
    "choice": {"alpha", "agreement", "percent", "fleiss kappa", "gwet AC1", "cohen kappa"},
    "multi_choice": {"alpha", "agreement"},
    "span": {"alpha", "agreement", "character F1"},
    "box": {"alpha", "agreement"},
    "polygon": {"alpha", "agreement"},
    "keypoint": {"alpha", "agreement"},
    "mask": {"alpha", "agreement"},
    "time_span": {"alpha", "agreement"},
    "track": {"alpha", "agreement"},
    "ranking": {"alpha", "agreement", "kendall tau", "kendall W"},
    "pairwise": {"alpha", "agreement", "kendall tau", "kendall W"},
    "text": {"alpha", "agreement", "word error rate", "character error rate"},
}
NUMBERS = {"alpha", "agreement", "alpha (ordinal)", "alpha (interval)", "percent", "gwet AC2 (ordinal)"}
NUMBERS |= {"cohen kappa (linear)", "icc (one-way)", "icc (agreement)", "icc (consistency)"}


@pytest.mark.parametrize("name", sorted(kind.name for kind in labels.all_types().values()))
def test_every_label_type_has_its_figures(name: str) -> None:
    found = labels.find(name)
    kind = found.configure(found.example_config, fields_named(found))
    values = [value for _, value in kind.examples()][:3]
    tasks = np.repeat(np.arange(3), 2)
    answers = [value for value in values for _ in range(2)]
    figures = of_question(kind, tasks, np.tile([0, 1], 3), answers, FEW)
    by_name = {figure.name: figure for figure in figures}
    assert set(by_name) == EXPECTED.get(name, NUMBERS)
    assert len(by_name) == len(figures), "one name, one figure: a page keys by it"
    assert by_name["agreement"].value == 1.0
    assert by_name["alpha"].value == pytest.approx(1.0)


def test_alpha_of_a_choice_is_the_nominal_one() -> None:
    kind = labels.find("choice").configure({"choices": ["a", "b", "c", "d"]}, {})
    answers = of_table(TABLE)
    values = ["abcd"[value] for value in answers.values]
    figures = of_question(kind, answers.tasks, answers.annotators, values, FEW)
    assert figures[0].value == pytest.approx(alpha(answers).value)
    assert figures[1].value == pytest.approx(percent(answers).value)


def test_codes_of_values_keep_their_order() -> None:
    answers, values = coded(Answered(np.arange(3), np.arange(3), np.array([2.5, -1.0, 2.5])))
    assert values.tolist() == [-1.0, 2.5] and answers.values.tolist() == [1, 0, 1]
