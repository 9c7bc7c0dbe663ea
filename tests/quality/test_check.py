"""The check of a batch: what passes, what is held back, and how it is accepted later."""

import html
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from retention_ml.curated.ingest import ingest, replay_quarantine
from retention_ml.deliveries.land import land
from retention_ml.deliveries.stage import stage
from retention_ml.errors import FileRefused, QualityError, UsageError, WarehouseError
from retention_ml.maintenance.invariants import violations
from retention_ml.quality import report, suites
from retention_ml.quality.check import check, check_table
from retention_ml.quality.results import CheckResult
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.batches import SOURCE, with_source

pytestmark = pytest.mark.suites

NO_GUESTS = SOURCE.replace("guests = true", "guests = false")
HEADER = "order;product;customer;time;quantity;price".replace(";", ",")


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return with_source(settings, tmp_path)


def lines_file(
    folder: Path, rows: int = 200, *, guests: int = 0, bad: int = 0, name: str = "lines"
) -> Path:
    """A file of order lines, of which the first are guests and the last have no number."""
    text = [HEADER]
    for n in range(rows):
        customer = "" if n < guests else f"secret-{n}"
        quantity = "many" if n >= rows - bad else "1"
        text.append(f"{name}{n},p{n % 7},{customer},2026-02-01 10:00:00,{quantity},2.50")
    path = folder / f"{name}.csv"
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


def staged(warehouse: Warehouse, settings: Settings, file: Path) -> int:
    landed = land(warehouse, settings=settings, source="shop", files=[file])
    batch_id = int(landed.details["batch_id"])
    stage(warehouse, settings=settings, batch_id=batch_id)
    return batch_id


def batch_status(warehouse: Warehouse) -> list[str]:
    return warehouse.read("SELECT status FROM raw.batches ORDER BY batch_id")["status"].to_pylist()


def quarantined_counts(warehouse: Warehouse) -> dict[str, int]:
    rows = warehouse.read("SELECT reason_code, count(*) AS n FROM quarantine.rows GROUP BY 1")
    return {row["reason_code"]: row["n"] for row in rows.to_pylist()}


def test_a_good_batch_passes_and_its_results_are_stored(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    batch_id = staged(warehouse, settings, lines_file(tmp_path, bad=1))
    receipt = check(warehouse, settings=settings, batch_id=batch_id)
    assert (receipt.read, receipt.written, receipt.quarantined) == (200, 199, 1)
    assert receipt.details["status"] == "checked"
    assert receipt.details["findings"] == []
    results = warehouse.read("SELECT * FROM reports.data_quality").to_pylist()
    assert {row["table_name"] for row in results} == {
        "staging.order_lines",
        "staging.orders",
        "staging.rejects",
    }
    assert all(row["is_success"] and row["source"] == "shop" and row["reason"] for row in results)
    again = check(warehouse, settings=settings, batch_id=batch_id)
    assert again.details["is_repeated"]
    assert warehouse.read("SELECT * FROM reports.data_quality").num_rows == len(results)


def test_a_warning_is_recorded_and_stops_nothing(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    file = lines_file(tmp_path, guests=90, bad=10)
    receipt = ingest(warehouse, settings=settings, source="shop", files=[file])
    assert (receipt.read, receipt.written, receipt.quarantined) == (200, 190, 10)
    assert sorted(receipt.details["findings"]) == [
        "staging.order_lines of batch 1 has 90 rows without customer_id "
        "(47.4 %; at most 40 % is expected).",
        "staging.orders of batch 1 has 90 rows without customer_id "
        "(47.4 %; at most 40 % is expected).",
        "staging.rejects of batch 1 has 10 rows that were rejected (5 %; at most 1 % is expected).",
    ]


def test_a_critical_failure_holds_every_row_back_as_it_was_delivered(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path, NO_GUESTS)
    file = lines_file(tmp_path, guests=60)
    with pytest.raises(QualityError) as raised:
        ingest(warehouse, settings=settings, source="shop", files=[file])
    message = str(raised.value)
    assert "60 rows that were rejected (30 %; at most 20 %" in message
    assert "Rejected rows by reason: missing_customer_id (60)." in message
    assert "All 200 delivered rows are in quarantine.rows" in message
    assert "retention quarantine replay --source shop" in message
    assert "secret-" not in message
    assert quarantined_counts(warehouse) == {"missing_customer_id": 60, "batch_held": 140}
    quarantined = warehouse.read("SELECT raw_text FROM quarantine.rows ORDER BY line_number")
    assert quarantined["raw_text"].to_pylist() == file.read_text().splitlines()[1:]
    assert batch_status(warehouse) == ["held"]
    assert warehouse.read("SELECT * FROM curated.order_lines").num_rows == 0
    assert violations(warehouse) == []
    with pytest.raises(QualityError, match="is held"):
        check(warehouse, settings=settings, batch_id=1)


def test_of_a_held_batch_every_row_is_in_quarantine_once_under_its_own_file(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path, NO_GUESTS)
    files = [
        lines_file(tmp_path, guests=150, name="lines_a"),
        lines_file(tmp_path, guests=20, bad=3, name="lines_b"),
        lines_file(tmp_path, name="lines_c"),
    ]
    with pytest.raises(QualityError, match="is held"):
        ingest(warehouse, settings=settings, source="shop", files=files)
    rows = warehouse.read(
        "SELECT file_name, delivery.source, delivery.feed, count(*) AS n, "
        "count(*) FILTER (WHERE bad.reason_code = 'batch_held') AS accepted, "
        "string_agg(raw_text, chr(10) ORDER BY line_number) AS text, "
        "bool_and((bad.source, bad.feed, bad.file_sha256, bad.quarantined_at) = (delivery.source, "
        "delivery.feed, delivery.file_sha256, delivery.loaded_at)) AS is_as_in_ledger "
        "FROM quarantine.rows AS bad JOIN raw.deliveries AS delivery USING (delivery_id) "
        "GROUP BY 1, 2, 3 ORDER BY 1"
    ).to_pylist()
    assert [(row["file_name"], row["n"], row["accepted"]) for row in rows] == [
        ("lines_a.csv", 200, 50),
        ("lines_b.csv", 200, 177),
        ("lines_c.csv", 200, 200),
    ]
    assert [row["text"].splitlines() for row in rows] == [
        file.read_text().splitlines()[1:] for file in files
    ]
    assert all(row["is_as_in_ledger"] for row in rows)
    assert warehouse.read("SELECT * FROM staging.rejects").num_rows == 0
    assert violations(warehouse) == []


def test_a_held_batch_is_accepted_by_replay_after_its_description_was_corrected(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path, NO_GUESTS)
    with pytest.raises(QualityError):
        ingest(warehouse, settings=settings, source="shop", files=[lines_file(tmp_path, guests=60)])
    with pytest.raises(QualityError, match="is held"):  # nothing was corrected yet
        replay_quarantine(warehouse, settings=settings, source="shop")
    assert quarantined_counts(warehouse) == {"missing_customer_id": 60, "batch_held": 140}
    assert violations(warehouse) == []
    settings = with_source(settings, tmp_path)
    receipt = replay_quarantine(warehouse, settings=settings, source="shop")
    assert (receipt.read, receipt.written, receipt.quarantined) == (200, 200, 0)
    open_rows = warehouse.read("SELECT open_rows_count AS n FROM reports.quarantine_summary")
    assert open_rows["n"].to_pylist() == [0, 0]
    assert violations(warehouse) == []
    again = replay_quarantine(warehouse, settings=settings, source="shop")
    assert (again.read, again.details["batch_id"]) == (0, None)


def test_a_held_file_that_comes_again_after_a_correction_is_counted_anew(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path, NO_GUESTS)
    file = lines_file(tmp_path, guests=60, bad=1)
    for _ in range(2):
        with pytest.raises(QualityError):
            ingest(warehouse, settings=settings, source="shop", files=[file])
        assert quarantined_counts(warehouse) == {
            "missing_customer_id": 60,
            "bad_number": 1,
            "batch_held": 139,
        }
        assert violations(warehouse) == []
    settings = with_source(settings, tmp_path)
    receipt = ingest(warehouse, settings=settings, source="shop", files=[file])
    assert (receipt.read, receipt.written, receipt.quarantined) == (200, 199, 1)
    assert quarantined_counts(warehouse) == {"bad_number": 1}
    assert violations(warehouse) == []


def test_a_corrected_file_is_a_delivery_of_its_own(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path, NO_GUESTS)
    with pytest.raises(QualityError):
        ingest(warehouse, settings=settings, source="shop", files=[lines_file(tmp_path, guests=60)])
    corrected = lines_file(tmp_path)
    receipt = ingest(warehouse, settings=settings, source="shop", files=[corrected])
    assert (receipt.written, receipt.quarantined) == (200, 0)
    assert batch_status(warehouse) == ["held", "curated"]
    assert violations(warehouse) == []
    index = (Path(receipt.details["report"]).parent / "index.html").read_text(encoding="utf-8")
    assert "held back, mended since" in index


def test_of_a_held_file_that_was_corrected_since_nothing_more_is_asked(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path, NO_GUESTS)
    with pytest.raises(QualityError, match="or deliver a corrected file"):
        ingest(warehouse, settings=settings, source="shop", files=[lines_file(tmp_path, guests=60)])
    with pytest.raises(QualityError, match="or deliver a corrected file"):
        replay_quarantine(warehouse, settings=settings, source="shop")
    ingest(warehouse, settings=settings, source="shop", files=[lines_file(tmp_path)])
    with pytest.raises(QualityError, match="may stay in quarantine") as refusal:
        replay_quarantine(warehouse, settings=settings, source="shop")
    assert "deliver a corrected file" not in str(refusal.value)
    assert violations(warehouse) == []


def test_the_index_lists_a_batch_whose_files_were_all_refused_until_and_after_it_is_mended(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    def index() -> str:
        path = settings.home / "reports" / "quality" / "index.html"
        return html.unescape(path.read_text(encoding="utf-8"))

    bad = lines_file(tmp_path)
    bad.write_text("no;such;columns\n1;2;3\n", encoding="utf-8")
    with pytest.raises(FileRefused) as refusal:
        ingest(warehouse, settings=settings, source="shop", files=[bad])
    assert str(refusal.value) in index()
    assert ">refused</span>" in index()
    ingest(warehouse, settings=settings, source="shop", files=[lines_file(tmp_path, bad=1)])
    assert ">refused, mended since</span>" in index()
    assert "batch_000001.html" not in index()
    assert "batch_000002.html" in index()


def test_the_index_counts_files_and_no_reference_files(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    receipt = ingest(warehouse, settings=settings, source="shop", files=[lines_file(tmp_path)])
    with warehouse.transaction() as transaction:
        transaction.change(
            "INSERT INTO raw.deliveries (batch_id, source, feed, file_name, file_sha256, "
            "size_bytes, mapping_sha256, is_history, status, landed_at) SELECT batch_id, source, "
            "'names.csv.lookup', 'names.csv', 'n', 1, mapping_sha256, false, 'accepted', landed_at "
            "FROM raw.deliveries"
        )
    report.write_index(warehouse, settings=settings)
    index = (Path(receipt.details["report"]).parent / "index.html").read_text(encoding="utf-8")
    assert '<td class="number">1</td><td class="number">200</td>' in index


def test_failed_expectations_are_counted_in_the_singular_too(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    receipt = ingest(
        warehouse, settings=settings, source="shop", files=[lines_file(tmp_path, bad=3)]
    )
    assert len(receipt.details["findings"]) == 1
    index = (Path(receipt.details["report"]).parent / "index.html").read_text(encoding="utf-8")
    assert ">1 warning<" in index


def test_a_small_batch_is_not_held_for_a_share_that_may_be_chance(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    file = lines_file(tmp_path, rows=4, guests=3, bad=1)
    receipt = ingest(warehouse, settings=settings, source="shop", files=[file])
    assert (receipt.written, receipt.quarantined) == (3, 1)
    assert len(receipt.details["findings"]) >= 3


def test_rows_set_aside_by_a_rule_of_the_source_are_no_reason_to_hold(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    rule = (
        '[[feeds.lines.rules]]\nwhen = { product_id = "^p[0-2]$" }\n'
        'quarantine = "test_product"\nbecause = "Articles for tests."\n'
    )
    settings = with_source(
        settings, tmp_path, SOURCE.replace("[feeds.products]", rule + "[feeds.products]", 1)
    )
    receipt = ingest(warehouse, settings=settings, source="shop", files=[lines_file(tmp_path)])
    assert receipt.details["reasons"] == {"test_product": 87}
    assert receipt.details["findings"] == []


def test_missing_staged_rows_are_noticed_before_anything_is_checked(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    file = lines_file(tmp_path)
    batch_id = staged(warehouse, settings, file)
    with warehouse.transaction() as transaction:
        transaction.execute("TRUNCATE staging.order_lines, staging.orders")
    with pytest.raises(WarehouseError, match="they are staged anew"):
        check(warehouse, settings=settings, batch_id=batch_id)
    assert ingest(warehouse, settings=settings, source="shop", files=[file]).written == 200


def test_rows_that_are_staged_during_the_check_do_not_pass_unchecked(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lines_file(tmp_path)
    batch_id = staged(warehouse, settings, first)
    run = suites.run

    def run_and_stage_more(*call: Any) -> list[CheckResult]:
        results = run(*call)
        files = [first, lines_file(tmp_path, bad=150, name="lines_more")]
        land(warehouse, settings=settings, source="shop", files=files)
        stage(warehouse, settings=settings, batch_id=batch_id)
        return results

    with monkeypatch.context() as patch:
        patch.setattr(suites, "run", run_and_stage_more)
        with pytest.raises(WarehouseError, match="staged anew while it was checked"):
            check(warehouse, settings=settings, batch_id=batch_id)
    assert batch_status(warehouse) == ["staged"]
    with pytest.raises(QualityError):
        check(warehouse, settings=settings, batch_id=batch_id)


def test_a_batch_that_was_not_staged_is_refused(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    land(warehouse, settings=settings, source="shop", files=[lines_file(tmp_path)])
    with pytest.raises(UsageError, match="is 'landed'; expected 'staged'"):
        check(warehouse, settings=settings, batch_id=1)
    with pytest.raises(UsageError, match="no batch 99"):
        check(warehouse, settings=settings, batch_id=99)


def test_the_report_is_one_file_without_network_and_without_customers(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    file = lines_file(tmp_path, guests=90, bad=3)
    receipt = ingest(warehouse, settings=settings, source="shop", files=[file])
    page = Path(receipt.details["report"]).read_text(encoding="utf-8")
    index = (Path(receipt.details["report"]).parent / "index.html").read_text(encoding="utf-8")
    for text in (page, index):
        assert (
            re.findall(r'(?:src|href)="(?!(?:index|batch_\d+)\.html)[^"]*"|https?:|url\(', text)
            == []
        )
        assert "secret-" not in text
        assert "shop" in text
    assert '<td class="name">lines.csv' in page  # a long name leaves room for the bar
    assert ".name { overflow-wrap: anywhere; }" in page
    assert "bad_number" in page
    assert "A number is not written with the decimal mark" in page
    assert "customer_id is given in at least 60 % of the rows" in page
    assert page.count("✗ failed") == 3
    assert "batch_000001.html" in index


def test_a_day_is_checked_by_the_suite_of_its_table(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    def expectation(kind: str, severity: str, **arguments: Any) -> dict[str, Any]:
        return {"type": kind, "kwargs": arguments, "severity": severity, "meta": {"reason": "r"}}

    suite = [
        expectation("expect_table_row_count_to_be_between", "critical", min_value=1),
        expectation(
            "expect_column_values_to_be_in_set", "critical", column="tier", value_set=["low"]
        ),
        expectation("expect_column_mean_to_be_between", "warning", column="n", max_value=1),
    ]
    folder = tmp_path / "suites"
    folder.mkdir()
    (folder / "public.toy.json").write_text(json.dumps({"name": "toy", "expectations": suite}))
    settings = settings.model_copy(update={"expectations": folder})
    with warehouse.transaction() as transaction:
        transaction.execute("CREATE TABLE public.toy (as_of date, tier text, n bigint)")
        transaction.execute(
            "INSERT INTO public.toy VALUES ('2026-03-01', 'low', 1), ('2026-03-02', 'low', 5), "
            "('2026-03-03', 'enormous', 1)"
        )

    def check_day(day: int) -> list[str]:
        failures = check_table(
            warehouse, settings=settings, suite="public.toy", as_of=date(2026, 3, day)
        )
        return [result.sentence("that day") for result in failures]

    assert check_day(1) == []
    assert check_day(2) == [
        "public.toy of that day: found 5; expected: the mean of n is at most 1."
    ]
    with pytest.raises(QualityError, match="of 2026-03-03 has 1 row whose tier is none of low"):
        check_day(3)
    with pytest.raises(QualityError, match="found 0; expected: the number of rows is at least 1"):
        check_day(4)
    stored = warehouse.read("SELECT as_of, is_success FROM quality.results")
    assert stored.num_rows == 12
    assert stored["is_success"].to_pylist().count(False) >= 3


def test_no_statement_of_a_check_fetches_the_rows_of_the_batch(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    rows = 3_000
    batch_id = staged(warehouse, settings, lines_file(tmp_path, rows))
    fetched: list[int] = []

    def note(*arguments: Any) -> None:
        fetched.append(arguments[1].rowcount)

    sa.event.listen(sa.Engine, "after_cursor_execute", note)
    try:
        receipt = check(warehouse, settings=settings, batch_id=batch_id)
    finally:
        sa.event.remove(sa.Engine, "after_cursor_execute", note)
    assert receipt.written == rows
    assert len(fetched) > 20
    assert max(fetched) < rows
