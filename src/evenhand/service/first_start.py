"""What a node finds or makes at its start: itself in the log, its first organization, whoever runs it."""

from __future__ import annotations

from evenhand import __version__
from evenhand.core.events import Moment, NodeOpened
from evenhand.core.policy import SCOPES
from evenhand.service.accounts import hash_secret, put_person
from evenhand.service.api_keys import put_key
from evenhand.service.members import add_member
from evenhand.service.organizations import DEFAULT, founding
from evenhand.store import Reader, Transaction

LOCAL_NAME = "This machine"
ADMIN_NAME = "Administrator"


def bootstrap(tx: Transaction, at: Moment, admin_key: str | None) -> None:
    """Make a new store a node: its first event, the organization `default`, whoever runs it. Idempotent.

    Args:
        admin_key: EVENHAND_ADMIN_KEY. Installed once; another one at a later start replaces it, and one
            that was revoked stays so.
    """
    if tx.one("organization_by_id", id=DEFAULT) is None:
        opened = NodeOpened(stream="node", software=f"evenhand:{__version__}")
        tx.append([opened, *founding(DEFAULT, DEFAULT)], at)
        person = put_person(tx, at, DEFAULT, LOCAL_NAME, None, operator=True)
        add_member(tx, at, DEFAULT, person, "owner")
        tx.run("put_setting", name="local-person", value=person)
    if admin_key is not None:
        _install_admin_key(tx, at, admin_key)


def _install_admin_key(tx: Transaction, at: Moment, admin_key: str) -> None:
    digest = hash_secret(admin_key).hex()
    installed = tx.one("setting", name="admin-key")
    if installed is not None and installed["value"] == digest:
        return
    known = tx.one("setting", name="admin-person")
    if known is None:
        person = put_person(tx, at, DEFAULT, ADMIN_NAME, None)
        add_member(tx, at, DEFAULT, person, "owner")
        tx.run("put_setting", name="admin-person", value=person)
    else:
        person = known["value"]
        tx.run("delete_keys_bound", person=person, organization=DEFAULT)
    put_key(tx, at, admin_key, person, DEFAULT, "EVENHAND_ADMIN_KEY", SCOPES, None)
    tx.run("put_setting", name="admin-key", value=digest)


def local_person(reader: Reader) -> str:
    """Whoever runs commands on the node's own machine: operator, and owner of `default`."""
    row = reader.one("setting", name="local-person")
    assert row is not None, "bootstrap comes first"
    value: str = row["value"]
    return value


def install_local_key(tx: Transaction, at: Moment, api_key: str) -> None:
    """Let commands on this machine in, with the key that lies in the data folder."""
    if tx.one("key_by_hash", hash=hash_secret(api_key)) is None:
        put_key(tx, at, api_key, local_person(tx), "", "commands on this machine", SCOPES, None)
