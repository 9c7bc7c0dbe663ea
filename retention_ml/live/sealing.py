"""Records in the log: nobody reads them there without the keys of the warehouse."""

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from retention_ml.errors import SettingsError
from retention_ml.keys import Keyring

_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2: 96 bits


class Seals:
    """Digests and seals of events, by keys that are made of the one that never changes.

    A record lies in the log for seconds, a digest for weeks: neither may end with a rotation.
    """

    def __init__(self, keyring: Keyring) -> None:
        secret = keyring.current("pseudonym").secret
        self._digests = hmac.digest(secret, b"live.events digests", "sha256")
        self._records = AESGCM(hmac.digest(secret, b"live.events records", "sha256"))

    def digest(self, *texts: str) -> bytes:
        """32 bytes that tell equal texts, and nothing else to whoever lacks the keys."""
        return hmac.digest(self._digests, "\x00".join(texts).encode(), "sha256")

    def seal(self, record: str, key_digest: bytes) -> bytes:
        """The record, encrypted by AES-256-GCM for this event and no other."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._records.encrypt(nonce, record.encode(), key_digest)

    def unseal(self, sealed: bytes, key_digest: bytes) -> str:
        """The record of an event.

        Raises
        ------
        SettingsError
            The keys are others, or the row was changed.
        """
        try:
            return self._records.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], key_digest
            ).decode()
        except (InvalidTag, ValueError) as error:
            raise SettingsError(
                "An event in live.events cannot be opened: the keys are not those it was sealed "
                "with, or the row was changed. Put back the keys of this warehouse; nothing was "
                "delivered, and the events wait."
            ) from error
