"""What of a message is weighed: hashed runs of words or of characters."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from zlib import crc32

import numpy as np

from retention_ml.feedback.language import Language
from retention_ml.statistics.arrays import Floats, Ints

BUCKETS = {Language.CHINESE: 2**18, Language.ENGLISH: 2**17, Language.OTHER: 2**17}
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|[^\s\w]+")
_NEGATIONS = frozenset(
    "no not never none nothing nobody nowhere neither nor cannot without hardly barely scarcely "
    "rarely dont doesnt didnt isnt wasnt arent werent wont wouldnt cant couldnt shouldnt aint".split()
)
_NEGATED_WORDS = 3


def words_of(text: str) -> list[str]:
    """The words and runs of signs of a message, in small letters.

    >>> words_of("Didn't fit… AWFUL!! :(")
    ["didn't", 'fit', '…', 'awful', '!!', ':(']
    """
    return _WORD.findall(text.lower().replace("’", "'"))


def is_negation(word: str) -> bool:
    """Whether a word turns what follows round."""
    return word in _NEGATIONS or word.endswith("n't")


def marked_words(text: str) -> list[str]:
    """The words of a message, the three after a negation marked.

    >>> marked_words("It is not good")
    ['it', 'is', 'not', '~good']
    """
    marked, negated = [], 0
    for word in words_of(text):
        marked.append(f"~{word}" if negated > 0 else word)
        negated = _NEGATED_WORDS if is_negation(word) else negated - 1
    return marked


def grams(text: str, language: Language) -> Iterable[str]:
    """The different runs of a cleaned message: one or two words, elsewhere 1 to 3 characters.

    The three words after a negation are marked.

    >>> sorted(grams("not good", Language.ENGLISH))
    ['not', 'not ~good', '~good']
    >>> sorted(grams("很好", Language.CHINESE))
    [' 很', ' 很好', '好', '好 ', '很', '很好', '很好 ']
    """
    if language is Language.ENGLISH:
        marked = marked_words(text)
        return {*marked, *(f"{a} {b}" for a, b in pairwise(marked))}
    padded = f" {text.lower()} "
    runs = {
        padded[start : start + length]
        for length in (1, 2, 3)
        for start in range(len(padded) - length + 1)
    }
    return runs - {" "}


def buckets_of(text: str, language: Language) -> Ints:
    """The numbers of the runs of a message, each once, ascending; shape (n_grams,)."""
    size = BUCKETS[language]
    hashed = {crc32(gram.encode("utf-8", "ignore")) % size for gram in grams(text, language)}
    return np.array(sorted(hashed), dtype=np.int64)


def weigh(buckets: Sequence[Ints], weights: Floats) -> Floats:
    """Per message, the sum of its weights over the square root of how many there are.

    >>> weigh([np.array([0, 1, 2, 3]), np.array([], dtype=np.int64)], np.ones(8))
    array([2., 0.])
    """
    return np.array(
        [float(weights[runs].sum()) / max(1.0, len(runs)) ** 0.5 for runs in buckets], dtype=float
    )
