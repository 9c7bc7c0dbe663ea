"""Backtests of a small shop: what is written, what is kept, what is refused."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from retention_ml.errors import NotReady, UsageError
from retention_ml.models.backtest.run import Files, backtest
from retention_ml.models.training.candidates import recency, rfm_logistic
from retention_ml.settings import Settings, load
from retention_ml.warehouse import Warehouse
from tests.worlds.databases import NewWarehouse
from tests.worlds.excluded import exclude
from tests.worlds.shops import at, fill, random_shop

DAYS = (date(2024, 9, 1), date(2024, 10, 1))
CHEAP = ("recency", "rfm_logistic")
MODELS = ("champion", *CHEAP, "mbg_nbd", "lightgbm_default", "ensemble")
SMALL = {
    "RETENTION_TRAINING__CUTOFF_COUNT": "2",
    "RETENTION_TRAINING__BOOTSTRAP_DRAWS": "100",
    "RETENTION_TRAINING__TUNING_TRIALS": "0",
}


@pytest.fixture(scope="module")
def shop(new_warehouse: NewWarehouse) -> Iterator[Warehouse]:
    """A shop of 400 customers from 2024-01-01 to 2024-11-06: backtest it, change nothing."""
    with new_warehouse() as warehouse:
        random_shop(warehouse, customers=400, days=310, seed=3)
        yield warehouse


def small(home: Path) -> Settings:
    return load({"RETENTION_HOME": str(home), **SMALL})


def run(
    shop: Warehouse, folder: Path, *, html: bool = False, **options: Any
) -> tuple[dict[str, Any], pa.Table]:
    """The report and the predictions of a backtest below a folder."""
    where = Files(
        report=folder / "R.json",
        predictions=folder / "P.parquet",
        html=folder / "R.html" if html else None,
    )
    chosen = {"days": DAYS, "models": CHEAP, "workers": 1, **options}
    backtest(shop, settings=small(folder / "home"), files=where, **chosen)
    report = json.loads(where.report.read_text(encoding="utf-8"))
    return report, pq.read_table(where.predictions)


@dataclass(frozen=True, kw_only=True)
class Backtested:
    """A finished backtest of the shop."""

    report: dict[str, Any]
    table: pa.Table
    page: str
    steps: list[tuple[int, int, str]]


@pytest.fixture(scope="module")
def backtested(shop: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Backtested:
    """Six models on two days, given in disorder."""
    folder = tmp_path_factory.mktemp("backtested")
    steps: list[tuple[int, int, str]] = []
    report, table = run(
        shop,
        folder,
        html=True,
        days=(DAYS[1], DAYS[0], DAYS[1]),
        models=MODELS,
        say=lambda *step: steps.append(step),
    )
    page = (folder / "R.html").read_text(encoding="utf-8")
    return Backtested(report=report, table=table, page=page, steps=steps)


def test_the_predictions_recompute_the_report(backtested: Backtested) -> None:
    report, table = backtested.report, backtested.table
    assert table.column_names == ["as_of", "customer_id", "churned", *MODELS]
    assert report["task"]["as_of"] == [str(day) for day in DAYS]
    oracles: dict[str, Callable[..., float]] = {
        "roc_auc": roc_auc_score,
        "log_loss": log_loss,
        "brier": brier_score_loss,
    }
    for model in MODELS:
        for metric, oracle in oracles.items():
            by_day = []
            for day, counted in zip(DAYS, report["days"], strict=True):
                of_day = table.filter(pc.field("as_of") == day)
                churned = of_day["churned"].to_pylist()
                assert (counted["customers"], counted["churned"]) == (len(churned), sum(churned))
                by_day.append(oracle(churned, of_day[model].to_numpy()))
                figure = report["models"][model]["by_as_of"][str(day)][metric]
                assert figure["value"] == pytest.approx(by_day[-1], abs=1e-6)
            figure = report["models"][model]["metrics"][metric]
            assert figure["value"] == pytest.approx(sum(by_day) / len(by_day), abs=1e-6)
            assert figure["lower"] < figure["value"] < figure["upper"]
    paired = report["differences"]["recency"]["roc_auc"]
    values = {model: report["models"][model]["metrics"]["roc_auc"]["value"] for model in MODELS}
    assert paired["value"] == pytest.approx(values["champion"] - values["recency"], abs=1e-6)
    assert set(report["differences"]) == set(MODELS) - {"champion"}
    assert set(report["segments"]["bought on more days"]["models"]) == {"champion", "mbg_nbd"}


@pytest.mark.thorough
def test_two_processes_give_what_one_gives(
    backtested: Backtested, shop: Warehouse, tmp_path: Path
) -> None:
    models = ("ensemble", "recency", "lightgbm_default")
    report, table = run(shop, tmp_path, models=models, workers=2)
    for model in models:
        assert table[model].equals(backtested.table[model]), model
        assert report["models"][model]["metrics"] == backtested.report["models"][model]["metrics"]


def test_a_run_that_was_stopped_goes_on_where_it_was(
    backtested: Backtested, shop: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[str] = []

    def counted(name: str, fit: Callable[..., Any], stops_at: int) -> Callable[..., Any]:
        def counting(*arguments: Any, **options: Any) -> Any:
            if fitted.count(name) == stops_at:
                raise KeyboardInterrupt
            fitted.append(name)
            return fit(*arguments, **options)

        return counting

    with monkeypatch.context() as patch:
        patch.setattr(recency, "fit", counted("recency", recency.fit, 9))
        patch.setattr(rfm_logistic, "fit", counted("rfm_logistic", rfm_logistic.fit, 1))
        with pytest.raises(KeyboardInterrupt):
            run(shop, tmp_path)
    assert fitted == ["recency", "rfm_logistic", "recency"]
    assert not (tmp_path / "R.json").exists()
    assert not (tmp_path / "P.parquet").exists()
    fitted.clear()
    monkeypatch.setattr(recency, "fit", counted("recency", recency.fit, 9))
    monkeypatch.setattr(rfm_logistic, "fit", counted("rfm_logistic", rfm_logistic.fit, 9))
    _, resumed = run(shop, tmp_path)
    assert fitted == ["rfm_logistic"]
    assert resumed.equals(backtested.table.select(resumed.column_names))
    assert not [path for path in (tmp_path / "home").rglob(".*") if path.is_file()]


@pytest.mark.thorough
def test_what_happens_later_changes_no_prediction(warehouse: Warehouse, tmp_path: Path) -> None:
    random_shop(warehouse, customers=300, days=310, seed=5)
    models = ("champion", "mbg_nbd")
    before, first = run(warehouse, tmp_path, days=DAYS[:1], models=models)
    everybody = sorted(set(first["customer_id"].to_pylist()))
    fill(
        warehouse,
        "orders",
        [
            {"order_id": f"later{number}", "customer_id": customer, "event_at": at("2024-09-01", 0)}
            for number, customer in enumerate(everybody)
        ],
        available_at=at("2025-06-01"),  # late, and still an outcome
    )
    after, second = run(warehouse, tmp_path / "again", days=DAYS[:1], models=models)
    assert before["days"][0]["churned"] > 0
    assert after["days"][0]["churned"] == 0
    assert first.drop_columns("churned").equals(second.drop_columns("churned"))


def test_the_champion_is_fitted_once_under_both_its_names(backtested: Backtested) -> None:
    assert backtested.table["champion"].equals(backtested.table["ensemble"])
    steps = [what for _, _, what in backtested.steps if what.endswith(": ensemble-all")]
    assert len(steps) == len(DAYS)


def test_a_day_whose_outcome_is_not_known_is_refused(shop: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match=r"The outcome of 2024-10-20 is not known: its window ends"):
        run(shop, tmp_path, days=(DAYS[0], date(2024, 10, 20)))
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_day_with_too_little_history_is_refused(shop: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="No model can be trained for 2024-02-01"):
        run(shop, tmp_path, days=(date(2024, 2, 1),))


def test_unknown_models_and_no_days_are_refused(shop: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no model 'prophet' to backtest; expected one or more"):
        run(shop, tmp_path, models=("recency", "prophet"))
    with pytest.raises(UsageError, match="no day to backtest"):
        run(shop, tmp_path, days=())


def test_the_page_is_one_file_that_asks_for_nothing(backtested: Backtested) -> None:
    sources = re.findall(r'src="([^"]{0,22})', backtested.page)
    assert len(sources) == 7
    assert set(sources) == {"data:image/png;base64,"}
    assert not re.search(r"https?:|@import|url\(", backtested.page)


def test_progress_is_reported_to_the_end(backtested: Backtested) -> None:
    steps = 5 * len(DAYS) + 2
    assert backtested.steps[-1] == (steps, steps, "done")
    assert [done for done, _, _ in backtested.steps] == sorted(
        done for done, _, _ in backtested.steps
    )


def test_days_are_taken_once_and_in_order(backtested: Backtested) -> None:
    assert backtested.report["task"]["as_of"] == [str(day) for day in DAYS]
    days = backtested.report["models"]["champion"]["by_as_of"][str(DAYS[0])]["fit"]["days"]
    assert len(days) >= 2
    assert max(days) < str(DAYS[0])


def test_who_is_excluded_on_a_day_is_not_scored_and_who_is_by_now_is_not_evaluated(
    new_warehouse: NewWarehouse, tmp_path: Path
) -> None:
    with new_warehouse() as shop:
        random_shop(shop, customers=400, days=310, seed=3)
        _, before = run(shop, tmp_path / "before")
        found_out = sorted(set(before["customer_id"].to_pylist()))[:9]
        exclude(shop, found_out[:5], since=DAYS[1])
        exclude(shop, found_out[5:], since=date(2099, 1, 1))
        report, after = run(shop, tmp_path / "after")
        assert not set(found_out) & set(after["customer_id"].to_pylist())
        others = before.filter(pc.invert(pc.is_in(before["customer_id"], pa.array(found_out))))
        keys = ["as_of", "customer_id", "churned"]
        assert after.select(keys).equals(others.select(keys))
        # On the first day nobody was known to be abnormal: models learnt from all of them.
        first = [table.filter(pc.equal(table["as_of"], DAYS[0])) for table in (others, after)]
        assert first[0].equals(first[1])
        later = [table.filter(pc.equal(table["as_of"], DAYS[1])) for table in (others, after)]
        assert not later[0].equals(later[1])
        assert report["days"][0]["customers"] == first[1].num_rows
        [receipt] = shop.read(
            "SELECT left_out_count FROM ops.receipts WHERE door = 'models.backtest' "
            "ORDER BY receipt_id DESC LIMIT 1"
        ).to_pylist()
        assert receipt["left_out_count"] > 0
