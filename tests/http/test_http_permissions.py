"""Every route, for every role, in one's own organization and in another one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from evenhand.core import sharing
from evenhand.core.canonical import b64url
from evenhand.core.checkpoint import SigningKey, sign_note
from evenhand.core.policy import PERMISSIONS, Actor, Membership
from evenhand.http.routes import TABLE, Route
from evenhand.outbound import Door
from evenhand.service import webhooks
from evenhand.signer import Signer

from .ml_backend import Model, serve

ROLES = ("owner", "manager", "reviewer", "annotator", "auditor")
DRAFT = {
    "name": "N",
    "fields": [{"name": "text"}],
    "questions": [{"name": "q", "type": "choice", "choices": ["a", "b"]}],
}
BODIES: dict[str, Any] = {
    "PATCH /webhooks/{webhook}": {"paused": False},
    "POST /projects/{project}/archive": {},
    "POST /restores": {"bytes": 5},
    "POST /webhooks": {"url": "http://hook.test:9/", "kinds": ["project.exported"]},
    "PUT /callback-key": {"value": "a callback key"},
    "POST /session/link": {},
    "POST /session/password": {"current": "a long password", "new": "another password"},
    "POST /organizations": {"name": "X"},
    "POST /members": {"name": "X"},
    "PATCH /members/{member}": {"name": "Other Name"},
    "POST /invites": {},
    "POST /keys": {"name": "k", "scopes": ["read"]},
    "POST /projects": DRAFT,
    "POST /projects/check": DRAFT,
    "PATCH /projects/{project}": {"version": 1},
    "POST /projects/{project}/state": {"state": "active"},
    "POST /projects/{project}/imports": {"name": "f"},
    "POST /projects/{project}/annotations": {"annotations": []},
    "POST /projects/{project}/tasks/actions": {"action": "unflag", "task_ids": []},
    "PATCH /tasks/{task}": {"data": {"text": "x"}},
    "POST /assignments/next": {"count": 1},
    "POST /assignments/{assignment}/submit": {"answers": {"spam": "ham"}},
    "POST /assignments/{assignment}/skip": {},
    "POST /assignments/{assignment}/flag": {},
    "PUT /assignments/{assignment}/draft": {"answers": {}},
    "POST /projects/{project}/exports": {},
    "POST /projects/{project}/exports/check": {},
    "POST /projects/{project}/gold": {"use": "none", "tasks": []},
    "POST /projects/{project}/standings/{member}": {"state": "active"},
    "POST /projects/{project}/qualification/answer": {"answers": {"spam": "spam"}},
    "POST /reviews/{review}/decide": {"decision": "skip"},
    "POST /appeals/{appeal}/decide": {"decision": "uphold"},
    "POST /assignments/{assignment}/appeal": {"text": "It was right."},
    "POST /assignments/{assignment}/ask": {},
    "POST /projects/{project}/backends": {"url": "", "counts": False, "interactive": True},
}
BODIES |= {
    "POST /shared-pools": {"language": "en", "terms": {"prices": {"text": 1}}},
    "PUT /shared-pools/{pool}/terms": {"prices": {"text": 1}},
    "POST /shared-pools/{pool}/clients": {},
    "POST /shared-pools/{pool}/annotators": {"languages": ["en"]},
    "POST /shared-pools/{pool}/waivers": {},
    "POST /shared-pools/{pool}/overrides": {
        "act": "suspend",
        "subject": "x",
        "reason": "safety",
        "at": 1,
        "signatures": [],
    },
    "PUT /availability/{pool}": {"available": True},
    "PUT /projects/{project}/pool": {},
    "POST /parties/clients": {"organization_id": "default"},
    "POST /parties/entities": {"role": "provider", "organization_id": "default"},
    "PUT /policy": {},
    "POST /ownership/statements": {"statements": []},
    "POST /ownership/holdings": {"holder": "Some Fund", "economic": 0, "since": "2020-01-01"},
    "PUT /rivals": {},
    "PUT /signing-policy": {},
    "POST /members/{member}/erase": {},
    "POST /tasks/{task}/erase": {},
}
BODIES |= {
    "POST /projects/{project}/shares": {"cap": 1},
    "POST /shares/{share}/letters": {"act": "offer"},
    "POST /letters": {},
}
QUERIES = {
    "PUT /restores/{restore}/file": "?offset=0",
    "POST /imports/{import}/rows": "?line=100000",
    "PUT /imports/{import}/file": "?offset=0",
}
BY_SESSION = {"POST /session/password"}
"""Routes that take no API key, whatever it may do."""
OWN = {
    "/session/link",
    "/session/password",
    "/keys",
    "/keys/{key}",
    "/signing-keys",
    "/signing-keys/{key}/revoke",
    "/signing-policy",
    "/label-types",
    "/formats",
    "/work",
    "/history",
    "/standings",
    "/judgements",
    "/quality",
    "/pay",
    "/shared-pools",
    "/shared-pools/{pool}/clients",
    "/parties",
    "/overrides",
    "/availability",
    "/availability/{pool}",
}
"""Routes about the caller alone, or about what is installed: nothing there belongs to an organization."""
OPERATOR = {"organization.create", "organization.list", "exchange.operate"}
OWN_ANNOTATORS = "GET /shared-pools/{pool}/annotators"

PRIVATE = [route for route in TABLE if route.permission != "public"]
NAMES = [f"{route.method} {route.path}" for route in PRIVATE]


def key_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def fresh_assignment(site: Any, side: Any, role: str) -> str:
    """A live assignment of this role's own; the annotator's where the role may not label."""
    holder = role if role != "auditor" else "annotator"
    site.ok(side.keys["owner"], "POST", f"/projects/{side.project}/state", json={"state": "active"})
    given = site.ok(
        side.keys[holder], "POST", "/assignments/next", json={"project_id": side.project, "count": 1}
    )
    assert given["assignments"], given
    return str(given["assignments"][0]["id"])


def judged_assignment(site: Any, side: Any, role: str) -> tuple[str, str]:
    """(assignment, review): an answer of this role's own that somebody else has put right."""
    holder = side.keys[role if role != "auditor" else "annotator"]
    judge = side.keys["manager" if role == "owner" else "owner"]
    given = site.ok(holder, "POST", "/assignments/next", json={"project_id": side.reviewed})["assignments"][0]
    site.ok(holder, "POST", f"/assignments/{given['id']}/submit", json={"answers": {"spam": "ham"}})
    while True:
        review = site.ok(judge, "POST", f"/projects/{side.reviewed}/reviews/next")["review"]
        decision = {"decision": "fix", "answers": {"spam": "spam"}}
        site.ok(judge, "POST", f"/reviews/{review['id']}/decide", json=decision)
        if given["id"] in {one["assignment_id"] for one in review["annotations"]}:
            return given["id"], review["id"]


def fresh_review(site: Any, side: Any, role: str) -> str:
    """A live review of this role's own."""
    answerer = side.keys["annotator"]
    given = site.ok(answerer, "POST", "/assignments/next", json={"project_id": side.reviewed})["assignments"][
        0
    ]
    site.ok(answerer, "POST", f"/assignments/{given['id']}/submit", json={"answers": {"spam": "ham"}})
    return str(site.ok(side.keys[role], "POST", f"/projects/{side.reviewed}/reviews/next")["review"]["id"])


def fresh_key(site: Any, api_key: str) -> dict[str, str]:
    """A new signing key of the caller."""
    told, signer = site.ok(api_key, "GET", "/signing-keys"), Signer(os.urandom(32))
    return {"public": b64url(signer.public), "proof": signer.possession(told["origin"], told["holder"])}


PARTNER = SigningKey("partner.example", b"p" * 32)
"""Another node, as far as this one knows it."""


def fresh_plan(site: Any, side: Any) -> tuple[str, dict[str, Any]]:
    """A project with a task that is not shared out yet, and what a plan of it asks for."""
    key = side.keys["owner"]
    project = site.ok(key, "POST", "/projects", json=DRAFT | {"organization_id": side.id})["id"]
    site.client(key).import_tasks(project, [{"text": "one"}])
    return project, {"cap": 1, "partners": [{"name": "P", "vkey": str(PARTNER.verify_key)}]}


def fresh_share(site: Any, side: Any) -> str:
    """A share that is planned."""
    project, plan = fresh_plan(site, side)
    made = site.ok(side.keys["owner"], "POST", f"/projects/{project}/shares", json=plan)
    return str(made["shares"][0]["share_id"])


def fresh_letter(site: Any, side: Any) -> str:
    """A partner's letter that accepts an offer of the side's."""
    share = fresh_share(site, side)
    site.ok(side.keys["owner"], "POST", f"/shares/{share}/letters", json={"act": "offer"})
    head = sharing.Head(
        act="accept", at=0, count=0, from_=PARTNER.name, rows=sharing.rows_digest(b""), seen=1, seq=0,
        share=share, slice=1, to=site.app.node.origin,
    )  # fmt: skip
    return sign_note(sharing.text_of(head), PARTNER).decode()


def fresh_message(site: Any, side: Any) -> dict[str, str]:
    """A webhook, and a message that waits."""
    site.app.node.door = Door(("hook.test",), resolve=lambda host, port: ["127.0.0.1"])
    body = BODIES["POST /webhooks"] | {"organization_id": side.id}
    hook = site.ok(side.keys["owner"], "POST", "/webhooks", json=body)["id"]
    site.app.node.lane.call(webhooks.enqueue, side.id, "project.exported", body["url"], "", hook, b"{}")
    newest = site.ok(side.keys["owner"], "GET", f"/deliveries?organization={side.id}")["items"][0]["id"]
    return {"webhook": hook, "delivery": newest}


@pytest.fixture(scope="module", autouse=True)
def backend_url() -> Iterator[None]:
    """A model that answers, for the routes that ask one."""
    with serve(Model()) as url:
        BODIES["POST /projects/{project}/backends"]["url"] = url
        yield


def fresh_backend(site: Any, side: Any) -> str:
    """A backend of the project, that annotators may ask."""
    site.app.node.door = Door(("127.0.0.1", "hook.test"), resolve=lambda host, port: ["127.0.0.1"])
    body = BODIES["POST /projects/{project}/backends"]
    return str(site.ok(side.keys["owner"], "POST", f"/projects/{side.project}/backends", json=body)["id"])


def fresh_appeal(site: Any, side: Any) -> str:
    """An open appeal of the annotator's."""
    assignment, _ = judged_assignment(site, side, "annotator")
    made = site.ok(
        side.keys["annotator"], "POST", f"/assignments/{assignment}/appeal", json={"text": "It was right."}
    )
    return str(made["id"])


def values(site: Any, route: Route, side: Any, role: str) -> dict[str, str]:
    """Things of this organization for the route's path; fresh ones where the route uses them up."""
    known = {
        "project": side.project,
        "version": "1",
        "task": side.task,
        "field": "picture",
        "import": side.import_,
        "export": side.export,
        "name": "manifest.json",
        "member": side.members["reviewer"],
        "stream": "node",
        "n": "0",
        "pool": side.pool,
    }
    if "/qualification" in route.path or "/standings/" in route.path:
        known["project"] = side.examined
    if "assignment" in route.names:
        known["assignment"] = fresh_assignment(site, side, role)
    if "field" in route.names:  # annotators see the media of what they were given
        id_ = fresh_assignment(site, side, role)
        holder = side.keys[role if role != "auditor" else "annotator"]
        known["task"] = site.ok(holder, "GET", f"/assignments/{id_}")["task_id"]
    if route.path == "/reviews/{review}":
        known["review"] = judged_assignment(site, side, "annotator")[1]
    elif "review" in route.names:
        known["review"] = fresh_review(site, side, role if may(route, role) else "owner")
    if "appeal" in route.names:
        known["appeal"] = fresh_appeal(site, side)
    if route.path.endswith("/appeal"):
        known["assignment"] = judged_assignment(site, side, role)[0]
    if key_of(route) == "PATCH /tasks/{task}":
        known["task"] = f"{side.project}-40"
    if "invite" in route.names:
        known["invite"] = site.ok(side.keys["owner"], "POST", "/invites", json={})["id"]
    if key_of(route) == "POST /signing-keys/{key}/revoke":
        known["key"] = str(
            site.ok(side.keys[role], "POST", "/signing-keys", json=fresh_key(site, side.keys[role]))["id"]
        )
    elif "key" in route.names:
        known["key"] = site.ok(side.keys[role], "POST", "/keys", json={"name": "k"})["id"]
    if "backend" in route.path or route.path.endswith("/ask"):
        known["backend"] = fresh_backend(site, side)
    if "webhook" in route.names or "delivery" in route.names:
        known |= fresh_message(site, side)
    if route.path == "/members/{member}/erase":
        known["member"] = site.ok(side.keys["owner"], "POST", "/members", json={"name": "X"})["id"]
    if route.path == "/tasks/{task}/erase":
        known["task"] = f"{side.project}-{39 - ROLES.index(role)}"
    if "restore" in route.names:
        body = {"bytes": 5, "organization_id": side.id}
        known["restore"] = site.ok(side.keys["owner"], "POST", "/restores", json=body)["id"]
    if "share" in route.names:
        known["share"], known["seq"] = fresh_share(site, side), "0"
    if route.path == "/shares/{share}/letters/{seq}":
        site.ok(side.keys["owner"], "POST", f"/shares/{known['share']}/letters", json={"act": "offer"})
    if "import" in route.names and route.method != "GET":
        made = site.ok(side.keys["owner"], "POST", f"/projects/{side.project}/imports", json={"name": "f"})
        known["import"] = made["id"]
    return known


def send(site: Any, route: Route, side: Any, role: str, api_key: str | None) -> httpx.Response:
    """Call the route about things of `side`, with this key."""
    path = route.path
    for name, value in values(site, route, side, role).items():
        path = path.replace(f"{{{name}}}", value)
    path += QUERIES.get(key_of(route), "")
    if route.path in ("/members", "/invites", "/receipts") or key_of(route) in BY_ORGANIZATION:
        path += f"?organization={side.id}"
    given: dict[str, Any] = {}
    if key_of(route) in BODIES:
        given["json"] = dict(BODIES[key_of(route)])
        if route.path == "/webhooks":
            site.app.node.door = Door(("hook.test",), resolve=lambda host, port: ["127.0.0.1"])
        if route.path in ("/projects", "/projects/check", "/webhooks", "/restores"):
            given["json"]["organization_id"] = side.id
        if route.path.endswith("/qualification/answer"):
            holder = side.keys[role if role != "auditor" else "annotator"]
            test = site.ok(holder, "POST", f"/projects/{side.examined}/qualification")
            given["json"]["task_id"] = test["next"]["task_id"]
        if key_of(route) in ABOUT_ORGANIZATION:
            given["json"] |= about(key_of(route), side)
        if route.path == "/assignments/next":
            given["json"]["project_id"] = side.project
        if route.path == "/letters":
            given["json"] = {"content": fresh_letter(site, side)}
        if key_of(route) == "POST /projects/{project}/shares":
            project, given["json"] = fresh_plan(site, side)
            path = path.replace(side.project, project)
    elif route.path.startswith("/signing-keys") and route.method == "POST":
        own = side.keys[role]
        given["json"] = {} if route.names else fresh_key(site, own)
        answer = site.call(api_key, route.method, path, **given)
        let_go(site, own)
        return answer  # type: ignore[no-any-return]
    elif route.path.endswith("/blobs"):
        given = {"content": b"GIF89a\x01\x00\x01\x00", "headers": {"Content-Type": "image/gif"}}
    elif route.sends:
        given["content"] = b""
    return site.call(api_key, route.method, path, **given)  # type: ignore[no-any-return]


def let_go(site: Any, own: str) -> None:
    """Revoke all keys: while there is one, nothing counts unsigned."""
    for one in site.ok(own, "GET", "/signing-keys")["items"]:
        if one["in_force"]:
            site.ok(own, "POST", f"/signing-keys/{one['id']}/revoke", json={})


BY_ORGANIZATION = (
    "GET /ownership",
    "GET /rivals",
    "GET /pooled-projects",
    "GET /restores",
    "GET /webhooks",
    "GET /deliveries",
    "GET /callback-key",
    "PUT /callback-key",
)
ABOUT_ORGANIZATION = {
    "POST /shared-pools/{pool}/clients",
    "POST /shared-pools/{pool}/annotators",
    "POST /shared-pools/{pool}/waivers",
    "POST /ownership/statements",
    "POST /ownership/holdings",
    "PUT /rivals",
}


def about(key: str, side: Any) -> dict[str, Any]:
    """What a body says of the organization that it is about."""
    if key.endswith("/annotators"):
        return {"member_id": side.members["annotator"]}
    more: dict[str, Any] = {"organization_id": side.id}
    if key.endswith("/waivers"):
        more["entity"] = side.entity
    if key.endswith("/statements"):
        more["statements"] = [side.statement]
    if key.endswith("/holdings"):
        more["held"] = side.record
    return more


def may(route: Route, role: str) -> bool:
    """What the permission table says for this role; auditors hold no assignments."""
    if not route.permission:
        return True
    member = Membership(organization="o", member="m", role=role)
    actor = Actor(person="p", name="n", memberships=(member,))
    return PERMISSIONS[route.permission].who(actor, member)


@pytest.mark.parametrize("route", PRIVATE, ids=NAMES)
def test_nobody_is_asked_to_sign_in(site: Any, sides: Any, route: Route) -> None:
    answer = send(site, route, sides[0], "owner", None)
    assert answer.status_code == 401 and answer.json()["rule"] == "session.none"
    assert send(site, route, sides[0], "owner", "ek_" + "x" * 43).status_code == 401


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", PRIVATE, ids=NAMES)
def test_own_organization(site: Any, sides: Any, route: Route, role: str) -> None:
    side = sides[1]
    answer = send(site, route, side, role, side.keys[role])
    if key_of(route) in BY_SESSION:
        assert (answer.status_code, answer.json()["rule"]) == (403, "password.key")
    elif may(route, role):
        assert answer.status_code in (200, 204), answer.text
    elif "assignment" in route.names:
        assert answer.status_code == 404  # it is the annotator's, so it is not even told that it exists
    else:
        assert answer.status_code == 403, answer.text
        assert answer.json()["rule"] == "permission.role"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", [r for r in PRIVATE if r.path not in OWN], ids=lambda r: key_of(r))
def test_another_organization_is_not_there(site: Any, sides: Any, route: Route, role: str) -> None:
    mine, theirs = sides
    answer = send(site, route, theirs, "annotator", mine.keys[role])
    if route.permission in OPERATOR:
        assert answer.status_code == 403
    elif route.path == "/receipts/{stream}/{n}":
        assert answer.status_code == 200  # proofs are public: they hold hashes only
    elif key_of(route) in ("GET /projects", OWN_ANNOTATORS):
        assert answer.status_code == 200
    else:
        assert answer.status_code == 404, answer.text
    for secret in (theirs.id, theirs.project, theirs.members["owner"], "Other Owner", "owner@other.example"):
        assert secret not in answer.text.replace(
            str(answer.json().get("where")) if answer.is_error else "", ""
        )


@pytest.mark.parametrize("route", PRIVATE, ids=NAMES)
def test_the_operator_reads_nothing_of_others(site: Any, sides: Any, route: Route) -> None:
    """The operator makes organizations, and is a stranger in each but its own."""
    answer = send(site, route, sides[1], "annotator", site.operator)
    if route.path in OWN or route.permission in OPERATOR or route.path == "/receipts/{stream}/{n}":
        return
    if key_of(route) in ("GET /projects", OWN_ANNOTATORS):
        assert sides[1].project not in answer.text
        assert sides[1].members["annotator"] not in answer.text
    else:
        assert answer.status_code == 404, answer.text


def test_lists_of_the_caller_hold_nothing_foreign(site: Any, sides: Any) -> None:
    mine, theirs = sides
    for path in ("/work", "/history", "/projects", "/keys", "/members", "/invites"):
        text = site.call(mine.keys["owner"], "GET", path).text
        assert theirs.id not in text and theirs.project not in text, path


@pytest.mark.parametrize("scope", ["read", "annotate", "manage"])
@pytest.mark.parametrize("route", PRIVATE, ids=NAMES)
def test_a_key_does_what_its_scopes_say(site: Any, sides: Any, route: Route, scope: str) -> None:
    side = sides[1]
    narrow = site.ok(side.keys["owner"], "POST", "/keys", json={"name": scope, "scopes": [scope]})["api_key"]
    answer = send(site, route, side, "owner", narrow)
    wanted = PERMISSIONS[route.permission].scope if route.permission in PERMISSIONS else None
    if wanted is None or route.permission in OPERATOR:
        return
    if wanted == scope or (wanted, scope) == ("read", "manage"):
        assert answer.status_code != 403 or answer.json()["rule"] != "permission.scope", answer.text
    elif answer.status_code != 200:
        assert answer.json()["rule"] == "permission.scope", answer.text
    else:
        assert {name: told for name, told in answer.json().items() if told is not None} == {"items": []}, (
            answer.text
        )


def test_every_permission_of_a_route_is_in_the_table() -> None:
    assert {route.permission for route in PRIVATE} - {""} <= set(PERMISSIONS)
