"""Policies in tlog-policy syntax: the specification's own example, and what is not one."""

from __future__ import annotations

import pytest

from evenhand.core.checkpoint import COSIGNATURE, SigningKey, VerifyKey
from evenhand.core.errors import Invalid
from evenhand.core.trust import parse_policy

LOG = SigningKey("log.example/l", b"\1" * 32).verify_key
W = [SigningKey(f"w{i}.example", bytes([10 + i]) * 32, COSIGNATURE).verify_key for i in range(6)]


def text(*lines: str) -> str:
    return "\n".join(lines) + "\n"


NESTED = text(
    "# two organizations",
    f"log {LOG} https://log.example/l",
    "",
    f"witness X1 {W[0]} https://w0.example",
    f"  witness X2\t{W[1]}",
    f"witness X3 {W[2]}",
    "group X 2 X1 X2 X3",
    f"witness Y1 {W[3]}",
    f"witness Y2 {W[4]}",
    "group Y any Y1 Y2",
    "group X-and-Y all X Y",
    "quorum X-and-Y",
)


@pytest.mark.parametrize(
    ("signers", "enough"),
    [
        ((0, 1, 3), True),
        ((0, 2, 4), True),
        ((0, 1), False),
        ((0, 3, 4), False),
        ((), False),
        ((0, 1, 2, 3, 4), True),
    ],
)
def test_groups_of_groups(signers: tuple[int, ...], enough: bool) -> None:
    policy = parse_policy(NESTED)
    assert policy.satisfied([W[i] for i in signers]) is enough
    assert (policy.logs[0].key, policy.logs[0].url) == (LOG, "https://log.example/l")
    assert [w.url for w in policy.witnesses[:2]] == ["https://w0.example", ""]
    assert policy.keys == tuple(W[:5])


def test_a_foreign_signature_does_not_count() -> None:
    policy = parse_policy(text(f"witness a {W[0]}", "quorum a"))
    assert policy.satisfied([W[0]]) and not policy.satisfied([W[1]])
    assert parse_policy(text(f"log {LOG}", "quorum none")).satisfied([])


def twin(key: VerifyKey) -> VerifyKey:
    return VerifyKey("another.name", key.kind, key.public)


@pytest.mark.parametrize(
    ("rule", "line", "lines"),
    [
        ("trust.quorum", "", (f"witness a {W[0]}",)),
        ("trust.line", "line 2", ("quorum none", "quorum none")),
        ("trust.line", "line 1", ("log",)),
        ("trust.line", "line 1", ("friend a b",)),
        ("trust.line", "line 1", (f"witness {W[0]}",)),
        ("trust.line", "line 1", ("group a 1",)),
        ("trust.key", "line 1", (f"log {W[0]}",)),
        ("trust.key", "line 1", (f"witness a {LOG}",)),
        ("vkey", "line 1", ("log x+00000000+AAAA",)),
        ("trust.twice", "line 2", (f"witness a {W[0]}", f"witness b {twin(W[0])}")),
        ("trust.twice", "line 2", (f"witness a {W[0]}", f"witness a {W[1]}")),
        ("trust.twice", "line 1", (f"witness none {W[0]}",)),
        ("trust.twice", "line 2", (f"witness a {W[0]}", "group g any a a")),
        ("trust.unknown", "line 1", ("quorum a",)),
        ("trust.unknown", "line 1", ("group g any a",)),
        ("trust.group", "line 2", (f"witness a {W[0]}", "group g 2 a")),
        ("trust.group", "line 2", (f"witness a {W[0]}", "group g 0 a")),
        ("trust.text", "", ("quorum none\0",)),
    ],
)
def test_what_is_no_policy(rule: str, line: str, lines: tuple[str, ...]) -> None:
    with pytest.raises(Invalid) as caught:
        parse_policy(text(*lines))
    assert (caught.value.rule, caught.value.where) == (rule, line)


def test_a_quorum_is_reached_when_the_last_that_it_needs_has_signed():
    policy = parse_policy(text(f"witness a {W[0]}", f"witness b {W[1]}", "group g all a b", "quorum g"))
    times = {policy.keys[0].name: 5, policy.keys[1].name: 9}
    assert policy.reached(policy.keys, times) == 5
    assert policy.reached(policy.keys[:1], times) == 0 == policy.reached(policy.keys, {})
