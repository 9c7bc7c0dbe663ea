"""Pseudonyms: what stands for a customer's number wherever the platform works with customers.

A pseudonym is made from the number and a key, so the same number always has the same one, and
whoever lacks the key can neither compute nor test any. Pseudonymous data remain personal data:
key and warehouse together lead back to the number.
"""

import hmac
import re
from collections.abc import Iterable

import pyarrow as pa

LENGTH = 26
_LETTERS = bytes(ord("a") + byte % 26 for byte in range(256))
_SHAPE = re.compile(rf"[a-z]{{{LENGTH}}}")


def pseudonym(secret: bytes, number: str) -> str:
    """The 26 letters that stand for a number: some 122 bits of its HMAC-SHA-256.

    Letters alone, so that no program takes one for a number or a date.

    Examples
    --------
    >>> pseudonym(b"key", "C0000803")
    'khnhksalmwefyubsbnetcntctb'
    >>> pseudonym(b"another key", "C0000803") == pseudonym(b"key", "C0000803")
    False

    References
    ----------
    RFC 2104, HMAC: Keyed-Hashing for Message Authentication.
    """
    digest = hmac.digest(secret, number.encode(), "sha256")
    return digest[:LENGTH].translate(_LETTERS).decode()


def is_pseudonym(text: str) -> bool:
    """Whether a text has the shape of a pseudonym."""
    return _SHAPE.fullmatch(text) is not None


class Pseudonyms:
    """The pseudonyms of the numbers that were asked for so far; each is computed once.

    Parameters
    ----------
    secret : bytes
        The key, which never changes.

    Attributes
    ----------
    by_number : dict of str to str
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.by_number: dict[str, str] = {}

    def for_others(self) -> "Pseudonyms":
        """The same for what is no number of a customer but holds one."""
        return Pseudonyms(self._secret)

    def of(self, numbers: pa.ChunkedArray) -> pa.ChunkedArray:
        """The pseudonyms of a column of numbers; null stays null."""
        encoded = numbers.combine_chunks().dictionary_encode()
        distinct = [self._of(number) for number in encoded.dictionary.to_pylist()]
        return pa.chunked_array([pa.array(distinct, pa.string()).take(encoded.indices)])

    def in_columns(self, rows: pa.Table, names: Iterable[str]) -> pa.Table:
        """The rows with pseudonyms in the columns of these names, as far as there are such."""
        for name in names:
            if (place := rows.schema.get_field_index(name)) >= 0:
                rows = rows.set_column(place, name, self.of(rows[name]))
        return rows

    def _of(self, number: str) -> str:
        if number not in self.by_number:
            self.by_number[number] = pseudonym(self._secret, number)
        return self.by_number[number]
