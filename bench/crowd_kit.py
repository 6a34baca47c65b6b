"""crowd-kit's ways with texts and masks, on the same answers; nothing where it is not installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

AT_HAND = find_spec("crowdkit") is not None


def texts(answers: Sequence[tuple[int, str, str]]) -> dict[str, list[str]]:
    """By name of the method, the text of each task. Its TextRASA and TextHRRASA fail with this pandas."""
    if not AT_HAND:
        return {}
    import pandas
    from crowdkit.aggregation import ROVER

    frame = pandas.DataFrame(answers, columns=["task", "worker", "text"])
    found = ROVER(str.split, " ".join).fit_predict(frame)
    return {"crowd-kit ROVER": found.sort_index().tolist()}


def masks(answers: Sequence[tuple[int, str, Any]]) -> dict[str, list[Any]]:
    """By name of the method, the pixels of each task."""
    if not AT_HAND:
        return {}
    import pandas
    from crowdkit import aggregation

    frame = pandas.DataFrame(answers, columns=["task", "worker", "segmentation"])
    names = ("SegmentationMajorityVote", "SegmentationRASA", "SegmentationEM")
    found = {name: getattr(aggregation, name)().fit_predict(frame).sort_index() for name in names}
    return {f"crowd-kit {name}": [np.asarray(one, bool) for one in maps] for name, maps in found.items()}
