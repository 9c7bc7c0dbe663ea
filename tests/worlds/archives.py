"""Packed files, as bytes."""

import io
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.worlds.workbooks import Cell, write_workbook


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip file of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def workbook(sheets: Mapping[str, Sequence[Sequence[Cell]]]) -> bytes:
    """A workbook that has the same bytes whenever it is made."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_workbook(Path(folder) / "x.xlsx", sheets)
        with zipfile.ZipFile(path) as archive:
            return zipped({name: archive.read(name) for name in archive.namelist()})
