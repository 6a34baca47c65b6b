"""Types of public fields: as JSON Schema for everybody, and as one pattern a kind for the auditor.

An entry has one form as bytes (RFC 8785), so the values that a closed schema allows are a regular language: a
pattern checks a window of hundreds of leases in some microseconds. Both come from one table, `audit.grammar`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_MOST = 2**53 - 1


@dataclass(frozen=True)
class Type:
    """A closed set of values."""

    schema: Mapping[str, Any]  # JSON Schema, draft 2020-12
    pattern: str  # of the canonical bytes of a value


def _matching(pattern: str) -> Type:
    return Type({"type": "string", "pattern": f"^{pattern}$"}, f'"{pattern}"')


def one_of(*values: str) -> Type:
    """One of these words."""
    return Type({"enum": list(values)}, f'"(?:{"|".join(values)})"')


def array(of: Type) -> Type:
    """Any number of them."""
    part = of.pattern
    return Type({"type": "array", "items": of.schema}, rf"\[(?:{part}(?:,{part})*)?\]")


def record(**fields: Type) -> Type:
    """An object with exactly these keys."""
    names = sorted(fields)
    schema = {
        "type": "object",
        "properties": {name: fields[name].schema for name in names},
        "required": names,
        "additionalProperties": False,
    }
    return Type(schema, r"\{" + ",".join(f'"{name}":{fields[name].pattern}' for name in names) + r"\}")


COUNT = Type({"type": "integer", "minimum": 0, "maximum": _MOST}, r"(?:0|[1-9][0-9]{0,15})")
INTEGER = Type({"type": "integer", "minimum": -_MOST, "maximum": _MOST}, r"(?:0|-?[1-9][0-9]{0,15})")
FLAG = Type({"enum": [0, 1]}, "[01]")
ID = _matching("[A-Za-z0-9:._-]{1,64}")
ID_OR_NOTHING = _matching("[A-Za-z0-9:._-]{0,64}")
ID128 = _matching("[A-Za-z0-9_-]{128}")
DIGEST = _matching("[A-Za-z0-9_-]{43}")
DIGEST_OR_NOTHING = _matching("(?:[A-Za-z0-9_-]{43})?")
SIGNATURE = _matching("[A-Za-z0-9_-]{86}")
PROOF_OR_NOTHING = _matching("(?:[A-Za-z0-9_-]{107})?")
LANGUAGE = _matching("[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,3}")
TEXT = Type({"type": "string"}, r'"(?:[^"\\\x00-\x1f]|\\.)*"')
"""Only where a standard of others says what stands there: identifiers of BODS."""
PLACE = Type(
    {"type": "array", "prefixItems": [ID.schema, COUNT.schema], "items": False, "minItems": 2},
    rf"\[{ID.pattern},{COUNT.pattern}\]",
)
