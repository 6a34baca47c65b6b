"""Commands for whoever checks: verify, audit, receipts, witness, fork proofs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from evenhand import config
from evenhand.cli.frame import as_json, commands, progress, say
from evenhand.cli.options import existing, text_of
from evenhand.core.errors import Invalid, Missing


@commands.group()
def ledger() -> None:
    """The public log."""


@ledger.command("verify")
@click.argument("source", metavar="URL|DIR")
@click.option("--vkey", help="The log's key, from a place that its operator does not control.")
@as_json
def ledger_verify(source: str, vkey: str | None, machine: bool) -> int:
    """Check a whole log: every hash, place, time and signature. Exits with 1 when something is wrong."""
    from evenhand.audit.sources import Unreadable
    from evenhand.audit.verify import verify

    try:
        with progress("Checking", "entries") as tell:
            report = verify(log_address(source), vkey=right_key(vkey), progress=tell)
    except Unreadable as error:
        remedy = "Name a folder with a checkpoint, or the address of a node."
        raise Missing("ledger.unreadable", f"There is no log: {error}.", source, remedy) from error
    text = [f"{report.origin}: {report.entries:,} of {report.size:,} entries, root {report.root}."]
    text += [str(finding) for finding in report.findings[:20]]
    trusted = (
        ""
        if report.trusted
        else " The key came from the log itself; compare it by another way, or give --vkey."
    )
    text.append(f"Nothing is wrong.{trusted}" if report.ok else f"{report.found:,} findings.")
    say(machine, report, "\n".join(text))
    return 0 if report.ok else 1


@ledger.command("fork-proof")
@click.argument("first", metavar="CHECKPOINT")
@click.argument("second", metavar="CHECKPOINT")
@click.option("--vkey", required=True, help="The log's key, from a place that its operator does not control.")
@click.option("--log", "log", metavar="URL|DIR", help="Where the larger tree's tiles are, when sizes differ.")
@click.option("--out", type=click.Path(dir_okay=False), default="fork-proof.json", show_default=True)
def ledger_fork_proof(first: str, second: str, vkey: str, log: str | None, out: str) -> int:
    """Compare two checkpoints of one log, each a file or an address such as a witness's. When they contradict
    each other, write one file that proves it, and exit with 1."""
    from evenhand.audit.forks import prove_fork
    from evenhand.audit.notes import Unacceptable
    from evenhand.audit.sources import Unreadable, open_source, read_note

    try:
        tiles = open_source(log_address(log)) if log else None
        proof = prove_fork(read_note(first), read_note(second), vkey, tiles)
    except (Unreadable, Unacceptable) as error:
        raise Invalid(
            "fork.compare", f"These cannot be compared: {error}.", "", "Name checkpoints of one log."
        ) from error
    if proof is None:
        click.echo("They do not contradict each other.")
        return 0
    Path(out).write_bytes(proof)
    click.echo(f"The log contradicts itself. {out} proves it: evenhand ledger fork-verify {out}")
    return 1


@ledger.command("fork-verify")
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False))
@click.option("--vkey", help="The log's key; without it, the one in the file is whom it accuses.")
def ledger_fork_verify(path: str, vkey: str | None) -> int:
    """Check a proof that a log contradicts itself. Exits with 0 when it does prove that, else with 1."""
    from evenhand.audit.forks import verify_fork
    from evenhand.audit.notes import Unacceptable

    try:
        fork = verify_fork(Path(path).read_bytes(), vkey)
    except Unacceptable as error:
        raise Invalid("fork.proof", f"This proves nothing: {error}.", path) from error
    click.echo(
        f"{fork.origin} signed two trees of which neither continues the other:\n"
        f"  {fork.first.size:,} entries, root {fork.first.root.hex()}\n"
        f"  {fork.second.size:,} entries, root {fork.second.root.hex()}"
    )
    return 0


@commands.command()
@click.argument("source", metavar="URL|DIR")
@click.option("--vkey", help="The log's key, from a place that its operator does not control.")
@click.option("--policy", type=click.Path(dir_okay=False), help="Whose witnesses count (tlog-policy).")
@click.option("--receipts", "folders", multiple=True, metavar="DIR", help="Receipts that somebody keeps.")
@click.option(
    "--archive", "archives", multiple=True, metavar="FILE", help="A project's archive, for its openings."
)
@click.option("--letters", "held", multiple=True, metavar="DIR", help="Letters about shares that you hold.")
@click.option("--project", "projects", multiple=True, help="The same, fetched with EVENHAND_API_KEY first.")
@click.option("--view", "views", multiple=True, metavar="CHECKPOINT", help="What somebody else was shown.")
@click.option("--drand-key", "chains", multiple=True, metavar="KEY", help="A chain of drand that you trust.")
@click.option(
    "--max-age", "most_age", default=600, show_default=True, help="Seconds that the last quorum may be old."
)
@click.option("--at", type=int, help="Time of the audit, ms since 1970; freshness counts from it.")
@click.option("--html", "page", type=click.Path(dir_okay=False), help="Write a page for people.")
@click.option("--oscal", type=click.Path(dir_okay=False), help="Write OSCAL assessment results.")
@as_json
def audit(
    source: str,
    vkey: str | None,
    policy: str | None,
    folders: tuple[str, ...],
    archives: tuple[str, ...],
    held: tuple[str, ...],
    projects: tuple[str, ...],
    views: tuple[str, ...],
    chains: tuple[str, ...],
    most_age: int,
    at: int | None,
    page: str | None,
    oscal: str | None,
    machine: bool,
) -> int:
    """Audit a whole log from outside.

    Signatures and witnesses; every allocation, verdict, price and draw replayed; parity tested; with the
    archive of a project, its answers weighed and its shares drawn again. Works on a folder of files too.
    Exits with 1 when something is found.
    """
    from evenhand.audit import report
    from evenhand.audit.notes import Unacceptable
    from evenhand.audit.oscal import as_oscal
    from evenhand.audit.run import audit as run
    from evenhand.audit.sources import Unreadable, read_note

    kept = [path for folder in folders for path in sorted(Path(folder).rglob("*.json"))]
    try:
        with (
            tempfile.TemporaryDirectory(prefix="evenhand-audit-") as fetched,
            progress("Auditing", "entries") as tell,
        ):
            made = run(
                log_address(source),
                vkey=right_key(vkey),
                policy=None if policy is None else text_of(Path(policy)),
                receipts=[path for path in kept if not path.name.startswith("fork-")],
                archives=[existing(Path(one)) for one in archives] + archived(projects, Path(fetched)),
                letters=[path for folder in held for path in sorted(Path(folder).rglob("*.letter"))],
                views=[read_note(view) for view in views],
                chains=chains,
                most_age=most_age,
                at=at,
                progress=tell,
            )
    except (Unreadable, Unacceptable) as error:
        remedy = "Name a folder with a checkpoint or the address of a node, and a policy of tlog-policy."
        raise Missing("audit.unreadable", f"This cannot be audited: {error}.", source, remedy) from error
    if page is not None:
        Path(page).write_text(report.as_html(made), "utf-8")
    if oscal is not None:
        Path(oscal).write_text(as_oscal(made), "utf-8")
    click.echo(report.dumped(made) if machine else report.as_text(made))
    return 0 if made.ok else 1


@commands.group()
def receipts() -> None:
    """What you can prove about the log."""


@receipts.command("watch")
@click.argument("url")
@click.option("--dir", "folder", required=True, type=click.Path(file_okay=False), help="Where to keep them.")
@click.option("--policy", type=click.Path(dir_okay=False), help="Whose witnesses to ask (tlog-policy).")
@click.option("--hook", default="", help="A command that gets each alarm as JSON on its standard input.")
@click.option(
    "--max-age", "most_age", default=600, show_default=True, help="Seconds that the last quorum may be old."
)
@click.option("--every", default=10.0, show_default=True, help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Look once, until nothing is waiting any more.")
@as_json
def receipts_watch(
    url: str,
    folder: str,
    policy: str | None,
    hook: str,
    most_age: int,
    every: float,
    once: bool,
    machine: bool,
) -> int:
    """Keep a receipt of everything that EVENHAND_API_KEY's organization asked for and had done, and look for
    each in the log. Tells at once, and exits with 1, when one is not there or the log tells two stories."""
    from evenhand.audit.findings import PROVEN, advice
    from evenhand.audit.sources import HttpSource
    from evenhand.core.trust import parse_policy
    from evenhand.receipts import Watcher, watch
    from evenhand.sdk import Client

    trust = parse_policy(text_of(Path(policy))) if policy is not None else None
    asked = {w.name: HttpSource(w.url) for w in (trust.witnesses if trust else ()) if w.url}
    key = config.read().api_key
    if not key:
        raise Invalid(
            "receipts.key", "Whose receipts?", "EVENHAND_API_KEY", "Set it to a key of your organization."
        )
    with Client(url, key) as client:
        watcher = Watcher(
            client, Path(folder), witnesses=dict(asked), policy=trust, hook=hook, most_age=most_age
        )
        alarms = watch(watcher, every, once)
    for alarm in alarms:
        see = f" See {alarm.evidence}." * bool(alarm.evidence)
        say(machine, alarm, f"ALARM {alarm.rule}: {alarm.reason}{see} {advice(alarm.rule, PROVEN)}")
    if not alarms and not machine:
        kept = sum(1 for _ in Path(folder, "receipts").rglob("*.json"))
        click.echo(
            f"{kept:,} receipts are kept in {folder}. Each of them is in the log, and nothing is wrong."
        )
    return 1 if alarms else 0


@commands.command()
@click.option(
    "--dir", "folder", required=True, type=click.Path(file_okay=False), help="Its folder; made if missing."
)
@click.option("--name", required=True, help="What it signs under, such as witness.example.org.")
@click.option(
    "--log", "logs", multiple=True, metavar="VKEY", help="Key of a log that it knows. May be repeated."
)
@click.option(
    "--policy", type=click.Path(dir_okay=False), help="File in tlog-policy syntax, whose logs are known."
)
@click.option("--ml-dsa", "ml_dsa", is_flag=True, help="Cosign with ML-DSA-44 as well as with Ed25519.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7380, show_default=True, help="Port to listen on.")
def witness(
    folder: str, name: str, logs: tuple[str, ...], policy: str | None, ml_dsa: bool, host: str, port: int
) -> None:
    """Cosign checkpoints of other nodes' logs.

    Never two that contradict each other (C2SP tlog-witness).
    """
    from evenhand.core.checkpoint import parse_vkey
    from evenhand.core.trust import parse_policy
    from evenhand.witness import Witness, serve

    known = [parse_vkey(vkey) for vkey in logs]
    if policy is not None:
        known += [log.key for log in parse_policy(text_of(Path(policy))).logs]
    opened = Witness.open(Path(folder), name, known, ml_dsa=ml_dsa)
    vkeys = "\n".join(str(key.verify_key) for key in opened.keys)
    try:
        serve(opened, host, port, lambda url: click.echo(f"{vkeys}\n{url}"))
    finally:
        opened.close()


def archived(projects: Sequence[str], folder: Path) -> list[Path]:
    """The archives of these projects, ids or names, written into a folder."""
    from evenhand.cli.reach import connected, find_project

    if not projects:
        return []
    with connected() as client:
        found = [find_project(client, one) for one in projects]
        return [client.archive(one.id, folder / f"{one.id}.evenhand.zip") for one in found]


def right_key(vkey: str | None) -> str | None:
    """A key that was given, when it is one: a slip of the pen is nobody's violation.

    Raises:
        Invalid: it is none.
    """
    from evenhand.audit.notes import Unacceptable, read_key

    try:
        if vkey is not None:
            read_key(vkey.strip())
    except Unacceptable as error:
        remedy = "Copy the whole line: origin+id+key."
        raise Invalid("audit.vkey", f"This is no key of a log: {error}.", "--vkey", remedy) from error
    return vkey


def log_address(source: str) -> str:
    """Where the log is: a folder, or the address of a log or of a node (whose log is at /log)."""
    if source.startswith(("http://", "https://")):
        bare = source.rstrip("/")
        return bare if bare.endswith("/log") or "/log/previous/" in bare else f"{bare}/log"
    inside = Path(source) / "ledger" / "public"
    return str(inside if inside.is_dir() else source)
