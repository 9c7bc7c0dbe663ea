"""Explains how one customer's published score came about, to the last contribution."""

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml.errors import NotReady, RegistryError, UsageError
from retention_ml.features import store
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.scores import arms, reasons, served
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import sigmoid
from retention_ml.warehouse import Warehouse

_REBUILT = "The features of that day have been rebuilt since; score the day again."
_PROBABILITY_TOLERANCE = 1e-9


def explain(
    warehouse: Warehouse, *, settings: Settings, customer_id: str, as_of: date | None = None
) -> dict[str, Any]:
    """A published score with what every family and feature added to it, in log-odds.

    Of the latest published day, or of `as_of`.

    Returns
    -------
    dict
        The row of `reports.customer_risk`, `base_log_odds`, and as lists of dicts `families`
        (strongest push towards churn first) and `features` (likewise), by the model that scored,
        whether or not it still serves. If it or the features that it scored are gone, the lists
        are empty and `note` says so.

    Raises
    ------
    UsageError
        The customer has no published score on that day.
    """
    row = _published_score(warehouse, customer_id, as_of)
    bundle_sha256, features_digest = row.pop("bundle_sha256"), row.pop("features_digest")
    minor_units = row.pop("minor_units")
    row |= {"note": None, "base_log_odds": None, "families": [], "features": []}
    try:
        bundle = served.bundle_that_scored(
            settings, arm=row["arm"], version=row["model_version"], sha256=bundle_sha256
        )
    except RegistryError as error:
        row["note"] = (
            f"The model that scored ({row['model_name']} v{row['model_version']}) cannot be read, "
            f"so only its stored reasons can be shown. {error}"
        )
        return row
    try:
        features, newest_digest = store.read_customer(warehouse, row["as_of"], customer_id)
    except NotReady as error:
        row["note"] = f"Only the stored reasons can be shown. {error}"
        return row
    if features.num_rows != 1 or newest_digest != features_digest:
        row["note"] = _REBUILT
        return row
    contributions = _contributions(bundle, features, minor_units)
    # The digest is that of all rows, and only one was read: the score itself says whether it is
    # the row that was scored.
    if abs(_probability(contributions) - row["churn_probability"]) > _PROBABILITY_TOLERANCE:
        row["note"] = _REBUILT
        return row
    return row | contributions


def _published_score(warehouse: Warehouse, customer_id: str, as_of: date | None) -> dict[str, Any]:
    """The customer's row of the day, with the digests of the bundle and features behind it."""
    with warehouse.transaction() as transaction:
        scores = transaction.execute(
            "SELECT risk.*, manifest.features_digest, manifest.minor_units, "
            "CASE risk.arm WHEN :challenger "
            "THEN manifest.challenger_bundle_sha256 ELSE manifest.bundle_sha256 END AS bundle_sha256 "
            "FROM reports.customer_risk_history AS risk "
            "JOIN scores.snapshots AS manifest USING (snapshot_id) "
            "WHERE risk.customer_id = :customer AND risk.as_of = "
            "coalesce(:as_of, (SELECT max(as_of) FROM scores.published))",
            customer=customer_id,
            challenger=arms.CHALLENGER,
            as_of=as_of,
        )
    if not scores:
        raise UsageError(
            f"That customer has no published score of {as_of or 'the latest day'}: "
            "there is no such customer, or none with a recent order, and only those are scored. "
            "`retention status` names the published day."
        )
    row = dict(scores[0]._mapping)
    row["expected_value_at_risk"] = float(row["expected_value_at_risk"])
    return row


def _probability(contributions: dict[str, Any]) -> float:
    """The churn probability that contributions add up to."""
    added = sum(family["log_odds"] for family in contributions["families"])
    return float(sigmoid(np.array([contributions["base_log_odds"] + added]))[0])


def _contributions(bundle: Bundle, features: pa.Table, minor_units: int) -> dict[str, Any]:
    """`base_log_odds`, `families` and `features` of the one customer of a feature table."""
    contributions, base = bundle.contributions(features)
    names = bundle.features
    families, total = reasons.by_family(contributions, names)
    return {
        "base_log_odds": float(base),
        "families": [
            {"family": families[place], "log_odds": float(total[0, place])}
            for place in np.argsort(-total[0], kind="stable")
        ],
        "features": [
            {
                "feature": names[place],
                "value": features[names[place]][0].as_py(),
                "log_odds": float(contributions[0, place]),
                "sentence": reasons.sentence(names[place], features, minor_units),
            }
            for place in np.argsort(-contributions[0], kind="stable")
            if contributions[0, place] != 0
        ],
    }
