"""Notes, checkpoints and proofs, against C2SP's examples and frozen vectors."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest

from evenhand.core import merkle
from evenhand.core.checkpoint import (
    COSIGNATURE,
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    Checkpoint,
    Proof,
    SigningKey,
    VerifyKey,
    encode_proof,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    parse_note,
    parse_proof,
    parse_signing_key,
    parse_vkey,
    sign_note,
    verify_ed25519,
    verify_proof,
)
from evenhand.core.errors import Invalid

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "ledger.json").read_text())
KEY = SigningKey(VECTORS["origin"], bytes.fromhex(VECTORS["seed"]))
LOG = KEY.verify_key
OTHER = SigningKey("other.example/log", b"\7" * 32)


def line(name: str, blob: bytes) -> bytes:
    return f"— {name} {b64encode(blob).decode()}\n".encode()


# --- keys ---


def test_frozen_key() -> None:
    assert str(LOG) == VECTORS["vkey"]
    assert parse_vkey(VECTORS["vkey"] + "\n") == LOG


def test_a_key_of_another_implementation_reads_and_writes_the_same() -> None:
    """The key of Tessera's test log."""
    vkey = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
    assert str(parse_vkey(vkey)) == vkey


def test_a_signing_key_survives_its_file() -> None:
    again = parse_signing_key(KEY.secret_line())
    assert (again.name, again.verify_key, again.sign(b"x")) == (KEY.name, LOG, KEY.sign(b"x"))


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        VECTORS["vkey"].replace("+", "+0", 1),
        VECTORS["vkey"].replace("labels", "labelz"),
        VECTORS["vkey"] + "AA",
        "na me" + VECTORS["vkey"][VECTORS["vkey"].index("+") :],
        "x+00000000+" + b64encode(b"\1" + b"k" * 31).decode(),
        "x+00000000+" + b64encode(b"\2" + b"k" * 32).decode(),
    ],
)
def test_what_is_no_verification_key_is_refused(vkey: str) -> None:
    with pytest.raises(Invalid):
        parse_vkey(vkey)


@pytest.mark.parametrize(
    ("old", "new"),
    [("PRIVATE", "PUBLIC"), ("labels", "labelz"), ("+AQ", "+Ag"), ("+AQAB", "+AQ"), ("+AQAB", "+")],
)
def test_what_is_no_signing_key_is_refused_without_showing_it(old: str, new: str) -> None:
    secret = KEY.secret_line()
    assert old in secret
    with pytest.raises(Invalid) as refused:
        parse_signing_key(secret.replace(old, new))
    assert secret.strip()[-20:] not in str(refused.value)
    with pytest.raises(Invalid):
        parse_signing_key("PRIVATE+KEY+x")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "x" * 256])
def test_a_name_that_no_signature_line_could_carry_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        SigningKey(name, b"\0" * 32)


# --- notes ---


@pytest.mark.parametrize("vector", VECTORS["notes"], ids=lambda vector: vector["source"])
def test_notes_of_others_open(vector: dict[str, str]) -> None:
    key = parse_vkey(vector["vkey"])
    opened = open_note(vector["note"].encode(), [key])
    assert opened.text + vector["note"][len(opened.text) :] == vector["note"]
    assert (opened.signers, opened.times) == ((key,), {})


def test_the_longest_split_wins_and_empty_lines_may_stand_in_the_text() -> None:
    text = "one\n\ntwo\n\n\nthree\n"
    assert open_note(sign_note(text, KEY), [LOG]).text == text


def test_unknown_signatures_are_ignored_even_under_a_known_name_or_id() -> None:
    note = sign_note("text\n", KEY)
    note += line(LOG.name, b"\0\0\0\0" + b"x" * 64)
    note += line("stranger.example", LOG.id + b"x" * 64)
    note += line("stranger.example", b"\0\0\0\0" + b"x" * 5000)
    assert open_note(note, [LOG]).signers == (LOG,)


def test_a_known_key_s_signature_that_fails_spoils_the_note() -> None:
    note = sign_note("text\n", KEY) + line(OTHER.name, OTHER.verify_key.id + b"x" * 64)
    assert open_note(note, [LOG]).signers == (LOG,)
    with pytest.raises(Invalid, match=r"other\.example"):
        open_note(note, [LOG, OTHER.verify_key])
    with pytest.raises(Invalid):
        open_note(sign_note("text\n", KEY).replace(b"text", b"tixt"), [LOG])
    with pytest.raises(Invalid):
        open_note(b"text\n\n" + line(LOG.name, LOG.id + b"x" * 12), [LOG])


def test_a_note_that_nobody_known_signed_is_refused() -> None:
    with pytest.raises(Invalid, match="No key"):
        open_note(sign_note("text\n", KEY), [OTHER.verify_key])


def test_many_signatures_are_read_and_too_many_are_not() -> None:
    note = sign_note("text\n", KEY)
    filler = line("w.example", b"12345")
    assert open_note(note + filler * (MAX_SIGNATURES - 1), [LOG]).signers == (LOG,)
    with pytest.raises(Invalid, match="100"):
        open_note(note + filler * MAX_SIGNATURES, [LOG])


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno signature\n",
        b"text\n\n" + line("w", b"12345")[:-1],
        b"text\n\n" + line("w", b"1234"),
        b"text\n\n" + line("w+w", b"12345"),
        b"text\n\n" + line("w", b"12345").replace("—".encode(), b"-"),
        "text\n\n— w ä===\n".encode(),
        b"text\n\n\xe2\x80\x94 w MTIzNDV=\n",
        b"te\txt\n\n" + line("w", b"12345"),
        b"te\xffxt\n\n" + line("w", b"12345"),
        b"x" * MAX_NOTE_BYTES + b"\n\n" + line("w", b"12345"),
    ],
)
def test_what_is_no_note_is_refused(note: bytes) -> None:
    with pytest.raises(Invalid):
        parse_note(note)


# --- checkpoints ---


def test_frozen_checkpoint_and_cosignature() -> None:
    frozen = VECTORS["checkpoint"]
    checkpoint = Checkpoint(LOG.name, frozen["size"], bytes.fromhex(frozen["root"]))
    assert sign_note(checkpoint.text, KEY).decode() == frozen["note"]
    assert open_checkpoint(frozen["note"].encode(), LOG) == checkpoint
    witness = parse_vkey(frozen["witness"])
    assert (witness.kind, str(witness)) == (COSIGNATURE, frozen["witness"])
    assert open_checkpoint(frozen["cosigned"].encode(), LOG, [witness]) == checkpoint
    assert open_note(frozen["cosigned"].encode(), [LOG, witness]).times == {witness.name: frozen["time"]}


def test_a_cosignature_vouches_for_its_time() -> None:
    frozen = VECTORS["checkpoint"]
    witness = parse_vkey(frozen["witness"])
    signature = parse_note(frozen["cosigned"].encode()).signatures[1]
    later = (frozen["time"] + 1).to_bytes(8, "big") + signature.blob[8:]
    with pytest.raises(Invalid, match="witness"):
        open_note(frozen["note"].encode() + line(witness.name, witness.id + later), [LOG, witness])


def test_a_witness_alone_does_not_make_a_checkpoint() -> None:
    frozen = VECTORS["checkpoint"]
    witness = parse_vkey(frozen["witness"])
    text, lines = frozen["cosigned"].rsplit("\n\n", 1)
    alone = f"{text}\n\n{lines.splitlines()[1]}\n".encode()
    assert open_note(alone, [LOG, witness]).signers == (witness,)
    with pytest.raises(Invalid, match="not a checkpoint of"):
        open_checkpoint(alone, LOG, [witness])


def test_a_log_vouches_for_its_own_origin_only() -> None:
    note = sign_note(Checkpoint("other.example/log", 3, b"r" * 32).text, KEY)
    with pytest.raises(Invalid, match="not a checkpoint of"):
        open_checkpoint(note, LOG)


def test_the_empty_tree_and_extension_lines_are_read() -> None:
    empty = Checkpoint("o", 0, merkle.EMPTY_ROOT)
    assert parse_checkpoint(empty.text) == empty
    assert parse_checkpoint(empty.text + "extension\n") == empty


ROOT = b64encode(b"r" * 32).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n3\n",
        f"o\n3\n{ROOT}",
        f"\n3\n{ROOT}\n",
        f"o\n03\n{ROOT}\n",
        f"o\n-3\n{ROOT}\n",
        f"o\n٣\n{ROOT}\n",
        f"o\n3\n{ROOT[:-4]}\n",
        f"o\n3\n{ROOT[:-1]}\n",
        f"o\n3\n{ROOT}\n\nextension\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        parse_checkpoint(text)


# --- proofs ---

LEAVES = [merkle.leaf_hash(b"leaf %d" % n) for n in range(7)]


def proof(index: int, extra: bytes = b"") -> Proof:
    def read_hash(level: int, at: int) -> bytes:
        return merkle.root(LEAVES[at << level : (at + 1) << level])

    hashes = tuple(merkle.inclusion_proof(index, 7, read_hash))
    return Proof(index, hashes, sign_note(Checkpoint(LOG.name, 7, merkle.root(LEAVES)).text, KEY), extra)


@pytest.mark.parametrize("index", range(7))
@pytest.mark.parametrize("extra", [b"", b"anything"])
def test_a_proof_survives_its_file_and_proves(index: int, extra: bytes) -> None:
    data = encode_proof(proof(index, extra))
    assert parse_proof(data) == proof(index, extra)
    assert verify_proof(LEAVES[index], parse_proof(data), LOG).size == 7
    with pytest.raises(Invalid):
        verify_proof(LEAVES[(index + 1) % 7], parse_proof(data), LOG)


def test_a_proof_with_a_single_leaf_has_no_hashes() -> None:
    note = sign_note(Checkpoint(LOG.name, 1, LEAVES[0]).text, KEY)
    data = encode_proof(Proof(0, (), note))
    assert data.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\n")
    assert verify_proof(LEAVES[0], parse_proof(data), LOG).size == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"c2sp.org/tlog-proof@v2\nindex 0\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n",
        b"c2sp.org/tlog-proof@v1\n\n",
        b"c2sp.org/tlog-proof@v1\nindex\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 01\n\n",
        b"c2sp.org/tlog-proof@v1\nextra !\nindex 1\n\n",
        b"c2sp.org/tlog-proof@v1\nextra eA==\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 1\nnot base64\n\n",
        b"c2sp.org/tlog-proof@v1\nindex \xff\n\n",
    ],
)
def test_what_is_no_proof_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        parse_proof(data)


def test_a_proof_s_hashes_are_hashes() -> None:
    good = proof(3)
    with pytest.raises(Invalid, match="32 bytes"):
        verify_proof(LEAVES[3], Proof(3, (b"short", *good.hashes[1:]), good.checkpoint), LOG)


def test_a_key_is_known_by_name_and_kind() -> None:
    as_witness = VerifyKey(LOG.name, COSIGNATURE, LOG.public)
    assert as_witness.id != LOG.id
    with pytest.raises(Invalid, match="No key"):
        open_note(sign_note("text\n", KEY), [as_witness])


def test_a_signature_outside_a_note_is_checked_alone() -> None:
    key = SigningKey("example.com/log", bytes(range(32)))
    public, text = key.verify_key.public, b"any words"
    assert verify_ed25519(public, text, key.sign(text))
    assert not verify_ed25519(public, b"other words", key.sign(text))
    assert not verify_ed25519(b"no key", text, key.sign(text))


def test_a_derived_secret_depends_on_key_and_purpose() -> None:
    key, other = (SigningKey("example.com/log", bytes([n]) * 32) for n in (1, 2))
    secrets = {key.derived(b"draw"), key.derived(b"salt"), other.derived(b"draw")}
    assert (len(secrets), {len(secret) for secret in secrets}) == (3, {32})
    assert key.derived(b"draw") == key.derived(b"draw")
