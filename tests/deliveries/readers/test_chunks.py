"""What all formats share: the header's limits, bytes that are no text, gzip that is cut off."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retention_ml.deliveries import archive
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.readers import chunks, readers
from retention_ml.errors import FileRefused
from retention_ml.settings import Settings
from tests.worlds.feeds import GOOD, HEADER, line, write


def csv_file(folder: Path, columns: list[str]) -> Path:
    path = folder / "lines.csv"
    path.write_text(",".join(columns) + "\n", encoding="utf-8")
    return path


def parquet_file(folder: Path, columns: list[str]) -> Path:
    path = folder / "lines.parquet"
    pq.write_table(pa.table({name: pa.array([], pa.string()) for name in columns}), path)
    return path


def lines_feed(folder: Path, form: str = "csv") -> Feed:
    return load_source(folder, "shop").feeds["lines"].model_copy(update={"format": form})


@pytest.mark.parametrize(
    ("form", "written"), [("csv", csv_file), ("parquet", parquet_file)], ids=["csv", "parquet"]
)
def test_five_thousand_columns_are_read_and_one_more_is_refused(
    folder: Path, form: str, written: Callable[[Path, list[str]], Path]
) -> None:
    names = HEADER.split(",")
    many = [*names, *(f"x{i}" for i in range(chunks.COLUMNS_MAX - len(names)))]
    assert len(readers.open_file(written(folder, many), lines_feed(folder, form)).columns) == 5_000
    with pytest.raises(FileRefused, match=r"a header of 5,001 columns; at most 5,000") as caught:
        readers.open_file(written(folder, [*many, "x"]), lines_feed(folder, form))
    assert caught.value.reason_code == "bad_header"


def test_two_hundred_thousand_equal_or_quoted_names_are_refused(folder: Path) -> None:
    feed = lines_feed(folder)
    with pytest.raises(FileRefused, match=r"has a header of 200,001 columns"):
        readers.open_file(csv_file(folder, ["x"] * 200_001), feed)
    with pytest.raises(FileRefused, match="begins with 2 fields"):  # all commas stand in quotes
        readers.open_file(csv_file(folder, ["x", '"' + "," * 100_000 + '"']), feed)


def test_a_duplicate_column_is_named(folder: Path) -> None:
    with pytest.raises(FileRefused, match="has the column 'at' twice"):
        readers.open_file(csv_file(folder, [*HEADER.split(","), "price", "at"]), lines_feed(folder))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("data", "words", "code"),
    [
        (bytes(5_000), r"holds only NUL bytes \(4,096 of .*export it again", "unreadable_file"),
        (b"order,at\n" + bytes(200), "holds mostly NUL bytes", "unreadable_file"),
        (HEADER.encode("utf-16-le"), "is written in UTF-16", "utf_16"),
        (HEADER.encode("utf-16-be"), "is written in UTF-16", "utf_16"),
        (HEADER.encode("utf-16"), "is written in UTF-16", "utf_16"),
    ],
)
def test_nul_bytes_are_damage_and_only_alternating_ones_are_utf_16(
    folder: Path, form: str, data: bytes, words: str, code: str
) -> None:
    path = folder / "lines.csv"
    path.write_bytes(data)
    with pytest.raises(FileRefused, match=words) as caught:
        list(readers.open_file(path, lines_feed(folder, form)).chunks)
    assert caught.value.reason_code == code


def test_a_few_nul_bytes_cost_their_line_only(folder: Path) -> None:
    path = write(folder / "lines.csv", [line(), "\0" * 40, line(order="2")])
    (chunk,) = readers.open_file(path, lines_feed(folder)).chunks
    assert chunk.rows["order"].to_pylist() == [GOOD[0], "2"]
    assert [str(reject.reason) for reject in chunk.rejects] == ["nul_byte"]


def test_a_cut_gzip_file_gives_the_same_message_wherever_it_is_read(folder: Path) -> None:
    path = folder / "lines.csv.gz"
    text = "\n".join([HEADER, *(line(order=str(i)) for i in range(500))])
    path.write_bytes(gzip.compress(text.encode())[:-50])
    with pytest.raises(FileRefused) as archiving:
        archive.store(path, Settings(home=folder / "home"))
    with pytest.raises(FileRefused) as reading:
        readers.open_file(path, lines_feed(folder))
    assert str(reading.value) == str(archiving.value)
    assert f"cut off after {path.stat().st_size:,} bytes" in str(reading.value)


def test_the_message_for_a_file_without_rows_mentions_its_header_if_it_has_one(
    folder: Path,
) -> None:
    feed = lines_feed(folder)
    assert "a.csv has a header and no rows" in chunks.no_rows_message("a.csv", feed)
    bare = feed.model_copy(update={"header": tuple(HEADER.split(","))})
    assert "a.csv has no rows" in chunks.no_rows_message("a.csv", bare)
