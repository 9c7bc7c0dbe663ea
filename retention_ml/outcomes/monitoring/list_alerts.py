"""Whether published lists were worse than what each customer bought most often."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from retention_ml.outcomes.monitoring.alerts import Alert
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

# Of the ranker that makes the lists now: what an earlier one did is over, and without a ranker
# there is nothing to go back from.
_WINDOWS = (
    "SELECT performance.as_of, manifest.horizon_days, performance.customers_count, "
    "published.value AS ndcg, performance.value AS frequency_ndcg, performance.difference, "
    "performance.difference_lower, performance.difference_upper "
    "FROM outcomes.list_performance AS performance JOIN outcomes.list_performance AS published "
    "USING (snapshot_id, list, metric) JOIN recommendations.snapshots AS manifest "
    "USING (snapshot_id) WHERE performance.method = 'personal_frequency' "
    "AND published.method = 'published' AND list = 'mixed' AND metric = 'ndcg' "
    "AND performance.known_as_of <= :as_of AND manifest.bundle_sha256 = "
    "(SELECT bundle_sha256 FROM recommendations.published JOIN recommendations.snapshots "
    "USING (snapshot_id, as_of) WHERE as_of <= :as_of ORDER BY as_of DESC LIMIT 1) "
    "ORDER BY performance.as_of DESC"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWindow:
    """The mixed lists of a published day beside those by personal frequency."""

    as_of: date
    horizon_days: int
    customers_count: int
    ndcg: float
    frequency_ndcg: float
    difference: float
    difference_lower: float | None
    difference_upper: float | None

    def is_below(self, customers_min: int) -> bool:
        """Whether the lists were worse beyond chance, among enough customers."""
        upper = self.difference_upper
        return upper is not None and upper < 0 and self.customers_count >= customers_min


def separate_windows(windows: Sequence[ListWindow], count: int) -> list[ListWindow]:
    """The newest windows that do not overlap, newest first.

    Lists of two days in a row are about nearly the same purchases: they are one piece of evidence.

    Parameters
    ----------
    windows : sequence of ListWindow
        Newest first.
    """
    chosen: list[ListWindow] = []
    for window in windows:
        end = window.as_of + timedelta(days=window.horizon_days)
        if len(chosen) < count and (not chosen or end <= chosen[-1].as_of):
            chosen.append(window)
    return chosen


def list_alerts(warehouse: Warehouse, settings: Settings, as_of: date) -> list[Alert]:
    """An alert if the ranker's lists fell below personal frequency in the newest window and often."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(_WINDOWS, as_of=as_of)
    monitoring = settings.monitoring
    windows = separate_windows([ListWindow(**row._asdict()) for row in rows], monitoring.windows)
    below = [each for each in windows if each.is_below(monitoring.list_customers_min)]
    if not below or below[0] != windows[0] or len(below) < monitoring.windows_beyond:
        return []
    newest = below[0]
    return [
        Alert(
            kind="lists_below_frequency",
            subject="recommended products",
            severity="warning",
            sentence=f"The lists of {newest.as_of} were worse than what each customer bought most "
            f"often: NDCG@10 of the mixed list {newest.ndcg:.3f} against {newest.frequency_ndcg:.3f} "
            f"({newest.difference:+.3f}, 95 % interval {newest.difference_lower:+.3f} to "
            f"{newest.difference_upper:+.3f}, {newest.customers_count:,} customers), and so were "
            f"those of {len(below)} of the last {len(windows)} windows. Look at what filters take off "
            "(reports.recommendation_filters: with not_again_days the most probable products go), "
            "or go back: `retention rollback --of recommendations --reason …`.",
            evidence={
                "windows": [
                    {
                        "as_of": str(each.as_of),
                        "customers_count": each.customers_count,
                        "ndcg": round(each.ndcg, 6),
                        "personal_frequency_ndcg": round(each.frequency_ndcg, 6),
                        "is_below": each in below,
                    }
                    for each in windows
                ]
            },
        )
    ]
