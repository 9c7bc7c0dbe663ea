"""Numbers are found in whatever they are packed or written in, and not within longer ones."""

import gzip
import random
import re
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


def test_a_single_letter_is_no_part_of_a_word() -> None:
    assert Search(["7"]).count(b"17,7,x7x") == 1


def test_pieces_hide_nothing() -> None:
    content = f"a{NUMBER}b {NUMBER}".encode()
    search = Search([NUMBER, "17"])
    for size in range(1, len(content)):
        pieces = [content[begin : begin + size] for begin in range(0, len(content), size)]
        assert search.count_in(pieces) == 1
        assert search.count_in(pieces, is_binary=True) == 2


def _oracle(words: list[str], content: bytes, *, is_binary: bool) -> int:
    """As a pattern says it: places where one begins, tried one after the other."""
    apart = rb"(?<![0-9A-Za-z])%s(?![0-9A-Za-z])"
    patterns = []
    for word in words:
        plain = re.escape(word.encode())
        patterns.append(plain if is_binary and len(word) >= 6 else apart % plain)
        if not is_binary and len(word) > 1:
            patterns += [re.escape(b"\0".join(letter.encode() for letter in word))]
    return sum(1 for _ in re.finditer(b"(?=" + b"|".join(patterns) + b")", content))


@pytest.mark.parametrize("number", range(40))
def test_what_is_found_is_what_patterns_find(number: int) -> None:
    draw = random.Random(number)
    words = ["".join(draw.choices("C01", k=draw.randint(1, 8))) for _ in range(draw.randint(1, 9))]
    content = bytearray(draw.choices(b"C01C01C01, ;\x00x", k=400))
    for _ in range(20):
        word = draw.choice(words).encode(draw.choice(("utf-8", "utf-8", "utf-16-le", "utf-16-be")))
        at = draw.randint(0, len(content))
        content[at:at] = word
    search, whole = Search(words), bytes(content)
    assert search.count(whole) == _oracle(words, whole, is_binary=False) > 0
    size = draw.randint(1, 60)
    pieces = [whole[begin : begin + size] for begin in range(0, len(whole), size)]
    for is_binary in (False, True):
        expected = _oracle(words, whole, is_binary=is_binary)
        assert search.count_in(pieces, is_binary=is_binary) == expected
    values = whole.split(b",")
    assert search.count_values(values) == sum(search.count(value) > 0 for value in values)
    assert search.count_values([]) == 0
