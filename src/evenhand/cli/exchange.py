"""Commands of an exchange: pools, parties, ownership, rivals, overrides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from evenhand.cli.frame import as_json, commands, say
from evenhand.cli.reach import connected
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.words import counted

if TYPE_CHECKING:
    from evenhand import wire

POOL = click.argument("pool")
OWN = click.option("--organization", help="Whose; needed when you belong to several.")


@commands.group()
def exchange() -> None:
    """Pools that several clients share.

    Set them up, take part, say who owns whom, check.
    """


def _pairs(given: Sequence[str], option: str) -> dict[str, int]:
    """`name=number` of options that may be repeated.

    Raises:
        Invalid: one is none.
    """
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        if not name or not value.isascii() or not value.isdigit():
            raise Invalid("option.pair", f"{text!r} is no name=number.", option, "Such as text=10.")
        found[name] = int(value)
    return found


@exchange.command("pools")
@as_json
def exchange_pools(machine: bool) -> None:
    """List the shared pools, with the rules in force and those to come."""
    with connected() as client:
        pools = client.exchange.pools()
    lines = []
    for one in pools:
        lines.append(
            f"{one.id}  {one.language}  band {one.band}+  {counted(one.clients, 'client')}  "
            f"{counted(one.annotators, 'annotator')}"
        )
        for policy in one.policies:
            prices = ", ".join(f"{family} {price}" for family, price in sorted(policy.terms.prices.items()))
            rest = f"charge {policy.terms.charge}, cap {policy.terms.cap}"
            lines.append(f"  from entry {policy.effective_from}: {prices}; {rest}")
    say(machine, pools, "\n".join(lines) or "There are no shared pools yet.")


def _terms(
    price: tuple[str, ...],
    weight: tuple[str, ...],
    charge: int,
    cap: int,
    draw: str | None,
    independent: bool,
) -> wire.PoolTerms:
    from evenhand import wire

    return wire.PoolTerms(
        prices=_pairs(price, "--price"),
        weights=_pairs(weight, "--weight"),
        charge=charge,
        cap=cap,
        independent=independent,
        draw=draw or "",
    )


def terms_options(command: Callable[..., None]) -> Callable[..., None]:
    """What the rules of a pool are given with."""
    for option in (
        click.option(
            "--independent", is_flag=True, help="Answers to one task come from different providers."
        ),
        click.option(
            "--draw",
            type=click.Choice(["one-phase", "two-phase"]),
            help="How chance decides; by default as before, at first two-phase where there is a beacon.",
        ),
        click.option("--cap", default=10_000, show_default=True, help="The most that one task may cost."),
        click.option("--charge", default=0, show_default=True, help="Charged in advance, 0 to the cap."),
        click.option("--weight", multiple=True, help="CLIENT=WEIGHT, again for each; 1 for the others."),
        click.option("--price", multiple=True, required=True, help="FAMILY=PRICE, again for each."),
    ):
        command = option(command)
    return command


@exchange.command("open-pool")
@click.option("--language", required=True, help="A language tag, such as en.")
@click.option("--band", default=1, show_default=True, help="Least band of its annotators, 1 to 9.")
@click.option("--qualification", default="", help="That they need.")
@terms_options
@as_json
def exchange_open_pool(language: str, band: int, qualification: str, machine: bool, **terms: Any) -> None:
    """Open a pool that organizations share (operator)."""
    with connected() as client:
        made = client.exchange.open_pool(language, _terms(**terms), band, qualification)
    say(machine, made, made.id)


@exchange.command("terms")
@POOL
@terms_options
@as_json
def exchange_terms(pool: str, machine: bool, **terms: Any) -> None:
    """Change weights and prices from the pool's next entry on (operator)."""
    with connected() as client:
        changed = client.exchange.change_terms(pool, _terms(**terms))
    say(machine, changed, f"In force from entry {changed.policies[-1].effective_from} on.")


@exchange.command("parties")
@as_json
def exchange_parties(machine: bool) -> None:
    """List clients and providers: all for the operator, your own otherwise."""
    with connected() as client:
        found = client.exchange.parties()
    lines = [
        f"{one.id}  {one.role:<8}  {one.name}  {one.record or 'no record of ownership'}" for one in found
    ]
    say(machine, found, "\n".join(lines))


@exchange.command("admit")
@click.argument("role", type=click.Choice(["client", "provider", "operator"]))
@click.argument("organization", default="")
@click.option("--record", default="", help="Its statement of ownership: recordId, or the name in it.")
@click.option("--private", is_flag=True, help="The log does not name a client's record.")
@as_json
def exchange_admit(role: str, organization: str, record: str, private: bool, machine: bool) -> None:
    """Admit an organization (its id or name), or say whose record the operator's is (operator)."""
    with connected() as client:
        door = client.exchange
        known = {one.id: one.name for one in client.organizations()}
        organization_id = _one_of(known, organization, "organization") if organization else ""
        record = _one_of(_named(door.statements()), record, "record") if record else ""
        if role == "client":
            party = door.admit_client(organization_id, record, not private)
        elif role == "provider":
            party = door.admit_provider(organization_id, record)
        else:
            party = door.name_operator(record, organization_id)
    say(machine, party, party.id)


def _named(statements: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """recordId -> name, of the statements about entities."""
    found = {str(one["recordId"]): one["recordDetails"].get("name") or "" for one in statements}
    return {record: name for record, name in found.items() if name}


def _one_of(known: Mapping[str, str], said: str, what: str) -> str:
    """The id that is meant: itself, or that of the only one of this name.

    Args:
        known: id -> name.
        what: it is, for the error.

    Raises:
        Missing: none has this id or name.
        Invalid: several have the name.
    """
    found = [said] if said in known else [id_ for id_, name in known.items() if name == said]
    if not found:
        some = "; ".join(f"{name} ({id_})" for id_, name in list(known.items())[:20])
        remedy = f"There are: {some}." if some else "None is known yet."
        raise Missing("exchange.unknown", f"There is no {what} {said!r}.", what, remedy)
    if len(found) > 1:
        reason = f"Several have the name {said!r}."
        raise Invalid("exchange.several", reason, what, f"Name one by its id: {', '.join(found)}.")
    return found[0]


@exchange.command("join")
@POOL
@click.option("--band", default=1, show_default=True, help="Least band that may have your tasks.")
@click.option("--exposure", default=0, show_default=True, help="Most tasks for one provider; 0: no limit.")
@click.option("--leave", is_flag=True, help="Take no part any more.")
@OWN
@as_json
def exchange_join(
    pool: str, band: int, exposure: int, leave: bool, organization: str | None, machine: bool
) -> None:
    """Take part in a pool as a client, change what you ask for, or leave."""
    with connected() as client:
        state = "left" if leave else "active"
        told = client.exchange.join(pool, band, exposure, organization, state)
    say(machine, told, f"{told.client}  {told.state}  weight {told.weight}")


@exchange.command("send")
@click.argument("project")
@click.option("--pool", default="", help="Without it the project comes back to your own people.")
@click.option("--family", default="", help="What its tasks are priced as.")
@as_json
def exchange_send(project: str, pool: str, family: str, machine: bool) -> None:
    """Let a project get its answers from a shared pool, or from your own people again."""
    with connected() as client:
        told = client.exchange.send(project, pool, family)
    say(machine, told, f"{project} is in {pool}." if pool else f"{project} is with your own people.")


@exchange.command("enrol")
@POOL
@click.argument("member_id")
@click.option("--language", multiple=True, required=True, help="Again for each.")
@click.option("--band", default=1, show_default=True, help="1 to 9.")
@click.option("--qualification", multiple=True, help="Again for each.")
@click.option("--evidence", default="", help="What shows band and qualification: committed to, never shown.")
@click.option("--end", is_flag=True, help="They take no part any more.")
@as_json
def exchange_enrol(
    pool: str,
    member_id: str,
    language: tuple[str, ...],
    band: int,
    qualification: tuple[str, ...],
    evidence: str,
    end: bool,
    machine: bool,
) -> None:
    """Let one of your annotators work in a pool (provider)."""
    from evenhand import wire

    enrolment = wire.Enrolment(
        member_id=member_id,
        languages=list(language),
        band=band,
        qualifications=list(qualification),
        evidence=evidence,
        state="ended" if end else "active",
    )
    with connected() as client:
        told = client.exchange.enrol(pool, enrolment)
    say(machine, told, f"{told.name}  {told.state}  band {told.band}")


@exchange.command("state")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@OWN
@as_json
def exchange_state(file: Path, organization: str | None, machine: bool) -> None:
    """File statements of ownership: a JSON file of BODS 0.4."""
    from evenhand.sdk.exchange import read_statements

    with connected() as client:
        told = client.exchange.state(read_statements(file), organization)
    say(machine, told, _filed(told))


@exchange.command("hold")
@click.argument("holder")
@click.argument("held")
@click.option("--economic", type=float, help="Percent of shares or profit.")
@click.option("--voting", type=float, help="Percent of votes.")
@click.option("--office", default="", help="A seat: boardMember, boardChair, seniorManagingOfficial.")
@click.option("--since", required=True, help="Date, such as 2025-06-12.")
@OWN
@as_json
def exchange_hold(
    holder: str,
    held: str,
    economic: float | None,
    voting: float | None,
    office: str,
    since: str,
    organization: str | None,
    machine: bool,
) -> None:
    """File one holding: names, or recordIds of statements."""
    from evenhand import wire

    holding = wire.NewHolding(
        holder=holder,
        held=held,
        economic=economic,
        voting=voting,
        office=office,
        since=since,
        organization_id=organization,
    )
    with connected() as client:
        told = client.exchange.hold(holding)
    say(machine, told, _filed(told))


def _filed(told: wire.StatementsReport) -> str:
    late = f"\nLate, which every audit will show: {', '.join(told.late)}." if told.late else ""
    changed = f"{counted(told.conflicts, 'verdict')} changed; {counted(told.recalled, 'task')} taken back."
    return f"{told.accepted} statements; {changed}{late}"


@exchange.command("ownership")
@click.option("--bods", is_flag=True, help="All statements, as a file of BODS 0.4 (operator).")
@OWN
@as_json
def exchange_ownership(bods: bool, organization: str | None, machine: bool) -> None:
    """Show who is in conflict with whom, and why, and under which recordId who is stated."""
    with connected() as client:
        if bods:
            click.echo(
                msgspec.json.format(msgspec.json.encode(client.exchange.statements()), indent=1).decode()
            )
            return
        told = client.exchange.ownership(organization)
    lines = [
        f"grade {one.grade}{' blocked' if one.blocked else ''}  {one.client_name} - {one.entity_name}: "
        f"{one.rival_sentence if one.rival else one.sentence}"
        for one in told.conflicts
    ]
    lines = lines or ["Nobody is in conflict with anybody, as far as is stated."]
    records = [
        f"  {one.source}  {one.name}{f', {one.role}' if one.role else ''}"
        for one in told.owners
        if one.source
    ]
    say(machine, told, "\n".join([*lines, *(["", "Stated are:", *records] if records else [])]))


@exchange.command("rivals")
@click.argument("records", nargs=-1)
@click.option("--none", "nobody", is_flag=True, help="Name nobody any more.")
@OWN
@as_json
def exchange_rivals(records: tuple[str, ...], nobody: bool, organization: str | None, machine: bool) -> None:
    """Show your rivals, or name them by the recordIds of their statements, or the names in these.

    The log shows no name.
    """
    with connected() as client:
        door = client.exchange
        known = {one.source: one.name for one in door.ownership(organization).owners if one.source}
        meant = [_one_of(known, record, "record") for record in records]
        told = door.set_rivals(meant, organization) if meant or nobody else door.rivals(organization)
    say(machine, told, "\n".join(told.records) or "No rivals are named.")


@exchange.command("waive")
@POOL
@click.argument("entity")
@click.option("--withdraw", is_flag=True, help="No longer.")
@OWN
@as_json
def exchange_waive(pool: str, entity: str, withdraw: bool, organization: str | None, machine: bool) -> None:
    """Let a provider in a conflict of grade 2 work for you in this pool."""
    with connected() as client:
        told = client.exchange.waive(pool, entity, not withdraw, organization)
    say(machine, told, f"{told.entity}: {told.state}")


@exchange.command("officer-key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@as_json
def exchange_officer_key(file: Path, machine: bool) -> None:
    """Make an officer's key in FILE, which only they should be able to read, and print its public half."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from evenhand.core.canonical import b64url

    key = Ed25519PrivateKey.generate()
    try:
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(b64url(key.private_bytes_raw()) + "\n")
    except FileExistsError as error:
        raise Refused("file.exists", "There is such a file.", str(file), "Choose another name.") from error
    public = b64url(key.public_key().public_bytes_raw())
    say(machine, {"public": public}, public)


@exchange.command("officers")
@click.argument("officers", nargs=-1)
@as_json
def exchange_officers(officers: tuple[str, ...], machine: bool) -> None:
    """Show the officers, or appoint others as ID=PUBLICKEY (operator)."""
    with connected() as client:
        door = client.exchange
        policy = door.policy()
        if officers:
            named = dict(text.split("=", 1) for text in officers if "=" in text)
            if len(named) != len(officers):
                raise Invalid(
                    "option.officer", "An officer is ID=PUBLICKEY.", "officers", "Such as ann=3b6a…"
                )
            policy = door.set_policy(msgspec.structs.replace(policy, officers=named))
    lines = [f"{name}  {public}" for name, public in policy.officers.items()]
    say(machine, policy, "\n".join(lines) or "No officers are appointed.")


OVERRIDE = (
    click.argument("pool"),
    click.argument("act", type=click.Choice(["recall", "suspend", "readmit"])),
    click.argument("subject"),
    click.option("--reason", required=True, type=click.Choice(["safety", "legal", "error", "abuse"])),
    click.option("--at", required=True, type=int, help="ms since 1970: the same in both signatures."),
)


def override_options(command: Callable[..., None]) -> Callable[..., None]:
    """What an override says."""
    for option in reversed(OVERRIDE):
        command = option(command)
    return command


@exchange.command("sign")
@override_options
@click.option(
    "--key", required=True, type=click.Path(exists=True, path_type=Path), help="The officer's file."
)
@click.option("--origin", help="Of the log; by default the node's, whom you then believe.")
@as_json
def exchange_sign(
    pool: str, act: str, subject: str, reason: str, at: int, key: Path, origin: str | None, machine: bool
) -> None:
    """Sign an override as an officer. SUBJECT is a slot of the log, or an annotator's id there."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from evenhand.core.canonical import b64url, unb64url
    from evenhand.core.shared_pool import override_text

    if origin is None:
        with connected() as client:
            origin = client.exchange.overrides().origin
    try:
        private = Ed25519PrivateKey.from_private_bytes(unb64url(key.read_text().strip()))
    except (ValueError, Invalid) as error:
        raise Invalid(
            "officer.key", "The file holds no officer's key.", str(key), "See officer-key."
        ) from error
    signature = b64url(private.sign(override_text(origin, pool, act, subject, reason, at)))
    say(machine, {"signature": signature}, signature)


@exchange.command("override")
@override_options
@click.option("--signature", multiple=True, required=True, help="ID=SIGNATURE, for each of two officers.")
@as_json
def exchange_override(
    pool: str,
    act: Any,
    subject: str,
    reason: Any,
    at: int,
    signature: tuple[str, ...],
    machine: bool,
) -> None:
    """Recall a lease, suspend or readmit an annotator. It is counted, and everybody sees it."""
    from evenhand import wire

    signatures = [dict(zip(("key", "sg"), text.split("=", 1), strict=False)) for text in signature]
    wanted = wire.Override(act=act, subject=subject, reason=reason, at=at, signatures=signatures)
    with connected() as client:
        client.exchange.override(pool, wanted)
    say(machine, wanted, f"{act} {subject}: done, and in the log.")


@exchange.command("overrides")
@as_json
def exchange_overrides(machine: bool) -> None:
    """List what officers did."""
    with connected() as client:
        told = client.exchange.overrides()
    lines = [f"{one.at}  {one.pool} {one.n}  {one.act} {one.subject}  {one.reason}" for one in told.items]
    say(machine, told, "\n".join(lines) or "Officers have never stepped in.")
