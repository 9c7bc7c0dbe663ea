"""Some of the customers, the same ones on every day, chosen in the database."""

import hashlib

import ibis
import numpy as np
import pyarrow as pa

from retention_ml.statistics.arrays import Bools

_DIGITS = 8


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def md5(text: str) -> str:  # type: ignore[empty-body]
    """The digest of a text as 32 hexadecimal digits: a function of the database."""


def sampled(table: ibis.Table, share: float) -> ibis.Table:
    """The rows of about `share` of the customers, decided by their ids alone.

    Parameters
    ----------
    table : ibis.Table
        Has `customer_id`.
    share : float
        From 0 to 1; at 1 the table as it is.
    """
    return table if share >= 1 else table.filter(md5(table.customer_id) < _bound(share))


def is_sampled(customers: pa.Array, share: float) -> Bools:
    """Which of some customers `sampled` would choose, shape (n,)."""
    if share >= 1:
        return np.ones(len(customers), dtype=bool)
    bound = _bound(share)
    encoded = customers.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    mask = [hashlib.md5(name.encode(), usedforsecurity=False).hexdigest() < bound for name in names]
    return np.asarray(np.array(mask, dtype=bool)[encoded.indices.to_numpy()])


def _bound(share: float) -> str:
    return format(max(0, int(share * 16**_DIGITS)), f"0{_DIGITS}x")
