"""How the features that changed most are distributed, on a day and four weeks before it."""

from collections import OrderedDict
from datetime import date
from threading import Lock

from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.reports.site.days import PublishedDay, before
from retention_ml.reports.site.look import Look
from retention_ml.reports.site.reading import Row, Select

_COLUMNS_SHOWN = 6
_DISTANCE_DAYS = 28
_REMEMBERED_MAX = 200
_remembered: OrderedDict[tuple[str, str, str, str], list[Row]] = OrderedDict()
_turn = Lock()


def distributions(look: Look) -> tuple[date | None, list[Row]]:
    """The earlier day, and rows by column and bucket; nothing where there is no earlier day.

    A column that was empty for everybody on the earlier day has no buckets, so it is left out.

    A bucket is a tenth of the customers of the earlier day, as far as values differ. What was
    computed once for the same features is remembered: a day of a large shop takes a second.
    """
    day = look.day
    earlier = before(look.days, day, _DISTANCE_DAYS) if day else None
    if day is None or earlier is None:
        return None, []
    rows = []
    for name in _most_changed(look.select, day):
        key = (look.warehouse_name, earlier.features_digest, day.features_digest, name)
        with _turn:
            column = _remembered.get(key)
        if column is None:
            column = _distribution(look.select, name, earlier, day)
            with _turn:
                _remembered[key] = column
                while len(_remembered) > _REMEMBERED_MAX:
                    _remembered.popitem(last=False)
        rows += column
    return earlier.as_of, rows


def _most_changed(select: Select, day: PublishedDay) -> list[str]:
    """Features by how far their distribution moved, the farthest first."""
    rows = select(
        "SELECT name FROM reports.drift WHERE snapshot_id = :snapshot AND kind = 'input' "
        "AND measure = 'psi' AND threshold IS NOT NULL ORDER BY value DESC, name",
        snapshot=day.snapshot_id,
    )
    # The name becomes part of a statement, so it has to be one that the platform made.
    return [row["name"] for row in rows if row["name"] in FEATURE_NAMES][:_COLUMNS_SHOWN]


def _distribution(select: Select, name: str, earlier: PublishedDay, day: PublishedDay) -> list[Row]:
    rows = select(
        f"WITH edge AS (SELECT percentile_disc(ARRAY[.1,.2,.3,.4,.5,.6,.7,.8,.9]::float8[]) "
        f'WITHIN GROUP (ORDER BY "{name}"::float8) AS edges FROM features.customer_daily '
        "WHERE as_of = :then_on), low AS MATERIALIZED (SELECT (SELECT array_agg(DISTINCT one "
        "ORDER BY one) FROM unnest(edge.edges) AS one) AS edges FROM edge), "
        # How many edges lie below a value: `width_bucket` counts one that equals it too.
        f'counted AS (SELECT as_of, width_bucket("{name}"::float8, low.edges) '
        f'- ("{name}"::float8 = ANY(low.edges))::int AS bucket, count(*) AS customers_count '
        "FROM features.customer_daily CROSS JOIN low WHERE as_of IN (:then_on, :now_on) "
        f'AND "{name}" IS NOT NULL GROUP BY 1, 2) SELECT bucket, '
        "coalesce(sum(customers_count) FILTER (WHERE as_of = :then_on), 0) AS then_count, "
        "coalesce(sum(customers_count) FILTER (WHERE as_of = :now_on), 0) AS now_count, "
        "(SELECT edges FROM low) AS edges FROM counted GROUP BY bucket ORDER BY bucket",
        then_on=earlier.as_of,
        now_on=day.as_of,
    )
    if not rows or rows[0]["edges"] is None:  # nobody had a value then
        return []
    then_count = sum(row["then_count"] for row in rows) or 1
    now_count = sum(row["now_count"] for row in rows) or 1
    return [
        {
            "column_name": name,
            "label": f"{row['edges'][row['bucket']]:.4g}"
            if row["bucket"] < len(row["edges"])
            else f"above {row['edges'][-1]:.4g}",
            "then_share": row["then_count"] / then_count,
            "now_share": row["now_count"] / now_count,
        }
        for row in rows
    ]
