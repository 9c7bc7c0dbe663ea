"""Who scores a day is told where the version under an alias does not serve."""

import pytest

from retention_ml.features import build
from retention_ml.features.store import read_day
from retention_ml.scores.score import score
from tests.worlds.registered import AS_OF, Shelf, a_bundle


def test_a_refused_alias_is_named_by_every_scoring_until_it_is_gone(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "ensure_rows", lambda warehouse, **_: read_day(warehouse, AS_OF))
    shelf.promote("1")
    assert _warnings(shelf) == []
    other = a_bundle(shelf.settings, 7, definition_hash="of another question")
    number = shelf.register(other, training_id="t").version
    shelf.registry.set_alias("champion", number)
    for _ in range(2):
        [sentence] = _warnings(shelf)
        assert sentence.startswith(f"Version {number} is not served as champion: it was trained")
    shelf.registry.set_alias("champion", "1")
    assert _warnings(shelf) == []


def _warnings(shelf: Shelf) -> list[str]:
    warnings: list[str] = score(shelf.warehouse, settings=shelf.settings, as_of=AS_OF).details[
        "warnings"
    ]
    return warnings
