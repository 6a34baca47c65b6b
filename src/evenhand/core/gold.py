"""Tasks with known answers: drawn in secret, scored by count, and watched themselves.

An annotator cannot tell a gold task: it comes in place of an ordinary one with a fixed chance at every
assignment, out of secret randomness. Results are recorded after a fixed number of answers of any
kind, never at a gold answer. Counts are integers, so that whoever holds the openings takes each
suspension again. Attacks EN-29 and EN-30 of the specification are what this stands against.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from evenhand.core.allocation import Candidate
from evenhand.core.errors import Invalid
from evenhand.core.events import MAX_ROWS, GoldMarked, GoldScored, Place, StandingChanged
from evenhand.core.label import readable
from evenhand.core.project import Form, GoldPolicy

MAX_FEEDBACK = 5000  # code points

_encode = msgspec.json.Encoder(order="sorted").encode

# ---- known answers -----------------------------------------------------------------------------


def known_answers(form: Form, raw: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The right answers as they are stored: question id -> JSON; at least one.

    Args:
        raw: question id -> answer; or the bare answer, where the project asks one question.
        data: the fields that annotators see.

    Raises:
        Invalid: `where` is the path from the answers.
    """
    questions = form.labels
    given = raw if isinstance(raw, dict) and raw.keys() <= questions.keys() else None
    if given is None and len(questions) == 1:
        given = {next(iter(questions)): raw}
    if not given:
        known = ", ".join(questions)
        raise Invalid(
            "gold.answers", "These are no right answers.", "", f"Name some of the questions {known}."
        )
    stored = {}
    for question, answer in given.items():
        try:
            stored[question] = questions[question].dump(questions[question].parse(answer, data))
        except Invalid as error:
            raise Invalid(error.rule, error.reason, f"{question}{error.where}", error.remedy) from error
    return stored


def is_right(form: Form, known: Mapping[str, Any], given: Mapping[str, Any], tolerance: int) -> bool:
    """Whether every known answer was met.

    Args:
        known: stored right answers; questions that the form no longer has, or asks in another way, are passed
            over.
        given: stored answers of an annotator.
        tolerance: percent of the label type's distance that still is right.
    """
    return all(
        question in given and _near(form.labels[question], answer, given[question], tolerance)
        for question, answer in known.items()
        if question in form.labels
    )


def _near(label: Any, known: Any, given: Any, tolerance: int) -> bool:
    if known == given:
        return True
    right, own = readable(label, [("", known)]), readable(label, [("", given)])
    if not right:
        return True
    return bool(own) and bool(100 * label.distance(right[0][1], own[0][1]) <= tolerance + 1e-9)


def elsewhere(form: Form, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the stored answers of others come to, question by question, to hold one more answer against."""
    result = {}
    for question, label in form.labels.items():
        given = readable(label, [("", answer[question]) for answer in answers if question in answer])
        if given:
            result[question] = label.dump(label.combine([value for _, value in given]).value)
    return result


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A task to set apart, or to bring back among the ordinary ones."""

    n: int
    status: str  # before; for "none" the one that it becomes: open or done
    answers: Mapping[str, Any] = {}  # checked
    feedback: str = ""


def marked(organization: str, project: str, use: str, marks: Sequence[Mark]) -> tuple[GoldMarked, ...]:
    """The events that set these tasks apart: their salted rows are the commitment.

    Raises:
        Invalid: a feedback text is too long.
    """
    for mark in marks:
        if len(mark.feedback) > MAX_FEEDBACK:
            raise Invalid(
                "gold.feedback",
                f"A feedback has at most {MAX_FEEDBACK} characters.",
                f"task {mark.n}",
                "Shorten it.",
            )
    rows = [_encode([mark.n, mark.status, mark.answers, mark.feedback]) for mark in marks]
    return tuple(
        GoldMarked(stream=project, owner=organization, use=use, rows=tuple(rows[i : i + MAX_ROWS]))
        for i in range(0, len(rows), MAX_ROWS)
    )


# ---- what annotators call a task ---------------------------------------------------------------


def veiled(seed: bytes, n: int) -> str:
    """The number of a task as annotators are told it where there is gold: 32 hexadecimal digits.

    Numbers follow the order of import, and gold is often imported apart, so a number would tell. This
    is one block of AES-256 under a key of the project's own: the same for everybody, and random to
    whoever lacks the key.

    Args:
        seed: the project's 32 secret bytes.
    """
    return _cipher(seed).encryptor().update(n.to_bytes(16, "big")).hex()


def unveiled(seed: bytes, veil: str) -> int:
    """The number behind it. What nobody was told gives a number that no task has."""
    return int.from_bytes(_cipher(seed).decryptor().update(bytes.fromhex(veil)), "big")


def _cipher(seed: bytes) -> Cipher[modes.ECB]:
    key = hashlib.sha256(b"evenhand/veil/v1\x00" + seed).digest()
    return Cipher(algorithms.AES256(key), modes.ECB())  # one block, never two: nothing to chain


# ---- drawing -----------------------------------------------------------------------------------


class Hidden(msgspec.Struct, frozen=True):
    """A gold task that may be drawn."""

    n: int
    round: int
    uses: int  # annotators who got it so far


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose next assignments are drawn."""

    person: str
    count: int
    had: frozenset[int]  # gold tasks that this person has had, lapsed leases left out
    lapsed: tuple[
        int, ...
    ] = ()  # gold tasks whose lease they let lapse: these come back, as ordinary ones do


def draw(
    policy: GoldPolicy, stock: Sequence[Hidden], asking: Sequence[Asking], secret: bytes
) -> dict[str, tuple[Candidate | None, ...]]:
    """What hides in the next assignments of each person: a gold task, or None.

    Every assignment is drawn for itself with the policy's chance, so that the distance between two gold
    tasks is geometric and no position can be guessed. Nobody gets one twice; none is used more
    often than the policy allows.

    Args:
        secret: 32 fresh random bytes, kept nowhere.
    """
    left = {hidden.n: policy.reuse - hidden.uses if policy.reuse else math.inf for hidden in stock}
    chance = _below(secret)
    drawn: dict[str, tuple[Candidate | None, ...]] = {}
    for who in asking:
        had, back = set(who.had), [hidden for hidden in stock if hidden.n in who.lapsed]
        given: list[Candidate | None] = []
        for _ in range(who.count):
            wanted = next(chance) % 1000 < policy.per_mille
            open_ = [hidden for hidden in stock if hidden.n not in had and left[hidden.n] > 0]
            pick = next(chance)  # drawn in any case, so that a draw takes as long either way
            choice = back.pop(0) if back else open_[pick % len(open_)] if wanted and open_ else None
            if choice is not None:
                had.add(choice.n)
                left[choice.n] -= 1
            given.append(Candidate(choice.n, 1, choice.round) if choice else None)
        drawn[who.person] = tuple(given)
    return drawn


def _below(secret: bytes) -> Iterator[int]:
    """Numbers of 64 bits that only the secret tells."""
    counter = 0
    while True:
        digest = hashlib.blake2b(counter.to_bytes(8, "big"), key=secret, digest_size=8).digest()
        yield int.from_bytes(digest, "big")
        counter += 1


# ---- scoring -----------------------------------------------------------------------------------


class ScoreView(msgspec.Struct, frozen=True, kw_only=True):
    """What the record of one annotator's gold depends on."""

    organization: str
    project: str
    member: str
    seen: int  # answers of any kind so far
    suspended: bool
    base: tuple[int, int]  # (right, answered) when a manager lifted the last suspension
    results: tuple[tuple[int, bool], ...]  # (task, right) of all gold answers in force


def ends_block(policy: GoldPolicy, before: int, after: int) -> bool:
    """Whether a block of answers ended between these two counts of one annotator's answers."""
    return after // policy.block > before // policy.block


def score(view: ScoreView) -> GoldScored:
    """The event that records an annotator's counts."""
    return GoldScored(
        stream=view.project,
        owner=view.organization,
        answered=len(view.results),
        right=sum(right for _, right in view.results),
        member=view.member.encode(),
        tasks=_encode([[n, int(right)] for n, right in view.results]),
        seen=view.seen,
    )


def suspend(policy: GoldPolicy, view: ScoreView, scored: GoldScored, place: Place) -> StandingChanged | None:
    """The suspension that follows from the counts by the project's published policy, if one does.

    Args:
        place: where `scored` stands, which the suspension names as its cause.
    """
    right, answered = scored.right - view.base[0], scored.answered - view.base[1]
    if view.suspended or not policy.floor or answered < policy.evidence:
        return None
    if 100 * right >= policy.floor * answered:
        return None
    reason = (
        f"{right} of your {answered} answers to tasks whose answer is known were right. "
        f"This project asks for at least {policy.floor}%."
    )
    return standing(view.organization, view.project, view.member, "suspended", "gold-floor", reason, (place,))


def standing(
    organization: str,
    project: str,
    member: str,
    state: str,
    rule: str,
    reason: str,
    causes: tuple[Place, ...] = (),
) -> StandingChanged:
    """The event that changes whether an annotator may work in a project."""
    return StandingChanged(
        stream=project,
        owner=organization,
        causes=causes,
        state=state,
        rule=rule,
        member=member.encode(),
        reason=reason.encode(),
    )


# ---- what the counts say -----------------------------------------------------------------------

Z = 1.959964  # normal quantile of a 95% interval


def interval(right: int, answered: int) -> tuple[float, float]:
    """95% interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953); (0, 1) without evidence."""
    if not answered:
        return 0.0, 1.0
    share, z2 = right / answered, Z * Z
    middle = (share + z2 / (2 * answered)) / (1 + z2 / answered)
    half = Z / (1 + z2 / answered) * math.sqrt(share * (1 - share) / answered + z2 / (4 * answered**2))
    low = 0.0 if right == 0 else max(0.0, middle - half)
    return low, 1.0 if right == answered else min(1.0, middle + half)


ALARM = 0.01  # chance of any false alarm in a project, shared among its tasks or annotators
GOOD = 0.7  # share right on the other gold that makes an annotator's failure tell against the task


def suspects(results: Mapping[str, Mapping[int, bool]]) -> dict[int, float]:
    """Gold tasks that good annotators fail: number -> chance of so few right answers if the gold is good.

    For each task, annotators who are good on the other gold, with the share right that they show there
    (shrunk by one right and one wrong answer); the count right on this task is then Poisson-binomial.

    Args:
        results: annotator -> task -> right.
    """
    tasks = sorted({n for own in results.values() for n in own})
    totals = {who: sum(own.values()) for who, own in results.items()}
    found = {}
    for n in tasks:
        right, chances = 0, []
        for who, own in results.items():
            others = len(own) - 1
            share = (totals[who] - own.get(n, False) + 1) / (others + 2)
            if n in own and others >= 3 and share >= GOOD:
                right += own[n]
                chances.append(share)
        tail = _at_most(right, chances)
        if chances and 2 * right < len(chances) and tail * len(tasks) < ALARM:
            found[n] = tail
    return found


def _at_most(k: int, chances: Sequence[float]) -> float:
    """Chance of at most k successes in independent trials with these chances."""
    counts = [1.0]
    for p in chances:
        counts = [
            (counts[i] * (1 - p) if i < len(counts) else 0.0) + (counts[i - 1] * p if i else 0.0)
            for i in range(len(counts) + 1)
        ]
    return min(1.0, math.fsum(counts[: k + 1]))


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One annotator's counts, for the leak detector."""

    right: int  # on gold
    answered: int
    agreed: int  # ordinary tasks where they gave what the others' answers came to
    shared: int  # ordinary tasks that others answered as well


def leaks(records: Mapping[str, Record]) -> dict[str, float]:
    """Annotators who do too well on gold for how they agree elsewhere: id -> chance of so many right.

    What agreement is worth is learned from the other annotators: their share right on gold over their
    share of agreement. With the upper end of the annotator's own agreement that gives a share right
    that an honest annotator hardly exceeds; the count right is compared with it by a binomial tail.
    Whoever knows the gold and guesses the rest is found; who works well everywhere is not.
    """
    found = {}
    for who, own in records.items():
        others = [record for other, record in records.items() if other != who]
        right, answered = sum(r.right for r in others), sum(r.answered for r in others)
        agreed, shared = sum(r.agreed for r in others), sum(r.shared for r in others)
        if not (own.answered and own.shared and right and agreed):
            continue
        worth = (right / answered) / (agreed / shared)
        expected = min(interval(own.agreed, own.shared)[1] * worth, 1.0)
        tail = _at_least(own.right, own.answered, expected)
        if tail * len(records) < ALARM:
            found[who] = tail
    return found


def _at_least(k: int, n: int, p: float) -> float:
    """Chance of at least k successes in n trials."""
    return 1.0 - _at_most(k - 1, [p] * n) if k else 1.0
