"""Delimited text: every line ends as a row or as a reject, and an open quote swallows nothing."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.readers import csv_reader, readers
from retention_ml.deliveries.readers.csv_reader import parse_block
from retention_ml.deliveries.readers.dialect import Dialect, State
from retention_ml.errors import FileRefused
from tests.chaos.counts import count
from tests.worlds.feeds import GOOD, HEADER, line, write

COMMA = Dialect(",")


def parse(data: bytes, *, names: str = "abc", dialect: Dialect = COMMA, terminator: int = 10):  # type: ignore[no-untyped-def]
    """Rows by line number, and reasons by line number."""
    parsed = parse_block(
        data, dialect=dialect, header=list(names), wanted=list(names),
        first_line=2, terminator=terminator, is_last=True,
    )  # fmt: skip
    columns = [parsed.columns[name].to_pylist() for name in names]
    rows = dict(zip(parsed.numbers.tolist(), zip(*columns, strict=True), strict=True))
    return rows, {reject.line_number: str(reject.reason) for reject in parsed.rejects}


@pytest.mark.parametrize(
    ("data", "rows", "reasons"),
    [
        (b"1,2,3\n4,5,6\n", {2: ("1", "2", "3"), 3: ("4", "5", "6")}, {}),
        (b"1,2,3\r\n4,5,6", {2: ("1", "2", "3"), 3: ("4", "5", "6")}, {}),
        (b'1,"a, ""b""",3\n', {2: ("1", 'a, "b"', "3")}, {}),
        (b'1,7" frame,3\n', {2: ("1", '7" frame', "3")}, {}),
        (b"1,2\n1,2,3,4\n1,2,3\n", {4: ("1", "2", "3")}, {2: "wrong_field_count", 3: "wrong_field_count"}),
        (b'1,"a\nb",3\n4,5,6\n', {2: ("1", "a\nb", "3"), 4: ("4", "5", "6")}, {}),
        (b'"a\nb",2,3\n4,5,6\n', {2: ("a\nb", "2", "3"), 4: ("4", "5", "6")}, {}),
        (b'1,"a,3\n4,5,6\n7,8,9\n', {3: ("4", "5", "6"), 4: ("7", "8", "9")}, {2: "unclosed_quote"}),
        (b'1,"a,3\n4,"b",6\n', {3: ("4", "b", "6")}, {2: "unclosed_quote"}),
        (b'"1","a,"3"\n"4","b","6"\n', {3: ("4", "b", "6")}, {2: "unclosed_quote"}),
        (b'1,"a,3\n4,frame 7",6\n', {3: ("4", 'frame 7"', "6")}, {2: "unclosed_quote"}),
        (b'1,2,"3', {}, {2: "unclosed_quote"}),
        (b'1,"a"b",3"\n4,5,6\n', {3: ("4", "5", "6")}, {2: "malformed_quotes"}),
        (b"1,2,\xff\n4,5,6\n", {3: ("4", "5", "6")}, {2: "bad_encoding"}),
        (b"1,2,\xc3\xbc\n", {2: ("1", "2", "ü")}, {}),
        (b"1,\x00,3\n4,5,6\n", {3: ("4", "5", "6")}, {2: "nul_byte"}),
        (b"1,2,3\n\n4,5,6\n\n\n", {2: ("1", "2", "3"), 4: ("4", "5", "6")}, {3: "empty_line"}),
        (b"1,a\rb,3\n4,5,6\n", {3: ("4", "5", "6")}, {2: "stray_line_end"}),
        (b"NA,00123,12345678901234567890\n", {2: ("NA", "00123", "12345678901234567890")}, {}),
        (b"", {}, {}),
        (b'1,"a\nb",3,4\n5,6,7\n', {4: ("5", "6", "7")}, {2: "wrong_field_count"}),
        (b'1,"a\n7,8\nb",3\n', {2: ("1", "a\n7,8\nb", "3")}, {}),
        (b'1,"a,3\n4,5,6\n9,",3\n', {3: ("4", "5", "6")}, {2: "unclosed_quote", 4: "unclosed_quote"}),
    ],
)  # fmt: skip
def test_each_line_is_a_row_or_a_reject(data: bytes, rows: object, reasons: object) -> None:
    assert parse(data) == (rows, reasons)


def test_lines_that_end_with_carriage_returns_only() -> None:
    rows, reasons = parse(b"1,2,3\r4,5,6\r", terminator=13)
    assert (len(rows), reasons) == (2, {})


def test_a_field_beyond_the_limit_costs_its_line_only() -> None:
    huge = b"x" * 10_000_000
    rows, reasons = parse(b"1," + huge + b",3\n4,5,6\n" + b'7,"' + huge + b'",9\n')
    assert (set(rows), reasons) == ({3}, {2: "field_too_long", 4: "field_too_long"})


def naive(data: bytes) -> int:
    """The rows a plain csv.reader finds: the reader this one must be better than."""
    rows = csv.reader(io.StringIO(data.decode("utf-8", "replace")))
    return sum(1 for row in rows if len(row) == 3)


def test_the_naive_reader_is_caught_swallowing_rows() -> None:
    data = b'1,"a,3\n' + b"4,5,6\n" * 20
    assert naive(data) == 0  # the open quote swallowed all twenty
    assert len(parse(data)[0]) == 20


def test_a_field_over_any_number_of_lines_is_read_and_one_too_long_is_one_reject() -> None:
    note = b"\n".join([b"text, and more"] * 5_000)
    rows, reasons = parse(b'1,"' + note + b'",3\n4,5,6\n')
    assert (len(rows[2][1]), rows[5_002], reasons) == (len(note), ("4", "5", "6"), {})
    beyond = b"\n".join([b"text"] * 30_000)
    rows, reasons = parse(b'1,"' + beyond + b'",3\n4,5,6\n')
    assert (rows, reasons) == ({30_002: ("4", "5", "6")}, {2: "field_too_long"})


@pytest.mark.fault("a quote that is never closed", promises="P1", row=18)
def test_a_field_that_is_not_closed_within_the_look_ahead_costs_its_own_line() -> None:
    rows, reasons = parse(b'1,"a\n' + b"text\n" * 220_000 + b'",3\n4,5,6\n')
    assert reasons[2] == "unclosed_quote"
    assert set(rows) == {220_004}


def test_a_line_of_text_with_as_many_commas_as_the_header_belongs_to_its_note() -> None:
    rows, reasons = parse(b'1,"Dear, all\nplease, do\nbye"\n2,ok\n', names="ab")
    assert rows == {2: ("1", "Dear, all\nplease, do\nbye"), 5: ("2", "ok")}
    assert not reasons


@pytest.mark.parametrize("line", [b'a","\n', b'1,"\n', b'"""\n', b'a","\n1","\n', b'1,"x\n4,5,6\n'])
def test_a_file_of_open_quotes_is_read_once_and_not_once_a_line(
    line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    state = Dialect.state

    def counting(self: Dialect, raw: bytes, *before: State) -> State:
        read.append(len(raw))
        return state(self, raw, *before)

    monkeypatch.setattr(Dialect, "state", counting)
    parse(line * 2_000)
    assert sum(read) < 20 * len(line) * 2_000


@pytest.mark.parametrize(
    ("dialect", "data", "rows"),
    [
        (Dialect(",", quote=""), b'"a,7" b,"c"\n', {2: ('"a', '7" b', '"c"')}),
        (Dialect(";", quote="'"), b"'a;b';\"c;'d''e'\n", {2: ("a;b", '"c', "d'e")}),
        (Dialect(",", escape="\\"), b'1,"a \\"b\\", c",3\n', {2: ("1", 'a "b", c', "3")}),
        (Dialect("\t", quote="", escape="\\"), b"\\N\ta\\\tb\tc\\\nd\n", {2: ("\\N", "a\tb", "c\nd")}),
        (Dialect(",", escape="\\"), b'C:\\dir,"x\\\ny",a\\\\\n', {2: ("C:\\dir", "x\ny", "a\\")}),
    ],
)  # fmt: skip
def test_quotes_and_escapes_are_as_the_dialect_says(
    dialect: Dialect, data: bytes, rows: object
) -> None:
    assert parse(data, dialect=dialect) == (rows, {})


def test_nothing_may_stand_in_a_column_without_a_name() -> None:
    rows, reasons = parse(b'1,2,\n4,5,6\n7,"8",\n7,"8",9\n', dialect=Dialect(",", nameless=1))
    assert rows == {2: ("1", "2", ""), 4: ("7", "8", "")}
    assert reasons == {3: "wrong_field_count", 5: "wrong_field_count"}


@pytest.mark.fault(
    "broken CSV: quotes, line ends, ragged rows",
    promises="P1",
    row=18,
    counted="files of quotes and line ends",
)
@settings(max_examples=count("files of quotes and line ends"), deadline=None)
@given(
    st.lists(
        st.sampled_from(['"', ",", "\n", "5", '""', "\r", "\0", "7", "1,2,3\n", '1,"x",3\n']),
        max_size=60,
    )
)
def test_every_line_is_a_row_or_a_reject_and_complete_lines_are_rows(parts: list[str]) -> None:
    data = "".join(parts).encode()
    rows, reasons = parse(data)
    lines = data.split(b"\n")
    assert not set(rows) & set(reasons)
    for number, text in enumerate(lines, start=2):
        text = text.removesuffix(b"\r")
        is_plain = not any(sign in text for sign in (b'"', b"\r", b"\0"))
        if is_plain and text.count(b",") == 2 and begins_like_a_row(text):
            assert rows[number] == tuple(text.decode().split(","))


def begins_like_a_row(text: bytes) -> bool:
    """Whether the first field is a number, as in all rows of the files above."""
    return text.split(b",")[0].isdigit()


@pytest.mark.fault("bad bytes in any encoding", promises="P1", row=17, counted="files of any bytes")
@settings(max_examples=count("files of any bytes"), deadline=None)
@given(st.binary(max_size=400), st.sampled_from(['"', "'", ""]), st.sampled_from(["", "\\"]))
def test_no_bytes_crash_the_reader(data: bytes, quote: str, escape: str) -> None:
    parse(data, dialect=Dialect(",", quote, escape))


@pytest.mark.fault(
    "blocks that end anywhere", promises="P1", row=18, counted="files cut into blocks anywhere"
)
@settings(max_examples=count("files cut into blocks anywhere"), deadline=None)
@given(
    st.lists(
        st.sampled_from(["1,2,3", '1,"x\ny",3', '1,"open,3', "1,2", 'a"', "", "ü,2,3"]), max_size=40
    ),
    st.integers(1, 40),
)
def test_block_boundaries_change_nothing(lines: list[str], block: int) -> None:
    data = "\n".join(lines).encode()
    whole = parse(data)
    rows, reasons, rest, number = {}, {}, b"", 2
    pieces = [data[i : i + block] for i in range(0, len(data), block)]
    for i, piece in enumerate(pieces):
        rest += piece
        parsed = parse_block(
            rest, dialect=COMMA, header=list("abc"), wanted=list("abc"),
            first_line=number, is_last=i == len(pieces) - 1,
        )  # fmt: skip
        columns = [parsed.columns[name].to_pylist() for name in "abc"]
        rows.update(zip(parsed.numbers.tolist(), zip(*columns, strict=True), strict=True))
        reasons.update({r.line_number: str(r.reason) for r in parsed.rejects})
        rest, number = rest[parsed.consumed :], number + parsed.lines
    assert rows == whole[0]
    assert {n: r for n, r in reasons.items() if r != "empty_line"} == {
        n: r for n, r in whole[1].items() if r != "empty_line"
    }


def opened(folder: Path, data: bytes) -> readers.OpenedFile:
    path = folder / "lines.csv"
    path.write_bytes(data)
    return readers.open_file(path, load_source(folder, "shop").feeds["lines"])


@pytest.mark.parametrize(
    ("data", "words", "code"),
    [
        (HEADER.replace("price", "cost").encode(), "lacks the column 'price'.*Found 'order'", "missing_column"),
        (
            (HEADER + ",price").encode(),
            "column 'price' twice.*skip_lines = 1 and header = .*price_6.*price_7",
            "duplicate_column",
        ),
        (HEADER.replace(",", ";").encode(), "6 when split at ';'", "wrong_delimiter"),
        (HEADER.encode("utf-16"), "UTF-16", "utf_16"),
        (HEADER.encode("utf-16-le"), "UTF-16", "utf_16"),
        (b"\xff\xfa,x", "no utf-8 text", "bad_encoding"),
        (b'"order,product', "no header", "bad_header"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused(
    folder: Path, data: bytes, words: str, code: str
) -> None:
    with pytest.raises(FileRefused, match=words) as caught:
        opened(folder, data + b"\n")
    assert caught.value.reason_code == code


def test_a_file_without_a_header_is_refused_without_repeating_its_values(folder: Path) -> None:
    with pytest.raises(FileRefused, match="begins with 6 fields") as caught:
        opened(folder, line(customer="secret-13085").encode())
    assert caught.value.reason_code == "bad_header"
    assert "13085" not in str(caught.value)


def test_a_mark_at_the_beginning_reordered_and_further_columns_are_fine(folder: Path) -> None:
    names = ["note", *reversed(HEADER.split(","))]
    values = ["n", *reversed(GOOD)]
    data = b"\xef\xbb\xbf" + (",".join(names) + "\n" + ",".join(values) + "\n").encode()
    delivered = opened(folder, data)
    assert delivered.unread == ("note",)
    (chunk,) = delivered.chunks
    assert chunk.rows["order"].to_pylist() == ["1001"]


def test_a_row_of_five_thousand_columns_is_read(folder: Path) -> None:
    many = [f"x{i}" for i in range(5_000 - len(GOOD))]
    data = ",".join([HEADER, *many]) + "\n" + ",".join([*GOOD, *many]) + "\n"
    (chunk,) = opened(folder, data.encode()).chunks
    assert chunk.rows.num_rows == 1


def test_small_blocks_give_the_same_rows(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "lines.csv", [line(order=str(i), product='"a\nb"') for i in range(500)])
    feed = load_source(folder, "shop").feeds["lines"]
    whole = [
        n
        for chunk in readers.open_file(path, feed).chunks
        for n in chunk.rows["__line_number"].to_pylist()
    ]
    monkeypatch.setattr(csv_reader, "BLOCK_BYTES", 700)
    monkeypatch.setattr("retention_ml.deliveries.unpacking._PIECE", 300)
    cut = [
        n
        for chunk in readers.open_file(path, feed).chunks
        for n in chunk.rows["__line_number"].to_pylist()
    ]
    assert sorted(cut) == sorted(whole)
    assert len(cut) == 500


PIECES = st.sampled_from(
    [
        '"',
        '""',
        ",",
        ";",
        "\n",
        "\r\n",
        "\r",
        "a",
        "1.5",
        " ",
        "\0",
        "ü",
        "\\",
        '"a"',
        '"b,c"',
        "\udcff",
    ]
)


class _OneByOne(csv_reader._Lines):
    """Lines of which all with a quote go through the careful reader."""

    def _tell_quoted_apart(self, delimiters):  # type: ignore[no-untyped-def]
        super()._tell_quoted_apart(delimiters)
        self.quoted[:] = False


@settings(max_examples=count("files of quotes and line ends"), deadline=None)
@given(
    pieces=st.lists(PIECES, max_size=40),
    dialect=st.sampled_from([COMMA, Dialect(";"), Dialect(",", nameless=1), Dialect(",", escape="\\"), Dialect(",", quote="")]),
    names=st.sampled_from(["a", "ab", "abc"]),
)  # fmt: skip
def test_quoted_lines_are_the_same_all_at_once_and_one_by_one(
    pieces: list[str], dialect: Dialect, names: str
) -> None:
    data = "".join(pieces).encode("utf-8", "surrogateescape")
    fast = parse(data, names=names, dialect=dialect)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_reader, "_Lines", _OneByOne)
        assert parse(data, names=names, dialect=dialect) == fast


def test_lines_whose_fields_are_quoted_need_no_careful_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a plain line was read by the careful reader")

    monkeypatch.setattr(Dialect, "parse", fail)
    rows, reasons = parse(b'"1","a, b",""\n2,"c",\r\n"3",d,"e"\n')
    assert rows == {2: ("1", "a, b", ""), 3: ("2", "c", ""), 4: ("3", "d", "e")}
    assert reasons == {}
