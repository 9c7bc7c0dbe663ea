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
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.timeouts import TIMEOUTS
from retention_ml.models.training.train import fit, prepare, select
from retention_ml.outcomes.trial.trials import trial_between
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from tests.chaos import decider
from tests.chaos.counts import rounds
from tests.models.conftest import Trained, settings_in
from tests.worlds.databases import NewWarehouse
from tests.worlds.registered import Shelf, a_bundle
from tests.worlds.shops import random_shop

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


@pytest.mark.fault("registry silent or stopped", promises="P6", row=28)
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
    waits = {key: float(value) for key, value in TIMEOUTS["short"].items()}
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
    shelf.make_challenger("3")
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
    """A shop with a fitted training that nobody has selected from."""

    shop: Trained
    training_id: str

    @property
    def shelf(self) -> Shelf:
        return Shelf(warehouse=self.shop.warehouse, settings=self.shop.settings)

    def select(self) -> DecisionReceipt:
        return select(
            self.shop.warehouse,
            settings=self.shop.settings,
            training_id=self.training_id,
            trial_between=trial_between,
        )

    def die(self, processes: ForkServerContext, door: str, which: str, place: str) -> None:
        settings = self.shop.settings.model_dump()
        process = processes.Process(
            target=decider.decide, args=(self.shop.warehouse.url, settings, door, which, place)
        )
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"{place} was not reached"

    def versions(self) -> list[str]:
        """The training of every version, the oldest first."""
        return [each.tags["training_id"] for each in reversed(self.shelf.registry.versions())]

    def has_one_champion(self, version: str) -> bool:
        """Whether after one look ledger and alias say that version, and nothing is open."""
        served = self.shelf.served()
        champions = [one for one, verdict in self.shelf.ledger() if verdict == "promote"]
        return (
            served == self.shelf.alias() == champions[-1] == version
            and len(set(champions)) == len(champions)
            and self.shelf.open_decisions() == 0
            and violations(self.shop.warehouse) == []
        )


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes of their own that find everything imported: a kill costs no start-up."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.decider", "retention_ml.models.bundle.serving"])
    return context


@pytest.fixture(scope="module")
def fitted(
    new_warehouse: NewWarehouse,
    registry_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deciding]:
    settings = settings_in(
        tmp_path_factory.mktemp("deciding") / "home",
        registry_database,
        RETENTION_TRAINING__CANDIDATES="recency,rfm_logistic",
    )
    with new_warehouse() as warehouse:
        as_of = random_shop(warehouse, customers=900, days=400, seed=11).last_day
        receipt = prepare(warehouse, settings=settings, as_of=as_of)
        training_id = str(receipt.details["training_id"])
        for name in settings.training.candidates:
            fit(warehouse, settings=settings, training_id=training_id, candidate=name)
        shop = Trained(warehouse=warehouse, settings=settings, as_of=as_of, receipt=receipt)
        yield Deciding(shop, training_id)


@pytest.fixture
def deciding(fitted: Deciding, copied: Callable[[Trained], Trained]) -> Deciding:
    return Deciding(copied(fitted.shop), fitted.training_id)


def test_every_place_of_training_and_promotion_is_died_at() -> None:
    places = {place for place in FAILPOINTS if place.split(".")[0] in ("train", "promote")}
    assert {place for _, place in DEATHS} == places


@pytest.mark.fault(
    "kill -9 in promotion, between ledger and alias",
    promises="P6",
    row=(2, 29),
    counted="kills in promotion",
)
@pytest.mark.fault(
    "kill -9 in training, between version and ledger",
    promises="P6",
    row=(2, 29),
    counted="kills in training",
)
@pytest.mark.thorough
@pytest.mark.parametrize(
    ("door", "place", "number"),
    [
        (door, place, number)
        for door, place in DEATHS
        for number in (
            rounds("kills in training", 2)
            if place.startswith("train.")
            else rounds("kills in promotion", 3)
        )
    ],
)
def test_killed_anywhere_one_look_and_a_retry_give_one_champion_and_no_version_twice(
    deciding: Deciding, processes: ForkServerContext, door: str, place: str, number: int
) -> None:
    only = deciding.training_id
    if door == "promote":
        deciding.select()
        other = a_bundle(deciding.shop.settings, 5, as_of=str(deciding.shop.as_of))
        deciding.shelf.register(other, training_id="other")
        assert deciding.has_one_champion("1")
        deciding.die(processes, door, "2", place)
        assert deciding.has_one_champion("2")
        assert not deciding.shelf.promote("2")["changed"]
        assert deciding.has_one_champion("2")
        assert deciding.versions() == [only, "other"]
        return
    deciding.die(processes, door, only, place)
    assert deciding.versions() == [only]
    if place == "train.after_register":  # nobody decided yet
        assert deciding.shelf.served() is None
        assert deciding.shelf.ledger() == []
    else:
        assert deciding.has_one_champion("1")
    assert deciding.select().details["verdict"] == "promote"
    assert deciding.has_one_champion("1")
    assert deciding.versions() == [only]


@pytest.mark.thorough
def test_a_retry_that_does_not_look_registers_twice(
    deciding: Deciding, processes: ForkServerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    deciding.die(processes, "select", deciding.training_id, "train.after_register")
    monkeypatch.setattr(Registry, "version_of_training", lambda *_: None)
    deciding.select()
    assert deciding.versions() == [deciding.training_id] * 2
