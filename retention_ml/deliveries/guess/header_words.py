"""What a column's name says: how well it fits each role, in the languages of `words.toml`."""

import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

# What a line of an order has, as against the order itself.
LINE_ROLES = ("product_id", "product_name", "quantity", "unit_price", "line_amount")
_SPECIAL = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})


@cache
def words() -> dict[str, Any]:
    """The dictionary, as it is written."""
    return tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))


@cache
def normalized(text: str) -> str:
    """Lower case without accents and signs, words apart.

    Examples
    --------
    >>> normalized("Customer ID"), normalized("orderDate"), normalized("N° de commande")
    ('customer id', 'order date', 'n de commande')
    """
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", unicodedata.normalize("NFKC", text))
    text = text.replace("°", " ").casefold().translate(_SPECIAL)
    letters = (c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return " ".join(re.findall(r"[^\W_]+", "".join(letters)))


@cache
def _phrases(role: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(normalized(phrase) for phrase in words()["roles"][role]))


@cache
def best_score(role: str, name: str) -> float:
    """How well a name fits a role, from 0 to 1.

    Examples
    --------
    >>> best_score("order_id", "Order Number") > best_score("order_id", "Order Number of the shop")
    True
    >>> best_score("order_id", "colour")
    0.0
    """
    header = normalized(name)
    return (
        max(
            (
                _score(phrase, header) - 0.002 * min(rank, 30)
                for rank, phrase in enumerate(_phrases(role))
            ),
            default=0.0,
        )
        if header
        else 0.0
    )


def _score(phrase: str, header: str) -> float:
    if phrase == header or phrase.replace(" ", "") == header.replace(" ", ""):
        return 1.0
    share = len(phrase) / len(header)
    if phrase.isascii():
        return 0.4 + 0.4 * share if f" {phrase} " in f" {header} " else 0.0
    return 0.4 + 0.4 * share if phrase in header else 0.0


@cache
def cell_words(group: str) -> frozenset[str]:
    """The words of a group of cell values, normalized."""
    return frozenset(map(normalized, words()["values"][group]))


@cache
def event_types() -> dict[str, str]:
    """The canonical event type of each word, normalized."""
    return {normalized(word): kind for kind, listed in words()["events"].items() for word in listed}
