"""Gold cannot be told from ordinary tasks by what an annotator's browser receives.

That is: contents, sizes, headers, times, order, the growth of the log, what the public log says beside each
answer, in a project whose overlap adapts, so that ordinary tasks are asked further and gold is not.

Three annotators work through the real interface and keep everything that came back. A classifier learns
from a part of it which tasks were gold, and guesses the rest. With the answer planted into what it sees
it finds it, so that it would find a real tell.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GroupKFold, cross_val_predict

from evenhand.service import adaptive

ORDINARY, GOLD, PEOPLE = 160, 40, 3
WORDS = ("parcel", "invoice", "refund", "meeting", "holiday", "printer", "lunch", "ticket")
Rows = npt.NDArray[np.float64]


def project(site: Any) -> tuple[str, dict[str, bool]]:
    """A project whose gold was imported last, and which text is gold."""
    draft = {
        "name": "Hidden",
        "fields": [{"name": "text"}],
        "questions": [{"name": "spam", "type": "choice", "choices": ["ham", "spam"]}],
        "order": "random",
        "overlap": 3,
        "adaptive": {"least": 2, "tolerance": 20},
        "gold": {"per_mille": 250, "block": 7},
    }
    made = site.ok(site.operator, "POST", "/projects", json=draft)["id"]
    records: list[dict[str, Any]] = [
        {"text": f"{WORDS[n % 8]} {WORDS[n * 5 % 7]} {n:04d}"} for n in range(ORDINARY + GOLD)
    ]
    known = {str(r["text"]): n % 5 == 4 for n, r in enumerate(records)}
    client = site.client(site.operator)
    client.import_tasks(made, [r for r in records if not known[str(r["text"])]])
    client.import_tasks(made, [r | {"gold_answers": "ham"} for r in records if known[str(r["text"])]])
    return made, known


class Watcher:
    """An annotator whose browser keeps all that it gets."""

    def __init__(self, site: Any, made: str, name: str) -> None:
        self.site, self.project = site, made
        self.key = site.ok(site.operator, "POST", "/members", json={"name": name})["api_key"]
        self.size = 0  # of the log, as the header of the last answer said
        self.places: list[tuple[str, int]] = []  # of its answers in the log

    def step(self) -> tuple[str, list[float]] | None:
        """One task: (its text, numbers from everything that came back); None at the end."""
        asked = self.call("POST", "/assignments/next", {"project_id": self.project, "count": 1})
        given = asked[0].json()["assignments"]
        if not given:
            return None
        (work,) = given
        before = self.call("GET", "/work", None)
        kept = self.call("PUT", f"/assignments/{work['id']}/draft", {"answers": {"spam": "ham"}})
        sent = self.call(
            "POST", f"/assignments/{work['id']}/submit", {"answers": {"spam": "ham"}, "seconds": 3}
        )
        after = self.call("GET", "/work", None)
        told = self.call("GET", "/history?limit=1", None)
        standing = self.call("GET", "/standings", None)
        numbers = [x for answer in (asked, before, kept, sent, after, told, standing) for x in answer[1]]
        veil = work["task_id"].rpartition("-")[2]
        numbers += [float(int(veil[i : i + 4], 16)) for i in range(0, len(veil) - 3, 4)]
        numbers += [len(work["task_id"]), len(work), work["version"], work["suggestion"] is None]
        numbers += [work["draft"] is None, *moved(before[0].json(), after[0].json(), self.project)]
        receipt = sent[0].json()
        self.places.append(tuple(receipt["receipt"]["place"]))
        numbers += [receipt["revision"], len(receipt["receipt"]["entry"]), receipt["receipt"]["place"][1]]
        numbers += [len(receipt["receipt"]), receipt["state"] == "submitted", len(work["data"])]
        return str(work["data"]["text"]), numbers

    def call(self, method: str, path: str, body: Any) -> tuple[httpx.Response, list[float]]:
        """(the answer, its numbers: size, headers, time, growth of the log)."""
        began = time.perf_counter()
        answer = self.site.call(self.key, method, path, **({"json": body} if body is not None else {}))
        took = time.perf_counter() - began
        assert answer.status_code in (200, 204), answer.text
        size = int(answer.headers["Evenhand-Checkpoint"].partition(":")[0])
        grown, self.size = size - self.size, size
        return answer, [len(answer.content), len(answer.headers), min(took, 0.05), min(grown, 20)]


def moved(before: Any, after: Any, made: str) -> list[float]:
    """How the caller's list of projects changed with one answer."""
    (was,) = [row for row in before["items"] if row["project_id"] == made]
    (now,) = [row for row in after["items"] if row["project_id"] == made]
    return [now[key] - was[key] for key in ("tasks", "done", "mine", "version")]


def beside(site: Any, places: list[tuple[str, int]]) -> Rows:
    """[answers, numbers] what the public log says at the moments of these answers: kinds, counts, causes."""
    with site.app.node.lane.store.read() as reader:
        found = [json.loads(entry) for _, entry, _, _ in reader.tuples("events_after", seq=0, limit=1 << 20)]
    at = {(one["s"], one["n"]): one["ts"] for one in found}
    kinds = sorted({one["t"] for one in found})
    near: dict[int, list[Any]] = defaultdict(list)
    for one in found:
        for ms in range(one["ts"] - 2, one["ts"] + 3):
            near[ms].append(one)
    return np.array(
        [
            [
                number
                for kind in kinds
                for own in [[one for one in near[at[place]] if one["t"] == kind]]
                for number in (
                    len(own),
                    sum(one["b"].get("count", 0) for one in own),
                    sum(len(one["re"]) for one in own),
                )
            ]
            for place in places
        ],
        float,
    )


def auc(rows: Rows, gold: npt.NDArray[np.bool_], task: list[str]) -> tuple[float, float]:
    """Chance that the classifier puts a gold task before an ordinary one, each guessed by a forest that
    has not seen this task, from nobody; and its standard error without any signal (Mann and Whitney 1947),
    where tasks count and not answers: those to one task are guessed alike."""
    forest = RandomForestClassifier(80, min_samples_leaf=3, random_state=0)
    score = cross_val_predict(forest, rows, gold, groups=task, cv=GroupKFold(5), method="predict_proba")[:, 1]
    wins = (score[gold][:, None] > score[~gold][None, :]) + 0.5 * (
        score[gold][:, None] == score[~gold][None, :]
    )
    n, m = (
        len({one for one, known in zip(task, gold, strict=True) if known == kind}) for kind in (True, False)
    )
    return float(wins.mean()), math.sqrt((n + m + 1) / (12 * n * m))


def test_a_classifier_does_no_better_than_chance(quick: Any) -> None:
    made, known = project(quick)
    watchers = [Watcher(quick, made, f"W{i}") for i in range(PEOPLE)]
    rows, gold, texts, places, turn = [], [], [], [], 0
    adaptive.weigh(quick.app.node.lane, made)
    while watchers and turn < 3 * (ORDINARY + GOLD):
        watcher = watchers[turn % len(watchers)]
        seen = watcher.step()
        turn += 1
        if seen is None:
            watchers.remove(watcher)
            continue
        rows.append([*seen[1], turn % 7])
        gold.append(known[seen[0]])
        texts.append(seen[0])
        places.append(watcher.places[-1])
        if turn % 200 == 0:
            adaptive.weigh(quick.app.node.lane, made)
    table, truth = np.array(rows, float), np.array(gold)
    order = [
        [float(truth[max(i - 3, 0) : i].sum()), float(i % 4)] for i in range(len(truth))
    ]  # who came before
    table = np.hstack([table, np.array(order), beside(quick, places)])
    assert truth.sum() >= 40 and (~truth).sum() >= 200
    reached, error = auc(table, truth, texts)
    assert reached < 0.5 + 3 * error, f"a browser can tell gold: {reached:.3f}, chance is 0.5 +- {error:.3f}"
    planted = np.hstack([table, (truth + np.random.default_rng(1).normal(0, 0.4, len(truth)))[:, None]])
    assert auc(planted, truth, texts)[0] > 0.8
