"""What must hold of computed features before they are stored."""

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.errors import AccountingError
from retention_ml.features.catalogue import FEATURE_NAMES


def require_sound(rows: pa.Table, *, as_of: str, customers: int, active_days: int) -> None:
    """Raise unless one day's `customer_id` and features are complete and sound.

    `customers` were active, counted independently.

    Raises
    ------
    AccountingError
        If a customer is missing or doubled, a value is NaN or infinite, or a customer is not
        active.
    """
    distinct = pc.count_distinct(rows["customer_id"]).as_py()
    if rows.num_rows != customers or distinct != customers:
        raise AccountingError(
            f"The features of {as_of} have {rows.num_rows:,} rows for {distinct:,} customers, but "
            f"{customers:,} customers were active. Nothing was stored. Please report this as a "
            "defect."
        )
    for name in FEATURE_NAMES:
        unsound = pc.any(pc.invert(pc.is_finite(rows[name]))).as_py()
        if unsound:
            raise AccountingError(
                f"The feature {name} of {as_of} is NaN or infinite for at least one customer; "
                "expected a number or nothing. Nothing was stored. Please report this as a defect."
            )
    recency = pc.min_max(rows["recency_days"]).as_py()
    if recency["min"] < 1 or recency["max"] > active_days:
        raise AccountingError(
            f"recency_days of {as_of} runs from {recency['min']:.0f} to {recency['max']:.0f}; "
            f"expected 1 to {active_days}. Nothing was stored. Please report this as a defect."
        )
