"""A feed that is not required is held by itself; the rest of its batch goes on."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retention_ml.curated.curate import curate
from retention_ml.curated.hand_over import hand_over
from retention_ml.curated.ingest import ingest, replay_quarantine
from retention_ml.deliveries import archive
from retention_ml.deliveries.land import land
from retention_ml.deliveries.stage import stage
from retention_ml.errors import FileRefused, QualityError
from retention_ml.maintenance.invariants import violations
from retention_ml.quality import check as checking
from retention_ml.quality import suites
from retention_ml.quality.check import check
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.batches import SOURCE, with_source

pytestmark = pytest.mark.suites

DAY = date(2026, 3, 1)
RATINGS = """
[feeds.ratings]
files = ["ratings*.csv"]
table = "feedback"

[feeds.ratings.columns]
feedback_id = "id"
customer_id = "customer"
event_at = "time"
kind = { constant = "review" }
rating_share = { column = "stars", scale = [1, 5] }
"""
HEADERS = {
    "lines": "order,product,customer,time,quantity,price",
    "ratings": "id,customer,time,stars",
    "products": "product,name",
}
ROWS = {
    "lines": "{n},p{n},c{n},2026-02-01 10:00:00,1,2.50",
    "ratings": "{n},c{n},2026-02-01 10:00:00,4",
    "products": "p{n},Thing",
}
BAD = {
    "lines": "{n},p{n},c{n},2026-02-01 10:00:00,many,2.50",
    "ratings": "{n},c{n},2026-02-01 10:00:00,50",
    "products": ",Thing",
}


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return with_source(settings, tmp_path, SOURCE + RATINGS)


def file(
    folder: Path, feed: str, rows: int = 40, *, bad: int = 0, name: str = "", first: int = 0
) -> Path:
    """A file of a feed whose last rows cannot pass."""
    text = [HEADERS[feed]]
    for n in range(first, first + rows):
        text.append((BAD if n >= first + rows - bad else ROWS)[feed].format(n=n))
    path = folder / (name or f"{feed}.csv")
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    return path


def deliveries(warehouse: Warehouse) -> dict[str, tuple[str, str, int, int]]:
    """Status of file and batch, accepted and quarantined rows, by the name of the file."""
    rows = warehouse.read(
        "SELECT file_name, delivery.status, batch.status AS batch, accepted_count, "
        "quarantined_count FROM raw.deliveries AS delivery JOIN raw.batches AS batch "
        "USING (batch_id) WHERE replay_of IS NULL ORDER BY delivery_id"
    ).to_pylist()
    return {
        row["file_name"]: (
            row["status"], row["batch"], row["accepted_count"], row["quarantined_count"],
        )
        for row in rows
    }  # fmt: skip


def incomplete(warehouse: Warehouse) -> dict[str, str]:
    """The files that each incomplete feed lacks, as BI sees it."""
    rows = warehouse.read(
        "SELECT name, unusable_files FROM reports.pipeline_freshness "
        "WHERE incomplete_since IS NOT NULL"
    ).to_pylist()
    return {row["name"]: row["unusable_files"] for row in rows}


def as_in_a_run(warehouse: Warehouse, settings: Settings, *files: Path) -> Mapping[str, Any]:
    """What a run of `ingest_deliveries` does with the files of one source, up to `hand_over`."""
    landed = land(warehouse, settings=settings, source="shop", files=files)
    if (batch_id := landed.details["batch_id"]) is not None:
        staged = stage(warehouse, settings=settings, batch_id=batch_id)
        if staged.details["status"] != "held":
            checked = check(warehouse, settings=settings, batch_id=batch_id)
            if checked.details["status"] != "held":
                curate(warehouse, settings=settings, batch_id=batch_id)
    return hand_over(warehouse, settings=settings, as_of=DAY).details


def test_a_feed_that_fails_is_held_and_the_rest_goes_on(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    files = [file(tmp_path, "lines"), file(tmp_path, "ratings", bad=40), file(tmp_path, "products")]
    receipt = ingest(warehouse, settings=settings, source="shop", files=files)
    assert deliveries(warehouse) == {
        "lines.csv": ("accepted", "curated", 40, 0),
        "ratings.csv": ("held", "held", 0, 40),
        "products.csv": ("accepted", "curated", 40, 0),
    }
    assert (receipt.read, receipt.written, receipt.quarantined) == (120, 80, 40)
    [sentence] = receipt.details["held"]
    assert "Batch 2 of shop is held: staging.rejects of batch 2 has 40 rows" in sentence
    assert incomplete(warehouse) == {"shop.ratings": "ratings.csv"}
    assert violations(warehouse) == []


def test_each_batch_stores_the_results_of_its_rows(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    files = [file(tmp_path, "lines"), file(tmp_path, "ratings", bad=40)]
    ingest(warehouse, settings=settings, source="shop", files=files)
    rows = warehouse.read(
        "SELECT batch_id, array_agg(DISTINCT suite ORDER BY suite) AS suites, "
        "bool_or(severity = 'critical' AND NOT is_success) AS is_failed "
        "FROM quality.results GROUP BY 1 ORDER BY 1"
    ).to_pylist()
    assert rows == [
        {
            "batch_id": 1,
            "suites": ["staging.order_lines", "staging.orders", "staging.rejects"],
            "is_failed": False,
        },
        {"batch_id": 2, "suites": ["staging.rejects"], "is_failed": True},
    ]
    pages = sorted(path.name for path in (settings.home / "reports/quality").glob("batch*"))
    assert pages == ["batch_000001.html", "batch_000002.html"]


def test_rejected_rows_of_one_feed_do_not_hold_another(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    files = [file(tmp_path, "lines"), file(tmp_path, "products", rows=60, bad=60)]
    ingest(warehouse, settings=settings, source="shop", files=files)
    assert deliveries(warehouse)["lines.csv"] == ("accepted", "curated", 40, 0)
    assert deliveries(warehouse)["products.csv"] == ("held", "held", 0, 60)
    assert violations(warehouse) == []


def test_a_feed_too_small_to_fail_alone_does_not_hold_the_orders(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    files = [file(tmp_path, "lines", rows=10), file(tmp_path, "products", rows=15, bad=15)]
    ingest(warehouse, settings=settings, source="shop", files=files)
    assert deliveries(warehouse)["lines.csv"] == ("accepted", "curated", 10, 0)
    assert deliveries(warehouse)["products.csv"] == ("held", "held", 0, 15)


def test_a_required_feed_that_fails_holds_all_of_the_batch(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    files = [file(tmp_path, "lines", bad=20), file(tmp_path, "ratings", bad=40)]
    with pytest.raises(QualityError, match="Batch 1 of shop is held"):
        as_in_a_run(warehouse, settings, *files)
    assert {status[:2] for status in deliveries(warehouse).values()} == {("held", "held")}
    assert violations(warehouse) == []


def test_a_day_goes_on_without_a_feed_that_is_not_required(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    details = as_in_a_run(warehouse, settings, file(tmp_path, "ratings", bad=40))
    [missing] = details["incomplete"]
    assert (missing["source"], missing["feed"], missing["files"]) == (
        "shop", "ratings", ["ratings.csv"],
    )  # fmt: skip
    broken = tmp_path / "products1.csv"
    broken.write_bytes(b"\x1f\x8b no gzip")
    details = as_in_a_run(warehouse, settings, broken)
    assert [one["feed"] for one in details["incomplete"]] == ["products", "ratings"]
    with pytest.raises(QualityError, match="is held"):  # a person who names it is answered
        ingest(warehouse, settings=settings, source="shop", files=[tmp_path / "ratings.csv"])


def test_a_day_does_not_go_on_where_all_of_a_required_feed_is_refused_but_the_next_does(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    broken = tmp_path / "lines1.csv"
    broken.write_bytes(b"\x1f\x8b no gzip")
    first = settings.model_copy(update={"run_id": "first"})
    with pytest.raises(FileRefused, match=r"shop\.lines is required, .*can be used: lines1"):
        as_in_a_run(warehouse, first, broken, file(tmp_path, "products"))
    assert deliveries(warehouse)["products.csv"][0] == "accepted"
    later = settings.model_copy(update={"run_id": "later"})
    details = hand_over(warehouse, settings=later, as_of=DAY).details
    assert [one["feed"] for one in details["incomplete"]] == ["lines"]


def test_a_day_goes_on_where_some_of_a_required_feed_can_be_used(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    broken = tmp_path / "lines1.csv"
    broken.write_bytes(b"\x1f\x8b no gzip")
    details = as_in_a_run(warehouse, settings, broken, file(tmp_path, "lines"))
    assert details["incomplete"][0]["files"] == ["lines1.csv"]


@pytest.mark.parametrize("required", [True, False])
def test_the_description_says_whether_a_feed_is_required(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, required: bool
) -> None:
    line = f"required = {str(required).lower()}\n"
    text = SOURCE.replace('table = "products"\n', f'table = "products"\n{line}')
    settings = with_source(settings, tmp_path, text)
    broken = tmp_path / "products1.csv"
    broken.write_bytes(b"\x1f\x8b no gzip")
    if required:
        with pytest.raises(FileRefused, match=r"shop\.products is required"):
            as_in_a_run(warehouse, settings, broken)
    else:
        as_in_a_run(warehouse, settings, broken)


def test_a_mended_file_ends_it(warehouse: Warehouse, settings: Settings, tmp_path: Path) -> None:
    as_in_a_run(warehouse, settings, file(tmp_path, "ratings", bad=40))
    as_in_a_run(warehouse, settings, file(tmp_path, "ratings", name="ratings2.csv", first=90))
    assert incomplete(warehouse) == {"shop.ratings": "ratings.csv"}  # another file mends nothing
    details = as_in_a_run(warehouse, settings, file(tmp_path, "ratings"))
    assert details["incomplete"] == []
    assert incomplete(warehouse) == {}
    assert violations(warehouse) == []


def test_a_replay_ends_it(warehouse: Warehouse, settings: Settings, tmp_path: Path) -> None:
    as_in_a_run(warehouse, settings, file(tmp_path, "lines"), file(tmp_path, "ratings", bad=40))
    with pytest.raises(QualityError):  # nothing was corrected yet
        replay_quarantine(warehouse, settings=settings, source="shop")
    assert incomplete(warehouse) == {"shop.ratings": "ratings.csv"}
    mended = (SOURCE + RATINGS).replace("[1, 5]", "[1, 100]")
    settings = with_source(settings, tmp_path, mended)
    receipt = replay_quarantine(warehouse, settings=settings, source="shop")
    assert (receipt.read, receipt.written) == (40, 40)
    assert incomplete(warehouse) == {}
    assert violations(warehouse) == []


def test_a_held_feed_that_comes_again_is_counted_once(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    lines, ratings = file(tmp_path, "lines"), file(tmp_path, "ratings", bad=40)
    ingest(warehouse, settings=settings, source="shop", files=[lines, ratings])
    with pytest.raises(QualityError, match="Batch 2 of shop is held"):
        ingest(warehouse, settings=settings, source="shop", files=[lines, ratings])
    more = file(tmp_path, "lines", name="lines2.csv", first=100)
    ingest(warehouse, settings=settings, source="shop", files=[more, ratings])
    assert deliveries(warehouse)["ratings.csv"] == ("held", "held", 0, 40)
    assert deliveries(warehouse)["lines2.csv"] == ("accepted", "curated", 40, 0)
    assert warehouse.read("SELECT count(*) AS n FROM quarantine.rows")["n"].to_pylist() == [40]
    assert violations(warehouse) == []


def test_a_file_that_never_was_one_makes_nothing_incomplete(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(FileRefused, match="There is no file"):
        ingest(warehouse, settings=settings, source="shop", files=[tmp_path / "ratings9.csv"])
    assert incomplete(warehouse) == {}


def test_the_view_names_a_file_once_since_it_first_came(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    for content in (b"\x1f\x8b no gzip", b"\x1f\x8b still none", b""):
        (tmp_path / "products1.csv").write_bytes(content)
        (tmp_path / "unknown.csv").write_bytes(b"x")
        as_in_a_run(warehouse, settings, tmp_path / "products1.csv", tmp_path / "unknown.csv")
    rows = warehouse.read(
        "SELECT file_name, feed, status, reason_code, unusable_since < landed_at AS is_older "
        "FROM reports.unusable_files ORDER BY 1"
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("products1.csv", "products", "refused", "empty_file", True),
        ("unknown.csv", None, "refused", "no_feed", True),
    ]


def rows_of(warehouse: Warehouse, table: str) -> int:
    return warehouse.read(f"SELECT 1 AS one FROM {table}").num_rows


def test_orders_that_accepted_lines_imply_stay_where_a_held_feed_implied_them_too(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    start, end = SOURCE.index("[feeds.lines]"), SOURCE.index("[feeds.products]")
    extras = SOURCE[start:end].replace("feeds.lines", "feeds.extras").replace("lines*", "extras*")
    extras = extras.replace("table =", "required = false\ntable =")
    settings = with_source(settings, tmp_path, SOURCE + extras)
    files = [file(tmp_path, "lines", bad=30, name="extras.csv"), file(tmp_path, "lines")]
    receipt = ingest(warehouse, settings=settings, source="shop", files=files)
    assert deliveries(warehouse) == {
        "extras.csv": ("held", "held", 0, 40),
        "lines.csv": ("accepted", "curated", 40, 0),
    }
    assert (receipt.read, receipt.written, receipt.quarantined) == (80, 40, 40)
    assert rows_of(warehouse, "curated.orders") == 40
    assert rows_of(warehouse, "staging.orders") == 0
    assert violations(warehouse) == []


def test_customers_that_accepted_lines_describe_stay_where_a_held_feed_described_them_too(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    described = """
[feeds.{feed}.also.customers.columns]
customer_id = "customer"
country = "quantity"
"""
    ratings = RATINGS + described.format(feed="ratings").replace("quantity", "id")
    text = SOURCE + described.format(feed="lines") + ratings
    settings = with_source(settings, tmp_path, text)
    early = file(tmp_path, "ratings", bad=30)
    early.write_text(early.read_text().replace("2026-02-01", "2026-01-01"))
    ingest(warehouse, settings=settings, source="shop", files=[early, file(tmp_path, "lines")])
    assert deliveries(warehouse)["ratings.csv"][0] == "held"
    assert rows_of(warehouse, "curated.customers") == 40


def test_no_suite_runs_twice_on_the_same_part(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries: list[Mapping[str, str]] = []
    run = suites.run

    def noted(warehouse: Warehouse, asked: Mapping[str, str], folder: Path) -> Any:
        queries.append(dict(asked))
        return run(warehouse, asked, folder)

    monkeypatch.setattr(suites, "run", noted)
    files = [file(tmp_path, "lines", bad=40), file(tmp_path, "ratings", bad=40)]
    with pytest.raises(QualityError):
        ingest(warehouse, settings=settings, source="shop", files=files)
    assert len(queries) == 3  # the whole, the ratings, the rest without them


class Killed(BaseException):
    """Stands in for the death of the process."""


@pytest.mark.parametrize("commits", [1, 2])
def test_a_check_that_is_killed_after_a_commit_says_the_same_when_it_is_repeated(
    warehouse: Warehouse,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    commits: int,
) -> None:
    """The first commit holds the feed, the second lets the rest pass."""
    files = [file(tmp_path, "lines"), file(tmp_path, "ratings", bad=40)]
    landed = land(warehouse, settings=settings, source="shop", files=files)
    stage(warehouse, settings=settings, batch_id=1)
    assert landed.details["batch_id"] == 1
    record, count = checking._record, 0

    def dying(*arguments: Any) -> Any:
        nonlocal count
        batch = record(*arguments)
        count += 1
        if count == commits:
            raise Killed
        return batch

    with monkeypatch.context() as patch:
        patch.setattr(checking, "_record", dying)
        with pytest.raises(Killed):
            check(warehouse, settings=settings, batch_id=1)
    assert violations(warehouse) == []
    receipt = check(warehouse, settings=settings, batch_id=1)
    assert (receipt.read, receipt.written, receipt.quarantined) == (80, 40, 40)
    assert receipt.details["status"] == "checked"
    assert receipt.details["held_count"] == 40
    [sentence] = receipt.details["held"]
    assert "Batch 2 of shop is held" in sentence
    assert receipt.details["findings"]
    pages = sorted(path.name for path in (settings.home / "reports/quality").glob("batch*"))
    assert pages == ["batch_000001.html", "batch_000002.html"]
    check(warehouse, settings=settings, batch_id=1)
    assert rows_of(warehouse, "ops.receipts WHERE door = 'check'") == 1


def test_the_first_delivery_again_ends_it_after_a_broken_correction(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    ratings = file(tmp_path, "ratings", bad=40)
    content = ratings.read_bytes()
    as_in_a_run(warehouse, settings, file(tmp_path, "lines"), ratings)
    ratings.write_bytes(b"")
    as_in_a_run(warehouse, settings, ratings)
    assert incomplete(warehouse) == {"shop.ratings": "ratings.csv"}
    ratings.write_bytes(content)
    mended = with_source(settings, tmp_path, (SOURCE + RATINGS).replace("[1, 5]", "[1, 100]"))
    as_in_a_run(warehouse, mended, ratings)
    assert deliveries(warehouse)["ratings.csv"] is not None
    assert incomplete(warehouse) == {}
    assert violations(warehouse) == []


def test_two_files_of_one_name_in_one_call_mend_each_other_only_in_their_order(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "later").mkdir()
    broken = tmp_path / "later" / "lines.csv"
    broken.write_bytes(b"")
    as_in_a_run(warehouse, settings, file(tmp_path, "lines"), broken)
    assert incomplete(warehouse) == {"shop.lines": "lines.csv"}


def test_one_replay_that_is_held_does_not_block_the_others(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    bad_lines = file(tmp_path, "lines", bad=40, name="lines0.csv")
    with pytest.raises(QualityError):
        ingest(warehouse, settings=settings, source="shop", files=[bad_lines])
    with pytest.raises(QualityError):
        replay_quarantine(warehouse, settings=settings, source="shop")
    files = [file(tmp_path, "lines"), file(tmp_path, "ratings", bad=40)]
    ingest(warehouse, settings=settings, source="shop", files=files)
    mended = (SOURCE + RATINGS).replace("[1, 5]", "[1, 100]")
    settings = with_source(settings, tmp_path, mended)
    receipt = replay_quarantine(warehouse, settings=settings, source="shop")
    assert receipt.written == 40
    assert len(receipt.details["held"]) == 1
    assert incomplete(warehouse) == {"shop.lines": "lines0.csv"}
    assert violations(warehouse) == []
    with pytest.raises(QualityError):  # the lines still wait
        replay_quarantine(warehouse, settings=settings, source="shop")
    assert violations(warehouse) == []


def test_a_file_that_was_still_being_written_does_not_stop_the_day(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = file(tmp_path, "lines"), archive.read_guarded

    def growing(read_path: Path, name: str) -> Iterator[bytes]:
        pieces = read(read_path, name)
        yield next(pieces)
        with path.open("a", encoding="utf-8") as writer:
            writer.write(ROWS["lines"].format(n=90) + "\n")
        yield from pieces

    with monkeypatch.context() as patch:
        patch.setattr(archive, "read_guarded", growing)
        assert as_in_a_run(warehouse, settings, path)["incomplete"] == []
    assert deliveries(warehouse)["lines.csv"][0] == "refused"


def test_a_run_that_was_stopped_goes_on_when_it_is_cleared_after_mending(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    stopped = settings.model_copy(update={"run_id": "stopped"})
    broken = tmp_path / "lines.csv"
    broken.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(FileRefused, match="is required"):
            as_in_a_run(warehouse, stopped, broken)
    other = settings.model_copy(update={"run_id": "other"})
    as_in_a_run(warehouse, other, file(tmp_path, "lines"))
    details = hand_over(warehouse, settings=stopped, as_of=DAY).details
    assert details["incomplete"] == []


def test_a_file_that_no_feed_expects_is_listed_until_a_week_of_deliveries_passed(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "unknown.csv").write_bytes(b"x")
    (tmp_path / "products1.csv").write_bytes(b"")
    as_in_a_run(warehouse, settings, tmp_path / "unknown.csv", tmp_path / "products1.csv")
    index = (settings.home / "reports" / "quality" / "index.html").read_text(encoding="utf-8")
    assert "unknown.csv belongs to no feed" in index
    assert "products1.csv is empty" in index
    query = "SELECT file_name FROM reports.unusable_files ORDER BY 1"
    for days, names in ((6, ["products1.csv", "unknown.csv"]), (2, ["products1.csv"])):
        with warehouse.transaction() as transaction:
            transaction.change(
                "UPDATE raw.deliveries SET landed_at = landed_at - CAST(:days AS integer) * "
                "interval '1 day'",
                days=days,
            )
        new = file(tmp_path, "lines", name=f"lines{days}.csv", first=100 * days)
        as_in_a_run(warehouse, settings, new)
        assert warehouse.read(query)["file_name"].to_pylist() == names
