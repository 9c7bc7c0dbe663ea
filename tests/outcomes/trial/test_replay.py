"""Weeks of a small shop one after another: score, measure, decide; the ledger tells the story."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from retention_ml.models.promotion.decisions import decisions, standing
from retention_ml.outcomes.measure import measure
from retention_ml.outcomes.trial.decide import decide
from retention_ml.statistics.arrays import Floats
from tests.worlds.outcomes import FIRST, Shop, weeks
from tests.worlds.registered import Shelf

pytestmark = pytest.mark.usefixtures("no_page")

WEEKS = 14


@dataclass
class Replayed:
    """What the weeks brought."""

    shelf: Shelf
    verdicts: list[str]
    seated: list[tuple[str | None, str | None]]

    @property
    def trial(self) -> dict[str, Any]:
        [row] = self.shelf.rows("SELECT * FROM outcomes.trials")
        return row


def _replay(shelf: Shelf, champion: Floats, challenger: Floats, shop: Shop) -> Replayed:
    """Each week the models in the ledger score, outcomes are measured, and the look is decided."""
    shelf.promote("1")
    shelf.seat("2")
    shas = {each.version: each.tags["bundle_sha256"] for each in shelf.registry.versions()}
    said = {"1": champion, "2": challenger}
    verdicts, seated = [], []
    for day in weeks(WEEKS):
        own, beside = (standing(decisions(shelf.warehouse, a)) for a in ("champion", "challenger"))
        assert own is not None
        pair = own.model_version, beside.model_version if beside else None
        seated.append(pair)
        shop.publish(
            day,
            said[pair[0]],
            said[pair[1]] if pair[1] else None,
            versions=(pair[0], pair[1] or "none"),
            shas=(shas[pair[0]], shas.get(pair[1] or "", "none")),
        )
        told = measure(shelf.warehouse, settings=shop.settings, as_of=day).details
        decided = decide(shelf.warehouse, settings=shop.settings, as_of=day).details
        assert decided["acted"] <= (told["trial"] is not None)
        verdicts.append(str(told["verdict"]))
    return Replayed(shelf, verdicts, seated)


@pytest.fixture
def shop(shelf: Shelf) -> Shop:
    trial = shelf.settings.trial.model_copy(update={"days_max": 77})
    settings = shelf.settings.model_copy(update={"trial": trial})
    return Shop(shelf.warehouse, settings, customers=500, days=14 + 7 * WEEKS + 1)


def test_a_clearly_better_challenger_is_promoted_once_and_serves_from_then_on(
    shelf: Shelf, shop: Shop
) -> None:
    found = _replay(shelf, shop.noisy(1.5), shop.truth, shop)
    assert shelf.ledger() == [("1", "promote"), ("2", "promote")]
    assert shelf.ledger("challenger") == [("2", "promote"), ("2", "retire")]
    assert shelf.registry.aliases() == {"champion": "2"}
    won = found.verdicts.index("promote")
    assert found.verdicts.count("promote") == 1
    # Two outcome windows one after the other: that of the fifth weekly day has closed and settled.
    assert weeks(WEEKS)[won] - FIRST >= timedelta(days=14 + 4 * 7 + 29)
    assert found.seated[won] == ("1", "2")
    assert set(found.seated[won + 1 :]) == {("2", None)}
    assert (found.trial["status"], found.trial["ended_on"]) == ("won", weeks(WEEKS)[won])
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
    found = _replay(shelf, shop.truth, shop.truth, shop)
    assert shelf.ledger() == [("1", "promote")]
    assert "promote" not in found.verdicts
    assert found.trial["status"] == "undecided"
    looks = shelf.rows("SELECT e_better, e_worse, mean_difference FROM outcomes.trial_looks")
    assert len(looks) >= 4
    for look in looks:
        assert list(look.values()) == pytest.approx([1, 1, 0])


def test_a_worse_challenger_is_retired_and_the_champion_stays(shelf: Shelf, shop: Shop) -> None:
    found = _replay(shelf, shop.truth, shop.noisy(1.5), shop)
    assert shelf.ledger() == [("1", "promote")]
    assert shelf.ledger("challenger") == [("2", "promote"), ("2", "retire")]
    assert shelf.registry.aliases() == {"champion": "1"}
    assert found.trial["status"] == "lost"
    assert found.seated[-1] == ("1", None)
