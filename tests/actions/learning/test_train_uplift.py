"""The ladder from the shop's own ledger: up where effects differ, never by noise, the same twice."""

from datetime import timedelta

import numpy as np
import pytest

from retention_ml.actions.effects.bundles import load_bundle
from retention_ml.errors import NotReady, UnfitModel
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.uplift.bundle import UpliftBundle
from retention_ml.settings import Settings
from tests.worlds.answering import AFTER, AnsweringShop
from tests.worlds.decisions import DAY
from tests.worlds.excluded import exclude

NEXT = AFTER + timedelta(days=1)
POLICIES = "SELECT * FROM actions.policies ORDER BY decided_at"


def _decide(shop: AnsweringShop) -> list[dict[str, object]]:
    """What is decided on the day after the training: a tenth by lot, a hundred letters at most."""
    shop.set(actions={"explore_share": 0.1, "budget_per_day": 2_000.0})
    shop.publish(NEXT)
    shop.assign(NEXT)
    return shop.rows(
        f"SELECT * FROM actions.assignments WHERE as_of = DATE '{NEXT}' ORDER BY customer_id"
    )


def test_before_any_outcome_is_known_the_rule_stays(shop: AnsweringShop) -> None:
    before = shop.rows(POLICIES)
    receipt = shop.train(DAY + timedelta(days=1))
    assert (receipt.details["policy_id"], receipt.details["is_new"]) == ("rule-1", False)
    assert "0 decisions drawn by lot" in receipt.sentence
    assert shop.rows(POLICIES) == before
    with pytest.raises(NotReady, match="nobody was contacted"):
        shop.train(DAY)


def test_effects_that_differ_choose_those_who_answer(shop: AnsweringShop) -> None:
    receipt = shop.train()
    assert (receipt.details["policy_id"], receipt.details["is_new"]) == ("uplift-1", True)
    letter = receipt.details["actions"]["letter"]
    assert letter["rung"] == "uplift"
    assert letter["qini"]["lower"] > 0
    assert letter["effect"]["lower"] > 0.05

    rows = _decide(shop)
    assert {row["policy_id"] for row in rows} == {"uplift-1"}
    chosen = [row for row in rows if row["action_id"] == "letter" and not row["is_explored"]]
    assert 30 < len(chosen) < 100
    assert shop.are_responders([str(row["customer_id"]) for row in chosen]).mean() > 0.8
    assert shop.are_responders([str(row["customer_id"]) for row in rows]).mean() < 0.4
    effects = np.array([row["expected_effect"] for row in chosen], dtype=np.float64)
    assert (effects > 0.03).all()
    assert len(np.unique(effects.round(6))) > 10
    [slope] = {row["slope"] for row in chosen}
    assert 0 < float(str(slope)) <= 1
    assert all(float(str(row["expected_margin_cents"])) > 0 for row in chosen)


def test_the_same_evidence_writes_nothing_again(shop: AnsweringShop) -> None:
    shop.train()
    tables = [POLICIES, "SELECT * FROM actions.policy_bundles"]
    before = [shop.rows(sql) for sql in tables]
    again = shop.train()
    assert (again.details["policy_id"], again.details["is_new"]) == ("uplift-1", False)
    assert [shop.rows(sql) for sql in tables] == before
    _decide(shop)
    assert shop.assign(NEXT).details["is_repeat"]


def test_without_an_effect_nobody_is_chosen(quiet_shop: AnsweringShop) -> None:
    receipt = quiet_shop.train()
    assert receipt.details["kind"] == "experiment"
    letter = receipt.details["actions"]["letter"]
    assert letter["rung"] in ("nobody", "experiment")
    assert letter["effect"]["lower"] < 0 < letter["effect"]["upper"]
    rows = _decide(quiet_shop)
    contacts = [row for row in rows if row["action_id"] == "letter"]
    assert len(contacts) > 5
    assert all(row["is_explored"] for row in contacts)
    assert quiet_shop.rows("SELECT * FROM actions.policy_bundles") == []


def test_with_less_evidence_than_needed_the_average_decides_and_more_leads_up(
    shop: AnsweringShop,
) -> None:
    shop.set(uplift={"rows_min": 5_000})
    early = shop.train()
    letter = early.details["actions"]["letter"]
    assert (early.details["policy_id"], letter["rung"]) == ("experiment-1", "experiment")
    assert letter["effect_lower_at_all_looks"] > 0
    rows = _decide(shop)
    chosen = [row for row in rows if row["action_id"] == "letter" and not row["is_explored"]]
    assert chosen
    assert {row["slope"] for row in chosen} == {None}
    average = letter["effect"]["value"]
    effects = np.array([row["expected_effect"] for row in chosen], dtype=np.float64)
    assert (effects <= average + 1e-12).all()  # no probability above 1
    assert effects.max() == pytest.approx(average)

    shop.set(uplift={"rows_min": 400})
    assert shop.train().details["policy_id"] == "uplift-1"
    shop.set(uplift={"rows_min": 5_000})
    down = shop.train()
    assert (down.details["policy_id"], down.details["is_new"]) == ("experiment-2", True)


def test_contacts_that_were_not_drawn_as_logged_are_no_proof(shop: AnsweringShop) -> None:
    """The planted defect: the ledger says a third of what was drawn got a letter."""
    with shop.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE actions.assignments SET experiment_id = 'planted', propensities = "
            '\'{"none": 0.7, "letter": 0.3}\''
        )
    receipt = shop.train()
    assert receipt.details["actions"]["letter"]["rung"] == "rule"
    assert "observational" in receipt.sentence
    assert (receipt.details["kind"], receipt.details["is_new"]) == ("rule", False)


def test_scores_of_the_starter_are_decided_by_the_rule(shop: AnsweringShop) -> None:
    shop.train()
    shop.set(actions={"explore_share": 0.1})
    shop.publish(NEXT, model_name="starter")
    assert shop.assign(NEXT).details["policy_id"] == "rule-1"


def test_another_churn_definition_makes_effects_void(shop: AnsweringShop) -> None:
    shop.train()
    shop.set(actions={"explore_share": 0.1}, churn={"horizon_days": 21})
    shop.publish(NEXT)
    assert shop.assign(NEXT).details["policy_id"] == "rule-1"


def test_a_model_whose_files_were_changed_is_refused(shop: AnsweringShop) -> None:
    shop.train()
    with shop.warehouse.transaction() as transaction:
        [(sha256,)] = transaction.execute("SELECT bundle_sha256 FROM actions.policy_bundles")
        assert load_bundle(transaction, sha256, UpliftBundle).sha256 == sha256
        transaction.execute(
            "UPDATE actions.policy_bundles SET files = jsonb_set(files, '{manifest.json}', "
            "to_jsonb(replace(files ->> 'manifest.json', '\"believed\": ', '\"believed\": 0')))"
        )
    shop.publish(NEXT)
    with pytest.raises(UnfitModel, match="Train anew"):
        shop.assign(NEXT)
    assert shop.rows(f"SELECT 1 AS one FROM actions.days WHERE as_of = DATE '{NEXT}'") == []


def test_mlflow_shows_the_model_with_its_card_and_may_be_down(
    shop: AnsweringShop, settings: Settings
) -> None:
    registered = "SELECT registered_at IS NOT NULL AS is_registered FROM actions.policy_bundles"
    shop.settings = shop.settings.model_copy(update={"tracking_uri": "http://127.0.0.1:9"})
    assert shop.train().details["is_new"]
    assert shop.rows(registered) == [{"is_registered": False}]
    shop.settings = settings.model_copy(
        update={"actions_folder": shop.folder, "uplift": shop.settings.uplift}
    )
    assert not shop.train().details["is_new"]
    assert shop.rows(registered) == [{"is_registered": True}]
    registry = Registry(settings)
    [run] = registry._client.search_runs([registry._experiment], "tags.action_id = 'letter'")
    names = {one.path for one in registry._client.list_artifacts(run.info.run_id)}
    assert names == {"bundle", "model_card.md"}
    assert run.data.metrics["qini_per_1000"] > 0
    assert run.data.tags["mlflow.source.name"] == "retention train_uplift"
    assert run.data.tags["mlflow.note.content"].startswith("#")


def test_who_is_found_out_after_the_lot_stays_in_the_evidence_and_is_counted(
    shop: AnsweringShop,
) -> None:
    rows = shop.rows(
        "SELECT customer_id FROM actions.assignments WHERE is_explored AND NOT is_holdout "
        f"AND NOT is_capped AND as_of = DATE '{DAY}' ORDER BY 1 LIMIT 2"
    )
    before = shop.train()
    exclude(shop.warehouse, [str(row["customer_id"]) for row in rows], since=AFTER)
    after = shop.train()
    assert (before.details["abnormal_count"], before.details["policy_id"]) == (0, "uplift-1")
    assert after.details["abnormal_count"] >= 2
    assert after.details["actions"] == before.details["actions"]
