"""Reference files: chains of them, other names of the key, how they are written."""

from pathlib import Path

import pyarrow as pa
import pytest

from retention_ml.deliveries.casting import lookups
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.lookup import Lookup
from retention_ml.errors import FileRefused


def feed(*joined: Lookup) -> Feed:
    return Feed.model_validate(
        {
            "files": ["items.csv"],
            "table": "customers",
            "columns": {"customer_id": "person", "country": "state"},
            "lookup": list(joined),
        }
    )


def test_a_lookup_may_join_on_what_an_earlier_one_brought(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("id;buyer\no1;b1\no1;b9\no2 ;b2\n")
    (tmp_path / "people.csv").write_text("buyer,person,state\nb1,ann,SP\nb2,bob,\n")
    first = Lookup(file="orders.csv", on="order", key="id", format="csv", delimiter=";")
    second = Lookup(file="people.csv", on="buyer", format="csv")
    reader = feed(first, second)
    references = [
        lookups.of_file(tmp_path / "orders.csv", first, reader),
        lookups.of_file(tmp_path / "people.csv", second, reader),
    ]
    rows = lookups.join(pa.table({"order": ["o1", " o2", "o3", None]}), references)
    assert rows["person"].to_pylist() == ["ann", "bob", None, None]
    assert rows["state"].to_pylist() == ["SP", "", None, None]


def test_only_columns_that_the_feed_reads_are_taken_from_a_reference(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("buyer,person,note\nb1,ann,long\n")
    one = Lookup(file="people.csv", on="buyer", format="csv")
    reference = lookups.of_file(tmp_path / "people.csv", one, feed(one))
    assert reference.rows.column_names == ["buyer", "person"]


def test_a_reference_without_its_key_is_refused_with_its_columns(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("buyer,person\nb1,ann\n")
    one = Lookup(file="people.csv", on="buyer", key="buyer_id", format="csv")
    with pytest.raises(FileRefused, match="no column 'buyer_id' to be joined on"):
        lookups.file_columns(tmp_path / "people.csv", [one])


def test_of_the_files_of_a_feed_the_first_row_of_a_key_counts(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("buyer,person\nb1,ann2\n")
    (tmp_path / "old.csv").write_text("buyer,person\nb1,ann1\nb2,bob\n")
    one = Lookup(feed="buyers", on="buyer")
    files = [(tmp_path / name, name) for name in ("new.csv", "old.csv")]
    reference = lookups.of_files(files, one, feed(), feed(one))
    rows = lookups.join(pa.table({"buyer": ["b1", "b2"]}), [reference])
    assert rows["person"].to_pylist() == ["ann2", "bob"]
