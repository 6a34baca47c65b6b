"""Sign-in through OpenID Connect: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0).

What must survive the trip to the provider travels in a cookie of this browser, so that an answer is
taken only by the browser that asked, and nothing is kept here in between.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.responses import HTMLResponse, RedirectResponse, Response

from evenhand.config import OidcProvider
from evenhand.core.errors import EvenhandError, Missing, Refused, Unavailable
from evenhand.http import auth, people
from evenhand.http.call import Call
from evenhand.http.problems import status_of
from evenhand.service import accounts, invites, oidc
from evenhand.service.oidc import Identity

COOKIE = "evenhand_oidc"
PATH = "/auth/oidc/"
PATIENCE = 600  # seconds that the trip to the provider may take
LEEWAY = 60  # seconds by which clocks may differ
FRESH = 3600.0  # seconds for which a provider's document and keys are believed
SOON = 30.0  # seconds between two looks for a key that is not there
ALGORITHMS = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
]
"""Signatures by public keys only: with a shared secret, or none, whoever knows the client could sign."""


class Trip(msgspec.Struct, frozen=True):
    """What the browser carries to the provider and back, out of the provider's sight."""

    provider: str
    state: str
    nonce: str
    verifier: str  # of PKCE, RFC 7636
    next: str  # page to go to
    invite: str | None  # token


class Found(msgspec.Struct, frozen=True):
    """What we need of a provider's discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Tokens(msgspec.Struct, frozen=True):
    """What we need of the answer of the token endpoint."""

    id_token: str


class Claims(msgspec.Struct, frozen=True):
    """What we need of an ID token (Core 1.0, section 2)."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    iat: float
    nonce: str | None = None
    azp: str | None = None
    email: str | None = None
    email_verified: bool | str = False
    name: str | None = None
    preferred_username: str | None = None


class Provider:
    """One provider, with what it has published kept for a while."""

    def __init__(self, config: OidcProvider) -> None:
        self.config = config
        self._found: Found | None = None
        self._keys: KeySet | None = None
        self._found_at = self._keys_at = -FRESH

    async def found(self) -> Found:
        """The discovery document (OpenID Connect Discovery 1.0, section 4).

        Raises:
            Unavailable: the provider does not answer as it should.
        """
        if self._found is None or time.monotonic() > self._found_at + FRESH:
            url = f"{self.config.issuer}/.well-known/openid-configuration"
            found = await self._fetch("GET", url, Found)
            if found.issuer.rstrip("/") != self.config.issuer:
                raise _provider_error(f"it calls itself {found.issuer}, not {self.config.issuer}")
            self._found, self._found_at = found, time.monotonic()
        return self._found

    async def start(self, trip: Trip, redirect: str) -> str:
        """Where the browser goes to sign in."""
        found = await self.found()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(trip.verifier.encode()).digest()).rstrip(b"=")
        query = {
            "response_type": "code",
            "client_id": self.config.client_id,
            "redirect_uri": redirect,
            "scope": "openid email profile",
            "state": trip.state,
            "nonce": trip.nonce,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(found.authorization_endpoint).query else "?"
        return f"{found.authorization_endpoint}{joint}{urlencode(query)}"

    async def finish(self, trip: Trip, code: str, redirect: str) -> Identity:
        """Exchange the code, check the ID token, and say whom the provider vouches for.

        Raises:
            Refused: the provider does not vouch for anybody, or not in this exchange.
            Unavailable: the provider does not answer as it should.
        """
        claims = await self._claims(await self._tokens(trip, code, redirect))
        self._check(claims, trip.nonce)
        verified = claims.email if claims.email_verified in (True, "true") else None
        name = claims.name or claims.preferred_username or (claims.email or "").partition("@")[0]
        subject = f"{self.config.issuer} {claims.sub}"
        return Identity(subject=subject, email=verified, name=_printable(name))

    async def _tokens(self, trip: Trip, code: str, redirect: str) -> str:
        found = await self.found()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": trip.verifier,
        }
        login = None
        if "client_secret_basic" in found.token_endpoint_auth_methods_supported:
            login = (self.config.client_id, self.config.client_secret)
        else:
            form |= {"client_id": self.config.client_id, "client_secret": self.config.client_secret}
        tokens = await self._fetch("POST", found.token_endpoint, Tokens, data=form, login=login)
        return str(tokens.id_token)

    async def _claims(self, token: str) -> Claims:
        """The token's claims, its signature checked; a key that is not known may be a new one."""
        for attempt in (False, True):
            try:
                read = jwt.decode(token, await self._key_set(anew=attempt), algorithms=ALGORITHMS)
                return msgspec.convert(read.claims, Claims)
            except (JoseError, ValueError, msgspec.ValidationError) as error:
                if attempt or time.monotonic() < self._keys_at + SOON:
                    raise _untrusted("its signature does not hold") from error
        raise AssertionError("the second attempt returns or raises")

    async def _key_set(self, anew: bool) -> KeySet:
        if self._keys is None or anew or time.monotonic() > self._keys_at + FRESH:
            found = await self.found()
            raw = await self._fetch("GET", found.jwks_uri, dict[str, Any])
            try:
                self._keys = KeySet.import_key_set(raw)
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise _provider_error("its keys cannot be read") from error
            self._keys_at = time.monotonic()
        return self._keys

    def _check(self, claims: Claims, nonce: str) -> None:
        """Core 1.0, section 3.1.3.7."""
        now = time.time()
        audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        own = self.config.client_id
        faults = {
            "it is another issuer's": claims.iss.rstrip("/") != self.config.issuer,
            "it is for another client": own not in audience or claims.azp not in (None, own),
            "it names several clients": len(audience) > 1 and claims.azp != own,
            "it has expired": claims.exp < now - LEEWAY,
            "it comes from the future": claims.iat > now + LEEWAY,
            "it answers another request": not hmac.compare_digest(
                (claims.nonce or "").encode(), nonce.encode()
            ),
            "it names nobody": not claims.sub,
        }
        for fault, holds in faults.items():
            if holds:
                raise _untrusted(fault)

    async def _fetch(
        self,
        method: str,
        url: str,
        kind: Any,
        data: Mapping[str, str] | None = None,
        login: tuple[str, str] | None = None,
    ) -> Any:
        """Ask the provider. No redirects: the secret must not follow one."""
        self._check_address(url)
        try:
            async with httpx.AsyncClient(timeout=10.0, trust_env=not self._is_local) as client:
                answer = await client.request(method, url, data=data, auth=login)
            answer.raise_for_status()
            return msgspec.json.decode(answer.content, type=kind)
        except httpx.HTTPStatusError as error:
            if method == "POST" and error.response.status_code in (400, 401):
                raise _untrusted("the provider did not take the code") from error
            raise _provider_error(f"{urlsplit(url).netloc} answered {error.response.status_code}") from error
        except (httpx.HTTPError, msgspec.DecodeError, UnicodeError) as error:
            raise _provider_error(f"{urlsplit(url).netloc} gave no answer that can be read") from error

    @property
    def _is_local(self) -> bool:
        return auth.is_loopback(urlsplit(self.config.issuer).hostname or "")

    def _check_address(self, url: str) -> None:
        """Secrets go by TLS only, except to a provider on this machine."""
        parts = urlsplit(url)
        if parts.scheme != "https" and not (self._is_local and auth.is_loopback(parts.hostname or "")):
            raise _provider_error(f"{url!r} is no https address")


def _printable(name: str) -> str:
    cleaned = " ".join("".join(char if char.isprintable() else " " for char in name).split())
    return cleaned[: accounts.MAX_NAME] or "New member"


def _provider_error(reason: str) -> Unavailable:
    return Unavailable(
        "oidc.provider", f"The sign-in provider cannot be used now: {reason}.", "", "Try again in a minute."
    )


def _untrusted(reason: str) -> Refused:
    return Refused(
        "oidc.token", f"The provider's answer cannot be trusted: {reason}.", "", "Sign in once more."
    )


# ---- pages -------------------------------------------------------------------------------------


async def page(call: Call) -> Response:
    """GET /auth/oidc/{name} and its /callback. What goes wrong is told on a page, to a person."""
    name, _, rest = call.scope["path"].removeprefix(PATH).partition("/")
    provider = call.app.oidc.get(name)
    try:
        if provider is None or rest not in ("", "callback"):
            raise Missing("oidc.none", "There is no such way to sign in.", name, "Go back and take another.")
        call.app.tries_by_address.take(call.origin)
        return await (_callback if rest else _start)(call, provider)
    except EvenhandError as error:
        return _told(call, error)


async def _start(call: Call, provider: Provider) -> Response:
    given = _query(call)
    invite = given.get("invite")
    if call.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        invite = None  # another site's page must not make anybody join
    trip = Trip(
        provider=provider.config.name,
        state=accounts.new_secret(),
        nonce=accounts.new_secret(),
        verifier=accounts.new_secret(),
        next=given.get("next", "/"),
        invite=invite,
    )
    target = await provider.start(trip, _redirect(call, provider))
    packed = base64.urlsafe_b64encode(msgspec.json.encode(trip)).decode()
    cookie = auth.set_cookie(packed, PATIENCE, call.secure, COOKIE, PATH)
    return RedirectResponse(target, 303, headers={"Set-Cookie": cookie, "Cache-Control": "no-store"})


async def _callback(call: Call, provider: Provider) -> Response:
    given, trip = _query(call), _trip(call)
    if trip is None or trip.provider != provider.config.name or not _same(given.get("state"), trip.state):
        raise Refused(
            "oidc.state",
            "This answer belongs to no sign-in that this browser began, or to one that took too long.",
            "",
            "Sign in once more.",
        )
    if "code" not in given:
        said = given.get("error_description") or given.get("error") or "no reason"
        raise Refused("oidc.refused", f"The provider did not sign you in: {said[:200]}", "", "Try again.")
    identity = await provider.finish(trip, given["code"], _redirect(call, provider))
    person = await _signed_in_person(call)
    opened = await call.app.node.lane.write(oidc.sign_in_oidc, person, identity, trip.invite)
    call.app.tries_by_address.give_back(call.origin)
    page = trip.next if invites.is_own_page(trip.next) else "/"
    response = RedirectResponse(page, 303, headers={"Cache-Control": "no-store"})
    for header in (people.signed_in(call, opened).headers["Set-Cookie"], _forget_trip(call)):
        response.headers.append("Set-Cookie", header)
    return response


def _forget_trip(call: Call) -> str:
    return auth.set_cookie("", 0, call.secure, COOKIE, PATH)


async def _signed_in_person(call: Call) -> str | None:
    secret = auth.cookie(call.headers)
    caller = await call.app.callers.of_session(secret) if secret else None
    return caller.actor.person if caller else None


def _redirect(call: Call, provider: Provider) -> str:
    return f"{call.base_url}{PATH}{provider.config.name}/callback"


def _query(call: Call) -> dict[str, str]:
    given = parse_qs(call.scope["query_string"].decode("ascii", "replace"), max_num_fields=50)
    return {name: values[0] for name, values in given.items()}


def _trip(call: Call) -> Trip | None:
    packed = auth.cookie(call.headers, COOKIE)
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(packed or ""), type=Trip)
    except (ValueError, msgspec.DecodeError):
        return None


def _same(given: str | None, expected: str) -> bool:
    return hmac.compare_digest((given or "").encode(), expected.encode())


def _told(call: Call, error: EvenhandError) -> Response:
    text = "".join(f"<p>{html.escape(part)}</p>" for part in (error.reason, error.remedy) if part)
    body = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign-in</title>'
        f'<h1>You are not signed in</h1>{text}<p><a href="/">Back</a></p></html>'
    )
    headers = {
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
        "Set-Cookie": _forget_trip(call),
    }
    return HTMLResponse(body, status_of(error), headers)
