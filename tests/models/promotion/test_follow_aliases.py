"""An alias moved in MLflow is looked at without a scoring, and once."""

from retention_ml.models.promotion.follow_aliases import follow_aliases
from tests.worlds.registered import Shelf, a_bundle


def test_it_is_followed_and_the_second_look_decides_nothing(shelf: Shelf) -> None:
    shelf.promote("1")
    shelf.registry.set_alias("champion", "2")
    receipt = follow_aliases(shelf.warehouse, settings=shelf.settings)
    assert receipt.sentence.startswith("champion: follow version 2.")
    assert receipt.details["champion"] == "2"
    again = follow_aliases(shelf.warehouse, settings=shelf.settings)
    assert again.sentence == "The aliases stand where the ledger has them."
    assert again.details == {"champion": "2", "challenger": None, "decisions": []}
    assert shelf.ledger() == [("1", "promote"), ("2", "follow")]


def test_one_that_must_not_serve_is_told_so_on_its_version(shelf: Shelf) -> None:
    shelf.promote("1")
    other = a_bundle(shelf.settings, 7, definition_hash="of another question")
    number = shelf.register(other, training_id="t").version
    shelf.registry.set_alias("champion", number)
    receipt = follow_aliases(shelf.warehouse, settings=shelf.settings)
    assert receipt.sentence.startswith(f"champion: refuse version {number}.")
    assert receipt.details["champion"] == "1"
    version = shelf.registry.version(number)
    assert version is not None
    assert version.tags["not_served_as_champion"] in receipt.sentence
