"""What alerts say, and what they must not say."""

from types import SimpleNamespace
from typing import Any

import pytest
from retention_airflow import messages

from retention_ml.errors import WarehouseError


def failed(error: object) -> messages.Message:
    task = SimpleNamespace(
        dag_id="score_customers", task_id="publish", log_url="http://airflow/dags/x"
    )
    run = SimpleNamespace(conf={}, partition_key="2026-03-01")
    return messages.of_failure({"ti": task, "dag_run": run, "exception": error})


def test_a_failed_task_is_told_with_its_day_its_sentence_its_place_and_what_to_do() -> None:
    assert failed(WarehouseError("The database did not answer. Try again.")).text() == (
        "score_customers.publish failed for 2026-03-01\n"
        "- The database did not answer. Try again.\n"
        "See http://airflow/dags/x\n"
        "What to do: docs/runbook.md#when-a-task-is-red"
    )


def test_the_text_of_a_foreign_error_is_not_sent_for_it_may_hold_a_row_or_an_address() -> None:
    error = ValueError("postgresql://retention:hunter2@host/db has customer 4711")
    text = failed(error).text()
    assert "ValueError" in text
    assert "hunter2" in str(error)  # negative control: quoting the error would send the secret
    assert "hunter2" not in text
    assert "4711" not in text


@pytest.mark.parametrize("context", [{}, {"exception": None, "dag_run": SimpleNamespace(conf={})}])
def test_a_failure_without_particulars_is_told_all_the_same(context: dict[str, Any]) -> None:
    text = messages.of_failure(context).text()
    assert "failed for no day" in text
    assert "see the log" in text


def alert(severity: str, subject: str) -> dict[str, str]:
    return {
        "kind": "input_drift",
        "subject": subject,
        "severity": severity,
        "sentence": f"{subject} moved.",
        "runbook": "docs/runbook.md#drift",
    }


def test_several_alerts_of_a_day_are_one_message_with_the_critical_first() -> None:
    alerts = [alert("warning", "recency_days"), alert("critical", "orders_count_28d")]
    message = messages.of_alerts(alerts, "2026-03-01", None)
    assert message.subject == "input drift of orders_count_28d and 1 more on 2026-03-01"
    assert message.severity == "critical"
    assert message.sentences == [
        "critical: orders_count_28d moved.",
        "warning: recency_days moved.",
    ]
    assert message.text().count("docs/runbook.md#drift") == 1
    one = messages.of_alerts([alert("warning", "input")], "2026-03-01", None)
    assert one.subject == "input drift on 2026-03-01"


def test_markup_in_a_message_is_text_in_the_mail() -> None:
    hostile = messages.of_alerts([alert("warning", "<img src=x>")], "2026-03-01", None)
    assert "<img" in hostile.text()
    assert "<img" not in hostile.html()


def test_scores_that_are_late_are_told_with_their_run() -> None:
    run = {
        "dag_id": "score_customers",
        "dag_run_id": "r1",
        "state": "running",
        "partition_key": "2026-03-01",
    }
    message = messages.of_lateness(run, "http://airflow/")
    assert message.subject == "The scores of 2026-03-01 are late"
    assert message.link == "http://airflow/dags/score_customers/runs/r1"
