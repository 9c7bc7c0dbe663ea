"""One scoring run as rows: who can be scored, what a reader will see, and its digest."""

import hashlib
import json
from collections.abc import Sequence

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.statistics.arrays import Bools

HORIZONS_DAYS = (7, 14, 30, 60, 90)
CUSTOMER_DAILY = ibis.table(
    {
        "snapshot_id": "int64",
        "as_of": "date",
        "customer_id": "string",
        "churn_probability": "float64",
        "risk_percentile": "float64",
        "risk_tier": "string",
        "tier_since": "date",
        "expected_value_at_risk_cents": "int64",
        **{f"reason_{rank}{suffix}": "string" for rank in (1, 2, 3) for suffix in ("_code", "")},
        "champion_probability": "float64",
        "challenger_probability": "float64",
        "arm": "string",
        "model_name": "string",
        "model_version": "string",
        "run_id": "string",
        "scored_at": "timestamp('UTC')",
        **{f"no_order_probability_{days}d": "float64" for days in HORIZONS_DAYS},
        "next_order_expected_on": "date",
    },
    name="customer_daily",
    database="scores",
)

# What is written as JSON as it is: days, whole numbers, and texts without these characters.
_PLAIN_TYPES = (pa.types.is_string, pa.types.is_date32, pa.types.is_integer)
_BYTES_MAX = 500_000_000  # of a column whose JSON Arrow holds as one text
_ESCAPED = r"[^ !#-\[\]-~]"
_STAMPS = {"snapshot_id", "run_id", "scored_at", "model_version"}
_NOT_SERVED = {"champion_probability", "challenger_probability"}


def unscorable(features: pa.Table, names: Sequence[str]) -> npt.NDArray[np.object_]:
    """Why each customer cannot be scored, None where they can, shape (n,).

    `no_features` where nothing that the model reads is known, `infinite_feature` where one of
    them has no finite value (a missing value is an ordinary thing and no reason).
    """
    reason = np.full(features.num_rows, None, dtype=object)
    if not names:
        return reason
    is_infinite = np.zeros(features.num_rows, dtype=np.bool_)
    is_missing = np.ones(features.num_rows, dtype=np.bool_)
    for name in names:
        values = column(features, name)
        is_infinite |= np.isinf(values)
        is_missing &= np.isnan(values)
    reason[is_infinite], reason[is_missing] = "infinite_feature", "no_features"
    return reason


def rows_where(table: pa.Table, mask: Bools) -> pa.Table:
    """The rows of a mask, shape (n,); the table itself where it is all of them."""
    return table if mask.all() else table.filter(pa.array(mask))


def column(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    """One column as float64, shape (n,), NaN where missing."""
    filled = pc.fill_null(table[name].cast(pa.float64()), float("nan"))
    return np.asarray(filled.to_numpy(), dtype=np.float64)


def digest(rows: pa.Table, exclusions: pa.Table) -> str:
    """SHA-256 of all that a reader sees except stamps; the order of the rows does not matter.

    Probabilities count to the last bit, and whose they are. Run, snapshot, time, registered
    version and the probabilities of both models that are not served do not count.

    Parameters
    ----------
    rows : pa.Table
        Columns of `scores.customer_daily`.
    exclusions : pa.Table
        `customer_id`, `reason_code`.
    """
    total = hashlib.sha256()
    for table in (rows, exclusions):
        ordered = table.sort_by("customer_id")
        for name in sorted(set(ordered.column_names) - _STAMPS - _NOT_SERVED):
            values = ordered[name]
            total.update(f"{name}:{len(values)}\n".encode())
            if pa.types.is_floating(values.type):
                total.update(np.asarray(values.to_numpy(), dtype="<f8").tobytes())
            else:
                total.update(_json(values))
    return total.hexdigest()


def _json(values: pa.ChunkedArray) -> bytes:
    """A column as JSON: the bytes of `json.dumps(values.to_pylist(), default=str)`."""
    is_plain = any(is_type(values.type) for is_type in _PLAIN_TYPES)
    is_plain = is_plain and 0 < values.nbytes < _BYTES_MAX
    texts = values.combine_chunks().cast(pa.string()) if is_plain else None
    if texts is None or pc.any(pc.match_substring_regex(texts, _ESCAPED)).as_py():
        return json.dumps(values.to_pylist(), default=str).encode()
    if not pa.types.is_integer(values.type):
        texts = pc.binary_join_element_wise('"', texts, '"', "")
    texts = pc.fill_null(texts, "null")
    row = pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts)
    return f"[{pc.binary_join(row, ', ')[0].as_py()}]".encode()
