"""How positive English words are, by a lexicon of rated words.

References
----------
Hutto and Gilbert (2014), VADER: a parsimonious rule-based model for sentiment analysis of social
media text: the lexicon, and how much a negation, a degree and a "but" change a rating.
"""

import math
from collections.abc import Mapping, Sequence

from retention_ml.feedback.grams import is_negation

_STRONGER = frozenset(
    "very really so too extremely absolutely completely totally incredibly especially highly most "
    "super such truly".split()
)
_WEAKER = frozenset("slightly somewhat kinda little almost partly fairly marginally".split())
_DEGREE = 0.3
_NEGATED = -0.74
_BEFORE_BUT, _AFTER_BUT = 0.5, 1.5
_REACH_WORDS = 3
_SATURATION = 15.0


def valence(words: Sequence[str], lexicon: Mapping[str, float]) -> float:
    """The rating of a message, -1 to 1; 0 where no word is rated.

    >>> rated = {"good": 2.0, "late": -1.0}
    >>> round(valence(["not", "good"], rated), 2), round(valence(["very", "good"], rated), 2)
    (-0.36, 0.51)
    >>> valence(["late", "but", "good"], rated) > valence(["good", "but", "late"], rated)
    True
    """
    total, turn = 0.0, words.index("but") if "but" in words else None
    for place, word in enumerate(words):
        rating = lexicon.get(word, 0.0)
        if not rating:
            continue
        for earlier in (before := words[max(0, place - _REACH_WORDS) : place]):
            step = _DEGREE * ((earlier in _STRONGER) - (earlier in _WEAKER))
            rating += math.copysign(1.0, rating) * step
        if any(is_negation(earlier) for earlier in before):
            rating *= _NEGATED
        if turn is not None:
            rating *= _BEFORE_BUT if place < turn else _AFTER_BUT
        total += rating
    return total / math.sqrt(total * total + _SATURATION)
