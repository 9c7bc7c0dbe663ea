"""A version on trial occupies the challenger's slot, beside a champion or the starter."""

import pytest

from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.bundle.starter import shipped
from retention_ml.models.promotion.challenger_slot import find_slot
from retention_ml.models.registry.model_version import ServedModel
from retention_ml.models.training.selection import _starter
from retention_ml.outcomes.trial.trials import trial_between
from tests.worlds.registered import AS_OF, Shelf, a_bundle


def _begin(shelf: Shelf, champion: Bundle, challenger: Bundle, status: str) -> None:
    with shelf.warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO outcomes.trials (champion_version, champion_sha256, challenger_version, "
            "challenger_sha256, definition_hash, began_on, plan, status, ended_on, run_id) VALUES "
            "('1', :champion, '2', :challenger, :hash, :day, '{}', :status, :ended, 'test')",
            champion=champion.sha256,
            challenger=challenger.sha256,
            hash=champion.manifest["definition_hash"],
            day=AS_OF,
            status=status,
            ended=None if status == "open" else AS_OF,
        )


def _served(bundle: Bundle) -> ServedModel:
    return ServedModel(version="2", bundle=bundle)


@pytest.mark.parametrize(
    ("status", "is_taken"),
    [("open", True), ("abandoned", True), ("won", False), ("lost", False), ("undecided", False)],
)
def test_a_trial_occupies_the_slot_until_it_is_decided(
    shelf: Shelf, status: str, is_taken: bool
) -> None:
    """One that was abandoned goes on when both score again."""
    champion, challenger = a_bundle(shelf.settings, 1), a_bundle(shelf.settings, 2)
    _begin(shelf, champion, challenger, status)
    slot = find_slot(shelf.warehouse, shelf.settings, champion, _served(challenger), trial_between)
    assert (slot is not None) == is_taken


def test_before_the_first_champion_a_challenger_is_on_trial_beside_the_starter(
    shelf: Shelf,
) -> None:
    champion, challenger = _starter(shelf.warehouse, shelf.settings), a_bundle(shelf.settings, 2)
    assert champion is not None
    assert champion.sha256 == shipped.starter(churn_definition(shelf.settings)).sha256
    slot = find_slot(shelf.warehouse, shelf.settings, champion, _served(challenger), trial_between)
    assert slot is not None
    assert slot.until is None
    _begin(shelf, champion, challenger, "lost")
    assert (
        find_slot(shelf.warehouse, shelf.settings, champion, _served(challenger), trial_between)
        is None
    )


def test_nobody_is_on_trial_beside_a_starter_that_does_not_score(shelf: Shelf) -> None:
    scoring = shelf.settings.scoring.model_copy(update={"starter": False})
    unwanted = shelf.settings.model_copy(update={"scoring": scoring})
    assert _starter(shelf.warehouse, unwanted) is None
    shelf.promote("1")
    assert _starter(shelf.warehouse, shelf.settings) is None
