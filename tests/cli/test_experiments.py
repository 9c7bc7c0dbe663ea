"""The commands about experiments, from plan to list."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.experiments import ledger
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.decisions import write_actions
from tests.worlds.outcomes import FIRST, Shop

DAY = FIRST + timedelta(days=100)


@pytest.fixture
def run(
    warehouse: Warehouse,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """Runs `retention experiments …` on a shop with scores and two actions."""
    shop = Shop(warehouse, settings, customers=200)
    shop.publish(DAY, shop.truth)
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE scores.customer_daily SET risk_tier = CASE WHEN churn_probability > 0.8 "
            "THEN 'critical' WHEN churn_probability > 0.3 THEN 'high' ELSE 'low' END"
        )
    monkeypatch.setenv("RETENTION_HOME", str(settings.home))
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setenv("RETENTION_ACTIONS_FOLDER", str(write_actions(tmp_path / "actions")))

    def invoke(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["experiments", *words])
        assert result.exit_code == code, result.output
        return result.output

    return invoke


def test_an_experiment_is_planned_started_listed_and_stopped(run, warehouse: Warehouse) -> None:
    options = ("--arm", "mail=0.5", "--tier", "high", "--metric", "retained")
    plan = ("plan", "spring", "--as-of", str(DAY), *options)
    document = json.loads(run(*plan, "--by", "Kim", "--json"))
    missing = document["missing_count"]
    assert missing > 0
    assert f"{missing:,} are missing" in document["sentence"]
    held_back = run("start", "spring", "--as-of", str(DAY), "--by", "Kim", code=3)
    assert "Too few customers" in held_back
    run("start", "spring", "--as-of", str(DAY), "--by", "Kim", "--accept-small")
    [size] = [
        one for one in document["sizes"] if (one["tier"], one["metric"]) == ("all", "retained")
    ]
    with warehouse.transaction() as transaction:
        reachable = ledger.find(transaction, "spring").reachable_count
    assert reachable == size["available"] < size["needed"]
    [row] = json.loads(run("list", "--json"))
    assert (row["state"], row["arms"]) == ("open", "none 50%, mail 50%")
    run("look", "--as-of", str(DAY + timedelta(days=1)))
    run("stop", "spring", "--as-of", str(DAY), "--by", "Kim", "--reason", "misprint")
    assert json.loads(run("list", "--json"))[0]["state"] == "stopped"


def test_an_experiment_is_shown_and_its_page_written(run, tmp_path: Path) -> None:
    options = ("--arm", "mail=0.5", "--tier", "high", "--metric", "retained", "--by", "Kim")
    run("plan", "spring", "--as-of", str(DAY), *options, "--question", "Does <it> help?")
    page = tmp_path / "pages" / "spring.html"
    output = " ".join(run("show", "spring", "--page", str(page)).split())
    assert "Planned: no lot was drawn yet." in output
    assert "Effects: none." in output
    assert str(page.name) in output
    assert "Does &lt;it&gt; help?" in page.read_text(encoding="utf-8")
    shown = json.loads(run("show", "spring", "--json"))
    assert (shown["verdict"], shown["effects"], shown["page"]) == ("planned", [], None)
    assert "There is no experiment" in run("show", "autumn", code=2)


def test_where_no_number_is_enough_no_number_is_shown(run, tmp_path: Path) -> None:
    file = tmp_path / "actions" / "mail.toml"
    file.write_text(re.sub(r"(?m)^cost = .*$", "cost = 900.0", file.read_text()))
    plan = ("plan", "spring", "--as-of", str(DAY), "--arm", "mail=0.5", "--tier", "high")
    output = " ".join(run(*plan, "--by", "Kim").split())
    assert "no number of customers can show a gain" in output
    assert re.search(r"high margin -\S+ – – \S+ –", output)
    [row] = json.loads(run("list", "--json"))
    assert (row["needed"], row["missing"]) == (None, None)


def test_a_tier_named_twice_is_refused(run) -> None:
    tiers = ("--tier", "high", "--tier", "high")
    plan = ("plan", "spring", "--as-of", str(DAY), "--arm", "mail=0.5", *tiers, "--by", "Kim")
    assert "expected each once" in " ".join(run(*plan, code=2).split())


def test_tiers_are_those_that_every_action_may_reach(run) -> None:
    plan = ("plan", "spring", "--as-of", str(DAY), "--arm", "coupon=0.3", "--arm", "mail=0.3")
    output = " ".join(run(*plan, "--tier", "low", "--tier", "high", "--by", "Kim", code=2).split())
    assert "Tier low gets no coupon" in output
    assert "high, critical" in output
    assert json.loads(run("list", "--json")) == []
    run(*plan, "--by", "Kim")
    assert json.loads(run("list", "--json"))[0]["tiers"] == "high, critical"


def test_a_day_to_come_is_not_looked_at(run) -> None:
    assert "has not come" in " ".join(run("look", "--as-of", "2999-01-01", code=2).split())


@pytest.mark.parametrize(
    ("arm", "sentence"),
    [
        ("mail", "expected ACTION=SHARE"),
        ("mail=half", "expected ACTION=SHARE"),
        ("mail=1.2", "add up to"),
        ("letter=0.5", "letter"),
    ],
)
def test_an_arm_that_is_none_is_refused(run, arm: str, sentence: str) -> None:
    output = run(*("plan", "spring", "--as-of", str(DAY), "--arm", arm, "--by", "Kim"), code=2)
    assert sentence in " ".join(output.split())
    assert json.loads(run("list", "--json")) == []
