"""A message as the bytes of a mail."""

import re
from datetime import datetime

from retention_ml.actions.outbox.message import ClaimedMessage
from retention_ml.errors import MessageRefused

# One mailbox in plain ASCII: no list of addresses, no name, no route, no line end.
_ADDRESS = re.compile(
    r"(?=.{3,254}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_URL = re.compile(r"(?:https?|mailto):[!-;=?-~]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HEADER_MAX = 900


def is_address(text: str | None) -> bool:
    """Whether a text is one e-mail address and nothing else.

    Examples
    --------
    >>> is_address("ann@shop.example"), is_address("ann@shop.example, bob@shop.example")
    (True, False)
    >>> is_address("ann@shop.example\\nBcc: all@shop.example"), is_address(None)
    (False, False)
    """
    return text is not None and _ADDRESS.fullmatch(text) is not None


def compose(message: ClaimedMessage, *, sender: str, sent_at: datetime) -> bytes:
    """The mail of a message, with CRLF line ends.

    Raises
    ------
    MessageRefused
        The address is none, a header would become two, or there is nothing to say. It names
        neither customer nor address.
    """
    from email.errors import MessageError
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import format_datetime

    if not is_address(message.address):
        raise MessageRefused("the customer's address is no e-mail address")
    subject, text, html, url = (
        _text_of(message, name) for name in ("subject", "text", "html", "unsubscribe_url")
    )
    if not subject or not (text or html):
        raise MessageRefused("the message has no subject or no text")
    if not _is_header(subject):
        raise MessageRefused("the subject is no single line of at most 900 characters")
    if url is not None and not (_URL.fullmatch(url) and len(url) <= _HEADER_MAX):
        raise MessageRefused("unsubscribe_url is no address of a page")
    mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # not every server takes 8 bits
    mail["From"] = sender
    mail["To"] = message.address
    mail["Subject"] = subject
    mail["Date"] = format_datetime(sent_at)
    if text:
        mail.set_content(text)
    if html and text:
        mail.add_alternative(html, subtype="html")
    elif html:
        mail.set_content(html, subtype="html")
    try:
        content = mail.as_bytes()
    except (ValueError, MessageError) as error:
        raise MessageRefused("the message cannot be written as a mail") from error
    # Python would fold these, and mail programs do not join the pieces.
    headers = f"Message-ID: <{message.message_id}@{sender.rpartition('@')[2]}>\r\n"
    if url:
        headers += f"List-Unsubscribe: <{url}>\r\n"
    return headers.encode() + content


def _text_of(message: ClaimedMessage, name: str) -> str | None:
    value = message.payload.get(name)
    if value is not None and not isinstance(value, str):
        raise MessageRefused(f"{name} of the message is no text")
    return value


def _is_header(text: str) -> bool:
    """Whether a text stays one header: no control character, and no kind of line end."""
    return len(text) <= _HEADER_MAX and not _CONTROL.search(text)
