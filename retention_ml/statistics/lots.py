"""Lots: each customer's place in [0, 1), from a salt and the customer's number.

A place comes from SHA-256 of both: the same on every day and in every order of the rows, and
unrelated to anything that was observed about the customer. Who lies below a share is drawn, so that
a larger share only adds customers. Another salt draws anew; a salt therefore begins with its purpose
(`holdout:h1`, `lot:p3:2026-03-01`), so that no two draws are the same one by accident.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from retention_ml.statistics.arrays import Bools, Floats

_BITS = 52  # exact in a double, and in what `place_sql` computes in the database


def places(customer_ids: Sequence[str], salt: str) -> Floats:
    """Each customer's place in [0, 1), shape (n,).

    The first 52 bits of SHA-256 over the salt, a zero byte and the number, as a fraction.

    Examples
    --------
    >>> places(["12345", "12346"], "1").round(4).tolist()
    [0.0696, 0.6647]
    """
    sha256, before = hashlib.sha256, salt.encode() + b"\0"
    heads = b"".join(sha256(before + one.encode()).digest()[:8] for one in customer_ids)
    whole = np.frombuffer(heads, dtype=">u8") >> np.uint64(64 - _BITS)
    return np.asarray(whole / 2.0**_BITS, dtype=np.float64)


def place_sql(salt: str, customer_id: str) -> str:
    """The same place as an expression of Postgres, for audits that draw a second time.

    Parameters
    ----------
    salt, customer_id : str
        SQL expressions of type text: columns or parameters, never values.

    Examples
    --------
    >>> "convert_to(s.salt, 'UTF8')" in place_sql("s.salt", "c.customer_id")
    True
    """
    return (
        f"CAST(CAST('x' || left(encode(sha256(convert_to({salt}, 'UTF8') "
        f"|| decode('00', 'hex') || convert_to({customer_id}, 'UTF8')), 'hex'), 13) AS bit(52)) "
        "AS bigint) / CAST(4503599627370496 AS double precision)"
    )


def in_proportion(weights: Floats, places: Floats) -> Bools:
    """Which rows to take so that each counts once and all are in proportion to their weights.

    Rejection sampling: the rows of the largest weight are taken for certain.

    Parameters
    ----------
    weights : array of float64, shape (n,)
        0 is never taken.
    places : array of float64, shape (n,)
        In [0, 1), independent of everything else about the rows.

    Examples
    --------
    >>> in_proportion(np.array([0.0, 2.0, 1.0, 1.0]), np.array([0.0, 0.9, 0.4, 0.6])).tolist()
    [False, True, True, False]
    """
    return np.asarray(places * weights.max(initial=0.0) < weights)
