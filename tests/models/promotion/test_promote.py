"""A version becomes champion once, for a reason, and only if it may serve."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from retention_ml.errors import RegistryError, UnfitModel, UsageError
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion.promote import NO_CHAMPION
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.timeouts import Timeout
from tests.worlds.registered import Shelf, a_bundle


def test_a_promoted_version_is_served_and_the_ledger_says_who_why_and_on_what(
    shelf: Shelf,
) -> None:
    details = shelf.promote("2", evidence={"e_better": 25.0})
    assert details["changed"]
    assert details["sentence"] == "Version 2 is champion; before it there was none."
    assert shelf.alias() == "2"
    assert shelf.served() == "2"
    row = shelf.rows(
        "SELECT decided_by, reason, evidence::text AS e, policy::text AS p FROM models.promotions"
    )
    assert (row[0]["decided_by"], row[0]["reason"]) == ("ann", "because")
    assert "25.0" in row[0]["e"]
    assert "there is no evidence about it" in row[0]["e"]
    assert '"critical": 0.8' in row[0]["p"]
    assert shelf.open_decisions() == 0


def test_promoting_the_champion_again_changes_nothing_and_says_so(shelf: Shelf) -> None:
    shelf.promote("2")
    again = shelf.promote("2")
    assert not again["changed"]
    assert "champion already" in again["sentence"]
    assert shelf.ledger() == [("2", "promote")]


def test_promoting_the_champion_brings_back_an_alias_that_was_moved_by_hand(shelf: Shelf) -> None:
    shelf.promote("2")
    shelf.registry.set_alias("champion", "1")
    assert shelf.promote("2")["changed"]
    assert shelf.alias() == "2"
    assert shelf.served() == "2"
    assert shelf.ledger() == [("2", "promote"), ("2", "promote")]


def test_a_challenger_that_becomes_champion_leaves_its_slot(shelf: Shelf) -> None:
    shelf.promote("1")
    shelf.make_challenger("2")
    shelf.promote("2", instead_of="1")
    assert shelf.ledger("challenger") == [("2", "promote"), ("2", "retire")]
    assert shelf.registry.aliases() == {"champion": "2"}
    assert shelf.served("challenger") is None


def test_another_challenger_keeps_its_slot(shelf: Shelf) -> None:
    shelf.promote("1")
    shelf.make_challenger("2")
    shelf.promote("3")
    assert shelf.registry.aliases() == {"champion": "3", "challenger": "2"}


def test_evidence_against_a_former_champion_promotes_nobody(shelf: Shelf) -> None:
    shelf.promote("1")
    shelf.promote("3")
    details = shelf.promote("2", instead_of="1")
    assert not details["changed"]
    assert "version 3 is champion by now" in details["sentence"]
    assert shelf.alias() == "3"


@pytest.fixture
def one_request_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's client is not made for threads: one asks it at a time, the warehouse all at once."""
    lock, request = threading.RLock(), Registry._request

    @contextmanager
    def one_at_a_time(registry: Registry, timeout: Timeout = "long") -> Iterator[None]:
        with lock, request(registry, timeout):
            yield

    monkeypatch.setattr(Registry, "_request", one_at_a_time)


@pytest.mark.fault("promoted eight times at once", promises="P2 P6", row=7)
@pytest.mark.usefixtures("one_request_at_a_time")
def test_promoted_at_once_eight_times_there_is_one_decision(shelf: Shelf) -> None:
    shelf.promote("1")
    details = shelf.at_once(*[lambda: shelf.promote("2", instead_of="1")["changed"]] * 8)
    assert sorted(details) == [False] * 7 + [True]
    assert shelf.ledger() == [("1", "promote"), ("2", "promote")]
    assert shelf.alias() == "2"


@pytest.mark.usefixtures("one_request_at_a_time")
def test_rivals_promoted_at_once_against_one_champion_give_one_champion(shelf: Shelf) -> None:
    shelf.promote("1")
    two, three = shelf.at_once(
        lambda: shelf.promote("2", instead_of="1")["changed"],
        lambda: shelf.promote("3", instead_of="1")["changed"],
    )
    assert two != three
    winner = "2" if two else "3"
    assert shelf.ledger() == [("1", "promote"), (winner, "promote")]
    assert shelf.alias() == winner


def test_a_registry_that_is_down_after_the_decision_takes_nothing_from_it(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shelf.promote("1")
    shelf.promote("2")
    details = shelf.promote("1", settings=shelf.down)
    assert details["changed"]
    assert details["alias"].startswith("It follows at the next run")
    assert shelf.alias() == "2"
    assert shelf.served(settings=shelf.down) == "1"
    assert shelf.served() == "1"
    assert shelf.alias() == "1"
    assert shelf.ledger()[-1] == ("1", "promote")


def test_a_version_only_the_registry_knows_needs_the_registry(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError, match="did not carry out a request"):
        shelf.promote("2", settings=shelf.down)
    assert shelf.ledger() == []


def test_a_version_that_may_not_serve_is_refused_and_the_champion_stays(shelf: Shelf) -> None:
    shelf.promote("1")
    shelf.register(a_bundle(shelf.settings, 4, definition_hash="f" * 16))
    for _ in range(2):
        with pytest.raises(UnfitModel, match=r"Version 4 cannot .* definition ffff"):
            shelf.promote("4")
    assert shelf.ledger() == [("1", "promote"), ("4", "refuse")]
    assert shelf.served() == "1"


def test_a_model_that_gives_everybody_the_same_is_refused(shelf: Shelf) -> None:
    sound = a_bundle(shelf.settings, 1)
    flat = Bundle.of(
        sound.predictor,
        slope=0.0,
        intercept=-1.0,
        **{
            "model_name": "flat",
            "features": sound.features,
            "definition_hash": sound.manifest["definition_hash"],
        },
    )
    shelf.register(flat)
    with pytest.raises(UnfitModel, match=r"all 80 customers the same probability \(0\.269\)"):
        shelf.promote("4")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"version": "9"}, "no version '9' .* the newest are: 3, 2, 1"),
        ({"version": "../../x"}, r"no version '\.\./\.\./x'"),
        ({"version": "1", "reason": " "}, "lacks a reason"),
        ({"version": "1", "decided_by": ""}, "lacks who decides"),
    ],
)
def test_a_request_that_makes_no_sense_is_explained(
    shelf: Shelf, arguments: dict[str, str], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        shelf.promote(**arguments)
    assert shelf.ledger() == []


def test_evidence_gathered_without_a_champion_replaces_none(shelf: Shelf) -> None:
    assert shelf.promote("1", instead_of=NO_CHAMPION)["changed"]
    details = shelf.promote("2", instead_of=NO_CHAMPION)
    assert not details["changed"]
    assert "was to replace nobody, but version 1 is champion by now" in details["sentence"]
    assert shelf.ledger() == [("1", "promote")]
    assert shelf.promote("2")["changed"]


@pytest.mark.parametrize("to", ["3", None])
def test_evidence_does_not_overrule_a_person_who_moved_the_alias(
    shelf: Shelf, to: str | None
) -> None:
    shelf.promote("1")
    shelf.registry.set_alias("champion", to) if to else shelf.registry.delete_alias("champion")
    details = shelf.promote("2", instead_of="1")
    assert not details["changed"]
    assert ("moved to version 3" if to else "deleted") in details["sentence"]
    assert shelf.ledger() == [("1", "promote")]
    assert shelf.alias() == to
    assert shelf.promote("2")["changed"]
