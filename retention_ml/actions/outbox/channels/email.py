"""Mail by SMTP: at most once, over one connection for many messages.

SMTP does not recognise a mail that it has. So everything up to the command DATA comes before the
ledger writes that the try begins: whatever goes wrong there is safe to repeat. From DATA on an
answer that does not come leaves a mail of which nobody knows, and it is never sent again.
"""

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from retention_ml import clock
from retention_ml.actions.outbox.channels.mail import compose, is_address
from retention_ml.actions.outbox.message import ClaimedMessage, Outcome, Result
from retention_ml.errors import ChannelError, MessageRefused, SettingsError, first_words
from retention_ml.settings.sections import EmailChannel

if TYPE_CHECKING:
    from smtplib import SMTP

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CLOSING = 421


class Mailer:
    """The channel `email`.

    Parameters
    ----------
    url : str or None
        `smtp://user:password@host:port`.
    settings : EmailChannel
        Sender, encryption, patience.

    Raises
    ------
    SettingsError
        There is no address, it cannot be read, or a password would leave this machine readable.
    """

    name = "email"
    repeats_safely = False

    def __init__(self, url: str | None, settings: EmailChannel) -> None:
        self._host, self._port, self._user, self._password = _parse(url, settings.security)
        if not is_address(settings.sender):
            raise SettingsError(
                f"channels.email.sender is {settings.sender!r}; expected an address such as "
                "shop@shop.example."
            )
        self._settings = settings
        self._client: SMTP | None = None
        self._prepared, self._content = "", b""

    def prepare(self, message: ClaimedMessage) -> Outcome | None:
        """Agree with the server on sender and recipient."""
        try:
            content = compose(message, sender=self._settings.sender, sent_at=clock.now())
        except MessageRefused as error:
            return Outcome(
                result=Result.REFUSED, code="bad_message", text=str(error), is_final=True
            )
        self._prepared, self._content = message.message_id, content.replace(b"\r\n.", b"\r\n..")
        address = message.address or ""
        if self._client is not None:
            try:
                self._greet(self._client)
                return self._ask(self._client, address)
            except OSError:  # smtplib's errors are such, too; servers end idle connections
                self.close()
        try:
            self._client = self._connect()
            self._greet(self._client)
        except (OSError, ValueError) as error:
            self.close()
            raise ChannelError(
                "The mail server of RETENTION_SMTP_URL takes no messages: "
                f"{first_words(error).rstrip('.')}. They wait until they expire. Check the server, "
                "then run `retention dispatch` again."
            ) from error
        try:
            return self._ask(self._client, address)
        except OSError as error:  # this recipient may be why; the others go on
            self.close()
            return Outcome(result=Result.REFUSED, code="no_answer", text=first_words(error))

    def _greet(self, client: "SMTP") -> None:
        """RSET and MAIL; OSError where the connection or the sender is no good."""
        _require(client.docmd("RSET"), "RSET")
        _require(client.docmd("MAIL", f"FROM:<{self._settings.sender}>"), "the sender")

    def _ask(self, client: "SMTP", address: str) -> Outcome | None:
        """RCPT; OSError where the connection is no good."""
        code, reply = client.docmd("RCPT", f"TO:<{address}>")
        if code in (250, 251):
            return None
        if code == _CLOSING or not 400 <= code < 600:
            raise OSError(f"it answered {code} {_words(reply)}")
        return Outcome(
            result=Result.REFUSED, code=str(code), text=_words(reply), is_final=code >= 500
        )

    def deliver(self, message: ClaimedMessage) -> Outcome:
        """DATA and the mail; unknown where its end is not answered."""
        assert self._client is not None
        assert self._prepared == message.message_id
        has_begun = False
        try:
            code, reply = self._client.docmd("DATA")
            if code == 354:
                has_begun = True
                ending = b"" if self._content.endswith(b"\r\n") else b"\r\n"
                self._client.send(self._content + ending + b".\r\n")
                code, reply = self._client.getreply()
        except OSError as error:
            self.close()
            return Outcome(
                result=Result.UNKNOWN if has_begun else Result.REFUSED,
                code="no_answer",
                text=first_words(error),
            )
        if has_begun and 200 <= code < 300:
            return Outcome(
                result=Result.SENT, code=str(code), text=_words(reply), provider_ref=_words(reply)
            )
        if code == _CLOSING or not 400 <= code < 600:
            self.close()
        # Only a reply for good says that the server does not have what it was given.
        is_refused = not has_begun or 500 <= code < 600
        return Outcome(
            result=Result.REFUSED if is_refused else Result.UNKNOWN,
            code=str(code),
            text=_words(reply),
            is_final=has_begun and is_refused,
        )

    def close(self) -> None:
        """End the connection; a server that is gone does not matter."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connect(self) -> "SMTP":
        import smtplib
        import ssl

        timeout, security = self._settings.timeout_seconds, self._settings.security
        client: SMTP
        if security == "tls":
            client = smtplib.SMTP_SSL(
                self._host, self._port, timeout=timeout, context=ssl.create_default_context()
            )
        else:
            client = smtplib.SMTP(self._host, self._port, timeout=timeout)
        try:
            client.ehlo_or_helo_if_needed()
            if security == "starttls":
                client.starttls(context=ssl.create_default_context())
                client.ehlo()
            if self._user:
                client.login(self._user, self._password)
        except BaseException:
            client.close()
            raise
        return client


def _parse(url: str | None, security: str) -> tuple[str, int, str, str]:
    shape = "smtp://user:password@host:port in RETENTION_SMTP_URL"
    if not url:
        raise SettingsError(
            f"Mails are due and there is no mail server; expected {shape}. They wait until they "
            "expire."
        )
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[security]
    except ValueError:  # what it says may hold the password
        parts, port = urlsplit(""), 0
    if parts.scheme != "smtp" or not parts.hostname or parts.path.strip("/"):
        raise SettingsError(
            f"The address of the mail server cannot be read; expected {shape}. Write signs such as "
            "@ : / in user and password as %40 %3A %2F."
        )
    if parts.username and security == "none" and parts.hostname not in _LOOPBACK:
        raise SettingsError(
            "The password of the mail server would leave this machine readable. Set "
            'channels.email.security to "starttls" or "tls".'
        )
    return parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or "")


def _require(answer: tuple[int, bytes], what: str) -> None:
    code, reply = answer
    if code != 250:
        raise OSError(f"it answered {code} {_words(reply)} to {what}")


def _words(reply: bytes) -> str:
    """The first line of a reply, printable, without addresses."""
    first = (reply.decode("utf-8", "replace").strip().splitlines() or [""])[0]
    words = " ".join("<address>" if "@" in word else word for word in first.split())
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in words)[:200]
