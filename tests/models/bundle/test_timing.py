"""Timing in the bundle: fitted on purchase histories, kept as a few numbers, checked on loading."""

import json
from typing import Any

import numpy as np
import pytest

from retention_ml.errors import UnfitModel
from retention_ml.models.btyd.gamma_gamma import SpendModel
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.models.bundle import timing
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.fitting import FitContext
from tests.models.conftest import Trained
from tests.worlds import samples
from tests.worlds.btyd import simulate

PROCESS = BetaGeoNBD(r=0.9, alpha=35.0, a=0.8, b=3.0, modified=True)
SPEND = SpendModel(p=5.0, q=4.0, v=1500.0)
SHOP = timing.Timing(process=PROCESS, spend=SPEND, lead_days=0, horizon_days=28)


def _shop(customers: int = 8_000) -> tuple[np.ndarray, ...]:
    """x, t_x, T and the mean paid on a purchase day, of a shop whose parameters are known."""
    draw = np.random.default_rng(8)
    observed = np.floor(draw.uniform(1, 500, customers))
    repeats, last_at, _ = simulate(PROCESS, observed, 1.0, seed=9)
    days = repeats + 1
    rate = draw.gamma(SPEND.q, 1 / SPEND.v, customers)
    return repeats, last_at, observed, draw.gamma(SPEND.p * days) / rate / days


def test_process_and_spending_of_a_known_shop_are_recovered() -> None:
    repeats, last_at, observed, values = _shop()
    fitted = timing.fit(
        PurchaseSummary.of(repeats, last_at, observed, values), lead_days=2, horizon_days=28
    )
    assert fitted.spend is not None
    assert fitted.reach_days == 30
    assert fitted.process.r / fitted.process.alpha == pytest.approx(0.9 / 35.0, rel=0.1)
    mean = fitted.spend.p * fitted.spend.v / (fitted.spend.q - 1)
    assert mean == pytest.approx(5.0 * 1500.0 / 3.0, rel=0.05)


def test_the_order_of_customers_changes_nothing() -> None:
    rows = np.array(_shop(500))
    order = np.random.default_rng(1).permutation(500)
    one, other = (
        timing.fit(PurchaseSummary.of(*some), lead_days=0, horizon_days=28)
        for some in (rows, rows[:, order])
    )
    assert one == other


def test_few_who_bought_twice_say_nothing_of_spending() -> None:
    once = np.zeros(400)
    fitted = timing.fit(
        PurchaseSummary.of(once, once, once + 50, once + 900), lead_days=0, horizon_days=28
    )
    assert fitted.spend is None
    assert fitted.process.has_weak_prior
    assert timing.Timing.from_dict(fitted.to_dict()) == fitted


def test_payments_are_those_of_customers_with_repeats_who_paid() -> None:
    histories = PurchaseSummary.of(
        np.array([0.0, 2, 1, 3, 1]),
        np.array([0.0, 9, 5, 8, 5]),
        np.array([9.0, 9, 9, 9, 9]),
        np.array([100.0, 300, 200, 0, np.nan]),
    )
    assert histories.payments.tolist() == [2, 3]
    assert histories.day_values.tolist() == [200, 300]


def test_it_survives_the_manifest_to_the_last_bit() -> None:
    model = candidate("recency").fit(samples.rows(400), FitContext(seed=1, threads=1))
    bundle = model.to_bundle("recency", timing=SHOP.to_dict())
    assert timing.of_manifest(Bundle.from_contents(bundle.contents).manifest) == SHOP


@pytest.mark.parametrize("meaning", [{}, {"timing": None}])
def test_a_bundle_without_timing_is_as_good_as_ever(meaning: dict[str, Any]) -> None:
    model = candidate("recency").fit(samples.rows(400), FitContext(seed=1, threads=1))
    bundle = model.to_bundle("recency", **meaning)
    assert timing.of_manifest(Bundle.from_contents(bundle.contents).manifest) is None


@pytest.mark.parametrize(
    "fault",
    [
        {"process": None},
        {"process": {**PROCESS.to_dict(), "alpha": float("nan")}},
        {"process": {**PROCESS.to_dict(), "r": -1.0}},
        {"spend": {"p": 1.0}},
        {"spend": {**SPEND.to_dict(), "v": float("inf")}},
        {"spend": 3},
        {"lead_days": -1},
        {"lead_days": 0.5},
        {"horizon_days": 0},
        {"horizon_days": True},
        {"horizon_days": "28"},
        {"horizon_days": [28]},
    ],
)
def test_unsound_timing_is_refused_on_loading(fault: dict[str, Any]) -> None:
    model = candidate("recency").fit(samples.rows(400), FitContext(seed=1, threads=1))
    contents = dict(model.to_bundle("recency", timing=SHOP.to_dict()).contents)
    manifest = json.loads(contents["manifest.json"])
    manifest["timing"] = {**manifest["timing"], **fault}
    contents["manifest.json"] = json.dumps(manifest).encode()
    with pytest.raises(UnfitModel, match="Train anew"):
        Bundle.from_contents(contents)


@pytest.mark.parametrize("content", [[], "x", 7, {}, {"process": PROCESS.to_dict()}])
def test_timing_of_another_shape_is_refused(content: Any) -> None:
    with pytest.raises(UnfitModel, match="timing in the bundle's manifest cannot be used"):
        timing.of_manifest({"timing": content})


def test_every_registered_model_carries_timing_of_its_own_shop(trained: Trained) -> None:
    folder = trained.settings.home / "models" / str(trained.receipt.details["bundle_sha256"])
    fitted = timing.of_manifest(Bundle.load(folder).manifest)
    assert fitted is not None
    assert fitted.spend is not None
    assert (fitted.lead_days, fitted.horizon_days) == (0, trained.settings.churn.horizon_days)
    assert not fitted.process.has_weak_prior
