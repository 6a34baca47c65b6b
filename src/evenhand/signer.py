"""A signing key in a file, and the statements that it makes (``docs/spec/ledger.md``, section 5).

The file is one line, `evenhand-signing-key/v1` and 32 secret bytes as base64url, which only its owner reads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evenhand import wire
from evenhand.core import signing
from evenhand.core.canonical import SALT_BYTES, b64url, unb64url
from evenhand.core.errors import Invalid, Missing, Refused
from evenhand.core.events import Place

_LINE = "evenhand-signing-key/v1 "


class Signer:
    """Signs what its owner says."""

    def __init__(self, secret: bytes) -> None:
        """
        Args:
            secret: 32 random bytes.
        """
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def create(cls, path: Path) -> Signer:
        """Make a key and its file.

        Raises:
            Refused: the file is there already, or cannot be made.
        """
        secret = os.urandom(32)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{_LINE}{b64url(secret)}\n")
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError as error:
            raise Refused(
                "key.exists", "There is a file already.", str(path), "Choose another name."
            ) from error
        except OSError as error:
            raise Refused(
                "key.unwritable", f"The file cannot be made: {error.strerror}.", str(path)
            ) from error
        return cls(secret)

    @classmethod
    def open(cls, path: Path) -> Signer:
        """Read the file of a key.

        Raises:
            Missing: there is none, or it cannot be read.
            Invalid: it holds something else.
        """
        try:
            text = path.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            remedy = "Make one with `evenhand key new FILE`."
            raise Missing("key.unreadable", "There is no signing key to read.", str(path), remedy) from error
        secret = unb64url(text.removeprefix(_LINE)) if text.startswith(_LINE) else b""
        if len(secret) != 32:
            raise Invalid("key.file", "This is no file of a signing key.", str(path))
        return cls(secret)

    def possession(self, origin: str, holder: str) -> str:
        """The proof that comes with a new key, base64url."""
        return b64url(self._key.sign(signing.possession_text(origin, holder, self.public)))

    def say(
        self,
        origin: str,
        holder: str,
        kind: str,
        answers: tuple[str, int],
        public: Mapping[str, int | str],
        private: Mapping[str, bytes] | None = None,
    ) -> wire.Signed:
        """A signed statement, with fresh salts for what is private.

        Args:
            answers: the place that the act answers.
            public, private: all that the statement has to say.
        """
        values = dict(private or {})
        salts = {field: os.urandom(SALT_BYTES) for field in values}
        text = signing.statement_of(
            origin,
            kind,
            Place(*answers),
            int(time.time() * 1000),
            public,
            {field: (salts[field], value) for field, value in values.items()},
        )
        return wire.Signed(
            key=signing.key_id(holder, self.public),
            statement=text,
            signature=b64url(self._key.sign(text.encode())),
            salts={field: b64url(salt) for field, salt in salts.items()},
            values={field: value.decode() for field, value in values.items()},
        )
