"""`retention simulate --respond`, and what has left the outbox."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from retention_ml.actions.outbox.message import OutboxRow
from retention_ml.actions.outbox.outbox import enqueue
from retention_ml.actions.outbox.reached import reached
from retention_ml.cli import app
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

DAY = date(2024, 3, 1)  # the day after sixty from 1 January


def _simulate(out: Path, *options: str) -> tuple[int, dict[str, Any]]:
    arguments = ["simulate", "--customers", "300", "--days", "60", "--seed", "1", "--json"]
    done = CliRunner().invoke(app, [*arguments, "--out", str(out), *options])
    return done.exit_code, json.loads(done.stdout)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """300 customers over 60 days."""
    monkeypatch.setenv("RETENTION_HOME", str(tmp_path / "home"))
    assert _simulate(tmp_path / "shop")[0] == 0
    return tmp_path / "shop"


def test_a_day_is_lived_through_with_the_contacts_of_files(shop: Path, tmp_path: Path) -> None:
    sent = tmp_path / "sent.csv"
    # Actions of the shop's catalogue are answered to by their kind; others must be named.
    lines = [
        "as_of,customer_id,action_id",
        f"{DAY},C0000001,come_back",
        f"{DAY},C0000002,spring",
        f"{DAY},C0000003,app_reminder",
    ]
    sent.write_text("\n".join(lines) + "\n")
    options = ("--respond", str(DAY), "--contacts", str(sent))
    code, document = _simulate(shop, *options)
    assert (code, document["error"]) == (2, "UsageError")
    assert "no answer to spring" in document["message"]
    code, document = _simulate(shop, *options, "--answer", "spring=coupon")
    assert (code, document["contacts"]) == (0, 3)
    assert document["granted_rows"] > 300
    written = (shop / "response" / f"contacts_{DAY}.csv").read_text().splitlines()
    assert written[1:] == [
        f"{DAY},C0000001,come_back,email,email",
        f"{DAY},C0000002,spring,coupon,email",
        f"{DAY},C0000003,app_reminder,email,push",
    ]


@pytest.mark.parametrize(
    "options",
    [("--contacts", "x.csv"), ("--outbox",), ("--world", "four_types"), ("--answer", "a=email")],
)
def test_what_belongs_to_a_response_does_not_simulate_anew(
    shop: Path, options: tuple[str, ...]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in shop.rglob("*")}
    code, document = _simulate(shop, *options)
    assert (code, document["error"]) == (2, "UsageError")
    assert f"no use for {options[0]}; nothing was written. Add --respond" in document["message"]
    assert {path: path.stat().st_mtime_ns for path in shop.rglob("*")} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--world", "paradise"), "There is no world 'paradise'; expected one of four_types"),
        (("--answer", "spring"), "--answer is 'spring'; expected NAME=ACTION"),
    ],
)
def test_a_wrong_option_is_refused_in_a_sentence(
    shop: Path, options: tuple[str, ...], message: str
) -> None:
    code, document = _simulate(shop, "--respond", str(DAY), *options)
    assert code == 2
    assert message in document["message"]
    assert not (shop / "response").exists()


def test_only_what_may_have_arrived_has_reached_a_customer(
    warehouse: Warehouse, settings: Settings
) -> None:
    noon = datetime(2024, 3, 1, 12, tzinfo=UTC)
    states = {"C1": "sent", "C2": "unknown", "C3": "failed", "C4": "pending", "C5": "suppressed"}
    messages = [
        OutboxRow(
            as_of=DAY,
            customer_id=customer_id,
            action_id="come_back",
            channel="email",
            purpose=None,
            address=f"{customer_id}@example.com",
            payload={"subject": "Hello"},
            not_before=noon,
            expires_at=noon + timedelta(hours=24),
        )
        for customer_id in states
    ]
    with warehouse.transaction() as transaction:
        enqueue(transaction, messages, run_id="test")
        for customer_id, state in states.items():
            transaction.execute(
                "UPDATE actions.outbox SET state = :state WHERE customer_id = :customer_id",
                state=state,
                customer_id=customer_id,
            )
    assert [each.customer_id for each in reached(warehouse, DAY, settings=settings)] == ["C1", "C2"]
    assert reached(warehouse, DAY + timedelta(days=1), settings=settings) == []
