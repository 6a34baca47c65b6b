"""conllu and spaCy load what we write of spans, and find the same stretches of text."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

from exported import Rows, export, question

from evenhand.core.label import SpanElement
from evenhand.formats.tokens import tokens

FIELDS = {"text": "text"}
QUESTIONS = [
    question(
        "ner", "span", FIELDS, field="text", labels=["PER", "PLACE NAME"], overlap=True, relations=["in"]
    ),
    question("mood", "choice", choices=["good", "bad"]),
]
TEXT = "🙂 Ana-Lena lives\nin Köln."
SPANS = [
    {"start": 2, "end": 10, "label": "PER", "relations": [{"to": 2, "label": "in"}]},
    {"start": 2, "end": 5, "label": "PER"},  # overlaps: the longer stays
    {"start": 20, "end": 23, "label": "PLACE NAME"},  # ends inside of a word: "Köl"
]
ROWS: Rows = [
    ({"text": TEXT}, {"ner": SPANS, "mood": "good"}),
    ({"text": "No answer."}, {}),
    ({"text": 7}, {"ner": []}),
]
TAGGED = [
    [("🙂", "O"), ("Ana", "B-PER"), ("-", "I-PER"), ("Lena", "I-PER"), ("lives", "O")],
    [("in", "O"), ("Köl", "B-PLACE_NAME"), ("n", "O"), (".", "O")],
]


def test_spacys_converter_reads_conll_2003(tmp_path: Path) -> None:
    from spacy.training.converters import conll_ner_to_docs

    export("conll2003", QUESTIONS, ROWS, tmp_path)
    text = (tmp_path / "train.conll").read_text(encoding="utf-8")
    assert text.startswith("-DOCSTART- -X- O O\n\n🙂 -X- _ O\nAna -X- _ B-PER\n")
    (doc,) = conll_ner_to_docs(text, n_sents=0, no_print=True)
    assert [[token.text for token in sentence] for sentence in doc.sents] == [
        [word for word, _ in sentence] for sentence in TAGGED
    ]
    assert [(e.text, e.label_) for e in doc.ents] == [("Ana - Lena", "PER"), ("Köl", "PLACE_NAME")]


def test_bioes_says_where_a_span_ends() -> None:
    spans = [
        SpanElement(field="t", start=0, end=3, label="A"),
        SpanElement(field="t", start=4, end=7, label="B"),
    ]
    assert [t.tag for t in tokens("a b c", spans, "bioes")] == ["B-A", "E-A", "S-B"]


def test_conllu_reads_conll_u(tmp_path: Path) -> None:
    import conllu

    export("conllu", QUESTIONS, ROWS, tmp_path)
    found = conllu.parse((tmp_path / "train.conllu").read_text(encoding="utf-8"))
    told = [[(token["form"], token["misc"]["ner"]) for token in sentence] for sentence in found]
    assert told == TAGGED
    first = found[0].metadata
    assert (first["newdoc id"], first["label.mood"], first["text"]) == ("prj-1", "good", "🙂 Ana-Lena lives")
    for sentence in found:
        for token in sentence:
            misc = token["misc"]
            assert TEXT[int(misc["start_char"]) : int(misc["end_char"])] == token["form"]
    assert [token["misc"].get("SpaceAfter") for token in found[0]] == [None, "No", "No", None, None]


def test_spacy_reads_docs(tmp_path: Path) -> None:
    import spacy
    from spacy.tokens import DocBin

    export("spacy", QUESTIONS, ROWS, tmp_path)
    docs = list(DocBin().from_disk(tmp_path / "train-0001.spacy").get_docs(spacy.blank("xx").vocab))
    assert [doc.text for doc in docs] == [TEXT]
    doc = docs[0]
    assert [(e.start_char, e.end_char, e.label_) for e in doc.ents] == [
        (2, 10, "PER"),
        (20, 23, "PLACE NAME"),
    ]
    assert sorted((s.start_char, s.end_char) for s in doc.spans["ner"]) == [(2, 5), (2, 10), (20, 23)]
    assert doc.cats == {"good": 1.0, "bad": 0.0}
    assert doc.user_data["external_id"] == "their 1"
    (relation,) = doc.user_data["relations"]["ner"]
    ends = [doc.spans["ner"][relation[end]].text for end in ("from", "to")]
    assert (ends, relation["label"]) == (["Ana-Lena", "Köl"], "in")


def test_brat_has_spans_and_relations_by_lines(tmp_path: Path) -> None:
    """As brat.nlplab.org/standoff.html describes them: offsets, parts of a span, arguments by number."""
    labels = ["PER", "Ort / Stadt", "Ort (Stadt)"]
    marks = question("ner", "span", FIELDS, field="text", labels=labels, relations=["lives in"])
    spans = [
        {"start": 2, "end": 10, "label": "PER", "relations": [{"to": 1, "label": "lives in"}]},
        {"start": 11, "end": 23, "label": "Ort / Stadt"},
    ]
    export("brat", [marks], [({"text": TEXT}, {"ner": spans}), ({"text": "No answer."}, {})], tmp_path)
    with tarfile.open(tmp_path / "brat.tar") as archive:
        files = {one.name: archive.extractfile(one) for one in archive.getmembers()}
        told = {name: file.read().decode() for name, file in files.items() if file is not None}
    assert told["prj-1.txt"] == TEXT
    assert told["prj-1.ann"] == (
        "T1\tPER 2 10\tAna-Lena\nT2\tOrt_Stadt 11 16;17 23\tlives in Köl\nR1\tlives_in Arg1:T1 Arg2:T2\n"
    )
    for places, words in re.findall(r"^T\d+\t\S+ (.*)\t(.*)$", told["prj-1.ann"], re.M):
        parts = [part.split() for part in places.split(";")]
        assert " ".join(TEXT[int(start) : int(end)] for start, end in parts) == words
    assert told["annotation.conf"].split("\n")[:6] == [
        "[entities]", "PER", "Ort_Stadt", "Ort_Stadt_", "", "[relations]"
    ]  # fmt: skip
    assert told.keys() == {"prj-1.txt", "prj-1.ann", "annotation.conf"}
