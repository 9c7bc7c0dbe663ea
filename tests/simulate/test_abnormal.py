"""Planted customers: ordinary ones stay as they are, each kind does what it is known for."""

from pathlib import Path

import duckdb
import pytest

from retention_ml.errors import UsageError
from retention_ml.simulate import simulate

_LINES = ("customer_id", "ordered_at", "product_id", "quantity", "amount")


def _shop(folder: Path, abnormal: str | None) -> duckdb.DuckDBPyConnection:
    """The feeds of a small shop as tables, and who was planted."""
    simulate(
        customers=400, days=200, seed=4, out=folder, defect_share=0, abnormal=abnormal,
        abnormal_share=0.1,
    )  # fmt: skip
    database = duckdb.connect()
    for feed in ("order_lines", "events", "feedback", "customers", "campaign_contacts"):
        database.execute(
            f"CREATE TABLE {feed} AS SELECT * FROM read_csv('{folder}/{feed}_*.csv', header = true)"
        )
    truth = folder / "truth" / "abnormal_customers.parquet"
    if truth.exists():
        database.execute(f"CREATE TABLE planted AS SELECT * FROM read_parquet('{truth}')")
    return database


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    return _shop(tmp_path_factory.mktemp("planted"), "plain")


def test_ordinary_customers_do_exactly_what_they_do_without_plants(
    planted: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    alone = _shop(tmp_path, None)
    for feed, names in {
        "order_lines": ", ".join(_LINES),
        "events": "customer_id, event_at, event_type, product_id",
        "feedback": "customer_id, given_at, kind, rating, product_id",
        "customers": "*",
        "campaign_contacts": "*",
    }.items():
        rows = alone.execute(f"SELECT {names} FROM {feed} ORDER BY ALL").fetchall()
        others = planted.execute(
            f"SELECT {names} FROM {feed} WHERE customer_id NOT IN "
            "(SELECT customer_id FROM planted) ORDER BY ALL"
        ).fetchall()
        assert len(rows) > 100
        assert rows == others


def test_a_quarter_of_the_planted_is_of_each_kind(planted: duckdb.DuckDBPyConnection) -> None:
    kinds = planted.execute("SELECT kind, count(*) FROM planted GROUP BY 1 ORDER BY 1").fetchall()
    assert kinds == [("bot", 10), ("brusher", 10), ("reseller", 10), ("returner", 10)]


def test_each_kind_does_what_it_is_known_for(planted: duckdb.DuckDBPyConnection) -> None:
    def figure(sql: str) -> dict[str, float]:
        rows = planted.execute(
            f"SELECT coalesce(planted.kind, 'ordinary'), {sql} LEFT JOIN planted USING (customer_id) GROUP BY 1"
        ).fetchall()
        return {kind: float(value) for kind, value in rows}

    views = figure("count(*) / count(DISTINCT session_id) FROM events")
    assert views["bot"] > 5 * views["ordinary"]
    pieces = figure("avg(quantity) FILTER (WHERE quantity > 0) FROM order_lines")
    assert pieces["reseller"] > 10 * pieces["ordinary"]
    back = figure("avg((quantity < 0)::int) FROM order_lines")
    assert back["returner"] > 0.3 > 4 * back["ordinary"]
    stars = figure("avg(rating) FROM feedback")
    assert stars["brusher"] == 5 > stars["ordinary"]
    visits = figure("count(*) FROM events")
    assert "brusher" not in visits


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"abnormal": "odd"}, "expected plain or hard"), ({"abnormal_share": 0}, "above 0, up to 1")],
)
def test_an_unknown_strength_or_share_is_refused(
    arguments: dict[str, object], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words):
        simulate(customers=10, days=10, seed=1, out=tmp_path, **arguments)  # type: ignore[arg-type]
