"""The main job through Airflow: the real local stack, one day of a small shop, two past days again.

Then a parcel as real shops drop it: good, broken and held files, litter, and a writer that stalls.
"""

import json
import os
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from retention_ml.deliveries.archive import content_of
from retention_ml.maintenance.invariants import violations
from retention_ml.metrics.catalogue import SERIES_MAX
from retention_ml.reports.read import status
from retention_ml.simulate import simulate
from retention_ml.stack import demo, environment, local
from retention_ml.stack.postgres import free_port
from tests.flow.places import places_of, secrets_of
from tests.flow.stack import LATEST, Stack, running_stack, wait_until
from tests.metrics.airflow_series import AIRFLOW_SERIES
from tests.metrics.serving import values

pytestmark = pytest.mark.slow

_FIRST_DAY = date(2024, 1, 1)
_SHOP_DAYS = 430
_DAY = _FIRST_DAY + timedelta(days=_SHOP_DAYS)
_PAST = (_DAY - timedelta(days=9), _DAY - timedelta(days=8))
_NEXT = _DAY + timedelta(days=1)
_PARCEL = {
    "order_lines_parcel.csv": "order_id,product_id,customer_id,ordered_at,quantity,unit_price,"
    "amount,discount\n"
    + "".join(f"L{n},p1,c1,2025-03-05 10:{n:02d}:00,1,2.50,2.50,0\n" for n in range(40)),
    "feedback_parcel.csv": "feedback_id,customer_id,given_at,kind,rating,product_id,comment\n"
    + "".join(f"F{n},c1,2025-03-05 10:{n:02d}:00,review,50,p1,\n" for n in range(40)),
    "products_parcel.csv": "\x1f\x8b this is no gzip file",
    "Thumbs.db": "litter",
    "stray/orders.csv": "in a folder that is no source's",
}
_SUMS = (
    "SELECT door, CAST(sum(read_count) AS bigint) AS read, CAST(sum(written_count + "
    "quarantined_count + left_out_count + duplicate_count) AS bigint) AS all_outcomes "
    "FROM ops.receipts GROUP BY door ORDER BY door"
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    metrics = {"ENABLED": "true", "PORT": str(free_port()), "PUSH_SECONDS": "2"}
    variables = {f"RETENTION_METRICS__{name}": value for name, value in metrics.items()}
    with running_stack(tmp_path_factory.mktemp("stack"), variables) as running:
        yield running


@pytest.fixture(scope="module")
def published(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack after a shop's whole history was dropped and its day ran."""
    shop = tmp_path_factory.mktemp("drop") / "shop"
    simulate(customers=900, days=_SHOP_DAYS, seed=7, out=shop, first_day=_FIRST_DAY)
    files = sorted(str(path) for path in shop.glob("*.csv"))
    conf = {"source": "simulated", "files": files, "history": True}
    stack.airflow.start(demo.CHAIN[0], f"test__{_DAY}", _DAY, conf)
    stack.follow(_DAY)
    return stack


def test_a_dropped_shop_goes_through_the_whole_chain_and_is_published(published: Stack) -> None:
    assert published.states(_DAY) == dict.fromkeys(demo.CHAIN, "success")
    assert published.days() == [_DAY], published.lines
    rows = published.warehouse.read(LATEST).to_pylist()
    assert len(rows) > 50
    assert {row["risk_tier"] for row in rows} <= {"critical", "high", "medium", "low"}
    assert {row["model_name"] for row in rows} == {"rfm_logistic"}


def test_figures_for_prometheus_are_those_of_the_ledgers_and_of_airflow(published: Stack) -> None:
    def figures() -> dict[str, float]:
        url = f"{environment.metrics_url(published.settings)}/metrics"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=10) as answer:
            return values(answer.read().decode())

    # No run failed, so nothing says how long one took.
    expected = {name for name in AIRFLOW_SERIES if "duration_failed" not in name}
    wait_until(lambda: expected <= {name.partition("{")[0] for name in figures()})
    while True:
        sums, shown = published.rows(_SUMS), figures()
        if sums == published.rows(_SUMS):  # else a run that nobody waits for ended meanwhile
            break
    for row in sums:
        assert shown[f'retention_rows_read_total{{stage="{row["door"]}"}}'] == row["read"]
        of_stage = [
            value
            for name, value in shown.items()
            if name.startswith("retention_rows_total{") and f'stage="{row["door"]}"' in name
        ]
        assert sum(of_stage) == row["all_outcomes"] == row["read"]
    assert len(sums) > 10
    assert {
        value for name, value in shown.items() if name.startswith("retention_component_up")
    } == {1}
    assert shown["retention_warehouse_up"] == 1
    customers = sum(
        value for name, value in shown.items() if name.startswith("retention_scores_customers")
    )
    assert customers == len(published.warehouse.read(LATEST))
    assert len(shown) < SERIES_MAX
    assert shown["retention_pushed_points_refused_total"] == 0


@pytest.mark.fault("backfill beside the daily run", promises="P3", row=8)
@pytest.mark.thorough
def test_a_backfill_makes_exactly_its_days_and_leaves_the_latest_view_alone(
    published: Stack,
) -> None:
    before = published.latest()
    assert published.states(_PAST[0]) == {}
    published.airflow.backfill(demo.CHAIN[0], *_PAST)
    for day in _PAST:
        published.follow(day)
        assert published.states(day) == dict.fromkeys(demo.CHAIN, "success")
    assert published.days() == [*_PAST, _DAY]
    assert published.latest() == before


@pytest.fixture(scope="module")
def parcel(published: Stack) -> Stack:
    """The stack after a mixed parcel came while a writer had stalled, and after the writer ended."""
    folder = published.settings.home / "inbox" / "simulated"
    with _stalled_writer(folder / "events_stalled.csv"):
        for name, text in _PARCEL.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="latin-1")
        published.airflow.start(demo.CHAIN[0], f"test__{_NEXT}", _NEXT, {})
        wait_until(lambda: published.task_state(_NEXT, "collect") == "success")
    published.follow(_NEXT)
    wait_until(lambda: not any("events_stalled" in name for name in published.inbox()))
    return published


@pytest.mark.thorough
def test_a_parcel_with_broken_and_held_files_does_not_stop_the_day(parcel: Stack) -> None:
    assert parcel.states(_NEXT) == dict.fromkeys(demo.CHAIN, "success")
    assert parcel.days()[-1] == _NEXT
    [receipt] = parcel.rows(
        f"SELECT details::text AS text FROM ops.receipts WHERE door = 'hand_over' AND as_of = '{_NEXT}'"
    )
    incomplete = json.loads(receipt["text"])["incomplete"]
    assert [(one["source"], one["feed"]) for one in incomplete] == [
        ("simulated", "feedback"),
        ("simulated", "products"),
    ]
    assert violations(parcel.warehouse) == []


@pytest.mark.thorough
def test_every_file_of_the_parcel_lies_where_the_ledger_says(parcel: Stack) -> None:
    assert parcel.inbox() == [
        "Thumbs.db",
        "held/feedback_parcel.csv",
        "held/feedback_parcel.csv.reason.txt",
        "refused/products_parcel.csv",
        "refused/products_parcel.csv.reason.txt",
        "stray/orders.csv",
    ]
    folder = parcel.settings.home / "inbox" / "simulated"
    text = (folder / "refused/products_parcel.csv.reason.txt").read_text(encoding="utf-8")
    assert "gzip" in text
    files = parcel.rows(
        "SELECT file_name, status, delivered_count, accepted_count, quarantined_count "
        "FROM raw.deliveries WHERE file_name LIKE '%parcel%' ORDER BY file_name"
    )
    assert [tuple(row.values()) for row in files] == [
        ("feedback_parcel.csv", "held", 40, 0, 40),
        ("order_lines_parcel.csv", "accepted", 40, 40, 0),
        ("products_parcel.csv", "refused", 0, 0, 0),
    ]


@pytest.mark.thorough
def test_what_a_stalled_writer_writes_is_taken_whole_by_the_next_run(parcel: Stack) -> None:
    [delivery] = parcel.rows(
        "SELECT status, delivered_count, file_sha256 FROM raw.deliveries "
        "WHERE file_name = 'events_stalled.csv'"
    )
    content = content_of(parcel.settings, str(delivery["file_sha256"]), "events_stalled.csv")
    with content.open() as whole:
        written = len(whole.read().splitlines()) - 1
    assert written > 5
    assert (delivery["status"], delivery["delivered_count"]) == ("accepted", written)


@pytest.mark.thorough
def test_alerts_and_the_status_name_what_the_day_lacks(parcel: Stack) -> None:
    alerts = parcel.rows(
        "SELECT DISTINCT kind, subject FROM ops.alerts "
        f"WHERE kind IN ('refused_file', 'incomplete_feed') AND as_of = '{_NEXT}' ORDER BY 1, 2"
    )
    assert [tuple(row.values()) for row in alerts] == [
        ("incomplete_feed", "simulated.feedback"),
        ("incomplete_feed", "simulated.products"),
        ("refused_file", "simulated/products_parcel.csv"),
    ]
    shown = status(parcel.warehouse, parcel.settings)
    assert set(shown["incomplete_feeds"]) == {"simulated.feedback", "simulated.products"}
    assert set(shown["unusable_files"]) == {
        "simulated/feedback_parcel.csv",
        "simulated/products_parcel.csv",
    }


@pytest.mark.fault(
    "secrets and customer numbers over days with broken and held files", promises="P7", row=38
)
@pytest.mark.thorough
def test_no_secret_and_no_customer_is_told_by_logs_runs_and_models(
    parcel: Stack, tmp_path: Path
) -> None:
    """The short form of what tests/flow/test_airflow_faults.py does with failures."""
    customers = parcel.rows(
        "SELECT customer_id FROM reports.customer_risk ORDER BY customer_id LIMIT 20"
    )
    numbers = [row["customer_id"] for row in customers]
    secrets = secrets_of(parcel.settings)
    places_by_word = places_of([*numbers, *secrets], parcel.settings, tmp_path)
    assert {word: places for word, places in places_by_word.items() if word in secrets} == {}
    written = {place for places in places_by_word.values() for place in places}
    assert "warehouse scores.customer_daily" in written
    without_customers = (
        "logs/",
        "mlflow/",
        "mlflow ",
        "models/",
        "airflow ",
        "metrics",
        "warehouse ops.",
    )
    assert sorted(place for place in written if place.startswith(without_customers)) == []


def test_down_leaves_no_process(stack: Stack) -> None:
    stack.warehouse.close()
    assert len(_processes_of(stack.settings.home)) >= 7
    parts = local.down(stack.settings)
    assert {part["state"] for part in parts} == {"stopped"}
    assert _processes_of(stack.settings.home) == []


@contextmanager
def _stalled_writer(path: Path) -> Iterator[None]:
    """Somebody who adds a row to a file every three seconds, until the block ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("customer_id,event_at,event_type,product_id,session_id,detail\n", "utf-8")
    is_over = threading.Event()

    def write() -> None:
        number = 0
        while not is_over.wait(3):
            number += 1
            with path.open("a", encoding="utf-8") as stream:
                stream.write(f"c1,2025-03-05 09:{number:02d}:00,view,p1,s1,\n")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        is_over.set()
        writer.join()


def _processes_of(home: Path) -> list[int]:
    """Every other living process whose command or environment names the home."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in text:
            pids.append(int(folder.name))
    return pids
