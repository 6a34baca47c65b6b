"""numba's `njit`, for files that may lie where nothing can be written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numba
from numba.core import event

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


@contextmanager
def told_of_compiling(tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` when the first function is compiled within; never for what is read from the disk."""
    with event.install_listener("numba:compile", _First(tell)):
        yield


class _First(event.Listener):
    """Tells of the first event alone."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell: Callable[[], None] | None = tell

    def on_start(self, event: Any) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell()

    def on_end(self, event: Any) -> None:
        """That it is over shows by itself."""
