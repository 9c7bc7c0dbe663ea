"""The signature of a request: who has the secret can check that it is ours and new."""

import hashlib
import hmac

HEADER = "Retention-Signature"
AGE_SECONDS_MAX = 300


def sign(body: bytes, *, secret: str, timestamp: int) -> str:
    """The value of the header `Retention-Signature`.

    Parameters
    ----------
    body : bytes
        The body of the request as it is sent.
    timestamp : int
        Seconds since 1970.

    Returns
    -------
    str
        `t=TIMESTAMP,v1=HEX`, where HEX is HMAC-SHA256 of `TIMESTAMP.BODY`.

    Examples
    --------
    >>> sign(b"{}", secret="s", timestamp=1)[:20]
    't=1,v1=b253639bcd705'
    """
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={digest.hexdigest()}"


def is_genuine(header: str, body: bytes, *, secret: str, now: float) -> bool:
    """Whether a receiver may trust a request: signed with the secret, at most five minutes old.

    Parameters
    ----------
    header : str
        The value of `Retention-Signature`.
    body : bytes
        The body as it came.
    now : float
        The receiver's time, seconds since 1970.
    """
    text = header.partition("t=")[2].partition(",")[0]
    if not (text.isascii() and text.isdecimal()) or len(text) > 15:
        return False
    expected = sign(body, secret=secret, timestamp=int(text))
    is_equal = hmac.compare_digest(expected.encode(), header.encode("utf-8", "replace"))
    return is_equal and abs(now - int(text)) <= AGE_SECONDS_MAX
