"""The door `fit_stars`: a shop's rated messages teach the reader its own words."""

import time
from collections.abc import Sequence
from datetime import date

import ibis
import numpy as np

from retention_ml import clock, tables
from retention_ml.curated.known import known
from retention_ml.feedback import ledger
from retention_ml.feedback.cleaning import CHARACTERS_MAX, clean
from retention_ml.feedback.grams import buckets_of
from retention_ml.feedback.language import Language, language_of
from retention_ml.feedback.sentiment import OwnStars, starter_log_odds
from retention_ml.feedback.stars import fit_weights
from retention_ml.feedback.starter.shipped import Starter, shipped
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Bools, Floats, sigmoid
from retention_ml.statistics.metrics import score
from retention_ml.warehouse import Warehouse

_GROWTH = 1.1  # a fit is due when there are a tenth more rated messages
_TEXTS_MAX = 10_000  # the newest ones of a language
_FOLDS = 5
_LANGUAGES = (Language.CHINESE, Language.ENGLISH, Language.OTHER)


def fit_stars(warehouse: Warehouse, *, settings: Settings, as_of: date) -> DecisionReceipt:
    """Fit own weights, where a tenth more rated messages are known than at the last fit.

    Marks above the middle count as positive, below it as negative. Weights are in force if,
    together with the starter and on messages that they have not met, they rank at least as well
    as the starter alone.

    Returns
    -------
    DecisionReceipt
        details: rated messages by language, and what was fitted.
    """
    started = time.perf_counter()
    rated = _rated(warehouse, settings, as_of)
    with warehouse.transaction() as transaction:
        before = ledger.newest_counts(transaction, as_of)
    sentences = []
    for language, (texts, is_positive) in rated.items():
        if len(texts) < max(1, before.get(language, 0) * _GROWTH):
            continue
        stars = fit_weights(texts, is_positive, language)
        if stars is None:
            continue
        starter_auc, together = _evaluate(shipped(), texts, is_positive, language)
        is_in_force = together >= (starter_auc or 0.5)
        reason = (
            f"{language}: on {len(texts):,} rated messages the ROC AUC is {together:.3f} with own "
            f"weights, {'–' if starter_auc is None else f'{starter_auc:.3f}'} with the starter "
            f"alone; own weights {'count' if is_in_force else 'do not count'} "
            f"({stars.share:.0%} of the sum)."
        )
        with warehouse.transaction() as transaction:
            ledger.store(
                transaction,
                stars,
                language=language,
                as_of=as_of,
                evidence={
                    "is_in_force": is_in_force,
                    "reason": reason,
                    "starter_auc": starter_auc,
                    "auc": together,
                },
                run_id=settings.run_id,
            )
        sentences.append(reason)
    return warehouse.record(
        DecisionReceipt(
            door="fit_stars",
            as_of=as_of,
            sentence=" ".join(sentences) or "No fit was due: too few new messages with stars.",
            seconds=time.perf_counter() - started,
            details={"rated": {str(name): len(texts) for name, (texts, _) in rated.items()}},
        ),
        settings.run_id,
    )


def _rated(
    warehouse: Warehouse, settings: Settings, as_of: date
) -> dict[Language, tuple[list[str], Bools]]:
    """Cleaned messages with a clear mark as known at the start of the day, by language.

    Each text once, as marked last: a phrase that a form suggests is one message, not thousands.
    """
    messages = known(
        tables.FEEDBACK.ibis_table("curated", tables.LINEAGE),
        clock.midnight(as_of, settings.calendar.timezone),
    )
    messages = messages.filter(
        messages.comment.notnull(), messages.rating_share.notnull(), messages.rating_share != 0.5
    ).order_by(ibis.desc("event_at"), "feedback_id", "source")
    chosen = messages.limit(len(_LANGUAGES) * _TEXTS_MAX).select(
        "rating_share", comment=messages.comment.left(CHARACTERS_MAX)
    )
    rows = warehouse.read(chosen)
    by_language: dict[Language, dict[str, bool]] = {language: {} for language in _LANGUAGES}
    for comment, share in zip(
        rows["comment"].to_pylist(), rows["rating_share"].to_pylist(), strict=True
    ):
        text = clean(comment)
        language = language_of(text)
        if language is not Language.NONE and len(by_language[language]) < _TEXTS_MAX:
            by_language[language].setdefault(text, share > 0.5)
    return {
        language: (list(marks), np.array(list(marks.values()), dtype=bool))
        for language, marks in by_language.items()
    }


def _evaluate(
    starter: Starter, texts: Sequence[str], is_positive: Bools, language: Language
) -> tuple[float | None, float]:
    """ROC AUC of the starter and of both together, by folds."""
    buckets = [buckets_of(text, language) for text in texts]
    base = starter_log_odds(starter, texts, buckets, language)
    together: Floats = base.copy()
    fold = np.arange(len(texts)) % _FOLDS
    for number in range(_FOLDS):
        train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        stars: OwnStars | None = fit_weights(
            [texts[int(place)] for place in train], is_positive[train], language
        )
        if stars is not None and len(test):
            margin = stars.log_odds([buckets[place] for place in test])
            together[test] = (1 - stars.share) * base[test] + stars.share * margin
    has_starter = language in starter.weights
    return (_auc(base, is_positive) if has_starter else None), _auc(together, is_positive)


def _auc(log_odds: Floats, is_positive: Bools) -> float:
    return float(score(sigmoid(log_odds), is_positive.astype(float))["roc_auc"][0])
