"""A bandit over past decisions: on each day it knows only what was known then."""

from dataclasses import replace

import numpy as np

from retention_ml.actions.catalogue.action import Action, leave_alone
from retention_ml.actions.effects.bandit import BANDIT_FEATURES
from retention_ml.actions.effects.features import EFFECT_FEATURES
from retention_ml.actions.learning.bandit_result import BanditResult, bandit_result
from retention_ml.actions.learning.evidence import Evidence
from retention_ml.actions.learning.measurement import measure
from retention_ml.actions.learning.policy_values import as_rows, compare_policies
from retention_ml.actions.learning.proposal import propose, with_bandit
from retention_ml.actions.learning.replay import Replay, replay
from retention_ml.models.bandit.bundle import BanditBundle
from retention_ml.settings import Settings

ACTIONS = (
    leave_alone(),
    Action(
        action_id="letter", version_sha256="", title="Letter", kind="email", channel="file",
        cost=20.0,
    ),
)  # fmt: skip
OUTCOME_DAYS = 30
FIRST_DAY = 739_000
SETTINGS = Settings()


def evidence(n: int = 2_400, seed: int = 1, effect: float = 0.5) -> Evidence:
    """Forty days of letters by lot; they bring back those with one order, and no others."""
    rng = np.random.default_rng(seed)
    values = np.full((n, len(EFFECT_FEATURES)), np.nan)
    for name in BANDIT_FEATURES:
        values[:, EFFECT_FEATURES.index(name)] = rng.random(n)
    answers = rng.random(n) < 0.3
    values[:, EFFECT_FEATURES.index("is_one_time_buyer")] = answers
    values[:, EFFECT_FEATURES.index("revenue_per_order_mean_cents")] = 4_000.0
    action = (rng.random(n) < 0.5).astype(np.int64)
    churn = rng.uniform(0.5, 0.9, n)
    order = 1 - churn + effect * answers * action
    return Evidence(
        actions=("none", "letter"),
        features=EFFECT_FEATURES,
        values=values,
        day=FIRST_DAY + np.sort(rng.integers(0, 80, n)),
        customer=np.arange(n),
        action=action,
        stage=rng.integers(0, 4, n),
        chances=np.full((n, 2), 0.5),
        retained=(rng.random(n) < order).astype(np.float64),
        margin=np.zeros(n),
        churn_probability=churn,
        value=np.full(n, 100.0),
        cost=20.0 * action,
    )


def _replay(rows: Evidence) -> Replay:
    result = replay(rows, ACTIONS, SETTINGS, outcome_days=OUTCOME_DAYS)
    assert result is not None
    return result


def test_an_outcome_that_was_not_known_on_the_day_changes_nothing_of_it() -> None:
    rows = evidence()
    before = _replay(rows)
    day = FIRST_DAY + 50
    unknown = rows.day > day - OUTCOME_DAYS
    after = _replay(replace(rows, retained=np.where(unknown, 1 - rows.retained, rows.retained)))
    until = rows.day <= day
    assert before.is_evaluable[until].any()
    np.testing.assert_array_equal(before.shadow[until], after.shadow[until])
    assert (before.shadow[~until] != after.shadow[~until]).any()
    # The negative control: what was known does change it.
    other = _replay(replace(rows, retained=np.where(unknown, rows.retained, 1 - rows.retained)))
    assert (before.shadow[rows.day == day] != other.shadow[rows.day == day]).any()


def test_equal_evidence_gives_equal_bits_and_the_bundle_comes_back_whole() -> None:
    once, again = (
        bandit_result(evidence(), ACTIONS, SETTINGS, meaning={"outcome": "retained"})
        for _ in range(2)
    )
    assert isinstance(once, BanditResult)
    assert isinstance(again, BanditResult)
    assert once.bundle.sha256 == again.bundle.sha256
    assert as_rows(once.comparison) == as_rows(again.comparison)
    assert BanditBundle.from_files(once.bundle.files()).sha256 == once.bundle.sha256
    assert once.bundle.state.decisions_count == 2_400


def test_a_bandit_that_sends_letters_to_those_who_answer_earns_more_than_letters_for_all() -> None:
    bandit = _replay(evidence(4_000))
    comparison = compare_policies(bandit, SETTINGS)
    assert comparison is not None
    assert comparison.choice.is_bandit, comparison.choice.reason
    rows = {row["policy"]: row for row in as_rows(comparison)}
    assert set(rows) == {"bandit", "none", "letter"}
    assert rows["bandit"]["verdict"] == "better"
    # Truth: the gain over nobody is .3 × (.5 × 100 − 20) = 9 for the best, 50 × .3 − 20 = −5 for all.
    assert rows["none"]["is_fixed_winner"]
    assert rows["bandit"]["lower"] < 9 < rows["bandit"]["upper"] + 4  # it still explores
    assert rows["letter"]["lower"] < -5 < rows["letter"]["upper"]
    assert rows["bandit"]["log_from"] > rows["bandit"]["log_to"].replace(month=1, day=1)
    assert comparison.decisions_count == bandit.is_evaluable.sum() < 4_000


def test_without_an_effect_the_fixed_winner_stays() -> None:
    comparison = compare_policies(_replay(evidence(4_000, effect=0.0)), SETTINGS)
    assert comparison is not None
    assert not comparison.choice.is_bandit
    assert comparison.choice.fixed_action == "none"


def test_propensities_that_are_not_those_of_the_draw_are_refused() -> None:
    rows = evidence(4_000)
    false = replace(rows, chances=np.tile([0.7, 0.3], (4_000, 1)))
    comparison = compare_policies(_replay(false), SETTINGS)
    assert comparison is not None
    assert {row["verdict"] for row in as_rows(comparison)} == {"not evaluable"}
    assert "propensities" in comparison.choice.reason


def test_decisions_about_actions_that_are_no_more_are_left_out() -> None:
    rows = evidence(600)
    gone = rows.customer % 3 == 0
    chances = np.where(gone[:, None], [1 / 3, 1 / 3], rows.chances)
    action = np.where(gone & (rows.action == 1), -1, rows.action)
    bandit = _replay(replace(rows, chances=chances, action=action))
    assert len(bandit.decisions) == 400


def test_too_few_decisions_say_what_is_missing() -> None:
    result = bandit_result(evidence(100), ACTIONS, SETTINGS, meaning={})
    assert isinstance(result, str)
    assert "200" in result
    assert replay(evidence(100), ACTIONS[:1], SETTINGS, outcome_days=OUTCOME_DAYS) is None


def test_where_effects_rank_customers_the_bandit_must_earn_more_than_that_too() -> None:
    rows = evidence(4_000)
    result = bandit_result(rows, ACTIONS, SETTINGS, meaning={})
    assert isinstance(result, BanditResult)
    effects = [measure(rows, "letter", SETTINGS, meaning={})]
    proposal = propose(effects, SETTINGS, effect_days={"letter": 28})
    assert proposal.kind == "uplift"
    assert result.comparison.choice.is_bandit
    stays = with_bandit(proposal, effects, result)
    assert stays.kind == "uplift"
    assert "uplift stays" in stays.reason
    better = replace(result, comparison=replace(result.comparison, gain_lower=100.0))
    decides = with_bandit(proposal, effects, better)
    assert (decides.kind, decides.bundle_sha256) == ("bandit", result.bundle.sha256)
    assert decides.parameters["bandit"] == {"bundle_sha256": result.bundle.sha256}
    assert not decides.parameters["actions"]["letter"]["can_choose"]
    assert decides.evidence["letter"]["rung"] == "bandit"


def test_nothing_is_drawn_by_effects_that_were_not_measured_by_lot() -> None:
    rows = evidence(4_000)
    result = bandit_result(rows, ACTIONS, SETTINGS, meaning={})
    rule = replace(propose([], SETTINGS, effect_days={}), kind="rule")
    stays = with_bandit(rule, [], result)
    assert stays.kind == "rule"
    assert "drawn as logged" in stays.reason
