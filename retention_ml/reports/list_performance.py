"""How good published lists were, for the command line."""

from datetime import date

from retention_ml.reports.read import Row, select
from retention_ml.warehouse import Warehouse

_DAYS_SHOWN = 8


def list_performance(warehouse: Warehouse, *, until: date | None = None) -> list[Row]:
    """NDCG and recall of the lists of the newest measured days up to a day, oldest first.

    A row per day and list: how many customers, the published lists, personal frequency and best
    sellers, and the published lists' advantage over personal frequency with its 95 % interval.
    """
    return select(
        warehouse,
        "WITH measured AS (SELECT * FROM reports.recommendation_performance "
        "WHERE evidence = 'outcomes' AND as_of <= coalesce(CAST(:until AS date), as_of) "
        "AND known_as_of <= coalesce(CAST(:until AS date), known_as_of)), "
        "days AS (SELECT DISTINCT as_of FROM measured ORDER BY as_of DESC LIMIT :shown) "
        "SELECT as_of, list, max(lists_by) AS lists_by, max(customers_count) AS customers_count, "
        f"{_figure('published', 'ndcg')} AS ndcg, "
        f"{_figure('personal_frequency', 'ndcg')} AS personal_frequency_ndcg, "
        f"{_figure('best_sellers', 'ndcg')} AS best_sellers_ndcg, "
        f"{_figure('personal_frequency', 'ndcg', 'difference')} AS difference, "
        f"{_figure('personal_frequency', 'ndcg', 'difference_lower')} AS difference_lower, "
        f"{_figure('personal_frequency', 'ndcg', 'difference_upper')} AS difference_upper, "
        f"{_figure('published', 'recall')} AS recall, {_figure('published', 'hit')} AS hit, "
        f"{_figure('published', 'coverage')} AS coverage "
        "FROM measured JOIN days USING (as_of) GROUP BY as_of, list "
        "ORDER BY as_of, CASE list WHEN 'mixed' THEN 1 WHEN 'again' THEN 2 ELSE 3 END",
        until=until,
        shown=_DAYS_SHOWN,
    )


def lists_in_words(warehouse: Warehouse) -> str | None:
    """How good the mixed lists of the newest measured day were; None before the first."""
    rows = [row for row in list_performance(warehouse) if row["list"] == "mixed"]
    if not rows:
        return None
    newest = rows[-1]
    return (
        "NDCG@10 {ndcg:.3f} of those of {as_of}, personal frequency {personal_frequency_ndcg:.3f}, "
        "best sellers {best_sellers_ndcg:.3f} ({customers_count:,} customers)".format(**newest)
    )


def _figure(method: str, metric: str, column: str = "value") -> str:
    return f"max({column}) FILTER (WHERE method = '{method}' AND metric = '{metric}')"
