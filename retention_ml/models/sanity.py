"""Whether what a model says can be meant: finite probabilities that tell customers apart."""

from datetime import date

import ibis
import numpy as np
import pyarrow as pa

from retention_ml.features import store
from retention_ml.models.arrays import Floats
from retention_ml.models.bundle import Bundle
from retention_ml.warehouse import Warehouse

CUSTOMERS_MAX = 2_000
_CUSTOMERS_MIN = 20
_SPREAD_MIN = 1e-6


def fault_in(probability: Floats) -> str | None:
    """Why these probabilities, shape (n,), cannot be served; None if nothing is wrong with them.

    Of fewer than 20 customers it is not asked that they differ.

    Examples
    --------
    >>> fault_in(np.linspace(0.1, 0.9, 50))
    >>> fault_in(np.full(50, 0.3))
    'it gives all 50 customers the same probability (0.300)'
    """
    if not np.isfinite(probability).all():
        count = int((~np.isfinite(probability)).sum())
        return f"{count:,} of {len(probability):,} probabilities are not finite"
    if ((probability < 0) | (probability > 1)).any():
        count = int(((probability < 0) | (probability > 1)).sum())
        return f"{count:,} of {len(probability):,} probabilities are not between 0 and 1"
    if len(probability) >= _CUSTOMERS_MIN and float(np.ptp(probability)) < _SPREAD_MIN:
        return (
            f"it gives all {len(probability):,} customers the same probability "
            f"({float(probability[0]):.3f})"
        )
    return None


def fault_on(bundle: Bundle, rows: pa.Table) -> str | None:
    """The same, of what a bundle says about customers' features; explanations are tried too."""
    wrong = fault_in(bundle.predict(rows))
    if wrong is None and rows.num_rows:
        added, base = bundle.contributions(rows)
        if not (np.isfinite(added).all() and np.isfinite(base)):
            wrong = "its explanations are not finite"
    return wrong


def newest_rows(warehouse: Warehouse, features: tuple[str, ...]) -> tuple[date | None, pa.Table]:
    """The newest day with features, and those of up to 2,000 of its customers, without their ids."""
    days = store.built_days(warehouse)
    if not days:
        return None, pa.table({name: pa.array([], pa.float64()) for name in features})
    store.ensure_columns(warehouse)
    newest = max(days)
    some: ibis.Table = store.rows_of([newest]).order_by("customer_id").limit(CUSTOMERS_MAX)
    return newest, warehouse.read(some.select(*features))
