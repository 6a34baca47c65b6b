"""A crowd of known skill works through the real interface, and what the pages are told is what was planted.

Seven annotators who are right 19 times in 20, two who always press the last choice, one to whom somebody
has passed the gold on; fifteen gold tasks and one whose known answer is wrong.
"""

from __future__ import annotations

import random
from typing import Any

CHOICES = ("ham", "spam", "unsure")
WRONG = "letter 45"  # the gold task whose known answer is not the truth
ORDINARY, KNOWN = 45, 16


def truth(text: str) -> str:
    return random.Random(f"truth {text}").choice(CHOICES[:2])


def known(text: str) -> str:
    return "unsure" if text == WRONG else truth(text)


def honest(name: str, text: str) -> str:
    """Right 19 times in 20, the same whenever asked."""
    dice = random.Random(f"{name} {text}")
    return truth(text) if dice.random() < 0.95 else dice.choice([c for c in CHOICES if c != truth(text)])


def leaked(name: str, text: str) -> str:
    """Knows the gold, and guesses the rest."""
    return known(text) if is_gold(text) else random.Random(f"{name} {text}").choice(CHOICES)


def is_gold(text: str) -> bool:
    return int(text.split()[1]) >= ORDINARY


CROWD = {
    **{f"Honest {n}": honest for n in range(7)},
    **{f"Spammer {n}": lambda name, text: "unsure" for n in range(2)},
    "Leak": leaked,
}


def set_up(site: Any) -> str:
    draft = {
        "name": "Letters",
        "fields": [{"name": "text"}],
        "questions": [{"name": "spam", "type": "choice", "choices": list(CHOICES)}],
        "order": "random",
        "overlap": len(CROWD),
        "gold": {"per_mille": 400, "block": 8, "floor": 50, "evidence": 8},
        "pay": {"currency": "EUR", "per": "hour", "amount": 1234, "most_seconds": 60},
    }
    project = str(site.ok(site.operator, "POST", "/projects", json=draft)["id"])
    texts = [f"letter {n}" for n in range(ORDINARY + KNOWN)]
    records = [{"text": t} | ({"gold_answers": known(t)} if is_gold(t) else {}) for t in texts]
    assert site.client(site.operator).import_tasks(project, records).accepted == len(texts)
    return project


def work(site: Any, project: str, name: str) -> tuple[str, dict[str, str], float, str]:
    """(key, text -> answer, credited seconds, why it ended)."""
    key = site.ok(site.operator, "POST", "/members", json={"name": name})["api_key"]
    given, seconds = {}, 0.0
    while True:
        got = site.ok(key, "POST", "/assignments/next", json={"project_id": project, "count": 1})
        if not got["assignments"]:
            return key, given, seconds, got["waiting"]
        (one,) = got["assignments"]
        text = one["data"]["text"]
        assert text not in given, "nobody gets a task twice"
        given[text] = CROWD[name](name, text)
        told = random.Random(f"time {name} {text}").choice((3.5, 12.0, 90.0))
        seconds += min(told, 60.0)
        sent = {"answers": {"spam": given[text]}, "seconds": told}
        site.ok(key, "POST", f"/assignments/{one['id']}/submit", json=sent)


def test_the_pages_are_told_what_was_planted(quick: Any) -> None:
    project = set_up(quick)
    done = {name: work(quick, project, name) for name in CROWD}
    told = {a["name"]: a for a in quick.ok(quick.operator, "GET", f"/projects/{project}/gold")["annotators"]}
    for name, (_, given, _, why) in done.items():
        answered = {text: answer for text, answer in given.items() if is_gold(text)}
        right = sum(answer == known(text) for text, answer in answered.items())
        assert (told[name]["answered"], told[name]["right"]) == (len(answered), right), name
        assert told[name]["submitted"] == len(given)
        spams = name.startswith("Spammer")
        assert (told[name]["state"], why) == (
            ("suspended", "suspended") if spams else ("active", "nothing-left")
        )
        if name.startswith("Honest"):
            assert told[name]["low"] < 0.95 * 15 / 16 < told[name]["high"], (
                "the interval holds the planted skill"
            )
    assert [name for name, a in told.items() if a["leak"] is not None] == ["Leak"]

    listed = quick.ok(quick.operator, "GET", f"/projects/{project}/gold/tasks?limit=200")["items"]
    assert [t["summary"] for t in listed if t["suspect"] is not None] == [WRONG]

    dues = {d["name"]: d for d in quick.ok(quick.operator, "GET", f"/projects/{project}/pay")["annotators"]}
    for name, (key, given, seconds, _) in done.items():
        assert (dues[name]["tasks"], dues[name]["seconds"]) == (len(given), seconds)
        assert dues[name]["amount"] == int(1234 * seconds * 1000) // 3_600_000
        assert quick.ok(key, "GET", "/pay")["items"] == [dues[name]], "both see the same number"
        (own,) = quick.ok(key, "GET", "/standings")["items"]
        assert own["state"] == told[name]["state"]
        assert ("at least 50%" in own["reason"]) == name.startswith("Spammer")
