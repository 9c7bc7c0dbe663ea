"""Two workers killed anywhere, the database too: no mail twice, nothing lost elsewhere."""

import csv
import hashlib
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest

from retention_ml import clock
from retention_ml.actions.outbox.dispatch import dispatch
from retention_ml.errors import ChannelError, WarehouseError
from retention_ml.failpoints import FAILPOINTS
from retention_ml.schema.migrate import migrate
from retention_ml.settings import Settings
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse
from tests.chaos import dispatcher
from tests.chaos.counts import IS_FULL, count
from tests.worlds.outbox import channel_settings, put, row
from tests.worlds.receivers import Crm, MailServer, crm, mail_server

KILLED = -9
WORKERS = 2
PLACES = tuple(place for place in FAILPOINTS if place.startswith("dispatch."))
MAILS, REQUESTS, ROWS = (1_400, 500, 500) if IS_FULL else (120, 40, 40)
KILL_SECONDS_MAX = 1.5
RESTART_EVERY = 10  # rounds


@pytest.fixture(scope="module")
def processes() -> BaseContext:
    """Fresh processes that need not import everything again."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.dispatcher"])
    return context


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A server that may be restarted: nobody else's."""
    running = EmbeddedPostgres(tmp_path / "postgres")
    running.start()
    yield running
    running.stop("immediate")


def _fill(warehouse: Warehouse) -> None:
    now = clock.now()
    span = {"not_before": now - timedelta(hours=1), "expires_at": now + timedelta(days=1)}
    for channel, number in (("email", MAILS), ("webhook", REQUESTS), ("file", ROWS)):
        put(warehouse, [row(f"{channel}{each}", channel, **span) for each in range(number)])


def _kill_workers(
    processes: BaseContext,
    server: EmbeddedPostgres,
    settings: Settings,
    random_state: random.Random,
    *,
    is_restarted: bool,
) -> int:
    """Start the workers, one after the other dies; how many were killed."""
    workers = []
    for _ in range(WORKERS):
        place = random_state.choice(("", *PLACES))
        process = processes.Process(  # type: ignore[attr-defined]
            target=dispatcher.work,
            args=(
                server.url(),
                settings.model_dump(),
                place,
                random_state.uniform(0, KILL_SECONDS_MAX),
            ),
        )
        process.start()
        workers.append(process)
    if is_restarted:
        time.sleep(0.5)
        server.stop(random_state.choice(("fast", "immediate")))
        server.start()
    for process in workers:
        process.join(random_state.uniform(0.4, 2 * KILL_SECONDS_MAX))
        process.kill()
        process.join()
        assert process.exitcode == KILLED
    return len(workers)


def _drain(warehouse: Warehouse, settings: Settings) -> None:
    """Dispatch until nothing waits."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            receipt = dispatch(warehouse, settings=settings)
        except (ChannelError, WarehouseError):
            continue
        if not receipt.details["waiting"]:
            return
        time.sleep(0.2)  # leases and waits have to end
    raise AssertionError(f"Something waits for ever: {receipt}")


def _states(warehouse: Warehouse, channel: str) -> dict[str, str]:
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT message_id, state FROM actions.outbox WHERE channel = :channel", channel=channel
        )
    return {each.message_id: each.state for each in rows}


@pytest.mark.fault(
    "two workers of the outbox, both killed anywhere, and their database restarted",
    promises="P1 P2",
    counted="kills of dispatching workers",
)
@pytest.mark.slow
def test_killed_anywhere_no_mail_is_sent_twice_and_no_request_or_row_is_lost_or_doubled(
    processes: BaseContext, server: EmbeddedPostgres, settings: Settings
) -> None:
    random_state = random.Random(14)
    with ExitStack() as stack:
        mails = stack.enter_context(mail_server())
        receiver = stack.enter_context(crm(fails_every=7))
        warehouse = Warehouse(server.url())
        migrate(warehouse)
        _fill(warehouse)
        configured = channel_settings(
            settings,
            smtp_url=mails.url,
            webhook_url=receiver.url,
            lease_seconds=2.0,
            retry_seconds=0.2,
            rows_max=15,
        )
        kills, number = 0, 0
        while kills < count("kills of dispatching workers"):
            number += 1
            kills += _kill_workers(
                processes,
                server,
                configured,
                random_state,
                is_restarted=number % RESTART_EVERY == 1,
            )
        _drain(warehouse, configured)
        _check_mails(warehouse, mails, kills)
        _check_requests(warehouse, receiver)
        _check_files(warehouse, configured.home / "outbox")
        warehouse.close()


def _check_mails(warehouse: Warehouse, mails: MailServer, kills: int) -> None:
    deliveries, states = mails.deliveries(), _states(warehouse, "email")
    assert len(states) == MAILS
    assert max(deliveries.values()) == 1
    assert set(states.values()) <= {"sent", "unknown"}
    sent = {number for number, state in states.items() if state == "sent"}
    unknown = states.keys() - sent
    assert sent <= deliveries.keys() <= sent | unknown
    assert len(unknown) <= kills
    with warehouse.transaction() as transaction:
        named = transaction.execute(
            "SELECT message_id FROM actions.attempts WHERE channel = 'email' "
            "AND result = 'unknown' AND code IS NOT NULL"
        )
    assert {each.message_id for each in named} >= unknown


def _check_requests(warehouse: Warehouse, receiver: Crm) -> None:
    states = _states(warehouse, "webhook")
    assert Counter(states.values()) == {"sent": REQUESTS}
    assert receiver.acts == dict.fromkeys(states, 1)


def _check_files(warehouse: Warehouse, folder: Path) -> None:
    states = _states(warehouse, "file")
    assert Counter(states.values()) == {"sent": ROWS}
    manifests = [json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")]
    assert {each["file"] for each in manifests} == {path.name for path in folder.glob("*.csv")}
    rows: Counter[str] = Counter()
    for manifest in manifests:
        content = (folder / manifest["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == manifest["sha256"]
        lines = content.decode().splitlines(keepends=True)
        rows.update(each["message_id"] for each in csv.DictReader(lines))
    assert rows == dict.fromkeys(states, 1)
    with warehouse.transaction() as transaction:
        entries = transaction.execute("SELECT file_name, sha256 FROM actions.deltas")
    assert {each.file_name: each.sha256 for each in entries} == {
        each["file"]: each["sha256"] for each in manifests
    }


def test_a_task_that_marks_at_its_end_sends_mails_twice(
    processes: BaseContext, warehouse: Warehouse
) -> None:
    """Negative control: the counting of deliveries would notice."""
    put(warehouse, [row(f"c{number}") for number in range(10)])
    with mail_server() as mails:
        for dies_after, code in ((6, KILLED), (99, 0)):
            process = processes.Process(  # type: ignore[attr-defined]
                target=dispatcher.mail_naively, args=(warehouse.url, mails.port, dies_after)
            )
            process.start()
            process.join(60)
            assert process.exitcode == code
        assert sorted(mails.deliveries().values()) == [1] * 4 + [2] * 6
