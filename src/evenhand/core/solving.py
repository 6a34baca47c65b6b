"""Symmetric positive definite equations that are known by what they do to a vector."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 200  # at the most
CLOSE = 1e-12  # how far the residual falls
TINY = 1e-300


def solved(image: Callable[[Floats], Floats], diagonal: Floats, right: Floats, start: Floats) -> Floats:
    """The x for which `image(x)` is `right`, by conjugate gradients with the diagonal as preconditioner.

    Hestenes and Stiefel 1952, doi:10.6028/jres.049.044. What is still wrong after `STEPS` is left.
    """
    near = CLOSE * max(float(np.abs(right).max()), TINY)
    found = start
    rest = right - image(start)
    step = rest / diagonal
    slope = float(rest @ step)
    for _ in range(STEPS):
        changed = image(step)
        bend = float(step @ changed)
        if np.abs(rest).max() <= near or bend <= 0:  # what rounding makes of next to nothing
            break
        length = slope / bend
        found = found + length * step
        rest = rest - length * changed
        ahead = rest / diagonal
        before, slope = slope, float(rest @ ahead)
        step = ahead + slope / before * step
    return found
