"""Why a version under an alias is not served, told on the version itself."""

import pytest

from retention_ml.errors import RegistryError
from retention_ml.models.registry.mlflow_registry import Registry
from tests.worlds.registered import Shelf, a_bundle

_TAG = "not_served_as_champion"


@pytest.fixture
def refused(shelf: Shelf) -> str:
    """A version of another churn definition that a person made champion; 1 was before."""
    shelf.promote("1")
    other = a_bundle(shelf.settings, 7, definition_hash="of another question")
    number = shelf.register(other, training_id="t").version
    shelf.registry.set_alias("champion", number)
    return number


def _tags(shelf: Shelf, number: str) -> dict[str, str]:
    version = shelf.registry.version(number)
    assert version is not None
    return dict(version.tags)


def test_the_version_says_why_it_is_not_served(shelf: Shelf, refused: str) -> None:
    before = shelf.registry.description(refused)
    assert shelf.served() == "1"
    (row,) = shelf.rows("SELECT reason FROM models.promotions WHERE verdict = 'refuse'")
    assert "trained for the churn definition" in row["reason"]
    assert _tags(shelf, refused)[_TAG] == row["reason"]
    assert shelf.registry.description(refused) == (
        "## Not served as champion\n\nThe last good version serves instead, because of this one: "
        f"{row['reason'].rstrip('.')}.\n\n{before}"
    )
    # The one that serves instead says nothing of the kind.
    assert _TAG not in _tags(shelf, "1")


def test_it_is_told_once(shelf: Shelf, refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shelf.served() == "1"
    calls: list[str] = []
    monkeypatch.setattr(Registry, "set_section", lambda *_: calls.append("section"))
    monkeypatch.setattr(Registry, "set_version_tags", lambda *_: calls.append("tags"))
    assert shelf.served() == "1"
    assert calls == []


def test_a_registry_that_died_before_it_was_told_is_told_by_the_next_run(
    shelf: Shelf, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise RegistryError("away")

    with monkeypatch.context() as patched:
        patched.setattr(Registry, "set_section", die)
        assert shelf.served() == "1"
    assert _TAG not in _tags(shelf, refused)
    assert shelf.served() == "1"
    assert _TAG in _tags(shelf, refused)


def test_once_it_may_serve_it_says_so_no_more(shelf: Shelf) -> None:
    shelf.promote("1")
    before = shelf.registry.description("2")
    digest = _tags(shelf, "2")["bundle_sha256"]
    shelf.registry.set_version_tags("2", {"bundle_sha256": "0" * 64})
    shelf.registry.set_alias("champion", "2")
    assert shelf.served() == "1"
    assert _TAG in _tags(shelf, "2")
    shelf.registry.set_version_tags("2", {"bundle_sha256": digest})
    assert shelf.served() == "2"
    assert _TAG not in _tags(shelf, "2")
    assert shelf.registry.description("2") == before
