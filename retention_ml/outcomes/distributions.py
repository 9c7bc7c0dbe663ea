"""How the features that changed most are distributed, on a published day and on an earlier one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.warehouse import Transaction

NAMES_MAX = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A row of `outcomes.distributions`: customers per bucket of a feature, then and now.

    Parameters
    ----------
    name : str
        The feature.
    edges : list of float, shape (k,)
        The tenths of then, rising, equal ones once. An edge belongs to the bucket below it.
    reference_counts, counts : list of int, shape (k + 1,)
        Customers up to each edge and above the last, then and now. Missing values are not counted.
    """

    name: str
    edges: list[float]
    reference_counts: list[int]
    counts: list[int]


def distributions(
    transaction: Transaction, names: Sequence[str], *, as_of: date, reference: date
) -> list[Distribution]:
    """The distributions of features, in the order given.

    A feature that was missing for everybody on the earlier day has no buckets, so it is left out.
    """
    # A name becomes part of a statement, so it has to be one that the platform made.
    wanted = [name for name in names if name in FEATURE_NAMES]
    every = [_distribution(transaction, name, as_of, reference) for name in wanted]
    return [one for one in every if one is not None]


def _distribution(
    transaction: Transaction, name: str, as_of: date, reference: date
) -> Distribution | None:
    rows = transaction.execute(
        f"WITH edge AS (SELECT percentile_disc(ARRAY[.1,.2,.3,.4,.5,.6,.7,.8,.9]::float8[]) "
        f'WITHIN GROUP (ORDER BY "{name}"::float8) AS edges FROM features.customer_daily '
        "WHERE as_of = :then_on), low AS MATERIALIZED (SELECT (SELECT array_agg(DISTINCT one "
        "ORDER BY one) FROM unnest(edge.edges) AS one) AS edges FROM edge), "
        # How many edges lie below a value: `width_bucket` counts one that equals it too.
        f'counted AS (SELECT as_of, width_bucket("{name}"::float8, low.edges) '
        f'- ("{name}"::float8 = ANY(low.edges))::int AS bucket, count(*) AS customers_count '
        "FROM features.customer_daily CROSS JOIN low WHERE as_of IN (:then_on, :now_on) "
        f'AND "{name}" IS NOT NULL GROUP BY 1, 2) SELECT bucket, '
        "coalesce(sum(customers_count) FILTER (WHERE as_of = :then_on), 0)::bigint AS then_count, "
        "coalesce(sum(customers_count) FILTER (WHERE as_of = :now_on), 0)::bigint AS now_count, "
        "(SELECT edges FROM low) AS edges FROM counted GROUP BY bucket ORDER BY bucket",
        then_on=reference,
        now_on=as_of,
    )
    if not rows or rows[0].edges is None:  # nobody had a value then
        return None
    edges = list(rows[0].edges)
    reference_counts, counts = ([0] * (len(edges) + 1) for _ in range(2))
    for row in rows:
        reference_counts[row.bucket], counts[row.bucket] = row.then_count, row.now_count
    return Distribution(name=name, edges=edges, reference_counts=reference_counts, counts=counts)


def write_distributions(
    transaction: Transaction,
    snapshot_id: int,
    reference: date | None,
    rows: Sequence[Distribution],
) -> None:
    """Replace what is stored for a snapshot; `rows` go from the feature that changed most."""
    transaction.execute(
        "DELETE FROM outcomes.distributions WHERE snapshot_id = :id", id=snapshot_id
    )
    for place, row in enumerate(rows, 1):
        transaction.insert_row(
            "outcomes.distributions",
            {
                "snapshot_id": snapshot_id,
                "place": place,
                "reference_as_of": reference,
                **asdict(row),
            },
        )
