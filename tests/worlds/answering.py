"""A scored shop whose customers answer contacts: those with one order come back, others do not."""

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from retention_ml.actions.learning.train_uplift import train_uplift
from retention_ml.receipts import DecisionReceipt
from retention_ml.statistics.arrays import Bools
from tests.worlds.decisions import DAY, DecisionShop

LETTER = """title = "Letter"
kind = "email"
channel = "file"
cost = 20.0
[rule]
needs_permission = false
"""
ROUNDS = (DAY, DAY + timedelta(days=29))
"""Decision days: who was drawn on the first has rested by the second."""
AFTER = ROUNDS[1] + timedelta(days=29)
"""The first day on which the outcomes of both are known."""
LATER_ROUNDS = tuple(AFTER + timedelta(days=29 * number) for number in range(3))
AFTER_ALL = LATER_ROUNDS[-1] + timedelta(days=29)
"""The same of three more rounds."""
DEAR_LETTER = LETTER.replace("20.0", "45.0")


@dataclass
class AnsweringShop(DecisionShop):
    """A shop with one dear action, drawn by lot for everybody on two days.

    A customer retained is worth about 200, so that a letter pays from an effect of about .1 on.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for path in (*self.folder.glob("*.toml"), *self.folder.glob("templates/*")):
            path.unlink()
        shutil.rmtree(self.folder / "coupons")
        (self.folder / "letter.toml").write_text(LETTER)
        self.set(
            actions={"explore_share": 1.0, "budget_per_day": 1e6},
            uplift={"rows_min": 400},
        )

    def live(self, *, has_effect: bool = True) -> None:
        """Decide both days; contacted customers with one order order again after five days."""
        for day in ROUNDS:
            self.decide(day)
            if has_effect:
                self.answer(day)

    def live_on(self) -> None:
        """Three more rounds; afterwards a letter is so dear that only some customers are worth it.

        Effects rank nobody, and a bandit may decide.
        """
        for day in LATER_ROUNDS:
            self.decide(day)
            self.answer(day)
        self.close(AFTER_ALL)
        self.allow_bandit()

    def allow_bandit(self) -> None:
        """The settings and actions after these rounds."""
        (self.folder / "letter.toml").write_text(DEAR_LETTER)
        self.set(
            actions={"explore_share": 0.1, "budget_per_day": 20_000.0},
            uplift={"rows_min": 5_000},
            bandit={"enabled": True},
        )

    def decide(self, day: date) -> None:
        """Decide a day and release it."""
        if day != DAY:
            self.publish(day)
        details = self.assign(day).details
        assert details["status"] == "released"
        assert details["contacts_count"] > 0

    def answer(self, day: date) -> None:
        """Those of the contacted who answer contacts place an order."""
        rows = self.rows(
            "SELECT customer_id FROM actions.assignments WHERE action_id = 'letter' "
            f"AND as_of = DATE '{day}' ORDER BY customer_id"
        )
        who = [row["customer_id"] for row in rows if row["customer_id"] in self.responders()]
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=5)
        self.shop.order(who, [at] * len(who))

    def close(self, day: date) -> None:
        """One order before a day, so that orders cover the windows that end there."""
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=1)
        self.shop.order(self.shop.names[-1:], [at])

    def responders(self) -> set[str]:
        """Customers whom a contact brings back."""
        rows = self.rows(
            "SELECT customer_id FROM features.customer_daily WHERE is_one_time_buyer = 1 "
            f"AND as_of = DATE '{DAY}'"
        )
        return {row["customer_id"] for row in rows}

    def are_responders(self, customer_ids: list[str]) -> Bools:
        """Which of some customers a contact brings back, shape (n,)."""
        answering = self.responders()
        return np.array([one in answering for one in customer_ids], dtype=np.bool_)

    def train(self, as_of: date = AFTER) -> DecisionReceipt:
        """The door."""
        return train_uplift(self.warehouse, settings=self.settings, as_of=as_of)


def answering_shop(shop: DecisionShop, folder: Path) -> AnsweringShop:
    """The same shop with a letter for its only action."""
    return AnsweringShop(shop.warehouse, shop.settings, folder, is_built=True)
