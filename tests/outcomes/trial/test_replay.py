"""Weeks of a small shop one after another: score, measure, decide; the ledger tells the story."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from retention_ml.models.promotion.decisions import current_approval, decisions
from retention_ml.outcomes.measure import measure
from retention_ml.outcomes.trial.decide import decide
from retention_ml.statistics.arrays import Floats
from tests.worlds.outcomes import FIRST, Shop, weeks
from tests.worlds.registered import Shelf

pytestmark = pytest.mark.usefixtures("no_page")

WEEKS = 14


@dataclass
class Replay:
    """What the weeks brought."""

    shelf: Shelf
    verdicts: list[str]
    slots: list[tuple[str | None, str | None]]

    @property
    def trial(self) -> dict[str, Any]:
        [row] = self.shelf.rows("SELECT * FROM outcomes.trials")
        return row


def _replay(shelf: Shelf, champion: Floats, challenger: Floats, shop: Shop) -> Replay:
    """Each week the models in the ledger score, outcomes are measured, and the look is decided."""
    shelf.promote("1")
    shelf.make_challenger("2")
    shas = {each.version: each.tags["bundle_sha256"] for each in shelf.registry.versions()}
    predictions = {"1": champion, "2": challenger}
    verdicts, slots = [], []
    for day in weeks(WEEKS):
        served, on_trial = (
            current_approval(decisions(shelf.warehouse, alias))
            for alias in ("champion", "challenger")
        )
        assert served is not None
        pair = served.model_version, on_trial.model_version if on_trial else None
        slots.append(pair)
        shop.publish(
            day,
            predictions[pair[0]],
            predictions[pair[1]] if pair[1] else None,
            versions=(pair[0], pair[1] or "none"),
            shas=(shas[pair[0]], shas.get(pair[1] or "", "none")),
        )
        measured = measure(shelf.warehouse, settings=shop.settings, as_of=day).details
        decided = decide(shelf.warehouse, settings=shop.settings, as_of=day).details
        assert decided["acted"] <= (measured["trial"] is not None)
        verdicts.append(str(measured["verdict"]))
    return Replay(shelf, verdicts, slots)


@pytest.fixture
def shop(shelf: Shelf) -> Shop:
    trial = shelf.settings.trial.model_copy(update={"days_max": 77})
    settings = shelf.settings.model_copy(update={"trial": trial})
    return Shop(shelf.warehouse, settings, customers=500, days=14 + 7 * WEEKS + 1)


def test_a_clearly_better_challenger_is_promoted_once_and_serves_from_then_on(
    shelf: Shelf, shop: Shop
) -> None:
    replay = _replay(shelf, shop.noisy(1.5), shop.truth, shop)
    assert shelf.ledger() == [("1", "promote"), ("2", "promote")]
    assert shelf.ledger("challenger") == [("2", "promote"), ("2", "retire")]
    assert shelf.registry.aliases() == {"champion": "2"}
    won = replay.verdicts.index("promote")
    assert replay.verdicts.count("promote") == 1
    # Two outcome windows one after the other: that of the fifth weekly day has closed and settled.
    assert weeks(WEEKS)[won] - FIRST >= timedelta(days=14 + 4 * 7 + 29)
    assert replay.slots[won] == ("1", "2")
    assert set(replay.slots[won + 1 :]) == {("2", None)}
    assert (replay.trial["status"], replay.trial["ended_on"]) == ("won", weeks(WEEKS)[won])
    reason = shelf.rows("SELECT reason FROM models.promotions ORDER BY promotion_id DESC LIMIT 2")
    assert any("e-value for better" in row["reason"] for row in reason)
    performance = shelf.rows(
        "SELECT DISTINCT as_of, role, model_version FROM outcomes.performance "
        "WHERE segment = 'all' AND metric = 'brier'"
    )
    matured = [day for day in weeks(WEEKS) if day + timedelta(days=29) <= weeks(WEEKS)[-1]]
    assert {row["as_of"] for row in performance} == set(matured)


def test_an_identical_challenger_is_never_promoted_and_gives_its_place_up(
    shelf: Shelf, shop: Shop
) -> None:
    replay = _replay(shelf, shop.truth, shop.truth, shop)
    assert shelf.ledger() == [("1", "promote")]
    assert "promote" not in replay.verdicts
    assert replay.trial["status"] == "undecided"
    looks = shelf.rows("SELECT e_better, e_worse, mean_difference FROM outcomes.trial_looks")
    assert len(looks) >= 4
    for look in looks:
        assert list(look.values()) == pytest.approx([1, 1, 0])


def test_a_worse_challenger_is_retired_and_the_champion_stays(shelf: Shelf, shop: Shop) -> None:
    replay = _replay(shelf, shop.truth, shop.noisy(1.5), shop)
    assert shelf.ledger() == [("1", "promote")]
    assert shelf.ledger("challenger") == [("2", "promote"), ("2", "retire")]
    assert shelf.registry.aliases() == {"champion": "1"}
    assert replay.trial["status"] == "lost"
    assert replay.slots[-1] == ("1", None)
