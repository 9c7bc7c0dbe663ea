"""Landing: the ledger knows every file, and the same files again change nothing."""

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from retention_ml.deliveries.archive import ArchivedFile
from retention_ml.deliveries.arrivals import Arrival, Refusal, lookup_feed
from retention_ml.deliveries.land import _plan, land
from retention_ml.deliveries.ledger.landing import Existing
from retention_ml.deliveries.stage import stage
from retention_ml.errors import FileRefused, UsageError
from retention_ml.settings import PROJECT, Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.feeds import line, write


def ledger(warehouse: Warehouse) -> list[tuple[str, str, str | None]]:
    rows = warehouse.read(
        "SELECT file_name, status, reason_code FROM raw.deliveries ORDER BY delivery_id"
    ).to_pylist()
    return [(row["file_name"], row["status"], row["reason_code"]) for row in rows]


def accept(warehouse: Warehouse, batch_id: int) -> None:
    """What curating does to the ledger."""
    with warehouse.transaction() as transaction:
        for table, status in (("raw.deliveries", "accepted"), ("raw.batches", "curated")):
            transaction.change(
                f"UPDATE {table} SET status = '{status}' WHERE batch_id = :b AND status = 'landed'",
                b=batch_id,
            )


def arrival(sha256: str, feed: str = "lines") -> Arrival:
    return Arrival(Path(sha256), feed, ArchivedFile(f"{sha256}.csv", sha256, 1, Path(sha256)))


REFUSED = Refusal(Path("bad.csv"), "lines", FileRefused("bad.csv is bad.", "bad_header"))


@pytest.mark.parametrize(
    ("arrivals", "refusals", "existing", "status", "statuses", "unfinished"),
    [
        ([arrival("a")], [], {}, "landed", ["landed"], ()),
        ([arrival("a"), arrival("a")], [], {}, "landed", ["landed", "repeated"], ()),
        ([arrival("a")], [REFUSED], {}, "landed", ["landed", "refused"], ()),
        ([arrival("a")], [], {"a": ("accepted", 1)}, "curated", ["repeated"], ()),
        ([arrival("a")], [REFUSED], {"a": ("accepted", 1)}, "curated", ["repeated", "refused"], ()),
        ([], [REFUSED], {}, "held", ["refused"], ()),
        ([arrival("a", lookup_feed("d.csv"))], [], {}, "curated", ["accepted"], ()),
        (
            [arrival("a"), arrival("b"), arrival("c")],
            [],
            {"a": ("staged", 7), "b": ("held", 3)},
            "landed",
            ["landed"],
            (3, 7),
        ),
    ],
)
def test_what_a_call_enters_follows_from_the_files_and_the_ledger(
    arrivals: list[Arrival],
    refusals: list[Refusal],
    existing: dict[str, tuple[str, int]],
    status: str,
    statuses: list[str],
    unfinished: tuple[int, ...],
) -> None:
    earlier = {
        ("lines", sha256): Existing(delivery_id=1, batch_id=batch_id, status=of)
        for sha256, (of, batch_id) in existing.items()
    }
    plan = _plan(arrivals, refusals, earlier)
    assert (plan.status, plan.unfinished) == (status, unfinished)
    assert [entry.status for entry in plan.entries] == statuses


def test_a_bad_file_is_refused_and_the_others_go_on(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    files = [
        write(tmp_path / "lines1.csv", [line()]),
        write(tmp_path / "lines2.csv", [line()], "order,product"),
        write(tmp_path / "unknown.csv", [line()]),
        tmp_path / "lines3.csv",
    ]
    receipt = land(warehouse, settings=shop_settings, source="shop", files=files)
    assert (receipt.read, receipt.written, receipt.quarantined) == (4, 1, 3)
    assert receipt.details["batch_id"] == 1
    assert ledger(warehouse) == [
        ("lines1.csv", "landed", None),
        ("lines2.csv", "refused", "missing_column"),
        ("unknown.csv", "refused", "no_feed"),
        ("lines3.csv", "refused", "no_file"),
    ]


@pytest.mark.parametrize(
    ("currency", "minor_units", "words"),
    [
        ("GBP", 100, []),
        ("JPY", 100, [r"'shop' are in GBP, .* is JPY: nothing is converted"]),
        ("GBP", 1, [r"minor_units = 100, .* 1: amounts .* 100 times as large"]),
        ("KWD", 1_000, ["in GBP", r"0\.1 times as large"]),
    ],
)
def test_money_other_than_the_shops_is_reported(
    warehouse: Warehouse,
    shop_settings: Settings,
    tmp_path: Path,
    currency: str,
    minor_units: int,
    words: list[str],
) -> None:
    changed = {"currency": currency, "minor_units": minor_units}
    calendar = shop_settings.calendar.model_copy(update=changed)
    settings = shop_settings.model_copy(update={"calendar": calendar})
    path = write(tmp_path / "lines.csv", [line()])
    remarks = land(warehouse, settings=settings, source="shop", files=[path]).details["remarks"]
    assert len(remarks) == len(words)
    for remark, pattern in zip(remarks, words, strict=True):
        assert re.search(pattern, remark)


def test_what_is_no_file_is_refused_as_such_whatever_its_name(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "march").mkdir()
    files = [tmp_path / "no_such.csv", tmp_path / "march"]
    receipt = land(warehouse, settings=shop_settings, source="shop", files=files)
    assert receipt.details["refused"][0].startswith("There is no file no_such.csv.")
    assert ledger(warehouse) == [
        ("no_such.csv", "refused", "no_file"),
        ("march", "refused", "no_regular_file"),
    ]


def test_when_every_file_is_refused_nothing_is_to_be_staged_and_the_ledger_says_why(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    path = write(tmp_path / "lines.csv", [line()], "order;product")
    receipt = land(warehouse, settings=shop_settings, source="shop", files=[path])
    assert receipt.details["batch_id"] is None
    assert "when split at ';'" in receipt.details["refused"][0]
    assert ledger(warehouse) == [("lines.csv", "refused", "wrong_delimiter")]
    assert warehouse.read("SELECT status FROM raw.batches")["status"].to_pylist() == ["held"]


def test_the_receipt_names_the_entry_of_each_file_whatever_became_of_it(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    bytes_of = [write(tmp_path / name, [line()]) for name in ("lines1.csv", "lines2.csv", "x.csv")]
    other = write(tmp_path / "lines3.csv", [line(order="2")])

    def files_of_entries(*files: Path) -> list[tuple[str, str]]:
        receipt = land(warehouse, settings=shop_settings, source="shop", files=files)
        rows = {number: row[:2] for number, row in enumerate(ledger(warehouse), start=1)}
        return [rows[number] for number in receipt.details["delivery_ids"]]

    first, twin, nameless = bytes_of
    assert files_of_entries(nameless, twin, first, other) == [
        ("x.csv", "refused"),  # equal bytes, but no feed expects its name
        ("lines2.csv", "landed"),
        ("lines2.csv", "landed"),  # what becomes of these bytes becomes of both files
        ("lines3.csv", "landed"),
    ]
    assert files_of_entries(other, first) == [("lines3.csv", "landed"), ("lines2.csv", "landed")]
    accept(warehouse, 1)
    assert files_of_entries(other) == [("lines3.csv", "repeated")]


def test_no_file_at_all_is_a_wrong_request(warehouse: Warehouse, shop_settings: Settings) -> None:
    with pytest.raises(UsageError, match="No file was named"):
        land(warehouse, settings=shop_settings, source="shop", files=[])


@pytest.mark.fault("the same file under other names", promises="P2", row=22)
def test_the_same_bytes_again_are_repeated_under_any_name(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    path = write(tmp_path / "lines1.csv", [line()])
    first = land(warehouse, settings=shop_settings, source="shop", files=[path])
    accept(warehouse, first.details["batch_id"])
    other = write(tmp_path / "lines2.csv", [line()])
    again = land(warehouse, settings=shop_settings, source="shop", files=[path, other])
    assert (again.duplicates, again.written, again.details["batch_id"]) == (2, 0, None)


def test_the_same_bytes_twice_in_one_call_count_once(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    files = [write(tmp_path / f"lines{i}.csv", [line()]) for i in (1, 2)]
    receipt = land(warehouse, settings=shop_settings, source="shop", files=files)
    assert (receipt.written, receipt.duplicates) == (1, 1)


def test_files_of_an_unfinished_batch_open_it_again(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    files = [write(tmp_path / f"lines{i}.csv", [line(order=str(i))]) for i in range(4)]
    first = land(warehouse, settings=shop_settings, source="shop", files=files[:2])
    second = land(warehouse, settings=shop_settings, source="shop", files=files[2:3])
    both = land(warehouse, settings=shop_settings, source="shop", files=files, history=True)
    assert (first.details["batch_id"], second.details["batch_id"], both.details["batch_id"]) == (
        1,
        2,
        1,
    )
    assert [status for _, status, _ in ledger(warehouse)] == ["landed"] * 4
    batches = warehouse.read("SELECT batch_id, is_history FROM raw.batches").to_pylist()
    assert batches == [{"batch_id": 1, "is_history": True}]
    assert stage(warehouse, settings=shop_settings, batch_id=1).written == 4


def test_a_batch_that_ends_while_its_file_comes_again_stays_ended(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    path = write(tmp_path / "lines.csv", [line()])
    land(warehouse, settings=shop_settings, source="shop", files=[path])
    with ThreadPoolExecutor(1) as pool:
        with warehouse.transaction() as transaction:
            transaction.execute("SELECT 1 FROM raw.batches FOR UPDATE")
            again = pool.submit(
                land, warehouse, settings=shop_settings, source="shop", files=[path]
            )
            while not warehouse.read("SELECT 1 FROM pg_locks WHERE NOT granted").num_rows:
                assert not again.done()
            transaction.change("UPDATE raw.deliveries SET status = 'accepted'")
            transaction.change("UPDATE raw.batches SET status = 'curated'")
        assert again.result().details["batch_id"] is None
    statuses = warehouse.read("SELECT status FROM raw.batches")["status"].to_pylist()
    assert statuses == ["curated", "curated"]


def test_a_held_batch_is_opened_again(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    path = write(tmp_path / "lines.csv", [line()])
    land(warehouse, settings=shop_settings, source="shop", files=[path])
    with warehouse.transaction() as transaction:
        transaction.change("UPDATE raw.deliveries SET status = 'held'")
        transaction.change("UPDATE raw.batches SET status = 'held', reason = 'critical'")
    with pytest.raises(UsageError, match=r"Batch 1 is held \(critical\)"):
        stage(warehouse, settings=shop_settings, batch_id=1)
    again = land(warehouse, settings=shop_settings, source="shop", files=[path])
    assert again.details["batch_id"] == 1
    assert stage(warehouse, settings=shop_settings, batch_id=1).written == 1


def test_a_new_column_is_named_in_the_receipt(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path
) -> None:
    header = "order,product,customer,at,quantity,price"
    first = land(
        warehouse, settings=shop_settings, source="shop",
        files=[write(tmp_path / "lines1.csv", [line()])],
    )  # fmt: skip
    accept(warehouse, first.details["batch_id"])
    more = write(tmp_path / "lines2.csv", [line() + ",x"], header + ",note")
    receipt = land(warehouse, settings=shop_settings, source="shop", files=[more])
    assert receipt.details["new_columns"] == {"lines": ["note"]}
    assert receipt.details["columns_not_read"] == {"lines": ["note"]}


@pytest.mark.parametrize("failpoint", ["land.after_archive", "land.before_commit"])
def test_a_killed_landing_leaves_no_entry_and_a_retry_completes(
    warehouse: Warehouse, shop_settings: Settings, tmp_path: Path, failpoint: str
) -> None:
    path = write(tmp_path / "lines.csv", [line()])
    program = (
        "import sys; from pathlib import Path; from retention_ml.settings import load\n"
        "from retention_ml.warehouse import Warehouse; from retention_ml.deliveries.land import land\n"
        "land(Warehouse(sys.argv[1]), settings=load(), source='shop', files=[Path(sys.argv[2])])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, warehouse.url, str(path)],
        env={
            **os.environ,
            "RETENTION_FAILPOINT": failpoint,
            "RETENTION_HOME": str(shop_settings.home),
            "RETENTION_SOURCES": str(shop_settings.sources),
        },
        check=False,
        cwd=PROJECT,
    )
    assert done.returncode == -signal.SIGKILL
    assert ledger(warehouse) == []
    again = land(warehouse, settings=shop_settings, source="shop", files=[path])
    assert (again.written, again.details["batch_id"] is not None) == (1, True)
