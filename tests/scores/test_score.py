"""The door `score`: a snapshot that readers do not see yet."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.errors import NotReady, PublicationRefused, RegistryError
from retention_ml.scores import served as served_module
from retention_ml.scores import snapshot
from retention_ml.statistics.arrays import sigmoid
from tests.worlds.scores import DAY, PlainBundle, World

NEXT = DAY + timedelta(days=7)


class _Broken(PlainBundle):
    """A model whose prediction for the first customer is no number."""

    def predict(self, table: pa.Table) -> np.ndarray:
        probability = super().predict(table)
        probability[table["customer_id"].to_numpy(zero_copy_only=False) == "c00000"] = np.nan
        return probability


def test_everybody_active_is_scored_with_all_that_a_reader_needs(world: World) -> None:
    receipt = world.score()
    rows = world.rows("SELECT * FROM scores.customer_daily ORDER BY customer_id")
    features = world.rows("SELECT * FROM features.customer_daily ORDER BY customer_id")
    assert (receipt.read, receipt.written, receipt.quarantined) == (60, 60, 0)
    assert [row["customer_id"] for row in rows] == [row["customer_id"] for row in features]
    bundle = PlainBundle()
    for row, customer in zip(rows, features, strict=True):
        logit = bundle.bias + sum(customer[name] * w for name, w in bundle.weights.items())
        assert row["churn_probability"] == pytest.approx(sigmoid(np.array([logit]))[0])
        assert row["expected_value_at_risk_cents"] == round(
            row["churn_probability"] * 0.30 * customer["revenue_cents_90d"]
        )
        assert row["tier_since"] == DAY
        assert row["arm"] == "champion"
        assert (row["model_name"], row["model_version"]) == ("plain", "1")
        assert row["reason_1"] or row["risk_tier"] == "low"
    assert max(row["risk_percentile"] for row in rows) == 1
    assert {row["risk_tier"] for row in rows} <= {"low", "medium", "high", "critical"}


def test_a_snapshot_is_invisible_until_it_is_published(world: World) -> None:
    world.score()
    assert world.rows("SELECT * FROM reports.customer_risk") == []


def test_excluded_customers_are_counted_with_their_reason(world: World) -> None:
    recency = [30.0] * 60
    recency[1], recency[2] = float("inf"), None
    orders, ratio = [2.0] * 60, [1.0] * 60
    orders[2] = ratio[2] = None  # type: ignore[call-overload]
    world.features(recency_days=recency, orders_count_90d=orders, recency_over_gap_mean_ratio=ratio)
    world.champion(_Broken(bias=-1.0))
    receipt = world.score()
    assert (receipt.read, receipt.written, receipt.quarantined) == (60, 57, 3)
    assert world.rows("SELECT customer_id, reason_code FROM scores.exclusions ORDER BY 1") == [
        {"customer_id": "c00000", "reason_code": "no_probability"},
        {"customer_id": "c00001", "reason_code": "infinite_feature"},
        {"customer_id": "c00002", "reason_code": "no_features"},
    ]
    manifest = world.rows("SELECT * FROM scores.snapshots")[0]
    assert (manifest["population_count"], manifest["scored_count"]) == (60, 57)


def test_the_same_day_scored_twice_has_equal_digests(world: World) -> None:
    first, second = world.score(), world.score()
    assert first.details["scores_digest"] == second.details["scores_digest"]
    assert first.details["snapshot_id"] != second.details["snapshot_id"]


def test_scoring_what_is_published_already_writes_nothing(world: World) -> None:
    published = world.score_and_publish()
    count = "SELECT (SELECT count(*) FROM scores.customer_daily) AS rows, (SELECT count(*) FROM scores.snapshots) AS snapshots"
    before = world.rows(count)
    again = world.score()
    assert again.details["snapshot_id"] == published
    assert again.details["is_repeat"]
    assert (again.written, again.duplicates) == (0, 60)
    assert world.rows(count) == before
    assert world.publish(published).details["is_repeat"]


@pytest.mark.parametrize("changed", ["model", "features", "policy", "version"])
def test_any_change_of_input_makes_a_new_snapshot(world: World, changed: str) -> None:
    published = world.score_and_publish()
    if changed == "model":
        world.champion(PlainBundle(bias=-1.4), version="2")
    elif changed == "features":
        world.features(seed=2)
    elif changed == "version":
        world.champion(version="2")
    else:
        tiers = world.settings.tiers.model_copy(update={"hysteresis": 0.05})
        world.settings = world.settings.model_copy(update={"tiers": tiers})
    again = world.score()
    assert again.details["snapshot_id"] != published
    assert not again.details["is_repeat"]


def test_what_happens_after_the_day_changes_no_score(world: World) -> None:
    first = world.score()
    world.features(NEXT, seed=99)
    world.features(DAY + timedelta(days=1), seed=98)
    assert world.score().details["scores_digest"] == first.details["scores_digest"]


def test_the_digest_knows_no_order_and_every_last_bit(world: World) -> None:
    world.score()
    rows = world.warehouse.read("SELECT * FROM scores.customer_daily")
    nobody = world.warehouse.read("SELECT customer_id, reason_code FROM scores.exclusions")
    plain = snapshot.digest(rows, nobody)
    order = np.random.default_rng(3).permutation(rows.num_rows)
    assert snapshot.digest(rows.take(order), nobody) == plain
    place = rows.column_names.index("churn_probability")
    moved = np.nextafter(rows["churn_probability"].to_numpy(), 1)
    assert snapshot.digest(rows.set_column(place, "churn_probability", [moved]), nobody) != plain
    place = rows.column_names.index("run_id")
    other = rows.set_column(place, "run_id", pa.array(["other"] * rows.num_rows))
    assert snapshot.digest(other, nobody) == plain


def test_tiers_go_on_from_the_day_published_before_with_hysteresis(world: World) -> None:
    def constant(logit: float) -> PlainBundle:
        return PlainBundle(weights={"orders_count_30d": 0.0}, bias=logit)

    logit = {p: float(np.log(p / (1 - p))) for p in (0.59, 0.61, 0.66)}
    few = {"customers": 5, "seed": 1}
    for day, probability in ((DAY, 0.59), (NEXT, 0.61), (NEXT + timedelta(days=7), 0.66)):
        world.features(day, **few)
        world.champion(constant(logit[probability]), version=str(probability))
        world.settings = world.settings.model_copy(
            update={"tiers": world.settings.tiers.model_copy(update={"share_change_max": 1.0})}
        )
        world.score_and_publish(day)
    rows = world.rows(
        "SELECT DISTINCT as_of, risk_tier, tier_since FROM reports.customer_risk_history ORDER BY 1"
    )
    assert [(row["risk_tier"], row["tier_since"]) for row in rows] == [
        ("medium", DAY),
        ("medium", DAY),
        ("high", NEXT + timedelta(days=7)),
    ]


def test_without_a_share_the_challenger_scores_in_shadow_and_changes_nothing_else(
    world: World,
) -> None:
    alone = world.score().details["scores_digest"]
    world.set("trial", challenger_share=0.0)
    world.challenger(PlainBundle(bias=0.5), "2")
    receipt = world.score()
    assert receipt.details["scores_digest"] == alone
    assert receipt.details["challenger"] == "plain v2"
    rows = world.rows(
        "SELECT * FROM scores.customer_daily WHERE snapshot_id = "
        + str(receipt.details["snapshot_id"])
    )
    assert all(row["challenger_probability"] > row["churn_probability"] for row in rows)
    assert {row["arm"] for row in rows} == {"champion"}
    manifest = world.rows("SELECT * FROM scores.snapshots ORDER BY snapshot_id DESC LIMIT 1")[0]
    assert manifest["challenger_version"] == "2"


def test_a_challenger_that_cannot_score_stops_nobody(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.worlds.scores import served_model

    world.models["challenger"] = served_model(PlainBundle(weights={"no_such_feature": 1.0}), "2")
    assert world.score().details["challenger"] is None
    assert "reads 1 features that are not computed" in caplog.text
    plain = served_module.served

    def down(warehouse: object, settings: object, alias: str) -> object:
        if alias == "challenger":
            raise RegistryError("The model registry did not answer.")
        return plain(warehouse, settings, alias)  # type: ignore[arg-type]

    monkeypatch.setattr(served_module, "served", down)
    assert world.score().written == 60
    assert "The challenger does not score" in caplog.text


def test_without_a_champion_the_sentence_tells_to_train(world: World) -> None:
    world.models.clear()
    scoring = world.settings.scoring.model_copy(update={"starter": False})
    world.settings = world.settings.model_copy(update={"scoring": scoring})
    with world.warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM models.promotions")
    with pytest.raises(NotReady, match=r"no champion.*retention train --as-of 2025-03-01"):
        world.score()


def test_a_champion_that_may_not_serve_any_more_is_no_silent_skip(world: World) -> None:
    world.models.clear()
    with pytest.raises(PublicationRefused, match=r"No champion that was approved can score"):
        world.score()


def test_a_champion_that_reads_unknown_features_is_not_used(world: World) -> None:
    world.champion(PlainBundle(weights={"no_such_feature": 1.0}))
    with pytest.raises(PublicationRefused, match=r"reads 1 features.*no_such_feature"):
        world.score()


def test_a_day_without_active_customers_is_not_scored(world: World) -> None:
    empty = date(2020, 1, 1)
    world.features(empty, customers=0)
    with pytest.raises(NotReady, match="Nobody is active on 2020-01-01"):
        world.score(empty)
    assert world.rows("SELECT * FROM scores.snapshots") == []


def test_no_message_names_a_customer(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        receipt = world.score()
    assert "c000" not in caplog.text
    assert "c000" not in str(receipt.to_dict())


def test_the_receipt_is_recorded(world: World) -> None:
    world.score_and_publish()
    doors = world.rows("SELECT door, as_of, run_id FROM ops.receipts ORDER BY receipt_id")
    assert doors == [
        {"door": "score", "as_of": DAY, "run_id": "manual"},
        {"door": "publish", "as_of": DAY, "run_id": "manual"},
    ]


def test_a_champion_of_another_definition_carries_its_hash(world: World) -> None:
    world.champion(replace(PlainBundle(), manifest={"definition_hash": "abc"}))
    world.score()
    assert world.rows("SELECT definition_hash FROM scores.snapshots")[0] == {
        "definition_hash": "abc"
    }
