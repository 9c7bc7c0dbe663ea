"""JSON documents and lines: rows of arrays, parts, paths, keys that no row has."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.readers import readers
from retention_ml.deliveries.readers.json_document import JsonDocument
from retention_ml.deliveries.readers.json_paths import RowPicker, key_names, parse_path, value_at
from retention_ml.errors import FileRefused

COLUMNS = {"customer_id": "user.id", "event_at": "at", "event_type": "what"}
ROW = {"user": {"id": 7}, "at": "2025-01-05", "what": "view"}


def feed_of(**more: Any) -> Any:
    feed = {"files": ["*"], "format": "json", "table": "events", "columns": COLUMNS, **more}
    source = {"title": "t", "timezone": "UTC", "currency": "EUR", "feeds": {"events": feed}}
    return Source.model_validate({"name": "shop", **source}).feeds["events"]


def opened(folder: Path, document: Any, **more: Any) -> readers.OpenedFile:
    path = folder / "events.json"
    text = document if isinstance(document, str) else json.dumps(document)
    path.write_text(text, encoding=more.get("encoding", "utf-8"))
    return readers.open_file(path, feed_of(**more))


def customers(file: readers.OpenedFile) -> list[tuple[int, str]]:
    return [
        (row["__line_number"], row["user.id"])
        for chunk in file.chunks
        for row in chunk.rows.to_pylist()
    ]


@pytest.mark.parametrize(
    ("document", "more"),
    [
        ([ROW, ROW], {}),
        ({"page": 1, "events": [ROW, ROW], "errors": []}, {}),
        ({"data": {"orders": {"edges": [ROW, ROW]}}}, {}),
        ({"data": {"new": [ROW, ROW], "old": [ROW]}}, {"rows": "data.new"}),
        ({"old": [{"text": ']}\\"'}], "new": [ROW, ROW]}, {"rows": "new"}),
        ("\ufeff [\n" + json.dumps(ROW) + "\n,\n" + json.dumps(ROW) + "]\n", {}),
        ([ROW, ROW], {"encoding": "utf-16"}),
        ([ROW, ROW], {"format": "jsonl"}),
        (json.dumps(ROW) + "\n\n" + json.dumps(ROW), {"format": "jsonl"}),
    ],
)
def test_the_elements_of_an_array_are_rows(tmp_path: Path, document: Any, more: Any) -> None:
    rows = customers(opened(tmp_path, document, **more))
    assert [customer for _, customer in rows] == ["7", "7"]


def test_a_document_without_arrays_is_one_row(tmp_path: Path) -> None:
    assert customers(opened(tmp_path, ROW)) == [(1, "7")]
    order = {**ROW, "lines": [{"sku": "A"}, {"sku": "B"}]}
    columns = {**COLUMNS, "product_id": "lines.sku"}
    assert customers(opened(tmp_path, order, columns=columns, each="lines")) == [(1, "7")] * 2


@pytest.mark.parametrize(
    ("document", "more", "words", "code"),
    [
        ({"a": [ROW], "b": [ROW]}, {}, "the arrays 'a', 'b'; expected one array.*rows = \"a\"", "no_rows_array"),
        ({"a": [ROW]}, {"rows": "data.a"}, "expected the array 'data.a'", "no_rows_array"),
        (json.dumps([ROW, ROW])[:-9], {}, "cut off", "bad_json"),
        (json.dumps(ROW) + "\n" + json.dumps(ROW), {}, 'several JSON documents.*format = "jsonl"', "bad_json"),
        (json.dumps([ROW]) + "x", {}, "something after its end", "bad_json"),
        ("[" + json.dumps(ROW) + " 5]", {}, "lacks a comma", "bad_json"),
        ("user;at\n", {}, "does not begin with", "bad_json"),
        ("[" * 200_000, {}, "is no JSON document", "bad_json"),
        ('[{"user": {"id": 1,}}]', {}, "cannot be read at letter", "bad_json"),
        ([ROW], {"columns": {**COLUMNS, "customer_id": "userId"}}, "No row of events.json has 'userId'. Keys found: 'user.id'", "missing_column"),
        (json.dumps(ROW), {"format": "jsonl", "columns": {**COLUMNS, "customer_id": "userId"}}, "No row .*'userId'", "missing_column"),
    ],
)  # fmt: skip
def test_a_document_that_cannot_be_read_is_refused_before_any_row(
    tmp_path: Path, document: Any, more: Any, words: str, code: str
) -> None:
    with pytest.raises(FileRefused, match=words) as caught:
        opened(tmp_path, document, **more)
    assert caught.value.reason_code == code


def test_a_key_that_no_row_of_a_long_file_has_is_found_at_its_end(tmp_path: Path) -> None:
    lines = [json.dumps(ROW)] * 2_500
    columns = {**COLUMNS, "session_id": "session"}
    file = opened(tmp_path, "\n".join(lines), format="jsonl", columns=columns)
    with pytest.raises(FileRefused, match=r"No row of .* has 'session'"):
        list(file.chunks)
    lines[-1] = json.dumps({**ROW, "session": None})
    assert (
        len(customers(opened(tmp_path, "\n".join(lines), format="jsonl", columns=columns))) == 2_500
    )


def test_a_key_may_be_missing_where_it_is_optional_below_null_or_not_of_these_rows(
    tmp_path: Path,
) -> None:
    optional = {**COLUMNS, "session_id": {"column": "session", "optional": True}}
    assert customers(opened(tmp_path, [ROW], columns=optional))
    assert customers(opened(tmp_path, [{**ROW, "user": None}], guests=True))
    purchases = {**COLUMNS, "detail": "order.id"}
    assert customers(opened(tmp_path, [ROW], columns=purchases, where={"what": "^purchase$"}))


def test_each_element_is_a_part_of_its_row_and_a_row_without_any_is_left_out(
    tmp_path: Path,
) -> None:
    rows = [
        {**ROW, "lines": lines} for lines in ([{"sku": "A"}, {"sku": "B"}], [], None, [{"sku": 3}])
    ]
    columns = {**COLUMNS, "product_id": "lines.sku"}
    file = opened(tmp_path, [*rows, ROW, 5], columns=columns, each="lines")
    (chunk,) = file.chunks
    assert chunk.rows["__line_number"].to_pylist() == [1, 1, 4]
    assert chunk.rows["lines.sku"].to_pylist() == ["A", "B", "3"]
    assert chunk.left_out == 3
    assert [(r.line_number, r.reason, r.raw) for r in chunk.rejects] == [(6, "bad_json", b"5")]
    assert json.loads(chunk.raw([1])[0]) == rows[0]
    again = readers.open_rows([(1, chunk.raw([0])[0])], (), feed_of(columns=columns, each="lines"))
    assert next(again.chunks).rows["lines.sku"].to_pylist() == ["A", "B"]


def test_a_line_that_is_cut_is_named_so(tmp_path: Path) -> None:
    file = opened(tmp_path, json.dumps(ROW) + "\n" + json.dumps(ROW)[:-3], format="jsonl")
    rejects = [reject for chunk in file.chunks for reject in chunk.rejects]
    assert [(reject.line_number, reject.reason) for reject in rejects] == [(2, "cut_last_line")]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("items.1.sku", "B"),
        ("items.7.sku", None),
        ("params[key=page].value.text", "Mug"),
        ("params[key=a.b].value.text", "dotted"),
        ("params[key=none].value.text", None),
        ("dotted.key", 5),
        ("null.below", None),
        ("$insert_id", "i1"),
        ("list[0]", "brackets"),
    ],
)
def test_paths_lead_through_keys_indexes_and_conditions(path: str, value: Any) -> None:
    document = {
        "items": [{"sku": "A"}, {"sku": "B"}],
        "params": [
            {"key": "page", "value": {"text": "Mug"}},
            {"key": "a.b", "value": {"text": "dotted"}},
        ],
        "dotted.key": 5,
        "null": None,
        "$insert_id": "i1",
        "list[0]": "brackets",
    }
    assert value_at(document, parse_path(path)) == value


def test_lists_are_json_objects_nothing_and_truth_a_word() -> None:
    row = {"list": ["a", 1], "object": {"a": 1}, "yes": True, "no": None}
    (texts,) = RowPicker(list(row)).rows(row)  # type: ignore[misc]
    assert texts == {"list": '["a", 1]', "object": None, "yes": "true", "no": None}
    assert key_names([row]) == ("list", "object.a", "yes", "no")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('a"\\]}{[,:é', max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab.", max_size=2), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(JSON, max_size=5), JSON, st.integers(1, 7), st.sampled_from([None, 1]))
def test_a_document_in_pieces_gives_the_elements_of_its_array(
    elements: list[Any], other: Any, size: int, indent: int | None
) -> None:
    text = json.dumps({"other": other, "x": {"rows": elements}}, indent=indent).encode()

    def pieces() -> Iterator[bytes]:
        return (text[i : i + size] for i in range(0, len(text), size))

    assert "x.rows" in JsonDocument(pieces(), "utf-8", "a.json").outline().arrays
    values = [
        json.loads(e.text) for e in JsonDocument(pieces(), "utf-8", "a.json").elements("x.rows")
    ]
    assert values == elements
    cut = text[: len(text) // 2]
    with pytest.raises(FileRefused):
        JsonDocument(iter([cut]), "utf-8", "a.json").outline()


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_numbers_have_the_decimal_mark_of_the_feed_also_when_they_come_from_quarantine(
    tmp_path: Path, form: str
) -> None:
    columns = {**COLUMNS, "product_id": "price", "session_id": "text"}
    row = {**ROW, "price": 1.234, "text": "1.234"}
    document = [row] if form == "json" else json.dumps(row) + "\n"
    feed = {"format": form, "columns": columns}
    (chunk,) = opened(tmp_path, document, **feed, decimal=",").chunks
    assert chunk.rows.select(["price", "text"]).to_pylist() == [{"price": "1,234", "text": "1.234"}]
    for decimal, text in ((",", "1,234"), (".", "1.234")):
        again = readers.open_rows([(1, chunk.raw([0])[0])], (), feed_of(**feed, decimal=decimal))
        (replayed,) = again.chunks
        assert replayed.rows["price"].to_pylist() == [text]
        assert replayed.rows["text"].to_pylist() == ["1.234"]


@pytest.mark.parametrize("name", ["Art.-Nr.", "Kd.-Nr.", "Qty.", ".net", "a..b", "Nr. (ext.)"])
def test_a_name_may_have_dots_anywhere(name: str) -> None:
    (texts,) = RowPicker([name]).rows({"Art": "x", name: "5"})  # type: ignore[misc]
    assert texts == {name: "5"}
    below = f"user.{name}"
    (texts,) = RowPicker([below]).rows({"user": {name: "5"}})  # type: ignore[misc]
    assert texts == {below: "5"}
    part = f"lines.{name}"
    (texts,) = RowPicker([part], "lines").rows({"lines": [{"Art": "x", "Qty": None, name: "5"}]})  # type: ignore[misc]
    assert texts == {part: "5"}


@pytest.mark.parametrize("step", ["\u00b2", "9" * 5_000])
def test_what_is_no_place_in_a_list_leads_nowhere(step: str) -> None:
    (texts,) = RowPicker([f"list.{step}"]).rows({"list": [1, 2, 3]})  # type: ignore[misc]
    assert texts == {f"list.{step}": None}


def test_skipped_lines_may_be_more_than_a_file_has(tmp_path: Path) -> None:
    file = opened(tmp_path, json.dumps(ROW) + "\n" + json.dumps(ROW), format="jsonl", skip_lines=5)
    assert [chunk.rows.num_rows for chunk in file.chunks if chunk.rows.num_rows] == []
