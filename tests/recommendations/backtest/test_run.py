"""Backtests of recommendations: anyone can recompute them, and nothing of the future is used."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from retention_ml.errors import NotReady, UsageError
from retention_ml.recommendations.backtest.methods import Choice, names
from retention_ml.recommendations.backtest.run import Files, backtest
from retention_ml.recommendations.baselines.popularity import most_bought
from retention_ml.recommendations.purchases import PurchaseLog
from retention_ml.settings import load
from retention_ml.warehouse import Warehouse
from tests.worlds.databases import NewWarehouse
from tests.worlds.excluded import exclude
from tests.worlds.purchases import day_of_history, habits

DAYS = (day_of_history(184), day_of_history(212))
TIERS = {f"c{number:04d}": "high" if number % 2 else "low" for number in range(100)}


@pytest.fixture(scope="module")
def warehouse_of_habits(new_warehouse: NewWarehouse):  # type: ignore[no-untyped-def]
    """The rollup of a shop with habits: backtest it, change nothing."""
    log = habits()
    with new_warehouse() as warehouse:
        rows = pa.table(
            {
                "customer_id": log.customer_ids.take(pa.array(log.customer)),
                "product_id": log.product_ids.take(pa.array(log.product)),
                "event_day": log.event_day,
                "known_from_day": log.known_from_day,
                "rollup_id": pa.array(np.ones(len(log.customer)), pa.int64()),
                "lines_count": pa.array(log.lines_count, pa.int64()),
                "pieces_count": pa.array(log.pieces_count, pa.int64()),
            }
        )
        with warehouse.transaction() as transaction:
            transaction.copy("features.customer_product_day", rows)
        yield warehouse


def run(
    warehouse: Warehouse, folder: Path, days: tuple[date, ...] = DAYS, **options: Any
) -> tuple[dict[str, Any], pa.Table]:
    """The report and the lists of a backtest below a folder."""
    files = Files(report=folder / "R.json", predictions=folder / "P.parquet")
    settings = load(
        {"RETENTION_HOME": str(folder / "home"), "RETENTION_TRAINING__BOOTSTRAP_DRAWS": "60"}
    )
    backtest(warehouse, settings=settings, days=days, files=files, **options)
    return json.loads(files.report.read_text(encoding="utf-8")), pq.read_table(files.predictions)


@pytest.fixture(scope="module")
def backtested(
    warehouse_of_habits: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], pa.Table]:
    return run(
        warehouse_of_habits,
        tmp_path_factory.mktemp("backtested"),
        peers=[Choice(name="most_bought", method=most_bought, meaning="a peer")],
        tiers=lambda day: TIERS if day == DAYS[0] else {},
    )


def bought(log: PurchaseLog, first: int, last: int) -> dict[str, set[str]]:
    inside = (log.event_day >= first) & (log.event_day < last)
    customers = log.customer_ids.take(pa.array(log.customer[inside])).to_pylist()
    products = log.product_ids.take(pa.array(log.product[inside])).to_pylist()
    by_customer: dict[str, set[str]] = {}
    for customer, product in zip(customers, products, strict=True):
        by_customer.setdefault(customer, set()).add(product)
    return by_customer


def test_the_lists_recompute_the_report(backtested: tuple[dict[str, Any], pa.Table]) -> None:
    report, table = backtested
    assert table.column_names == ["as_of", "customer_id", "list", "rank", "product_id", "model"]
    assert tuple(report["methods"]) == (*names(), "most_bought")
    log = habits()
    for model in names():
        for kind in ("mixed", "again", "new"):
            by_day = []
            for day in DAYS:
                number = (day - date(1970, 1, 1)).days
                before, after = bought(log, 0, number), bought(log, number, number + 28)
                active = set(bought(log, number - 90, number))
                rows = table.filter(
                    (pc.field("as_of") == day)
                    & (pc.field("model") == model)
                    & (pc.field("list") == kind)
                ).to_pylist()
                lists: dict[str, list[str]] = {}
                for row in rows:
                    ranking = lists.setdefault(row["customer_id"], [])
                    ranking.append(row["product_id"])
                    assert row["rank"] == len(ranking) <= 10
                assert set(lists) <= active
                ndcg = []
                for customer in active & set(after):
                    mine = before[customer]
                    truth = {
                        "mixed": after[customer],
                        "again": after[customer] & mine,
                        "new": after[customer] - mine,
                    }[kind]
                    offered = lists.get(customer, [])
                    assert len(set(offered)) == len(offered)
                    if kind != "mixed":
                        assert all((product in mine) == (kind == "again") for product in offered)
                    if truth:
                        gain = sum(
                            1 / np.log2(rank + 2)
                            for rank, product in enumerate(offered)
                            if product in truth
                        )
                        ideal = sum(1 / np.log2(rank + 2) for rank in range(min(10, len(truth))))
                        ndcg.append(gain / ideal)
                by_day.append(float(np.mean(ndcg)))
                figure = report["methods"][model]["by_as_of"][str(day)][kind]["ndcg"]
                assert figure == pytest.approx(by_day[-1], abs=1e-6), (model, kind, day)
            figure = report["methods"][model]["lists"][kind]["ndcg"]
            assert figure["value"] == pytest.approx(np.mean(by_day), abs=1e-6)
            assert figure["lower"] <= figure["value"] <= figure["upper"]


def test_differences_are_paired_and_the_champion_is_above_what_ignores_habits(
    backtested: tuple[dict[str, Any], pa.Table],
) -> None:
    report, _ = backtested
    assert set(report["differences"]) == {*names(), "most_bought"} - {"champion"}
    assert report["methods"]["most_bought"]["meaning"] == "a peer"
    assert report["differences"]["most_bought"] == report["differences"]["best_sellers"]
    for name, lists in report["differences"].items():
        champion, other = (
            report["methods"][each]["lists"]["mixed"]["ndcg"]["value"]
            for each in ("champion", name)
        )
        assert lists["mixed"]["ndcg"]["value"] == pytest.approx(champion - other, abs=2e-6)
        width = lists["mixed"]["ndcg"]["upper"] - lists["mixed"]["ndcg"]["lower"]
        apart = report["methods"][name]["lists"]["mixed"]["ndcg"]
        assert 0 < width < 2 * (apart["upper"] - apart["lower"])
    for name in ("best_sellers", "item_knn", "ease"):
        assert report["differences"][name]["mixed"]["ndcg"]["lower"] > 0, name
    for name in ("best_sellers", "personal_frequency"):
        assert report["differences"][name]["new"]["ndcg"]["lower"] > 0, name


def test_segments_and_calibration_are_counted(
    backtested: tuple[dict[str, Any], pa.Table],
) -> None:
    report, _ = backtested
    customers = sum(day["customers"] for day in report["days"])
    segments = report["segments"]
    assert set(segments) == {"purchase days known", "days of silence", "risk tier"}
    for title in ("purchase days known", "days of silence"):
        assert sum(band["customers"] for band in segments[title]) == customers
    assert [band["tier"] for band in segments["risk tier"]] == ["high", "low"]
    scored = sum(band["customers"] for band in segments["risk tier"])
    assert 0 < scored < report["days"][0]["customers"]
    for band in (band for bands in segments.values() for band in bands):
        for kind in ("mixed", "new"):
            champion, other = (band["methods"][name][kind] for name in ("champion", "best_sellers"))
            difference, ratio = (
                band[each]["best_sellers"][kind] for each in ("differences", "ratios")
            )
            gain = champion["value"] - other["value"]
            assert difference["value"] == pytest.approx(gain, abs=2e-6)
            if ratio["value"] is not None:
                expected = champion["value"] / other["value"]
                assert ratio["value"] == pytest.approx(expected, rel=1e-4)
                assert ratio["lower"] <= ratio["value"] <= ratio["upper"]
    assert any(band["ratios"]["best_sellers"]["new"]["value"] for band in segments["risk tier"])
    for day in report["days"]:
        calibration = day["champion"]["calibration"]
        assert calibration["pairs"] > 1_000
        assert 0 <= calibration["ece"] < 0.05
        assert max(day["champion"]["learn_days"]) < day["as_of"]


def test_the_same_again_and_a_day_alone_give_the_same_lists(
    warehouse_of_habits: Warehouse,
    backtested: tuple[dict[str, Any], pa.Table],
    tmp_path: Path,
) -> None:
    _, table = backtested
    models = ("champion", "personal_decayed")
    _, again = run(warehouse_of_habits, tmp_path, days=DAYS[:1], methods=models)
    before = table.filter((pc.field("as_of") == DAYS[0]) & pc.field("model").isin(list(models)))
    key = [(name, "ascending") for name in ("model", "list", "customer_id", "rank")]
    assert again.sort_by(key).equals(before.sort_by(key).combine_chunks())


def test_days_that_cannot_be_judged_are_refused(
    warehouse_of_habits: Warehouse, tmp_path: Path
) -> None:
    with pytest.raises(NotReady, match=r"its window ends on .* and purchases end on"):
        run(warehouse_of_habits, tmp_path, days=(day_of_history(230),))
    with pytest.raises(NotReady, match="Choose days from 2024-02-2"):
        run(warehouse_of_habits, tmp_path, days=(day_of_history(30),))
    with pytest.raises(UsageError, match="no method 'als' to recommend with; expected one or more"):
        run(warehouse_of_habits, tmp_path, methods=("als",))
    with pytest.raises(UsageError, match="no day to backtest"):
        run(warehouse_of_habits, tmp_path, days=())
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_warehouse_without_purchases_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="no purchases of known customers"):
        run(warehouse, tmp_path)


def test_who_is_excluded_on_a_day_has_no_part_in_it_and_who_is_by_now_is_not_evaluated(
    warehouse_of_habits: Warehouse, tmp_path: Path
) -> None:
    """Three are found out on the second day, two after both."""
    methods = {"methods": ["personal_frequency", "best_sellers"]}
    names_of = [f"c{number:04d}" for number in range(5)]
    before, lists = run(warehouse_of_habits, tmp_path / "before", **methods)
    try:
        exclude(warehouse_of_habits, names_of[:3], since=DAYS[1])
        exclude(warehouse_of_habits, names_of[3:], since=date(2099, 1, 1))
        after, fewer = run(warehouse_of_habits, tmp_path / "after", **methods)
    finally:
        with warehouse_of_habits.transaction() as transaction:
            transaction.execute("DELETE FROM abnormal.decisions")
    assert after["task"]["abnormal_customers"] == 5
    assert "abnormal_customers" in before["task"]
    for day, gone in zip(DAYS, (set(), set(names_of[:3])), strict=True):
        then, now = (
            set(table.filter(pc.equal(table["as_of"], day))["customer_id"].to_pylist())
            for table in (lists, fewer)
        )
        assert then - now == gone
    for first, then in zip(before["days"], after["days"], strict=True):
        assert first["customers"] - then["customers"] == 5
