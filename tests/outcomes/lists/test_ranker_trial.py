"""Two rankers on trial: what was bought decides, once, and a person can go back."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from retention_ml.errors import UsageError
from retention_ml.labels.definition import churn_definition
from retention_ml.outcomes.lists.decide_ranker import decide_ranker
from retention_ml.outcomes.lists.measure_lists import measure_lists
from retention_ml.outcomes.lists.ranker_trial import RankedWindow, analyse, mixed_lists
from retention_ml.outcomes.trial.answer import NOBODY
from retention_ml.outcomes.trial.open_trial import open_trial
from retention_ml.outcomes.trial.trials import Trial
from retention_ml.recommendations.fitting.by_hand import promote_ranker, rollback_ranker
from retention_ml.recommendations.fitting.fit import fit
from retention_ml.recommendations.fitting.ledger import CHALLENGER, serving
from retention_ml.recommendations.metrics import Truth, customer_metrics
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.outcomes.lists.hand_made import HORIZON
from tests.outcomes.lists.ranker_world import BEGAN, CLOSED, GOOD, POOR, Rankers, settle_in

WON_ON = BEGAN + timedelta(days=30 + HORIZON + 1)
BY_HAND = {"decided_by": "ann", "reason": "the lists look odd"}


def decisions(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    rows = warehouse.read(
        "SELECT alias, model_version, verdict, decided_by FROM models.promotions "
        "ORDER BY promotion_id OFFSET 2"
    ).to_pylist()
    return [tuple(row.values()) for row in rows]


def statuses(warehouse: Warehouse) -> list[str]:
    rows = warehouse.read("SELECT status FROM outcomes.trials ORDER BY trial_id").to_pylist()
    return [row["status"] for row in rows]


def lists_by(warehouse: Warehouse, day: Any) -> str | None:
    with warehouse.transaction() as transaction:
        champion = serving(transaction, day)
    return champion.model_version if champion else None


def test_a_better_challenger_wins_after_two_windows_and_makes_the_lists_of_the_next_day(
    warehouse: Warehouse, settings: Settings, two_rankers: Rankers
) -> None:
    settle_in(warehouse, settings, two_rankers, champion=POOR, challenger=GOOD)
    first = measure_lists(warehouse, settings=settings, as_of=CLOSED[0]).details["trial"]
    assert (first["status"], first["verdict"]) == ("open", "inconclusive")
    assert "Nothing is decided before 2 outcome windows" in first["reason"]
    assert not decide_ranker(warehouse, settings=settings, as_of=CLOSED[0]).details["acted"]
    # The lists of day 20 and 30 overlap the first window: between two windows nobody looks.
    between = measure_lists(warehouse, settings=settings, as_of=CLOSED[0] + timedelta(days=2))
    assert "verdict" not in between.details["trial"]
    second_on = BEGAN + timedelta(days=30 + 28 + 1)  # the first day published after the window
    second = measure_lists(warehouse, settings=settings, as_of=second_on).details["trial"]
    assert second["verdict"] == "promote"
    assert "improves NDCG@10 of the mixed list by +0." in second["reason"]
    decided = decide_ranker(warehouse, settings=settings, as_of=second_on)
    assert (decided.details["verdict"], decided.details["acted"]) == ("promote", True)
    assert decisions(warehouse) == [
        ("recommendations_champion", GOOD, "promote", "outcomes"),
        ("recommendations_challenger", GOOD, "retire", "outcomes"),
    ]
    assert statuses(warehouse) == ["won"]
    assert lists_by(warehouse, second_on) == POOR
    assert lists_by(warehouse, second_on + timedelta(days=1)) == GOOD
    # Again, and the day after: decided once.
    for day in (second_on, second_on + timedelta(days=1)):
        measure_lists(warehouse, settings=settings, as_of=day)
        assert not decide_ranker(warehouse, settings=settings, as_of=day).details["acted"]
    assert len(decisions(warehouse)) == 2
    [row] = warehouse.read(
        "SELECT evidence -> 'look' -> 'ndcg' AS ndcg FROM models.promotions "
        "WHERE alias = 'recommendations_champion' AND decided_by = 'outcomes'"
    ).to_pylist()
    assert "challenger" in str(row["ndcg"])


def test_a_worse_challenger_is_retired(
    warehouse: Warehouse, settings: Settings, two_rankers: Rankers
) -> None:
    settle_in(warehouse, settings, two_rankers, champion=GOOD, challenger=POOR)
    later = CLOSED[2] + timedelta(days=4)
    assert measure_lists(warehouse, settings=settings, as_of=later).details["trial"]["verdict"] == (
        "keep"
    )
    decide_ranker(warehouse, settings=settings, as_of=later)
    assert decisions(warehouse) == [("recommendations_challenger", POOR, "retire", "outcomes")]
    assert statuses(warehouse) == ["lost"]
    assert lists_by(warehouse, later + timedelta(days=1)) == GOOD


def test_where_a_person_decides_the_winner_waits_for_them(
    warehouse: Warehouse, settings: Settings, two_rankers: Rankers
) -> None:
    settle_in(warehouse, settings, two_rankers, champion=POOR, challenger=GOOD)
    promotion = settings.promotion.model_copy(update={"mode": "approval"})
    asking = settings.model_copy(update={"promotion": promotion})
    later = CLOSED[2] + timedelta(days=4)
    measure_lists(warehouse, settings=asking, as_of=later)
    waiting = decide_ranker(warehouse, settings=asking, as_of=later)
    assert "Waits for approval" in waiting.sentence
    assert waiting.details["waits_for_approval"]
    assert (waiting.details["champion_version"], waiting.details["challenger_version"]) == (
        POOR,
        GOOD,
    )
    assert waiting.details["trial"]["mean_difference"] > 0
    assert decisions(warehouse) == []
    promoted = promote_ranker(warehouse, settings=asking, version=GOOD, **BY_HAND)
    assert promoted.details["previous_version"] == POOR
    assert not promote_ranker(warehouse, settings=asking, version=GOOD, **BY_HAND).details[
        "changed"
    ]
    measure_lists(warehouse, settings=asking, as_of=BEGAN + timedelta(days=90))
    assert statuses(warehouse) == ["won"]


@pytest.fixture
def asking(warehouse: Warehouse, settings: Settings, two_rankers: Rankers) -> Settings:
    """Settings under which a person decides, and a challenger that has won."""
    settle_in(warehouse, settings, two_rankers, champion=POOR, challenger=GOOD)
    promotion = settings.promotion.model_copy(update={"mode": "approval"})
    configured = settings.model_copy(update={"promotion": promotion})
    measure_lists(warehouse, settings=configured, as_of=WON_ON)
    return configured


def test_an_approved_winner_makes_the_lists_from_the_day_after_the_newest_published(
    warehouse: Warehouse, asking: Settings
) -> None:
    newest = BEGAN + timedelta(days=90)
    assert newest > WON_ON
    for _ in range(2):  # an answer that comes twice counts once
        decided = decide_ranker(
            warehouse,
            settings=asking,
            as_of=WON_ON,
            approved_by="ann",
            remark="looked at it",
            version=GOOD,
        )
    assert not decided.details["acted"]
    assert decisions(warehouse) == [
        ("recommendations_champion", GOOD, "promote", "ann"),
        ("recommendations_challenger", GOOD, "retire", "ann"),
    ]
    assert statuses(warehouse) == ["won"]
    assert lists_by(warehouse, newest) == POOR
    assert lists_by(warehouse, newest + timedelta(days=1)) == GOOD


def test_a_refused_winner_is_retired_and_silence_changes_nothing(
    warehouse: Warehouse, asking: Settings
) -> None:
    for _ in range(2):
        silent = decide_ranker(
            warehouse, settings=asking, as_of=WON_ON, refused_by=NOBODY, version=GOOD
        )
    assert (silent.details["verdict"], silent.details["acted"]) == ("keep", False)
    assert statuses(warehouse) == ["open"]
    assert decide_ranker(warehouse, settings=asking, as_of=WON_ON).details["waits_for_approval"]
    refused = decide_ranker(
        warehouse, settings=asking, as_of=WON_ON, refused_by="bob", version=GOOD
    )
    assert refused.details["acted"]
    assert "Turned down by bob" in refused.sentence
    assert decisions(warehouse) == [
        ("recommendations_champion", GOOD, "keep", NOBODY),
        ("recommendations_champion", GOOD, "keep", "bob"),
        ("recommendations_challenger", GOOD, "retire", "outcomes"),
    ]
    assert statuses(warehouse) == ["lost"]
    assert lists_by(warehouse, WON_ON + timedelta(days=60)) == POOR
    assert not decide_ranker(warehouse, settings=asking, as_of=WON_ON).details["waits_for_approval"]


def test_an_answer_about_another_ranker_or_too_late_is_noted_and_promotes_nothing(
    warehouse: Warehouse, asking: Settings
) -> None:
    about_another = decide_ranker(
        warehouse, settings=asking, as_of=WON_ON, approved_by="ann", version=POOR
    )
    assert "The answer was about version ranker-2" in about_another.sentence
    assert decisions(warehouse) == []  # it makes the lists already
    rollback_ranker(warehouse, settings=asking, version="frequency", **BY_HAND)
    late = decide_ranker(warehouse, settings=asking, as_of=WON_ON, approved_by="ann", version=GOOD)
    assert not late.details["acted"]
    assert decisions(warehouse)[-1] == ("recommendations_champion", GOOD, "keep", "ann")
    assert lists_by(warehouse, WON_ON + timedelta(days=60)) is None
    with pytest.raises(UsageError, match="No name was given for the answer"):
        decide_ranker(warehouse, settings=asking, as_of=WON_ON, approved_by=" ")


def test_a_trial_whose_time_is_over_makes_room(
    warehouse: Warehouse, settings: Settings, two_rankers: Rankers
) -> None:
    settle_in(warehouse, settings, two_rankers, champion=POOR, challenger=GOOD)
    rules = settings.trial.model_copy(update={"days_max": 40, "windows_min": 9})
    short = settings.model_copy(update={"trial": rules})
    measure_lists(warehouse, settings=short, as_of=CLOSED[0])
    on = BEGAN + timedelta(days=40)
    measure_lists(warehouse, settings=short, as_of=on)
    assert decide_ranker(warehouse, settings=short, as_of=on).details["acted"]
    assert statuses(warehouse) == ["undecided"]
    with warehouse.transaction() as transaction:
        assert serving(transaction, on + timedelta(days=1), CHALLENGER) is None


def test_while_one_is_on_trial_no_other_is_fitted(
    warehouse: Warehouse, settings: Settings, two_rankers: Rankers
) -> None:
    settle_in(warehouse, settings, two_rankers, champion=POOR, challenger=GOOD)
    receipt = fit(warehouse, settings=settings, as_of=BEGAN + timedelta(days=20))
    assert not receipt.details["is_new"]
    assert f"{GOOD} is on trial" in receipt.sentence
    forced = fit(warehouse, settings=settings, as_of=BEGAN + timedelta(days=20), force=True)
    assert (forced.details["is_new"], forced.details["role"]) == (True, None)
    assert decisions(warehouse)[-1][2] == "keep"


def test_a_person_goes_back_and_further_back_and_without(
    warehouse: Warehouse, settings: Settings, two_rankers: Rankers
) -> None:
    settle_in(warehouse, settings, two_rankers, champion=POOR, challenger=GOOD)
    newest = BEGAN + timedelta(days=90)
    with pytest.raises(UsageError, match="No ranker made lists before"):
        rollback_ranker(warehouse, settings=settings, **BY_HAND)
    with pytest.raises(UsageError, match="never made lists"):
        rollback_ranker(warehouse, settings=settings, version=GOOD, **BY_HAND)
    with pytest.raises(UsageError, match="There is no ranker 'ranker-77'"):
        promote_ranker(warehouse, settings=settings, version="ranker-77", **BY_HAND)
    promote_ranker(warehouse, settings=settings, version=GOOD, **BY_HAND)
    assert lists_by(warehouse, newest) == GOOD
    assert lists_by(warehouse, newest - timedelta(days=1)) == POOR  # a past day stays as it was
    back = rollback_ranker(warehouse, settings=settings, **BY_HAND)
    assert (back.details["version"], lists_by(warehouse, newest)) == (POOR, POOR)
    without = rollback_ranker(warehouse, settings=settings, version="frequency", **BY_HAND)
    assert "Personal frequency makes the lists from now on instead of ranker-2" in without.sentence
    assert lists_by(warehouse, newest) is None
    again = rollback_ranker(warehouse, settings=settings, version="frequency", **BY_HAND)
    assert not again.details["changed"]
    rollback_ranker(warehouse, settings=settings, **BY_HAND)
    assert lists_by(warehouse, newest) == POOR
    measure_lists(warehouse, settings=settings, as_of=newest)
    assert statuses(warehouse) == []


def test_a_trial_of_rankers_is_none_of_churn_models(
    warehouse: Warehouse, settings: Settings, two_rankers: Rankers
) -> None:
    settle_in(warehouse, settings, two_rankers, champion=POOR, challenger=GOOD)
    measure_lists(warehouse, settings=settings, as_of=CLOSED[0])
    assert open_trial(warehouse, settings, churn_definition(settings), []) is None
    assert statuses(warehouse) == ["open"]


def test_both_rankers_see_only_what_was_known(two_rankers: Rankers) -> None:
    log = two_rankers.log
    purchases = log.upto(BEGAN).known_at(BEGAN)
    customers = purchases.active(90)
    sellable = np.ones(len(purchases.product_ids), dtype=bool)
    outcome = log.outcome(BEGAN, 28)
    truth = Truth.of(outcome.customer, outcome.product, np.isin(outcome.customer, customers))
    good, poor = (
        customer_metrics(mixed_lists(each, purchases, customers, sellable), truth)["ndcg"].mean()
        for each in (two_rankers.good, two_rankers.poor)
    )
    assert good > poor + 0.1
    sellable[0] = False
    lists = mixed_lists(two_rankers.good, purchases, customers, sellable)
    assert 0 not in lists.product
    assert set(np.bincount(lists.customer)[customers]) == {10}


@pytest.mark.parametrize(("gain", "outcome"), [(0.1, "won"), (-0.1, "lost"), (0.0, "open")])
def test_the_verdict_follows_the_gain_in_ndcg(
    settings: Settings, gain: float, outcome: str
) -> None:
    trial = Trial(
        trial_id=1, champion_version="ranker-1", champion_sha256="a", challenger_version="ranker-2",
        challenger_sha256="b", began_on=BEGAN, plan={}, status="open", reason=None, ended_on=None,
        definition_hash="bought within 28 days",
    )  # fmt: skip
    window = RankedWindow(champion=np.full(300, 0.3), challenger=np.full(300, 0.3 + gain))
    result = analyse(trial, [], [window, window], as_of=CLOSED[1], settings=settings)
    assert result.evidence["outcome"] == outcome
    assert result.figures["mean_difference"] == pytest.approx(gain)
    assert result.figures["customers_count"] == 600
