"""Text without what nobody sees, spelt as its description asks."""

from pathlib import Path

import pyarrow as pa
import pytest

from retention_ml.deliveries.casting.texts import visible
from tests.worlds.feeds import SHOP, cast_file, line, write


def customers(folder: Path, *texts: str, options: str = "", feed: str = "") -> list[object]:
    """The customer of a row for each text in that column, or the reason why it is rejected."""
    shop = SHOP.replace(
        'customer_id = "customer"', f'customer_id = {{ column = "customer"{options} }}'
    )
    shop = shop.replace('table = "order_lines"', f'table = "order_lines"\nguests = true\n{feed}')
    (folder / "shop.toml").write_text(shop, encoding="utf-8")
    quoted = ['"' + text.replace('"', '""') + '"' for text in texts]
    lines = [line(order=f"A{i}", customer=text) for i, text in enumerate(quoted)]
    result = cast_file(write(folder.parent / "lines.csv", lines), folder)
    by_line: dict[int, object] = {
        int(str(row["__line_number"])): row["customer_id"] for row in result.rows
    }
    return [value for _, value in sorted({**by_line, **result.reasons}.items())]


def test_what_nobody_sees_is_taken_off(folder: Path) -> None:
    texts = [
        "C7",
        "C7\u00a0",
        "\u200bC7",
        "\ufeffC7",
        " C7\t",
        "C\u00ad7",
        "\u202aC7\u202c",
        "\u3000C7\u2009",
        "C7\x0b",
        "\x0b\u00a0C7\x0b",
    ]
    assert customers(folder, *texts) == ["C7"] * len(texts)


def test_text_of_nothing_visible_is_missing(folder: Path) -> None:
    assert customers(folder, "\u00a0", "\u200b", " \u200e ", "") == [None] * 4


def test_what_shapes_a_text_stays(folder: Path) -> None:
    texts = ["👨\u200d👩\u200d👧", "Zoë Müller", "a\u00a0b", "顧客 七"]
    assert customers(folder, *texts) == texts


def test_columns_of_plain_text_are_passed_on_as_they_are() -> None:
    rows = pa.table({"a": pa.array(["x", None, "", "é"]), "n": pa.array([1, 2, 3, 4])})
    assert visible(rows) is rows
    part = pa.table({"a": pa.chunked_array([pa.array(["x", " x", "y\u00a0", "y"])]).slice(1, 2)})
    assert visible(part)["a"].to_pylist() == ["x", "y"]


def test_spellings_are_brought_together_where_the_description_says_so(folder: Path) -> None:
    mail = customers(
        folder,
        "Ann@Shop.example",
        "ann@shop.example",
        "ANN@SHOP.EXAMPLE ",
        options=", lower = true",
    )
    assert mail == ["ann@shop.example"] * 3
    whole = customers(
        folder, "17850.0", "17850", "17850.00", "17850.5", "C1.0", options=", whole = true"
    )
    assert whole == ["17850", "17850", "17850", "17850.5", "C1.0"]
    strip = """, strip = ["=\\"", "\\"", "'"]"""
    assert customers(folder, '="00123"', "'00123", "00123", "''", "' 00123 '", options=strip) == [
        "00123", "00123", "00123", None, "00123",
    ]  # fmt: skip
    for form in ("NFC", "NFD"):
        one, other = customers(folder, "Jos\u00e9", "Jose\u0301", options=f', unicode = "{form}"')
        assert one == other
    assert customers(folder, "Jos\u00e9", "Jose\u0301") == ["Jos\u00e9", "Jose\u0301"]


def test_words_are_compared_after_spelling_and_an_empty_one_is_missing(folder: Path) -> None:
    options = ', lower = true, missing = ["n/a"], values = { Anna = "c1", GUEST = "" }'
    assert customers(folder, "ANNA", "Guest", "N/A", "bob", options=options) == [
        "c1",
        None,
        None,
        "bob",
    ]


def test_texts_that_mean_missing_in_every_column_of_a_feed(folder: Path) -> None:
    assert customers(folder, "\\N", "NULL", "null", feed='missing = ["\\\\N", "NULL"]') == [
        None,
        None,
        "null",
    ]


def test_an_id_that_a_spreadsheet_rounded_is_set_aside(folder: Path) -> None:
    mangled = ["1.23457E+12", "1,23457E+12", "1.23457e+12", "-8.80012E+12", "1E+05", "1.5E12"]
    assert customers(folder, *mangled) == ["mangled_id"] * len(mangled)
    ids = ["12E5", "12345e67", "1E5", "E+12", "7e", "1.2.3E+4", "A1.5E+12"]
    assert customers(folder, *ids) == ids


@pytest.mark.parametrize(
    ("order", "expected"),
    [({"order": "1.23457E+12"}, "mangled_id"), ({"product": "8.80012E+12"}, "mangled_id")],
)
def test_every_id_of_a_row_is_looked_at(folder: Path, order: dict[str, str], expected: str) -> None:
    result = cast_file(write(folder.parent / "lines.csv", [line(**order)]), folder)
    assert result.reasons == {2: expected}


def test_the_first_of_several_columns_that_is_not_empty(folder: Path) -> None:
    shop = SHOP.replace(
        'customer_id = "customer"', 'customer_id = { first_of = ["customer", "product"] }'
    )
    (folder / "shop.toml").write_text(shop, encoding="utf-8")
    lines = [line(), line(order="2", customer=""), line(order="3", customer="", product="")]
    result = cast_file(write(folder.parent / "lines.csv", lines), folder)
    assert {row["order_id"]: row["customer_id"] for row in result.rows} == {"1001": "c1", "2": "p1"}
    assert result.reasons == {4: "missing_customer_id"}
