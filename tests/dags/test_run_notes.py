"""What Airflow shows of a run: its day, its result, what was handed over, and where to look."""

import json
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from retention_airflow.assets import contents
from retention_airflow.runs import notes

from tests.dags.conftest import DAGS, PROJECT

DAY = date(2017, 11, 22)
PAGE = "http://localhost:8080/retention/today?as_of=2017-11-22"


def results(*receipts: dict[str, Any], failed: tuple[str, ...] = ()) -> str:
    return notes.note(DAY, notes.results_of(receipts, failed))


@pytest.fixture(scope="module")
def runs(airflow_environment: dict[str, str]) -> dict[str, Any]:
    """What Airflow shows of a run in each scenario."""
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("noted_run.py")), str(DAGS)],
        env=airflow_environment
        | {
            "PYTHONPATH": f"{PROJECT / 'plugins'}:{PROJECT}",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "MLFLOW_TRACKING_URI": "http://mlflow:5000",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.thorough
def test_a_run_says_its_day_and_its_result(runs: dict[str, Any]) -> None:
    assert runs["good"]["state"] == "success"
    assert runs["good"]["note"] == "2017-11-22 · 2,325 scored · 12 critical · 48 high"


@pytest.mark.thorough
def test_a_failed_run_says_where(runs: dict[str, Any]) -> None:
    assert (runs["failed"]["state"], runs["failed"]["events"]) == ("failed", [])
    assert runs["failed"]["note"] == "2017-11-22 · failed: score"


@pytest.mark.thorough
def test_a_run_in_which_all_was_skipped_says_so(runs: dict[str, Any]) -> None:
    assert runs["skipped"]["note"] == "2017-11-22 · nothing to do"


@pytest.mark.thorough
def test_a_run_by_hand_without_a_day_is_of_the_day_it_was_started(runs: dict[str, Any]) -> None:
    day = str(datetime.fromisoformat(runs["without a day"]["run_after"]).date())
    assert runs["without a day"]["note"].startswith(f"{day} · 2,325 scored")
    assert runs["without a day"]["events"][0]["key"] == day


@pytest.mark.thorough
def test_what_is_handed_over_says_what_it_is(runs: dict[str, Any]) -> None:
    assert runs["good"]["events"] == [
        {
            "key": "2017-11-22",
            "rows": 2325,
            "digest": "ab12",
            "snapshot": 7,
            "version": "rfm_logistic v3",
            "report": PAGE,
        }
    ]


@pytest.mark.thorough
def test_a_task_leads_to_the_page_of_its_day_and_what_it_made(runs: dict[str, Any]) -> None:
    links = runs["good"]["links"]
    assert links["score"] == {
        "Page of the day": PAGE,
        "Quality report": "http://localhost:8080/retention/batch?number=5",
        "MLflow": "http://mlflow:5000/#/models/churn/versions/3",
    }
    assert runs["skipped"]["links"]["score"] == {
        "Page of the day": PAGE, "Quality report": "", "MLflow": "",
    }  # fmt: skip


@pytest.mark.thorough
def test_a_run_has_its_day_as_key_as_soon_as_it_starts(runs: dict[str, Any]) -> None:
    assert runs["started"]["manual None"] == {
        "key": "2017-11-22", "date": "None", "note": "2017-11-22",
    }  # fmt: skip
    by_the_inbox = runs["started"]["operator_triggered None"]
    assert by_the_inbox["key"] == "2017-11-22"
    assert by_the_inbox["note"] == "2017-11-22\n\nFiles arrived."
    assert runs["started"]["asset_triggered 2017-11-23"]["key"] == "2017-11-23"


@pytest.mark.thorough
def test_a_run_without_a_day_gets_neither_key_nor_note(runs: dict[str, Any]) -> None:
    started = runs["started"]["asset_triggered None"]
    assert (started["key"], started["note"]) == (None, "Looked at by ann.")


@pytest.mark.thorough
def test_a_defect_in_the_note_harms_neither_the_run_nor_the_transaction(
    runs: dict[str, Any],
) -> None:
    defect = runs["started"]["defect"]
    assert defect == {"note": "Looked at by ann.", "usable": True}


@pytest.mark.parametrize(
    ("receipts", "note"),
    [
        (
            [
                {"door": "land", "read": 3},
                {"door": "check", "quarantined": 12},
                {"door": "curate", "written": 1000},
                {"door": "hand_over", "incomplete": [{"feed": "products"}]},
            ],
            "3 files · 1,000 new rows · 12 quarantined · 1 incomplete",
        ),
        ([{"door": "hand_over", "incomplete": []}], "no new file"),
        ([{"door": "detect", "excluded": 4}, {"door": "build", "read": 900}],
         "features of 900 · 4 excluded"),
        (
            [
                {"door": "models.fit"},
                {"door": "models.select", "selected_model": "gbm", "verdict": "promote"},
            ],
            "1 candidate · gbm: promote",
        ),
        ([{"door": "publish_profiles", "read": 2469}], "2,469 profiles"),
        ([{"door": "publish_lists", "written": 0, "duplicates": 2325}], "2,325 lists"),
        (
            [
                {"door": "assign", "contacts_count": 40, "status": "waiting"},
                {"door": "assign", "contacts_count": 40, "status": "released"},
                {"door": "dispatch", "sent": 38},
            ],
            "40 contacts · released · 38 sent",
        ),
        ([{"door": "measure", "verdict": "none"}, {"door": "watch", "alerts": [{}]}],
         "none · 1 alert"),
        ([{"door": "unheard_of"}], "nothing to do"),
    ],
)  # fmt: skip
def test_each_stage_says_what_came_of_it(receipts: list[dict[str, Any]], note: str) -> None:
    assert results(*receipts) == f"2017-11-22 · {note}"


def test_a_note_is_replaced_and_remarks_of_people_are_kept_and_fit() -> None:
    first = notes.note(DAY, ["5 scored"], "checked by ann\nsecond line")
    assert first == "2017-11-22 · 5 scored\n\nchecked by ann\nsecond line"
    again = notes.note(DAY, ["6 scored"], first)
    assert again == "2017-11-22 · 6 scored\n\nchecked by ann\nsecond line"
    assert len(notes.note(DAY, ["x" * 2000], None)) == 1000


def test_receipts_are_told_from_whatever_else_tasks_return() -> None:
    text = json.dumps([{"door": "label"}, {"other": 1}, "text"])
    assert list(notes.receipts_in(text)) == [{"door": "label"}]
    for value in (None, "true", json.dumps({"done": ["a.csv"]})):
        assert list(notes.receipts_in(value)) == []


def test_the_rows_handed_over_are_those_of_the_last_door_that_counts_any() -> None:
    curated = [{"door": "curate", "written": 5, "duplicates": 2}, {"door": "curate", "written": 7}]
    assert contents(*curated, {"door": "hand_over", "sentence": "it goes on"}) == {"rows": 12}
    assert contents({"door": "models.select", "model_version": "3", "bundle_sha256": None}) == {
        "version": "3"
    }
