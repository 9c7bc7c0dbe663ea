"""Back to an earlier champion in one call: model, calibration and tier policy."""

import pytest

from retention_ml.errors import UnfitModel, UsageError
from retention_ml.models.promotion.decisions import policy_served
from retention_ml.models.promotion.policy import configured_policy
from retention_ml.models.promotion.rollback import rollback
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.timeouts import Timeout
from retention_ml.settings import Settings
from tests.worlds.registered import Shelf


def _back(
    shelf: Shelf, version: str | None = None, settings: Settings | None = None
) -> dict[str, object]:
    receipt = rollback(
        shelf.warehouse,
        settings=settings or shelf.settings,
        decided_by="ann",
        reason="too many complaints",
        version=version,
    )
    return {"sentence": receipt.sentence, **receipt.details}


def test_a_rollback_serves_the_champion_before(shelf: Shelf) -> None:
    shelf.promote("1")
    shelf.promote("2")
    details = _back(shelf)
    assert details["sentence"] == "Version 1 is champion again instead of version 2."
    assert shelf.alias() == "1"
    assert shelf.served() == "1"
    assert shelf.ledger() == [("1", "promote"), ("2", "promote"), ("1", "rollback")]


def test_a_second_rollback_goes_further_back_and_not_forth_again(shelf: Shelf) -> None:
    for version in ("1", "2", "3"):
        shelf.promote(version)
    assert _back(shelf)["version"] == "2"
    assert _back(shelf)["version"] == "1"
    with pytest.raises(UsageError, match="no champion before version 1"):
        _back(shelf)
    assert _back(shelf, "3")["version"] == "3"
    assert _back(shelf)["version"] == "1"


def test_a_rollback_restores_the_policy_of_that_time_until_somebody_edits_the_tiers(
    shelf: Shelf,
) -> None:
    then = shelf.settings
    lenient = then.tiers.model_copy(update={"critical": 0.9})
    now = then.model_copy(update={"tiers": lenient})
    shelf.promote("1", settings=then)
    shelf.promote("2", settings=now)
    assert policy_served(shelf.warehouse, now, "2") == configured_policy(now)
    details = _back(shelf, settings=now)
    assert details["policy"] == configured_policy(then)
    assert policy_served(shelf.warehouse, now, "1") == configured_policy(then)
    edited = now.model_copy(update={"tiers": lenient.model_copy(update={"medium": 0.3})})
    assert policy_served(shelf.warehouse, edited, "1") == configured_policy(edited)


def test_a_rollback_needs_no_registry_and_the_alias_follows(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shelf.promote("1")
    shelf.promote("2")
    details = _back(shelf, settings=shelf.down)
    assert details["changed"]
    assert str(details["alias"]).startswith("It follows at the next run")
    assert shelf.served(settings=shelf.down) == "1"
    assert shelf.alias() == "2"
    assert shelf.served() == "1"
    assert shelf.alias() == "1"
    assert shelf.ledger()[-1] == ("1", "rollback")


def test_a_champion_that_may_not_serve_any_more_is_passed_over(shelf: Shelf) -> None:
    for version in ("1", "2", "3"):
        shelf.promote(version)
    shelf.registry._client.set_model_version_tag("churn", "2", "bundle_sha256", "0" * 64)
    details = _back(shelf)
    assert details["version"] == "1"
    assert "its tag bundle_sha256 is 000000000000" in str(details["passed_over"])
    with pytest.raises(UnfitModel, match="its tag bundle_sha256"):
        _back(shelf, "2")


def test_only_a_former_champion_can_be_gone_back_to(shelf: Shelf) -> None:
    shelf.promote("1")
    with pytest.raises(UsageError, match=r"Version '2' never was champion.*retention promote 2"):
        _back(shelf, "2")
    assert shelf.ledger() == [("1", "promote")]


def test_of_two_rollbacks_at_once_one_counts(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("1", "2", "3"):
        shelf.promote(version)
    first = Registry.versions
    is_first = True

    def and_meanwhile(registry: Registry, *, timeout: Timeout = "long") -> object:
        nonlocal is_first
        if is_first:
            is_first = False
            assert _back(shelf)["version"] == "2"
        return first(registry, timeout=timeout)

    monkeypatch.setattr(Registry, "versions", and_meanwhile)
    details = _back(shelf)
    assert not details["changed"]
    assert "Another decision came first: version 2 is champion" in str(details["sentence"])
    assert shelf.alias() == "2"


def test_a_rollback_undoes_a_move_by_hand_that_was_not_served_yet(shelf: Shelf) -> None:
    shelf.promote("1")
    shelf.promote("2")
    shelf.registry.set_alias("champion", "3")
    details = _back(shelf)
    assert details["sentence"] == "Version 2 is champion again instead of version 3."
    assert shelf.served() == "2"
    assert shelf.alias() == "2"
    assert _back(shelf)["version"] == "1"


def test_a_champion_whose_alias_was_deleted_is_champion_again(shelf: Shelf) -> None:
    shelf.promote("1")
    shelf.promote("2")
    shelf.registry.delete_alias("champion")
    details = _back(shelf, "2")
    assert details["sentence"] == "Version 2 is champion again; the alias had been deleted."
    assert shelf.alias() == "2"


def test_going_back_to_the_champion_itself_changes_nothing(shelf: Shelf) -> None:
    shelf.promote("1")
    details = _back(shelf, "1")
    assert not details["changed"]
    assert shelf.ledger() == [("1", "promote")]
