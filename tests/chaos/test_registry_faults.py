"""A registry that is away, and decisions whose process dies: one champion, and it serves."""

import multiprocessing
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from retention_ml.errors import RegistryError
from retention_ml.failpoints import FAILPOINTS
from retention_ml.maintenance.invariants import violations
from retention_ml.models import registry as registry_module
from retention_ml.models.registry import Registry
from retention_ml.models.train import fit, prepare, select
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse
from tests.chaos import decider
from tests.models.conftest import Trained, settings_in
from tests.models.shelf import Shelf
from tests.shops import random_shop

PROMISED_SECONDS = 30


# A registry that is down or does not answer


@pytest.fixture
def silent() -> Iterator[str]:
    """Address of a listener that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def stopped() -> str:
    """Address of a listener that is not there any more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _at(shelf: Shelf, address: str) -> Settings:
    return shelf.settings.model_copy(update={"tracking_uri": address})


@pytest.mark.slow
@pytest.mark.parametrize("where", ["silent", "stopped"])
def test_a_registry_that_is_silent_or_stopped_delays_scoring_by_less_than_promised(
    shelf: Shelf,
    where: str,
    request: pytest.FixtureRequest,
) -> None:
    shelf.promote("1")
    shelf.promote("2")
    address = request.getfixturevalue(where)
    began = time.monotonic()
    assert shelf.served(settings=_at(shelf, address)) == "2"
    assert time.monotonic() - began < PROMISED_SECONDS


def test_the_waits_that_are_configured_add_up_to_less_than_promised() -> None:
    """An open decision, then one look: two requests in a row may go unanswered."""
    waits = {key: float(value) for key, value in registry_module._BRISK.items()}
    tries = 1 + waits["MAX_RETRIES"]
    once = tries * waits["TIMEOUT"] + waits["BACKOFF_FACTOR"] * 2 ** waits["MAX_RETRIES"]
    assert 2 * once < PROMISED_SECONDS


@pytest.mark.parametrize("where", ["silent", "stopped"])
def test_what_the_ledger_decided_serves_from_the_cache_whatever_the_registry_says(
    shelf: Shelf,
    where: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key, value in {"TIMEOUT": "1", "MAX_RETRIES": "0"}.items():
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{key}", value)
    shelf.promote("1")
    shelf.promote("2")
    shelf.seat("3")
    away = _at(shelf, request.getfixturevalue(where))
    assert shelf.served("challenger", away) == "3"
    shelf.promote("1", settings=away)  # decided now, its alias follows another day
    assert shelf.open_decisions() == 1
    assert shelf.served(settings=away) == "1"
    before = shelf.ledger()
    # The digest counts without a registry too: what is spoilt in the cache gives way.
    sha256 = {each.version: each.tags["bundle_sha256"] for each in shelf.registry.versions()}
    for path in (shelf.registry.folder / sha256["1"]).iterdir():
        path.write_bytes(path.read_bytes() + b" ")
    assert shelf.served(settings=away) == "2"
    shutil.rmtree(shelf.registry.folder)
    with pytest.raises(RegistryError):
        shelf.served(settings=away)
    assert shelf.ledger() == before
    assert shelf.served() == "1"  # back again: fetched, and the alias has followed
    assert shelf.alias() == "1"
    assert shelf.open_decisions() == 0


# A process that dies between version, ledger and alias

DEATHS = [
    ("select", "train.after_register"),
    ("select", "train.after_commit"),
    ("select", "promote.after_alias"),
    ("promote", "promote.after_ledger"),
    ("promote", "promote.after_alias"),
]


@dataclass(frozen=True)
class Deciding:
    """A shop with two fitted trainings that nobody has selected from."""

    shop: Trained
    trainings: tuple[str, ...]

    @property
    def shelf(self) -> Shelf:
        return Shelf(warehouse=self.shop.warehouse, settings=self.shop.settings)

    def select(self, number: int) -> Receipt:
        return select(
            self.shop.warehouse, settings=self.shop.settings, training_id=self.trainings[number]
        )

    def die(self, processes: ForkServerContext, door: str, which: str, place: str) -> None:
        settings = self.shop.settings.model_dump()
        process = processes.Process(
            target=decider.decide, args=(self.shop.warehouse.url, settings, door, which, place)
        )
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"{place} was not reached"

    def trainings_registered(self) -> list[str]:
        return [each.tags["training_id"] for each in reversed(self.shelf.registry.versions())]

    def has_one_champion(self, version: str) -> bool:
        """Whether ledger, alias and what is served all say that version, and nothing is open."""
        champions = [one for one, verdict in self.shelf.ledger() if verdict == "promote"]
        return (
            champions[-1:] == [version]
            and len(set(champions)) == len(champions)
            and self.shelf.alias() == self.shelf.served() == version
            and self.shelf.open_decisions() == 0
            and violations(self.shop.warehouse) == []
        )


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes of their own that find everything imported: a kill costs no start-up."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.decider"])
    return context


@pytest.fixture(scope="module")
def fitted(
    postgres: EmbeddedPostgres,
    template_database: str,
    registry_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deciding]:
    admin = Warehouse(postgres.url())
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE deciding TEMPLATE {template_database}")
    admin.close()
    warehouse = Warehouse(postgres.url("deciding"))
    as_of = random_shop(warehouse, customers=900, days=400, seed=11).last_day
    settings = settings_in(
        tmp_path_factory.mktemp("deciding") / "home",
        registry_database,
        RETENTION_TRAINING__CANDIDATES="recency,rfm_logistic",
    )
    trainings = []
    for seed in (5, 6):
        training = settings.training.model_copy(update={"seed": seed})
        own = settings.model_copy(update={"training": training})
        receipt = prepare(warehouse, settings=own, as_of=as_of)
        trainings.append(str(receipt.details["training_id"]))
        for name in own.training.candidates:
            fit(warehouse, settings=own, training_id=trainings[-1], candidate=name)
    shop = Trained(warehouse=warehouse, settings=settings, as_of=as_of, receipt=receipt)
    yield Deciding(shop, tuple(trainings))
    warehouse.close()


@pytest.fixture
def deciding(fitted: Deciding, copied: Callable[[Trained], Trained]) -> Deciding:
    return Deciding(copied(fitted.shop), fitted.trainings)


def test_every_place_of_training_and_promotion_is_died_at() -> None:
    places = {place for place in FAILPOINTS if place.split(".")[0] in ("train", "promote")}
    assert {place for _, place in DEATHS} == places


@pytest.mark.parametrize(("door", "place"), DEATHS)
def test_killed_anywhere_one_look_and_a_retry_give_one_champion_and_no_version_twice(
    deciding: Deciding, processes: ForkServerContext, door: str, place: str
) -> None:
    if door == "promote":
        deciding.select(0)
        deciding.select(1)
        assert deciding.has_one_champion("1")
        deciding.die(processes, door, "2", place)
        assert deciding.has_one_champion("2")
        assert not deciding.shelf.promote("2")["changed"]
        assert deciding.has_one_champion("2")
        assert deciding.trainings_registered() == list(deciding.trainings)
        return
    deciding.die(processes, door, deciding.trainings[0], place)
    assert deciding.trainings_registered() == [deciding.trainings[0]]
    if place == "train.after_register":  # nobody decided yet
        assert deciding.shelf.served() is None
        assert deciding.shelf.ledger() == []
    else:
        assert deciding.has_one_champion("1")
    assert deciding.select(0).details["verdict"] == "promote"
    assert deciding.has_one_champion("1")
    assert deciding.trainings_registered() == [deciding.trainings[0]]


def test_a_retry_that_does_not_look_registers_twice(
    deciding: Deciding, processes: ForkServerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    deciding.die(processes, "select", deciding.trainings[0], "train.after_register")
    monkeypatch.setattr(Registry, "version_of_training", lambda *_: None)
    deciding.select(0)
    assert deciding.trainings_registered() == [deciding.trainings[0]] * 2
