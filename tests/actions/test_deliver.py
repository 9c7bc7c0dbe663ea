"""Own contacts and holdouts go back through the ingest, once, whole, and alike for outcomes."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from retention_ml import clock
from retention_ml.actions.deliver import deliver, inbox
from retention_ml.actions.own_contacts import campaign_id
from retention_ml.actions.permissions import permitted
from retention_ml.curated.ingest import ingest
from retention_ml.labels.definition import churn_definition
from retention_ml.outcomes.contacts import contacts, contamination
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.settings.sections import Actions
from retention_ml.warehouse import Warehouse
from tests.actions.decided_days import DAY, STAMP, Decisions, violated
from tests.worlds.shops import at, fill

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The shipped settings, with days that begin at midnight in UTC."""
    calendar = settings.calendar.model_copy(update={"timezone": "UTC"})
    return settings.model_copy(update={"calendar": calendar})


@pytest.fixture
def decisions(warehouse: Warehouse) -> Decisions:
    return Decisions(warehouse)


def _take_in(warehouse: Warehouse, settings: Settings) -> Receipt:
    """What `ingest_deliveries` does with the inbox of the source."""
    files = sorted(inbox(settings).glob("*.jsonl"))
    receipt = ingest(warehouse, settings=settings, source="actions", files=files)
    for file in files:
        file.unlink()
    return receipt


def _current(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT campaign_id, customer_id, kind, campaign_type, event_at "
            "FROM curated.campaign_contacts WHERE source = 'actions' "
            "AND superseded_at IS NULL ORDER BY customer_id"
        )
    return [tuple(row) for row in rows]


def _files(settings: Settings) -> list[Path]:
    return sorted(inbox(settings).glob("*"))


def test_who_was_contacted_and_who_was_left_alone_by_lot_come_back(
    warehouse: Warehouse, settings: Settings, decisions: Decisions
) -> None:
    decisions.send("c1")
    decisions.send("c2", "unknown", at=STAMP + timedelta(hours=2))
    decisions.assign("c3")
    decisions.assign("c4", is_holdout=True, none_propensity=0.9)
    decisions.assign("c5", none_propensity=1.0)
    decisions.assign("c6", is_capped=True)
    receipt = deliver(warehouse, settings=settings, as_of=DAY)
    assert (receipt.read, receipt.written, receipt.duplicates) == (4, 4, 0)
    taken_in = _take_in(warehouse, settings)
    assert (taken_in.written, taken_in.quarantined) == (4, 0)
    half = "experiment-1@2026-03-01/0.5"
    assert _current(warehouse) == [
        (half, "c1", "sent", "mail", STAMP),
        (half, "c2", "sent", "mail", STAMP + timedelta(hours=2)),
        (half, "c3", "holdout", "none", MIDNIGHT),
        ("experiment-1@2026-03-01/0.9", "c4", "holdout", "none", MIDNIGHT),
    ]
    assert violated(warehouse) == []


def test_nothing_is_written_while_nothing_left_the_house(
    warehouse: Warehouse, settings: Settings, decisions: Decisions
) -> None:
    def written() -> int:
        return deliver(warehouse, settings=settings, as_of=DAY).written

    assert written() == 0
    decisions.day(status="shadow")
    decisions.assign("c1")
    decisions.assign("c2", is_holdout=True)
    assert written() == 0
    decisions.day(status="released")
    assert written() == 0
    for number, state in enumerate(("pending", "sending", "failed", "expired", "suppressed")):
        decisions.send(f"d{number}", state)
    assert written() == 0
    assert _files(settings) == []


def test_a_second_run_writes_nothing_before_and_after_the_ingest(
    warehouse: Warehouse, settings: Settings, decisions: Decisions
) -> None:
    decisions.send("c1")
    deliver(warehouse, settings=settings, as_of=DAY)
    files = _files(settings)
    again = deliver(warehouse, settings=settings, as_of=DAY)
    assert (again.written, again.duplicates) == (0, 1)
    assert _files(settings) == files
    _take_in(warehouse, settings)
    again = deliver(warehouse, settings=settings, as_of=DAY + timedelta(days=3))
    assert (again.written, again.duplicates) == (0, 1)
    assert _files(settings) == []


def test_a_day_written_again_has_the_same_bytes_which_the_ledger_recognises(
    warehouse: Warehouse, settings: Settings, decisions: Decisions
) -> None:
    for number in range(5):
        decisions.send(f"c{number}")
        decisions.assign(f"d{number}")
    deliver(warehouse, settings=settings, as_of=DAY)
    [file] = _files(settings)
    content = file.read_bytes()
    file.unlink()
    deliver(warehouse, settings=settings, as_of=DAY)
    assert _files(settings) == [file]
    assert file.read_bytes() == content
    _take_in(warehouse, settings)
    file.write_bytes(content)
    repeated = _take_in(warehouse, settings)
    assert (repeated.written, repeated.details["batch_id"]) == (0, None)
    assert len(_current(warehouse)) == 10


def test_what_is_sent_later_comes_in_a_later_file_and_only_that_is_new(
    warehouse: Warehouse, settings: Settings, decisions: Decisions
) -> None:
    decisions.send("c1")
    decisions.send("c2", "pending")
    decisions.assign("c3")
    deliver(warehouse, settings=settings, as_of=DAY)
    _take_in(warehouse, settings)
    decisions.move_to("c2", "sent")
    receipt = deliver(warehouse, settings=settings, as_of=DAY + timedelta(days=1))
    assert receipt.written == 3
    taken_in = _take_in(warehouse, settings)
    assert (taken_in.written, taken_in.duplicates) == (1, 2)
    assert [row[1] for row in _current(warehouse)] == ["c1", "c2", "c3"]


def test_an_unknown_message_that_did_not_arrive_stays_a_contact(
    warehouse: Warehouse, settings: Settings, decisions: Decisions
) -> None:
    decisions.send("c1")
    decisions.send("c2", "unknown")
    deliver(warehouse, settings=settings, as_of=DAY)
    _take_in(warehouse, settings)
    decisions.move_to("c2", "failed")
    deliver(warehouse, settings=settings, as_of=DAY)
    taken_in = _take_in(warehouse, settings)
    assert (taken_in.written, taken_in.duplicates) == (0, 1)
    assert [row[1] for row in _current(warehouse)] == ["c1", "c2"]


def test_old_days_are_left_alone(
    warehouse: Warehouse, settings: Settings, decisions: Decisions
) -> None:
    decisions.send("c1")
    late = deliver(warehouse, settings=settings, as_of=DAY + timedelta(days=10))
    early = deliver(warehouse, settings=settings, as_of=DAY - timedelta(days=1))
    assert (late.read, early.read) == (0, 0)


@pytest.mark.parametrize(
    ("code", "text", "is_bounce"),
    [
        ("550", "5.1.1 no such user", True),
        ("553", "", True),
        ("550", "5.7.1 not wanted", False),
        ("554", "spam", False),
        ("421", "try later", False),
    ],
)
def test_an_address_that_does_not_exist_is_asked_no_more(
    warehouse: Warehouse,
    settings: Settings,
    decisions: Decisions,
    code: str,
    text: str,
    is_bounce: bool,
) -> None:
    grant = {
        "customer_id": "c1",
        "channel": "email",
        "purpose": "marketing",
        "kind": "granted",
        "event_at": at("2026-01-01"),
        "address": "c1@x.example",
    }
    fill(warehouse, "contact_permissions", [grant])
    decisions.send("c1", "failed", code=code, text=text, address="c1@x.example")
    receipt = deliver(warehouse, settings=settings, as_of=DAY)
    assert receipt.written == int(is_bounce)
    if is_bounce:
        assert _take_in(warehouse, settings).written == 1
    allowed = warehouse.read(permitted(clock.now())).num_rows
    assert allowed == int(not is_bounce)


def test_any_customer_number_survives(
    warehouse: Warehouse, settings: Settings, decisions: Decisions
) -> None:
    names = ['a"b,c', "0007", "日本", "a\tb", "{}", "a\\n", "x;y", "null"]
    for name in names:
        decisions.send(name)
    deliver(warehouse, settings=settings, as_of=DAY)
    assert _take_in(warehouse, settings).written == len(names)
    assert {row[1] for row in _current(warehouse)} == set(names)


def test_the_longest_wait_that_the_settings_allow_is_looked_back_to(
    warehouse: Warehouse, settings: Settings, decisions: Decisions
) -> None:
    """Released at the end of its day, sent in the last minute: delivered by that day's run."""
    [longest] = [
        each.le
        for each in Actions.model_fields["send_within_hours"].metadata
        if hasattr(each, "le")
    ]
    sent_at = MIDNIGHT + timedelta(days=1, hours=longest, minutes=-1)
    decisions.send("c1", at=sent_at)
    deliver(warehouse, settings=settings, as_of=sent_at.date() + timedelta(days=1))
    _take_in(warehouse, settings)
    assert [row[4] for row in _current(warehouse)] == [sent_at]


def test_a_day_decided_again_long_after_has_the_time_of_its_day(
    warehouse: Warehouse, settings: Settings, decisions: Decisions
) -> None:
    decisions.send("c1", at=STAMP + timedelta(days=400))
    deliver(warehouse, settings=settings, as_of=DAY)
    _take_in(warehouse, settings)
    assert [row[4] for row in _current(warehouse)] == [MIDNIGHT]


def test_a_contact_is_known_from_when_it_was_loaded(
    warehouse: Warehouse, settings: Settings, decisions: Decisions
) -> None:
    decisions.send("c1")
    deliver(warehouse, settings=settings, as_of=DAY)
    _take_in(warehouse, settings)
    definition = churn_definition(settings)
    today = clock.now().date()

    def read(known_as_of: Any) -> list[str]:
        rows = warehouse.read(contacts(definition, DAY, known_as_of=known_as_of))
        return [row["customer_id"] for row in rows.to_pylist()]

    assert read(today) == []
    assert read(today + timedelta(days=1)) == ["c1"]


def test_own_and_foreign_campaigns_mean_the_same_for_outcomes(
    warehouse: Warehouse, settings: Settings, decisions: Decisions
) -> None:
    """The same audience, once contacted by the platform and once by the shop's own mailing."""

    def weights(customers: Iterable[str], campaign: str) -> list[tuple[bool, float]]:
        rows = warehouse.read(
            contacts(
                churn_definition(settings), DAY, known_as_of=clock.now().date() + timedelta(days=1)
            )
        )
        mine = rows.filter(
            pa.array([name.startswith(campaign) for name in rows["campaign_id"].to_pylist()])
        )
        result = contamination(pa.array(list(customers)), mine)
        assert result.weights is not None
        return list(zip(result.is_contacted.tolist(), result.weights.round(9), strict=True))

    low, high = ["s1", "s2", "s3", "h1"], ["t1", "u1", "u2"]
    for name in low:
        if name[0] == "s":
            decisions.send(name, none_propensity=0.25)
        else:
            decisions.assign(name, none_propensity=0.25)
    decisions.send("t1", none_propensity=0.7)
    for name in ("u1", "u2"):
        decisions.assign(name, none_propensity=0.7)
    deliver(warehouse, settings=settings, as_of=DAY)
    _take_in(warehouse, settings)
    for segment, names in (("low", low), ("high", high)):
        rows = [
            {
                "campaign_id": f"foreign-{segment}",
                "customer_id": name,
                "kind": "sent" if name[0] in "st" else "holdout",
                "event_at": STAMP,
            }
            for name in names
        ]
        fill(warehouse, "campaign_contacts", rows)
    of_platform = weights([*low, *high], "experiment-1@")
    assert of_platform == weights([*low, *high], "foreign-")
    assert of_platform == [
        (True, 0),
        (True, 0),
        (True, 0),
        (False, 4),
        (True, 0),
        (False, 1.5),
        (False, 1.5),
    ]


@pytest.mark.parametrize(
    ("none_propensity", "share"),
    [(0.0333, "0.03"), (0.9, "0.9"), (0.96, "0.9"), (0.9999, "0.9"), (1.0, "1"), (None, "capped")],
)
def test_nobody_but_the_holdout_is_in_its_campaign(
    none_propensity: float | None, share: str
) -> None:
    assert campaign_id("rule-1", DAY, none_propensity) == f"rule-1@{DAY}/{share}"
