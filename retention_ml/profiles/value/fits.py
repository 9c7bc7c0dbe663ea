"""What was learnt about value in `profiles.value_fits`, and which of it counts on a day."""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.errors import UnfitModel
from retention_ml.profiles.value.fit import ValueFit
from retention_ml.warehouse import Transaction, Warehouse

logger = logging.getLogger(__name__)


def newest_fit(transaction: Transaction, as_of: date, horizon_days: int) -> Any:
    """The newest fit of a horizon up to a day: the one that counts on it; None without one."""
    rows = transaction.execute(
        "SELECT value_fit_id, as_of, fit_sha256, files, reason FROM profiles.value_fits "
        "WHERE as_of <= :as_of AND horizon_days = :horizon_days "
        "ORDER BY as_of DESC, value_fit_id DESC LIMIT 1",
        as_of=as_of,
        horizon_days=horizon_days,
    )
    return rows[0] if rows else None


def first_after(transaction: Transaction, as_of: date, horizon_days: int) -> date | None:
    """The day of the first fit of a horizon after a day, None without one."""
    [row] = transaction.execute(
        "SELECT min(as_of) AS as_of FROM profiles.value_fits "
        "WHERE as_of > :as_of AND horizon_days = :horizon_days",
        as_of=as_of,
        horizon_days=horizon_days,
    )
    day: date | None = row.as_of
    return day


def newest_published(transaction: Transaction) -> date | None:
    """The newest day whose profiles were published, None without any."""
    [row] = transaction.execute("SELECT max(as_of) AS as_of FROM profiles.published")
    day: date | None = row.as_of
    return day


def store(transaction: Transaction, fit: ValueFit, manifest: Mapping[str, Any], run_id: str) -> int:
    """Keep a fit; its number."""
    row = transaction.insert_row(
        "profiles.value_fits",
        {
            **manifest,
            "as_of": fit.as_of,
            "horizon_days": fit.horizon_days,
            "learned_share": fit.learned_share,
            "fit_sha256": fit.sha256,
            "files": {name: text.decode() for name, text in fit.files().items()},
            "run_id": run_id,
            "fitted_at": clock.now(),
        },
        returning="value_fit_id",
    )
    assert row is not None
    return int(row[0])


def load(row: Any) -> ValueFit:
    """The fit of a row of `newest_fit`.

    Raises
    ------
    UnfitModel
        Its files are not those of the digest, or this version does not read them.
    """
    fit = ValueFit.from_files({name: str(text).encode() for name, text in row.files.items()})
    if fit.sha256 != row.fit_sha256:
        raise UnfitModel(
            f"What was learnt about value on {row.as_of} has the digest {fit.sha256[:12]}, expected "
            f"{row.fit_sha256[:12]}: it was changed by hand. It is left out until the next fit."
        )
    return fit


def fault_in(row: Any) -> str | None:
    """Why the fit of a row of `newest_fit` cannot be used, in a sentence; None where it can."""
    try:
        load(row)
    except UnfitModel as error:
        return str(error)
    return None


def fit_in_force(
    warehouse: Warehouse, as_of: date, horizon_days: int
) -> tuple[ValueFit | None, str | None]:
    """The fit that counts on a day, or None, and why it is left out where it cannot be used."""
    with warehouse.transaction() as transaction:
        row = newest_fit(transaction, as_of, horizon_days)
    try:
        return (load(row) if row else None), None
    except UnfitModel as error:
        logger.warning("%s", error)
        return None, str(error)
