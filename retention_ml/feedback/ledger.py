"""A shop's own weights as rows: `feedback.fits`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from retention_ml import clock
from retention_ml.errors import UnfitModel
from retention_ml.feedback.language import Language
from retention_ml.feedback.sentiment import OwnStars, digest_of
from retention_ml.warehouse import Transaction, Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """When weights were fitted last, and to how many rated messages."""

    as_of: date
    texts_count: int


def own_stars(warehouse: Warehouse, as_of: date | None) -> dict[Language, OwnStars]:
    """By language the newest weights in force up to a day, or up to now.

    Raises
    ------
    UnfitModel
        Stored weights are not those that were fitted.
    """
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT DISTINCT ON (language) language, texts_count, weights, intercept, sha256 "
            "FROM feedback.fits WHERE is_in_force AND (as_of <= :day OR CAST(:day AS date) IS NULL) "
            "ORDER BY language, as_of DESC, fit_id DESC",
            day=as_of,
        )
    return {
        Language(row.language): _loaded(
            bytes(row.weights), row.intercept, row.texts_count, row.sha256
        )
        for row in rows
    }


def _loaded(weights: bytes, intercept: float, texts_count: int, sha256: str) -> OwnStars:
    if digest_of(weights, intercept) != sha256:
        raise UnfitModel(
            "Weights in feedback.fits are not those that were fitted: their digest differs. No "
            "message was read with them. Take the row out of force (is_in_force = false); the next "
            "run fits new ones."
        )
    values = np.frombuffer(weights, dtype="<f2").astype(np.float64)
    return OwnStars(weights=values, intercept=intercept, texts_count=texts_count, sha256=sha256)


def newest_fits(transaction: Transaction, as_of: date) -> Mapping[Language, Fit]:
    """By language the newest fit up to a day, in force or not; none where it was changed since."""
    rows = transaction.execute(
        "SELECT DISTINCT ON (language) language, as_of, texts_count, weights, intercept, sha256 "
        "FROM feedback.fits WHERE as_of <= :day ORDER BY language, as_of DESC, fit_id DESC",
        day=as_of,
    )
    return {
        Language(row.language): Fit(as_of=row.as_of, texts_count=row.texts_count)
        for row in rows
        if digest_of(bytes(row.weights), row.intercept) == row.sha256
    }


def store(
    transaction: Transaction,
    stars: OwnStars,
    *,
    language: Language,
    as_of: date,
    evidence: Mapping[str, float | bool | str | None],
    run_id: str,
) -> None:
    """Append a fit; `evidence` has is_in_force, reason, starter_auc and auc."""
    transaction.insert_row(
        "feedback.fits",
        {
            "as_of": as_of,
            "language": str(language),
            "texts_count": stars.texts_count,
            **evidence,
            "weights": stars.weights.astype("<f2").tobytes(),
            "intercept": stars.intercept,
            "sha256": stars.sha256,
            "run_id": run_id,
            "fitted_at": clock.now(),
        },
    )
