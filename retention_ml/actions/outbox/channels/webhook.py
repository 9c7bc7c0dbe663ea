"""Signed requests to a receiver that recognises a message by its key: exactly once.

A request whose answer is lost is sent again with the same key until the receiver answers.
"""

import json
import re
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from retention_ml import clock
from retention_ml.actions.outbox.channels.signature import HEADER, sign
from retention_ml.actions.outbox.message import ClaimedMessage, Outcome, Result
from retention_ml.errors import ChannelError, SettingsError, first_words
from retention_ml.settings.sections import WebhookChannel

_URL = re.compile(r"[!-~]+")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_KNOWN_KEY, _TOO_MANY = 409, 429
_SILENT = 0
# What speaks against the receiver or its address rather than the message, which is tried again;
# with ten strikes in a row the channel rests until the next run.
_STRIKES = dict.fromkeys((_SILENT, *range(300, 400), 401, 403, 404, 405, _TOO_MANY), 4)
_STRIKES_MAX = 10
_ANSWER_BYTES_MAX = 65_536


class Webhook:
    """The channel `webhook`.

    Parameters
    ----------
    url, secret : str or None
        Where messages are posted, and what signs them.
    settings : WebhookChannel
        Patience.

    Raises
    ------
    SettingsError
        Address or secret is missing, or requests would leave this machine readable.
    """

    name = "webhook"
    repeats_safely = True

    def __init__(self, url: str | None, secret: str | None, settings: WebhookChannel) -> None:
        if not url or not secret:
            missing = "RETENTION_WEBHOOK_SECRET" if url else "RETENTION_WEBHOOK_URL"
            raise SettingsError(
                f"Requests are due and {missing} is not set. They wait until they expire. Set "
                "address and secret of the receiver."
            )
        self._is_secure, self._host, self._port, self._path = _parse(url)
        self._secret, self._settings = secret, settings
        self._connection: HTTPConnection | None = None
        self._strikes, self._body = 0, b""

    def prepare(self, message: ClaimedMessage) -> Outcome | None:
        """Write the request, unless the receiver has failed several times in a row."""
        if self._strikes >= _STRIKES_MAX:
            raise ChannelError(
                "The receiver of RETENTION_WEBHOOK_URL has refused or failed several times in a "
                "row; reports.outbox_health has its answers. What is due waits until it expires. "
                "Check address, secret and receiver, then run `retention dispatch` again."
            )
        self._body = body_of(message)
        return None

    def deliver(self, message: ClaimedMessage) -> Outcome:
        """Post the message with its key; 409 says that the receiver has it."""
        body = self._body
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": message.message_id,
            HEADER: sign(body, secret=self._secret, timestamp=int(clock.now().timestamp())),
            "User-Agent": "retention-ml",
        }
        try:
            answer, text = self._post(body, headers)
        except (OSError, HTTPException) as error:
            self.close()
            self._count(_SILENT)
            return Outcome(result=Result.UNKNOWN, code="no_answer", text=first_words(error)[:200])
        self._count(answer.status)
        return _outcome(answer, text)

    def _count(self, status: int) -> None:
        strikes = _STRIKES.get(status, 1 if status >= 500 else 0)
        self._strikes = self._strikes + strikes if strikes else 0

    def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[HTTPResponse, bytes]:
        if self._connection is None:
            kind = HTTPSConnection if self._is_secure else HTTPConnection
            self._connection = kind(self._host, self._port, timeout=self._settings.timeout_seconds)
        self._connection.request("POST", self._path, body=body, headers=headers)
        answer = self._connection.getresponse()
        text = answer.read(_ANSWER_BYTES_MAX + 1)
        if len(text) > _ANSWER_BYTES_MAX or answer.will_close:
            self.close()
        return answer, text


def body_of(message: ClaimedMessage) -> bytes:
    """The body of a request: the message as one JSON object."""
    document = {
        "message_id": message.message_id,
        "as_of": message.as_of.isoformat(),
        "customer_id": message.number,
        "action_id": message.action_id,
        "address": message.address,
        "payload": dict(message.payload),
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True).encode()


def _outcome(answer: HTTPResponse, text: bytes) -> Outcome:
    code = answer.status
    if 200 <= code < 300 or code == _KNOWN_KEY:
        return Outcome(result=Result.SENT, code=str(code), provider_ref=_reference(text))
    words = str(answer.reason or "")[:200]
    wait = _retry_seconds(answer.getheader("Retry-After"))
    if code >= 500:  # it may have acted before it failed
        return Outcome(result=Result.UNKNOWN, code=str(code), text=words, retry_seconds=wait)
    return Outcome(
        result=Result.REFUSED,
        code=str(code),
        text=words,
        is_final=code not in _STRIKES,
        retry_seconds=wait,
    )


def _reference(text: bytes) -> str | None:
    """The receiver's own name for the message: `id` of its answer, if it has one."""
    try:
        reference = json.loads(text).get("id")
    except (ValueError, AttributeError, RecursionError):
        return None
    return str(reference)[:200].replace("\x00", "") if isinstance(reference, str | int) else None


def _retry_seconds(header: str | None) -> float | None:
    """Seconds until the moment of `Retry-After`, which is a number or a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header.strip()[:9])
    with suppress(ValueError, TypeError, OverflowError):
        return max((parsedate_to_datetime(header) - clock.now()).total_seconds(), 0.0)
    return None


def _parse(url: str) -> tuple[bool, str, int | None, str]:
    try:
        parts = urlsplit(url if _URL.fullmatch(url) else "")
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError:  # what it says may hold a secret
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise SettingsError(
            "RETENTION_WEBHOOK_URL cannot be read; expected an address such as "
            "https://crm.example/messages in plain ASCII, without blanks, user and password."
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise SettingsError(
            "RETENTION_WEBHOOK_URL begins with http://: customers' data would leave this machine "
            "readable. Expected https://; http:// only for a receiver on this machine."
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme == "https", parts.hostname, port, path
