"""A message as plain text: without markup, control characters and whatever is too long."""

import html
import re
import unicodedata

CHARACTERS_MAX = 5_000
"""So much of a message is read; a longer one is cut here."""

_TAG = re.compile(
    r"<(?:script|style)\b[^>]*>.*?</(?:script|style)\s*>|<[/!?a-zA-Z][^<>]*>", re.DOTALL | re.I
)
_LINK = re.compile(r"\b(?:https?://|www\.)\S+", re.I)
_SPACE = re.compile(r"\s+")
_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Cn"}  # control, format, private, surrogate, unassigned


def clean(text: str | None) -> str:
    """The message in one line of normalised characters; empty if there is nothing to read.

    Whatever a message asks of its reader, it is only text: nothing in it is run or followed.

    >>> clean("<b>Zu&nbsp;sp\\u00e4t</b>\\n geliefert\\u0000!")
    'Zu spät geliefert!'
    >>> clean("a < b and ２ ＞ １")
    'a < b and 2 > 1'
    >>> clean(None)
    ''
    """
    if not text:
        return ""
    plain = _TAG.sub(" ", html.unescape(text[:CHARACTERS_MAX]))
    plain = _LINK.sub(" ", unicodedata.normalize("NFKC", plain))
    visible = plain if plain.isprintable() else "".join(map(_visible, plain))
    return _SPACE.sub(" ", visible).strip()[:CHARACTERS_MAX]


def _visible(character: str) -> str:
    if character in "\n\r\t\v\f":
        return " "
    return "" if unicodedata.category(character) in _UNSEEN else character
