"""What is printed of measured lists, and how a person goes back to another ranker."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.outcomes.lists.hand_made import MATURED, buy, publish
from tests.outcomes.lists.ranker_world import BEGAN, GOOD, POOR, Rankers, rankers, settle_in
from tests.outcomes.lists.test_measure_lists import BEFORE, LISTS, WINDOW
from tests.outcomes.lists.test_ranker_trial import WON_ON


@pytest.fixture(autouse=True)
def _environment(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setenv("RETENTION_HOME", str(tmp_path))
    monkeypatch.setenv("RETENTION_TRAINING__BOOTSTRAP_DRAWS", "50")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture(scope="module")
def two_rankers() -> Rankers:
    return rankers()


def run(*words: str) -> str:
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, (shown.output, shown.exception)
    return shown.stdout


def test_lists_are_printed_beside_simple_ones(warehouse: Warehouse) -> None:
    assert "NDCG@10 of published lists" in run("measure", "--as-of", str(MATURED))
    buy(warehouse, [*BEFORE, *WINDOW, ("cid", "bread", 60)])
    publish(warehouse, LISTS)
    shown = run("measure", "--as-of", str(MATURED))
    for words in ("personal frequency", "best sellers", "2024-06-01", "mixed", "again", "new"):
        assert words in shown
    document = json.loads(run("measure", "--as-of", str(MATURED), "--json"))["measure_lists"]
    assert document["duplicates"] == 1
    assert {row["list"] for row in document["performance"]} == {"mixed", "again", "new"}
    assert "NDCG@10 0.347" in json.loads(run("status", "--json"))["recommended_lists"]


def test_an_answer_about_rankers_is_one_about_no_churn_model(
    warehouse: Warehouse, settings: Settings, two_rankers: Rankers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_PROMOTION__MODE", "approval")
    settle_in(warehouse, settings, two_rankers, champion=POOR, challenger=GOOD)
    run("measure", "--as-of", str(WON_ON))
    assert "Waits for approval" in " ".join(run("decide", "--as-of", str(WON_ON)).split())
    answer = ("decide", "--as-of", str(WON_ON), "--approved-by", "ann", "--json")
    assert json.loads(run(*answer))["decide_ranker"]["waits_for_approval"]
    decided = json.loads(run(*answer, "--of", "recommendations"))
    assert not decided["acted"]
    assert decided["decide_ranker"]["acted"]
    assert decided["decide_ranker"]["reason"].startswith("Approved by ann")


def test_rankers_are_shown_promoted_and_rolled_back(
    warehouse: Warehouse, settings: Settings, two_rankers: Rankers
) -> None:
    settle_in(warehouse, settings, two_rankers, champion=POOR, challenger=GOOD)
    run("measure", "--as-of", str(BEGAN))
    aliases = {row["version"]: row for row in json.loads(run("models", "--json"))["versions"]}
    assert aliases[POOR]["alias"] == "recommendations_champion"
    assert aliases[GOOD]["alias"] == "recommendations_challenger"
    assert aliases[GOOD]["trial"] == f"open against {POOR}, no outcome has matured yet"
    assert "Nothing was done" in run("decide", "--as-of", str(BEGAN))
    assert f"{GOOD} makes the lists from now on" in run("promote", GOOD, "--reason", "a trial")
    back = run("rollback", "--of", "recommendations", "--reason", "odd lists")
    assert f"{POOR} makes the lists from now on instead of {GOOD}" in back
    assert "The alias in MLflow: It follows at the next fit or decision" in " ".join(back.split())
    without = run("rollback", "--of", "recommendations", "--to", "frequency", "--reason", "odd")
    assert "Personal frequency makes the lists from now on" in without
    status = json.loads(run("status", "--json"))
    assert status["recommendations_champion"] is None
