"""Review: what is chosen, who gets it, what a decision does, how an appeal ends."""

from __future__ import annotations

import pytest

from evenhand import labels
from evenhand.core import review
from evenhand.core.errors import Invalid, Refused
from evenhand.core.events import MAX_ROWS, Place
from evenhand.core.policy import Actor, Membership
from evenhand.core.project import Document, Field, Form, Question, ReviewPolicy
from evenhand.core.review import AppealView, Due, Finished, Judge, Judged, QueueView, ReviewView, Word


def form(**policy) -> Form:
    return Form(
        Document(
            name="d",
            fields=(Field(name="text", type="text"),),
            questions=(
                Question(id="q", title="Q", type="choice/1", config={"choices": ["a", "b"]}),
                Question(id="n", title="N", type="number/1", config={}, required=False),
            ),
            review=ReviewPolicy(**policy) if policy else None,
        ),
        labels.all_types(),
    )


def chosen(task: Finished, **policy) -> int | None:
    return review.chosen(ReviewPolicy(**policy), form(), b"s" * 32, task)


def finished(number: int = 1, **given) -> Finished:
    return Finished(number=number, round=1, **{"answers": (), "confidence": 0.6} | given)


# -- what is chosen -------------------------------------------------------------------------------


def test_hand_chooses_nothing_and_all_chooses_everything():
    assert [chosen(finished(), which=which) for which in ("hand", "all")] == [None, 0]


def test_a_share_is_drawn_from_the_seed_and_again_the_same():
    drawn = [n for n in range(5000) if chosen(finished(n), which="share", percent=20) is not None]
    assert 900 < len(drawn) < 1100  # 1,000 expected, standard deviation 28
    again = [n for n in range(5000) if chosen(finished(n), which="share", percent=20) is not None]
    assert again == drawn
    other = [
        n
        for n in range(5000)
        if review.chosen(ReviewPolicy(which="share", percent=20), form(), b"t" * 32, finished(n)) is not None
    ]
    assert other != drawn


def test_what_pays_most():
    assert chosen(finished(), which="worth") == 400
    assert chosen(finished(doubts=0.25), which="worth", by="annotator") == 250
    two = finished(answers=({"q": "a"}, {"q": "b", "n": 1}))
    three = finished(answers=({"q": "a"}, {"q": "b"}, {"q": "a"}))
    assert chosen(two, which="worth", by="disagreement") == 1000
    assert chosen(three, which="worth", by="disagreement") == 667
    assert chosen(finished(answers=({"q": "a"},)), which="worth", by="disagreement") == 0
    older = finished(answers=({"q": "a", "n": "no number"}, {"q": "a", "n": 1}))
    assert chosen(older, which="worth", by="disagreement") == 0, "what an older question took says nothing"


def test_an_unproven_annotator_is_doubted_by_half():
    assert review.doubts(0, 0) == 0.5
    assert review.doubts(10, 10) < review.doubts(10, 5) < review.doubts(10, 0)


def test_many_tasks_become_several_events():
    events = review.asked("org-a", "prj-a", [(n, 1, 0, "hand") for n in range(MAX_ROWS + 1)])
    assert [len(event.rows) for event in events] == [MAX_ROWS, 1]
    assert events[1].rows[0] == b'[1000,1,0,"hand"]'


# -- who gets it ----------------------------------------------------------------------------------


def queue(*due: tuple[int, int], **given) -> QueueView:
    fields = {"policy": ReviewPolicy(which="all"), "done": 10, "spent": 0, "lapsed": ()} | given
    return QueueView(
        organization="org-a",
        project="prj-a",
        lease_ms=1000,
        due=tuple(Due(number=n, round=1, worth=worth) for n, worth in due),
        **fields,
    )


def test_the_most_worthy_is_reserved_and_what_lapsed_is_named_by_its_slot():
    event = review.open_(queue((7, 900), (8, 10), lapsed=("rev-old",)), "ann-r", "mem-r", "rev-1", 5000)
    assert event is not None
    assert (event.task, event.until, event.who, event.member) == (b"7", 6000, "ann-r", "mem-r")
    assert event.lapsed_ids == ("rev-old",) and event.lapsed != event.lapsed_ids
    assert review.open_(queue(), "ann-r", "mem-r", "rev-1", 5000) is None


def test_the_share_of_what_pays_most_is_kept_but_for_what_was_sent_here():
    policy = ReviewPolicy(which="worth", percent=20)
    inside = review.open_(queue((1, 900), policy=policy, spent=1), "ann-r", "mem-r", "rev-1", 0)
    assert inside is not None
    assert review.open_(queue((1, 900), policy=policy, spent=2), "ann-r", "mem-r", "rev-1", 0) is None
    off = queue((1, 900), policy=None, spent=9)  # switched off: what waits already is given out
    assert review.open_(off, "ann-r", "mem-r", "rev-1", 0) is not None
    by_hand = queue((1, 900), (2, review.HAND), policy=policy, spent=2)
    event = review.open_(by_hand, "ann-r", "mem-r", "rev-1", 0)
    assert event is not None and event.task == b"2"


# -- what it decides ------------------------------------------------------------------------------


def annotation(i: int, answers: dict, **given) -> Judged:
    fields = {"person": f"ann-{i}", "revision": 1} | given
    return Judged(
        assignment=f"asg-{i}",
        member=f"mem-{i}",
        seq=i,
        place=Place(f"ann-{i}", 3),
        answers=answers,
        **fields,
    )


def view(*annotations: Judged, **given) -> ReviewView:
    fields = {"state": "live", "due": "held", "form": form(which="all"), "consensus": {"q": "a"}}
    fields |= {"data": {"text": "t"}} | given
    return ReviewView(
        review="rev-1",
        organization="org-a",
        project="prj-a",
        number=7,
        round=1,
        person="ann-r",
        member="mem-r",
        opened=Place("prj-a", 9),
        annotations=annotations or (annotation(1, {"q": "a"}), annotation(2, {"q": "b"})),
        **fields,
    )


def outcomes(event) -> list[str]:
    return [row[3] for row in event.judgements]


def test_accepted_judges_every_annotation_by_what_stands():
    event = review.decide(view(), Word(decision="accept", seconds=1.26))
    assert (event.decision, event.answers, event.ms) == (b"accepted", b'{"q":"a"}', 1300)
    assert outcomes(event) == ["accepted", "fixed"]
    assert event.judged == b'[["ann-1",3,"accepted"],["ann-2",3,"fixed"]]'
    assert event.causes == (Place("prj-a", 9),)
    assert review.stands({"q": "a"}) == {"q": {"value": "a", "confidence": 1.0, "method": "review"}}


def test_a_fix_is_checked_and_one_that_changes_nothing_accepts():
    event = review.decide(view(), Word(decision="fix", answers={"q": "b", "n": 2}))
    assert (event.decision, event.answers) == (b"fixed", b'{"n":2,"q":"b"}')
    assert outcomes(event) == ["fixed", "fixed"]
    assert review.decide(view(), Word(decision="fix", answers={"q": "a"})).decision == b"accepted"
    with pytest.raises(Invalid):
        review.decide(view(), Word(decision="fix", answers={"q": "c"}))
    with pytest.raises(Invalid):
        review.decide(view(), Word(decision="fix"))


def test_what_a_reviewer_left_is_held_by_distance_and_what_they_changed_exactly():
    """Nobody draws the same box twice: two pixels are no fault, unless the reviewer moved the box."""

    def one(x: float) -> list[dict]:
        return [{"x": x, "y": 10, "width": 40, "height": 40, "label": "cat"}]

    def drawn(**policy) -> ReviewView:
        asks = (
            Question(id="q", title="Q", type="box/1", config={"field": "photo", "labels": ["cat"]}),
            Question(id="n", title="N", type="number/1", config={"min": 0, "max": 100}),
        )
        rules = Document(
            name="d",
            fields=(Field(name="photo", type="image"),),
            questions=asks,
            review=ReviewPolicy(which="all", **policy),
        )
        given = ({"q": one(12), "n": 50}, {"q": one(10), "n": 53}, {"q": one(90), "n": 50}, {"q": one(10)})
        return view(
            *(annotation(i, answers) for i, answers in enumerate(given)),
            form=Form(rules, labels.all_types()),
            consensus={"q": one(10), "n": 50},
            data={"photo": {"blob": "", "width": 200, "height": 100}},
        )

    accept = Word(decision="accept")
    assert outcomes(review.decide(drawn(), accept)) == ["accepted", "fixed", "fixed", "fixed"]
    assert outcomes(review.decide(drawn(tolerance=3), accept)) == ["accepted", "accepted", "fixed", "fixed"]
    moved = Word(decision="fix", answers={"q": one(11), "n": 50})
    assert outcomes(review.decide(drawn(tolerance=3), moved)) == ["fixed"] * 4
    away = review.distances(drawn().form, {"q": one(90), "n": "no number"}, drawn().consensus)
    assert away == {"q": 1.0}


def test_sent_back_names_whose_and_says_why():
    back = Word(decision="return", comment=" look again ", assignments=("asg-2",))
    event = review.decide(view(), back)
    assert (event.decision, event.answers, event.comment) == (b"returned", b"", b"look again")
    assert [row[0] for row in event.judgements] == ["asg-2"]
    for wrong, rule in (
        (Word(decision="return", assignments=("asg-2",)), "review.comment"),
        (Word(decision="return", comment="x"), "review.assignments"),
        (Word(decision="return", comment="x", assignments=("asg-9",)), "review.assignments"),
        (Word(decision="return", comment="x" * 2001, assignments=("asg-2",)), "review.text"),
        (Word(decision="return", comment="\ud800", assignments=("asg-2",)), "review.text"),
    ):
        with pytest.raises(Invalid) as caught:
            review.decide(view(), wrong)
        assert caught.value.rule == rule


def test_passed_over_judges_nobody():
    event = review.decide(view(), Word(decision="skip"))
    assert (event.decision, event.judgements, event.answers, event.ms) == (b"skipped", (), b"", -1)


def test_names_are_hidden_unless_the_policy_says_otherwise():
    assert [review.shown_before(form()), review.shown_before(form(shows="all"))] == ["answers", "all"]


@pytest.mark.parametrize(
    ("role", "hidden"),
    [("reviewer", ["", "", "names", "answers"]), ("manager", [""] * 4), ("auditor", [""] * 4)],
)
def test_what_is_hidden_from_whom(role: str, hidden: list[str]):
    actor = Actor(person="p", name="N", memberships=(Membership(organization="o", member="m", role=role),))
    rules = [form(), form(shows="all"), form(shows="answers"), form(shows="task")]
    assert [review.hides(rule, actor, "o") for rule in rules] == hidden


def test_where_answers_are_hidden_the_reviewer_answers():
    hidden = view(form=form(which="all", shows="task"))
    assert review.decide(hidden, Word(decision="fix", answers={"q": "a"})).decision == b"accepted"
    for word in (Word(decision="accept"), Word(decision="return", comment="x", assignments=("asg-1",))):
        with pytest.raises(Refused) as caught:
            review.decide(hidden, word)
        assert caught.value.rule == "review.blind"


def test_what_is_over_own_or_changed_is_refused():
    late = view(state="lapsed", due="waiting")
    assert review.decide(late, Word(decision="accept")).decision == b"accepted"
    for wrong, rule in (
        (view(state="lapsed", due="held"), "review.closed"),
        (view(due="decided"), "review.closed"),
        (view(annotation(1, {"q": "a"}, person="ann-r")), "review.own"),
    ):
        with pytest.raises(Refused) as caught:
            review.decide(wrong, Word(decision="accept"))
        assert caught.value.rule == rule
    with pytest.raises(Refused) as caught:
        review.decide(view(), Word(decision="accept", revision=1))
    assert caught.value.rule == "review.changed"
    review.decide(view(), Word(decision="accept", revision=2))


# -- appeals --------------------------------------------------------------------------------------


def appealed(**given) -> AppealView:
    fields = {"outcome": "returned", "newest": True, "state": "", "appealed": None} | given
    return AppealView(
        appeal="apl-1",
        review="rev-1",
        organization="org-a",
        project="prj-a",
        number=7,
        assignment="asg-1",
        person="ann-1",
        member="mem-1",
        reviewer="mem-r",
        reviewed=Place("ann-r", 4),
        **fields,
    )


def test_an_appeal_is_made_once_against_what_is_in_force():
    event = review.appeal(appealed(), " I read it twice. ")
    assert (event.text, event.causes, event.stream) == (b"I read it twice.", (Place("ann-r", 4),), "ann-1")
    for wrong, rule in (
        (appealed(outcome="accepted"), "appeal.accepted"),
        (appealed(newest=False), "appeal.late"),
        (appealed(state="open"), "appeal.again"),
    ):
        with pytest.raises(Refused) as caught:
            review.appeal(wrong, "x")
        assert caught.value.rule == rule
    with pytest.raises(Invalid):
        review.appeal(appealed(), "  ")


def test_an_appeal_is_decided_by_somebody_else():
    there = appealed(state="open", appealed=Place("ann-1", 8))
    other = Judge(person="ann-x", member="mem-x", manages=False)
    event = review.decide_appeal(there, other, True, "")
    assert (event.decision, event.restores, event.causes) == (b"upheld", True, (Place("ann-1", 8),))
    gone = appealed(state="open", appealed=Place("ann-1", 8), newest=False)
    assert not review.decide_appeal(gone, other, True, "").restores
    assert review.decide_appeal(there, other, False, "no").decision == b"rejected"
    with pytest.raises(Invalid):
        review.decide_appeal(there, other, False, " ")
    manager = Judge(person="ann-r", member="mem-r", manages=True)
    assert review.decide_appeal(there, manager, True, "").decision == b"upheld"
    for judge in (
        Judge(person="ann-r", member="mem-r", manages=False),
        Judge(person="ann-1", member="mem-1", manages=True),
    ):
        with pytest.raises(Refused) as caught:
            review.decide_appeal(there, judge, True, "")
        assert caught.value.rule == "appeal.own"
    with pytest.raises(Refused) as caught:
        review.decide_appeal(appealed(state="upheld"), other, True, "")
    assert caught.value.rule == "appeal.closed"
