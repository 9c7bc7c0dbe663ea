"""The ranker: fitted when due, in force only if it proves itself, and then what makes the lists."""

from datetime import date, timedelta

import pytest

from retention_ml.errors import NotReady
from retention_ml.models.promotion.decisions import Decision, write_decision
from retention_ml.receipts import DecisionReceipt
from retention_ml.recommendations.fitting.fit import _role, fit
from retention_ml.recommendations.fitting.ledger import CHALLENGER, CHAMPION
from retention_ml.recommendations.fitting.proof import Proof, decision
from retention_ml.settings import Settings
from retention_ml.statistics.bootstrap import Interval
from retention_ml.warehouse import Warehouse
from tests.recommendations.test_recommending_flow import DAY, rows, run
from tests.worlds.shops import random_shop


def proof(value: float, lower: float, upper: float) -> Proof:
    return Proof(day=DAY, customers_count=300, figures={}, difference=Interval(value, lower, upper))


def decide(warehouse: Warehouse, settings: Settings, verdict: str, fitted: DecisionReceipt) -> None:
    """Decide by hand about a fitted ranker, from its day on."""
    with warehouse.transaction() as transaction:
        write_decision(
            transaction,
            settings=settings,
            alias=CHAMPION,
            model_name="recommendations",
            version=fitted.details["version"],
            bundle_sha256=fitted.details["bundle_sha256"],
            verdict=verdict,
            decided_by="test",
            reason="to see what follows",
            as_of=fitted.as_of,
        )


@pytest.mark.parametrize(
    ("interval", "first", "renewal"),
    [
        ((0.02, 0.01, 0.03), True, True),
        ((0.01, -0.01, 0.03), False, True),
        ((-0.02, -0.03, -0.01), False, False),
        ((0.0, 0.0, 0.0), False, True),
    ],
)
def test_the_first_must_be_better_and_its_successor_not_worse(
    interval: tuple[float, float, float], first: bool, renewal: bool
) -> None:
    assert decision(proof(*interval), is_renewal=False)[0] is first
    assert decision(proof(*interval), is_renewal=True)[0] is renewal


BETTER, LEVEL, WORSE = (0.02, 0.01, 0.03), (0.0, -0.01, 0.01), (-0.02, -0.03, -0.01)


def approval(version: str) -> Decision:
    return Decision(
        promotion_id=1, model_name="recommendations", model_version=version, bundle_sha256="a",
        verdict="promote", decided_by="fit", reason="better", training_id=None, policy=None,
        policy_of_settings=None, is_synced=True, as_of=DAY,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("interval", "champion", "challenger", "is_offline", "alias"),
    [
        (BETTER, None, None, False, CHAMPION),
        (LEVEL, None, None, False, None),
        (BETTER, "ranker-1", None, False, CHALLENGER),
        (LEVEL, "ranker-1", None, False, CHALLENGER),
        (WORSE, "ranker-1", None, False, None),
        (BETTER, "ranker-1", "ranker-2", False, None),
        (BETTER, "ranker-1", None, True, CHAMPION),
        (LEVEL, "ranker-1", None, True, None),
    ],
)
def test_who_makes_lists_who_stands_on_trial_and_who_neither(
    interval: tuple[float, float, float],
    champion: str | None,
    challenger: str | None,
    is_offline: bool,
    alias: str | None,
) -> None:
    decided, reason = _role(
        proof(*interval),
        approval(champion) if champion else None,
        approval(challenger) if challenger else None,
        is_offline=is_offline,
    )
    assert decided == alias
    assert (challenger or champion or "lists") in reason


def test_a_ranker_is_fitted_when_due_and_makes_the_lists_when_in_force(
    warehouse: Warehouse, settings: Settings
) -> None:
    random_shop(warehouse, customers=150, days=400)
    first = fit(warehouse, settings=settings, as_of=DAY)
    assert first.details["is_new"]
    methods = first.details["evidence"]["methods"]
    assert set(methods) == {"champion", "best_sellers", "personal_frequency"}
    assert all(0 < lists["mixed"]["ndcg"] < 1 for lists in methods.values())
    again = fit(warehouse, settings=settings, as_of=DAY + timedelta(days=3))
    assert not again.details["is_new"]
    assert "Not due" in again.sentence
    assert again.details["bundle_sha256"] == first.details["bundle_sha256"]
    backfilled = fit(warehouse, settings=settings, as_of=DAY - timedelta(days=60), force=True)
    assert not backfilled.details["is_new"]
    assert f"a ranker of {DAY} exists" in backfilled.sentence
    decide(warehouse, settings, "retire", first)
    by_frequency = run(warehouse, settings)
    assert by_frequency.details["method"] == "frequency"
    assert "test took ranker-1 back: to see what follows" in by_frequency.details["caveat"]
    decide(warehouse, settings, "promote", first)
    made = run(warehouse, settings)
    assert (made.details["method"], made.details["caveat"]) == ("ranker", None)
    assert made.written == made.read
    assert made.details["sources"].keys() >= {"own", "similar"}
    codes = rows(warehouse, "SELECT DISTINCT reason_code FROM reports.recommendations")
    assert {row["reason_code"] for row in codes} >= {"bought_regularly", "bought_with"}
    assert run(warehouse, settings).details["is_repeat"]


def test_a_ranker_that_was_changed_is_not_used(warehouse: Warehouse, settings: Settings) -> None:
    random_shop(warehouse, customers=150, days=400)
    fitted = fit(warehouse, settings=settings, as_of=DAY)
    decide(warehouse, settings, "promote", fitted)
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE recommendations.bundles SET files = jsonb_set(files, ARRAY['manifest.json'], "
            "to_jsonb(replace(files ->> 'manifest.json', 'recommendations', 'others')))"
        )
    made = run(warehouse, settings)
    assert made.details["method"] == "frequency"
    assert "cannot be used" in made.details["caveat"]


def test_too_little_history_is_not_ready(warehouse: Warehouse, settings: Settings) -> None:
    random_shop(warehouse, customers=60, days=400)
    with pytest.raises(NotReady, match="expected at least 85 days"):
        fit(warehouse, settings=settings, as_of=date(2024, 2, 10))
