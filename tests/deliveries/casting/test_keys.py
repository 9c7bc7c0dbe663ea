"""Keys: the same thing has the same key in every file, and repeats are told apart."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.chaos.counts import count
from tests.worlds.feeds import cast_file, line, write

ORDERS = [
    line(quantity="1"), line(quantity="2"), line(quantity="2"), line(product="p2"),
    line(order="1002"), line(order="1002", product=""), line(order="1002", product=""),
]  # fmt: skip


def keys(folder: Path, lines: list[str]) -> list[tuple[object, object]]:
    rows = cast_file(write(folder.parent / "lines.csv", lines), folder).rows
    return sorted((row["row_key"], row["content_hash"]) for row in rows)  # type: ignore[type-var]


@pytest.mark.fault(
    "the same lines in another order", promises="P2", row=22, counted="orders of the same lines"
)
@settings(
    max_examples=count("orders of the same lines"), deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.permutations(ORDERS))
def test_delivered_again_in_any_order_the_keys_are_equal(folder: Path, lines: list[str]) -> None:
    assert keys(folder, lines) == keys(folder, ORDERS)


def test_equal_lines_of_an_order_are_numbered(folder: Path) -> None:
    rows = cast_file(write(folder.parent / "lines.csv", ORDERS), folder).rows
    values = sorted(
        (str(r["order_id"]), str(r["product_id"]), r["occurrence"], r["quantity"]) for r in rows
    )  # type: ignore[type-var]
    assert [row for row in values if row[:2] == ("1001", "p1")] == [
        ("1001", "p1", 1, 1), ("1001", "p1", 2, 2), ("1001", "p1", 3, 2),
    ]  # fmt: skip
    assert len({row["row_key"] for row in rows}) == len(rows)


def test_a_changed_line_keeps_its_key_and_changes_its_content(folder: Path) -> None:
    ((key, content),) = keys(folder, [line()])
    ((key_later, content_later),) = keys(folder, [line(price="9.99")])
    assert key == key_later
    assert content != content_later


def test_values_cannot_run_into_each_other(folder: Path) -> None:
    one = keys(folder, [line(order="1", product="23"), line(order="12", product="3")])
    assert len({key for key, _ in one}) == 2
    missing = keys(folder, [line(product=""), line(product="-")])
    assert len({key for key, _ in missing}) == 2


def test_the_last_of_a_key_wins_and_equal_ones_are_left_to_be_duplicates(folder: Path) -> None:
    path = write(
        folder.parent / "products.csv",
        ["a,old", "b,same", "a,new", "b,same", "a,old", "a,new"],
        "product,name",
    )
    result = cast_file(path, folder)
    assert result.reasons == {2: "superseded_in_file", 6: "superseded_in_file"}
    assert sorted((str(r["product_id"]), r["name"], r["__line_number"]) for r in result.rows) == [  # type: ignore[type-var]
        ("a", "new", 4), ("a", "new", 7), ("b", "same", 3), ("b", "same", 5),
    ]  # fmt: skip
    assert result.delivered == 6


def test_chunk_boundaries_change_neither_numbers_nor_winners(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ORDERS * 40
    whole = keys(folder, lines)
    products = write(folder.parent / "products.csv", ["a,1", "b,1", "a,2"] * 50, "product,name")
    before = cast_file(products, folder).reasons
    monkeypatch.setattr("retention_ml.deliveries.readers.csv_reader.BLOCK_BYTES", 500)
    monkeypatch.setattr("retention_ml.deliveries.archive._PIECE", 200)
    monkeypatch.setattr("retention_ml.deliveries.pipeline.CHUNK_ROWS", 17)
    monkeypatch.setattr("retention_ml.deliveries.pipeline.GROUP_ROWS", 20)
    assert keys(folder, lines) == whole
    assert cast_file(products, folder).reasons == before
    assert len(before) == 50
