"""What `evenhand demo` fills a node with: projects on texts written for it, and an exchange of clients."""

from __future__ import annotations

from evenhand import wire
from evenhand.demo import examples, exchange
from evenhand.sdk import Client, Progress


def fill(client: Client, tell: Progress | None = None) -> list[wire.Project]:
    """Make the examples that are not there yet, and answer some of their tasks.

    Args:
        client: of an owner. The exchange is made where that is the node's operator.
        tell: called with the examples done and how many there are.

    Returns: the example projects of the owner's organization.
    """
    made = examples.fill(client, tell and (lambda done, of: tell(done, (of or 0) + 1)))
    if client.session().operator and not client.exchange.pools():
        if tell is not None:
            tell(len(made), len(made) + 1)
        exchange.fill(client)
    return made
