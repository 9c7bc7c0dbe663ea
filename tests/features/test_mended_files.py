"""Features of the days after a corrected file include it; days before keep what was known."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from retention_ml import clock
from retention_ml.curated.ingest import ingest
from retention_ml.features.build import ensure
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.batches import SOURCE, with_source

RATINGS = """
[feeds.ratings]
files = ["ratings*.csv"]
table = "feedback"
columns = { feedback_id = "id", customer_id = "customer", event_at = "time", kind = { constant = "review" } }
"""


def write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_corrected_file_is_in_the_features_of_the_next_day_and_those_after_it(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path, SOURCE + RATINGS)
    today = clock.now().astimezone(UTC).date()
    yesterday, next_day = today - timedelta(days=1), today + timedelta(days=1)
    time = datetime(yesterday.year, yesterday.month, yesterday.day, 10).isoformat(" ")
    old = [f"o{n},p1,c{n},{time},1,2.50" for n in range(30)]
    lines = write(tmp_path / "lines.csv", "order,product,customer,time,quantity,price", old)
    ratings = write(tmp_path / "ratings.csv", "id,customer,when,stars", ["f1,c1,x,5"])
    receipt = ingest(warehouse, settings=settings, source="shop", files=[lines, ratings])
    assert len(receipt.details["refused"]) == 1

    def rated() -> dict[str, float]:
        rows = warehouse.read(
            "SELECT as_of, max(feedback_count_365d) AS n FROM features.customer_daily GROUP BY 1"
        ).to_pylist()
        return {str(row["as_of"] - today): row["n"] for row in rows}

    days = [next_day, next_day + timedelta(days=1)]
    assert len(ensure(warehouse, settings=settings, days=days)) == 2
    assert set(rated().values()) == {0}
    assert ensure(warehouse, settings=settings, days=days) == []
    write(ratings, "id,customer,time,stars", [f"f1,c1,{time},5"])
    ingest(warehouse, settings=settings, source="shop", files=[ratings])
    assert [receipt.as_of for receipt in ensure(warehouse, settings=settings, days=days)] == days
    assert set(rated().values()) == {1}
