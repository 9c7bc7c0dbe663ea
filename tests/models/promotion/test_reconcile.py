"""What follows from ledger and alias, without any database: every case in a few lines."""

import pytest

from retention_ml.models.promotion.decisions import Decision
from retention_ml.models.promotion.reconcile import (
    AliasState,
    Check,
    CheckVersion,
    Follow,
    MarkSynced,
    Refuse,
    RetireChallenger,
    Serve,
    ServeFallback,
    SetAlias,
    reconcile,
)
from retention_ml.models.registry.model_version import ModelVersion

POLICY = {"medium": 0.35, "high": 0.6, "critical": 0.8, "hysteresis": 0.03}


def _sha(version: str) -> str:
    return version * 64


def _version(number: str, sha256: str | None = None) -> ModelVersion:
    return ModelVersion(version=number, run_id=None, tags={"bundle_sha256": sha256 or _sha(number)})


def _ledger(*rows: str) -> list[Decision]:
    """Decisions newest first, of texts such as `1 promote`; a `?` at the end: not synced yet."""
    return [
        Decision(
            promotion_id=number,
            model_name="logistic",
            model_version=row.split()[0],
            bundle_sha256=_sha(row.split()[0]),
            verdict=row.split()[1].rstrip("?"),
            decided_by="ann",
            reason="because",
            training_id=None,
            policy=POLICY,
            policy_of_settings=POLICY,
            is_synced=not row.endswith("?"),
        )
        for number, row in reversed(list(enumerate(rows, start=1)))
    ]


def _passed(version: str) -> Check:
    return Check(sha256=_sha(version), fault=None)


def _fell_back(actions: tuple[object, ...]) -> list[str]:
    """The versions that are tried, of actions that end with a fallback."""
    last = actions[-1]
    assert isinstance(last, ServeFallback)
    return [each.model_version for each in last.candidates]


# The alias stands where the ledger put it


def test_an_approved_version_is_checked_with_its_digest_and_served() -> None:
    history, at = _ledger("1 promote"), _version("1")
    assert reconcile("champion", history, AliasState(version=at)) == (CheckVersion(at, _sha("1")),)
    state = AliasState(version=at, check=_passed("1"))
    assert reconcile("champion", history, state) == (Serve(at),)


def test_an_approved_version_with_a_fault_is_refused_and_its_predecessor_serves() -> None:
    at = _version("2")
    state = AliasState(version=at, check=Check(sha256=_sha("2"), fault="it is damaged"))
    actions = reconcile("champion", _ledger("1 promote", "2 promote"), state)
    assert actions[0] == Refuse(at, _sha("2"), "it is damaged")
    assert _fell_back(actions) == ["1"]


def test_without_ledger_and_alias_nothing_is_served() -> None:
    for alias in ("champion", "challenger"):
        assert reconcile(alias, [], AliasState(versions=())) == (ServeFallback(()),)


# A decision is pending


@pytest.mark.parametrize("at", [None, "1"])
def test_a_pending_approval_moves_the_alias_and_is_noted(at: str | None) -> None:
    state = AliasState(version=_version(at) if at else None)
    actions = reconcile("champion", _ledger("1 promote", "2 promote?"), state)
    sentence = "Alias champion stands at version 2."
    assert actions[:-1] == (SetAlias("2"), MarkSynced((2,), sentence))
    assert _fell_back(actions) == ["2", "1"]


def test_a_pending_approval_whose_alias_was_moved_before_a_crash_is_only_noted() -> None:
    state = AliasState(version=_version("2"))
    first, *_ = reconcile("champion", _ledger("1 promote", "2 promote?"), state)
    assert isinstance(first, MarkSynced)


def test_of_several_pending_decisions_the_newest_counts_and_all_are_noted() -> None:
    history = _ledger("1 promote", "2 promote?", "3 promote?", "1 rollback?")
    actions = reconcile("champion", history, AliasState(version=_version("2")))
    assert actions[:2] == (
        SetAlias("1"),
        MarkSynced((4, 3, 2), "Alias champion stands at version 1."),
    )


def test_a_retired_challenger_loses_its_alias_once() -> None:
    history = _ledger("2 promote", "2 retire?")
    sentence = "Alias challenger was taken off version 2."
    noted = MarkSynced((2,), sentence)
    actions = reconcile("challenger", history, AliasState(version=_version("2")))
    assert actions == (SetAlias(None), noted, ServeFallback(()))
    assert reconcile("challenger", history, AliasState()) == (noted, ServeFallback(()))


def test_an_alias_elsewhere_is_no_move_by_hand_while_a_decision_is_pending() -> None:
    actions = reconcile("champion", _ledger("1 promote?"), AliasState(version=_version("9")))
    assert not any(isinstance(each, CheckVersion | Follow | Refuse) for each in actions)


# A person moved the alias


def test_a_version_that_a_person_chose_is_checked_and_followed_with_its_former_policy() -> None:
    history, at = _ledger("1 promote", "2 promote"), _version("1")
    assert reconcile("champion", history, AliasState(version=at)) == (CheckVersion(at, None),)
    state = AliasState(version=at, check=_passed("1"))
    assert reconcile("champion", history, state) == (Follow(at, POLICY), Serve(at))


def test_a_first_champion_may_be_chosen_by_hand() -> None:
    at = _version("3")
    state = AliasState(version=at, check=_passed("3"))
    assert reconcile("champion", [], state) == (Follow(at, None), Serve(at))


def test_an_unfit_version_is_refused_once_and_the_last_good_one_serves() -> None:
    at = _version("4")
    state = AliasState(version=at, check=Check(sha256=_sha("4"), fault="because\0"))
    history = _ledger("1 promote", "2 promote")
    actions = reconcile("champion", history, state)
    assert actions[0] == Refuse(at, _sha("4"), "because?")
    assert _fell_back(actions) == ["2", "1"]
    state = AliasState(version=at, check=Check(sha256=_sha("4"), fault="because"))
    refused = _ledger("1 promote", "2 promote", "4 refuse")
    assert len(reconcile("champion", refused, state)) == 1
    again = _ledger("1 promote", "4 refuse", "2 promote")  # decided since: said anew
    assert isinstance(reconcile("champion", again, state)[0], Refuse)


def test_a_refusal_for_another_reason_is_written_too() -> None:
    state = AliasState(version=_version("4"), check=Check(sha256=_sha("4"), fault="it is worse"))
    assert isinstance(reconcile("champion", _ledger("1 promote", "4 refuse"), state)[0], Refuse)


def test_a_challenger_falls_back_on_its_approval_only() -> None:
    state = AliasState(version=_version("4"), check=Check(sha256=_sha("4"), fault="it is worse"))
    assert _fell_back(reconcile("challenger", _ledger("1 promote", "2 promote"), state)) == ["2"]


# The alias is gone


def test_a_deleted_champion_alias_is_put_back() -> None:
    state = AliasState(versions=[_version("2"), _version("1")])
    actions = reconcile("champion", _ledger("1 promote", "2 promote"), state)
    assert actions[0] == SetAlias("2")
    assert _fell_back(actions) == ["2", "1"]


def test_a_challenger_whose_alias_was_deleted_is_retired() -> None:
    history = _ledger("2 promote")
    state = AliasState(versions=[_version("2")])
    assert reconcile("challenger", history, state) == (
        RetireChallenger(history[0]),
        ServeFallback(()),
    )


@pytest.mark.parametrize("versions", [None, [], [_version("2", "f" * 64)]])
def test_a_registry_without_the_version_says_nothing_by_a_missing_alias(
    versions: list[ModelVersion] | None,
) -> None:
    """It is empty, it belongs to somebody else, or it did not list its versions."""
    state = AliasState(versions=versions)
    for alias, served in (("champion", ["2"]), ("challenger", [])):
        actions = reconcile(alias, _ledger("2 promote"), state)
        assert len(actions) == 1
        assert _fell_back(actions) == served


# The registry does not answer


def test_a_registry_that_is_down_changes_nothing_and_the_last_good_one_serves() -> None:
    state = AliasState(error="no answer")
    for alias, served in (("champion", ["2", "1"]), ("challenger", ["2"])):
        actions = reconcile(alias, _ledger("1 promote", "2 promote?"), state)
        assert len(actions) == 1
        assert _fell_back(actions) == served
        assert actions[0] == ServeFallback(
            actions[0].candidates,  # type: ignore[union-attr]
            f"The last good {alias} is used, because: no answer",
        )


def test_a_rollback_shortens_the_chain_that_is_fallen_back_on() -> None:
    history = _ledger("1 promote", "2 promote", "3 promote", "2 rollback")
    assert _fell_back(reconcile("champion", history, AliasState(error="x"))) == ["2", "1"]


def test_a_refused_challenger_does_not_bring_back_the_one_before_it() -> None:
    fault = Check(sha256=_sha("3"), fault="its files were changed")
    state = AliasState(version=_version("3"), check=fault)
    assert _fell_back(reconcile("challenger", _ledger("2 promote", "3 follow"), state)) == []
    moved_by_hand = reconcile("challenger", _ledger("2 promote"), state)
    assert _fell_back(moved_by_hand) == ["2"]  # which is on trial by the ledger
