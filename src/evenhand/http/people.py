"""The routes by which people come and go: passwords are hashed here, outside the lane."""

from __future__ import annotations

from typing import Any

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from evenhand import wire
from evenhand.core.errors import Invalid
from evenhand.http import auth
from evenhand.http.call import Call, Reply
from evenhand.http.problems import Turned, decoded
from evenhand.service import accounts, invites
from evenhand.service.accounts import SignedIn

_hasher = PasswordHasher()  # argon2id with RFC 9106's second recommended parameters
_COSTS = f"m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}"
_NOBODY = f"$argon2id$v=19${_COSTS}${'A' * 22}${'A' * 43}"
"""No password has this hash, and trying one takes as long as for a known e-mail address."""

LONGEST_EMAIL = 255  # characters: one more than an address can have (RFC 5321, 4.5.3.1.3)

_sign_in = msgspec.json.Decoder(wire.SignIn).decode
_accept = msgspec.json.Decoder(wire.AcceptInvite).decode
_new_password = msgspec.json.Decoder(wire.NewPassword).decode


async def session(call: Call) -> Any:
    """GET /session."""
    if call.caller is None:
        raise not_signed_in()
    return call.caller.described()


def not_signed_in() -> Turned:
    """401: no key, no session, or one that opens nothing any more."""
    return Turned(
        401,
        "session.none",
        "You are not signed in, or not any more.",
        "",
        "Sign in, or send an API key as `Authorization: Bearer KEY`.",
        {"WWW-Authenticate": "Bearer"},
    )


async def options(call: Call) -> Any:
    """GET /session/options."""
    providers = [
        {"name": provider.name, "url": f"/auth/oidc/{provider.name}"}
        for provider in call.app.node.config.oidc
    ]
    return wire.SignInOptions(password=True, oidc=providers)


async def sign_in(call: Call) -> Reply:
    """POST /session."""
    given = decoded(_sign_in, await call.body())
    email = given.email.strip().lower()[:LONGEST_EMAIL]  # what tries are counted by is remembered
    call.app.tries_by_address.take(call.origin)
    call.app.tries_by_email.take(email)
    known = await call.read(accounts.password_of, email)
    right = await call.hashing(_verify, known[1] if known else _NOBODY, given.password)
    if known is None or not right:
        raise Turned(
            401,
            "session.wrong",
            "E-mail address or password is wrong.",
            "",
            "Try again, or ask a manager of your organization for a link to set a new password.",
        )
    call.app.tries_by_address.give_back(call.origin)  # one's own password wins no tries at those of others
    call.app.tries_by_email.forgive(email)
    return signed_in(call, await call.app.node.lane.write(accounts.open_session, known[0], False))


def signed_in(call: Call, opened: SignedIn) -> Reply:
    """The answer that lets a browser in."""
    seconds = accounts.SESSION_MS // 1000
    cookie = auth.set_cookie(opened.cookie, seconds, call.secure)
    call.app.callers.forget()
    return Reply(opened.session, {"Set-Cookie": cookie})


async def sign_out(call: Call) -> Reply:
    """DELETE /session."""
    if call.caller is not None and call.caller.session is not None:
        auth.check_csrf(call.caller, call.headers.get("x-evenhand-csrf"))
        await call.app.node.lane.write(accounts.close_session, call.caller.session)
        call.app.callers.forget()
    return Reply(None, {"Set-Cookie": auth.set_cookie("", 0, call.secure)})


async def change_password(call: Call) -> Reply:
    """POST /session/password."""
    caller = call.signed_in
    if caller.session is None:
        raise Turned(
            403,
            "password.key",
            "An API key does not change a password.",
            "",
            "Sign in with the password in a browser, and change it on the page Account.",
        )
    given = decoded(_new_password, await call.body())
    accounts.check_password(given.new, "new")
    person = caller.actor.person
    known = await call.read(accounts.own_password, person)
    await _check_current(call, caller.email or person, known, given)
    hashed = await call.hashing(_hash, given.new, "new")
    change = accounts.change_password
    return signed_in(call, await call.app.node.lane.write(change, person, caller.session, known, hashed))


async def _check_current(call: Call, name: str, known: str, given: wire.NewPassword) -> None:
    """Refuse who does not know the current password, which is tried as at sign-in, or who would keep it."""
    call.app.tries_by_address.take(call.origin)
    call.app.tries_by_email.take(name)
    if not await call.hashing(_verify, known, given.current):
        raise Turned(
            403,
            "password.wrong",
            "This is not your current password.",
            "current",
            "Try again, or ask a manager of your organization for a link to set a new password.",
        )
    call.app.tries_by_address.give_back(call.origin)
    call.app.tries_by_email.forgive(name)
    if given.new == given.current:
        raise Invalid(
            "password.same", "This is the password that you have now.", "new", "Choose another one."
        )


async def accept(call: Call) -> Reply:
    """POST /invites/{token}."""
    call.app.tries_by_address.take(call.origin)
    given = decoded(_accept, await call.body())
    answer = invites.Answer(name=given.name, email=given.email)
    if given.email is not None:
        accounts.checked_email(given.email)
    if given.password is not None:
        accounts.check_password(given.password)
        hashed = await call.hashing(_hash, given.password)
        answer = msgspec.structs.replace(answer, password=hashed)
    person = _joining(call)
    opened = await call.app.node.lane.write(invites.accept_invite, person, call.params[0], answer)
    call.app.tries_by_address.give_back(call.origin)
    return signed_in(call, opened)


def _joining(call: Call) -> str | None:
    """Who is signed in already. Without the session's token it may have been any page that sent this."""
    caller = call.caller
    if caller is None or not auth.has_csrf(caller, call.headers.get("x-evenhand-csrf")):
        return None
    return caller.actor.person


def _hash(password: str, where: str = "password") -> str:
    try:
        return _hasher.hash(password)
    except UnicodeEncodeError as error:
        raise Invalid("password.text", "The password is no well-formed text.", where) from error


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except (Argon2Error, InvalidHashError, UnicodeEncodeError):
        return False
