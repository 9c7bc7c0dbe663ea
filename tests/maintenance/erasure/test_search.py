"""Numbers are found in whatever they are packed or written in, and not within longer ones."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retention_ml.deliveries.archive import store
from retention_ml.maintenance.erasure.prove import _count_in_copy
from retention_ml.maintenance.erasure.search import Search
from retention_ml.settings import Settings
from tests.worlds.archives import workbook, zipped

NUMBER = "C0000803"
TEXT = f"id,customer\n1,{NUMBER}\n2,x{NUMBER}\n3,{NUMBER}4\n"


def _parquet(folder: Path) -> bytes:
    path = folder / "table.parquet"
    pq.write_table(pa.table({"customer": [NUMBER, f"{NUMBER}4"]}), path)
    return path.read_bytes()


@pytest.mark.parametrize("form", ["text", "utf-16", "gzip", "zip", "workbook", "parquet"])
def test_a_number_is_found_in_any_form(settings: Settings, tmp_path: Path, form: str) -> None:
    contents = {
        "text": TEXT.encode(),
        "utf-16": f"1,{NUMBER}".encode("utf-16"),
        "gzip": gzip.compress(TEXT.encode()),
        "zip": zipped({"one.csv": TEXT.encode(), "two.csv": b"nothing"}),
        "workbook": workbook({"one": [["customer"], [NUMBER]]}),
        "parquet": _parquet(tmp_path),
    }
    file = tmp_path / "file"
    file.write_bytes(contents[form])
    assert _count_in_copy(store(file, settings).content, Search([NUMBER])) == 1
    assert _count_in_copy(store(file, settings).content, Search(["C0000804"])) == 0


def test_pieces_hide_nothing() -> None:
    content = f"a{NUMBER}b {NUMBER}".encode()
    search = Search([NUMBER, "17"])
    for size in range(1, len(content)):
        pieces = [content[begin : begin + size] for begin in range(0, len(content), size)]
        assert search.count_in(pieces) == 1
        assert search.count_in(pieces, is_binary=True) == 2
