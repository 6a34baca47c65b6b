"""numba's `njit`, for files that may lie where nothing can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def njit(*, cache: bool, **options: Any) -> Any:
    """As `numba.njit`; what cannot be kept on disk is compiled again in each process.

    numba keeps what it has compiled beside the source or in the user's cache, and raises where it may write
    in neither: in a container with a read-only file system, say. It takes some seconds then, at first use.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(function, cache=cache, **options)
        except RuntimeError:  # no place for a cache
            return numba.njit(function, **options)

    return compiled
