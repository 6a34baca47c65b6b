"""An example of an exchange: three clients, of whom one owns 49 percent of a firm that lends annotators.

Each organization does its own part with a key of its own, as on a real node: the operator admits and
opens the pool, clients name rivals and send projects, firms enrol people, annotators answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from random import Random
from typing import Any

import httpx

from evenhand import wire
from evenhand.sdk import Client

CLIENTS = ("Acme Motors", "Nova Robotics", "Helio Maps")
FIRMS: Mapping[str, tuple[str, ...]] = {
    "Northwind Labelling": ("Dana Reyes", "Emeka Obi", "Freya Holm"),
    "Sable Crowd": ("Goran Petrov", "Hana Sato"),
}
BOUGHT = ("Acme Motors", "Sable Crowd", 49.0)  # percent, without votes: the case of June 2025
WARY = "Nova Robotics"  # names Acme as its rival, so that nobody of Sable sees its tasks; Helio does not
SINCE = "2020-01-01"
EACH = 12  # answers of each annotator

PROJECTS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "Acme Motors": (
        "How soon must the workshop see it?",
        ("now", "this week", "next service"),
        """
        The brake pedal goes down to the floor.|now
        A wiper leaves a streak on the left.|next service
        Since yesterday there is a smell of petrol in the cabin.|now
        The radio forgets its stations.|next service
        It pulls to the right at every braking.|this week
        One seat belt no longer locks.|now
        The air conditioning is weaker than last summer.|next service
        The engine warning light comes and goes.|this week
        Coolant under the car every morning.|this week
        A rattle from the boot on cobblestones.|next service
        The steering wheel shakes at motorway speed.|this week
        Smoke from under the bonnet on hills.|now
        The rear door opens only from outside.|this week
        A scratch in the paint near the tank cap.|next service
        The handbrake does not hold on the ramp.|now
        The clock is an hour behind.|next service
        """,
    ),
    "Nova Robotics": (
        "May the robot do this without asking?",
        ("yes", "no"),
        """
        Put the empty cups into the dishwasher.|yes
        Throw away the letters on the table.|no
        Water the plants by the window.|yes
        Unlock the door for a delivery at night.|no
        Vacuum the hall while nobody is at home.|yes
        Give the cat her tablet.|no
        Close the window when it rains.|yes
        Turn off the freezer to save power.|no
        Carry the shopping bags to the kitchen.|yes
        Order a new sofa.|no
        Pick the toys up from the stairs.|yes
        Climb on a chair to change a bulb.|no
        Wipe the table after dinner.|yes
        Move the medicine to another cupboard.|no
        Bring the newspaper from the porch.|yes
        Start the car to warm it up.|no
        """,
    ),
    "Helio Maps": (
        "What is the note about?",
        ("road", "shop", "nature"),
        """
        The bridge is closed to lorries until May.|road
        There is a bakery here now, open on Sundays.|shop
        The spring has dried up.|nature
        One-way since last week, from north to south.|road
        The pharmacy moved across the street.|shop
        Storks nest on the old chimney.|nature
        A roundabout has replaced the lights.|road
        The path through the reeds is flooded in winter.|nature
        The petrol station no longer sells gas.|shop
        Thirty by day and by night.|road
        The oak fell in the storm.|nature
        The bicycle shop repairs wheelchairs, too.|shop
        New kerbs: no parking on the left.|road
        A viewpoint with a bench above the quarry.|nature
        The kiosk takes cards only.|shop
        The tunnel has a lane for bicycles.|road
        """,
    ),
}


def fill(operator: Client) -> wire.SharedPool:
    """A pool of three clients and two firms, and what their annotators have answered so far.

    Args:
        operator: of the node's operator, on a node that has no shared pool.
    """
    with ExitStack() as open_clients:
        sides = {name: _organization(operator, name) for name in (*CLIENTS, *FIRMS)}
        owners = {
            name: open_clients.enter_context(Client(operator.url, key)) for name, (_, key) in sides.items()
        }
        records = _ownership(operator)
        for name in CLIENTS:
            operator.exchange.admit_client(sides[name][0], records[name])
        for name in FIRMS:
            operator.exchange.admit_provider(sides[name][0], records[name])
        operator.exchange.name_operator(records["Operator of this node"])
        terms = wire.PoolTerms(prices={"text": 10}, charge=5, cap=10)
        pool = operator.exchange.open_pool("en", terms)
        owners[WARY].exchange.set_rivals([records[BOUGHT[0]]])
        truths: dict[str, str] = {}
        for name in CLIENTS:
            owners[name].exchange.join(pool.id)
            truths |= _send(owners[name], name, pool.id)
        people = [_enrol(owners[firm], pool.id, name) for firm, names in FIRMS.items() for name in names]
        with ThreadPoolExecutor(len(people)) as at_work:
            work = [
                at_work.submit(_answer, operator.url, key, pool.id, truths, Random(number))
                for number, key in enumerate(people)
            ]
        for done in work:
            done.result()
    return next(one for one in operator.exchange.pools() if one.id == pool.id)


def _organization(operator: Client, name: str) -> tuple[str, str]:
    """Id of a new organization, and a key of its owner, who accepts the invitation as in the page."""
    made = operator.create_organization(name)
    token = made.owner_invite.rsplit("/", 1)[1]
    who = {
        "name": f"Owner of {name}",
        "email": f"owner@{name.split()[0].lower()}.example",
        "password": secrets.token_urlsafe(24),  # nobody signs in with it: the key stands for the person
    }
    with httpx.Client(base_url=f"{operator.url}/api/v1", trust_env=False) as page:
        session = page.post(f"/invites/{token}", json=who).raise_for_status().json()
        key = page.post("/keys", json={"name": "example"}, headers={"X-Evenhand-CSRF": session["csrf"]})
        return made.organization.id, str(key.raise_for_status().json()["api_key"])


def _ownership(operator: Client) -> dict[str, str]:
    """Who owns whom; returns the recordId of every company."""
    for name in (*CLIENTS, *FIRMS, "Operator of this node"):
        held = wire.NewHolding(
            holder=f"Founder of {name}", held=name, economic=100.0, voting=100.0, since=SINCE
        )
        if name == BOUGHT[1]:
            held = wire.NewHolding(
                holder=f"Founder of {name}", held=name, economic=100 - BOUGHT[2], voting=100.0, since=SINCE
            )
        operator.exchange.hold(held)
    buyer, bought, share = BOUGHT
    operator.exchange.hold(
        wire.NewHolding(holder=buyer, held=bought, economic=share, voting=0.0, since=SINCE)
    )
    details = [one for one in operator.exchange.statements() if one["recordType"] == "entity"]
    return {one["recordDetails"]["name"]: one["recordId"] for one in details}


def _send(owner: Client, name: str, pool: str) -> dict[str, str]:
    """A client's project goes to the pool; returns the true answer to each text."""
    title, choices, rows = PROJECTS[name]
    truths = dict(row.strip().rsplit("|", 1) for row in rows.strip().splitlines())
    question = {"name": "answer", "type": "choice", "title": title, "choices": list(choices)}
    project = owner.create_project(f"{name}: notes", [{"name": "text"}], [question], overlap=2)
    owner.import_tasks(project.id, [{"text": text} for text in truths], name="examples")
    owner.exchange.send(project.id, pool, "text")
    return truths


def _enrol(firm: Client, pool: str, name: str) -> str:
    """Key of a new annotator of a firm, who takes work in the pool."""
    member = firm.create_annotator(name)
    firm.exchange.enrol(pool, wire.Enrolment(member_id=member.id, languages=["en"]))
    return member.api_key


def _answer(url: str, key: str, pool: str, truths: Mapping[str, str], chance: Random) -> None:
    with Client(url, key) as annotator:
        annotator.exchange.set_available(pool, True)
        for _ in range(EACH):
            work = annotator.next_assignment(pool=pool)
            if work is None:
                return
            answers: dict[str, Any] = {"answer": truths[work.data["text"]]}
            annotator.submit(work.id, answers, seconds=round(chance.uniform(4, 20), 1))
