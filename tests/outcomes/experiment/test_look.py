"""Looks at experiments: outcomes as known on the day, verdicts that end them once."""

import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.experiments import ledger
from retention_ml.experiments.allocation import allocate
from retention_ml.experiments.design import Design
from retention_ml.experiments.ledger import find
from retention_ml.maintenance.erasure.comparisons import note_in_comparisons
from retention_ml.maintenance.erasure.persons import create_forgotten
from retention_ml.outcomes.experiment.decision_outcomes import load_decisions
from retention_ml.outcomes.experiment.look import look
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.actions.decided_days import Decisions
from tests.worlds.excluded import exclude
from tests.worlds.outcomes import FIRST, Shop
from tests.worlds.shops import fill

pytestmark = pytest.mark.usefixtures("no_page")

DESIGN = Design(
    experiment_id="spring_mail",
    arms={"none": 0.5, "mail": 0.5},
    tiers=("low",),
    metric="retained",
)
BEGAN = FIRST + timedelta(days=14)
DAYS = [BEGAN + timedelta(days=number) for number in range(7)]
MATURE = DAYS[-1] + timedelta(days=40)


class Decided:
    """A shop that decided by lot on some days, and customers who answered.

    A sixth of the customers is decided about on each day, the first sixth on the seventh again.
    """

    def __init__(self, warehouse: Warehouse, settings: Settings, customers: int = 300) -> None:
        self.shop = Shop(warehouse, settings, customers=customers, days=130)
        self.warehouse, self.settings = warehouse, settings
        with warehouse.transaction() as transaction:
            ledger.add(
                transaction,
                DESIGN,
                question="Does a mail bring customers back?",
                sizes=[],
                assumptions={},
                planned_count=2_000,
                missing_count=0,
                as_of=BEGAN,
                by="Kim",
                run_id="test",
            )
            ledger.move(
                transaction,
                DESIGN.experiment_id,
                "open",
                since=BEGAN,
                reason="Started.",
                by="Kim",
                run_id="test",
            )
        self.days = Decisions(warehouse)
        self.arms: dict[date, np.ndarray] = {}
        for day in DAYS:
            self._assign(day)

    def _assign(self, day: date) -> None:
        snapshot = self.shop.publish(day, self.shop.truth)
        names = self.group(day)
        n = len(names)
        allocation = allocate(names, ["low"] * n, DESIGN, day=day.isoformat())
        self.arms[day] = allocation.arm
        rows = pa.table(
            {
                "as_of": pa.array([day] * n, pa.date32()),
                "customer_id": names,
                "snapshot_id": pa.array([snapshot] * n, pa.int64()),
                "policy_id": ["experiment-1"] * n,
                "experiment_id": [DESIGN.experiment_id] * n,
                "action_id": [allocation.arms[k] for k in allocation.arm],
                "propensity": np.full(n, 0.5),
                "propensities": [json.dumps(dict(DESIGN.arms))] * n,
                "lot": allocation.lots,
                "is_holdout": [False] * n,
                "is_explored": [True] * n,
                "is_capped": [False] * n,
                "tier": ["low"] * n,
                "expected_margin_cents": np.zeros(n),
                "cost_cents": np.where(allocation.arm == 1, 50.0, 0.0),
                "money_price": np.zeros(n),
                "run_id": ["test"] * n,
            }
        )
        with self.warehouse.transaction() as transaction:
            transaction.copy("actions.assignments", rows, json_columns=["propensities"])
        self.days.day(day)

    def group(self, day: date) -> list[str]:
        """The customers who are decided about on a day."""
        return self.shop.names[DAYS.index(day) % 6 :: 6]

    def answer(self, day: date, share: float, seed: int = 3) -> None:
        """Of those who got a mail on a day, a share orders five days later."""
        draw = np.random.default_rng(seed)
        mask = (self.arms[day] == 1) & (draw.random(len(self.arms[day])) < share)
        who = [self.group(day)[i] for i in np.flatnonzero(mask)]
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=5)
        self.shop.order(who, [at] * len(who))

    def look(self, as_of: date = MATURE) -> dict[str, Any]:
        [result] = look(self.warehouse, settings=self.settings, as_of=as_of).details["experiments"]
        return dict(result)

    def state(self) -> str:
        with self.warehouse.transaction() as transaction:
            return find(transaction, DESIGN.experiment_id).state


@pytest.fixture
def decided(warehouse: Warehouse, settings: Settings) -> Decided:
    return Decided(warehouse, settings)


def test_nothing_counts_before_its_window_has_settled(decided: Decided) -> None:
    early = decided.look(DAYS[0] + timedelta(days=28))
    assert (early["verdict"], early["decisions_count"]) == ("open", 0)
    first = decided.look(DAYS[0] + timedelta(days=29))  # 28 days and one to settle
    assert first["decisions_count"] == 50
    assert decided.look()["decisions_count"] == 50 * len(DAYS)


def test_an_action_that_brings_orders_wins_once(decided: Decided) -> None:
    for day in DAYS:
        decided.answer(day, 0.9)
    result = decided.look()
    assert (result["verdict"], result["arm"], result["is_ended"]) == ("won", "mail", True)
    assert decided.state() == "won"
    after = look(decided.warehouse, settings=decided.settings, as_of=MATURE + timedelta(days=1))
    assert after.details["experiments"] == []
    rows = decided.shop.rows("SELECT * FROM experiments.looks WHERE segment = 'all'")
    assert {row["metric"] for row in rows} == {"retained", "margin", "unsubscribed", "returned"}
    assert {row["verdict"] for row in rows} == {"won"}


def test_what_is_left_of_a_buyer_is_written_once_both_arms_have_enough(
    warehouse: Warehouse, settings: Settings
) -> None:
    decided = Decided(warehouse, settings, customers=1_200)
    decided.look(MATURE)
    [row] = decided.shop.rows("SELECT * FROM experiments.looks WHERE metric = 'margin_per_buyer'")
    assert (row["arm"], row["decisions_count"]) == ("mail", 1_400)
    assert row["lower"] < row["effect"] < row["upper"]


def test_readers_see_the_newest_look_and_both_kinds_of_proof(decided: Decided) -> None:
    for day in DAYS:
        decided.answer(day, 0.3)
    decided.look(DAYS[2] + timedelta(days=29))
    decided.look(MATURE)
    rows = decided.shop.rows("SELECT * FROM reports.experiments WHERE is_newest")
    assert {row["as_of"] for row in rows} == {MATURE}
    assert {row["experiment_id"] for row in rows} == {"spring_mail"}
    [proof] = decided.shop.rows(
        "SELECT * FROM reports.incrementality WHERE is_newest AND metric = 'retained'"
    )
    assert (proof["evidence"], proof["action_id"], proof["unit"]) == (
        "experiment", "mail", "decision",
    )  # fmt: skip
    assert proof["total_effect"] == pytest.approx(
        proof["effect"] * (proof["units_count"] - proof["control_count"])
    )


def test_an_open_experiment_notes_how_many_of_each_arm_were_forgotten(decided: Decided) -> None:
    day = DAYS[0]
    by_arm = {
        arm: [
            name
            for name, code in zip(decided.group(day), decided.arms[day], strict=True)
            if code == arm
        ]
        for arm in (0, 1)
    }
    with decided.warehouse.transaction() as transaction:
        create_forgotten(transaction, [*by_arm[0][:2], *by_arm[1][:1]])
        note_in_comparisons(transaction)
    rows = decided.shop.rows("SELECT arm, persons_count FROM outcomes.forgotten")
    counted = {row["arm"]: row["persons_count"] for row in rows}
    assert set(counted) == {"mail", "none"}
    result = decided.look()
    assert "forgotten while it was open are no longer counted: mail" in result["reason"]
    [shown] = {
        row["forgotten_by_arm"] for row in decided.shop.rows("SELECT * FROM reports.experiments")
    }
    assert shown == f"mail {counted['mail']}, none {counted['none']}"


def test_an_action_that_does_nothing_stays_open(decided: Decided) -> None:
    result = decided.look()
    assert result["verdict"] == "open"
    assert decided.state() == "open"
    over = decided.look(BEGAN + timedelta(days=DESIGN.days_max))
    assert over["verdict"] == "undecided"
    assert decided.state() == "undecided"


def test_a_look_may_be_run_again_and_an_old_one_gives_the_old_answer(decided: Decided) -> None:
    first = decided.look(DAYS[2] + timedelta(days=29))
    for day in DAYS[3:]:
        decided.answer(day, 0.9)
    decided.look(MATURE)
    old = decided.look(DAYS[2] + timedelta(days=29))
    assert old["decisions_count"] == first["decisions_count"] == 150
    rows = decided.shop.rows(
        "SELECT as_of, count(*) AS n FROM experiments.looks GROUP BY as_of ORDER BY as_of"
    )
    assert len({row["n"] for row in rows}) == 1


def test_an_order_that_arrived_late_does_not_change_an_old_look(decided: Decided) -> None:
    day, as_of = DAYS[0], DAYS[0] + timedelta(days=29)
    before = decided.look(as_of)
    late = datetime(2025, 12, 1, tzinfo=UTC)
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    decided.shop.order(decided.shop.names, [at] * 300, available_at=late)
    assert decided.look(as_of)["reason"] == before["reason"]


def test_money_returns_and_refusals_are_counted_in_their_windows(decided: Decided) -> None:
    day = DAYS[0]
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    names = decided.group(day)
    moments = {
        "before": midnight - timedelta(seconds=1),
        "first": midnight,
        "last": midnight + timedelta(days=28) - timedelta(seconds=1),
        "after": midnight + timedelta(days=28),
    }
    who = dict(zip(moments, names, strict=False))
    fill(
        decided.warehouse,
        "order_lines",
        [
            {
                "order_id": f"x{name}", "product_id": "p", "occurrence": 1, "kind": "sale",
                "customer_id": who[name], "event_at": at, "quantity": 1,
                "unit_price_cents": 10_000, "line_amount_cents": 10_000, "discount_cents": 0,
            }
            for name, at in moments.items()
        ],
    )  # fmt: skip
    fill(
        decided.warehouse,
        "contact_permissions",
        [
            {
                "customer_id": who[name], "channel": "email", "purpose": "marketing",
                "kind": "complained", "event_at": at,
            }
            for name, at in moments.items()
        ],
    )  # fmt: skip
    with decided.warehouse.transaction() as transaction:
        experiment = find(transaction, DESIGN.experiment_id)
    decisions = load_decisions(
        decided.warehouse, decided.settings, experiment, as_of=day + timedelta(days=29)
    )
    assert len(decisions) == 50
    refused = {names[i] for i in np.flatnonzero(decisions.unsubscribed)}
    assert refused == {who["first"], who["last"]}
    cost = np.where(decisions.arm == 1, 0.5, 0.0)
    brought = decisions.margin + cost
    paid = {names[i]: brought[i] for i in np.flatnonzero(brought)}
    share = decided.settings.value.margin_share
    assert paid == pytest.approx({who["first"]: 100 * share, who["last"]: 100 * share})
    assert decisions.assigned.sum(axis=1).tolist() == [50] * len(DAYS)


def test_what_a_discount_took_off_the_price_is_not_taken_off_twice(decided: Decided) -> None:
    """A contact of 2 cents and 48 of discount; of those the margin share is in what is paid."""
    terms = {
        "none": {"cost": 0, "discount_share": 0},
        "mail": {"cost": 0.02, "discount_share": 0.1},
    }
    with decided.warehouse.transaction() as transaction:
        transaction.insert_row(
            "actions.catalogues",
            {
                "catalogue_sha256": "c", "document": {"actions": terms}, "first_as_of": BEGAN,
                "stored_at": datetime(2026, 1, 1, tzinfo=UTC), "run_id": "test",
            },
        )  # fmt: skip
        experiment = find(transaction, DESIGN.experiment_id)
    decisions = load_decisions(decided.warehouse, decided.settings, experiment, as_of=MATURE)
    share = decided.settings.value.margin_share
    spent = -decisions.margin[decisions.arm == 1]
    assert spent.max() == pytest.approx((2 + (1 - share) * 48) / 100)
    assert decisions.margin[decisions.arm == 0].min() >= 0


def test_of_an_experiment_that_draws_once_the_first_decision_counts(decided: Decided) -> None:
    with decided.warehouse.transaction() as transaction:
        experiment = find(transaction, DESIGN.experiment_id)
    once = replace(experiment, design=replace(DESIGN, unit="customer"))
    assert len(load_decisions(decided.warehouse, decided.settings, once, as_of=MATURE)) == 300


@pytest.mark.parametrize("status", ["shadow", "waiting"])
def test_a_day_on_which_nobody_was_contacted_decides_nothing(decided: Decided, status: str) -> None:
    for day in DAYS[1:]:
        decided.days.day(day, status)
    assert decided.look()["decisions_count"] == 50
    decided.days.day(DAYS[0], status)
    result = decided.look()
    assert (result["verdict"], result["decisions_count"]) == ("open", 0)


def test_an_experiment_without_decisions_ends_when_its_time_is_over(decided: Decided) -> None:
    for day in DAYS:
        decided.days.day(day, "shadow")
    over = BEGAN + timedelta(days=DESIGN.days_max)
    assert decided.look(over - timedelta(days=1))["verdict"] == "open"
    result = decided.look(over)
    assert (result["verdict"], result["is_ended"]) == ("undecided", True)
    assert "No decision was made in 182 days" in result["reason"]
    assert decided.state() == "undecided"


def test_without_an_open_experiment_nothing_is_looked_at(
    warehouse: Warehouse, settings: Settings
) -> None:
    receipt = look(warehouse, settings=settings, as_of=MATURE)
    assert receipt.sentence == "No experiment is open."


def test_who_is_found_out_after_the_lot_stays_where_it_put_them_and_is_counted(
    decided: Decided,
) -> None:
    decided.answer(DAYS[0], 0.9)
    with decided.warehouse.transaction() as transaction:
        experiment = find(transaction, DESIGN.experiment_id)

    def decisions() -> dict[str, Any]:
        return asdict(load_decisions(decided.warehouse, decided.settings, experiment, as_of=MATURE))

    before = decisions()
    exclude(decided.warehouse, decided.group(DAYS[0])[:9], since=DAYS[0] + timedelta(days=6))
    after = decisions()
    # Those of the first group are decided about on the seventh day again.
    assert (before.pop("abnormal_count"), after.pop("abnormal_count")) == (0, 18)
    np.testing.assert_equal(after, before)
    assert decided.look()["abnormal_count"] == 18
