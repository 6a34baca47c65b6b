"""Settings: one table, read from the environment once at start. docs/guide/settings.md is held to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from evenhand.core.errors import Invalid


class Setting(msgspec.Struct, frozen=True):
    """One environment variable."""

    name: str  # `<NAME>` stands for any word of capitals, digits and underscores
    default: str  # "" when there is none
    help: str


SETTINGS = (
    Setting("EVENHAND_DATA", "./evenhand-data", "Folder for the embedded database, media and the ledger."),
    Setting(
        "EVENHAND_DATABASE_URL", "", "postgresql://… to keep the tables in PostgreSQL instead of SQLite."
    ),
    Setting(
        "EVENHAND_BLOBS",
        "",
        "s3://…, gs://… or az://… to keep media in an object store instead of the data folder.",
    ),
    Setting("EVENHAND_HOST", "127.0.0.1", "Address to listen on; 0.0.0.0 for every network interface."),
    Setting("EVENHAND_PORT", "8080", "Port to listen on; 0 takes a free one."),
    Setting(
        "EVENHAND_PUBLIC_URL",
        "",
        "Address under which browsers reach the node, as in links that it hands out.",
    ),
    Setting("EVENHAND_ALLOWED_HOSTS", "", "Further host names to answer to, separated by commas; * for any."),
    Setting(
        "EVENHAND_PROXIES",
        "",
        "Addresses or networks of proxies whose X-Forwarded headers are believed, besides the loopback's.",
    ),
    Setting(
        "EVENHAND_ADMIN_KEY", "", "API key to install at first start: owner of the organization `default`."
    ),
    Setting(
        "EVENHAND_METRICS_TOKEN",
        "",
        "Bearer token that /metrics asks for; without it only the loopback may read.",
    ),
    Setting(
        "EVENHAND_WITNESSES", "", "File with the witnesses of the ledger and their quorum (C2SP tlog-policy)."
    ),
    Setting(
        "EVENHAND_OUTBOUND_HOSTS",
        "",
        "Hosts in private networks that the node may send requests to, and the host of EVENHAND_DRAND, "
        "separated by commas.",
    ),
    Setting(
        "EVENHAND_DRAND",
        "",
        "Address of a relay of drand's chain quicknet, such as https://api.drand.sh, for draws "
        "in two phases. Its host must stand in EVENHAND_OUTBOUND_HOSTS. Needs evenhand[drand].",
    ),
    Setting("EVENHAND_LOG_LEVEL", "info", "debug, info, warning or error."),
    Setting("EVENHAND_OIDC_<NAME>_ISSUER", "", "OpenID Connect provider: its issuer address."),
    Setting("EVENHAND_OIDC_<NAME>_CLIENT_ID", "", "The client id that the provider gave."),
    Setting("EVENHAND_OIDC_<NAME>_CLIENT_SECRET", "", "The client secret that the provider gave."),
    Setting("EVENHAND_URL", "", "For commands: the node to talk to. Needs EVENHAND_API_KEY too."),
    Setting("EVENHAND_API_KEY", "", "For commands: the API key to show there."),
)

LOG_LEVELS = ("debug", "info", "warning", "error")
MIN_ADMIN_KEY = 32  # characters: a key that guards an organization must not be guessable


class OidcProvider(msgspec.Struct, frozen=True, kw_only=True):
    """One OpenID Connect provider that people may sign in through."""

    name: str  # lower case, as in /auth/oidc/{name}
    issuer: str  # https://…, without the /.well-known part
    client_id: str
    client_secret: str


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, read and checked."""

    data: Path = Path("evenhand-data")  # may be missing yet
    database_url: str | None = None  # None: SQLite in `data`
    blobs: str | None = None  # address of an object store; None: media in `data`
    host: str = "127.0.0.1"
    port: int = 8080  # 0: any free one
    public_url: str | None = None  # without a slash at the end; None: http://host:port
    allowed_hosts: tuple[str, ...] = ()  # besides the loopback, `host` and the host of `public_url`
    proxies: tuple[str, ...] = ()  # networks whose X-Forwarded headers are believed, besides the loopback
    admin_key: str | None = None
    metrics_token: str | None = None
    witnesses: Path | None = None  # file in tlog-policy syntax; None: nobody cosigns
    outbound_hosts: tuple[str, ...] = ()  # private ones that may be sent to; public ones always may
    drand: str | None = None  # without a slash at the end; None: draws do without
    log_level: str = "info"
    oidc: tuple[OidcProvider, ...] = ()
    url: str | None = None  # for commands
    api_key: str | None = None  # for commands


def read(environment: Mapping[str, str] = os.environ) -> Config:
    """The settings in this environment. An empty value counts as none.

    Raises:
        Invalid: a value cannot be meant so; `where` names the variable.
    """
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    return Config(
        data=Path(given.get("EVENHAND_DATA", "./evenhand-data")).expanduser(),
        database_url=_database(given.get("EVENHAND_DATABASE_URL")),
        blobs=_blobs(given.get("EVENHAND_BLOBS")),
        host=given.get("EVENHAND_HOST", "127.0.0.1"),
        port=_port(given.get("EVENHAND_PORT", "8080")),
        public_url=_address("EVENHAND_PUBLIC_URL", given),
        allowed_hosts=_words(given.get("EVENHAND_ALLOWED_HOSTS", "")),
        proxies=_networks(given.get("EVENHAND_PROXIES", "")),
        admin_key=_admin_key(given.get("EVENHAND_ADMIN_KEY")),
        metrics_token=given.get("EVENHAND_METRICS_TOKEN"),
        witnesses=_path(given.get("EVENHAND_WITNESSES")),
        outbound_hosts=_words(given.get("EVENHAND_OUTBOUND_HOSTS", "")),
        drand=_drand(given),
        log_level=_log_level(given.get("EVENHAND_LOG_LEVEL", "info").lower()),
        oidc=_providers(given),
        url=_address("EVENHAND_URL", given),
        api_key=given.get("EVENHAND_API_KEY"),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _drand(given: Mapping[str, str]) -> str | None:
    """Nothing leaves the machine unasked: the host must be allowed by its name."""
    url = _address("EVENHAND_DRAND", given)
    host = (urlsplit(url).hostname or "") if url else ""
    if url and host not in _words(given.get("EVENHAND_OUTBOUND_HOSTS", "").lower()):
        raise Invalid(
            "setting.drand",
            f"The node may not send requests to {host}.",
            "EVENHAND_DRAND",
            f"Add {host} to EVENHAND_OUTBOUND_HOSTS, or leave EVENHAND_DRAND out.",
        )
    return url


def _networks(text: str) -> tuple[str, ...]:
    """Whoever may set these headers chooses the address that limits count, so names and `*` are refused."""
    found = []
    for word in _words(text):
        try:
            network = ip_network(word, strict=False)
        except ValueError:
            network = None
        if network is None or network.prefixlen == 0:
            raise Invalid(
                "setting.proxies",
                f"{word!r} is no address or network of a proxy.",
                "EVENHAND_PROXIES",
                "Write addresses such as 10.0.0.5, or networks such as 10.0.0.0/24, separated by commas.",
            )
        found.append(str(network))
    return tuple(found)


def _database(url: str | None) -> str | None:
    if url is not None and not url.startswith(("postgresql://", "postgres://")):
        raise Invalid(
            "setting.database-url",
            f"{url.partition(':')[0]!r} is not a kind of database that Evenhand knows.",
            "EVENHAND_DATABASE_URL",
            "Write postgresql://user:password@host/database, or leave it out for the embedded SQLite.",
        )
    return url


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text).expanduser()


def _blobs(url: str | None) -> str | None:
    if url is not None and not url.startswith(("s3://", "gs://", "az://", "file://")):
        raise Invalid(
            "setting.blobs",
            f"{url.partition(':')[0]!r} is not a kind of object store that Evenhand knows.",
            "EVENHAND_BLOBS",
            "Write s3://bucket/prefix, gs://bucket/prefix or az://container/prefix, or leave it out.",
        )
    return url


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        remedy = "Write a number from 0 to 65535."
        raise Invalid("setting.port", f"{text!r} is not a port.", "EVENHAND_PORT", remedy)
    return int(text)


def _address(name: str, given: Mapping[str, str]) -> str | None:
    url = given.get(name)
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        remedy = "Write http://host:port or https://host."
        raise Invalid("setting.url", f"{url!r} is not a web address.", name, remedy)
    return url.rstrip("/")


def _admin_key(key: str | None) -> str | None:
    if key is not None and len(key) < MIN_ADMIN_KEY:
        raise Invalid(
            "setting.admin-key",
            f"The key has {len(key)} characters, and at least {MIN_ADMIN_KEY} are needed to be safe.",
            "EVENHAND_ADMIN_KEY",
            "Draw one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    return key


def _log_level(level: str) -> str:
    if level not in LOG_LEVELS:
        remedy = f"Take one of: {', '.join(LOG_LEVELS)}."
        raise Invalid("setting.log-level", f"{level!r} is not a log level.", "EVENHAND_LOG_LEVEL", remedy)
    return level


def _providers(given: Mapping[str, str]) -> tuple[OidcProvider, ...]:
    """The providers that have an issuer, in alphabetical order."""
    head, tail = "EVENHAND_OIDC_", "_ISSUER"
    names = sorted(n[len(head) : -len(tail)] for n in given if n.startswith(head) and n.endswith(tail))
    return tuple(_provider(name, given) for name in names if name)


def _provider(name: str, given: Mapping[str, str]) -> OidcProvider:
    prefix = f"EVENHAND_OIDC_{name}_"
    for part in ("CLIENT_ID", "CLIENT_SECRET"):
        if prefix + part not in given:
            reason = "The provider has an issuer, but this is not set."
            raise Invalid("setting.oidc", reason, prefix + part, "Set it, or unset the issuer.")
    issuer = _address(f"{prefix}ISSUER", given)
    assert issuer is not None, "the caller found it in `given`"
    secret = given[f"{prefix}CLIENT_SECRET"]
    return OidcProvider(
        name=name.lower(), issuer=issuer, client_id=given[f"{prefix}CLIENT_ID"], client_secret=secret
    )
