"""The answers in ``labels/<type>/vectors.json``, which the widgets' tests read too."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from evenhand.core.errors import Invalid
from evenhand.core.label import LabelType
from evenhand.labels import all_types


def _cases() -> list[Any]:
    cases = []
    for kind in all_types().values():
        vectors = json.loads(
            (Path(inspect.getfile(kind)).parent / "vectors.json").read_text(encoding="utf-8")
        )
        cases += [pytest.param(kind, vector, id=f"{kind.name}-{i}") for i, vector in enumerate(vectors)]
    return cases


@pytest.mark.parametrize(("kind", "vector"), _cases())
def test_vector(kind: type[LabelType[Any]], vector: dict[str, Any]) -> None:
    label = kind.configure(vector["config"], vector["fields"])
    if "invalid" in vector:
        with pytest.raises(Invalid) as refused:
            label.parse(vector["answer"], vector["data"])
        assert refused.value.where == vector["invalid"]
        return
    stored = vector.get("stored", vector["answer"])
    assert json.dumps(label.dump(label.parse(vector["answer"], vector["data"]))) == json.dumps(stored)
    assert jsonschema_rs.Draft202012Validator(label.schema()).is_valid(vector["answer"])


def test_every_type_has_both_kinds() -> None:
    for kind in all_types().values():
        vectors = [case.values[1] for case in _cases() if case.values[0] is kind]
        assert sum("invalid" in vector for vector in vectors) >= 3, kind
        assert sum("invalid" not in vector for vector in vectors) >= 3, kind
