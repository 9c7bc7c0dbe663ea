"""The newest look becomes a decision in the ledger, once, and only with what it needs."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from retention_ml.errors import UnfitModel, UsageError
from retention_ml.models.promotion.promote import Promotable
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.outcomes.trial import decide as decide_module
from retention_ml.outcomes.trial.answer import NOBODY
from retention_ml.outcomes.trial.decide import decide
from tests.worlds.open_transactions import idle_in_transaction
from tests.worlds.registered import Shelf
from tests.worlds.trial_looks import LOOK, LookedAtTrial

pytestmark = pytest.mark.usefixtures("no_page")


@pytest.fixture
def trial(shelf: Shelf) -> Callable[..., LookedAtTrial]:
    return lambda champion, challenger, **settings: LookedAtTrial(
        shelf, champion, challenger, **settings
    )


def test_a_winner_becomes_champion_with_its_evidence(trial: Callable[..., LookedAtTrial]) -> None:
    won = trial(1.5, 0.0)
    details = won.decide()
    assert (details["acted"], details["verdict"]) == (True, "promote")
    assert won.shelf.ledger() == [("1", "promote"), ("2", "promote")]
    assert won.shelf.ledger("challenger") == [("2", "promote"), ("2", "retire")]
    assert won.shelf.registry.aliases() == {"champion": "2"}
    assert won.status() == "won"
    row = won.shelf.rows(
        "SELECT decided_by, reason, evidence::text AS e FROM models.promotions "
        "WHERE alias = 'champion' ORDER BY promotion_id DESC LIMIT 1"
    )[0]
    assert row["decided_by"] == "outcomes"
    assert "predicts better" in row["reason"]
    assert '"e_better"' in row["e"]
    assert '"trial_id": 1' in row["e"]


def test_deciding_again_changes_nothing(trial: Callable[..., LookedAtTrial]) -> None:
    won = trial(1.5, 0.0)
    won.decide()
    again = won.decide()
    assert not again["acted"]
    assert "No trial is open" in again["reason"]
    assert won.shelf.ledger() == [("1", "promote"), ("2", "promote")]


def test_concurrent_calls_decide_once(trial: Callable[..., LookedAtTrial]) -> None:
    lost = trial(0.0, 1.5)
    with ThreadPoolExecutor(4) as pool:
        acted = list(pool.map(lambda _: lost.decide()["acted"], range(4)))
    assert sorted(acted) == [False, False, False, True]
    assert lost.shelf.ledger("challenger") == [("2", "promote"), ("2", "retire")]


def test_a_loser_is_retired(trial: Callable[..., LookedAtTrial]) -> None:
    lost = trial(0.0, 1.5)
    details = lost.decide()
    assert (details["acted"], details["verdict"]) == (True, "keep")
    assert lost.status() == "lost"
    assert lost.shelf.ledger() == [("1", "promote")]
    assert lost.shelf.registry.aliases() == {"champion": "1"}


def test_an_open_trial_decides_nothing(trial: Callable[..., LookedAtTrial]) -> None:
    equal = trial(0.5, 0.5)
    details = equal.decide()
    assert (details["acted"], details["verdict"]) == (False, "inconclusive")
    assert equal.status() == "open"


def test_a_trial_whose_time_is_over_retires_the_challenger(
    trial: Callable[..., LookedAtTrial],
) -> None:
    equal = trial(0.5, 0.5, trial={"days_max": 40})
    assert equal.decide()["acted"]
    assert equal.status() == "undecided"
    assert equal.shelf.ledger("challenger") == [("2", "promote"), ("2", "retire")]


def test_with_approval_nothing_is_promoted_by_itself(trial: Callable[..., LookedAtTrial]) -> None:
    won = trial(1.5, 0.0, promotion={"mode": "approval"})
    details = won.decide()
    assert not details["acted"]
    assert details["verdict"] == "promote"
    assert "Waits for approval" in details["reason"]
    assert won.shelf.ledger() == [("1", "promote")]
    assert won.status() == "open"
    assert won.decide(approved_by="ann")["acted"]
    assert won.decide(approved_by="ann")["acted"] is False
    row = won.shelf.rows("SELECT decided_by, reason FROM models.promotions WHERE "
                         "alias = 'champion' ORDER BY promotion_id DESC LIMIT 1")[0]  # fmt: skip
    assert row["decided_by"] == "ann"
    assert row["reason"].startswith("Approved by ann.")


ASKING: dict[str, Any] = {"promotion": {"mode": "approval"}}


def newest_decision(trial: LookedAtTrial, alias: str = "champion") -> dict[str, Any]:
    return trial.shelf.rows(
        "SELECT verdict, decided_by, model_version, reason FROM models.promotions "
        f"WHERE alias = '{alias}' ORDER BY promotion_id DESC LIMIT 1"
    )[0]


def test_a_winner_turned_down_by_a_person_is_written_down_and_leaves(
    trial: Callable[..., LookedAtTrial],
) -> None:
    won = trial(1.5, 0.0, **ASKING)
    details = won.decide(refused_by="bob", remark="sale week", version="2")
    assert (details["acted"], details["verdict"]) == (True, "keep")
    assert won.shelf.ledger() == [("1", "promote"), ("2", "keep")]
    assert won.shelf.registry.aliases() == {"champion": "1"}
    assert won.status() == "lost"
    decision = newest_decision(won)
    assert decision["decided_by"] == "bob"
    assert decision["reason"].startswith("Turned down by bob: sale week. ")
    assert not won.decide(approved_by="ann", version="2")["acted"]
    assert won.shelf.alias() == "1"


def test_silence_is_written_down_once_and_the_trial_goes_on(
    trial: Callable[..., LookedAtTrial],
) -> None:
    won = trial(1.5, 0.0, **ASKING)
    silence = {"refused_by": NOBODY, "remark": "no answer within 48 hours", "version": "2"}
    assert won.decide(**silence)["acted"]
    assert not won.decide(**silence)["acted"]
    assert won.shelf.ledger() == [("1", "promote"), ("2", "keep")]
    assert newest_decision(won)["reason"].startswith("Nobody approved: no answer within 48 hours. ")
    assert won.status() == "open"
    assert won.decide(approved_by="ann", version="2")["acted"]
    assert won.shelf.alias() == "2"


def test_an_approval_counts_though_later_days_have_been_looked_at_since(
    trial: Callable[..., LookedAtTrial],
) -> None:
    won = trial(1.5, 0.0, **ASKING)
    asked = LOOK - timedelta(days=1)
    assert "the newer look counts" in won.decide(asked)["reason"]
    details = won.decide(asked, approved_by="ann", version="2")
    assert (details["acted"], won.status(), won.shelf.alias()) == (True, "won", "2")


def test_an_approval_counts_for_no_other_version_than_the_one_asked_about(
    trial: Callable[..., LookedAtTrial],
) -> None:
    won = trial(1.5, 0.0, **ASKING)
    details = won.decide(approved_by="ann", version="7")
    assert not details["acted"]
    assert "The answer was about version 7" in details["reason"]
    assert won.shelf.ledger() == [("1", "promote")]


def test_approved_twice_at_once_there_is_one_promotion(trial: Callable[..., LookedAtTrial]) -> None:
    won = trial(1.5, 0.0, **ASKING)
    with ThreadPoolExecutor(2) as pool:
        answers = [{"approved_by": name, "version": "2"} for name in ("ann", "bob")]
        acted = list(pool.map(lambda answer: won.decide(**answer)["acted"], answers))
    assert sorted(acted) == [False, True]
    assert won.shelf.ledger() == [("1", "promote"), ("2", "promote")]


def test_a_loser_needs_no_approval(trial: Callable[..., LookedAtTrial]) -> None:
    lost = trial(0.0, 1.5, promotion={"mode": "approval"})
    assert lost.decide()["acted"]


def test_an_approval_of_what_has_not_won_promotes_nothing(
    trial: Callable[..., LookedAtTrial],
) -> None:
    equal = trial(0.5, 0.5, promotion={"mode": "approval"})
    for _ in range(2):
        assert not equal.decide(approved_by="ann")["acted"]
    assert equal.shelf.ledger() == [("1", "promote"), ("2", "keep")]
    assert equal.status() == "open"


def test_a_refusal_ends_a_trial_whose_newest_look_says_otherwise(
    trial: Callable[..., LookedAtTrial],
) -> None:
    equal = trial(0.5, 0.5, promotion={"mode": "approval"})
    details = equal.decide(refused_by="bob", remark="sale week", version="2")
    assert (details["acted"], details["verdict"]) == (True, "keep")
    assert details["reason"].startswith("Turned down by bob: sale week. ")
    assert equal.shelf.ledger() == [("1", "promote"), ("2", "keep")]
    assert equal.shelf.ledger("challenger") == [("2", "promote"), ("2", "retire")]


@pytest.mark.parametrize("answer", [{"approved_by": ""}, {"refused_by": "  "}])
def test_an_answer_without_a_name_is_none(
    trial: Callable[..., LookedAtTrial], answer: dict[str, str]
) -> None:
    won = trial(1.5, 0.0, promotion={"mode": "approval"})
    with pytest.raises(UsageError, match="person who approves or refuses"):
        won.decide(**answer)
    assert won.shelf.ledger() == [("1", "promote")]


def test_an_old_day_is_not_decided_when_a_newer_one_was_looked_at(
    trial: Callable[..., LookedAtTrial],
) -> None:
    won = trial(1.5, 0.0)
    details = won.decide(LOOK - timedelta(days=7))
    assert not details["acted"]
    assert "the newer look counts" in details["reason"]


def test_a_champion_promoted_meanwhile_is_not_replaced(trial: Callable[..., LookedAtTrial]) -> None:
    won = trial(1.5, 0.0)
    won.shelf.promote("3")
    details = won.decide()
    assert not details["acted"]
    assert "version 3 is champion" in details["reason"]
    assert won.shelf.alias() == "3"


def test_a_challenger_that_was_replaced_is_not_promoted(
    trial: Callable[..., LookedAtTrial],
) -> None:
    won = trial(1.5, 0.0)
    won.shelf.make_challenger("3")
    details = won.decide()
    assert not details["acted"]
    assert "challenger no longer" in details["reason"]


@pytest.mark.parametrize("checked", ["fit", "unfit"])
def test_a_challenger_that_leaves_while_the_files_are_checked_is_neither_promoted_nor_retired(
    trial: Callable[..., LookedAtTrial], monkeypatch: pytest.MonkeyPatch, checked: str
) -> None:
    won = trial(1.5, 0.0)
    whole = decide_module.check_promotable

    def slowly(*args: Any) -> Promotable:
        won.shelf.make_challenger("3")
        if checked == "unfit":
            raise UnfitModel("Its files were changed.")
        return whole(*args)

    monkeypatch.setattr(decide_module, "check_promotable", slowly)
    details = won.decide()
    assert not details["acted"]
    assert "challenger no longer" in details["reason"]
    assert won.shelf.ledger() == [("1", "promote")]
    assert won.shelf.ledger("challenger")[-1] == ("3", "promote")
    assert won.status() == "open"


def test_a_champion_promoted_while_the_files_are_checked_is_not_replaced(
    trial: Callable[..., LookedAtTrial], monkeypatch: pytest.MonkeyPatch
) -> None:
    won = trial(1.5, 0.0)
    whole = decide_module.check_promotable

    def slowly(*args: Any) -> Promotable:
        checked = whole(*args)
        won.shelf.promote("3", decided_by="ann")
        return checked

    monkeypatch.setattr(decide_module, "check_promotable", slowly)
    assert not won.decide()["acted"]
    assert won.shelf.alias() == "3"


def test_no_session_of_postgres_is_in_a_transaction_while_the_registry_is_asked(
    trial: Callable[..., LookedAtTrial], monkeypatch: pytest.MonkeyPatch
) -> None:
    won, states = trial(1.5, 0.0), []
    whole = Registry._request

    def looking(self: Registry, *args: Any) -> Any:
        states.append(idle_in_transaction(won.shelf.warehouse))
        return whole(self, *args)

    monkeypatch.setattr(Registry, "_request", looking)
    assert won.decide()["acted"]
    assert len(states) >= 3
    assert set(states) == {0}


def test_a_winner_promoted_by_hand_ends_the_trial(trial: Callable[..., LookedAtTrial]) -> None:
    won = trial(1.5, 0.0)
    won.shelf.promote("2", decided_by="ann")
    details = won.decide()
    assert not details["acted"]
    assert won.status() == "won"
    assert won.shelf.ledger() == [("1", "promote"), ("2", "promote")]


def test_a_challenger_promoted_by_hand_has_not_won_its_trial(
    trial: Callable[..., LookedAtTrial],
) -> None:
    equal = trial(0.5, 0.5)
    equal.shelf.promote("2", decided_by="ann")
    assert not equal.decide()["acted"]
    assert equal.status() == "abandoned"


def test_a_crash_keeps_neither_promotion_nor_end_of_trial_and_deciding_again_does_both(
    trial: Callable[..., LookedAtTrial], monkeypatch: pytest.MonkeyPatch
) -> None:
    from retention_ml.outcomes.trial import trials

    won = trial(1.5, 0.0)

    class Killed(BaseException):
        pass

    def die(*args: object, **kwargs: object) -> bool:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(trials, "close", die)
        with pytest.raises(Killed):
            won.decide()
    assert won.status() == "open"
    assert won.shelf.ledger() == [("1", "promote")]
    won.decide()
    assert won.status() == "won"
    assert won.shelf.ledger() == [("1", "promote"), ("2", "promote")]
    assert won.shelf.ledger("challenger") == [("2", "promote"), ("2", "retire")]


def test_a_winner_that_must_not_serve_is_not_promoted_and_leaves(
    trial: Callable[..., LookedAtTrial], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise UnfitModel("Its files were changed.")

    won = trial(1.5, 0.0)
    monkeypatch.setattr("retention_ml.outcomes.trial.decide.check_promotable", refuse)
    details = won.decide()
    assert (details["acted"], details["verdict"]) == (True, "keep")
    assert "must not serve" in details["reason"]
    assert won.shelf.registry.aliases() == {"champion": "1"}
    assert won.status() == "lost"


def test_a_registry_that_does_not_answer_takes_nothing_from_a_retirement(
    trial: Callable[..., LookedAtTrial],
) -> None:
    lost = trial(0.0, 1.5)
    receipt = decide(lost.shelf.warehouse, settings=lost.shelf.down, as_of=LOOK)
    assert receipt.details["acted"]
    assert lost.shelf.ledger("challenger")[-1] == ("2", "retire")
    assert lost.shelf.open_decisions() == 1


def test_without_any_trial_there_is_nothing_to_decide(shelf: Shelf) -> None:
    receipt = decide(shelf.warehouse, settings=shelf.settings, as_of=LOOK)
    assert receipt.details["trial_id"] is None
    assert not receipt.details["acted"]
