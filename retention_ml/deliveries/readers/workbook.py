"""Workbooks (.xlsx): the rows of one sheet as text, dates as ISO 8601.

What a workbook unpacks to, and how far its cells reach, is counted before it is opened.
"""

import datetime
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import python_calamine
from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from retention_ml.deliveries import unpacking
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.readers import chunks
from retention_ml.deliveries.readers.json_paths import Number, as_json
from retention_ml.deliveries.sealing.stored_file import DeliveredFile
from retention_ml.errors import FileRefused, first_words

UNPACKED_BYTES_MAX = 512 << 20
CELLS_MAX = 16_000_000
_OLE2 = b"\xd0\xcf\x11\xe0"
_PIECE = 1 << 20
_WHOLE_MAX = 10**15  # beyond, a spreadsheet has lost digits
_TAG_BYTES_MAX = 16 << 20
# Cells and rows that hold nothing, and the places of all others: `r="B5"` of a cell, `r="5"` of a row.
_EMPTY_TAGS = re.compile(rb'<(?:\w+:)?(?:c|row)(?:\s+[\w:.]+="[^"<>]*")*\s*/>')
_EMPTY_ROWS = re.compile(rb'<row(?:\s+[\w:.]+="[^"<>]*")*\s*>\s*</row>')
_PLACE = re.compile(rb"\br\s*=\s*[\"']\s*([A-Za-z]{0,9})(\d{1,10})")
_EMPTY = ("", None)


def open_workbook(path: DeliveredFile, feed: Feed, name: str) -> chunks.OpenedFile:
    """The rows of a sheet of a workbook; see `readers.open_file`."""
    require_workbook(path, name)
    with refusal_of_damage(name):
        sheet = _sheet(load_workbook(path), feed, name)
        rows = enumerate(sheet.iter_rows(), start=1)
        columns = list(feed.header) or _header_of(rows, feed)
    while columns and not columns[-1]:
        columns.pop()
    unread = chunks.check_header(columns, feed, name)
    wanted = chunks.wanted_columns(feed, columns)

    def read() -> Iterator[chunks.Chunk]:
        with refusal_of_damage(name):
            waiting: list[tuple[int, Sequence[Any]]] = []
            for number, cells in rows:
                if number > feed.skip_lines and any(cell not in _EMPTY for cell in cells):
                    waiting.append((number, cells))
                if len(waiting) == chunks.CHUNK_ROWS:
                    yield _chunk(waiting, columns, wanted, feed.decimal)
                    waiting = []
            yield _chunk(waiting, columns, wanted, feed.decimal)

    return chunks.OpenedFile(tuple(columns), read(), unread)


def load_workbook(path: DeliveredFile) -> CalamineWorkbook:
    """The workbook, which is in memory for the most part."""
    if isinstance(path, Path):
        return CalamineWorkbook.from_path(path)
    with path.open() as stream:
        return CalamineWorkbook.from_filelike(stream)


def require_workbook(path: DeliveredFile, name: str) -> None:
    """Refuse what is no workbook, and one that is larger inside than it may be."""
    with path.open("rb") as stream:
        beginning = stream.read(8)
    if beginning.startswith(_OLE2):
        raise _other(
            name, "a workbook of an old form (.xls) or with a password", "Save it as .xlsx"
        )
    if unpacking.packing(path) != "zip":
        raise _other(name, "no workbook", "Deliver it as .xlsx, or set the format of its feed")
    try:
        with path.open("rb") as stream, unpacking.open_zip(stream, name) as archive:
            parts = archive.infolist()
            names = {part.filename for part in parts}
            if "xl/workbook.xml" not in names:
                raise _other(name, "a zip file and no .xlsx workbook", "Save it as .xlsx, unpacked")
            size = sum(part.file_size for part in parts)
            if size > UNPACKED_BYTES_MAX:
                raise FileRefused(
                    f"{name} unpacks to {size:,} bytes; at most {UNPACKED_BYTES_MAX:,} are accepted "
                    "of a workbook. Deliver it as CSV.",
                    "zip_bomb",
                )
            for part in parts:
                if part.filename.endswith(".xml"):
                    _require_few_cells(archive, part, name)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise FileRefused(
            f"{name} is a workbook that is damaged or cut off ({first_words(error)[:80]}). "
            "Deliver it again.",
            "truncated_file",
        ) from error


def _other(name: str, what: str, advice: str) -> FileRefused:
    return FileRefused(
        f"{name} is {what}; expected an .xlsx workbook. {advice}.", "unreadable_file"
    )


def _require_few_cells(archive: zipfile.ZipFile, part: zipfile.ZipInfo, name: str) -> None:
    """All cells between the first and the last are held in memory, the empty ones too."""
    right, below = 1, 0
    with archive.open(part) as stream:
        for text in _whole_tags(stream):
            filled = _EMPTY_ROWS.sub(b"", _EMPTY_TAGS.sub(b"", text))
            for letters, digits in _PLACE.findall(filled):
                column = 0
                for letter in letters.upper():
                    column = column * 26 + letter - 64
                right, below = max(right, column), max(below, int(digits))
    if right * below > CELLS_MAX:
        raise FileRefused(
            f"{name} has a cell in row {below:,} or column {right:,} of a sheet, which makes "
            f"{right * below:,} cells; at most {CELLS_MAX:,} are accepted. Clear the cells that stand "
            "apart, or deliver it as CSV.",
            "zip_bomb",
        )


def _whole_tags(stream: IO[bytes]) -> Iterator[bytes]:
    """XML in pieces that end before a tag."""
    rest = b""
    while piece := stream.read(_PIECE):
        text = rest + piece
        end = text.rfind(b"<")
        if b"\0" in piece or len(text) - end > _TAG_BYTES_MAX:
            raise zipfile.BadZipFile("no XML in UTF-8")
        if end > 0:
            yield text[:end]
        rest = text[max(end, 0) :]
    yield rest


@contextmanager
def refusal_of_damage(name: str) -> Iterator[None]:
    """Refuse a workbook of which the library says anything else than its rows."""
    try:
        yield
    except BaseException as error:
        # What the library does not expect in a workbook reaches us as no ordinary exception.
        is_panic = type(error).__name__ == "PanicException"
        if not is_panic and not isinstance(
            error, python_calamine.CalamineError | OSError | ValueError
        ):
            raise
        raise FileRefused(
            f"{name} is a workbook that cannot be read ({first_words(error)[:120]}). Save it again as .xlsx and "
            "deliver it.",
            "unreadable_file",
        ) from error


def _sheet(workbook: CalamineWorkbook, feed: Feed, name: str) -> CalamineSheet:
    sheets = [s for s in workbook.sheets_metadata if s.typ == SheetTypeEnum.WorkSheet]
    if feed.sheet is not None:
        chosen = [s.name for s in sheets if s.name.strip() == feed.sheet.strip()]
    else:
        visible = [s.name for s in sheets if s.visible == SheetVisibleEnum.Visible]
        chosen = [one for one in visible if workbook.get_sheet_by_name(one).end is not None]
        chosen = chosen or visible[:1]
    if len(chosen) != 1:
        expected = f"one that is called {feed.sheet!r}" if feed.sheet else "one with rows"
        raise FileRefused(
            f"{name} has the sheets {chunks.list_names([s.name for s in sheets])}; expected "
            f"{expected}. Name the sheet in the feed, such as "
            f"sheet = {json.dumps(sheets[0].name if sheets else 'Orders', ensure_ascii=False)}.",
            "wrong_sheet",
        )
    return workbook.get_sheet_by_name(chosen[0])


def _header_of(rows: Iterator[tuple[int, Sequence[Any]]], feed: Feed) -> list[str]:
    """The names in the first row that has any, after those to skip."""
    for number, cells in rows:
        if number > feed.skip_lines and any(cell not in _EMPTY for cell in cells):
            return [chunks.clean_name(cell_text(cell, ".") or "") for cell in cells]
    return []


def _chunk(
    rows: Sequence[tuple[int, Sequence[Any]]],
    columns: Sequence[str],
    wanted: Sequence[str],
    decimal: str,
) -> chunks.Chunk:
    places = {name: i for i, name in enumerate(columns)}
    texts = {
        name: pa.chunked_array(
            [
                pa.array(
                    [cell_text(cells[i], decimal) if i < len(cells) else None for _, cells in rows],
                    pa.string(),
                )
            ]
        )
        for name, i in ((name, places[name]) for name in wanted)
    }
    numbers = pa.array([number for number, _ in rows], pa.int64())

    def raw(indexes: Sequence[int]) -> list[bytes]:
        return [_as_json(rows[i][1], columns).encode() for i in indexes]

    return chunks.Chunk(pa.table({**texts, chunks.LINE_NUMBER: numbers}), raw)


def _as_json(cells: Sequence[Any], columns: Sequence[str]) -> str:
    row: dict[str, str | None] = {}
    for name, cell in zip(columns, cells, strict=False):
        if name:
            is_number = isinstance(cell, int | float) and not isinstance(cell, bool)
            text = cell_text(cell, ".")
            row[name] = Number(text) if is_number and text else text
    return as_json(row)


def cell_text(cell: Any, decimal: str) -> str | None:
    """A cell as text: a number as it is shown with all its digits, a date as ISO 8601.

    Examples
    --------
    >>> cell_text(17850.0, "."), cell_text(12.5, ","), cell_text(True, ".")
    ('17850', '12,5', 'true')
    """
    if cell in _EMPTY:
        return None
    if isinstance(cell, str):
        return cell.replace("\0", "")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return _number_text(float(cell)).replace(".", decimal)
    if isinstance(cell, datetime.datetime):
        moment: datetime.datetime = cell
        with suppress(OverflowError):  # in the last millisecond of the year 9999
            moment += datetime.timedelta(microseconds=500)
        return moment.isoformat(" ", "milliseconds").removesuffix(".000")
    if isinstance(cell, datetime.timedelta):
        seconds = round(cell.total_seconds())
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(cell, datetime.time):
        return cell.isoformat("seconds")
    return str(cell)


def _number_text(value: float) -> str:
    if abs(value) >= _WHOLE_MAX:
        return f"{value:.15G}"
    if value.is_integer():
        return str(int(value))
    text = f"{value:.15g}"
    return text if "e" not in text else f"{value:.15f}".rstrip("0")
