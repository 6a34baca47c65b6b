"""Shares: a project's tasks shared out to other nodes, none of which sees more than its cap.

A node keeps, of each share, both chains of letters. What a letter makes happen is one transaction with the
entries that say it; the text of what was written stays until the other node has taken it. The edge signs.
"""

from evenhand.service.shares.planning import plan
from evenhand.service.shares.rows import get_letter, list_
from evenhand.service.shares.sending import write
from evenhand.service.shares.taking import take

__all__ = ["get_letter", "list_", "plan", "take", "write"]
