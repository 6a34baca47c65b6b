"""Evenhand from code: `from evenhand import Client`. Synchronous, typed, one connection pool per client."""

from evenhand.sdk.client import Client, Progress, Receipt, Role
from evenhand.sdk.connection import ATTEMPTS, draft
from evenhand.sdk.rows import Rejection, Report

__all__ = ["ATTEMPTS", "Client", "Progress", "Receipt", "Rejection", "Report", "Role", "draft"]
