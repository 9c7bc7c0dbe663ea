"""What the demonstration of actions prints: every customer of a day once, words as they are."""

import io
import json
from datetime import timedelta
from typing import Any

from rich.console import Console

from retention_ml.stack.actions_demo import outcome, report
from tests.stack.actions_demo.conftest import Rehearsal
from tests.worlds.decisions import DAY

CAMPAIGN = {
    "campaign": "8", "began_on": DAY, "customers": 2_000, "sent_share": 0.46, "difference": 139.0,
    "auc": 0.89, "is_observational": True, "decision": "rule", "reason": "It is observational.",
    "file": "campaign_8.csv",
}  # fmt: skip


def shown(result: dict[str, Any]) -> str:
    out = io.StringIO()
    report.show(result, Console(file=out, width=200, highlight=False))
    return out.getvalue()


def results(rehearsal: Rehearsal, **run: bool) -> dict[str, Any]:
    done = rehearsal.run(**run)
    return {
        **outcome.collect(rehearsal.warehouse, rehearsal.settings),
        "this_run": [done.to_dict()],
        "strangers": 0,
        "campaigns": [CAMPAIGN],
        "seconds": {"the day": 1.0},
    }


def test_every_active_customer_of_a_day_is_counted_once(rehearsal: Rehearsal) -> None:
    result = results(rehearsal)
    days = {str(row["as_of"]): row["population_count"] for row in result["days"]}
    assert set(days) == {str(DAY - timedelta(days=1)), str(DAY)}
    for day, population in days.items():
        assert sum(place["days"].get(day, 0) for place in result["whereabouts"]) == population
    text = shown(result)
    together, active = (
        line.split() for line in text.splitlines() if line.startswith(("together", "active"))
    )
    assert together[1:3] == active[2:4] == ["600", "600"]


def test_what_was_received_is_counted_from_what_the_receivers_kept(rehearsal: Rehearsal) -> None:
    result = results(rehearsal)
    states = rehearsal.states()
    assert result["mails"]["messages"] == states["email sent"]
    assert result["requests"]["messages"] == states["webhook sent"]
    assert result["delta"]["rows"] == states["file sent"]
    assert result["mails"]["twice"] == result["requests"]["twice"] == 0
    copied = rehearsal.mails()[0]
    copied.with_suffix(".2.eml").write_bytes(copied.read_bytes())
    again = outcome.collect(rehearsal.warehouse, rehearsal.settings)
    assert again["mails"]["twice"] == 1
    assert "Came twice: 1." in shown({**result, **again})


def test_a_mail_a_request_and_a_row_of_a_file_are_shown(rehearsal: Rehearsal) -> None:
    result = results(rehearsal)
    text = shown(result)
    mail = result["mails"]["sample"]
    assert f"To: {result['next_action']['customer_id']}@shop.test" in text
    assert mail["Subject"] in text
    assert result["requests"]["sample"]["message_id"] in text
    assert result["delta"]["manifest"]["sha256"] in text
    assert result["delta"]["row"]["customer_id"] in text
    assert "drawn by lot, to measure what it does" in text


def test_it_says_what_is_made_up_refused_and_held_back(rehearsal: Rehearsal) -> None:
    text = shown(results(rehearsal, refuses=True))
    assert "MADE UP" in text
    assert "Refused by the mail server: 1." in text
    assert "550 5.1.1 no mailbox of that name here" in text
    assert "observational" in text
    assert "It is observational." in text
    assert "Nothing of `make demo`" in text


def test_words_in_brackets_are_no_mark_up(rehearsal: Rehearsal) -> None:
    result = results(rehearsal)
    result["days"][0]["reason"] = "[actions] enabled is false."
    assert "[actions] enabled is false." in shown(result)


def test_the_outcome_is_one_json_document(rehearsal: Rehearsal) -> None:
    text = json.dumps(results(rehearsal), default=str)
    assert json.loads(text)["whereabouts"][0]["days"][str(DAY)] > 0


def test_where_nothing_was_decided_it_says_so(rehearsal: Rehearsal) -> None:
    with rehearsal.warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM actions.exclusions")
        transaction.execute("DELETE FROM actions.assignments")
        transaction.execute("DELETE FROM actions.days")
    result = {
        **outcome.collect(rehearsal.warehouse, rehearsal.settings),
        "this_run": [], "strangers": 0, "campaigns": [], "seconds": {},
    }  # fmt: skip
    text = shown(result)
    assert "0 messages were decided on 0 days" in text
    assert "No file was written for a CRM" in text
