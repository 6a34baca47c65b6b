"""People come and go: invites, passwords, sessions, keys, the first start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from argon2.exceptions import VerifyMismatchError

from evenhand.core.errors import Refused
from evenhand.http.limits import Buckets, origin_of
from evenhand.http.problems import Turned
from evenhand.service import accounts, invites

PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def _all_tries(request: pytest.FixtureRequest) -> None:
    """Each test begins with all tries, for all of a module come from one address."""
    if "site" in request.fixturenames:
        request.getfixturevalue("site").app.tries_by_address.forgive("127.0.0.1")


def timeless(site: Any) -> Any:
    """The same site, where no try comes back by itself: on a slow machine one would, between the others."""
    now = time.monotonic()
    site.app.tries_by_address._clock = site.app.tries_by_email._clock = lambda: now
    return site


def invite(site: Any, key: str | None = None, **wish: Any) -> str:
    made: dict[str, Any] = site.ok(key or site.operator, "POST", "/invites", json=wish)
    return str(made["url"])


def token(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def accepted(site: Any, url: str, **answer: Any) -> Any:
    return site.call(None, "POST", f"/invites/{token(url)}", json=answer)


def person(site: Any, name: str, role: str = "annotator") -> Any:
    """Somebody who joined by link."""
    return site.browser().accept(
        invite(site, role=role), name=name, email=f"{name}@x.example", password=PASSWORD
    )


def member_id(site: Any, browser: Any) -> str:
    return str(browser.call("GET", "/session").json()["memberships"][0]["member_id"])


# ---- invites -----------------------------------------------------------------------------------


def test_a_link_says_what_it_is_for_and_works_once(site: Any) -> None:
    url = invite(site, role="reviewer")
    shown = site.ok(None, "GET", f"/invites/{token(url)}")
    assert (shown["purpose"], shown["role"], shown["organization_name"]) == ("join", "reviewer", "default")
    answer = accepted(site, url, name=" Ada  L ", email="Ada@X.example", password=PASSWORD)
    session = answer.json()
    assert (session["name"], session["email"]) == ("Ada L", "ada@x.example")
    assert session["memberships"][0]["role"] == "reviewer" and not session["operator"]
    for again in (
        accepted(site, url, name="B", email="b@x.example", password=PASSWORD),
        site.call(None, "GET", f"/invites/{token(url)}"),
    ):
        assert (again.status_code, again.json()["rule"]) == (403, "invite.used")


def test_two_at_once_are_let_in_once(site: Any) -> None:
    url, codes = invite(site), []

    def one(i: int) -> None:
        codes.append(
            accepted(site, url, name=f"N{i}", email=f"race{i}@x.example", password=PASSWORD).status_code
        )

    threads = [threading.Thread(target=one, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [200, 403, 403, 403, 403, 403]


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ({}, "name"),
        ({"name": "N"}, "email"),
        ({"name": "N", "email": "n@x.example"}, "password"),
        ({"name": "N", "email": "nobody", "password": PASSWORD}, "email"),
        ({"name": "N", "email": "a b@x.example", "password": PASSWORD}, "email"),
        ({"name": "N", "email": "n@x.example", "password": "short"}, "password"),
        ({"name": "N", "email": "n@x.example", "password": "x" * 1001}, "password"),
        ({"name": "\u202e", "email": "n@x.example", "password": PASSWORD}, "name"),
        ({"name": "x" * 201, "email": "n@x.example", "password": PASSWORD}, "name"),
    ],
)
def test_a_bad_answer_does_not_use_the_link_up(site: Any, answer: dict[str, str], where: str) -> None:
    url = invite(site)
    refused = accepted(site, url, **answer)
    assert (refused.status_code, refused.json()["where"]) == (400, where)
    assert site.call(None, "GET", f"/invites/{token(url)}").status_code == 200


def test_links_that_open_nothing(site: Any) -> None:
    assert accepted(site, "/invite/" + "x" * 43, name="N").status_code == 404
    made = site.ok(site.operator, "POST", "/invites", json={})
    site.ok(site.operator, "DELETE", f"/invites/{made['id']}")
    assert accepted(site, made["url"], name="N").status_code == 404
    url = invite(site)
    digest = accounts.hash_secret(token(url))
    site.app.node.lane.call(
        lambda tx, at: tx.db.script(
            f"UPDATE invite SET expires_ms = 1 WHERE hash = {_literal(site, digest)};"
        )
    )
    assert accepted(site, url, name="N").json()["rule"] == "invite.expired"
    assert made["id"] not in str(site.ok(site.operator, "GET", "/invites"))


def _literal(site: Any, digest: bytes) -> str:
    return (
        f"x'{digest.hex()}'"
        if site.app.node.store.dialect.name == "sqlite"
        else f"'\\x{digest.hex()}'::bytea"
    )


@pytest.mark.parametrize("hours", [0, -1, 90 * 24 + 1])
def test_a_link_lives_for_a_bounded_time(site: Any, hours: int) -> None:
    assert site.call(site.operator, "POST", "/invites", json={"hours": hours}).status_code == 400


def test_a_known_address_signs_in_first_and_then_joins(site: Any) -> None:
    known = person(site, "known")
    other = site.ok(site.operator, "POST", "/organizations", json={"name": "Second"})
    taken = accepted(
        site, other["owner_invite"], name="K", email="known@x.example", password="another password"
    )
    assert taken.json()["rule"] == "invite.sign-in-first"
    known.accept(other["owner_invite"])
    roles = {m["organization_name"]: m["role"] for m in known.call("GET", "/session").json()["memberships"]}
    assert roles == {"default": "annotator", "Second": "owner"}


def test_joining_by_cookie_needs_the_token(site: Any) -> None:
    browser = person(site, "forced")
    other = site.ok(site.operator, "POST", "/organizations", json={"name": "Forcing"})
    browser.csrf = None
    answer = browser.call("POST", f"/invites/{token(other['owner_invite'])}", json={})
    assert answer.status_code == 400  # taken for somebody new, who gives no name
    assert len(browser.call("GET", "/session").json()["memberships"]) == 1


def test_whoever_belongs_already_leaves_the_link_whole(site: Any) -> None:
    browser, url = person(site, "twice"), invite(site, role="owner")
    answer = browser.call("POST", f"/invites/{token(url)}", json={})
    assert answer.json()["rule"] == "invite.member-already"
    assert site.call(None, "GET", f"/invites/{token(url)}").status_code == 200
    assert browser.call("GET", "/session").json()["memberships"][0]["role"] == "annotator"


def test_somebody_removed_comes_back_by_a_new_link(site: Any) -> None:
    browser = person(site, "back")
    member = member_id(site, browser)
    site.ok(site.operator, "PATCH", f"/members/{member}", json={"state": "removed"})
    assert browser.call("GET", "/session").json()["memberships"] == []
    browser.accept(invite(site, role="manager"))
    again = browser.call("GET", "/session").json()["memberships"][0]
    assert (again["member_id"], again["role"]) == (member, "manager")


# ---- passwords and sessions ----------------------------------------------------------------------


def test_sign_in_and_out(site: Any) -> None:
    person(site, "ines")
    browser = site.browser().sign_in(" INES@x.example ", PASSWORD)
    assert browser.call("GET", "/session").json()["name"] == "ines"
    cookie = browser.http.cookies["evenhand_session"]
    assert browser.call("DELETE", "/session").status_code == 204
    answer = site.plain.get("/api/v1/session", headers={"Cookie": f"evenhand_session={cookie}"})
    assert answer.status_code == 401


def test_wrong_password_and_unknown_address_look_the_same(site: Any) -> None:
    person(site, "wrong")
    wrong = site.call(None, "POST", "/session", json={"email": "wrong@x.example", "password": "not this one"})
    nobody = site.call(
        None, "POST", "/session", json={"email": "nobody@x.example", "password": "not this one"}
    )
    model = site.ok(site.operator, "POST", "/members", json={"name": "M", "email": "m@x.example"})
    no_password = site.call(
        None, "POST", "/session", json={"email": model["email"], "password": "not this one"}
    )
    assert wrong.status_code == nobody.status_code == no_password.status_code == 401
    assert wrong.json() == nobody.json() == no_password.json()


def test_an_unknown_address_is_verified_too(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that argon2id takes must not tell whether an address has an account."""
    from evenhand.http import people

    seen: list[str] = []
    verify = people._verify
    monkeypatch.setattr(people, "_verify", lambda hashed, given: seen.append(hashed) or verify(hashed, given))
    site.call(None, "POST", "/session", json={"email": "void@x.example", "password": "not this one"})
    assert len(seen) == 1
    with pytest.raises(VerifyMismatchError):  # it is computed to the end, and not refused as no hash
        people._hasher.verify(seen[0], "not this one")
    assert not people._hasher.check_needs_rehash(seen[0])


@pytest.mark.parametrize("password", ["\ud800", "x" * 60_000, ""])
def test_strange_passwords(site: Any, password: str) -> None:
    body = b'{"email": "x@x.example", "password": "\\ud800"}' if password == "\ud800" else None
    given = {"content": body} if body else {"json": {"email": "x@x.example", "password": password}}
    assert site.call(None, "POST", "/session", **given).status_code in (400, 401)


def test_a_reset_link_ends_old_sessions_and_sets_the_password(site: Any) -> None:
    browser = person(site, "reset")
    member = member_id(site, browser)
    url = invite(site, purpose="reset", member_id=member)
    assert site.ok(None, "GET", f"/invites/{token(url)}")["name"] == "reset"
    fresh = site.browser().accept(url, password="another password")
    assert browser.call("GET", "/session").status_code == 401
    assert fresh.call("GET", "/session").json()["email"] == "reset@x.example"
    assert (
        site.call(
            None, "POST", "/session", json={"email": "reset@x.example", "password": PASSWORD}
        ).status_code
        == 401
    )
    site.browser().sign_in("reset@x.example", "another password")


NEW = "a password of my own"


def change(browser: Any, current: str = PASSWORD, new: str = NEW) -> Any:
    return browser.call("POST", "/session/password", json={"current": current, "new": new})


def signs_in(site: Any, email: str, password: str) -> bool:
    given = {"email": email, "password": password}
    return bool(site.call(None, "POST", "/session", json=given).status_code == 200)


def test_a_new_password_ends_all_but_this_session_and_the_keys(site: Any) -> None:
    """Also what a manager holds: the password that they chose, a session by it, links."""
    browser, manager = person(site, "paula"), person(site, "mona", "manager")
    wish = {"purpose": "reset", "member_id": member_id(site, browser)}
    reset, second = [manager.call("POST", "/invites", json=wish).json()["url"] for _ in range(2)]
    held = site.browser().accept(reset, password="the manager's own")
    browser = site.browser().sign_in("paula@x.example", "the manager's own")
    signin = browser.call("POST", "/session/link", json={}).json()["url"]
    api_key = browser.call("POST", "/keys", json={"name": "script"}).json()["api_key"]
    old = (browser.http.cookies["evenhand_session"], browser.csrf)
    changed = change(browser, "the manager's own")
    assert changed.status_code == 200 and changed.json()["password"] is True, changed.text
    browser.csrf = changed.json()["csrf"]
    assert browser.call("GET", "/session").json()["email"] == "paula@x.example"
    assert browser.call("POST", "/keys", json={"name": "goes on"}).status_code == 200
    assert old[0] != browser.http.cookies["evenhand_session"] and old[1] != browser.csrf
    stale = site.plain.get("/api/v1/session", headers={"Cookie": f"evenhand_session={old[0]}"})
    assert stale.status_code == held.call("GET", "/session").status_code == 401
    for link in (second, signin):
        assert accepted(site, link, password="the manager's own").status_code == 404
    assert site.ok(api_key, "GET", "/session")["email"] == "paula@x.example"
    assert manager.call("GET", "/session").status_code == 200
    assert not signs_in(site, "paula@x.example", "the manager's own")
    assert signs_in(site, "paula@x.example", NEW)


@pytest.mark.parametrize(
    ("current", "new", "code", "rule", "where"),
    [
        ("not this one", NEW, 403, "password.wrong", "current"),
        (PASSWORD, "short", 400, "password.length", "new"),
        (PASSWORD, "x" * 1001, 400, "password.length", "new"),
        (PASSWORD, PASSWORD, 400, "password.same", "new"),
    ],
)
def test_a_password_that_is_not_changed(
    site: Any, current: str, new: str, code: int, rule: str, where: str
) -> None:
    name = f"no-{rule}-{len(new)}"
    browser = person(site, name)
    refused = change(browser, current, new)
    assert (refused.status_code, refused.json()["rule"], refused.json()["where"]) == (code, rule, where)
    assert browser.call("GET", "/session").status_code == 200
    assert signs_in(site, f"{name}@x.example", PASSWORD)


def test_who_has_no_password_or_shows_a_key_changes_none(site: Any) -> None:
    made = site.ok(site.operator, "POST", "/members", json={"name": "By Link", "email": "link@x.example"})
    link = site.ok(made["api_key"], "POST", "/session/link", json={})["url"]
    browser = site.browser().accept(link)
    assert browser.call("GET", "/session").json()["password"] is False
    assert change(browser).json()["rule"] == "password.none"
    for key in (made["api_key"], site.operator):
        answer = site.call(key, "POST", "/session/password", json={"current": PASSWORD, "new": NEW})
        assert (answer.status_code, answer.json()["rule"]) == (403, "password.key")
    browser = person(site, "cross")
    browser.csrf = None
    assert change(browser).json()["rule"] == "session.csrf"


@pytest.mark.parametrize(
    ("query", "given"), [("set_password", {"password": "another hash"}), ("delete_sessions_of", {})]
)
def test_what_ended_meanwhile_changes_no_password(
    site: Any, monkeypatch: pytest.MonkeyPatch, query: str, given: dict[str, str]
) -> None:
    """While the new one is hashed, somebody else changes the password, or ends the session."""
    from evenhand.http import people

    email = f"{query.replace('_', '-')}@x.example"
    browser, lane = person(site, email.partition("@")[0]), site.app.node.lane
    id_ = lane.call(lambda tx, at: tx.one("person_by_email", email=email)["id"])
    name = "person" if query == "delete_sessions_of" else "id"

    def meanwhile(password: str, where: str) -> str:
        lane.call(lambda tx, at: tx.run(query, **{name: id_}, **given))
        return "the new hash"

    monkeypatch.setattr(people, "_hash", meanwhile)
    refused = change(browser)
    assert (refused.status_code, refused.json()["rule"]) == (403, "password.meanwhile")
    kept = lane.call(lambda tx, at: tx.one("person_by_id", id=id_)["password"])
    assert kept != "the new hash" and kept.startswith(given.get("password", "$argon2id$"))


def test_tries_of_the_current_password_are_tries_to_sign_in(start_site: Callable[..., Any]) -> None:
    site = timeless(start_site())
    browser = person(site, "guessed")
    assert {change(browser, f"guess {i}").status_code for i in range(9)} == {403}
    answer = change(browser)
    assert answer.status_code == 200  # and the tries before it are forgiven
    browser.csrf = answer.json()["csrf"]
    guesses = [change(browser, f"guess {i}").status_code for i in range(11)]
    assert guesses == [403] * 10 + [429]
    assert change(browser, NEW, PASSWORD).status_code == 429  # the right one waits, too
    given = {"email": "guessed@x.example", "password": NEW}
    assert site.call(None, "POST", "/session", json=given).status_code == 429


def test_a_reset_takes_over_no_more_than_the_manager_has(site: Any) -> None:
    manager = person(site, "mia", "manager")
    owner = member_id(site, person(site, "olga", "owner"))
    assert manager.call("POST", "/invites", json={"purpose": "reset", "member_id": owner}).status_code == 403
    both = person(site, "both")
    other = site.ok(site.operator, "POST", "/organizations", json={"name": "Elsewhere"})
    both.accept(other["owner_invite"])
    for wish in ({"purpose": "reset", "member_id": member_id(site, both)},):
        assert manager.call("POST", "/invites", json=wish).json()["rule"] == "invite.not-yours"
    local = next(m for m in site.ok(site.operator, "GET", "/members")["items"] if m["name"] == "This machine")
    taken = site.call(site.operator, "POST", "/invites", json={"purpose": "reset", "member_id": local["id"]})
    assert taken.json()["rule"] == "invite.not-yours"


def test_what_a_manager_holds_of_an_account_ends_when_it_opens_more(site: Any) -> None:
    """Sessions and links that were made while the account was all the manager's own."""
    manager = person(site, "max", "manager")
    victim = person(site, "vera")
    reset = manager.call(
        "POST", "/invites", json={"purpose": "reset", "member_id": member_id(site, victim)}
    ).json()["url"]
    made = site.ok(site.operator, "POST", "/members", json={"name": "Vic"})
    held = [
        site.ok(made["api_key"], "POST", "/session/link", json={})["url"].partition("?")[0] for _ in range(3)
    ]
    kept, vic = site.browser().accept(held[0]), site.browser().accept(held[1])
    for name, browser in (("One", victim), ("Two", vic)):
        other = site.ok(site.operator, "POST", "/organizations", json={"name": name})
        browser.accept(other["owner_invite"])
        assert len(browser.call("GET", "/session").json()["memberships"]) == 2
    assert kept.call("GET", "/session").status_code == 401
    assert accepted(site, held[2]).status_code == 404
    assert accepted(site, reset, password="the manager's own").status_code == 404
    site.browser().sign_in("vera@x.example", PASSWORD)


def test_who_is_suspended_elsewhere_is_not_reset_here(site: Any) -> None:
    both = person(site, "sid")
    other = site.ok(site.operator, "POST", "/organizations", json={"name": "Waits"})
    owner = site.browser().accept(other["owner_invite"], name="W", email="w@x.example", password=PASSWORD)
    both.accept(owner.call("POST", "/invites", json={"role": "manager"}).json()["url"])
    here, there = [m["member_id"] for m in both.call("GET", "/session").json()["memberships"]]
    assert owner.call("PATCH", f"/members/{there}", json={"state": "suspended"}).status_code == 200
    wish = {"purpose": "reset", "member_id": here}
    refused = site.call(site.operator, "POST", "/invites", json=wish)
    assert refused.json()["rule"] == "invite.not-yours"
    owner.call("PATCH", f"/members/{there}", json={"state": "removed"})
    link = site.ok(site.operator, "POST", "/invites", json=wish)["url"]
    inside = site.browser().accept(link, password="the manager's own")
    owner.call("PATCH", f"/members/{there}", json={"state": "active"})
    site.app.callers.forget()
    assert inside.call("GET", "/session").status_code == 401


def test_a_session_ends_and_slides(site: Any) -> None:
    browser = person(site, "slides")
    digest = accounts.hash_secret(browser.http.cookies["evenhand_session"])
    lane = site.app.node.lane

    def ends_in(ms: int) -> None:
        lane.call(
            lambda tx, at: tx.db.script(
                f"UPDATE session SET expires_ms = {at.ms + ms} WHERE hash = {_literal(site, digest)};"
            )
        )
        site.app.callers.forget()

    ends_in(accounts.SESSION_MS - accounts.HOUR_MS)
    assert "set-cookie" not in browser.call("GET", "/session").headers
    ends_in(5 * accounts.DAY_MS)
    assert "Max-Age=2592000" in browser.call("GET", "/session").headers["set-cookie"]
    site.app.callers.forget()
    assert "set-cookie" not in browser.call("GET", "/session").headers
    ends_in(0)
    assert browser.call("GET", "/session").status_code == 401


def test_too_many_tries_are_slowed_down(start_site: Callable[..., Any]) -> None:
    site = timeless(start_site())
    tries = [
        site.call(None, "POST", "/session", json={"email": "a@x.example", "password": "guess"})
        for _ in range(11)
    ]
    assert [answer.status_code for answer in tries] == [401] * 10 + [429]
    assert 1 <= int(tries[-1].headers["retry-after"]) <= 30
    other = site.call(None, "POST", "/session", json={"email": "b@x.example", "password": "guess"})
    assert other.status_code == 401

    names = [{"email": f"{number}@x.example", "password": "g"} for number in range(30)]
    codes = {site.call(None, "POST", "/session", json=who).status_code for who in names}
    assert codes == {401, 429}  # the address has tried too much, whatever the names


def test_ones_own_password_wins_no_tries_at_those_of_others(start_site: Callable[..., Any]) -> None:
    site = timeless(start_site())
    person(site, "mallory")
    own = {"email": "mallory@x.example", "password": PASSWORD}
    for number in range(28):
        who = {"email": f"{number}@x.example", "password": "g"}
        assert site.call(None, "POST", "/session", json=who).status_code == 401
    assert site.call(None, "POST", "/session", json=own).status_code == 200
    codes = [
        site.call(None, "POST", "/session", json={"email": f"x{n}@x.example", "password": "g"}).status_code
        for n in range(3)
    ]
    assert codes == [401, 401, 429]


def test_a_network_of_ipv6_is_one_place() -> None:
    assert origin_of("2001:db8:0:1::1") == origin_of("2001:db8:0:1:ffff::9") != origin_of("2001:db8:0:2::1")
    assert origin_of("::ffff:192.0.2.1") == origin_of("192.0.2.1") != origin_of("192.0.2.2")
    assert origin_of("") == "" and origin_of("testclient") == "testclient"


def test_an_endless_address_is_not_remembered(site: Any) -> None:
    who = {"email": "x" * 60_000, "password": "g"}
    assert site.call(None, "POST", "/session", json=who).status_code == 401
    assert max(map(len, site.app.tries_by_email._full_at)) < 300


def test_buckets_fill_again() -> None:
    now = [0.0]
    buckets = Buckets(2, 10.0, clock=lambda: now[0])
    buckets.take("a")
    buckets.take("a")
    with pytest.raises(Turned) as error:
        buckets.take("a")
    assert error.value.headers["Retry-After"] == "10"
    buckets.take("b")
    now[0] = 10.0
    buckets.take("a")
    with pytest.raises(Turned):
        buckets.take("a")
    buckets.forgive("a")
    buckets.take("a")


def test_buckets_do_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evenhand.http.limits.KEPT", 100)
    buckets = Buckets(1, 10.0, clock=lambda: 0.0)
    for i in range(1000):
        buckets.take(str(i))
    assert len(buckets._full_at) <= 100


# ---- members -------------------------------------------------------------------------------------


def test_the_last_owner_stays(site: Any) -> None:
    made = site.ok(site.operator, "POST", "/organizations", json={"name": "Solo"})
    solo = site.browser().accept(made["owner_invite"], name="S", email="solo@x.example", password=PASSWORD)
    own = member_id(site, solo)
    for change in ({"role": "manager"}, {"state": "removed"}, {"state": "suspended"}):
        assert solo.call("PATCH", f"/members/{own}", json=change).json()["rule"] == "member.last-owner"
    second = solo.call("POST", "/members", json={"name": "T", "role": "owner"}).json()
    assert solo.call("PATCH", f"/members/{own}", json={"role": "manager"}).status_code == 200
    last = site.call(second["api_key"], "PATCH", f"/members/{second['id']}", json={"state": "removed"})
    assert last.json()["rule"] == "member.last-owner"


def test_managers_make_no_owners_and_touch_none(site: Any) -> None:
    manager = person(site, "mo", "manager")
    owner = member_id(site, person(site, "oz", "owner"))
    assert manager.call("POST", "/members", json={"name": "X", "role": "owner"}).status_code == 403
    assert manager.call("POST", "/invites", json={"role": "owner"}).status_code == 403
    own = member_id(site, manager)
    assert manager.call("PATCH", f"/members/{own}", json={"role": "owner"}).status_code == 403
    assert manager.call("PATCH", f"/members/{owner}", json={"state": "removed"}).status_code == 403
    assert manager.call("PATCH", f"/members/{owner}", json={"name": "Mine"}).status_code == 403


def test_a_suspension_holds_at_once(site: Any) -> None:
    made = site.ok(site.operator, "POST", "/members", json={"name": "S", "role": "manager"})
    assert site.call(made["api_key"], "GET", "/members").status_code == 200
    site.ok(site.operator, "PATCH", f"/members/{made['id']}", json={"state": "suspended"})
    assert (
        site.call(made["api_key"], "GET", "/members", params={"organization": "default"}).status_code == 404
    )
    site.ok(site.operator, "PATCH", f"/members/{made['id']}", json={"state": "active"})
    assert site.call(made["api_key"], "GET", "/members").status_code == 200
    site.ok(site.operator, "PATCH", f"/members/{made['id']}", json={"state": "removed"})
    assert site.call(made["api_key"], "GET", "/session").status_code == 401


def test_models_are_annotators(site: Any) -> None:
    made = site.ok(site.operator, "POST", "/members", json={"name": "GPT", "kind": "model"})
    assert made["kind"] == "model"
    wish = {"name": "X", "kind": "model", "role": "manager"}
    assert site.call(site.operator, "POST", "/members", json=wish).status_code == 400
    change = {"role": "owner"}
    assert site.call(site.operator, "PATCH", f"/members/{made['id']}", json=change).status_code == 400


def test_an_address_is_one_persons(site: Any) -> None:
    wish = {"name": "A", "email": " One@X.example"}
    assert site.ok(site.operator, "POST", "/members", json=wish)["email"] == "one@x.example"
    assert site.call(site.operator, "POST", "/members", json=wish).json()["rule"] == "member.email-taken"


def test_pages_of_members_hold_each_once(site: Any) -> None:
    made = site.ok(site.operator, "POST", "/organizations", json={"name": "Big"})
    owner = site.browser().accept(made["owner_invite"], name="B", email="big@x.example", password=PASSWORD)
    for i in range(7):
        owner.call("POST", "/members", json={"name": f"m{i}"})
    seen, after = [], None
    while True:
        page = owner.call("GET", "/members", params={"limit": 3} | ({"after": after} if after else {})).json()
        seen += [member["name"] for member in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert sorted(seen) == ["B", *(f"m{i}" for i in range(7))]


def test_submissions_are_counted_per_organization(site: Any) -> None:
    made = site.ok(site.operator, "POST", "/members", json={"name": "Worker"})
    draft = {"name": "C", "fields": [{"name": "t"}], "questions": [{"name": "q", "type": "text"}]}
    project = site.ok(site.operator, "POST", "/projects", json=draft)["id"]
    site.client(site.operator).import_tasks(project, [{"t": "x"}])
    worker = site.client(made["api_key"])
    work = worker.next_assignment(project)
    worker.submit(work.id, {"q": "answer"})
    listed = site.ok(site.operator, "GET", "/members", params={"limit": 200})["items"]
    assert next(m for m in listed if m["id"] == made["id"])["submitted"] == 1


# ---- keys ----------------------------------------------------------------------------------------


def test_keys_are_shown_once_and_kept_as_hashes(site: Any) -> None:
    made = site.ok(site.operator, "POST", "/keys", json={"name": "ci", "days": 7})
    listed = next(k for k in site.ok(site.operator, "GET", "/keys")["items"] if k["id"] == made["id"])
    assert "api_key" not in listed and made["api_key"].startswith(listed["prefix"])
    assert len(made["api_key"]) == 46 and listed["expires_at"] is not None
    with site.app.node.store.read() as reader:
        row = reader.one("key_by_hash", hash=accounts.hash_secret(made["api_key"]))
    assert row is not None
    assert site.call(made["api_key"], "GET", "/session").status_code == 200
    listed = next(k for k in site.ok(site.operator, "GET", "/keys")["items"] if k["id"] == made["id"])
    assert listed["last_used_at"] is not None
    site.ok(site.operator, "DELETE", f"/keys/{made['id']}")
    assert site.call(made["api_key"], "GET", "/session").status_code == 401


def test_a_key_makes_none_that_opens_more(site: Any) -> None:
    member = site.ok(site.operator, "POST", "/members", json={"name": "K", "role": "manager"})
    narrow = site.ok(member["api_key"], "POST", "/keys", json={"name": "n", "scopes": ["manage"]})["api_key"]
    assert site.call(narrow, "POST", "/keys", json={"name": "w"}).json()["rule"] == "key.scopes"
    assert site.call(member["api_key"], "POST", "/keys", json={"name": "w", "scopes": []}).status_code == 400
    reading = site.ok(member["api_key"], "POST", "/keys", json={"name": "r", "scopes": ["read"]})["api_key"]
    assert site.call(reading, "POST", "/keys", json={"name": "w", "scopes": ["read"]}).status_code == 403
    assert site.call(narrow, "POST", "/session/link", json={}).json()["rule"] == "link.key"


def test_a_key_from_a_manager_opens_nothing_of_another_organization(site: Any) -> None:
    """The manager who made the member has seen its key; what the person joins later is none of theirs."""
    made = site.ok(site.operator, "POST", "/members", json={"name": "P"})
    person_browser = site.browser().accept(
        site.ok(made["api_key"], "POST", "/session/link", json={})["url"].partition("?")[0]
    )
    other = site.ok(site.operator, "POST", "/organizations", json={"name": "Rival"})
    person_browser.accept(other["owner_invite"])
    assert len(person_browser.call("GET", "/session").json()["memberships"]) == 2
    site.app.callers.forget()
    assert [m["organization_id"] for m in site.ok(made["api_key"], "GET", "/session")["memberships"]] == [
        "default"
    ]
    wish = {"organization": other["organization"]["id"]}
    assert site.call(made["api_key"], "GET", "/members", params=wish).status_code == 404
    wide = person_browser.call("POST", "/keys", json={"name": "wide"}).json()["api_key"]
    assert site.call(wide, "GET", "/members", params=wish).status_code == 200
    assert "wide" not in str(site.ok(made["api_key"], "GET", "/keys"))
    assert site.call(made["api_key"], "POST", "/session/link", json={}).json()["rule"] == "link.key"
    grown = site.ok(made["api_key"], "POST", "/keys", json={"name": "grown"})["api_key"]
    assert site.call(grown, "GET", "/members", params=wish).status_code == 404


def test_an_expired_key_opens_nothing(site: Any) -> None:
    made = site.ok(site.operator, "POST", "/keys", json={"name": "old", "days": 1})
    digest = accounts.hash_secret(made["api_key"])
    with site.app.node.store.read() as reader:
        assert accounts.resolve_key(reader, digest, 0) is not None
        assert accounts.resolve_key(reader, digest, accounts.FOREVER) is None


# ---- links and the first start -------------------------------------------------------------------


def test_a_sign_in_link_works_once_and_leads_to_a_page_of_ours(site: Any) -> None:
    url = site.ok(site.operator, "POST", "/session/link", json={"next": "/annotate/prj-x"})["url"]
    assert url.startswith(f"{site.url}/invite/") and url.endswith("?next=/annotate/prj-x")
    browser = site.browser().accept(url)
    assert browser.call("GET", "/session").json()["operator"] is True
    again = site.call(None, "POST", f"/invites/{token(url)}", json={})
    assert again.json()["rule"] == "invite.used"


@pytest.mark.parametrize("page", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\nb"])
def test_a_link_leads_nowhere_else(site: Any, page: str) -> None:
    assert site.call(site.operator, "POST", "/session/link", json={"next": page}).status_code == 400


def test_the_admin_key_opens_default_and_no_more(start_site: Callable[..., Any]) -> None:
    first, second = "first-" + "k" * 40, "second-" + "k" * 40
    site = start_site(admin_key=first)
    session = site.ok(first, "GET", "/session")
    assert [(m["organization_id"], m["role"]) for m in session["memberships"]] == [("default", "owner")]
    assert not session["operator"]
    assert site.call(first, "POST", "/organizations", json={"name": "X"}).status_code == 403
    project = {"name": "P", "fields": [{"name": "t"}], "questions": [{"name": "q", "type": "text"}]}
    made = site.ok(first, "POST", "/projects", json=project)["id"]
    size = site.plain.get("/log/checkpoint").text.splitlines()[1]
    for restart in (first, second):
        start_site.stop()  # type: ignore[attr-defined]
        site = start_site(admin_key=restart)
        assert site.ok(restart, "GET", f"/projects/{made}")["id"] == made
    assert int(site.plain.get("/log/checkpoint").text.splitlines()[1]) - int(size) <= 4
    assert site.call(first, "GET", "/session").status_code == 401
    assert len([m for m in site.ok(second, "GET", "/members")["items"] if m["role"] == "owner"]) == 2


def test_a_revoked_admin_key_stays_revoked(start_site: Callable[..., Any]) -> None:
    key = "admin-" + "k" * 40
    site = start_site(admin_key=key)
    id_ = site.ok(key, "GET", "/keys")["items"][0]["id"]
    site.ok(key, "DELETE", f"/keys/{id_}")
    start_site.stop()  # type: ignore[attr-defined]
    assert start_site(admin_key=key).call(key, "GET", "/session").status_code == 401


def test_the_operator_is_told_of_no_names_but_organizations(site: Any) -> None:
    listed = site.ok(site.operator, "GET", "/organizations", params={"limit": 200})
    assert {"id", "name", "created_at"} == set(listed["items"][0])


def test_no_person_stands_in_the_log(site: Any) -> None:
    """Names and addresses are tables of the second kind; the entries hold commitments and pseudonyms."""
    person(site, "visible")
    with site.app.node.store.read() as reader:
        entries = b"".join(row["entry"] for row in reader.all("events_after", seq=0, limit=100_000))
    assert b"visible" not in entries and b"@x.example" not in entries and b"Solo" not in entries


def test_refused_is_what_the_verbs_raise(site: Any) -> None:
    browser = person(site, "direct")
    with pytest.raises(Refused, match="account"):
        answer = invites.Answer(name="N", email="direct@x.example", password="hash")
        site.app.node.lane.call(invites.accept_invite, None, token(invite(site)), answer)
    assert browser.call("GET", "/session").status_code == 200
