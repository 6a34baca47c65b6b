"""An audit for people: as text, as JSON, and as one HTML page that needs nothing else."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from evenhand.audit.findings import ALARM, BLIND, BLIND_SPOTS, CLASSES, CONTROLS, GAP, PROVEN, Finding, advice
from evenhand.audit.parity import METRICS
from evenhand.audit.pools import BETWEEN
from evenhand.audit.run import SLOW, Audit

SHOWN = 20  # findings in the text; the others have all

CANNOT = (
    "That the node wrote down everything it saw. It can leave out what nobody holds a receipt for.",
    "That what the operator says alone is true: entries by the node are the operator's word.",
    "Anything about content: the log holds commitments, not data. Whoever holds the openings checks more.",
    "What partners do with their share: keep copies, show it to others. That it was deleted is their word.",
    "What people do outside the platform: look and tell, pay back, own through others.",
)
STILL_SHOWS = (
    "To everyone: kinds, counts, times and pseudonymous streams; so volumes and hours of work per client.",
    "Who is in conflict with whom, as far as ownership is stated publicly.",
)


def as_json(audit: Audit) -> dict[str, Any]:
    """Everything, in a stable order; equal audits give equal JSON but for `seconds`."""
    told = asdict(audit)
    kept = told.pop("findings")
    for name in ("kinds", "spoken_for", "erasures", "sources"):  # `asdict` counts the pairs of a Counter
        told[name] = dict(sorted(getattr(audit, name).items()))
    told["ok"] = audit.ok
    told["summary"] = verdict(audit)
    told["findings"] = [one | {"advice": advice(one["rule"], one["kind"])} for one in kept["kept"]]
    told["counts"] = {kind: audit.findings.counts[kind] for kind in CLASSES if kind != BLIND}
    told["controls"] = dict(sorted(audit.findings.controls.items(), key=lambda control: int(control[0][3:])))
    told["not_auditable"] = dict(BLIND_SPOTS)
    return told


def verdict(audit: Audit) -> str:
    """One sentence."""
    counts = audit.findings.counts
    if audit.entries != audit.size:
        return f"Only {audit.entries:,} of {audit.size:,} entries could be read."
    if audit.findings.ok:
        return "Nothing was found that contradicts the published rules."
    parts = [f"{counts[kind]:,} × {kind}" for kind in (PROVEN, ALARM, GAP) if counts[kind]]
    return f"Found: {', '.join(parts)}."


def as_text(audit: Audit) -> str:
    """For a terminal."""
    lines = [verdict(audit), "", *(f"  {name}: {value}" for name, value in _facts(audit)), ""]
    lines += [str(finding) for finding in audit.findings.kept[:SHOWN]]
    lines += _advice(audit.findings.kept[:SHOWN])
    if len(audit.findings.kept) > SHOWN:
        lines.append(f"… and {sum(audit.findings.counts.values()) - SHOWN:,} more: see --json or --html.")
    for pool, values in audit.e_values.items():
        lines += ["", f"Parity in {pool} (e-values merged over metrics; 1 is where a bet begins):"]
        lines += [f"  {client}: {value:.3f}" for client, value in values.items()]
    if audit.shares:
        lines += ["", "Service against weights:"]
        lines += [
            f"  {s.pool} {s.client}: {s.service:,} units, {s.leases:,} leases, weight {s.weight}"
            for s in audit.shares
        ]
    lines += ["", "What the log cannot prove:", *(f"  - {text}" for text in CANNOT)]
    lines += [f"  - {control} {CONTROLS[control]}: {why}" for control, why in BLIND_SPOTS.items()]
    return "\n".join(lines)


def _advice(kept: Sequence[Finding]) -> list[str]:
    """What to do, each sentence once."""
    told = dict.fromkeys(advice(one.rule, one.kind) for one in kept)
    return ["", "What to do:", *(f"  - {text}" for text in told), ""] if told else []


def _facts(audit: Audit) -> list[tuple[str, str]]:
    trusted = "given by you" if audit.trusted else "taken from the log itself: compare it by another way"
    share = f"{100 * audit.unsigned / audit.entries:.0f}%" if audit.entries else "none"
    witnesses = ", ".join(f"{name} {_day(1000 * s)}" for name, s in audit.cosigned.items()) or "none"
    return [
        ("log", f"{audit.origin}, {audit.size:,} entries, root {audit.root}"),
        ("key", f"{audit.vkey} ({trusted})"),
        ("period", f"{_day(audit.first)} to {_day(audit.last)}; audited {_day(audit.at)}"),
        ("quorum of witnesses", f"{audit.quorum}; cosigned by {witnesses}"),
        ("freshness", _freshness(audit)),
        ("the operator's word alone", f"{share} of entries ({audit.signed:,} are signed by their actor)"),
        ("values erased", _kinds(audit.erasures) or "none"),
        ("keys of actors", f"{audit.keys:,}, of which the node alone replaced {audit.keys_by_node:,}"),
        ("acts that must be signed", ", ".join(sorted({"submitted", "waived", *audit.demanded}))),
        ("the operator's word for holders of a key", _kinds(audit.spoken_for) or "none"),
        ("replayed", f"{audit.windows:,} windows, {audit.draws:,} draws, {audit.receipts:,} receipts"),
        (
            "opened",
            f"{audit.archives:,} archives: {audit.weighings:,} weighings of answers taken again, "
            f"{audit.weighed:,} consequences compared, {audit.plain:,} consensus values without one",
        ),
        ("shares for other nodes", _partners(audit)),
        ("reasons of admissions", _reasons(audit)),
        ("drawn in two phases", _kinds(audit.sources) or "none"),
        ("acts between two phases", _between(audit)),
        ("overrides", f"{audit.overrides:,}"),
        ("late statements of ownership", f"{audit.late:,}"),
        ("clients whose ownership is private", f"{audit.private:,} (their verdicts are not checked here)"),
    ]


def _partners(audit: Audit) -> str:
    """In one line what came of shares; of caps, that they hold is the absence of findings."""
    if not audit.partners:
        return "none"
    home = [one for one in audit.partners if one.side == "home"]
    told = []
    if home:
        unstated = sum(not one.stated for one in home)
        plans = len({(one.project, one.plan) for one in home})
        told.append(
            f"{len(home):,} partners in {plans:,} plans: {sum(one.offered for one in home):,} tasks offered, "
            f"{sum(one.delivered for one in home):,} answered; {sum(one.recalled for one in home):,} shares "
            f"recalled; of {unstated:,} partners nobody has stated who owns them; "
            f"{sum(one.compared for one in home):,} were compared with the client, whom an archive shows"
        )
    if own := [one for one in audit.partners if one.side == "partner"]:
        told.append(
            f"{len(own):,} shares of other nodes: {sum(one.offered for one in own):,} tasks accepted, "
            f"{sum(one.delivered for one in own):,} answered, "
            f"{sum(one.deleted for one in own):,} said to be deleted"
        )
    held = f"; {audit.letters:,} letters compared" if audit.letters else ""
    drawn = f"; {audit.drawn_again:,} plans drawn again" if audit.drawn_again else ""
    return "; ".join(told) + drawn + held


def _reasons(audit: Audit) -> str:
    if not audit.receipts and not audit.archives:
        return "not compared: only a client's receipts or archives open them (--receipts, --archive)"
    unheld = f"; {audit.reasons_unheld:,} more that they do not open" * bool(audit.reasons_unheld)
    return f"{audit.reasons:,} compared with their openings{unheld}"


def _between(audit: Audit) -> str:
    if not audit.sources:
        return "none: nothing was drawn in two phases"
    acts = f"{audit.between:,} before {audit.touched:,} draws, at most {audit.most_between:,} ({BETWEEN} may)"
    slowest = f"{audit.slowest / 1000:,.1f} s after it could ({SLOW // 1000} s may)"
    return f"{acts}; the slowest draw came {slowest}"


def _kinds(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items()))


def _freshness(audit: Audit) -> str:
    if audit.quorum == "none asked":
        return (
            "not known: only witnesses' clocks show how old the newest checkpoint is; name them with --policy"
        )
    return (
        "no quorum ever"
        if audit.age is None
        else f"enough witnesses cosigned {audit.age:,} s before the audit"
    )


def _day(ms: int) -> str:
    if not 0 < ms < 253_402_300_800_000:
        return "never"
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


# --- HTML ---

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #fff; --line: #d0d7de;
  --bad: #b3261e; --warn: #8a5a00; --good: #1a6b34; --bar: #3566c4; --shade: #f6f8fa }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #a3adb8; --paper: #0f1319;
  --line: #3a424c; --bad: #ff8a80; --warn: #f0c060; --good: #6fd08c; --bar: #7ba4f4; --shade: #181e26 } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 0 auto; padding: 1rem; max-width: 62rem }
h1 { font-size: 1.6rem; line-height: 1.2; overflow-wrap: anywhere }
h2 { margin-top: 2.2rem; font-size: 1.2rem }
table { border-collapse: collapse; width: 100%; font-size: .92rem }
caption { text-align: left; color: var(--soft) }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .5rem; text-align: left; vertical-align: top }
td { min-width: 4rem; overflow-wrap: anywhere }
.wide { overflow-x: auto; margin: 1rem 0 }
.bad { color: var(--bad) }
.warn { color: var(--warn) }
.good { color: var(--good) }
.verdict { font-size: 1.15rem; padding: .8rem 1rem; border: 1px solid var(--line);
  border-left: .4rem solid currentColor; background: var(--shade) }
dl { display: grid; grid-template-columns: minmax(8rem, 14rem) 1fr; gap: .3rem 1rem }
dt { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
svg { width: 100%; height: auto; display: block }
svg text { fill: var(--ink); font-size: 13px }
@media print { body { max-width: none; padding: 0; font-size: 11pt } .wide { overflow: visible }
  tr, svg, .verdict { break-inside: avoid } h2 { break-after: avoid } thead { display: table-header-group } }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr } dt { margin-top: .5rem } }
"""
_TONES = {PROVEN: "bad", ALARM: "warn", GAP: "warn"}


def as_html(audit: Audit) -> str:
    """One page: no script, nothing from elsewhere, light and dark, for screen and paper."""
    tone = "good" if audit.ok else "bad"
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>Audit of {_e(audit.origin)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>Audit of {_e(audit.origin)}</h1>",
        f'<p class="verdict {tone}">{_e(verdict(audit))}</p>',
        f"<dl>{''.join(f'<dt>{_e(n)}</dt><dd>{_e(v)}</dd>' for n, v in _facts(audit))}</dl>",
        "<h2>What the log cannot prove</h2>",
        _list(CANNOT),
        "<h2>What it shows to everyone all the same</h2>",
        _list(STILL_SHOWS),
        "<h2>Findings</h2>",
        _findings(audit.findings.kept),
        _shares(audit),
        _parity(audit),
        _passed(audit),
        "<h2>Controls</h2>",
        _controls(audit),
        "</main></body></html>",
    ]
    return "\n".join(part for part in parts if part)


def _e(text: Any) -> str:
    return html.escape(str(text))


def _list(texts: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{_e(text)}</li>' for text in texts)}</ul>"


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are HTML already."""
    top = "".join(f'<th scope="col">{_e(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{_e(caption)}">'
        f"<table><caption>{_e(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _findings(kept: Sequence[Finding]) -> str:
    if not kept:
        return '<p class="good">None.</p>'
    rows = (
        (
            f"{_e(f.control)}<br>{_e(CONTROLS[f.control])}",
            f'<span class="{_TONES[f.kind]}">{_e(f.kind)}</span>',
            "" if f.index is None else f"{f.index:,}",
            _e(f.place),
            _e(f.evidence),
            _e(advice(f.rule, f.kind)),
        )
        for f in kept
    )
    return _table(
        "In the order of controls", ("Control", "Class", "Entry", "Place", "Evidence", "What to do"), rows
    )


def _shares(audit: Audit) -> str:
    """Bars: share of service, with a mark where the weights would put it."""
    parts = []
    for pool in sorted({share.pool for share in audit.shares}):
        own = [share for share in audit.shares if share.pool == pool]
        total, weights = sum(s.service for s in own) or 1, sum(s.weight for s in own) or 1
        rows = [(s.client, s.service / total, s.weight / weights) for s in own]
        parts.append(f"<h2>Shares of annotators' time in {_e(pool)}</h2>{_bars(rows)}")
        cells = (
            (
                _e(s.client),
                str(s.weight),
                f"{s.leases:,}",
                f"{s.service:,}",
                f"{s.service / total:.1%}",
                str(s.blocked),
                f"{s.closed:,}",
                f"{s.band:.2f}",
                f"{s.wait_ms / 1000:,.0f} s",
            )
            for s in own
        )
        head = (
            "Client",
            "Weight",
            "Leases",
            "Units",
            "Share",
            "Providers in conflict",
            "Annotators taken off",
            "Mean band",
            "Mean wait",
        )
        parts.append(_table("Bar: share of units of price; line: share of weights", head, cells))
    return "".join(parts)


def _bars(rows: Sequence[tuple[str, float, float]]) -> str:
    label = "; ".join(f"{client} {share:.0%} of time, {due:.0%} of weights" for client, share, due in rows)
    marks = []
    for i, (client, share, due) in enumerate(rows):
        y = 26 * i
        marks.append(f'<text x="0" y="{y + 17}">{_e(client[:16])}</text>')
        marks.append(f'<rect x="130" y="{y + 4}" width="{500 * share:.1f}" height="17" fill="var(--bar)"/>')
        x = 130 + 500 * due
        marks.append(f'<path d="M{x:.1f} {y + 1}v23" stroke="var(--ink)" stroke-width="2"/>')
    return (
        f'<svg role="img" aria-label="{_e(label)}" viewBox="0 0 640 {26 * len(rows)}">{"".join(marks)}</svg>'
    )


def _parity(audit: Audit) -> str:
    if not audit.bets:
        return ""
    rows = (
        (
            _e(bet["pool"]),
            _e(bet["client"]),
            _e(METRICS[bet["metric"]]) + (" (more)" if bet["side"] > 0 else " (less)"),
            f"{bet['pairs']:,}",
            f"{bet['e']:.3g}",
            f"{bet['peak']:.3g}",
        )
        for bet in audit.bets
    )
    head = ("Pool", "Client", "What is compared", "Pairs", "e-value now", "at its peak")
    merged = (
        (_e(pool), _e(client), f"{value:.3f}")
        for pool, values in audit.e_values.items()
        for client, value in values.items()
    )
    return (
        "<h2>Parity</h2><p>An e-value is what a bet against parity has made of 1. Far above 1 is evidence; "
        "differences below 0.02 of the scale are tolerated. Clients differ in their tasks, so an alarm "
        "asks for a reason, and is no proof.</p>"
        + _table("Merged over metrics and sides", ("Pool", "Client", "e-value"), merged)
        + _table("Every bet", head, rows)
    )


def _passed(audit: Audit) -> str:
    if not audit.passed:
        return ""
    rows = ([_e(part) for part in (*name.split(" "), f"{count:,}")] for name, count in audit.passed.items())
    head = ("Pool", "Client", "Provider", "Times")
    return "<h2>Passed over</h2>" + _table("Claims that a client had nothing left for somebody", head, rows)


def _controls(audit: Audit) -> str:
    rows = []
    for control, title in CONTROLS.items():
        count = audit.findings.controls[control]
        if count:
            state = f'<span class="bad">{count:,} found</span>'
        elif control in BLIND_SPOTS:
            state = f'<span class="warn">{_e(BLIND)}</span>: {_e(BLIND_SPOTS[control])}'
        else:
            state = '<span class="good">nothing found</span>'
        rows.append((_e(control), _e(title), state))
    return _table("All controls", ("Control", "What it says", "State"), rows)


def dumped(audit: Audit) -> str:
    """`as_json` as text."""
    return json.dumps(as_json(audit), indent=1, sort_keys=True, ensure_ascii=False)
