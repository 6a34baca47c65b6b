"""Looks at a log of entries with the auditor's eyes, without tiles: the same replay, faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attacks.beacons import CHAIN, POLICY
from attacks.world import ORIGIN
from evenhand.audit.entries import Places, read_entry
from evenhand.audit.findings import Finding
from evenhand.audit.grammar import check_kind
from evenhand.audit.keys import Keys, wrong_signatures
from evenhand.audit.notes import LogKey, Unacceptable
from evenhand.audit.run import RULES, Audit, Auditor
from evenhand.audit.trust import read_policy


def look(entries: Sequence[bytes]) -> Audit:
    """Steps A2 to A9 over entries in the order of the tree."""
    made = Audit(at=0)
    trusted = [CHAIN.told()["public"]]
    auditor = Auditor(made, LogKey(ORIGIN, b"\0" * 4, bytes(32)), read_policy(POLICY), chains=trusted)
    places, keys = Places(), Keys(ORIGIN)
    for index, data in enumerate(entries):
        made.entries += 1
        try:
            entry = read_entry(data)
            check_kind(entry)
        except Unacceptable as error:
            control, kind = RULES["entry.kind"]
            made.findings.add(Finding(control, kind, "entry.kind", index, "", f"{error}."))
            continue
        for wrong in places.check(entry):
            control, kind = RULES["entry.place"]
            made.findings.add(Finding(control, kind, "entry.place", index, "", f"{wrong}."))
        if entry.by != "node" or keys.concerns(entry):
            keys.take(index, entry, _teller(made, index))
        auditor.take(index, data, entry)
    for check in wrong_signatures(keys.checks):
        _teller(made, check.leaf)(check.rule, "The signature does not hold.")
    auditor.finish()
    made.size = made.entries
    return made


def _teller(made: Audit, index: int) -> Callable[[str, str], None]:
    def tell(rule: str, why: str) -> None:
        made.findings.add(Finding(*RULES[rule], rule, index, "", why))

    return tell
