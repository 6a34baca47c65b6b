"""Agreement of real crowds, as a user asks for it, beside the reference libraries on the same file."""

from __future__ import annotations

from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from evenhand import agreement
from evenhand.core.agreement import Resampling, Scale

FEW = Resampling(draws=40)
IRRCAC = {"rte": 0.27273, "bluebird": 0.22184, "web": 0.43248}
"""Gwet's AC1, of web AC2, by irrCAC 0.4.4. Its `categories` are to be named: pandas 3 counts gaps as one."""


def crowd(name: str, shared: Path | None, folder: Path) -> Path:
    """The file of that set; where it is not there, a made one with gaps, of which bluebird has none."""
    if shared is not None:
        return shared / "crowd" / name / "labels.csv"
    chance = np.random.default_rng(1)
    rows = [
        (task, who, task % 3 if chance.random() < 0.7 else chance.integers(3))
        for task in range(200)
        for who in range(10)
        if name == "bluebird" or chance.random() < 0.4
    ]
    pd.DataFrame(rows, columns=["task", "worker", "label"]).to_csv(folder / "labels.csv", index=False)
    return folder / "labels.csv"


@pytest.mark.parametrize(("name", "scale"), [("rte", "nominal"), ("bluebird", "nominal"), ("web", "ordinal")])
def test_figures_of_a_crowd_are_those_of_the_libraries(
    name: str, scale: Scale, shared_data: Path | None, tmp_path: Path
) -> None:
    path = crowd(name, shared_data, tmp_path)
    votes = pd.read_csv(path).drop_duplicates(["task", "worker"], keep="last")
    table = votes.pivot(index="task", columns="worker", values="label")
    found = {figure.name: figure for figure in agreement(path, scale=scale, how=FEW).figures}
    known = krippendorff.alpha(table.to_numpy().T, level_of_measurement=scale)
    alpha = found[f"alpha ({scale})"]
    assert alpha.value == pytest.approx(known, abs=1e-9) and alpha.low is not None
    if shared_data is not None:
        gwet = next(figure for title, figure in found.items() if title.startswith("gwet"))
        assert gwet.value == pytest.approx(IRRCAC[name], abs=1e-5)
    if name == "bluebird":  # all answered all
        assert found["fleiss kappa"].value == pytest.approx(fleiss_kappa(aggregate_raters(table)[0]))
    busiest = votes.worker.value_counts().index[:2]
    two = agreement(votes[votes.worker.isin(busiest)], how=FEW)
    both = table[busiest].dropna()
    cohen = next(figure for figure in two.figures if figure.name == "cohen kappa")
    assert cohen.value == pytest.approx(cohen_kappa_score(both.iloc[:, 0], both.iloc[:, 1]))
    several = next(figure for title, figure in found.items() if title.startswith("cohen"))
    assert several.undefined == f"it is for two annotators, and there are {table.shape[1]}"
