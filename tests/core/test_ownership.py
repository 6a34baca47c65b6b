"""Ownership: exact shares over all ways, control by majorities, and who is in conflict with whom."""

from __future__ import annotations

import json
from fractions import Fraction
from importlib import resources

import libcovebods.data_reader
import libcovebods.jsonschemavalidate
import libcovebods.schema
import pytest

from evenhand.core import bods
from evenhand.core import ownership as own
from evenhand.core.errors import Invalid
from evenhand.core.ownership import WHOLE, Graph, Interest, Record, Thresholds, judge, sentence

KINDS = {"e": "shareholding", "v": "votingRights"}


def held(holder: str, by: str, indirect: int = 0, end: int = 0, components: tuple = (), **shares) -> Record:
    """`holder` has e (economic), v (votes), in percent, or an office, in `by`."""
    interests = tuple(
        Interest(
            type=KINDS.get(kind, kind),
            most=round(share * WHOLE / 100),
            least=round(share * WHOLE / 100),
            indirect=indirect,
            end=end,
        )
        for kind, share in shares.items()
    )
    return Record(
        record=f"{holder}-{by}",
        type="relationship",
        status="new",
        subject=by,
        party=holder,
        interests=interests,
        components=components,
    )


def graph(*records: Record, at: int = 0) -> Graph:
    return Graph(records, Thresholds(), at)


def fixture(name: str) -> list[Record]:
    found = []
    for folder in (resources.files("bods_fixtures") / "data").iterdir():
        if folder.is_dir():
            found += [p for p in folder.iterdir() if p.name == name]
    stated = bods.read(json.loads(found[0].read_text()))
    names = ("type", "status", "form", "subject", "party", "interests", "components")
    return [Record(record=s.source, **{name: getattr(s, name) for name in names}) for s in stated]


def test_integrated_shares_are_exact_and_corrected_for_ways_back():
    loop = graph(held("op", "an", e=60), held("an", "op", e=15))
    assert loop.integrated("economic", "op", "an") == Fraction(3, 5)
    chain = graph(
        held("meta", "scale", e=49),
        held("scale", "op", e=30),
        held("meta", "op", e=10),
        held("op", "an", e=60),
        held("an", "op", e=15),
    )
    assert chain.integrated("economic", "meta", "op") == Fraction(247, 910)
    assert round(float(chain.integrated("economic", "meta", "an")), 4) == 0.1629
    assert chain.integrated("economic", "nobody", "an") == 0


def test_49_percent_without_votes_is_a_conflict_and_votes_alone_would_not_say_so():
    stake = graph(held("meta", "scale", e=49))
    relation = stake.relation("meta", "scale")
    assert (relation.grade, relation.why) == (3, "share")
    assert "meta" not in stake.houses("scale")
    assert sentence(relation, {"meta": "Meta", "scale": "Scale"}) == (
        "Meta holds 49% of Scale: Meta has 49% (economic) of Scale."
    )


def test_control_runs_along_majorities_of_votes_or_of_shares():
    two = graph(held("a", "b", v=60), held("b", "d", v=30), held("a", "c", e=51), held("c", "d", v=21))
    assert "d" not in two.controlled("b")
    assert two.controlled("a") == {"a", "b", "c"}
    assert two.relation("a", "b").why == "control"
    assert two.relation("b", "c").why == "control"
    assert two.share("a", "d") == (Fraction(51, 100), "voting")


def test_circular_and_anonymous_owners_are_opaque():
    circle = graph(*fixture("10-circular-ownership.json"), held("rec-alpha-corp", "other", e=5))
    assert set(circle.opaque) == {"rec-alpha-corp", "rec-beta-corp"}
    relation = circle.relation("client", "rec-beta-corp")
    assert (relation.grade, relation.why) == (3, "opaque")
    assert sentence(relation, {}) == "Nobody can tell who owns rec-beta-corp."
    hidden = graph(*fixture("11-anonymous-person.json"))
    relation = hidden.relation("client", "rec-opaque-holdings-sa")
    assert (relation.grade, relation.why) == (3, "opaque")
    assert "whom nobody can tell" in sentence(relation, {})
    itself = graph(held("x", "x", e=100), held("y", "y", e=10), held("z", "y", e=90))
    assert set(itself.opaque) == {"x"}


@pytest.mark.parametrize(
    ("records", "grade", "why"),
    [
        ([], 0, "none"),
        ([held("p", "q", e=24)], 2, "share"),
        ([held("p", "q", e=9)], 1, "share"),
        ([held("p", "q", e=0.5)], 0, "none"),
        ([held("p", "q", boardMember=0)], 2, "office"),
        ([held("p", "q", boardChair=0)], 3, "office"),
        ([held("x", "p", boardMember=0), held("x", "q", boardMember=0)], 2, "office"),
        ([held("x", "p", boardMember=0), held("x", "q", seniorManagingOfficial=0)], 3, "office"),
        ([held("p", "q", rightsGrantedByContract=0)], 2, "contract"),
        ([held("p", "q", otherInfluenceOrControl=0)], 3, "control"),
        ([held("x", "p", e=6), held("x", "q", e=7)], 1, "common"),
        ([held("x", "p", e=30), held("x", "q", e=30)], 2, "common"),
        ([held("x", "p", e=60), held("x", "q", e=30)], 3, "share"),
        ([held("p", "q", e=49, end=5)], 0, "none"),
        ([held("p", "q", e=49, end=50)], 3, "share"),
    ],
)
def test_grades(records, grade, why):
    relation = graph(*records, at=10).relation("p", "q")
    assert (relation.grade, relation.why) == (grade, why)
    assert sentence(relation, {})
    mirrored = graph(*records, at=10).relation("q", "p")
    assert mirrored.grade == grade


def test_an_indirect_interest_counts_only_where_its_parts_are_not_known():
    parts = [held("a", "b", e=60), held("b", "c", e=60)]
    whole = held("a", "c", e=36, indirect=1, components=("a-b", "b-c"))
    assert graph(*parts, whole).direct("economic", "a", "c") == 0
    assert graph(whole).direct("economic", "a", "c") == Fraction(36, 100)
    none = Record(record="r", type="relationship", status="new", subject="c", party="")
    closed = Record(record="s", type="relationship", status="closed", subject="c", party="a")
    assert graph(none, closed).relation("a", "c").grade == 0


def test_rivals_and_waivers():
    ring = graph(held("meta", "scale", e=49), held("scale", "side", e=12))
    judged = judge(ring, "google", "scale", ["meta", "none"], waived=False)
    assert (judged.grade, judged.rival, judged.blocked, judged.name) == (0, True, True, "meta")
    assert judge(ring, "google", "meta", ["meta"], waived=True).blocked
    assert not judge(ring, "google", "scale", [], waived=False).blocked
    assert judge(ring, "side", "scale", [], waived=False).blocked
    assert not judge(ring, "side", "scale", [], waived=True).blocked
    assert not judge(ring, "", "scale", [], waived=False).blocked
    assert not judge(ring, "google", "", ["meta"], waived=False).blocked


def test_more_than_all_of_somebody_is_noticed():
    assert own.more_than_all([held("a", "c", e=60), held("b", "c", e=41)]) == "c"
    assert own.more_than_all([held("a", "c", e=60), held("b", "c", e=40), held("d", "c", v=40)]) == ""
    closed = Record(record="s", type="relationship", status="closed", subject="c", party="a")
    assert own.more_than_all([closed, held("a", "c", e=60, end=3), held("b", "c", e=60)]) == ""


def test_shares_for_people():
    assert [own.percent(x) for x in (49_000_000, 12_500_000, 333_333)] == ["49%", "12.5%", "0.33%"]


STATED = "0" * 32


def relationship(**details) -> dict:
    made = bods.holding(
        "rel", bods.Holding(holder="a", held="b", economic=49, since="2025-06-01"), "2025-06-13", STATED
    )
    made["recordDetails"] |= details
    return made


def test_what_is_written_is_valid_bods_and_reads_back(tmp_path):
    held_ = bods.Holding(
        holder="a", held="b", economic=49.5, voting=0, office="boardMember", since="2025-06-01"
    )
    made = [
        bods.entity("a", "Alpha", "2025-06-13", STATED),
        bods.entity("b", "Beta", "2025-06-13", "1" * 32),
        bods.holding("rel-a-b-0001", held_, "2025-06-13", "2" * 32),
    ]
    (tmp_path / "made.json").write_text(json.dumps(made))
    reader = libcovebods.data_reader.DataReader(str(tmp_path / "made.json"))
    schema = libcovebods.schema.SchemaBODS(reader)
    assert libcovebods.jsonschemavalidate.JSONSchemaValidator(schema).validate(reader) == []
    stated = bods.read(made)
    assert [(i.type, i.most) for i in stated[2].interests] == [
        ("shareholding", 49_500_000),
        ("votingRights", 0),
        ("boardMember", WHOLE),
    ]
    assert stated[2].effective == 20_240 * bods.DAY
    with pytest.raises(Invalid):
        bods.holding("r", bods.Holding(holder="a", held="b", since="2025-06-01"), "2025-06-13", STATED)


@pytest.mark.parametrize(
    ("share", "bounds"),
    [
        ({}, (0, WHOLE)),
        ({"minimum": 25, "maximum": 50}, (25_000_000, 50_000_000)),
        ({"exclusiveMinimum": 75}, (75_000_000, WHOLE)),
        ({"exact": 33.3333333}, (33_333_333, 33_333_334)),
    ],
)
def test_ranges_count_at_their_most(share, bounds):
    interest = {"type": "shareholding", "share": share}
    found = bods.read([relationship(interests=[interest])])[0].interests[0]
    assert (found.least, found.most) == bounds


def test_unspecified_parties():
    nobody = bods.read([relationship(interestedParty={"reason": "noBeneficialOwners"})])[0]
    assert (nobody.party, nobody.interests) == ("", ())
    assert bods.read([relationship(interestedParty={"reason": "unknown"})])[0].party == own.UNKNOWN
    ended = relationship(interests=[{"type": "shareholding", "endDate": "2025-06-02"}])
    assert bods.read([ended])[0].interests[0].end == bods.read([ended])[0].effective


def entity(**change) -> dict:
    return bods.entity("a", "Alpha", "2025-06-13", STATED) | change


@pytest.mark.parametrize(
    ("statements", "rule"),
    [
        ({}, "bods.file"),
        ([], "bods.file"),
        ([1], "bods.statement"),
        ([entity(publicationDetails={"bodsVersion": "0.2"})], "bods.version"),
        ([entity(publicationDetails=3)], "bods.object"),
        ([entity(statementId="x")], "bods.statement-id"),
        ([entity(recordId="")], "bods.text"),
        ([entity(extra=["\ud800"])], "bods.text"),
        ([entity(recordType="thing")], "bods.code"),
        ([entity(statementDate="2025-02-30")], "bods.date"),
        ([entity(statementDate="soon")], "bods.date"),
        ([relationship(subject=None)], "bods.subject"),
        ([relationship(interestedParty=None)], "bods.party"),
        ([relationship(interests=3)], "bods.interests"),
        ([relationship(interests=[3])], "bods.interest"),
        ([relationship(componentRecords=[3])], "bods.components"),
        ([relationship(interests=[{"share": {"exact": 101}}])], "bods.share"),
        ([relationship(interests=[{"share": {"minimum": 9, "maximum": 8}}])], "bods.share"),
    ],
)
def test_what_is_no_bods_is_refused_with_its_place(statements, rule):
    with pytest.raises(Invalid) as error:
        bods.read(statements)
    assert error.value.rule == rule


def test_people_and_identifiers():
    person = entity(recordType="person", recordDetails={"personType": "unknownPerson"})
    assert bods.read([person])[0].form == "unknownPerson"
    known = entity()
    known["recordDetails"]["identifiers"] = [{"scheme": "XI-LEI", "id": "5493001KJTIIGC8Y1R12"}, 3]
    assert bods.read([known])[0].identifiers == ("XI-LEI:5493001KJTIIGC8Y1R12",)
    known["recordDetails"]["identifiers"] = "none"
    assert bods.read([known])[0].identifiers == ()


def test_a_seat_on_one_board_and_a_way_that_is_not_there_say_nothing():
    boards = graph(held("x", "p", boardMember=0), held("y", "q", boardMember=0))
    assert boards.relation("p", "q").grade == 0
    assert boards.path("x", "q") == ()
