"""mlcroissant validates our description and loads the records by it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from exported import question, tasks_of

from evenhand import formats
from evenhand.core.release import About, Agreed
from evenhand.formats import WriteOptions
from evenhand.formats.conformance import schema_of

ABOUT = About(
    name="Is it spam? 🙂",
    instructions="Read all of it.",
    questions=("Spam?",),
    overlap=2,
    people=3,
    models=("tiny-1",),
    annotations=7,
    agreement=(Agreed(question="spam", measure="krippendorff-alpha", value=0.81234),),
    software="Evenhand 1",
)


def test_mlcroissant_validates_and_loads(tmp_path: Path) -> None:
    import mlcroissant

    questions = [question("spam", "choice", choices=["ham", "spam"]), question("age", "number", integer=True)]
    rows = [
        ({"text": "a", "tags": ["x"], "n": 1}, {"spam": "spam", "age": 3}),
        ({"text": "b", "tags": [], "n": 2}, {"spam": "ham", "age": 4}),
    ]
    tasks, kind = tasks_of(rows), formats.find("croissant")
    schema = replace(schema_of(tasks, questions), about=ABOUT)
    with kind.write(schema, tmp_path, WriteOptions(accept_loss=True)) as writer:
        for task in tasks:
            writer.add(task)
        writer.close()
    dataset = mlcroissant.Dataset(str(tmp_path / "croissant.json"))
    assert not dataset.metadata.issues.errors
    rai = dataset.metadata
    assert rai.data_annotation_protocol == ["Read all of it."]
    assert rai.data_annotation_analysis == ["Agreement: spam: krippendorff-alpha 0.812"]
    assert json.loads((tmp_path / "croissant.json").read_text())["rai:machineAnnotationTools"] == ["tiny-1"]
    first, _ = list(dataset.records("records"))
    told = {name.rpartition("/")[2]: value for name, value in first.items()}
    names = [field.name for field in dataset.metadata.record_sets[0].fields]
    values = dict(zip(names, told.values(), strict=True))
    assert (values["text"], values["tags"], values["n"]) == (b"a", b'["x"]', 1)
    assert (values["spam"], values["age"], values["spam_confidence"]) == (b"spam", 3, 0.75)
