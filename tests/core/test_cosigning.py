"""What a witness decides: every answer of tlog-witness, and cosignatures of both kinds."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from evenhand.core import merkle
from evenhand.core.checkpoint import (
    COSIGNATURE,
    MLDSA44,
    Checkpoint,
    SigningKey,
    VerifyKey,
    open_note,
    parse_signing_key,
    parse_vkey,
    sign_note,
)
from evenhand.core.cosigning import (
    SIZE_TYPE,
    Submission,
    cosign,
    encode_submission,
    judge,
    merge,
    parse_submission,
)
from evenhand.core.errors import Invalid

LOG = SigningKey("log.example/l", b"\1" * 32)
WITNESS = SigningKey("witness.example", b"\2" * 32, COSIGNATURE)
LEAVES = [merkle.leaf_hash(bytes([i])) for i in range(9)]


def at(size: int, salt: bytes = b"") -> Checkpoint:
    leaves = [merkle.leaf_hash(salt + bytes([i])) for i in range(size)]
    return Checkpoint(LOG.name, size, merkle.root(leaves))


def proof(old: int, new: int) -> tuple[bytes, ...]:
    return tuple(
        merkle.consistency_proof(old, new, lambda level, i: merkle.root(LEAVES[i << level : i + 1 << level]))
    )


def ask(old: int, new: Checkpoint, hashes: tuple[bytes, ...] = (), key: SigningKey = LOG) -> Submission:
    return Submission(old, hashes, sign_note(new.text, key))


def test_the_first_checkpoint_and_one_that_continues_it_are_cosigned() -> None:
    assert judge(ask(0, at(3)), LOG.verify_key, None).status == 200
    assert judge(ask(3, at(7), proof(3, 7)), LOG.verify_key, at(3)).status == 200
    assert judge(ask(3, at(3)), LOG.verify_key, at(3)).status == 200
    assert judge(ask(0, at(0)), LOG.verify_key, None).status == 200


@pytest.mark.parametrize(
    ("status", "asked", "latest"),
    [
        (400, ask(4, at(3)), at(4)),
        (409, ask(0, at(3)), at(3)),
        (409, ask(2, at(5), proof(2, 5)), at(3)),
        (422, ask(0, at(3), (b"x" * 32,)), None),
        (422, ask(0, Checkpoint(LOG.name, 0, b"x" * 32)), None),
        (422, ask(3, at(3, b"fork")), at(3)),
        (422, ask(3, at(3), (b"x" * 32,)), at(3)),
        (422, ask(3, at(7)), at(3)),
        (422, ask(3, at(7, b"fork"), proof(3, 7)), at(3)),
        (403, ask(0, at(3), key=SigningKey("other.example", b"\3" * 32)), None),
        (403, ask(0, at(3), key=SigningKey(LOG.name, b"\3" * 32)), None),
    ],
)
def test_what_is_refused(status: int, asked: Submission, latest: Checkpoint | None) -> None:
    judged = judge(asked, LOG.verify_key, latest)
    assert judged.status == status and judged.body.endswith("\n")
    if status == 409:
        assert (judged.body, judged.media_type) == ("3\n", SIZE_TYPE)


def test_a_key_that_is_known_and_does_not_hold_spoils_the_note() -> None:
    note = sign_note(at(3).text, LOG)
    forged = Submission(0, (), note[:-6] + (b"AAAA" if note[-6:-2] != b"AAAA" else b"BBBB") + note[-2:])
    assert judge(forged, LOG.verify_key, None).status == 403
    assert judge(ask(0, at(3)), None, None).status == 404


def test_a_request_survives_its_bytes() -> None:
    asked = ask(3, at(7), proof(3, 7))
    assert parse_submission(encode_submission(asked)) == asked and asked.checkpoint == at(7)


GOOD = encode_submission(ask(3, at(7), proof(3, 7)))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 3",
        GOOD.replace(b"old 3", b"old 03"),
        GOOD.replace(b"old 3", b"new 3"),
        GOOD.replace(b"old 3\n", b"old 3\n*\n"),
        GOOD.replace(b"old 3\n", b"old 3\n\xff\n"),
        GOOD.replace(b"old 3\n", b"old 3\nAAAA\n"),
        GOOD.replace(b"old 3\n", b"old 3\n" + (b64encode(bytes(32)) + b"\n") * 64),
        GOOD.replace(b"\n7\n", b"\n07\n"),
        GOOD + b"x" * 70_000,
    ],
)
def test_what_is_no_request(body: bytes) -> None:
    with pytest.raises(Invalid):
        parse_submission(body)


def test_a_cosignature_holds_and_replaces_an_older_one_of_its_key() -> None:
    note = sign_note(at(3).text, LOG)
    older, newer = cosign(at(3).text, WITNESS, 100), cosign(at(3).text, WITNESS, 200)
    stranger = cosign(at(3).text, SigningKey("stranger.example", b"\4" * 32, COSIGNATURE), 300)
    both = merge(
        merge(note, [older], [WITNESS.verify_key]), [newer + stranger + "nonsense\n"], [WITNESS.verify_key]
    )
    opened = open_note(both, [LOG.verify_key, WITNESS.verify_key])
    assert opened.times == {"witness.example": 200} and both.count("—".encode()) == 2
    assert parse_signing_key(WITNESS.secret_line()).verify_key == WITNESS.verify_key


def pq_line(
    name: str, private: MLDSA44PrivateKey, checkpoint: Checkpoint, seconds: int
) -> tuple[VerifyKey, bytes]:
    """Written from tlog-cosignature, beside the code."""
    key = VerifyKey(name, MLDSA44, private.public_key().public_bytes_raw())
    told, origin = name.encode(), checkpoint.origin.encode()
    message = b"subtree/v1\n\0" + bytes([len(told)]) + told + seconds.to_bytes(8, "big")
    message += bytes([len(origin)]) + origin + bytes(8) + checkpoint.size.to_bytes(8, "big") + checkpoint.root
    blob = key.id + seconds.to_bytes(8, "big") + private.sign(message)
    return key, f"— {name} {b64encode(blob).decode()}\n".encode()


def test_an_ml_dsa_cosignature_is_verified() -> None:
    private = MLDSA44PrivateKey.from_seed_bytes(b"\5" * 32)
    key, line = pq_line("pq.example", private, at(3), 1_700_000_000)
    assert parse_vkey(str(key)) == key
    note = sign_note(at(3).text, LOG)
    assert open_note(note + line, [LOG.verify_key, key]).times == {"pq.example": 1_700_000_000}
    other = sign_note(at(4).text, LOG)
    with pytest.raises(Invalid, match="does not hold"):
        open_note(other + line, [LOG.verify_key, key])
    broken = VerifyKey("pq.example", MLDSA44, bytes(1312))
    _, strange = pq_line("pq.example", private, at(3), 7)
    blob = b64encode(broken.id + bytes(8) + bytes(10)).decode()
    with pytest.raises(Invalid, match="does not hold"):
        open_note(note + f"— pq.example {blob}\n".encode(), [broken])
    assert strange != line


def test_a_witness_cosigns_with_ml_dsa() -> None:
    key = SigningKey("pq.example", b"\5" * 32, MLDSA44)
    assert key.verify_key == pq_line("pq.example", MLDSA44PrivateKey.from_seed_bytes(b"\5" * 32), at(3), 7)[0]
    note = sign_note(at(3).text, LOG) + cosign(at(3).text, key, 1_700_000_000).encode()
    assert open_note(note, [LOG.verify_key, key.verify_key]).times == {"pq.example": 1_700_000_000}


def test_a_name_that_ml_dsa_cannot_carry() -> None:
    key = SigningKey("é" * 130, b"\1" * 32)
    private = MLDSA44PrivateKey.from_seed_bytes(b"\5" * 32)
    pq, line = pq_line("pq.example", private, at(3), 7)
    note = sign_note(Checkpoint(key.name, 3, at(3).root).text, key)
    with pytest.raises(Invalid, match="255 bytes"):
        open_note(note + line, [pq])
