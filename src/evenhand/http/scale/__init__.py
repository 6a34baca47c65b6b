"""The front that speaks Scale's API: `/v1/…` and `/v2/…`, for Scale's own Python client.

What its client sends and reads, and the traps in both, stand in docs/guide/leaving-scale.md. Everything is
done by the verbs of `service.scale`; here are only names, shapes and status codes.
"""

from __future__ import annotations

from evenhand.http.scale.front import Front, Way, error_body
from evenhand.http.scale.ways import WAYS

__all__ = ["WAYS", "Front", "Way", "error_body"]
