"""Allocation: nobody gets a task twice, no task more leases than free slots, and projects share evenly."""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from evenhand.core.allocation import (
    CHARGE,
    RELIEF_MS,
    WINDOW,
    Backlog,
    Candidate,
    OfferView,
    Waiting,
    offer,
    slot_of,
)
from evenhand.core.events import Moment, Place

AT = Moment(ms=1_000)


def backlog(
    project: str, candidates: list[Candidate], tag: int = 0, seen: frozenset = frozenset()
) -> Backlog:
    return Backlog(
        organization="org-a",
        project=project,
        version=1,
        lease_ms=60_000,
        tag=tag,
        candidates=tuple(candidates),
        seen=seen,
    )


def view(*backlogs: Backlog, lapsed: tuple = (), settled: tuple = (), virtual: int = 0) -> OfferView:
    return OfferView(pool="pool-a", virtual=virtual, backlogs=backlogs, lapsed=lapsed, settled=settled)


def waiting(person: str, project: str | None = None, count: int = 1, organization: str = "org-a") -> Waiting:
    return Waiting(
        person=person,
        members={organization: f"mem-{person}"},
        project=project,
        count=count,
        leases=tuple(f"{person}-{i}" for i in range(count)),
    )


def free(*numbers: int, slots: int = 1) -> list[Candidate]:
    return [Candidate(n, slots, 1) for n in numbers]


def test_tasks_go_out_in_their_order():
    given_ = offer(view(backlog("p", free(3, 1, 2))), [waiting("a"), waiting("b"), waiting("c")], AT).given
    assert [g.task for g in given_] == [3, 1, 2]
    assert given_[0].until == 61_000


def test_everybody_gets_a_first_before_anybody_gets_a_second():
    given_ = offer(
        view(backlog("p", free(1, 2, 3))), [waiting("a", count=3), waiting("b", count=1)], AT
    ).given
    assert [(g.waiting, g.task) for g in given_] == [(0, 1), (1, 2), (0, 3)]


def test_nobody_gets_a_task_that_they_had():
    seen = frozenset({("a", 1)})
    given_ = offer(view(backlog("p", free(1, 2), seen=seen)), [waiting("a"), waiting("b")], AT).given
    assert [(g.waiting, g.task) for g in given_] == [(0, 2), (1, 1)]


def test_who_is_passed_over_gets_no_further_answers_to_give_unless_a_task_waits_for_a_day():
    at = Moment(ms=2 * RELIEF_MS)
    lately = [
        Candidate(1, 2, 1, at.ms - RELIEF_MS + 1),
        Candidate(2, 2, 1, at.ms - RELIEF_MS),
        Candidate(3, 2, 1),
    ]
    for_a = msgspec.structs.replace(backlog("p", lately), passed_over=frozenset("a"))
    given_ = offer(view(for_a), [waiting("a", count=3), waiting("b", count=3)], at).given
    assert [(g.waiting, g.task) for g in given_] == [(0, 2), (1, 1), (0, 3), (1, 2), (1, 3)]


def test_of_whom_pilots_only_are_asked_gets_no_first_answers_to_give():
    offered = [Candidate(1, 2, 1, first=True), Candidate(2, 2, 1)]
    for_a = msgspec.structs.replace(
        backlog("p", offered), passed_over=frozenset("ab"), pilots_only=frozenset("a")
    )
    at = Moment(ms=2 * RELIEF_MS)
    given_ = offer(view(for_a), [waiting("a", count=2), waiting("b", count=2)], at).given
    assert [(g.waiting, g.task) for g in given_] == [(0, 2), (1, 1), (1, 2)]


def test_a_named_project_is_kept_to_and_a_foreign_organization_is_left_out():
    both = view(backlog("p", free(1)), backlog("q", free(1)))
    assert [g.project for g in offer(both, [waiting("a", project="q")], AT).given] == ["q"]
    assert offer(both, [waiting("a", organization="org-b")], AT).given == ()


def test_nothing_to_say_makes_no_event():
    assert offer(view(backlog("p", [])), [waiting("a")], AT).events == ()


def test_what_lapsed_and_settled_is_recorded_even_when_nothing_is_given():
    events = offer(view(lapsed=("x",), settled=(("y", Place("ann-b", 4)),)), [], AT).events
    assert events[0].lapsed == (slot_of("x"),)
    assert events[0].lapsed_ids == ("x",)
    assert events[0].settled == (Place("ann-b", 4),)
    assert events[0].settled_ids == ("y",)
    assert events[0].tags == ()


def test_long_windows_become_several_events_that_stay_small():
    lapsed = tuple(f"lease-{i}" for i in range(WINDOW + 1))
    events = offer(view(backlog("p", free(1)), lapsed=lapsed), [waiting("a")], AT).events
    assert [len(event.lapsed) for event in events] == [WINDOW, 1]
    assert events[0].tags == ()
    assert events[1].tags == (("org-a", "p", CHARGE),)
    assert len(events[0].leases) == 1


def test_the_smallest_tag_is_served_and_ties_go_by_name():
    even = view(backlog("q", free(1, 2, 3)), backlog("p", free(1, 2, 3)))
    people = [waiting(name) for name in "abcd"]
    assert [g.project for g in offer(even, people, AT).given] == ["p", "q", "p", "q"]
    ahead = view(backlog("p", free(1, 2), tag=CHARGE), backlog("q", free(1, 2)))
    assert [g.project for g in offer(ahead, people[:3], AT).given] == ["q", "p", "q"]


def test_a_project_that_one_person_has_finished_gives_way_to_the_next():
    seen = frozenset({("a", 1)})
    both = view(backlog("p", free(1), seen=seen), backlog("q", free(1), tag=CHARGE))
    assert [g.project for g in offer(both, [waiting("a")], AT).given] == ["q"]


def test_a_slot_tells_nothing_of_its_lease_and_follows_from_it():
    assert slot_of("lease-1") == slot_of("lease-1") != slot_of("lease-2")
    assert len(slot_of("lease-1")) == 32
    assert "lease" not in slot_of("lease-1")


people = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from([None, "p", "q"]), st.integers(1, 4)),
    max_size=6,
    unique_by=lambda w: w[0],
)
slots = st.lists(st.integers(1, 3), max_size=12)


@settings(max_examples=300, deadline=None)
@given(people=people, p=slots, q=slots, data=st.data())
def test_no_task_gets_more_than_its_slots_and_nobody_a_task_twice(people, p, q, data):
    projects = {"p": p, "q": q}
    seen = {
        name: frozenset(
            data.draw(st.sets(st.tuples(st.sampled_from("abcdef"), st.integers(0, 11)), max_size=8))
        )
        for name in projects
    }
    backlogs = [
        backlog(name, [Candidate(n, k, 1) for n, k in enumerate(own)], seen=seen[name])
        for name, own in projects.items()
    ]
    waits = [waiting(person, project, count) for person, project, count in people]
    result = offer(view(*backlogs), waits, AT)
    leases = Counter((g.project, g.task) for g in result.given)
    assert all(count <= projects[project][task] for (project, task), count in leases.items())
    mine = Counter((g.waiting, g.project, g.task) for g in result.given)
    assert all(count == 1 for count in mine.values())
    assert all((waits[g.waiting].person, g.task) not in seen[g.project] for g in result.given)
    assert len({g.lease for g in result.given}) == len(result.given)
    assert all(waits[g.waiting].project in (None, g.project) for g in result.given)
    _nobody_waits_beside_work(result.given, waits, projects, seen)


def _nobody_waits_beside_work(given_, waits, projects, seen):
    """Work conservation: whoever got less than they asked for could take nothing that is left."""
    left = {(project, n): k for project, own in projects.items() for n, k in enumerate(own)}
    for g in given_:
        left[g.project, g.task] -= 1
    for i, w in enumerate(waits):
        mine = {(g.project, g.task) for g in given_ if g.waiting == i}
        if len(mine) < w.count:
            able = [
                key
                for key, k in left.items()
                if k
                and w.project in (None, key[0])
                and (w.person, key[1]) not in seen[key[0]]
                and key not in mine
            ]
            assert able == []


@settings(max_examples=100, deadline=None)
@given(turns=st.lists(st.integers(1, 5), min_size=1, max_size=40))
def test_two_backlogged_projects_never_differ_by_more_than_one_charge(turns):
    tags, got = {"p": 0, "q": 0}, Counter()
    for k, turn in enumerate(turns):
        backlogs = [backlog(name, free(*range(100)), tag=tags[name]) for name in tags]
        result = offer(view(*backlogs), [waiting(f"{k}-{i}") for i in range(turn)], AT)
        got.update(g.project for g in result.given)
        tags.update({project: tag for _, project, tag in result.events[-1].tags})
        assert abs(got["p"] - got["q"]) <= 1


def test_gold_comes_in_place_of_an_ordinary_task_and_takes_no_slot():
    hidden = {"a": (None, Candidate(90, 1, 1), None)}
    only = msgspec.structs.replace(backlog("p", free(1, 2)), gold=hidden)
    given_ = offer(view(only), [waiting("a", count=2), waiting("b")], AT).given
    assert [(g.task, g.waiting) for g in given_] == [(1, 0), (2, 1)]
    free_ = msgspec.structs.replace(backlog("p", free(1, 2, 3)), gold=hidden)
    given_ = offer(view(free_), [waiting("a", count=2), waiting("b", count=2)], AT).given
    assert [(g.task, g.waiting) for g in given_] == [(1, 0), (2, 1), (90, 0), (3, 1)]


def test_gold_needs_an_ordinary_task_to_stand_for():
    hidden = {"a": (Candidate(90, 1, 1), Candidate(91, 1, 1))}
    only = msgspec.structs.replace(backlog("p", free(1)), gold=hidden)
    assert [g.task for g in offer(view(only), [waiting("a", count=3)], AT).given] == [90, 91, 1]
    empty = msgspec.structs.replace(backlog("p", []), gold=hidden)
    assert offer(view(empty), [waiting("a")], AT).given == ()


def test_who_may_not_work_in_a_project_gets_the_next_one():
    shut = msgspec.structs.replace(backlog("p", free(1)), closed=frozenset({"a"}))
    given_ = offer(view(shut, backlog("q", free(2), tag=9)), [waiting("a"), waiting("b")], AT).given
    assert [(g.project, g.waiting) for g in given_] == [("q", 0), ("p", 1)]
