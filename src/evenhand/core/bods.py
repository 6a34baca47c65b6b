"""Statements of beneficial ownership, in and out: Open Ownership's BODS 0.4.

A file is a flat JSON array of statements, https://standard.openownership.org/en/0.4.0/. What comes in is kept
as received; here it is read into the few facts that `core.ownership` and the ledger need. Names of people are
not among them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import msgspec

from evenhand.core.errors import Invalid
from evenhand.core.ownership import TYPES, UNKNOWN, WHOLE, Interest

VERSION = "0.4"
MAX_STATEMENTS = 500  # in one file
MAX_INTERESTS = 50  # in one relationship, so that its entry stays small
STATUSES = ("new", "updated", "closed")
ENTITIES = (
    "registeredEntity",
    "legalEntity",
    "arrangement",
    "anonymousEntity",
    "unknownEntity",
    "state",
    "stateBody",
)
PERSONS = ("knownPerson", "anonymousPerson", "unknownPerson")
NOBODY = "noBeneficialOwners"  # the one reason for an unspecified party that says that there is none
_IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,31}:[A-Za-z0-9._-]{1,32}")


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One statement: the facts of it, and the bytes as received."""

    source: str  # recordId
    type: str  # entity, person, relationship
    status: str
    form: str = ""
    subject: str = ""  # recordIds
    party: str = ""  # "unknown": it names none
    interests: tuple[Interest, ...] = ()
    components: tuple[str, ...] = ()
    effective: int  # ms
    identifiers: tuple[str, ...] = ()
    raw: bytes


def read(statements: Any) -> list[Statement]:
    """Read a file of statements.

    Args:
        statements: the decoded JSON.

    Raises:
        Invalid: it is no array of BODS 0.4; `where` is the path.
    """
    if not isinstance(statements, list) or not 1 <= len(statements) <= MAX_STATEMENTS:
        reason = f"A BODS file is an array of 1 to {MAX_STATEMENTS} statements."
        raise Invalid("bods.file", reason, "statements", "Divide a longer file.")
    return [_statement(raw, f"statements[{i}]") for i, raw in enumerate(statements)]


def _kept(raw: dict[str, Any], where: str) -> bytes:
    """A statement as it is kept: JSON with sorted keys."""
    try:
        return msgspec.json.encode(raw, order="sorted")
    except UnicodeEncodeError as error:
        reason = "A text of the statement holds half of a surrogate pair, which is no character."
        raise Invalid("bods.text", reason, where, "Write its texts as UTF-8.") from error


def _statement(raw: Any, where: str) -> Statement:
    if not isinstance(raw, dict):
        raise Invalid("bods.statement", "A statement is an object.", where)
    version = _object(raw, "publicationDetails", where).get("bodsVersion", VERSION)
    if version != VERSION:
        raise Invalid(
            "bods.version", f"Only BODS {VERSION} is read.", f"{where}.publicationDetails.bodsVersion"
        )
    if not 32 <= len(_text(raw, "statementId", where)) <= 64:
        raise Invalid("bods.statement-id", "A statementId has 32 to 64 characters.", f"{where}.statementId")
    kind = _one_of(raw, "recordType", ("entity", "person", "relationship"), where)
    status = _one_of({"recordStatus": "new", **raw}, "recordStatus", STATUSES, where)
    details = _object(raw, "recordDetails", where)
    facts: dict[str, Any] = {
        "source": _text(raw, "recordId", where),
        "type": kind,
        "status": status,
        "raw": _kept(raw, where),
    }
    said = _date(raw, "statementDate", where)
    inner = f"{where}.recordDetails"
    if kind == "relationship":
        return _relationship(facts, details, said, inner)
    if kind == "person":
        form = _one_of(details, "personType", PERSONS, inner)
        return Statement(**facts, form=form, effective=said)
    form = _one_of(_object(details, "entityType", inner), "type", ENTITIES, f"{inner}.entityType")
    return Statement(**facts, form=form, effective=said, identifiers=_identifiers(details))


def _identifiers(details: Mapping[str, Any]) -> tuple[str, ...]:
    listed = details.get("identifiers")
    listed = listed if isinstance(listed, list) else []
    found = {f"{i.get('scheme', '')}:{i.get('id', '')}" for i in listed if isinstance(i, dict)}
    return tuple(sorted(one for one in found if _IDENTIFIER.fullmatch(one)))[:10]


def _relationship(facts: dict[str, Any], details: Mapping[str, Any], said: int, where: str) -> Statement:
    subject = details.get("subject")
    if not isinstance(subject, str) or not subject:
        raise Invalid(
            "bods.subject", "The relationship does not say whose owners it is about.", f"{where}.subject"
        )
    party = _party(details.get("interestedParty"), where)
    raw = details.get("interests", [])
    if not isinstance(raw, list) or len(raw) > MAX_INTERESTS:
        raise Invalid(
            "bods.interests", f"Interests are an array of at most {MAX_INTERESTS}.", f"{where}.interests"
        )
    interests = tuple(_interest(one, f"{where}.interests[{i}]") for i, one in enumerate(raw))
    components = details.get("componentRecords") or []
    if not isinstance(components, list) or not all(isinstance(c, str) for c in components):
        raise Invalid("bods.components", "These are not record ids.", f"{where}.componentRecords")
    dates = [_date(one, name, where) for one in raw for name in ("startDate", "endDate") if one.get(name)]
    return Statement(
        **facts,
        subject=subject,
        party=party,
        interests=() if not party else interests,
        components=tuple(components),
        effective=max((d for d in dates if d <= said), default=said),
    )


def _party(raw: Any, where: str) -> str:
    if isinstance(raw, str) and raw and raw != UNKNOWN:
        return raw
    if isinstance(raw, dict) and isinstance(raw.get("reason"), str):
        return "" if raw["reason"] == NOBODY else UNKNOWN
    raise Invalid(
        "bods.party", "The relationship does not name a party, nor say why.", f"{where}.interestedParty"
    )


def _interest(raw: Any, where: str) -> Interest:
    if not isinstance(raw, dict):
        raise Invalid("bods.interest", "An interest is an object.", where)
    kind = _one_of({"type": "unknownInterest", **raw}, "type", sorted(TYPES), where)
    least, most = _bounds(_object(raw, "share", where), f"{where}.share")
    return Interest(
        type=kind,
        least=least,
        most=most,
        indirect=int(raw.get("directOrIndirect") == "indirect"),
        end=_date(raw, "endDate", where) if raw.get("endDate") else 0,
    )


def _bounds(share: Mapping[str, Any], where: str) -> tuple[int, int]:
    """(least, most) in units of 10^-8: the lower rounded down, the upper up; unknown is the whole."""
    exact = _percent(share, "exact", where)
    if exact is not None:
        return math.floor(exact), math.ceil(exact)
    lower = [_percent(share, name, where) for name in ("minimum", "exclusiveMinimum")]
    upper = [_percent(share, name, where) for name in ("maximum", "exclusiveMaximum")]
    least = max((x for x in lower if x is not None), default=Fraction(0))
    most = min((x for x in upper if x is not None), default=Fraction(WHOLE))
    if least > most:
        raise Invalid("bods.share", "The least is more than the most.", where)
    return math.floor(least), math.ceil(most)


def _percent(share: Mapping[str, Any], name: str, where: str) -> Fraction | None:
    value = share.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise Invalid("bods.share", "A share is 0 to 100 percent.", f"{where}.{name}")
    return Fraction(repr(value)) * WHOLE / 100


def _object(raw: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    value = raw.get(name, {})
    if not isinstance(value, dict):
        raise Invalid("bods.object", "This is not an object.", f"{where}.{name}")
    return value


def _text(raw: Mapping[str, Any], name: str, where: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 200:
        raise Invalid(
            "bods.text", "This is missing, or not a text of 1 to 200 characters.", f"{where}.{name}"
        )
    return value


def _one_of(raw: Mapping[str, Any], name: str, allowed: Sequence[str], where: str) -> str:
    value = raw.get(name)
    if value not in allowed:
        raise Invalid(
            "bods.code", "This code is not in BODS 0.4.", f"{where}.{name}", f"One of {', '.join(allowed)}."
        )
    return str(value)


_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(T.*)?")
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
DAY = 86_400_000  # ms


def _date(raw: Mapping[str, Any], name: str, where: str) -> int:
    """The first millisecond of a date, or of the date of a date-time."""
    found = _DATE.fullmatch(str(raw.get(name, "")))
    year, month, day = (int(part) for part in found.groups()[:3]) if found else (0, 0, 0)
    if not (1970 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1] + (month == 2)):
        reason = "This is not a date from 1970 on, such as 2025-06-13."
        raise Invalid("bods.date", reason, f"{where}.{name}")
    return _days(year, month, day) * DAY


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 (years begin in March, so that the leap day comes last)."""
    year -= month < 3
    within = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return 365 * year + year // 4 - year // 100 + year // 400 + within - 719_468


# ---- writing -------------------------------------------------------------------------------------


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What one party has in another, as people say it; shares in percent."""

    holder: str  # recordId
    held: str
    economic: float | None = None
    voting: float | None = None
    office: str = ""  # boardMember, boardChair, seniorManagingOfficial
    since: str  # date


def entity(record: str, name: str, day: str, statement: str) -> dict[str, Any]:
    """A statement that an entity exists.

    Args:
        day: date of the statement, such as 2025-06-13.
        statement: its statementId, 32 to 64 characters.
    """
    details = {"isComponent": False, "entityType": {"type": "registeredEntity"}, "name": name}
    return _frame("entity", record, record, details, day, statement)


def holding(record: str, held: Holding, day: str, statement: str) -> dict[str, Any]:
    """A statement of what one entity has in another; see `entity` for the arguments."""
    shares = [("shareholding", held.economic), ("votingRights", held.voting)]
    interests = [
        {"type": kind, "directOrIndirect": "direct", "startDate": held.since, "share": {"exact": percent}}
        for kind, percent in shares
        if percent is not None
    ]
    if held.office:
        interests.append({"type": held.office, "directOrIndirect": "direct", "startDate": held.since})
    if not interests:
        raise Invalid("bods.interests", "This says nothing about what is held.", "economic", "Give a share.")
    details = {
        "isComponent": False,
        "subject": held.held,
        "interestedParty": held.holder,
        "interests": [{**one, "beneficialOwnershipOrControl": False} for one in interests],
    }
    return _frame("relationship", record, held.held, details, day, statement)


def _frame(
    kind: str, record: str, about: str, details: dict[str, Any], day: str, statement: str
) -> dict[str, Any]:
    return {
        "statementId": statement,
        "declarationSubject": about,
        "statementDate": day,
        "publicationDetails": {
            "publicationDate": day,
            "bodsVersion": VERSION,
            "publisher": {"name": "Evenhand node"},
        },
        "recordId": record,
        "recordStatus": "new",
        "recordType": kind,
        "recordDetails": details,
    }
