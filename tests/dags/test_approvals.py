"""The question to a person, and what becomes of every answer: `measure_outcomes` run by Airflow."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from retention_airflow import approvals, doors

from retention_ml import clock
from retention_ml.errors import RegistryError
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.settings import Settings
from tests.dags.conftest import DAGS, PROJECT

pytestmark = pytest.mark.thorough

MEASURED = {
    "as_of": "2026-03-01",
    "verdict": "promote",
    "reason": "The challenger improves the Brier score by 0.004 (0.002 to 0.006).",
    "champion_version": "1",
    "challenger_version": "2",
    "trial": {
        "status": "open",
        "e_better": 41.25,
        "customers_count": 1200,
        "scored_days": ["2026-01-01"],
    },
    "report": "reports/trials/trial-1.html",
}
ALERT = {
    "kind": "input_drift",
    "subject": "recency_days",
    "severity": "warning",
    "sentence": "It moved.",
    "runbook": "docs/runbook.md#drift",
}
WON = {"measure": MEASURED, "watch": {"alerts": [ALERT], "wants_training": False}}
RANKER_WON = {
    "verdict": "promote",
    "reason": "Waits for approval. ranker-2 improves NDCG@10 of the mixed list by +0.02.",
    "champion_version": "ranker-1",
    "challenger_version": "ranker-2",
    "waits_for_approval": True,
    "trial": {"began_on": "2026-01-01", "mean_difference": 0.02, "e_better": 33.5},
}
UNDECIDED = WON | {"measure": MEASURED | {"verdict": "inconclusive"}}
SCENARIOS: dict[str, dict[str, Any]] = {
    "approved": {"answers": [{"option": "Approve", "who": "ann", "why": "as foreseen"}]},
    "rejected": {"answers": [{"option": "Reject", "who": "bob", "why": "sale week"}]},
    "unanswered": {"answers": ["silence"]},
    "doubled": {"answers": [{"option": "Approve", "who": "ann"}], "again": True},
    "a stranger": {
        "answers": [{"option": "Approve", "who": "eve"}, {"option": "Reject", "who": "bob"}],
    },
    "another waits": {"is_waiting": True},
    "nothing to ask": {"receipts": UNDECIDED},
    "automatic": {"mode": "automatic"},
    "measure fails": {"failing": ["measure"]},
    "no day in the form": {"as_of": None, "mode": "automatic"},
    "ranker approved": {
        "receipts": UNDECIDED | {"decide_ranker": RANKER_WON},
        "answers": [{"option": "Approve", "who": "ann", "why": "looked at it"}],
    },
    "ranker rejected": {
        "receipts": UNDECIDED | {"decide_ranker": RANKER_WON},
        "answers": [{"option": "Reject", "who": "bob", "why": "odd lists"}],
    },
    "ranker unanswered": {
        "receipts": UNDECIDED | {"decide_ranker": RANKER_WON},
        "answers": ["silence"],
    },
    "another ranker waits": {
        "receipts": UNDECIDED | {"decide_ranker": RANKER_WON},
        "is_waiting": True,
    },
}


@pytest.fixture(scope="module")
def runs(airflow_environment: dict[str, str]) -> dict[str, Any]:
    """What became of a run in each scenario."""
    filled = [{"as_of": "2026-03-01", "receipts": WON} | each for each in SCENARIOS.values()]
    ended = subprocess.run(
        [
            sys.executable,
            str(Path(__file__).with_name("trial_run.py")),
            str(DAGS),
            json.dumps(filled),
        ],
        env=airflow_environment
        | {
            "PYTHONPATH": f"{PROJECT / 'plugins'}:{PROJECT}",
            "RETENTION_PROMOTION__APPROVERS": "ann,bob",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return dict(zip(SCENARIOS, json.loads(ended.stdout.splitlines()[-1]), strict=True))


@pytest.mark.fault("an answer of somebody else", promises="P6", row=31)
def test_who_is_not_named_cannot_answer_and_the_question_goes_on(runs: dict[str, Any]) -> None:
    run = runs["a stranger"]
    assert run["refused"] == [403]
    assert [asked["subject"] for asked in run["asked"]] == [run["asked"][0]["subject"]] * 2
    (decision,) = decisions(run)
    assert decision["refused_by"] == "bob"


def decisions(run: dict[str, Any]) -> list[dict[str, str]]:
    return [went for went in run["doors"] if went["door"] == "decide"]


def test_a_challenger_that_won_is_asked_about_with_evidence_and_card_and_no_is_the_default(
    runs: dict[str, Any],
) -> None:
    (asked,) = runs["approved"]["asked"]
    assert asked["options"] == ["Approve", "Reject"]
    assert asked["defaults"] == ["Reject"]
    assert asked["hours"] == 48
    assert asked["subject"] == (
        "Make version 2 of churn champion instead of 1? (outcomes known on 2026-03-01)"
    )
    card = "# churn 2\n\nA model card with {{ braces }}."
    for shown in (
        MEASURED["reason"],
        "| e-value for the challenger being better | 41.25 |",
        MEASURED["report"],
        card,
    ):
        assert shown in asked["body"]


def test_an_approval_reaches_the_decision_with_the_name(runs: dict[str, Any]) -> None:
    assert runs["approved"]["tasks"]["approved"] == "success"
    assert decisions(runs["approved"]) == [
        {
            "door": "decide",
            "as_of": "2026-03-01",
            "version": "2",
            "approved_by": "ann",
            "remark": "as foreseen",
        }
    ]


@pytest.mark.fault("a no, and no answer", promises="P6", row=31)
@pytest.mark.parametrize("scenario", ["rejected", "unanswered"])
def test_a_no_and_silence_reach_the_decision_as_what_they_are(
    runs: dict[str, Any], scenario: str
) -> None:
    assert runs[scenario]["run"] == "success"
    assert runs[scenario]["tasks"]["approved"] == "skipped"
    (decided,) = decisions(runs[scenario])
    assert decided == {
        "door": "decide",
        "as_of": "2026-03-01",
        "version": "2",
        "refused_by": {"rejected": "bob", "unanswered": "nobody"}[scenario],
        "remark": {"rejected": "sale week", "unanswered": "no answer came in time"}[scenario],
    }


@pytest.mark.fault("a second answer", promises="P6", row=31)
def test_a_second_answer_is_refused_and_decided_once(runs: dict[str, Any]) -> None:
    assert runs["doubled"]["refused"] == [409]
    assert len(decisions(runs["doubled"])) == 1


def test_while_a_question_waits_nobody_is_asked_again_and_nothing_is_decided(
    runs: dict[str, Any],
) -> None:
    run = runs["another waits"]
    assert run["asked"] == []
    assert decisions(run) == []
    assert run["tasks"]["watch"] == run["tasks"]["alert"] == "success"


@pytest.mark.parametrize("scenario", ["nothing to ask", "automatic"])
def test_where_nobody_needs_to_be_asked_the_decision_follows_at_once(
    runs: dict[str, Any], scenario: str
) -> None:
    assert runs[scenario]["asked"] == []
    assert runs[scenario]["tasks"]["approve"] == "skipped"
    assert decisions(runs[scenario]) == [{"door": "decide", "as_of": "2026-03-01"}]


def test_a_measurement_that_fails_decides_nothing_and_is_told_and_the_watch_goes_on(
    runs: dict[str, Any],
) -> None:
    run = runs["measure fails"]
    assert run["run"] == "failed"
    assert run["tasks"]["decide"] == "upstream_failed"
    assert run["tasks"]["watch"] == "success"
    assert any(text.startswith("measure_outcomes.measure failed") for text in run["told"])


def test_an_empty_day_in_the_form_is_today_for_every_task(runs: dict[str, Any]) -> None:
    days = {door["as_of"] for door in runs["no day in the form"]["doors"]}
    today = clock.now().date()  # the shop's calendar is in UTC
    assert days == {str(today)} or days == {str(today - timedelta(days=1))}


def test_what_the_watch_noticed_is_told(runs: dict[str, Any]) -> None:
    (text,) = runs["automatic"]["told"]
    assert text.startswith("input drift of recency_days on 2026-03-01\n- warning: It moved.")


def rankers(run: dict[str, Any]) -> list[dict[str, str]]:
    return [went for went in run["doors"] if went["door"] == "decide_ranker"]


def test_a_ranker_that_won_is_asked_about_with_evidence_and_card(runs: dict[str, Any]) -> None:
    (asked,) = runs["ranker approved"]["asked"]
    assert (asked["options"], asked["defaults"]) == (["Approve", "Reject"], ["Reject"])
    assert asked["hours"] == 48
    assert asked["subject"] == (
        "Let ranker-2 make the lists of products instead of ranker-1? "
        "(outcomes known on 2026-03-01)"
    )
    for shown in (
        RANKER_WON["reason"],
        "| NDCG@10 of the mixed list, challenger minus champion | 0.02 |",
        "| e-value for the challenger being better | 33.5 |",
        "# Recommendations: ranker-2",
    ):
        assert str(shown) in asked["body"]


@pytest.mark.parametrize(
    ("scenario", "answer"),
    [
        ("ranker approved", {"approved_by": "ann", "remark": "looked at it"}),
        ("ranker rejected", {"refused_by": "bob", "remark": "odd lists"}),
        ("ranker unanswered", {"refused_by": "nobody", "remark": "no answer came in time"}),
    ],
)
def test_the_answer_about_a_ranker_reaches_its_decision_and_no_other(
    runs: dict[str, Any], scenario: str, answer: dict[str, str]
) -> None:
    run = runs[scenario]
    assert run["run"] == "success"
    unanswered = {"door": "decide_ranker", "as_of": "2026-03-01"}
    assert rankers(run) == [unanswered, unanswered | {"version": "ranker-2"} | answer]
    assert decisions(run) == [{"door": "decide", "as_of": "2026-03-01"}]
    assert run["tasks"]["watch"] == run["tasks"]["alert"] == "success"


@pytest.mark.parametrize("scenario", ["approved", "automatic", "another ranker waits"])
def test_where_nobody_is_asked_about_a_ranker_lists_has_decided(
    runs: dict[str, Any], scenario: str
) -> None:
    run = runs[scenario]
    assert rankers(run) == [{"door": "decide_ranker", "as_of": "2026-03-01"}]
    assert run["tasks"]["decide_ranker"] == "skipped"


ANN = {"id": "ann", "name": "Ann"}
YES = {"approved_by": "Ann", "remark": "", "version": "2"}
NO = {"refused_by": "Ann", "remark": "", "version": "2"}
SILENCE = {"refused_by": "nobody", "remark": "no answer came in time", "version": "2"}


@pytest.mark.parametrize(
    ("response", "decision"),
    [
        (None, {}),
        ({}, {}),
        ({"chosen_options": ["Approve"], "responded_by_user": None}, SILENCE),
        ({"chosen_options": ["Reject"], "responded_by_user": None}, SILENCE),
        ({"chosen_options": [], "responded_by_user": ANN}, NO),
        ({"chosen_options": ["Approve", "Reject"], "responded_by_user": ANN}, NO),
        ({"chosen_options": ["Approve"], "responded_by_user": {"id": "Ann"}}, YES),
        (
            {"chosen_options": ["Approve"], "responded_by_user": ANN, "params_input": {"why": "w"}},
            YES | {"remark": "w"},
        ),
    ],
)
def test_only_a_persons_approval_is_one(
    response: dict[str, Any] | None, decision: dict[str, str]
) -> None:
    assert approvals.answer(response, MEASURED) == decision


@pytest.mark.parametrize("verdict", ["keep", "inconclusive", None, "Promote", True])
def test_a_person_is_asked_only_about_a_challenger_that_won(verdict: object) -> None:
    assert not approvals.is_needed(MEASURED | {"verdict": verdict}, "approval")
    assert not approvals.is_needed({}, "approval")
    assert approvals.is_needed(MEASURED, "approval")
    assert not approvals.is_needed(MEASURED, "automatic")


@pytest.mark.parametrize("trial", [None, {}, {"status": "won"}, {"status": "abandoned"}])
def test_of_a_trial_that_has_ended_nobody_is_asked(trial: dict[str, str] | None) -> None:
    assert not approvals.is_needed(MEASURED | {"trial": trial}, "approval")


def test_without_an_answer_of_mlflow_the_question_is_asked_without_the_card(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def down(registry: Registry, version: str) -> str:
        raise RegistryError("MLflow is down.")

    monkeypatch.setattr(Registry, "description", down)
    monkeypatch.setattr(doors, "settings", lambda: settings)
    body = approvals.question(MEASURED, approvals.card_of("2"))["body"]
    assert "The model card is missing" in body
    assert str(MEASURED["reason"]) in body
