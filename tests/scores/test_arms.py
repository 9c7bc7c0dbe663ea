"""Champion and challenger side by side: who serves a customer, and what is stored."""

import logging
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.errors import PublicationRefused
from retention_ml.maintenance.invariants import violations
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.bundle.timing import Timing
from retention_ml.models.promotion.policy import configured_policy
from retention_ml.scores.explain import explain
from retention_ml.scores.split import assigned_to_challenger
from retention_ml.scores.tiers import TIERS, TierPolicy
from tests.worlds.features import record_as_stored
from tests.worlds.scores import DAY, PlainBundle, World

NEXT = DAY + timedelta(days=7)
OTHER = {"recency_days": 0.02, "orders_count_90d": -0.9, "gap_median_days": 0.05}
_ROWS = "SELECT * FROM scores.customer_daily WHERE snapshot_id = {} ORDER BY customer_id"
_MANIFEST = "SELECT * FROM scores.snapshots ORDER BY snapshot_id DESC LIMIT 1"


@pytest.fixture
def trial(world: World) -> World:
    """A champion and another kind of model as challenger, who serves 40 % of 300 customers."""
    world.features(customers=300)
    world.challenger(PlainBundle(OTHER, bias=0.2))
    world.set("trial", challenger_share=0.4)
    return world


@dataclass(frozen=True)
class Watched(PlainBundle):
    """A model that records of how many customers it was asked for reasons."""

    asked: Any = None

    def contributions(self, table: pa.Table) -> tuple[np.ndarray, float]:
        if self.asked is not None:
            self.asked.append(table.num_rows)
        return super().contributions(table)

    def predict(self, table: pa.Table) -> np.ndarray:
        return replace(self, asked=None)._predict(table)

    def _predict(self, table: pa.Table) -> np.ndarray:
        return super().predict(table)


def _score(world: World, day: date = DAY) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    snapshot_id = world.score(day).details["snapshot_id"]
    return world.rows(_ROWS.format(snapshot_id)), world.rows(_MANIFEST)[0]


def test_each_customer_is_served_by_the_model_of_the_arm(trial: World) -> None:
    rows, manifest = _score(trial)
    features = trial.warehouse.read("SELECT * FROM features.customer_daily ORDER BY customer_id")
    champion_scores = PlainBundle().predict(features)
    challenger_scores = PlainBundle(OTHER, bias=0.2).predict(features)
    assigned = assigned_to_challenger([row["customer_id"] for row in rows], "1", 0.4)
    assert 0.3 < assigned.mean() < 0.5
    tiers = trial.settings.tiers
    policy = TierPolicy(
        medium=tiers.medium, high=tiers.high, critical=tiers.critical, hysteresis=tiers.hysteresis
    )
    served = np.where(assigned, challenger_scores, champion_scores)
    expected = [TIERS[place] for place in policy.tier_of(served)]
    assert [row["risk_tier"] for row in rows] == expected
    assert expected != [TIERS[place] for place in policy.tier_of(champion_scores)]
    for row, is_challenger, champion, challenger in zip(
        rows, assigned, champion_scores, challenger_scores, strict=True
    ):
        assert row["arm"] == ("challenger" if is_challenger else "champion")
        assert (row["model_name"], row["model_version"]) == ("plain", "2" if is_challenger else "1")
        assert row["champion_probability"] == pytest.approx(champion, abs=1e-12)
        assert row["challenger_probability"] == pytest.approx(challenger, abs=1e-12)
        arm = "challenger" if is_challenger else "champion"
        assert row["churn_probability"] == row[f"{arm}_probability"]
    assert (manifest["challenger_share"], manifest["split_salt"]) == (0.4, "1")
    assert (manifest["challenger_name"], manifest["challenger_version"]) == ("plain", "2")


@pytest.mark.parametrize("by", ["share", "value"])
def test_by_rank_a_model_of_another_level_has_tiers_as_large_as_any(world: World, by: str) -> None:
    """Its customers would all be critical if two levels made one ranking."""
    n = 2_000
    world.features(customers=n, seed=3)
    world.challenger(PlainBundle(bias=1.0))
    world.set("trial", challenger_share=0.5)
    world.set("tiers", by=by)
    rows, _ = _score(world)
    arms_count = Counter(row["arm"] for row in rows)
    tiers_count = Counter((row["arm"], row["risk_tier"]) for row in rows)
    for tier, share in (("critical", 0.05), ("high", 0.15), ("medium", 0.3), ("low", 0.5)):
        for arm in ("champion", "challenger"):
            deviation = np.sqrt(share * (1 - share) / arms_count[arm])
            observed = tiers_count[arm, tier] / arms_count[arm]
            assert observed == pytest.approx(share, abs=3 * deviation)
    by_rank = TierPolicy(**configured_policy(world.settings))
    features = world.warehouse.read("SELECT * FROM features.customer_daily ORDER BY customer_id")
    of_all = {
        arm: by_rank.tier_of(
            by_rank.position(probability, np.rint(probability * 0.3 * revenue).astype(np.int64))
        )
        for revenue in [features["revenue_cents_90d"].to_numpy()]
        for arm, probability in (
            ("champion", PlainBundle().predict(features)),
            ("challenger", PlainBundle(bias=1.0).predict(features)),
        )
    }
    assert [row["risk_tier"] for row in rows] == [
        TIERS[of_all[row["arm"]][place]] for place, row in enumerate(rows)
    ]


def test_reasons_and_value_come_from_the_model_of_the_arm(trial: World) -> None:
    trial.champion(PlainBundle({"recency_days": 0.1}, bias=-7.0))
    trial.challenger(PlainBundle({"gap_median_days": 0.04}, bias=-1.0))
    rows, _ = _score(trial)
    codes = Counter((row["arm"], row["reason_1_code"]) for row in rows)
    assert codes["champion", "recency/recency_days"] > 50
    assert codes["challenger", "gaps/gap_median_days"] > 30
    assert codes["champion", "gaps/gap_median_days"] == 0
    revenue = {
        row["customer_id"]: row["revenue_cents_90d"]
        for row in trial.rows("SELECT customer_id, revenue_cents_90d FROM features.customer_daily")
    }
    for row in rows:
        at_risk = row["churn_probability"] * 0.3 * revenue[row["customer_id"]]
        assert row["expected_value_at_risk_cents"] == pytest.approx(at_risk, abs=0.51)


def test_a_model_explains_its_own_customers_only(trial: World) -> None:
    by_champion, by_challenger = [], []
    trial.champion(Watched(asked=by_champion))
    trial.challenger(Watched(OTHER, bias=0.2, asked=by_challenger))
    details = trial.score().details
    assert by_champion == [details["arms"]["champion"]]
    assert by_challenger == [details["arms"]["challenger"]]
    assert by_champion[0] + by_challenger[0] == 300


def test_timing_comes_from_the_model_of_the_arm(trial: World) -> None:
    process = BetaGeoNBD(r=1.0, alpha=50.0, a=0.8, b=3.0, modified=True)
    timing = Timing(process=process, spend=None, lead_days=0, horizon_days=28).to_dict()
    manifest = {"definition_hash": "d" * 16, "timing": timing}
    trial.challenger(PlainBundle(OTHER, bias=0.2, manifest=manifest))
    trial.features(customers=300, tenure_days=[400.0] * 300, purchase_days_count=[4.0] * 300)
    rows, _ = _score(trial)
    tells = {(row["arm"], row["no_order_probability_30d"] is not None) for row in rows}
    assert tells == {("champion", False), ("challenger", True)}


def test_a_snapshot_says_up_to_which_day_its_models_were_trained(trial: World) -> None:
    definition = {"definition_hash": "d" * 16}
    trial.champion(replace(PlainBundle(), manifest={**definition, "as_of": "2025-01-05"}))
    trial.challenger(PlainBundle(OTHER, manifest={**definition, "as_of": "2025-02-09"}))
    _, manifest = _score(trial)
    assert manifest["model_as_of"] == date(2025, 1, 5)
    assert manifest["challenger_as_of"] == date(2025, 2, 9)


def test_a_customer_keeps_arm_and_hysteresis_from_day_to_day(trial: World) -> None:
    first = trial.score_and_publish()
    trial.features(NEXT, customers=300, seed=5, first=50)
    second = trial.score_and_publish(NEXT)
    arms = [
        {row["customer_id"]: row["arm"] for row in trial.rows(_ROWS.format(number))}
        for number in (first, second)
    ]
    both = set(arms[0]) & set(arms[1])
    assert len(both) == 250
    assert all(arms[0][one] == arms[1][one] for one in both)


def test_a_larger_share_moves_customers_to_the_challenger_only(trial: World) -> None:
    before, _ = _score(trial)
    trial.set("trial", challenger_share=0.7)
    after, _ = _score(trial)
    moves = {(old["arm"], new["arm"]) for old, new in zip(before, after, strict=True)}
    assert moves == {
        ("champion", "champion"), ("champion", "challenger"), ("challenger", "challenger"),
    }  # fmt: skip


def test_scoring_a_published_split_again_is_a_repeat(trial: World) -> None:
    published = trial.score_and_publish()
    again = trial.score()
    assert again.details["is_repeat"]
    assert again.details["snapshot_id"] == published


@pytest.mark.parametrize(
    "change", [{"challenger_share": 0.41}, {"challenger_share": 0.0}, {"salt": "2"}]
)
def test_another_share_or_salt_is_another_snapshot(trial: World, change: dict[str, Any]) -> None:
    published = trial.score_and_publish()
    trial.set("trial", **change)
    assert trial.score_and_publish() != published


def test_a_salt_that_assigns_nobody_changes_nothing(trial: World) -> None:
    trial.set("trial", challenger_share=0.0)
    trial.score_and_publish()
    trial.set("trial", salt="2")
    assert trial.score().details["is_repeat"]
    del trial.models["challenger"]
    trial.score_and_publish()
    trial.set("trial", challenger_share=0.5)
    assert trial.score().details["is_repeat"]


def test_another_challenger_is_another_snapshot_with_the_same_digest_in_shadow(
    trial: World,
) -> None:
    trial.set("trial", challenger_share=0.0)
    first = trial.score()
    trial.publish(int(first.details["snapshot_id"]))
    trial.challenger(PlainBundle(OTHER, bias=0.3), "3")
    second = trial.score()
    assert not second.details["is_repeat"]
    assert second.details["scores_digest"] == first.details["scores_digest"]


def test_the_champion_under_another_number_gets_no_arm(trial: World) -> None:
    trial.challenger(PlainBundle(), "2")
    rows, manifest = _score(trial)
    assert {row["arm"] for row in rows} == {"champion"}
    assert {row["challenger_probability"] for row in rows} == {None}
    assert all(row["champion_probability"] == row["churn_probability"] for row in rows)
    for name in ("name", "version", "bundle_sha256", "as_of", "share"):
        assert manifest[f"challenger_{name}"] is None
    assert manifest["split_salt"] is None


def test_the_champion_serves_those_for_whom_the_challenger_has_no_prediction(trial: World) -> None:
    gaps: list[float | None] = [20.0] * 300
    gaps[3], gaps[5] = float("inf"), float("inf")
    trial.features(customers=300, gap_median_days=gaps)
    trial.set("trial", challenger_share=0.9)
    receipt = trial.score()
    assert receipt.quarantined == 0
    silent = trial.rows(
        "SELECT customer_id, arm, model_version FROM scores.customer_daily "
        "WHERE challenger_probability IS NULL ORDER BY 1"
    )
    assert [row["customer_id"] for row in silent] == ["c00003", "c00005"]
    assert {(row["arm"], row["model_version"]) for row in silent} == {("champion", "1")}
    trial.publish(int(receipt.details["snapshot_id"]))


class _Failing(PlainBundle):
    def predict(self, table: pa.Table) -> np.ndarray:
        raise MemoryError("c00007 is too much")


class _Unexplained(PlainBundle):
    def predict(self, table: pa.Table) -> np.ndarray:
        return PlainBundle(self.weights, self.bias).predict(table)

    def contributions(self, table: pa.Table) -> tuple[np.ndarray, float]:
        raise ZeroDivisionError("c00007 divides by nothing")


class _Silent(PlainBundle):
    def predict(self, table: pa.Table) -> np.ndarray:
        return np.full(table.num_rows, np.nan)


@pytest.mark.parametrize(
    ("bundle", "warning"),
    [
        (_Failing(bias=1.0), "does not score: it failed with MemoryError"),
        (PlainBundle({"no_such": 1.0}), "reads 1 features that are not computed"),
        (
            PlainBundle(OTHER, manifest={"definition_hash": "e" * 16}),
            "trained for the churn definition eeee",
        ),
    ],
)
def test_a_challenger_that_cannot_predict_leaves_everybody_to_the_champion(
    trial: World, caplog: pytest.LogCaptureFixture, bundle: Any, warning: str
) -> None:
    trial.challenger(bundle)
    rows, manifest = _score(trial)
    assert {row["arm"] for row in rows} == {"champion"}
    assert manifest["challenger_version"] is None
    assert warning in caplog.text
    assert "c00007" not in caplog.text


def test_a_challenger_without_any_prediction_is_none(trial: World) -> None:
    trial.challenger(_Silent(bias=1.0))
    assert trial.score().details["challenger"] is None


def test_a_challenger_that_cannot_explain_itself_scores_in_shadow(
    trial: World, caplog: pytest.LogCaptureFixture
) -> None:
    trial.challenger(_Unexplained(OTHER))
    rows, manifest = _score(trial)
    assert {row["arm"] for row in rows} == {"champion"}
    assert all(row["challenger_probability"] is not None for row in rows)
    assert (manifest["challenger_share"], manifest["split_salt"]) == (0.0, None)
    assert "serves nobody: explaining its scores failed with ZeroDivisionError" in caplog.text
    assert "c00007" not in caplog.text
    trial.publish(int(manifest["snapshot_id"]))


class _Starter(PlainBundle):
    model_name = "starter"


def test_with_the_starter_as_champion_the_challenger_scores_in_shadow_only(trial: World) -> None:
    bundle = _Starter(manifest={"definition_hash": "d" * 16, "is_calibrated": False})
    trial.champion(bundle)
    rows, manifest = _score(trial)
    assert {row["arm"] for row in rows} == {"starter"}
    assert all(row["challenger_probability"] is not None for row in rows)
    assert manifest["challenger_share"] == 0
    assert manifest["model_as_of"] is None


def test_what_the_challenger_served_is_explained_by_the_challenger(trial: World) -> None:
    snapshot_id = trial.score_and_publish()
    rows = trial.rows(_ROWS.format(snapshot_id))
    explained_arms = set()
    for row in rows[:12]:
        explanation = explain(
            trial.warehouse, settings=trial.settings, customer_id=row["customer_id"]
        )
        explained_arms.add(explanation["arm"])
        log_odds = explanation["base_log_odds"] + sum(
            one["log_odds"] for one in explanation["features"]
        )
        assert 1 / (1 + np.exp(-log_odds)) == pytest.approx(row["churn_probability"], abs=1e-9)
    assert explained_arms == {"champion", "challenger"}


def test_a_score_is_explained_by_the_model_that_scored_though_it_serves_no_more(
    trial: World,
) -> None:
    snapshot_id = trial.score_and_publish()
    served = next(
        row for row in trial.rows(_ROWS.format(snapshot_id)) if row["arm"] == "challenger"
    )
    trial.models = {"champion": trial.models["challenger"]}
    asked = {"settings": trial.settings, "customer_id": served["customer_id"]}
    assert explain(trial.warehouse, **asked)["note"] is None
    trial.models = {"champion": None, "challenger": None}
    assert explain(trial.warehouse, **asked)["note"] is None
    trial.bundles.clear()
    assert "plain v2) cannot be read" in explain(trial.warehouse, **asked)["note"]


def test_a_published_split_passes_every_audit_and_is_counted(trial: World) -> None:
    trial.score_and_publish()
    audits = {row["audit"]: row for row in trial.rows("SELECT * FROM scores.audits")}
    assert all(row["is_success"] for row in audits.values())
    assert (
        "of 300 customers are the challenger's, expected 120"
        in audits["sample_ratio_holds"]["observed"]
    )
    assert "third of" in audits["sample_ratio_is_likely_by_stratum"]["observed"]


def test_the_database_assigns_like_python_whatever_a_customer_number_holds(trial: World) -> None:
    with trial.warehouse.transaction() as transaction:
        transaction.execute(
            """UPDATE features.customer_daily SET customer_id = 'Zoë "%\\' || customer_id || '日本 '"""
        )
    record_as_stored(trial.warehouse)
    trial.set("trial", salt="größer \\ 'x'")
    trial.score_and_publish()
    assert violations(trial.warehouse) == []


@pytest.mark.parametrize(
    ("sabotage", "audit"),
    [
        ("SET arm = 'champion' WHERE arm = 'challenger'", "rows_are_of_the_manifest"),
        ("SET model_version = '1' WHERE arm = 'challenger'", "rows_are_of_the_manifest"),
        (
            "SET arm = 'champion', model_version = '1', churn_probability = champion_probability "
            "WHERE customer_id = (SELECT min(customer_id) FROM scores.customer_daily "
            "WHERE arm = 'challenger')",
            "arms_account: 1 rows",
        ),
        (
            "SET churn_probability = champion_probability WHERE customer_id = (SELECT "
            "min(customer_id) FROM scores.customer_daily WHERE arm = 'challenger')",
            "arms_account: 1 rows",
        ),
        ("SET arm = 'both'", "arms_account: 300 rows"),
        ("SET arm = 'starter' WHERE arm = 'champion'", "arms_account"),
    ],
)
def test_rows_of_the_wrong_arm_are_not_published(trial: World, sabotage: str, audit: str) -> None:
    snapshot_id = int(trial.score().details["snapshot_id"])
    with trial.warehouse.transaction() as transaction:
        transaction.execute(f"UPDATE scores.customer_daily {sabotage}")
    with pytest.raises(PublicationRefused, match=audit):
        trial.publish(snapshot_id)


def test_an_assignment_that_follows_the_customer_is_stopped_even_where_the_rows_agree(
    trial: World,
) -> None:
    """Negative control: a share in the manifest that the assignment did not follow."""
    snapshot_id = int(trial.score().details["snapshot_id"])
    with trial.warehouse.transaction() as transaction:
        transaction.execute("UPDATE scores.snapshots SET challenger_share = 0.1")
    with pytest.raises(PublicationRefused, match=r"arms_account.*sample_ratio_holds.*expected 30"):
        trial.publish(snapshot_id)


def test_a_challenger_without_approval_is_not_published(trial: World) -> None:
    with trial.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE models.promotions SET verdict = 'keep' WHERE alias = 'challenger'"
        )
    with pytest.raises(PublicationRefused, match="challenger_is_approved: nobody approved"):
        trial.score_and_publish()


def test_the_receipt_counts_the_arms(trial: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        details = trial.score().details
    assert details["challenger_share"] == 0.4
    assert set(details["arms"]) == {"champion", "challenger"}
    assert sum(details["arms"].values()) == 300
    assert "c000" not in caplog.text


def test_a_published_split_holds_every_invariant_and_a_spoilt_one_does_not(trial: World) -> None:
    trial.score_and_publish()
    assert violations(trial.warehouse) == []
    with trial.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE scores.customer_daily SET model_version = '1' WHERE arm = 'challenger'"
        )
    [violation] = violations(trial.warehouse)
    assert violation.sentence.startswith(
        "P3: 1 × a published snapshot with other rows, or other models"
    )
