"""Evenhand labels data for competing clients even-handedly, and lets anyone check that it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenhand.aggregation import Aggregated as Aggregated
    from evenhand.aggregation import aggregate as aggregate
    from evenhand.aggregation.agreeing import agreement as agreement
    from evenhand.aggregation.answers import AggregatedAnswers as AggregatedAnswers
    from evenhand.aggregation.numbers import AggregatedNumbers as AggregatedNumbers
    from evenhand.aggregation.pairs import AggregatedPairs as AggregatedPairs
    from evenhand.sdk import Client as Client

__version__ = "0.1.0"
__all__ = [
    "Aggregated",
    "AggregatedAnswers",
    "AggregatedNumbers",
    "AggregatedPairs",
    "Client",
    "__version__",
    "aggregate",
    "agreement",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for only then, so that `evenhand --help` waits neither for HTTP nor for tables."""
    if name in ("aggregate", "Aggregated", "AggregatedAnswers", "AggregatedNumbers", "AggregatedPairs"):
        from evenhand import aggregation

        return getattr(aggregation, name)
    if name == "agreement":
        from evenhand.aggregation import agreeing

        return agreeing.agreement
    if name == "Client":
        from evenhand.sdk import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
