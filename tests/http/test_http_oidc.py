"""Sign-in through OpenID Connect, against a small provider that really runs."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from evenhand.config import OidcProvider
from tests import ports

SECRET = "the client's secret"


class Provider:
    """An OpenID Connect provider with one person at a time at its keyboard."""

    def __init__(self) -> None:
        self.port = ports.take()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.keys: dict[str, Any] = {
            "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
            "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
        }
        self.published = ["RS256", "ES256"]
        self.algorithm = "RS256"
        self.person: dict[str, Any] = {
            "sub": "1",
            "name": "Ada",
            "email": "ada@idp.example",
            "email_verified": True,
        }
        self.wrong: dict[str, Any] = {}  # claims that replace the right ones
        self.token: Callable[[dict[str, Any]], str] | None = None  # makes another token than the right one
        self.method = "client_secret_basic"
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []  # paths, in order

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/authorize", self.authorize),
                Route("/token", self.exchange, methods=["POST"]),
                Route("/keys", self.jwks),
            ]
        )

    async def discovery(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "token_endpoint_auth_methods_supported": [self.method],
            }
        )

    async def authorize(self, request: Request) -> Response:
        given = dict(request.query_params)
        assert given["response_type"] == "code" and given["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = given
        return RedirectResponse(
            f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state']})}"
        )

    async def exchange(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(
            b"="
        )
        right = (
            asked is not None and challenge.decode() == asked["code_challenge"] and self._knows(request, form)
        )
        if not right or asked is None or form["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "us", "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims |= self.person | self.wrong
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": self.signed(claims)})

    def _knows(self, request: Request, form: dict[str, str]) -> bool:
        if self.method == "client_secret_post":
            return (form.get("client_id"), form.get("client_secret")) == ("us", SECRET)
        login = base64.b64encode(f"us:{SECRET}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {login}"

    def signed(self, claims: dict[str, Any]) -> str:
        if self.token is not None:
            return self.token(claims)
        key = self.keys[self.algorithm]
        return jwt.encode({"alg": self.algorithm, "kid": key.kid}, claims, key, algorithms=[self.algorithm])

    async def jwks(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return JSONResponse({"keys": [self.keys[name].as_dict(private=False) for name in self.published]})


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    server = uvicorn.Server(uvicorn.Config(made.app(), host="127.0.0.1", port=made.port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield made
    server.should_exit = True
    thread.join()


@pytest.fixture
def site(provider: Provider, start_site: Callable[..., Any]) -> Any:
    known = OidcProvider(name="acme", issuer=provider.issuer, client_id="us", client_secret=SECRET)
    return start_site(oidc=(known,))


class Visitor:
    """A browser, as far as redirects and cookies go."""

    def __init__(self, site: Any) -> None:
        self.site = site
        self.http = httpx.Client(base_url=site.url, timeout=120)

    def start(self, **query: str) -> str:
        answer = self.http.get(f"/auth/oidc/acme?{urlencode(query)}")
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def at_provider(self, address: str) -> str:
        """Sign in there; gives the address that leads back."""
        return str(httpx.get(address).headers["location"])

    def sign_in(self, **query: str) -> httpx.Response:
        return self.http.get(self.at_provider(self.start(**query)))

    def session(self) -> httpx.Response:
        return self.http.get("/api/v1/session")


def invite(site: Any, role: str = "annotator") -> str:
    return str(site.ok(site.operator, "POST", "/invites", json={"role": role})["url"].rpartition("/")[2])


def test_an_invite_lets_somebody_in_who_then_comes_back(site: Any, provider: Provider) -> None:
    assert site.ok(None, "GET", "/session/options")["oidc"] == [{"name": "acme", "url": "/auth/oidc/acme"}]
    visitor = Visitor(site)
    answer = visitor.sign_in(invite=invite(site, "reviewer"), next="/projects/x")
    assert answer.status_code == 303 and answer.headers["location"] == "/projects/x"
    session = visitor.session().json()
    assert (session["name"], session["email"], session["oidc"]) == ("Ada", "ada@idp.example", True)
    assert session["memberships"][0]["role"] == "reviewer"
    provider.person["email"] = "new@idp.example"  # the subject is what counts
    again = Visitor(site)
    assert again.sign_in().status_code == 303
    assert again.session().json()["memberships"] == session["memberships"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_kinds_of_keys_and_clients(site: Any, provider: Provider, algorithm: str, method: str) -> None:
    provider.algorithm, provider.method = algorithm, method
    visitor = Visitor(site)
    assert visitor.sign_in(invite=invite(site)).status_code == 303
    assert visitor.session().status_code == 200


def test_a_known_verified_address_is_linked(site: Any, provider: Provider) -> None:
    member = site.ok(site.operator, "POST", "/members", json={"name": "A", "email": "ada@idp.example"})
    visitor = Visitor(site)
    assert visitor.sign_in().status_code == 303
    assert visitor.session().json()["memberships"][0]["member_id"] == member["id"]
    provider.person["sub"] = "2"  # somebody else who was given the address later
    other = Visitor(site).sign_in()
    assert other.status_code == 403 and "another account" in other.text


def test_who_named_the_address_first_does_not_keep_the_account(site: Any, provider: Provider) -> None:
    """Anybody may name any address; its owner is who the provider says. What was set before opens nothing."""
    link = site.ok(site.operator, "POST", "/invites", json={"role": "annotator"})["url"]
    login = {"email": "ada@idp.example", "password": "of somebody else"}
    thief = site.browser().accept(link, name="Ada", **login)
    ada = Visitor(site)
    assert ada.sign_in().status_code == 303 and ada.session().status_code == 200
    site.app.callers.forget()
    assert thief.call("GET", "/session").status_code == 401
    assert site.call(None, "POST", "/session", json=login).status_code == 401


@pytest.mark.parametrize("verified", [False, None, "false"])
def test_an_unverified_address_is_not(site: Any, provider: Provider, verified: Any) -> None:
    site.ok(site.operator, "POST", "/members", json={"name": "A", "email": "ada@idp.example"})
    provider.person["email_verified"] = verified if verified is not None else False
    answer = Visitor(site).sign_in()
    assert answer.status_code == 403 and "invite link" in answer.text


def test_a_stranger_is_told_what_to_do(site: Any) -> None:
    visitor = Visitor(site)
    answer = visitor.sign_in()
    assert answer.status_code == 403 and "Ask a manager" in answer.text
    assert answer.headers["content-type"].startswith("text/html") and visitor.session().status_code == 401


def test_whoever_is_signed_in_joins_with_the_same_account(site: Any) -> None:
    visitor = Visitor(site)
    visitor.sign_in(invite=invite(site))
    made = site.ok(site.operator, "POST", "/organizations", json={"name": "Second"})
    visitor.sign_in(invite=made["owner_invite"].rpartition("/")[2])
    assert len(visitor.session().json()["memberships"]) == 2


def test_a_used_invite_is_said(site: Any, provider: Provider) -> None:
    token = invite(site)
    Visitor(site).sign_in(invite=token)
    provider.person = {"sub": "2", "name": "Bo"}
    assert "used already" in Visitor(site).sign_in(invite=token).text


WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "them"},
    "several audiences": {"aud": ["us", "them"]},
    "another party": {"azp": "them"},
    "expired": {"exp": int(time.time()) - 3600},
    "future": {"iat": int(time.time()) + 3600},
    "another nonce": {"nonce": "x"},
    "no nonce": {"nonce": None},
    "nobody": {"sub": ""},
    "no subject": {"sub": None},
    "a number as subject": {"sub": 7},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_tokens_that_are_not_for_us(site: Any, provider: Provider, wrong: dict[str, Any]) -> None:
    provider.wrong = wrong
    visitor = Visitor(site)
    assert visitor.sign_in(invite=invite(site)).status_code == 403
    assert visitor.session().status_code == 401


def unsigned(claims: dict[str, Any]) -> str:
    parts = [b'{"alg":"none"}', __import__("json").dumps(claims).encode(), b""]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def test_tokens_with_forged_signatures(site: Any, provider: Provider) -> None:
    from joserfc.jwk import OctKey

    stranger = RSAKey.generate_key(2048, {"kid": "rsa"})
    public = provider.keys["RS256"].as_pem(private=False)
    forgeries: list[Callable[[dict[str, Any]], str]] = [
        unsigned,
        lambda claims: jwt.encode({"alg": "RS256", "kid": "rsa"}, claims, stranger, algorithms=["RS256"]),
        lambda claims: jwt.encode(
            {"alg": "HS256", "kid": "rsa"}, claims, OctKey.import_key(SECRET * 3), algorithms=["HS256"]
        ),
        lambda claims: jwt.encode(
            {"alg": "HS256"}, claims, OctKey.import_key(base64.b64encode(public)), algorithms=["HS256"]
        ),
        lambda claims: "not a token",
        lambda claims: "",
    ]
    for forge in forgeries:
        provider.token = forge
        visitor = Visitor(site)
        assert visitor.sign_in(invite=invite(site)).status_code == 403
        assert visitor.session().status_code == 401


def test_a_new_key_is_looked_for(site: Any, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    Visitor(site).sign_in(invite=invite(site))
    provider.keys["RS256"] = RSAKey.generate_key(2048, {"kid": "rsa-2"})
    monkeypatch.setattr("evenhand.http.oidc.SOON", 0.0)
    assert Visitor(site).sign_in().status_code == 303
    monkeypatch.setattr("evenhand.http.oidc.SOON", 1e9)
    before = provider.asked.count("/keys")
    provider.keys["RS256"] = RSAKey.generate_key(2048, {"kid": "rsa-3"})
    assert Visitor(site).sign_in().status_code == 403
    assert provider.asked.count("/keys") == before  # strangers' tokens do not make us ask again and again


def test_an_answer_that_this_browser_did_not_ask_for(site: Any) -> None:
    first, second = Visitor(site), Visitor(site)
    back = first.at_provider(first.start(invite=invite(site)))
    assert second.http.get(back).status_code == 403  # no cookie: somebody was sent a foreign answer
    second.start()
    assert second.http.get(back).status_code == 403  # its cookie has another state
    assert second.session().status_code == 401
    assert first.http.get(back).status_code == 303
    assert first.http.get(back).status_code == 403  # the cookie is gone, and the code is used


def test_a_code_of_another_exchange_is_not_taken(site: Any) -> None:
    """PKCE and nonce: a code that was stolen elsewhere does not fit this browser's trip."""
    victim, thief = Visitor(site), Visitor(site)
    stolen = parse_qs(urlsplit(victim.at_provider(victim.start(invite=invite(site)))).query)["code"][0]
    own = urlsplit(thief.at_provider(thief.start(invite=invite(site))))
    state = parse_qs(own.query)["state"][0]
    back = f"/auth/oidc/acme/callback?{urlencode({'code': stolen, 'state': state})}"
    assert thief.http.get(back).status_code == 403 and thief.session().status_code == 401


def test_the_provider_says_no(site: Any) -> None:
    visitor = Visitor(site)
    state = parse_qs(urlsplit(visitor.start()).query)["state"][0]
    query = urlencode(
        {"error": "access_denied", "error_description": "<script>alert(1)</script>", "state": state}
    )
    answer = visitor.http.get(f"/auth/oidc/acme/callback?{query}")
    assert answer.status_code == 403 and "&lt;script&gt;" in answer.text and "<script>" not in answer.text


@pytest.mark.parametrize("page", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_nobody_is_led_elsewhere(site: Any, page: str) -> None:
    assert Visitor(site).sign_in(invite=invite(site), next=page).headers["location"] == "/"


def test_another_site_makes_nobody_join(site: Any, provider: Provider) -> None:
    visitor = Visitor(site)
    address = f"/auth/oidc/acme?{urlencode({'invite': invite(site)})}"
    started = visitor.http.get(address, headers={"Sec-Fetch-Site": "cross-site"}).headers["location"]
    assert "invite link" in visitor.http.get(visitor.at_provider(started)).text


def test_a_provider_that_is_down_or_lies(
    site: Any, provider: Provider, start_site: Callable[..., Any]
) -> None:
    provider.issuer = "https://evil.example"
    answer = Visitor(site).http.get("/auth/oidc/acme")
    assert answer.status_code == 503 and "calls itself" in answer.text
    assert Visitor(site).http.get("/auth/oidc/none").status_code == 404
    start_site.stop()  # type: ignore[attr-defined]
    gone = OidcProvider(name="acme", issuer="http://127.0.0.1:9", client_id="us", client_secret=SECRET)
    assert Visitor(start_site(oidc=(gone,))).http.get("/auth/oidc/acme").status_code == 503


def test_secrets_go_by_tls_only(site: Any, provider: Provider) -> None:
    from evenhand.core.errors import Unavailable

    client = site.app.oidc["acme"]
    client._check_address(f"{provider.issuer}/token")
    client._check_address("https://idp.example/token")
    with pytest.raises(Unavailable):
        client._check_address("http://idp.example/token")
