"""Some of the customers, the same ones on every day, chosen in the database."""

import ibis

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
    if share >= 1:
        return table
    bound = format(max(0, int(share * 16**_DIGITS)), f"0{_DIGITS}x")
    return table.filter(md5(table.customer_id) < bound)
