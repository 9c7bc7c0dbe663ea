"""Delimited files as systems write them: ends of lines, of headers and of files."""

from pathlib import Path
from typing import Any

import pytest

from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.readers import readers
from retention_ml.errors import FileRefused

COLUMNS = {"customer_id": "who", "event_at": "at", "event_type": "what"}
HEAD = "who,at,what"
ROW = "c1,2025-01-05,view"


def feed_of(**more: Any) -> Any:
    feed = {"files": ["*"], "table": "events", "columns": COLUMNS, **more}
    source = {"title": "t", "timezone": "UTC", "currency": "EUR", "feeds": {"events": feed}}
    return Source.model_validate({"name": "shop", **source}).feeds["events"]


def read(folder: Path, text: str, **more: Any) -> tuple[list[int], dict[int, str], list[str]]:
    """Line numbers of the rows, reasons by line number, remarks."""
    path = folder / "a.csv"
    path.write_text(text, encoding="utf-8", newline="")
    chunks = list(readers.open_file(path, feed_of(**more)).chunks)
    rows = [number for chunk in chunks for number in chunk.rows["__line_number"].to_pylist()]
    reasons = {r.line_number: str(r.reason) for chunk in chunks for r in chunk.rejects}
    return sorted(rows), reasons, [chunk.remark for chunk in chunks if chunk.remark]


@pytest.mark.parametrize(
    "text",
    [
        f"{HEAD}\n{ROW},\n{ROW},\n",
        f"{HEAD},\n{ROW},\n{ROW},\n",
        f"{HEAD},,\n{ROW},,\n{ROW},,\n",
        f"{HEAD}\r\n{ROW},,\r\n{ROW},,\r\n",
        f"{HEAD},\n{ROW}\n{ROW}\n",
        f"{HEAD},note,note\n{ROW},a,b\n{ROW},,\n",
    ],
)
def test_delimiters_at_the_end_and_doubled_names_that_nobody_reads_are_fine(
    tmp_path: Path, text: str
) -> None:
    assert read(tmp_path, text) == ([2, 3], {}, [])


def test_a_value_under_no_name_is_rejected_because_it_may_have_shifted(tmp_path: Path) -> None:
    rows, reasons, _ = read(tmp_path, f"{HEAD}\n{ROW},\n{ROW},x\n{ROW}\n{ROW},\n")
    assert (rows, reasons) == ([2, 5], {3: "wrong_field_count", 4: "wrong_field_count"})
    again = readers.open_rows([(3, f"{ROW},x".encode())], [*HEAD.split(","), ""], feed_of())
    assert [r.reason for r in next(again.chunks).rejects] == ["wrong_field_count"]


def test_a_doubled_name_that_is_read_is_refused_and_the_way_out_works(tmp_path: Path) -> None:
    text = f"{HEAD},at\n{ROW},2025-02-01\n"
    with pytest.raises(FileRefused, match="'at' twice") as caught:
        read(tmp_path, text)
    advice = str(caught.value)
    assert 'skip_lines = 1 and header = ["who", "at_2", "what", "at_4"]' in advice
    columns = {**COLUMNS, "event_at": "at_2"}
    header = ["who", "at_2", "what", "at_4"]
    assert read(tmp_path, text, skip_lines=1, header=header, columns=columns)[0] == [2]


def test_the_first_line_of_a_spreadsheet_may_say_the_delimiter(tmp_path: Path) -> None:
    text = f"sep=;\r\n{HEAD}\r\n{ROW}\r\n".replace(",", ";")
    assert read(tmp_path, text, delimiter=";") == ([3], {}, [])
    with pytest.raises(FileRefused, match=r"is ';'\. Set delimiter") as caught:
        read(tmp_path, text)
    assert caught.value.reason_code == "wrong_delimiter"


def test_a_name_in_the_header_may_have_line_breaks_and_invisible_letters(tmp_path: Path) -> None:
    text = f'\ufeff"who\r\n(mail)","\u00a0at\u200b",what\r\n{ROW}\r\n'
    assert read(tmp_path, text, columns={**COLUMNS, "customer_id": "who (mail)"})[0] == [3]


@pytest.mark.parametrize("cut", ["c2,2025-01-06", 'c2,2025-01-06,"vi', "c2"])
def test_a_last_line_without_end_and_with_too_few_fields_is_cut(tmp_path: Path, cut: str) -> None:
    assert read(tmp_path, f"{HEAD}\n{ROW}\n{cut}") == ([2], {3: "cut_last_line"}, [])
    assert read(tmp_path, f"{HEAD}\n{ROW}\n{cut}\n")[1] != {3: "cut_last_line"}


def test_a_last_value_that_stops_before_the_form_of_all_others_is_cut(tmp_path: Path) -> None:
    lines = [f"view,c{i},2025-01-0{i} 10:00:00" for i in range(1, 6)]
    whole, head = "\n".join(lines), "what,who,at\n"
    for shorter in (1, 3, 9):
        rows, reasons, _ = read(tmp_path, head + whole[:-shorter])
        assert (rows, reasons) == ([2, 3, 4, 5], {6: "cut_last_line"})
    again = readers.open_rows([(6, lines[-1][:-3].encode())], ["what", "who", "at"], feed_of())
    assert next(again.chunks).rows.num_rows == 1


def test_a_last_line_that_only_lacks_its_end_is_a_row_with_a_remark(tmp_path: Path) -> None:
    for last in ("c2,2025-01-06,view", "c2,2025-01-06,v"):
        rows, reasons, remarks = read(tmp_path, f"{HEAD}\n{ROW}\n{last}")
        assert (rows, reasons) == ([2, 3], {})
        assert remarks[0].startswith("The last line of a.csv has no line end, unlike the others.")
    assert read(tmp_path, f"{HEAD}\n{ROW}\n{ROW}\n") == ([2, 3], {}, [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!DOCTYPE html><table>", "is a web page"),
        ("[\n {\n", 'is a JSON file.*format = "json"'),
        ('{"who": "c1"}\n', '"jsonl"'),
        ("PAR1....", 'format = "parquet"'),
        ("%PDF-1.4", "is a PDF"),
        ("\xd0\xcf\x11\xe0", "old form"),
    ],
)
def test_another_kind_of_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileRefused, match=words):
        readers.open_file(path, feed_of())
