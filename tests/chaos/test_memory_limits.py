"""A training that may not use the memory it needs."""

import multiprocessing
from collections.abc import Callable
from datetime import timedelta

import pytest

from retention_ml.maintenance.invariants import violations
from retention_ml.models.training.train import train
from retention_ml.outcomes.trial.trials import trial_between
from tests.chaos import hungry
from tests.chaos.counts import count
from tests.models.conftest import Trained
from tests.worlds.registered import Shelf

pytestmark = pytest.mark.thorough


@pytest.mark.fault(
    "a training that may use too little memory",
    promises="P6",
    row=6,
    counted="trainings without memory",
)
def test_a_training_without_memory_leaves_the_champion_and_a_retry_completes(
    trained: Trained, copied: Callable[[Trained], Trained]
) -> None:
    shop = copied(trained)
    shelf = Shelf(warehouse=shop.warehouse, settings=shop.settings)
    serves, ledger = shelf.served(), shelf.ledger()
    context, as_of = multiprocessing.get_context("forkserver"), shop.as_of - timedelta(days=7)
    context.set_forkserver_preload(["tests.chaos.hungry"])
    for number in range(count("trainings without memory")):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(
            target=hungry.train_in,
            args=(shop.warehouse.url, shop.settings.model_dump(), as_of, 32 * 2**number, writer),
        )
        process.start()
        writer.close()
        process.join()
        # Where a library in C does not look at what it was given, the process dies of it.
        if process.exitcode == 0:
            words = reader.recv()
            assert words.startswith(("MachineError: ", "WarehouseError: ")), words
            assert "run the same command again" in words
        else:
            assert process.exitcode is not None
            assert process.exitcode < 0, "a traceback"
        assert (shelf.served(), shelf.ledger()) == (serves, ledger)
        assert violations(shop.warehouse) == []
    train(shop.warehouse, settings=shop.settings, as_of=as_of, trial_between=trial_between)
    assert violations(shop.warehouse) == []
