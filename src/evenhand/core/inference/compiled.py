"""numba's `njit`, for files that may lie where nothing can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def njit(*, cache: bool, **options: Any) -> Callable[[F], F]:
    """As `numba.njit`; what cannot be kept on disk is compiled again in each process.

    numba keeps what it has compiled beside the source or in the user's cache, and raises where it may write
    in neither: in a container with a read-only file system, say. It takes some seconds then, at first use.
    """

    def compiled(function: F) -> F:
        try:
            made: F = numba.njit(function, cache=cache, **options)
        except RuntimeError:  # no place for a cache
            made = numba.njit(function, **options)
        return made

    return compiled
