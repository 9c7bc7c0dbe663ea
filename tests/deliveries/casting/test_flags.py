"""Columns that are true or false, and columns that a table has only lately."""

import hashlib
from pathlib import Path

import pytest

from retention_ml.deliveries.description.loading import load_source
from retention_ml.errors import UsageError
from tests.worlds.feeds import SHOP, Cast, cast_file, write

COLUMNS = 'columns = { product_id = "product", name = "name" }'
OFFER = (
    'columns = { product_id = "product", name = "name", is_available = '
    '{ column = "state", values = { "in stock" = "true", gone = "false" } }, '
    'stock_count = "stock", price_cents = { column = "price", money = true } }'
)


def products(folder: Path, lines: list[str], columns: str = OFFER) -> Cast:
    (folder / "shop.toml").write_text(SHOP.replace(COLUMNS, columns), encoding="utf-8")
    header = "product,name,state,stock,price"
    return cast_file(write(folder.parent / "products.csv", lines, header=header), folder)


def test_words_for_yes_and_no_are_read(folder: Path) -> None:
    words = ["in stock", "gone", "TRUE", "no", "1", "f", ""]
    rows = products(folder, [f"p{i},Pan,{word},3,1.50" for i, word in enumerate(words)]).rows
    by_product = {str(row["product_id"]): row for row in rows}
    assert [by_product[f"p{i}"]["is_available"] for i in range(len(words))] == [
        True, False, True, False, True, False, None,
    ]  # fmt: skip
    assert (by_product["p0"]["stock_count"], by_product["p0"]["price_cents"]) == (3, 150)
    assert by_product["p0"]["is_durable"] is None


def test_another_word_is_rejected_and_the_detail_says_what_was_expected(folder: Path) -> None:
    result = products(folder, ["p1,Pan,maybe,3,1.50"])
    assert result.reasons == {2: "bad_flag"}
    assert result.details[2] == "state: 'maybe', expected true or false, yes or no, 1 or 0"


def test_a_product_without_the_later_columns_has_the_content_it_always_had(folder: Path) -> None:
    before = hashlib.md5(b"2:p1" + b"3:Pan" + b"-" * 3).digest()
    [plain] = products(folder, ["p1,Pan,,,"]).rows
    [filled] = products(folder, ["p1,Pan,gone,,"]).rows
    assert plain["content_hash"] == before
    assert filled["content_hash"] != before
    assert filled["row_key"] == plain["row_key"]


def test_values_may_only_make_true_or_false(folder: Path) -> None:
    wrong = OFFER.replace('gone = "false"', 'gone = "off"')
    (folder / "shop.toml").write_text(SHOP.replace(COLUMNS, wrong), encoding="utf-8")
    with pytest.raises(UsageError, match=r"expected .*true"):
        load_source(folder, "shop")
