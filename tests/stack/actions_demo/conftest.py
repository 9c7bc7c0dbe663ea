"""A scored shop of the tests whose days are decided and sent as the demonstration does it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from retention_ml.settings import Settings
from retention_ml.stack.actions_demo import run
from retention_ml.stack.actions_demo import shop as demo_shop
from retention_ml.stack.actions_demo.decision_day import DayRun, DecisionDay
from retention_ml.warehouse import Warehouse
from tests.worlds.databases import NewWarehouse
from tests.worlds.decisions import DAY, DecisionShop


@dataclass
class Rehearsal:
    """Days of a shop with the settings, the actions and the receivers of the demonstration."""

    shop: DecisionShop
    settings: Settings

    @property
    def warehouse(self) -> Warehouse:
        """The shop's."""
        return self.shop.warehouse

    def publish(self, day: date) -> None:
        """Scores of another day."""
        self.shop.publish(day)

    def run(self, day: date = DAY, **shown: bool) -> DayRun:
        """A day, with new receivers that keep what they get where those before them did."""
        with run.receivers(self.settings) as (mails, _, connected):
            one = DecisionDay(
                warehouse=self.warehouse, shop=connected, mails=mails, day=day, **shown
            )
            return one.run(lambda _: None)

    def mails(self) -> list[Path]:
        """What the mail servers got."""
        return sorted((self.settings.home / "received" / "mails").glob("*.eml"))

    def requests(self) -> list[Path]:
        """What the CRMs got."""
        return sorted((self.settings.home / "received" / "requests").glob("*.json"))

    def states(self, day: date = DAY) -> dict[str, int]:
        """Messages of a day by channel and state."""
        rows = self.shop.rows(
            "SELECT channel || ' ' || state AS name, count(*) AS number FROM actions.outbox "
            f"WHERE as_of = DATE '{day}' GROUP BY 1"
        )
        return {row["name"]: row["number"] for row in rows}


@pytest.fixture
def rehearsal(
    new_warehouse: NewWarehouse, settings: Settings, tmp_path: Path
) -> Iterator[Rehearsal]:
    demonstration = demo_shop.settings_of(settings)
    demo_shop.prepare(demonstration)
    with new_warehouse() as warehouse:
        shop = DecisionShop(warehouse, demonstration, tmp_path / "actions")
        shop.permit(shop.shop.names[::2], channel="push")
        yield Rehearsal(shop, demonstration)


FOLLOWING = DAY + timedelta(days=1)
