"""Whether predictions are plausible: finite probabilities that tell customers apart."""

import numpy as np
import pyarrow as pa

from retention_ml.models.bundle.bundle import Bundle
from retention_ml.statistics.arrays import Floats

_CUSTOMERS_MIN = 20
_SPREAD_MIN = 1e-6


def fault_in(probability: Floats) -> str | None:
    """Why these probabilities, shape (n,), cannot be served; None if nothing is wrong with them.

    With fewer than 20 customers they need not differ.

    Examples
    --------
    >>> fault_in(np.linspace(0.1, 0.9, 50))
    >>> fault_in(np.full(50, 0.3))
    'it gives all 50 customers the same probability (0.300)'
    """
    for is_wrong, what in (
        (~np.isfinite(probability), "finite"),
        ((probability < 0) | (probability > 1), "between 0 and 1"),
    ):
        if is_wrong.any():
            return f"{is_wrong.sum():,} of {len(probability):,} probabilities are not {what}"
    if len(probability) >= _CUSTOMERS_MIN and float(np.ptp(probability)) < _SPREAD_MIN:
        return (
            f"it gives all {len(probability):,} customers the same probability "
            f"({float(probability[0]):.3f})"
        )
    return None


def fault_on(bundle: Bundle, rows: pa.Table) -> str | None:
    """The same for a bundle's predictions from features; explanations are checked too."""
    wrong = fault_in(bundle.predict(rows))
    if wrong is None and rows.num_rows:
        added, base = bundle.contributions(rows)
        if not (np.isfinite(added).all() and np.isfinite(base)):
            wrong = "its explanations are not finite"
    return wrong
