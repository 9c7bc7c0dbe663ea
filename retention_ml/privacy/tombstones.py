"""Tombstones: what is left of a person who was forgotten, so that they stay so.

A tombstone is made from the pseudonym that a number has or would have, and the key of pseudonyms,
which never changes. It is no pseudonym: nothing else in the warehouse is equal to it.
"""

import hmac
import re
from collections.abc import Collection

import pyarrow as pa

from retention_ml.privacy.pseudonyms import pseudonym

_PURPOSE = "tombstone:"
# A number in a row that cannot be split into its columns: between separators, or as a word.
_CELLS = re.compile(r"""[^\s,;|"'<>{}\[\]()=:\x1f]+""")
_WORDS = re.compile(r"\w+")
_PARTS = re.compile(r"[^\W_]+")


def tombstone(secret: bytes, customer_id: str) -> str:
    """The 32 hexadecimal digits that stand for a forgotten pseudonym.

    Examples
    --------
    >>> tombstone(b"key", pseudonym(b"key", "C0000803"))
    '4dc67661a47e768e0bc0957c4e54e3df'
    """
    return hmac.digest(secret, (_PURPOSE + customer_id).encode(), "sha256")[:16].hex()


def tombstone_of_number(secret: bytes, number: str) -> str:
    """The tombstone of the person whom the shop knows by this number."""
    return tombstone(secret, pseudonym(secret, number))


class Tombstones:
    """Those who were forgotten, to be recognised by their numbers; each number is tried once.

    Parameters
    ----------
    secret : bytes
        The key of pseudonyms.
    marks : collection of str
        Their tombstones.
    """

    def __init__(self, secret: bytes, marks: Collection[str]) -> None:
        self._secret = secret
        self._marks = frozenset(marks)
        self._by_number: dict[str, bool] = {}

    def __len__(self) -> int:
        return len(self._marks)

    def covers(self, number: str) -> bool:
        """Whether the person with this number was forgotten."""
        if number not in self._by_number:
            self._by_number[number] = tombstone_of_number(self._secret, number) in self._marks
        return self._by_number[number]

    def covers_pseudonym(self, customer_id: str) -> bool:
        """Whether the person with this pseudonym was forgotten."""
        return tombstone(self._secret, customer_id) in self._marks

    def mask(self, numbers: pa.ChunkedArray) -> pa.ChunkedArray:
        """For each row of a column of numbers, whether it is of somebody forgotten; no nulls."""
        encoded = numbers.combine_chunks().dictionary_encode()
        covered = [
            number is not None and self.covers(number) for number in encoded.dictionary.to_pylist()
        ]
        mask = pa.array(covered, pa.bool_()).take(encoded.indices)
        return pa.chunked_array([mask.fill_null(False)])

    def are_in(self, text: str | None) -> bool:
        """Whether a number of somebody forgotten stands in a text, as a cell or as a word."""
        return text is not None and any(map(self.covers, words_of(text)))


def words_of(text: str) -> set[str]:
    """What in a text may be a number: what stands between separators, words, and parts of these.

    Examples
    --------
    >>> sorted(words_of("x-1;7_b"))
    ['1', '7', '7_b', 'b', 'x', 'x-1']
    """
    return {*_CELLS.findall(text), *_WORDS.findall(text), *_PARTS.findall(text)}
