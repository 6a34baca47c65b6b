"""Places in an image: pixels after EXIF orientation, from the top left corner."""

from __future__ import annotations

import math

from evenhand.core.errors import Invalid
from evenhand.core.label import Json

FARTHEST = 1e7
"""Pixels. Larger images do not exist, and larger numbers lose their decimals."""

Size = tuple[float, float]
"""Width and height in pixels; infinite where nobody knows."""


def size_of(image: Json) -> Size:
    """Width and height of an image field's value; without bound where the task does not tell them."""
    if not isinstance(image, dict):
        return (math.inf, math.inf)
    sides = (image.get("width"), image.get("height"))
    width, height = (side if isinstance(side, int | float) and side > 0 else math.inf for side in sides)
    return (width, height)


def require_number(value: float, where: str) -> None:
    """Refuse what can be no place in any image.

    Raises:
        Invalid: it is NaN or too far away.
    """
    if not -FARTHEST <= value <= FARTHEST:  # NaN fails this too
        raise Invalid("answer.not-a-place", "This is no place in an image.", where, "Send pixels.")


def placed(x: float, y: float, size: Size, where: tuple[str, str]) -> tuple[float, float]:
    """A point, rounded to 2 decimals, that lies in the image.

    Args:
        where: path of x and of y inside the answer.

    Raises:
        Invalid: it does not.
    """
    rounded = []
    for value, most, path in zip((x, y), size, where, strict=True):
        require_number(value, path)
        place = round(value, 2) + 0.0  # turns -0.0 into 0.0
        if not 0 <= place <= most:
            reason = f"The point lies outside the image ({size[0]:g} x {size[1]:g} pixels)."
            raise Invalid("answer.outside", reason, path, "Move it.")
        rounded.append(place)
    return (rounded[0], rounded[1])
