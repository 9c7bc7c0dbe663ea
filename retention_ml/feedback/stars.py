"""A shop's own weights, fitted to messages that came with stars."""

from collections.abc import Sequence

import numpy as np

from retention_ml.feedback.grams import BUCKETS, buckets_of
from retention_ml.feedback.language import Language
from retention_ml.feedback.sentiment import OwnStars, digest_of
from retention_ml.statistics.arrays import Bools, Floats, Ints

TEXTS_MIN = 20
"""Of each side, positive and negative: fewer say nothing about words."""
_STRENGTH = 3.0  # scikit-learn's C: the inverse of the penalty


def fit_weights(
    texts: Sequence[str], is_positive: Bools, language: Language, *, seed: int = 1
) -> OwnStars | None:
    """A logistic regression of stars on hashed runs; None with too few of one side.

    Equal messages in equal order give equal weights.
    """
    positive = int(is_positive.sum())
    if min(positive, len(texts) - positive) < TEXTS_MIN:
        return None
    buckets = [buckets_of(text, language) for text in texts]
    weights, intercept = logistic(buckets, is_positive, BUCKETS[language], _STRENGTH, seed)
    stored = weights.astype("<f2")
    return OwnStars(
        weights=stored.astype(np.float64),
        intercept=intercept,
        texts_count=len(texts),
        sha256=digest_of(stored.tobytes(), intercept),
    )


def logistic(
    buckets: Sequence[Ints], is_positive: Bools, size: int, strength: float, seed: int
) -> tuple[Floats, float]:
    """Weights, shape (size,), and intercept of a penalised logistic regression on runs."""
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    lengths = np.array([len(runs) for runs in buckets])
    values = np.repeat(1.0 / np.sqrt(np.maximum(lengths, 1)), lengths)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.concatenate([*buckets, np.array([], dtype=np.int64)])
    design = csr_matrix((values, columns, starts), shape=(len(buckets), size))
    model = LogisticRegression(C=strength, solver="liblinear", random_state=seed)
    model.fit(design, is_positive)
    return np.asarray(model.coef_[0], dtype=np.float64), float(model.intercept_[0])
