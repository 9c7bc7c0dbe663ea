"""A trial of two versions with known outcomes, ready to be decided."""

from datetime import date, timedelta
from typing import Any

from retention_ml.outcomes.measure import measure
from retention_ml.outcomes.trial.decide import decide
from retention_ml.statistics.arrays import Floats
from tests.worlds.outcomes import Shop, weeks
from tests.worlds.registered import Shelf

LOOK = weeks(5)[-1] + timedelta(days=29)


class LookedAtTrial:
    """Version 1 is champion, version 2 challenger; both scored five weeks, with one look."""

    def __init__(self, shelf: Shelf, champion: float, challenger: float, **settings: Any) -> None:
        self.shelf = shelf
        configured = shelf.settings
        for section, values in settings.items():
            changed = getattr(configured, section).model_copy(update=values)
            configured = configured.model_copy(update={section: changed})
        self.settings = configured
        self.shop = Shop(shelf.warehouse, configured)
        self.shas = {v.version: v.tags["bundle_sha256"] for v in shelf.registry.versions()}
        shelf.promote("1")
        shelf.make_challenger("2")
        for day in weeks(5):
            self.publish(day, self.shop.noisy(champion), self.shop.noisy(challenger, seed=9))
        self.measure(LOOK)

    def publish(self, day: date, champion: Floats, challenger: Floats) -> None:
        shas = self.shas["1"], self.shas["2"]
        self.shop.publish(day, champion, challenger, shas=shas)

    def measure(self, day: date) -> dict[str, Any]:
        return dict(measure(self.shelf.warehouse, settings=self.settings, as_of=day).details)

    def decide(self, day: date = LOOK, **answer: str) -> dict[str, Any]:
        receipt = decide(self.shelf.warehouse, settings=self.settings, as_of=day, **answer)
        return dict(receipt.details)

    def status(self) -> str:
        [row] = self.shelf.rows("SELECT status FROM outcomes.trials")
        return str(row["status"])
