"""Commands on shares: a project's tasks for other nodes, none of which sees more than its cap."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evenhand.cli.frame import SHOWN_REJECTIONS, as_json, commands, progress, say
from evenhand.cli.reach import connected, find_project
from evenhand.core.errors import Invalid, Missing

if TYPE_CHECKING:
    from evenhand import wire
    from evenhand.letters import Outcome
    from evenhand.sdk import Client

PROJECT = click.argument("project")
FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
LETTERS = click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True))
HOME = click.option("--home", metavar="KEY", default="", help="The home node's key, which you got otherwise.")
OWN = click.option("--organization", help="Whose project it becomes; needed when you belong to several.")


@commands.group()
def share() -> None:
    """Share a project's tasks out to other nodes, so that none sees more than its share.

    \b
    The home node, whose tasks they are:     A partner, which answers its share:
      evenhand share plan                      evenhand share accept, or decline
      evenhand share offer                     evenhand share deliver
      evenhand share take                      evenhand share take
      evenhand share recall                    evenhand share delete

    What the nodes say to each other are signed files in a folder: copy it there and back as you like.
    """


@share.command("key")
@as_json
def share_key(machine: bool) -> None:
    """Print this node's key, which the other node needs. Give it over a channel that you trust."""
    with connected() as client:
        vkey = client.vkey()
    say(machine, {"vkey": vkey}, vkey)


@share.command("plan")
@PROJECT
@click.option("--cap", required=True, help="Most of the tasks that one control group may see, such as 40%.")
@click.option("--partner", multiple=True, required=True, metavar="NAME=KEY", help="Again for each.")
@click.option("--record", multiple=True, metavar="NAME=RECORD", help="Whose NAME is, as ownership states it.")
@as_json
def share_plan(
    project: str, cap: str, partner: tuple[str, ...], record: tuple[str, ...], machine: bool
) -> None:
    """Draw who gets which of PROJECT's open tasks: each task goes to as many control groups as the overlap.

    Partners that one owner holds are one control group and share one cap: say whose they are with
    --record, after `evenhand exchange hold` or `state`. One without a record counts as a group of its own.

    \b
    evenhand share plan tickets --cap 40% --partner north=KEY --partner south=KEY --partner east=KEY
    """
    from evenhand import wire

    records = _named(record, "--record")
    keys = _named(partner, "--partner")
    if strange := records.keys() - keys.keys():
        raise Invalid("share.name", f"There is no partner {min(strange)!r}.", "--record", "Name it first.")
    partners = [wire.NewPartner(name=n, vkey=k, record=records.get(n, "")) for n, k in keys.items()]
    with connected() as client:
        made = client.plan_shares(find_project(client, project).id, _part(cap), partners)
    lines = [
        f"Plan {made.number}: {made.tasks:,} tasks, each to {made.each} of {made.groups} control groups; "
        f"none sees more than {made.most:,}.",
        *(f"  {one.name}: {one.tasks:,} tasks, control group {one.control + 1}" for one in made.shares),
        *_untold(made),
        "It is in the log. Next: evenhand share offer.",
    ]
    say(machine, made, "\n".join(lines))


def _untold(made: wire.Plan) -> list[str]:
    """What nobody can tell, since too little is stated."""
    lines = []
    if unknown := [one.name for one in made.shares if not one.stated]:
        what = "each counts as a control group of its own, and no conflict with you can be told"
        lines.append(f"Nothing is stated about who owns {', '.join(unknown)}: {what}.")
    if not made.stated:
        lines.append("Nothing is stated about who owns you: only rivals that you have named are kept out.")
    return lines


def _named(given: tuple[str, ...], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, _, value = text.partition("=")
        if not name or not value or name in found:
            raise Invalid("option.named", f"{text!r} is no NAME=… of its own.", option, "Such as north=KEY.")
        found[name] = value
    return found


def _part(text: str) -> float:
    """A cap as people write it: 40% or 0.4."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise Invalid("share.cap", f"{text!r} is no cap.", "--cap", "Such as 40%.") from None


@share.command("offer")
@PROJECT
@FOLDER
@click.option("--hours", default=168, show_default=True, help="Until when answers are in time.")
@as_json
def share_offer(project: str, folder: Path, hours: int, machine: bool) -> None:
    """Write the offers of PROJECT's shares into FOLDER, in a folder for each partner. Give each its own."""
    from evenhand import letters

    with connected() as client, progress("Offers", "letters") as tell:
        shares = _of(client, project, "home")
        files = letters.write(client, shares, "offer", folder, hours, tell)
    say(machine, files, _files(files, "Nothing is left to offer."))


def _of(client: Client, project: str, side: str) -> list[wire.Share]:
    found = [one for one in client.shares(find_project(client, project).id) if one.side == side]
    if not found:
        what = "has no shares" if side == "home" else "is no share of another node"
        remedy = "Plan them first: evenhand share plan." if side == "home" else "Accept an offer first."
        raise Missing("share.none", f"The project {project!r} {what}.", "PROJECT", remedy)
    return found


def _files(files: list[Path], nothing: str) -> str:
    return "\n".join(str(path) for path in files) or nothing


def _answer(folder: Path, machine: bool, **given: Any) -> None:
    from evenhand import letters

    with connected() as client, progress("Offers", "letters") as tell:
        outcomes = letters.take(client, folder, tell=tell, **given)
    new = letters.new_ones(outcomes)
    say(machine, outcomes, "\n".join(map(_words, new)) or NOTHING_NEW)


@share.command("accept")
@LETTERS
@HOME
@OWN
@as_json
def share_accept(folder: Path, home: str, organization: str | None, machine: bool) -> None:
    """Accept the offers in FOLDER: they become a project, whose annotators work as always.

    The answer is written beside the offers; bring the folder back.
    """
    _answer(folder, machine, home=home, answer="accept", organization_id=organization)


@share.command("decline")
@LETTERS
@HOME
@OWN
@click.option("--reason", default="", help="In words, for the home node.")
@as_json
def share_decline(folder: Path, home: str, organization: str | None, reason: str, machine: bool) -> None:
    """Decline the offers in FOLDER. The answer is written beside them; bring the folder back."""
    _answer(folder, machine, home=home, answer="decline", reason=reason, organization_id=organization)


@share.command("deliver")
@PROJECT
@FOLDER
@as_json
def share_deliver(project: str, folder: Path, machine: bool) -> None:
    """Write what is answered of PROJECT's share into FOLDER, for the home node; again as more is done."""
    from evenhand import letters

    with connected() as client, progress("Deliveries", "letters") as tell:
        files = letters.write(client, _of(client, project, "partner"), "deliver", folder, tell=tell)
    say(machine, files, _files(files, "Nothing new is answered."))


@share.command("take")
@LETTERS
@as_json
def share_take(folder: Path, machine: bool) -> int:
    """Take the letters in FOLDER that are to this node: answers, deliveries, recalls, and so on.

    Letters that were taken before are passed over. Exits with 1 when answers were not taken.
    """
    from evenhand import letters

    with connected() as client, progress("Letters", "letters") as tell:
        outcomes = letters.take(client, folder, tell=tell)
    new = letters.new_ones(outcomes)
    say(machine, outcomes, "\n".join(map(_words, new)) or NOTHING_NEW)
    return 1 if any(one.taken and one.taken.rejected for one in new) else 0


NOTHING_NEW = "Every letter here was taken before."


def _words(outcome: Outcome) -> str:
    """What one letter came to, for a person."""
    taken = outcome.taken
    if taken is None:
        return f"{outcome.file}: an offer that waits: evenhand share accept, or decline."
    act = taken.act if taken.act != "offer" or taken.project_id else "decline"
    what = "taken before" if taken.again else _DONE[act].format(f"{taken.count:,}")
    late = ", late" if taken.late else ""
    shown = [f"  task {one.line}: {one.reason}" for one in taken.rejected[:SHOWN_REJECTIONS]]
    more = len(taken.rejected) - len(shown)
    rest = [f"  and {more:,} more; --json lists them"] if more > 0 else []
    return "\n".join([f"{outcome.file}: {what}{late}.", *shown, *rest])


_DONE = {
    "offer": "{} tasks are in your project",
    "accept": "accepted, {} tasks",
    "decline": "declined",
    "deliver": "{} answers came in",
    "ack": "the home node has answered; {} answers were not taken",
    "recall": "{} tasks were recalled; the project is paused",
    "deleted": "the partner says that the data of {} tasks are erased",
}


@share.command("recall")
@PROJECT
@click.argument("partner")
@FOLDER
@as_json
def share_recall(project: str, partner: str, folder: Path, machine: bool) -> None:
    """Recall what PARTNER has not delivered of PROJECT; what it delivers later is not taken.

    What it has seen it has seen: the tasks stay counted against its cap.
    """
    from evenhand import letters

    with connected() as client:
        shares = [one for one in _of(client, project, "home") if one.name == partner]
        if not shares:
            raise Missing("share.partner", f"No partner is called {partner!r}.", "PARTNER")
        files = letters.write(client, shares, "recall", folder)
    say(machine, files, _files(files, "Nothing is out that could be recalled."))


@share.command("delete")
@PROJECT
@FOLDER
@as_json
def share_delete(project: str, folder: Path, machine: bool) -> None:
    """Erase the data of PROJECT's share on this node, and write the home node a signed receipt of it.

    It cannot be undone. Deliver first what is answered. The receipt is this node's word: nobody can prove
    that no copy was kept.
    """
    from evenhand import letters

    with connected() as client, progress("Erasing", "tasks") as tell:
        shares = _of(client, project, "partner")
        tasks = [task.task_id for task in client.tasks(shares[0].project_id) if task.data]
        for done, task in enumerate(tasks, 1):
            client.erase_task(task, "contract")
            if tell:
                tell(done, len(tasks))
        files = letters.write(client, shares, "deleted", folder)
    say(machine, files, _files(files, "The receipt was written before."))


@share.command("status")
@PROJECT
@as_json
def share_status(project: str, machine: bool) -> None:
    """Show how far PROJECT's shares are."""
    with connected() as client:
        shares = client.shares(find_project(client, project).id)
    lines = [
        f"{one.name:<20} {one.state:<9} {one.delivered:>7,} of {one.tasks:,} answered, "
        f"{one.offered:,} offered"
        f"{f', until {one.until[:16]}' if one.until else ''}"
        f"{'' if one.stated or one.side == 'partner' else '; nobody has stated who owns it'}"
        for one in shares
    ]
    say(machine, shares, "\n".join(lines) or "There are no shares.")
