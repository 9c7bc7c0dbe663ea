"""Rows leave an archived file; all others keep their bytes and their line numbers."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from retention_ml.deliveries.archive import store
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.leaving_out import emptying
from retention_ml.deliveries.readers import readers
from retention_ml.deliveries.readers.chunks import LINE_NUMBER
from retention_ml.settings import Settings
from tests.worlds.archives import workbook, zipped

SOURCE = """
title = "A shop"
timezone = "Europe/London"
currency = "GBP"

[feeds.said]
files = ["*"]
{more}
table = "feedback"

[feeds.said.columns]
feedback_id = "id"
customer_id = "customer"
event_at = "at"
kind = {{ constant = "review" }}
comment = "comment"
"""
HEADER = "id,customer,at,comment"
# The second row has three lines.
ROWS = ["1,c1,2026-01-01,fine", '2,c2,2026-01-02,"a\nb\n""c"""', "3,c3,2026-01-03,é"]


def _feed(folder: Path, more: str = "") -> Feed:
    (folder / "sources").mkdir(exist_ok=True)
    text = SOURCE.format(more=more)
    (folder / "sources" / "shop.toml").write_text(text, encoding="utf-8")
    return load_source(folder / "sources", "shop").feeds["said"]


ENCODINGS: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "utf-8": ("", lambda text: text.encode()),
    "a mark before it": ("", lambda text: text.encode("utf-8-sig")),
    "line ends of Windows": ("", lambda text: text.replace("\n", "\r\n").encode()),
    "latin-1": ('encoding = "latin-1"', lambda text: text.encode("latin-1")),
    "utf-16": ('encoding = "utf-16"', lambda text: text.encode("utf-16")),
    "packed": ("", lambda text: gzip.compress(text.encode())),
    "packed by name": ("", lambda text: zipped({"said.csv": text.encode()})),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_row_of_several_lines_leaves_empty_lines(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    more, encode = ENCODINGS[name]
    feed = _feed(tmp_path, more)
    file = tmp_path / "said.csv"
    file.write_bytes(encode("\n".join([HEADER, *ROWS]) + "\n"))
    content = store(file, settings).content
    assert emptying.has_lines(content, feed, "said.csv")
    assert emptying.empty_lines(content, feed, "said.csv", {3}) == 3
    chunks = list(readers.open_file(content, feed, name="said.csv").chunks)
    [rows] = [chunk.rows for chunk in chunks]
    assert rows[LINE_NUMBER].to_pylist() == [2, 6]
    assert rows["comment"].to_pylist() == ["fine", "é"]
    assert [reject.line_number for reject in chunks[0].rejects] == [3, 4, 5]
    assert all(reject.reason == "empty_line" for reject in chunks[0].rejects)
    before = content.path.read_bytes()
    assert emptying.empty_lines(content, feed, "said.csv", {3}) == 0
    assert content.path.read_bytes() == before


def test_old_bytes_are_gone_with_their_key(settings: Settings, tmp_path: Path) -> None:
    feed = _feed(tmp_path)
    file = tmp_path / "said.csv"
    file.write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    content = store(file, settings).content
    emptying.empty_lines(content, feed, "said.csv", {2, 3, 6})
    assert b"".join(content.pieces()).strip() == HEADER.encode()
    again = store(file, settings)  # the same file, delivered again
    assert b"".join(again.content.pieces()).strip() == HEADER.encode()


def test_what_has_no_lines_cannot_be_emptied(settings: Settings, tmp_path: Path) -> None:
    rows = [HEADER.split(","), *(["1", "c1", "2026-01-01", "fine"],)]
    file = tmp_path / "said.xlsx"
    file.write_bytes(workbook({"said": rows}))
    content = store(file, settings).content
    assert not emptying.has_lines(content, _feed(tmp_path, 'format = "xlsx"'), "x")
    file.write_text('[{"id": 1}]', encoding="utf-8")
    content = store(file, settings).content
    assert not emptying.has_lines(content, _feed(tmp_path, 'format = "jsonl"'), "x")
    file.write_text('{"id": 1}\n', encoding="utf-8")
    content = store(file, settings).content
    assert emptying.has_lines(content, _feed(tmp_path, 'format = "jsonl"'), "x")
