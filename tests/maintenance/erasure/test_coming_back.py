"""Whoever was forgotten stays so: old files, replayed rows, open batches and restored homes."""

import shutil
from pathlib import Path

import pytest

from retention_ml import clock
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.land import land
from retention_ml.deliveries.ledger import batches
from retention_ml.deliveries.ledger.quarantine_batch import quarantine_batch
from retention_ml.deliveries.replay import replay
from retention_ml.deliveries.stage import stage
from retention_ml.errors import SettingsError
from retention_ml.maintenance.erasure.forget import forget
from retention_ml.maintenance.erasure.prove import prove
from retention_ml.maintenance.invariants import violations
from tests.maintenance.erasure.conftest import EVENTS, Filled, copied
from tests.people.conftest import take_in


def _hits(shop: Filled) -> dict[str, int]:
    details = prove(shop.warehouse, settings=shop.settings, numbers=shop.gone).details
    hits: dict[str, int] = details["hits"]
    return hits


@pytest.mark.fault(
    "old files, longer ones, renamed ones of persons who were forgotten", promises="P1 P2", row=40
)
def test_old_files_bring_nobody_back(filled: Filled) -> None:
    forget(filled.warehouse, settings=filled.settings, numbers=filled.gone)
    land(filled.warehouse, settings=filled.settings, source="simulated", files=filled.files)
    assert _hits(filled) == {}
    longer = []
    for path in filled.files:
        longer.append(filled.deliver(path.name, path.read_text("utf-8") + "\n"))
    staged = take_in(filled.warehouse, filled.settings, tuple(longer))
    assert staged.left_out > 100
    assert _hits(filled) == {}
    for path in longer:
        path.rename(path.with_name(f"{path.stem}_again.csv"))
    renamed = tuple(path.with_name(f"{path.stem}_again.csv") for path in longer)
    land(filled.warehouse, settings=filled.settings, source="simulated", files=renamed)
    assert _hits(filled) == {}
    assert violations(filled.warehouse) == []
    suppressed = filled.values("SELECT sum(suppressed_count)::int FROM raw.deliveries")
    assert int(str(suppressed[0])) > staged.left_out


def test_a_replay_of_quarantined_rows_brings_nobody_back(filled: Filled) -> None:
    forget(filled.warehouse, settings=filled.settings, numbers=filled.gone)
    replayed = replay(filled.warehouse, settings=filled.settings, source="simulated", reason=None)
    assert replayed.read == 4
    stage(filled.warehouse, settings=filled.settings, batch_id=replayed.details["batch_id"])
    assert _hits(filled) == {}


@pytest.mark.thorough
def test_a_batch_that_waits_goes_on_without_them(filled: Filled) -> None:
    lines = [
        f"2024-03-02 12:00:00,{number},9,login,,\n"
        for number in (*filled.gone[:3], *filled.others[:2])
    ]
    broken = f"no time,{filled.gone[1]},9,login,,\n"
    file = filled.deliver("events_open.csv", EVENTS + broken + "".join(lines))
    landed = land(filled.warehouse, settings=filled.settings, source="simulated", files=[file])
    batch_id = landed.details["batch_id"]
    stage(filled.warehouse, settings=filled.settings, batch_id=batch_id)
    forget(filled.warehouse, settings=filled.settings, numbers=filled.gone)
    assert _hits(filled) == {}
    staged = stage(filled.warehouse, settings=filled.settings, batch_id=batch_id)
    assert (staged.read, staged.written, staged.left_out, staged.quarantined) == (6, 2, 4, 0)
    assert _hits(filled) == {}


@pytest.mark.thorough
def test_a_home_from_before_takes_nothing_in_until_it_forgets_too(
    original: Filled, tmp_path: Path
) -> None:
    with copied(original, tmp_path / "now") as now:
        forget(now.warehouse, settings=now.settings, numbers=now.gone)
        with copied(original, tmp_path / "before") as before:
            shutil.copy(now.settings.home / "forgotten.json", before.settings.home)
            file = before.deliver("events_new.csv", EVENTS + "2024-03-03 12:00:00,C1,9,login,,\n")
            with pytest.raises(SettingsError, match="persons were forgotten of whom this"):
                take_in(before.warehouse, before.settings, (file,))
            receipt = forget(before.warehouse, settings=before.settings)
            assert receipt.written == len(before.gone)
            assert _hits(before) == {}
            states = before.state(), now.state()
            differing = {table for table in states[0] if states[0][table] != states[1][table]}
            assert differing == {"raw.batches", "raw.deliveries", "archive"}  # the new file landed
            assert now.archived().items() <= before.archived().items()


@pytest.mark.thorough
def test_a_held_batch_goes_on_without_them(filled: Filled) -> None:
    lines = [
        f"2024-03-02 12:00:00,{number},9,login,,\n"
        for number in (*filled.gone[:3], *filled.others[:2])
    ]
    file = filled.deliver("events_held.csv", EVENTS + "".join(lines))
    landed = land(filled.warehouse, settings=filled.settings, source="simulated", files=[file])
    batch_id = landed.details["batch_id"]
    stage(filled.warehouse, settings=filled.settings, batch_id=batch_id)
    with filled.warehouse.transaction() as transaction:
        quarantine_batch(
            transaction,
            batch_id=batch_id,
            source=load_source(filled.settings.sources, "simulated"),
            settings=filled.settings,
            row_counts=batches.staged_row_counts(transaction, batch_id),
            reason="too few rows",
            now=clock.now(),
        )
    waiting = (
        "SELECT count(*) FROM quarantine.rows JOIN raw.deliveries USING (delivery_id) "
        f"WHERE batch_id = {batch_id}"
    )
    assert filled.values(waiting) == [5]
    forget(filled.warehouse, settings=filled.settings, numbers=filled.gone)
    assert filled.values(waiting) == [2], "the rows of others wait as before"
    assert _hits(filled) == {}
    assert violations(filled.warehouse) == []
    replayed = replay(
        filled.warehouse, settings=filled.settings, source="simulated", reason="batch_held"
    )
    assert replayed.read == 2
    staged = stage(
        filled.warehouse, settings=filled.settings, batch_id=replayed.details["batch_id"]
    )
    assert (staged.written, staged.quarantined) == (2, 0)
