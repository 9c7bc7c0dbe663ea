"""The door `fit_stars`: a shop's rated messages teach the reader its own words."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import ibis
import numpy as np

from retention_ml import clock, tables
from retention_ml.curated.known import known
from retention_ml.feedback import ledger
from retention_ml.feedback.cleaning import CHARACTERS_MAX, clean
from retention_ml.feedback.grams import buckets_of
from retention_ml.feedback.language import Language, language_of
from retention_ml.feedback.sentiment import OwnStars, starter_log_odds
from retention_ml.feedback.stars import TEXTS_MIN, fit_weights
from retention_ml.feedback.starter.shipped import Starter, shipped
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Bools, Floats, sigmoid
from retention_ml.statistics.metrics import score
from retention_ml.warehouse import Warehouse

_GROWTH = 0.1  # a fit is due when so many of the rated messages of the last one are new
_TEXTS_MAX = 10_000  # the newest ones of a language
_FOLDS = 5
_LANGUAGES = (Language.CHINESE, Language.ENGLISH, Language.OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rated:
    """Rated texts of a language, the newest first, and when each could first be used."""

    texts: list[str]
    is_positive: Bools
    available_at: list[datetime]

    def is_due(self, before: ledger.Fit | None, timezone: str) -> bool:
        """Whether so many came since the last fit, or were added to days before it."""
        if before is None:
            return bool(self.texts)
        instant = clock.midnight(before.as_of, timezone)
        later = sum(moment > instant for moment in self.available_at)
        new = max(later, len(self.texts) - before.texts_count)
        return new >= max(1, before.texts_count * _GROWTH)


def fit_stars(warehouse: Warehouse, *, settings: Settings, as_of: date) -> DecisionReceipt:
    """Fit own weights, where a tenth of the rated messages of the last fit have come since.

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
        before = ledger.newest_fits(transaction, as_of)
    sentences = []
    for language, messages in rated.items():
        if not messages.is_due(before.get(language), settings.calendar.timezone):
            continue
        texts, is_positive = messages.texts, messages.is_positive
        stars = fit_weights(texts, is_positive, language)
        if stars is None:
            positive = int(is_positive.sum())
            sentences.append(
                f"{language}: no fit, {positive:,} rated messages are positive and "
                f"{len(texts) - positive:,} negative, at least {TEXTS_MIN} of each are needed."
            )
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
            details={"rated": {str(name): len(each.texts) for name, each in rated.items()}},
        ),
        settings.run_id,
    )


def _rated(warehouse: Warehouse, settings: Settings, as_of: date) -> dict[Language, Rated]:
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
        "rating_share", "event_at", "available_at", comment=messages.comment.left(CHARACTERS_MAX)
    )
    rows = warehouse.read(chosen)
    marks: dict[Language, dict[str, bool]] = {language: {} for language in _LANGUAGES}
    moments: dict[Language, dict[str, datetime]] = {language: {} for language in _LANGUAGES}
    for row in rows.to_pylist():
        text = clean(row["comment"])
        language = language_of(text)
        if language is Language.NONE:
            continue
        if text not in marks[language]:
            if len(marks[language]) >= _TEXTS_MAX:
                continue
            marks[language][text] = row["rating_share"] > 0.5
        moment = max(row["event_at"], row["available_at"])
        moments[language][text] = min(moment, moments[language].get(text, moment))
    return {
        language: Rated(
            texts=list(marks[language]),
            is_positive=np.array(list(marks[language].values()), dtype=bool),
            available_at=list(moments[language].values()),
        )
        for language in _LANGUAGES
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
