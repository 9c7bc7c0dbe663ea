"""What the pages make of their rows."""

from datetime import UTC, date, datetime

import pytest

from retention_ml.pages import data, drift, model
from retention_ml.pages.export import csv_lines
from retention_ml.pages.links import FileLinks, ServerLinks
from retention_ml.pages.shell import Frame
from tests.pages.worlds import DAY, frame


def test_warnings_are_compared_with_what_everybody_did() -> None:
    matured = {
        "as_of": date(2026, 2, 1),
        "window_from": date(2026, 2, 1),
        "window_to": date(2026, 2, 28),
        "customers_count": 1_000,
        "churned_count": 150,
        "is_forecast": True,
    }
    tiers = [
        {"risk_tier": "critical", "customers_count": 30, "churned_count": 27},
        {"risk_tier": "high", "customers_count": 20, "churned_count": 13},
        {"risk_tier": "low", "customers_count": 950, "churned_count": 110},
    ]
    sentence = model.warned_sentence(matured, tiers)
    assert sentence == (
        "Of 50 customers warned of (critical or high) on 2026-02-01, 40 (80%) placed no order from "
        "2026-02-01 to 2026-02-28; of all 1,000 active customers 15% did not."
    )
    later = model.warned_sentence({**matured, "is_forecast": False}, tiers)
    assert later is not None
    assert later.endswith("this proves nothing about the model.")
    assert model.warned_sentence(None, tiers) is None
    assert model.warned_sentence(matured, tiers[2:]) is None


def _check(expected: str, *, is_success: bool, severity: str = "warning") -> dict[str, object]:
    return {
        "checked_at": datetime(2026, 3, 1, tzinfo=UTC),
        "table_name": "staging.orders",
        "column_name": None,
        "expected": expected,
        "severity": severity,
        "is_success": is_success,
        "unexpected_share": 0.1,
        "observed": "some",
        "reason": "because it matters",
        "age": 1,
    }


def test_failed_checks_come_first_the_most_severe_before_the_others() -> None:
    batch = {
        "batch_id": 1, "source": "shop", "status": "held", "created_at": datetime(2026, 3, 1, tzinfo=UTC),
        "delivered_count": 10, "accepted_count": 9, "quarantined_count": 1, "duplicate_count": 0,
        "left_out_count": 0,
    }  # fmt: skip
    html = data.page(
        frame(),
        data.DataRows(
            batches=[batch],
            checks=[
                _check("passes", is_success=True),
                _check("warns", is_success=False),
                _check("stops", is_success=False, severity="critical"),
            ],
        ),
    )
    assert "2 of 3 checks failed" in html
    table = html.partition('aria-label="Failed checks"')[2].partition("</table>")[0]
    assert table.index("stops") < table.index("warns")
    assert "passes" not in table


def test_drift_shows_the_worst_first_and_what_was_not_compared() -> None:
    def row(name: str, value: float, measure: str = "psi") -> dict[str, object]:
        return {
            "as_of": DAY, "kind": "input", "name": name, "measure": measure, "value": value,
            "threshold": 0.2, "is_beyond": value > 0.2, "reference": "the features of 2026-02-01",
        }  # fmt: skip

    watched = [row("calm", 0.1), row("wild", 0.5), row("label_rate", 0.0, "not_compared")]
    html = drift.page(frame(), drift.DriftRows(watched=watched))
    assert "1 of 2 watched things lie beyond their threshold" in html
    assert html.index("input: wild (psi)") < html.index("input: calm (psi)")
    assert "<h2>Not compared</h2>" in html


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1"])
def test_a_spreadsheet_calculates_nothing(text: str) -> None:
    _, line = csv_lines(("a", "b"), [{"a": text, "b": -1.5}])
    assert line == f'"\'{text}",-1.5\n'


def test_links_of_files_and_of_a_server_name_the_same_pages() -> None:
    served = ServerLinks(as_of=DAY, asked=[("tier", "high")])
    assert served.page("drift") == "drift?as_of=2026-03-02"
    assert served.export() == "customers.csv?tier=high&as_of=2026-03-02"
    assert served.listed(2) == "customers?tier=high&number=2&as_of=2026-03-02"
    files = FileLinks(
        customers={"1": "customer_001.html"}, batches={7: "../quality/batch_000007.html"}
    )
    assert (files.page("drift"), files.customer("1"), files.customer("2")) == (
        "drift.html", "customer_001.html", None,
    )  # fmt: skip


def test_a_server_offers_other_days_and_a_file_does_not() -> None:
    days = [date(2026, 3, 2), date(2026, 3, 1)]
    served = model.page(Frame(as_of=days[0], days=days, links=ServerLinks()), model.ModelRows())
    assert "<option>2026-03-01</option>" in served
    assert "<form" not in model.page(Frame(as_of=days[0], days=days), model.ModelRows())


def test_the_page_of_the_model_has_a_row_for_each_group_of_customers() -> None:
    groups = model.Groups(
        head=("group", "customers"),
        lines=[("age <65+>", "812"), ("country Malta", "99")],
        notes=["Income: not delivered."],
    )
    text = model.page(Frame(as_of=DAY, days=[DAY]), model.ModelRows(groups=groups))
    assert '<td class="name">age &lt;65+&gt;</td><td>812</td>' in text
    assert "Income: not delivered." in text
    assert "Groups of customers" not in model.page(Frame(as_of=DAY, days=[DAY]), model.ModelRows())
