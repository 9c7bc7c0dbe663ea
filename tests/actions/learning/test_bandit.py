"""The ladder's last rung: a bandit from the shop's own ledger, up and down by evidence."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from retention_ml.actions.effects.bundles import load_bundle
from retention_ml.actions.explain import explain
from retention_ml.actions.learning.evaluate_policies import evaluate_policies
from retention_ml.actions.learning.load_evidence import load_evidence
from retention_ml.cli import app
from retention_ml.cli.assign import _why
from retention_ml.errors import UnfitModel
from retention_ml.maintenance.invariants import violations
from retention_ml.models.bandit.bundle import BanditBundle
from retention_ml.settings import Settings, load
from tests.worlds.answering import AFTER_ALL, AnsweringShop
from tests.worlds.databases import copy_of

NEXT = AFTER_ALL + timedelta(days=1)
TABLES = (
    "SELECT * FROM actions.policies ORDER BY decided_at",
    "SELECT bundle_sha256, files, card FROM actions.policy_bundles ORDER BY stored_at",
    "SELECT as_of, policy, value, lower, upper, verdict, reason FROM actions.policy_values "
    "ORDER BY as_of, policy",
)


@pytest.fixture(scope="session")
def drawing_shop(
    lived_shops: dict[bool, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a shop whose bandit decides from `NEXT` on."""
    folder = tmp_path_factory.mktemp("drawing")
    settings = load({"RETENTION_HOME": str(folder / "home")})
    settings = settings.model_copy(update={"tracking_uri": "http://127.0.0.1:9"})
    with copy_of(lived_shops[True]) as warehouse:
        shop = AnsweringShop(warehouse, settings, folder / "actions", is_built=True)
        shop.live_on()
        receipt = shop.train(AFTER_ALL)
        assert receipt.details["policy_id"] == "bandit-1", receipt.sentence
        shop.publish(NEXT)
        warehouse.close()
        yield warehouse.url


@pytest.fixture
def bandit_shop(drawing_shop: str, settings: Settings, tmp_path: Path) -> Iterator[AnsweringShop]:
    with copy_of(drawing_shop) as warehouse:
        shop = AnsweringShop(warehouse, settings, tmp_path / "actions", is_built=True)
        shop.allow_bandit()
        yield shop


def _decide(shop: AnsweringShop) -> list[dict[str, Any]]:
    shop.assign(NEXT)
    return shop.rows(
        f"SELECT * FROM actions.assignments WHERE as_of = DATE '{NEXT}' ORDER BY customer_id"
    )


def test_a_bandit_that_earns_more_draws_and_logs_every_probability(
    bandit_shop: AnsweringShop, drawing_shop: str, settings: Settings, tmp_path: Path
) -> None:
    [policy] = bandit_shop.rows("SELECT * FROM actions.policies WHERE kind = 'bandit'")
    assert "The bandit decides: it earns more than" in policy["reason"]
    assert policy["in_force_from"] == NEXT
    rows = _decide(bandit_shop)
    assert {row["policy_id"] for row in rows} == {"bandit-1"}
    open_rows = [row for row in rows if not row["is_capped"] and not row["is_holdout"]]
    assert len(open_rows) > 300
    assert all(row["is_explored"] for row in open_rows)
    chances = np.array(
        [[json.loads(row["propensities"])[one] for one in ("none", "letter")] for row in open_rows]
    )
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    answers = bandit_shop.are_responders([row["customer_id"] for row in open_rows])
    assert chances[answers, 1].mean() > 0.6
    assert chances[~answers, 1].mean() < 0.1
    possible = chances[:, 1][chances[:, 1] > 0]
    assert possible.min() >= 0.01 - 1e-12
    letters = [row for row in rows if row["action_id"] == "letter"]
    assert len(letters) > 10
    assert sum(row["cost_cents"] for row in rows) <= 2_000_000
    assert {row["slope"] for row in rows} == {None}
    effects = np.array([row["expected_effect"] for row in letters])
    assert (effects > 0).mean() > 0.9
    assert violations(bandit_shop.warehouse) == []
    with copy_of(drawing_shop) as warehouse:  # the same day decided by somebody else
        other = AnsweringShop(warehouse, settings, tmp_path / "other", is_built=True)
        other.allow_bandit()
        again = _decide(other)
    same = ("customer_id", "action_id", "propensities", "lot", "expected_margin_cents")
    assert [[row[name] for name in same] for row in again] == [
        [row[name] for name in same] for row in rows
    ]
    assert bandit_shop.assign(NEXT).details["is_repeat"]


def test_what_it_drew_is_evidence_by_the_probabilities_that_were_logged(
    bandit_shop: AnsweringShop,
) -> None:
    rows = {row["customer_id"]: row for row in _decide(bandit_shop)}
    bandit_shop.answer(NEXT)
    later = NEXT + timedelta(days=29)
    bandit_shop.close(later)
    evidence = load_evidence(
        bandit_shop.warehouse, bandit_shop.settings, as_of=later,
        actions=["none", "letter"], effect_days={"letter": 28},
    )  # fmt: skip
    of_day = evidence.day == NEXT.toordinal()
    drawn = [row for row in rows.values() if row["is_explored"] and not row["is_capped"]]
    assert of_day.sum() == len(drawn) > 300
    logged = [json.loads(row["propensities"])["letter"] for row in drawn]
    np.testing.assert_array_equal(evidence.chances[of_day, 1], logged)


def test_the_same_evidence_writes_nothing_again_and_readers_see_it(
    bandit_shop: AnsweringShop,
) -> None:
    before = [bandit_shop.rows(sql) for sql in TABLES]
    again = bandit_shop.train(AFTER_ALL)
    assert (again.details["policy_id"], again.details["is_new"]) == ("bandit-1", False)
    assert [bandit_shop.rows(sql) for sql in TABLES] == before
    read = evaluate_policies(bandit_shop.warehouse, settings=bandit_shop.settings, as_of=AFTER_ALL)
    assert read.sentence in before[0][-1]["reason"]
    assert {row["policy"]: row["value"] for row in read.rows} == {
        row["policy"]: row["value"] for row in before[2]
    }
    shown = bandit_shop.rows("SELECT policy, verdict, is_newest FROM reports.policy_values")
    assert {row["policy"] for row in shown} == {"bandit", "none", "letter"}
    rows = _decide(bandit_shop)
    letter = next(row for row in rows if row["action_id"] == "letter")
    explained = explain(
        bandit_shop.warehouse, letter["customer_id"], settings=bandit_shop.settings, as_of=NEXT
    )
    assert _why(explained["assignments"][0]) == "drawn by the bandit"
    [action] = bandit_shop.rows(
        f"SELECT why FROM reports.next_action WHERE customer_id = '{letter['customer_id']}'"
    )
    assert action["why"].startswith("drawn by the bandit")


def test_down_the_ladder_where_it_is_not_shown_or_not_allowed_and_up_again(
    bandit_shop: AnsweringShop,
) -> None:
    bandit_shop.set(bandit={"enabled": False})
    assert {row["policy_id"] for row in _decide(bandit_shop)} == {"rule-1"}
    off = bandit_shop.train(AFTER_ALL)
    assert off.details["policy_id"] == "experiment-1"
    bandit_shop.set(bandit={"enabled": True, "effective_min": 1_000_000})
    unsure = bandit_shop.train(AFTER_ALL + timedelta(days=1))
    assert unsure.details["kind"] == "experiment"
    assert "Bandit: letter for everybody stays" in unsure.sentence
    assert "expected 1e+06 at least" in unsure.sentence
    bandit_shop.set(bandit={"effective_min": 500})
    better = bandit_shop.train(AFTER_ALL + timedelta(days=2))
    assert (better.details["policy_id"], better.details["is_new"]) == ("bandit-2", True)


def test_a_state_that_was_changed_is_refused(bandit_shop: AnsweringShop) -> None:
    with bandit_shop.warehouse.transaction() as transaction:
        [(sha256,)] = transaction.execute("SELECT bundle_sha256 FROM actions.policy_bundles")
        assert load_bundle(transaction, sha256, BanditBundle).sha256 == sha256
        transaction.execute(
            "UPDATE actions.policy_bundles SET files = jsonb_set(files, '{bandit.json}', "
            "to_jsonb(replace(files ->> 'bandit.json', '\"seed\": ', '\"seed\": 9')))"
        )
    with pytest.raises(UnfitModel, match="Train anew"):
        bandit_shop.assign(NEXT)
    assert bandit_shop.rows(f"SELECT 1 AS one FROM actions.days WHERE as_of = DATE '{NEXT}'") == []


def test_evaluate_prints_every_policy_and_writes_nothing(
    bandit_shop: AnsweringShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_HOME", str(bandit_shop.settings.home))
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", bandit_shop.warehouse.url)
    monkeypatch.setenv("RETENTION_ACTIONS_FOLDER", str(bandit_shop.folder))
    before = [bandit_shop.rows(sql) for sql in TABLES]
    asked = ["policies", "evaluate", "--as-of", str(AFTER_ALL)]
    done = CliRunner().invoke(app, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert {row["policy"] for row in answer["policies"]} == {"bandit", "none", "letter"}
    assert "it earns more than" in answer["sentence"]
    shown = CliRunner().invoke(app, asked)
    assert "The bandit decides" in " ".join(shown.output.split())
    assert [bandit_shop.rows(sql) for sql in TABLES] == before
