"""The door: same arguments, same bytes; what the files hold and what is refused."""

import hashlib
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from retention_ml.errors import UsageError
from retention_ml.settings import PROJECT
from retention_ml.simulate import simulate
from tests.simulate.conftest import Shop

FEEDS = ("order_lines", "events", "products", "customers", "feedback", "campaign_contacts")


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _rows(shop: Shop, feed: str, query: str) -> list[tuple[object, ...]]:
    files = str(shop.folder / f"{feed}_*.csv")
    return (
        duckdb.connect()
        .execute(query.format(rows=f"read_csv('{files}', header = true)"))
        .fetchall()
    )


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(tmp_path: Path) -> None:
    for threads in ("1", "4"):
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import pyarrow, sys; from pathlib import Path; "
                "from retention_ml.simulate import simulate; "
                "pyarrow.set_cpu_count(int(sys.argv[1])); "
                "simulate(customers=300, days=90, seed=5, out=Path(sys.argv[1]), defect_share=0.02)",
                threads,
            ],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": threads, "PYTHONPATH": str(PROJECT)},
            check=True,
        )
    first = _digests(tmp_path / "1")
    assert len(first) > 15
    assert first == _digests(tmp_path / "4")


def test_another_seed_gives_another_shop(tmp_path: Path) -> None:
    for seed in (1, 2):
        simulate(customers=50, days=40, seed=seed, out=tmp_path / str(seed))
    first, second = _digests(tmp_path / "1"), _digests(tmp_path / "2")
    files = {name for name in first if name.endswith(".csv")}
    assert len(files) >= 8
    assert not {name for name in files if first[name] == second.get(name)}


def test_writing_again_replaces_an_earlier_simulation_whole(tmp_path: Path) -> None:
    simulate(customers=50, days=70, seed=1, out=tmp_path / "a")
    simulate(customers=50, days=40, seed=1, out=tmp_path / "a")
    simulate(customers=50, days=40, seed=1, out=tmp_path / "b")
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b")


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("kept")
    with pytest.raises(UsageError, match="nothing was written"):
        simulate(customers=50, days=40, seed=1, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"customers": 0}, "customers is 0; expected 1 or more"),
        ({"days": 0}, "days is 0; expected 1 or more"),
        ({"seed": -1}, "seed is -1; expected 0 or more"),
        ({"defect_share": 0.6}, "defect_share is 0.6"),
    ],
)
def test_an_argument_out_of_range_is_named(
    changed: dict[str, float], words: str, tmp_path: Path
) -> None:
    arguments = {"customers": 50, "days": 40, "seed": 1, "defect_share": 0.0} | changed
    with pytest.raises(UsageError, match=words):
        simulate(**arguments, out=tmp_path / "shop")  # type: ignore[arg-type]
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize(("customers", "days"), [(1, 1), (1, 400), (3, 2)])
def test_the_smallest_shops_are_written_too(customers: int, days: int, tmp_path: Path) -> None:
    summary = simulate(customers=customers, days=days, seed=1, out=tmp_path)
    assert summary["customers_rows"] == customers
    assert (tmp_path / "truth" / "contacts.parquet").is_file()


def test_the_summary_adds_up(spoilt_shop: Shop) -> None:
    summary = spoilt_shop.summary
    lines = sum(
        path.read_bytes().count(b"\n") - 1
        for path in spoilt_shop.folder.glob("*.csv")
        if not path.name.endswith("_again.csv")
    )
    planted = summary["defective_rows"] + summary["repeated_rows"]
    assert lines == summary["rows"] == planted + sum(summary[f"{feed}_rows"] for feed in FEEDS)
    assert planted / lines == pytest.approx(0.05, abs=0.005)


def test_planting_defects_leaves_the_true_lines_as_they_were(
    spoilt_shop: Shop, tmp_path: Path
) -> None:
    simulate(
        customers=600, days=130, seed=3, out=tmp_path, first_day=date(2024, 1, 1), defect_share=0
    )
    clean = sorted(tmp_path.glob("*.csv"))
    assert len(clean) >= 25
    planted: dict[str, set[int]] = {}
    for row in spoilt_shop.truth("defects").to_pylist():
        planted.setdefault(row["file"], set()).add(row["line_number"])
    for path in clean:
        lines = (spoilt_shop.folder / path.name).read_bytes().splitlines()
        sound_lines = [
            line for number, line in enumerate(lines, 1) if number not in planted.get(path.name, ())
        ]
        assert sound_lines == path.read_bytes().splitlines(), path.name


def test_every_kind_of_defect_is_planted(spoilt_shop: Shop) -> None:
    defects = set(spoilt_shop.truth("defects")["defect"].to_pylist())
    assert defects == {
        "negative_price", "bad_number", "zero_quantity", "future_date", "bad_timestamp",
        "gap_time", "missing_order_id", "missing_customer_id", "unknown_event_type",
        "unclosed_quote", "wrong_field_count", "bad_encoding", "repeated_row",
    }  # fmt: skip


def test_days_outside_the_simulation_are_empty(shop: Shop) -> None:
    for feed, column in (
        ("order_lines", "ordered_at"), ("events", "event_at"), ("customers", "registered_at"),
        ("feedback", "given_at"), ("campaign_contacts", "happened_at"),
    ):  # fmt: skip
        ((low, high),) = _rows(shop, feed, f"SELECT min({column}), max({column}) FROM {{rows}}")
        assert str(low) >= "2024-01-01", feed
        assert str(high) < "2024-10-27", feed


def test_money_adds_up_on_every_line(shop: Shop) -> None:
    query = (
        "SELECT count(*), count(*) FILTER (amount::DECIMAL(12,2) <> "
        "quantity * unit_price::DECIMAL(12,2) - discount::DECIMAL(12,2)) FROM {rows}"
    )
    ((count, wrong),) = _rows(shop, "order_lines", query)
    assert int(str(count)) > 40_000
    assert wrong == 0


def test_a_product_stands_once_in_an_order_and_an_event_once_in_a_second(shop: Shop) -> None:
    again = "SELECT count(*) FROM (SELECT {key} FROM {{rows}} GROUP BY ALL HAVING count(*) > 1)"
    for feed, key in (
        ("order_lines", "order_id, product_id"),
        ("events", "session_id, event_at"),
        ("feedback", "feedback_id"),
        ("customers", "customer_id"),
        ("campaign_contacts", "campaign_id, customer_id, kind, happened_at, product_id"),
    ):
        assert _rows(shop, feed, again.format(key=key)) == [(0,)], feed


def test_views_and_carts_rise_before_an_order(shop: Shop) -> None:
    query = """
        WITH orders AS (SELECT DISTINCT customer_id, ordered_at FROM read_csv('{lines}', header = true)
                        WHERE order_id LIKE 'O%' AND ordered_at >= '2024-03-01'),
             visits AS (SELECT customer_id, event_at FROM {{rows}} WHERE event_type IN ('view', 'cart'))
        SELECT count(*) FILTER (event_at >= ordered_at - INTERVAL 2 DAY),
               count(*) FILTER (event_at < ordered_at - INTERVAL 14 DAY)
        FROM orders JOIN visits USING (customer_id)
        WHERE event_at < ordered_at - INTERVAL 1 HOUR AND event_at >= ordered_at - INTERVAL 16 DAY
    """.format(lines=shop.folder / "order_lines_*.csv")
    ((near, far),) = _rows(shop, "events", query)
    assert int(str(near)) > 2 * int(str(far))


def test_every_order_was_carted_in_the_visit_that_ends_with_it(shop: Shop) -> None:
    query = """
        SELECT count(*), count(*) FILTER (carts = 0) FROM (
            SELECT session_id, count(*) FILTER (event_type = 'cart') AS carts,
                   count(*) FILTER (event_type = 'purchase') AS purchases
            FROM {rows} GROUP BY session_id HAVING purchases > 0)
    """
    ((visits, without),) = _rows(shop, "events", query)
    assert int(str(visits)) > 0.98 * shop.summary["orders"]
    assert (
        int(str(without)) <= 0.001 * shop.summary["orders"]
    )  # carts just before the first midnight


def test_one_time_buyers_order_once(shop: Shop) -> None:
    once = shop.truth("customers").filter(shop.truth("customers")["is_one_time"])
    query = "SELECT customer_id, count(DISTINCT order_id) FROM {rows} WHERE order_id LIKE 'O%' GROUP BY 1"
    orders = dict(_rows(shop, "order_lines", query))
    assert once.num_rows > 1_000
    assert {orders[name] for name in once["customer_id"].to_pylist()} == {1}
