"""The node's clock jumps, back and forth: nothing is lost, and no stream's time falls."""

from __future__ import annotations

from evenhand.audit.entries import Places, read_entry

HOUR = 3_600_000


def test_a_clock_that_jumps_loses_nothing_and_no_time_falls(world):
    project = world.project(tasks=6, overlap=1)
    ann, other = world.people[1:3]
    first, second = (world.next(person).assignments[0] for person in (ann, other))
    world.submit(ann, first.id)
    world.ms -= 5 * HOUR
    again = world.next(other, have=[]).assignments[0]
    assert again.id == second.id, "a lease does not lapse because the clock went back"
    world.submit(other, second.id)
    third = world.next(ann).assignments[0]
    world.ms += 30 * HOUR
    late = world.submit(ann, third.id)
    assert late.state == "submitted", "late, and its slot was still free"
    world.submit(other, world.next(other).assignments[0].id)
    assert world.counts(project.id).annotations == 4
    places, found = Places(), []
    with world.reading() as reader:
        for _, entry, _, _ in reader.tuples("events_after", seq=0, limit=1000):
            found += places.check(read_entry(entry))
    assert found == []
    world.require_healthy()
