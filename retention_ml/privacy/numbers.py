"""Numbers as `privacy.people` keeps them: a look-up to find a person by, and the number sealed.

Both have keys of their own, which may be rotated without touching a pseudonym.
"""

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from retention_ml.errors import SettingsError

_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2: 96 bits


def lookup(secret: bytes, number: str) -> bytes:
    """The 32 bytes by which the person with this number is found."""
    return hmac.digest(secret, number.encode(), "sha256")


def seal(secret: bytes, number: str, customer_id: str) -> bytes:
    """The number, encrypted by AES-256-GCM for this customer's row and no other."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(secret).encrypt(nonce, number.encode(), customer_id.encode())


def unseal(secret: bytes, sealed: bytes, customer_id: str) -> str:
    """The number of a customer.

    Raises
    ------
    SettingsError
        The key is another one, or the row was changed.

    Examples
    --------
    >>> unseal(b"k" * 32, seal(b"k" * 32, "C0000803", "abc"), "abc")
    'C0000803'
    """
    nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return AESGCM(secret).decrypt(nonce, content, customer_id.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise SettingsError(
            "A customer's number in privacy.people cannot be opened: the key is not the one it was "
            "sealed with, or the row was changed. Put back the keys of this warehouse."
        ) from error
