"""The alias follows the ledger, also when the process dies in between."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from retention_ml.errors import RegistryError, WarehouseError
from retention_ml.models.promotion import apply
from retention_ml.models.promotion.apply import sync_aliases
from retention_ml.models.promotion.decisions import write_decision
from retention_ml.models.promotion.rollback import rollback
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.timeouts import Timeout
from retention_ml.warehouse import Warehouse
from tests.worlds.registered import Shelf


class _Killed(BaseException):
    pass


DOORS: dict[str, Callable[[Shelf], object]] = {
    "promote": lambda shelf: shelf.promote("2"),
    "rollback": lambda shelf: rollback(
        shelf.warehouse, settings=shelf.settings, decided_by="ann", reason="why"
    ),
}


def _dying(place: str) -> Callable[[str], None]:
    def failpoint(name: str) -> None:
        if name == place:
            raise _Killed

    return failpoint


def _moves(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """The moves that are asked of the registry from now on."""
    moves: list[tuple[str, str | None]] = []
    set_alias, delete_alias = Registry.set_alias, Registry.delete_alias

    def set_and_note(
        registry: Registry, alias: str, version: str, *, timeout: Timeout = "long"
    ) -> None:
        moves.append((alias, version))
        set_alias(registry, alias, version, timeout=timeout)

    def delete_and_note(registry: Registry, alias: str) -> None:
        moves.append((alias, None))
        delete_alias(registry, alias)

    monkeypatch.setattr(Registry, "set_alias", set_and_note)
    monkeypatch.setattr(Registry, "delete_alias", delete_and_note)
    return moves


@pytest.mark.parametrize("place", ["promote.after_ledger", "promote.after_alias"])
@pytest.mark.parametrize("door", DOORS)
def test_a_decision_whose_process_died_is_carried_out_by_the_next_run_and_once(
    shelf: Shelf, place: str, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.promote("1")
    if door == "rollback":
        shelf.promote("2")
    with monkeypatch.context() as patched:
        patched.setattr(apply, "failpoint", _dying(place))
        with pytest.raises(_Killed):
            DOORS[door](shelf)
    expected = "2" if door == "promote" else "1"
    assert shelf.open_decisions() == 1
    assert shelf.alias() == (
        expected if place == "promote.after_alias" else {"1": "2", "2": "1"}[expected]
    )
    moves = _moves(shelf, monkeypatch)
    for _ in range(2):
        assert shelf.served() == expected
    assert shelf.alias() == expected
    assert shelf.open_decisions() == 0
    assert moves == ([] if place == "promote.after_alias" else [("champion", expected)])
    assert len(shelf.ledger()) == (2 if door == "promote" else 3)


@pytest.mark.parametrize("place", ["promote.after_ledger", "promote.after_alias"])
def test_a_process_that_was_really_killed_leaves_one_decision_and_one_champion(
    shelf: Shelf, place: str
) -> None:
    shelf.promote("1")
    program = (
        "import sys; from retention_ml.settings import load; "
        "from retention_ml.models.promotion.promote import promote; "
        "from retention_ml.warehouse import Warehouse; "
        "promote(Warehouse(sys.argv[1]), settings=load(), version='2', decided_by='ann', "
        "reason='because')"
    )
    environment = {
        "RETENTION_HOME": str(shelf.settings.home),
        "MLFLOW_TRACKING_URI": shelf.registry.uri,
        "RETENTION_FAILPOINT": place,
    }
    killed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, shelf.warehouse.url],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert shelf.open_decisions() == 1
    assert shelf.alias() == ("2" if place == "promote.after_alias" else "1")
    assert shelf.served() == "2"
    assert shelf.alias() == "2"
    assert shelf.open_decisions() == 0
    assert shelf.ledger() == [("1", "promote"), ("2", "promote")]


def test_a_decision_made_twice_because_the_first_try_died_stands_once(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.promote("1")
    with monkeypatch.context() as patched:
        patched.setattr(apply, "failpoint", _dying("promote.after_ledger"))
        with pytest.raises(_Killed):
            shelf.promote("2", instead_of="1")
    assert not shelf.promote("2", instead_of="1")["changed"]
    assert shelf.ledger() == [("1", "promote"), ("2", "promote")]
    assert shelf.alias() == "2"


def test_of_several_open_decisions_the_newest_counts_and_is_carried_out_once(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shelf.promote("1")
    shelf.promote("2")
    shelf.promote("1", settings=shelf.down)
    shelf.promote("2", settings=shelf.down)
    shelf.promote("1", settings=shelf.down)
    assert shelf.open_decisions() == 3
    moves = _moves(shelf, monkeypatch)
    assert sync_aliases(shelf.registry, shelf.warehouse) == ["Alias champion stands at version 1."]
    assert sync_aliases(shelf.registry, shelf.warehouse) == []
    assert moves == [("champion", "1")]
    assert shelf.open_decisions() == 0


def test_a_retired_challenger_loses_its_alias(shelf: Shelf) -> None:
    shelf.make_challenger("2")
    assert shelf.alias("challenger") == "2"
    with shelf.warehouse.transaction() as transaction:
        write_decision(
            transaction, settings=shelf.settings, alias="challenger", model_name="logistic",
            version="2", bundle_sha256="", verdict="retire", decided_by="outcomes",
            reason="it lost", evidence={}, training_id=None,
        )  # fmt: skip
    assert sync_aliases(shelf.registry, shelf.warehouse) == [
        "Alias challenger was taken off version 2."
    ]
    assert shelf.alias("challenger") is None
    assert shelf.served("challenger") is None


def test_a_registry_that_is_down_leaves_the_decision_open_and_says_so(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shelf.promote("1")
    shelf.promote("2")
    shelf.promote("1", settings=shelf.down)
    with pytest.raises(RegistryError):
        sync_aliases(Registry(shelf.down), shelf.warehouse)
    assert shelf.open_decisions() == 1


def test_a_process_that_moves_the_alias_for_long_takes_nothing_from_a_decision(
    shelf: Shelf,
) -> None:
    shelf.promote("1")
    warehouse = Warehouse(f"{shelf.warehouse.url}?options=-c%20lock_timeout%3D200ms")
    impatient = replace(shelf, warehouse=warehouse)
    with closing(warehouse), shelf.warehouse.exclusive("settle:champion"):
        promotion = impatient.promote("2")
        assert promotion["changed"]
        assert "It follows at the next run: Another process" in promotion["alias"]
        assert impatient.served() == "2"
        assert shelf.alias() == "1"
    assert shelf.served() == "2"
    assert shelf.alias() == "2"
    assert shelf.ledger() == [("1", "promote"), ("2", "promote")]


def test_what_else_the_warehouse_refuses_goes_up(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise WarehouseError("away")

    shelf.promote("1")
    monkeypatch.setattr("retention_ml.models.promotion.decisions.mark_synced", refuse)
    with pytest.raises(WarehouseError, match="away"):
        shelf.promote("2")


def test_nothing_is_asked_of_the_registry_while_nothing_is_open(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.promote("1")
    monkeypatch.setattr(Registry, "aliases", None)
    assert sync_aliases(shelf.registry, shelf.warehouse) == []
