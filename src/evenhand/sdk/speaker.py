"""What the caller says with a key of their own (docs/spec/ledger.md, section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from evenhand import wire
from evenhand.core.canonical import b64url
from evenhand.sdk.connection import Connection
from evenhand.signer import Signer


class Speaker:
    """Makes statements with the caller's key; None where there is no key."""

    def __init__(self, node: Connection, signer: Signer | None) -> None:
        self.signer = signer
        self._node = node
        self._own_holder: tuple[str, str] | None = None  # (origin of the ledger, holder)

    def keys(self, organization_id: str | None = None) -> wire.SigningKeys:
        """The caller's keys, or those of an organization as a client of the exchange."""
        query = f"?{urlencode({'organization': organization_id})}" if organization_id else ""
        return self._node.get(f"/signing-keys{query}", wire.SigningKeys)

    def own(self, keys: wire.SigningKeys) -> wire.SigningKey | None:
        """The caller's key among these, where it is in force."""
        if self.signer is None:
            return None
        public = b64url(self.signer.public)
        return next((key for key in keys.items if key.in_force and key.public == public), None)

    def say(
        self,
        kind: str,
        answers: Callable[[], tuple[str, int]],
        public: Mapping[str, int | str],
        private: Mapping[str, str],
    ) -> wire.Signed | None:
        """The caller's statement about one act; None without a key.

        Args:
            answers: finds the place that the act answers.
        """
        if self.signer is None:
            return None
        values = {field: text.encode() for field, text in private.items()}
        return self.signer.say(*self._holder(), kind, answers(), public, values)

    def say_for(
        self,
        organization_id: str | None,
        kind: str,
        answers: Callable[[str], tuple[str, int]] | None,
        public: Callable[[str], Mapping[str, int | str]],
        private: Mapping[str, bytes] | None = None,
    ) -> wire.Signed | None:
        """The statement of a client, or of the caller; None where this client has no key in force for it.

        Args:
            organization_id: as a client of the exchange; None: the caller.
            answers: from the holder, the place that the act answers; None: that of the key.
            public: from the holder, what is said.
        """
        if self.signer is None:
            return None
        keys = self.keys(organization_id)
        own = self.own(keys)
        if own is None:
            return None
        place = answers(keys.holder) if answers is not None else own.place
        return self.signer.say(keys.origin, keys.holder, kind, place, public(keys.holder), private)

    def _holder(self) -> tuple[str, str]:
        """(origin of the ledger, whose key it is) of the caller, asked for once."""
        if self._own_holder is None:
            keys = self.keys()
            self._own_holder = keys.origin, keys.holder
        return self._own_holder
