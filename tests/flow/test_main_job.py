"""The main job as a user runs it: a simulated shop's files in, risk tiers out, by the command line."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.maintenance.invariants import violations
from retention_ml.simulate import simulate
from retention_ml.warehouse import Warehouse
from tests.worlds.databases import NewWarehouse

pytestmark = pytest.mark.suites

_DAY = "2025-03-03"


class _Shop:
    """The command line on a warehouse of its own."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse = warehouse
        self.files = sorted(str(path) for path in folder.glob("*.csv"))

    def run(self, *arguments: str, expect: int = 0) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--json"])
        assert done.exit_code == expect, done.output
        return json.loads(done.stdout)

    def broken_promises(self) -> list[str]:
        return [violation.sentence for violation in violations(self.warehouse)]


@pytest.fixture(scope="module")
def shop(new_warehouse: NewWarehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Shop]:
    folder = tmp_path_factory.mktemp("flow")
    simulate(customers=900, days=430, seed=7, out=folder / "shop", first_day=date(2024, 1, 1))
    environment = {
        "RETENTION_HOME": str(folder / "home"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "RETENTION_TRAINING__TUNING_SECONDS": "3",
        "RETENTION_TRAINING__BOOTSTRAP_DRAWS": "100",
        "RETENTION_TRAINING__CANDIDATES": "recency,rfm_logistic",
    }
    patch = pytest.MonkeyPatch()
    patch.delenv("RETENTION_SETTINGS", raising=False)
    for variable, value in environment.items():
        patch.setenv(variable, value)
    with new_warehouse() as warehouse:
        patch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
        yield _Shop(warehouse, folder / "shop")
    patch.undo()


@pytest.fixture(scope="module")
def ingested(shop: _Shop) -> dict[str, Any]:
    return dict(shop.run("ingest", "--source", "simulated", "--history", *shop.files))


@pytest.fixture(scope="module")
def scored(shop: _Shop, ingested: dict[str, Any]) -> dict[str, Any]:
    shop.run("train", "--as-of", _DAY)
    return dict(shop.run("score", "--as-of", _DAY))


def test_every_delivered_row_has_one_fate(shop: _Shop, ingested: dict[str, Any]) -> None:
    delivered = 0
    for name in shop.files:
        text = Path(name).read_bytes()
        delivered += len(text.splitlines()) - 1
    assert (
        ingested["read"] == ingested["written"] + ingested["quarantined"] + ingested["duplicates"]
    )
    assert ingested["quarantined"] > 100
    assert ingested["duplicates"] > 0
    assert ingested["read"] <= delivered
    assert shop.broken_promises() == []


def test_the_same_files_again_change_nothing(shop: _Shop, ingested: dict[str, Any]) -> None:
    query = "SELECT count(*) AS n FROM curated.order_lines"
    before = shop.warehouse.read(query)["n"][0].as_py()
    again = shop.run("ingest", "--source", "simulated", "--history", *shop.files)
    assert (again["read"], again["written"]) == (0, 0)
    assert shop.warehouse.read(query)["n"][0].as_py() == before


def test_a_day_built_twice_has_one_digest(shop: _Shop, ingested: dict[str, Any]) -> None:
    first = shop.run("build-features", "--as-of", _DAY)
    second = shop.run("build-features", "--as-of", _DAY)
    assert first["features_digest"] == second["features_digest"]
    assert first["written"] > 200


def test_scores_reach_the_view_that_bi_reads(shop: _Shop, scored: dict[str, Any]) -> None:
    rows = shop.warehouse.read(
        "SELECT risk_tier, count(*) AS n, min(churn_probability) AS low FROM reports.customer_risk "
        "GROUP BY 1"
    ).to_pylist()
    assert sum(row["n"] for row in rows) == scored["score"]["written"]
    assert {row["risk_tier"] for row in rows} <= {"critical", "high", "medium", "low"}
    assert shop.broken_promises() == []


def test_a_day_scored_twice_is_published_once(shop: _Shop, scored: dict[str, Any]) -> None:
    again = shop.run("score", "--as-of", _DAY)
    assert again["score"]["scores_digest"] == scored["score"]["scores_digest"]
    assert again["publish"]["snapshot_id"] == scored["publish"]["snapshot_id"]


def test_an_earlier_day_leaves_the_latest_view_alone(shop: _Shop, scored: dict[str, Any]) -> None:
    query = "SELECT max(as_of) AS day, max(snapshot_id) AS snapshot FROM reports.customer_risk"
    before = shop.warehouse.read(query).to_pylist()
    shop.run("score", "--as-of", "2025-02-10")
    assert shop.warehouse.read(query).to_pylist() == before
    days = shop.warehouse.read(
        "SELECT DISTINCT as_of FROM reports.customer_risk_history ORDER BY 1"
    )
    assert days["as_of"].to_pylist() == [date(2025, 2, 10), date(2025, 3, 3)]


def test_a_customer_can_be_explained(shop: _Shop, scored: dict[str, Any]) -> None:
    query = (
        "SELECT customer_id, churn_probability FROM reports.customer_risk ORDER BY 2 DESC LIMIT 1"
    )
    customer = shop.warehouse.read(query).to_pylist()[0]
    explained = shop.run("explain", customer["customer_id"])
    assert explained["churn_probability"] == pytest.approx(customer["churn_probability"])


def test_status_names_what_is_published(shop: _Shop, scored: dict[str, Any]) -> None:
    assert shop.run("status")["published_as_of"] == _DAY


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("ingest", "--source", "no_such_shop", "x.csv"), 2, "no_such_shop"),
        (("build-features", "--as-of", "yesterday"), 2, "no day"),
        (("build-features", "--as-of", "1999-01-01"), 3, "1999-01-01"),
        (("train", "--as-of", "2024-02-01"), 3, ""),
        (("score", "--as-of", "1999-01-01"), 3, ""),
    ],
)
def test_a_request_that_cannot_be_met_says_why(
    shop: _Shop, ingested: dict[str, Any], arguments: tuple[str, ...], code: int, words: str
) -> None:
    answer = shop.run(*arguments, expect=code)
    assert words in answer["message"]
    assert answer["exit_code"] == code
