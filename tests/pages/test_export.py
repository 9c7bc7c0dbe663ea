"""CSV for a spreadsheet: whatever a shop's text is, it stays text."""

import csv
import io
import random

import pytest

from retention_ml.pages.export import csv_lines
from tests.chaos.counts import count

# What makes Excel, LibreOffice or Google Sheets calculate, or begin a cell anew (OWASP, CSV injection).
_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_TAILS = (
    "1+1",
    "cmd|' /C calc'!A0",
    'HYPERLINK("http://x")',
    "SUM(A1:A9)",
    "2",
    '";=1+1;"',
    "ß",
    "",
)


@pytest.mark.fault(
    "cells that begin like a formula, also after spaces, quotes and line ends",
    promises="P7",
    row=37,
    counted="cells for a spreadsheet",
)
def test_no_cell_is_a_formula_and_every_text_comes_back() -> None:
    draw = random.Random(37)
    texts = [
        draw.choice(("", " ", "  "))
        + "".join(draw.choices((*_BEGINNINGS, '"', "'", ",", ";", "a"), k=draw.randint(1, 3)))
        + draw.choice(_TAILS)
        for _ in range(count("cells for a spreadsheet"))
    ]
    rows = [{"text": text, "amount": -2.5} for text in texts]
    read = list(csv.reader(io.StringIO("".join(csv_lines(("text", "amount"), rows)), newline="")))
    assert len(read) == len(texts) + 1
    hostile = 0
    for (cell, amount), text in zip(read[1:], texts, strict=True):
        assert not cell.lstrip(" ").startswith(_BEGINNINGS)
        assert cell in (text, f"'{text}")
        assert amount == "-2.5"
        hostile += cell != text
    assert len(texts) // 2 < hostile < len(texts)


def test_text_written_as_it_is_would_be_calculated() -> None:
    """Negative control: a plain writer keeps what a spreadsheet calculates."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow(["=1+1"])
    [[cell]] = csv.reader(io.StringIO(text.getvalue()))
    assert cell.startswith(_BEGINNINGS)
