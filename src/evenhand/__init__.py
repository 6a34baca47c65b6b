"""Evenhand labels data for competing clients even-handedly, and lets anyone check that it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenhand.sdk import Client as Client

__version__ = "0.1.0"
__all__ = ["Client", "__version__"]


def __getattr__(name: str) -> Any:
    """Load the client only when it is asked for, so that `evenhand --help` does not wait for HTTP."""
    if name == "Client":
        from evenhand.sdk import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
