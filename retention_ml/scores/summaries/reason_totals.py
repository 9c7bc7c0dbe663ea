"""How many customers of a snapshot have reasons of which family, by tier.

Counted when the scores are in memory and written with them: a snapshot never changes.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_PLACES = (1, 2, 3)


def reason_totals(rows: pa.Table) -> pa.Table:
    """Customers, first reasons, value and the most frequent sentence of each tier and family.

    Parameters
    ----------
    rows : pa.Table
        `risk_tier`, `expected_value_at_risk_cents`, `reason_1_code`, `reason_1` and those of the
        other two reasons, of `scores.customer_daily`, shape (n,).

    Returns
    -------
    pa.Table
        `risk_tier`, `family`, `customers_count`, `first_count`, `value_at_risk_cents`, `example`, by
        tier and family. Of equally frequent sentences the first by its letters.

    Examples
    --------
    >>> nothing = pa.nulls(1, pa.string())
    >>> rows = pa.table({"risk_tier": ["high"], "expected_value_at_risk_cents": [900],
    ...     "reason_1_code": ["gaps/gap_mean_days"], "reason_1": ["Slower"],
    ...     **{f"reason_{place}{part}": nothing for place in (2, 3) for part in ("_code", "")}})
    >>> reason_totals(rows).drop_columns("risk_tier").to_pylist()
    [{'family': 'gaps', 'customers_count': 1, 'first_count': 1, 'value_at_risk_cents': 900, \
'example': 'Slower'}]
    """
    reasons = pa.concat_tables([_reasons(rows, place) for place in _PLACES])
    key = ["risk_tier", "family"]
    totals = reasons.group_by(key).aggregate(
        [([], "count_all"), ("is_first", "sum"), ("cents", "sum")]
    )
    sentences = (
        reasons.group_by([*key, "words"])
        .aggregate([([], "count_all")])
        .sort_by(
            [
                *((name, "ascending") for name in key),
                ("count_all", "descending"),
                ("words", "ascending"),
            ]
        )
    )
    examples = sentences.group_by(key, use_threads=False).aggregate([("words", "first")])
    order = [(name, "ascending") for name in key]
    totals, examples = totals.sort_by(order), examples.sort_by(order)
    return pa.table(
        {
            "risk_tier": totals["risk_tier"],
            "family": totals["family"],
            "customers_count": totals["count_all"],
            "first_count": totals["is_first_sum"].cast(pa.int64()),
            "value_at_risk_cents": totals["cents_sum"],
            "example": examples["words_first"],
        }
    )


def _reasons(rows: pa.Table, place: int) -> pa.Table:
    """The reasons in one place of those who have one."""
    codes = rows[f"reason_{place}_code"].combine_chunks().dictionary_encode()
    families = pa.array(
        [code.partition("/")[0] for code in codes.dictionary.to_pylist()], pa.string()
    )
    listed = pa.table(
        {
            "risk_tier": rows["risk_tier"].combine_chunks(),
            "family": families.take(codes.indices),
            "words": rows[f"reason_{place}"].combine_chunks(),
            "is_first": pa.array(np.full(rows.num_rows, int(place == 1))),
            "cents": rows["expected_value_at_risk_cents"].combine_chunks(),
        }
    )
    return listed.filter(pc.is_valid(listed["family"]))
