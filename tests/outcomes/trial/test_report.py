"""The trial of champion and challenger as people read of it."""

import math
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from retention_ml.errors import RegistryError, UsageError
from retention_ml.models.registry.description import with_section
from retention_ml.models.registry.mlflow_registry import NAME, Registry
from retention_ml.outcomes.trial import report_page
from retention_ml.outcomes.trial.report import (
    Comparison,
    advantage,
    direction,
    load_comparison,
    summary,
)
from retention_ml.outcomes.trial.report_figures import figures
from retention_ml.settings import Settings, load
from retention_ml.warehouse import Warehouse
from tests.worlds.trials import BEGAN, a_trial, insert

_CARD = "# Card\n\nGood."
_BETTER = {"metric": "roc_auc", "difference": 0.01, "lower": 0.002, "upper": 0.018}


@pytest.fixture
def comparison(warehouse: Warehouse, settings: Settings) -> Comparison:
    """A trial after eight looks that has not been decided."""
    return load_comparison(warehouse, settings=settings, trial_id=a_trial(warehouse))


def _decide(warehouse: Warehouse, version: str, reason: str) -> None:
    insert(
        warehouse,
        "models.promotions",
        alias="champion",
        model_name="ensemble",
        model_version=version,
        bundle_sha256="a",
        verdict="promote",
        decided_by="gate",
        reason=reason,
        evidence={},
        decided_at=datetime(2025, 3, 1, tzinfo=UTC),
    )


def test_the_page_shows_verdict_plan_evidence_and_how_many_were_left_out(
    comparison: Comparison,
) -> None:
    page = report_page.page(comparison)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "Not decided yet: version 3 against version 2" in text
    assert "Day 85 of at most 182" in text
    assert "5,120 of about 5,200 forecasts" in text
    assert "8 scored days; at least 2 outcome windows one after the other are needed" in text
    assert "560 forecasts of all scored days are left out" in text
    assert "66 of 702 customers were served by the challenger" in text
    assert "That is within chance." in text
    assert "not shown yet Its ROC AUC is lower among newcomers." in text
    assert "a band that holds the truth in at least 90 of 100 trials at all looks" in text
    assert "It stays below 20 with a chance of 95 %" in text
    assert "tenth 10 of 10 by revenue" in text.lower()
    assert "customers who came back" in text
    assert "Profit of a campaign, per 1,000 customers" in text
    assert set(figures(comparison)) == {"evidence", "segments", "calibration"}
    assert page.count("data:image/png;base64,") == 3


def test_the_page_asks_nothing_of_a_network(comparison: Comparison) -> None:
    page = report_page.page(comparison)
    assert re.findall(r"<(?:script|link|iframe|object)\b", page) == []
    named = re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?([^\"')\s>]{1,30})", page)
    assert named
    assert [address for address in named if not address.startswith("data:image/png")] == []


def test_what_a_person_wrote_is_shown_as_text(warehouse: Warehouse, settings: Settings) -> None:
    _decide(warehouse, "3", "<script>alert(1)</script>")
    comparison = load_comparison(warehouse, settings=settings, trial_id=a_trial(warehouse))
    page = report_page.page(comparison)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page


def test_a_trial_without_outcomes_shows_its_plan(warehouse: Warehouse, settings: Settings) -> None:
    comparison = load_comparison(warehouse, settings=settings, trial_id=a_trial(warehouse, looks=0))
    page = report_page.page(comparison)
    assert "No outcome window of a day that both scored has closed yet." in page
    assert "with a chance of 87%" in page
    assert "data:image" not in page
    assert summary(comparison).startswith("**Not decided yet: version 3 against version 2.**")


def test_a_plan_that_foresees_nothing_and_a_look_without_metrics_still_make_a_page(
    comparison: Comparison,
) -> None:
    assert comparison.newest is not None
    hopeless = {"power": 0.0, "days_expected": None, "customers_expected": None, "assumption": "No"}
    for plan in ({}, hopeless):
        bare = replace(
            comparison,
            trial={**comparison.trial, "plan": plan},
            looks=[{**comparison.newest, "evidence": {}}],
            measured=(),
        )
        assert set(figures(bare)) == {"evidence"}
        assert "there is nothing to compare" in report_page.page(bare)


def test_an_e_value_beyond_all_numbers_is_drawn_and_written(comparison: Comparison) -> None:
    looks = [{**look, "e_better": float("inf"), "e_worse": 0.0} for look in comparison.looks]
    assert "over 10,000" in report_page.page(replace(comparison, looks=looks))


def test_the_share_left_out_is_of_all_forecasts_not_of_those_counted(
    comparison: Comparison,
) -> None:
    both = [
        {"as_of": day, "role": role, "metric": metric, "customers_count": 90, "contacted_count": 10}
        for day in (1, 2)
        for role in ("champion", "challenger")
        for metric in ("brier", "roc_auc")
    ]
    assert replace(comparison, performance=both).contacted_share == pytest.approx(0.1)
    assert comparison.contacted_share is None


def test_a_late_look_shows_every_scored_day(comparison: Comparison) -> None:
    """One look at a trial of months: the page draws the path, not one dot."""
    point = {"mean": 0.01, "lower": -0.02, "upper": 0.04, "e_better": 2.0, "e_worse": 0.3}
    path = [{**point, "scored_as_of": f"2025-03-{day:02d}"} for day in range(1, 11)]
    look = {**comparison.looks[-1], "evidence": {"path": path}}
    for looks, drawn in (([look], 10), (comparison.looks, 8)):
        axes = figures(replace(comparison, looks=looks))["evidence"].axes[1]
        assert [len(line.get_xdata()) for line in axes.lines[:2]] == [drawn, drawn]


def test_an_assignment_that_is_hardly_chance_is_pointed_out(comparison: Comparison) -> None:
    evidence = comparison.looks[-1]["evidence"]
    unfair = {**evidence, "arms": {**evidence["arms"], "mismatch_p_value": 1e-9}}
    page = report_page.page(
        replace(comparison, looks=[{**comparison.looks[-1], "evidence": unfair}])
    )
    assert "hardly chance" in page
    assert "hardly chance" not in report_page.page(comparison)


def test_the_page_is_replaced_as_a_whole_and_leaves_nothing_behind(
    comparison: Comparison, tmp_path: Path
) -> None:
    folder = tmp_path / "reports" / "comparison"
    first = report_page.write(comparison, folder=folder)
    won = replace(comparison, trial={**comparison.trial, "status": "won", "reason": "e-value 31"})
    assert report_page.write(won, folder=folder) == first
    assert [path.name for path in folder.iterdir()] == ["trial_000001.html"]
    assert "Version 3 won" in first.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        ("open", "promote", "may become champion"),
        ("open", "keep", "is no better"),
        ("won", "promote", "won"),
        ("lost", "keep", "lost"),
        ("undecided", "inconclusive", "No difference was shown in time"),
        ("abandoned", "inconclusive", "abandoned"),
    ],
)
def test_every_end_of_a_trial_has_words(
    comparison: Comparison, status: str, verdict: str, words: str
) -> None:
    looks = [{**comparison.looks[-1], "verdict": verdict}]
    ended = replace(comparison, trial={**comparison.trial, "status": status}, looks=looks)
    assert words in ended.headline
    assert "{" not in ended.headline


def test_a_rejected_winner_is_not_reported_as_a_loser(comparison: Comparison) -> None:
    trial = {**comparison.trial, "status": "lost", "reason": "Turned down by bob: sale week."}
    ended = replace(comparison, trial=trial, looks=[{**comparison.looks[-1], "verdict": "promote"}])
    assert ended.headline == (
        "Version 3 predicts better but was not promoted: version 2 stays champion"
    )
    assert summary(ended).startswith(f"**{ended.headline}.** Turned down by bob: sale week.")


def test_of_an_error_less_is_better() -> None:
    assert direction(_BETTER) == "better"
    assert direction({**_BETTER, "metric": "brier"}) == "worse"
    assert advantage({**_BETTER, "metric": "brier"}) == (-0.01, -0.018, -0.002)
    assert direction({**_BETTER, "lower": -0.001}) == "no difference shown"


def test_a_comparison_of_an_earlier_day_knows_no_later_look(
    warehouse: Warehouse, settings: Settings
) -> None:
    trial_id = a_trial(warehouse)
    day = BEGAN + timedelta(days=36 + 14)
    comparison = load_comparison(warehouse, settings=settings, trial_id=trial_id, as_of=day)
    assert [look["as_of"] for look in comparison.looks] == [
        day - timedelta(days=n) for n in (14, 7, 0)
    ]
    assert comparison.measured == []


def test_an_unknown_trial_is_a_usage_error(warehouse: Warehouse, settings: Settings) -> None:
    with pytest.raises(UsageError, match="no trial 7"):
        load_comparison(warehouse, settings=settings, trial_id=7, as_of=date(2025, 3, 1))


def test_a_description_keeps_its_card_and_other_trials() -> None:
    card = "# Churn model `ensemble`\n\nWhat it says.\n\n## Limits\n\nMany.\n"
    once = with_section(card, "Trial 7", "open\n\n| a |\n|---|")
    both = with_section(once, "Trial 8", "begun")
    assert with_section(both, "Trial 7", "won").count("Trial 7") == 1
    assert with_section(both, "Trial 7", "won").endswith(f"## Trial 8\n\nbegun\n\n{card}")
    assert with_section(once, "Trial 7", "open\n\n| a |\n|---|") == once
    assert with_section("## Trial 77\n\nx\n", "Trial 7", "y").endswith("## Trial 77\n\nx\n")
    cut = with_section("# Card " + "x" * 4_990, "Trial 7", "y")
    assert cut.startswith("## Trial 7\n\ny")
    assert cut.endswith("among the artifacts of the run.\n")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with three versions without a bundle; making it takes seconds."""
    registry = Registry(load({"RETENTION_HOME": str(tmp_path_factory.mktemp("registry"))}))
    with registry._request():
        client = registry._client
        client.create_registered_model(NAME)
        run = client.create_run(registry._experiment)
        for _ in range(3):
            client.create_model_version(
                NAME, "file:///nowhere.invalid", run_id=run.info.run_id, description=_CARD
            )
    return registry


def test_the_registry_shows_a_trial_once_and_anew(
    comparison: Comparison, registry: Registry
) -> None:
    boundless = replace(
        comparison, looks=[*comparison.looks[:-1], {**comparison.looks[-1], "e_worse": math.inf}]
    )
    first = report_page.log(boundless, registry)
    again = report_page.log(comparison, registry)
    won = replace(comparison, trial={**comparison.trial, "status": "won", "reason": "e-value 31"})
    assert first == again == report_page.log(won, registry)
    client = registry._client
    with registry._request():
        shown = client.get_run(first)
        history = client.get_metric_history(first, "e_better")
        worse = [point.value for point in client.get_metric_history(first, "e_worse")]
        artifacts = {item.path for item in client.list_artifacts(first)}
        descriptions = {
            number: client.get_model_version(NAME, number).description for number in "123"
        }
    assert shown.info.run_name == "comparison v3 against v2"
    tags = ("trial_id", "champion_version", "challenger_version", "verdict")
    assert [shown.data.tags[name] for name in tags] == ["1", "2", "3", "won"]
    assert [point.step for point in history] == list(range(8))
    assert max(worse) < 1
    assert "roc_auc_difference" in shown.data.metrics
    assert "roc_auc_difference_lower" not in shown.data.metrics  # the page and its figures have it
    assert artifacts == {"comparison.html", "plots"}
    assert descriptions["3"].startswith("## Trial 1\n\n**Version 3 won")
    assert descriptions["3"].count("## Trial") == 1
    assert descriptions["3"].endswith(_CARD)
    assert descriptions["1"] == descriptions["2"] == _CARD


def test_a_registry_that_lacks_the_version_says_so_in_a_sentence(
    comparison: Comparison, registry: Registry
) -> None:
    unknown = replace(comparison, trial={**comparison.trial, "challenger_version": "9"})
    with pytest.raises(RegistryError, match="did not carry out a request"):
        report_page.log(unknown, registry)
