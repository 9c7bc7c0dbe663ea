"""How pleased a message sounds: weights shipped with the library, then the shop's own stars."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from retention_ml.feedback.grams import buckets_of, weigh, words_of
from retention_ml.feedback.language import Language
from retention_ml.feedback.starter.shipped import Starter
from retention_ml.feedback.valence import valence
from retention_ml.statistics.arrays import Floats, Ints, sigmoid

HALF_TEXTS = 300
"""With so many rated messages of its own a shop's weights count as much as the starter's."""


def digest_of(weights: bytes, intercept: float) -> str:
    """The SHA-256 of own weights as they are stored, and their intercept."""
    return hashlib.sha256(weights + repr(intercept).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnStars:
    """Weights fitted to a shop's rated messages of one language.

    Parameters
    ----------
    weights : Floats, shape (n_buckets,)
    intercept : float
    texts_count : int
        Rated messages behind it.
    sha256 : str
    """

    weights: Floats
    intercept: float
    texts_count: int
    sha256: str

    @property
    def share(self) -> float:
        """Its weight beside the starter: n / (n + 300)."""
        return self.texts_count / (self.texts_count + HALF_TEXTS)

    def log_odds(self, buckets: Sequence[Ints]) -> Floats:
        """Of each message, from its hashed runs."""
        return self.intercept + weigh(buckets, self.weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentiment:
    """The starter and what a shop's own stars added, by language."""

    starter: Starter
    own_stars: Mapping[Language, OwnStars] = field(default_factory=dict)

    def version(self, language: Language) -> str:
        """What reads messages of a language: digests of the starter and of the shop's weights."""
        fitted = self.own_stars.get(language)
        shipped = f"starter:{self.starter.sha256[:12]}"
        return f"{shipped}+own:{fitted.sha256[:12]}" if fitted else shipped

    def shares(self, texts: Sequence[str], languages: Sequence[Language]) -> list[float | None]:
        """Of each cleaned message the probability that it is positive.

        None where there are no letters, or the language has neither a starter nor own stars.
        """
        shares: list[float | None] = [None] * len(texts)
        for language in {*languages} - {Language.NONE}:
            places = [place for place, each in enumerate(languages) if each is language]
            for place, share in zip(
                places, self._shares([texts[place] for place in places], language), strict=True
            ):
                shares[place] = share
        return shares

    def _shares(self, texts: Sequence[str], language: Language) -> list[float | None]:
        fitted = self.own_stars.get(language)
        if language is Language.OTHER and fitted is None:
            return [None] * len(texts)
        buckets = [buckets_of(text, language) for text in texts]
        log_odds = starter_log_odds(self.starter, texts, buckets, language)
        if fitted is not None:
            log_odds = (1 - fitted.share) * log_odds + fitted.share * fitted.log_odds(buckets)
        return [float(share) for share in sigmoid(log_odds)]


def starter_log_odds(
    starter: Starter, texts: Sequence[str], buckets: Sequence[Ints], language: Language
) -> Floats:
    """What the starter makes of messages of one language; 0 where it has no weights."""
    if language not in starter.weights:
        return np.zeros(len(texts))
    scale = starter.scales[language]
    log_odds = scale.intercept + scale.grams * weigh(buckets, starter.weights[language])
    if scale.valence:
        rated = [valence(words_of(text), starter.lexicon) for text in texts]
        log_odds = log_odds + scale.valence * np.array(rated, dtype=float)
    return log_odds
