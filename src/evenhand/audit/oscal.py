"""An audit as OSCAL assessment results (NIST, version 1.1.2), for tools that auditors use.

Ids are made from the root of the log and the time of the audit, so the same audit gives the same bytes.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from evenhand.audit.findings import BLIND_SPOTS, CONTROLS, Finding, advice
from evenhand.audit.report import verdict
from evenhand.audit.run import Audit

VERSION = "1.1.2"
_SPACE = UUID("6f0f6d6a-7b5e-5a3e-9f0c-3d1f6c1e5a11")  # of ours: every id is a name in it
_OURS = "https://evenhand.dev/ns/oscal"


def as_oscal(audit: Audit) -> str:
    """The document as JSON."""
    when = datetime.fromtimestamp(audit.at / 1000, UTC).isoformat().replace("+00:00", "Z")
    name = f"{audit.origin} {audit.root} {audit.at}"
    observations = [_observation(name, i, finding, when) for i, finding in enumerate(audit.findings.kept)]
    result: dict[str, Any] = {
        "uuid": _id(name, "result"),
        "title": f"Audit of {audit.origin}",
        "description": verdict(audit),
        "start": when,
        "props": [_prop("log-size", audit.size), _prop("log-root", audit.root or "none")],
        "reviewed-controls": {
            "control-selections": [{"include-controls": [{"control-id": c.lower()} for c in CONTROLS]}]
        },
        "findings": [_finding(audit, name, control, observations) for control in CONTROLS],
    }
    if observations:
        result["observations"] = observations
    document = {
        "assessment-results": {
            "uuid": _id(name, "document"),
            "metadata": {
                "title": f"Neutrality audit of {audit.origin}",
                "last-modified": when,
                "version": "1",
                "oscal-version": VERSION,
            },
            "import-ap": {"href": f"#{_id(name, 'plan')}"},
            "results": [result],
            "back-matter": {"resources": [_plan(name)]},
        }
    }
    return json.dumps(document, indent=1, ensure_ascii=False)


def _id(name: str, what: str) -> str:
    return str(uuid5(_SPACE, f"{name} {what}"))


def _prop(name: str, value: Any) -> dict[str, str]:
    return {"name": name, "ns": _OURS, "value": str(value)}


def _plan(name: str) -> dict[str, Any]:
    return {
        "uuid": _id(name, "plan"),
        "title": "Evenhand, docs/guide/auditors.md: steps A0 to A12",
        "description": "The plan of every audit that `evenhand audit` makes.",
    }


def _observation(name: str, number: int, finding: Finding, when: str) -> dict[str, Any]:
    place = f" ({finding.place})" if finding.place else ""
    props = [_prop("class", finding.kind.replace(" ", "-")), _prop("rule", finding.rule)]
    if finding.index is not None:
        props.append(_prop("log-index", finding.index))
    return {
        "uuid": _id(name, f"observation {number}"),
        "description": f"{finding.control}{place}: {finding.evidence}",
        "props": [*props, _prop("control", finding.control)],
        "methods": ["TEST"],
        "collected": when,
        "remarks": advice(finding.rule, finding.kind),
    }


def _finding(audit: Audit, name: str, control: str, observations: list[dict[str, Any]]) -> dict[str, Any]:
    """One for each control: satisfied, or not. What cannot be audited is neither, and says so."""
    count = audit.findings.controls[control]
    blind = control in BLIND_SPOTS and not count
    reason = "fail" if count else "other" if blind else "pass"
    status: dict[str, Any] = {"state": "not-satisfied" if count or blind else "satisfied", "reason": reason}
    if blind:
        status["remarks"] = f"Not auditable from the log: {BLIND_SPOTS[control]}"
    found: dict[str, Any] = {
        "uuid": _id(name, f"finding {control}"),
        "title": f"{control}: {CONTROLS[control]}",
        "description": f"{count} findings." if count else "Not auditable." if blind else "Nothing was found.",
        "target": {"type": "objective-id", "target-id": f"{control.lower()}_obj", "status": status},
    }
    related = [
        {"observation-uuid": one["uuid"]}
        for one in observations
        if any(prop["name"] == "control" and prop["value"] == control for prop in one["props"])
    ]
    return found | ({"related-observations": related} if related else {})
