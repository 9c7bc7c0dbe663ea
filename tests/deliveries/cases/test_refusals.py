"""A mistake in a description is named when it is read: one sentence, no traceback."""

import re
from pathlib import Path

import pytest

from retention_ml.deliveries.inspect import check_files
from retention_ml.errors import UsageError
from retention_ml.settings import Settings
from tests.deliveries.cases.shops import head, plain, rows

FILE = rows(
    "1,2025-01-01 08:00:00,c1,S1,1,1.00,paid",
    "2,2025-01-02 08:00:00,c2,S1,2,1.00,cancelled",
    header="order,placed,customer,sku,qty,price,status",
)


def rule(condition: str, outcome: str = 'kind = "cancellation"') -> str:
    return f"[[feeds.orders.rules]]\nwhen = {{ {condition} }}\n{outcome}\n"


def at(**options: str) -> str:
    """The column `placed` with options."""
    listed = "".join(f', {name} = "{value}"' for name, value in options.items())
    return f'{{ column = "placed"{listed} }}'


# What is written, with a word of the sentence that refuses it.
MISTAKES = {
    # F10: ignored without a word.
    "a comparison on text": (plain(rules=rule('price = "< 1.5"')), "price"),
    "values on a number": (
        plain(quantity='{ column = "qty", values = { "1" = "5" } }'), "values",
    ),
    "columns for a number": (plain(quantity='{ columns = ["qty", "order"] }'), "quantity"),
    "a pattern of Java": (plain(event_at=at(format="YYYY-MM-DD HH:mm:ss")), "%Y"),
    "a format that is none": (plain(event_at=at(format="epoch_ns")), "epoch_ns"),
    "a zone beside an epoch": (
        plain(event_at=at(format="epoch_s", timezone="Europe/London")), "timezone",
    ),
    "a format on text": (
        plain(customer_id='{ column = "customer", format = "%Y" }'), "format",
    ),
    "money on text": (plain(customer_id='{ column = "customer", money = true }'), "money"),
    # F17: tracebacks.
    "a look-ahead": (plain(rules=rule('status = "^(?!paid)"')), "status"),
    "a back-reference": (plain(rules=rule(r'status = "(paid)\\1"')), "status"),
    "an unclosed bracket": (plain(rules=rule('status = "(paid"')), "status"),
    "letters of C": (plain(event_at=at(format="%F %T")), "%F"),
    "a letter for seconds": (plain(event_at=at(format="%s")), "%s"),
    "a letter that is none": (plain(event_at=at(format="%Q")), "%Q"),
    "a constant that is no number": (plain(quantity='{ constant = "one" }'), "one"),
    "a constant that is no time": (plain(event_at='{ constant = "yesterday" }'), "yesterday"),
    "a sum for text": (plain(order_id='{ sum_of = ["order"] }'), "order_id"),
    "a product for text": (plain(order_id='{ product_of = ["order", "qty"] }'), "order_id"),
    "a pattern as condition on a time": (plain(rules=rule('event_at = "^2025-01-01"')), "event_at"),
    "a list as condition on a number": (plain(rules=rule('quantity = ["1", "2"]')), "quantity"),
    # Case 14.
    "an unknown option": (
        plain(line_amount_cents='{ column = "price", monney = true }'), "money",
    ),
    "an unknown table": (
        plain().replace('table = "order_lines"', 'table = "orderlines"'), "order_lines",
    ),
    "a zone that is none": (plain(timezone="Berlin"), "Europe/Berlin"),
    "a zone that is an hour off in summer": (plain(timezone="EST"), "EST"),
    "a currency that is none": (plain(currency="dollars"), "dollars"),
    "a pattern of one part of a day": (plain(event_at=at(format="%-d")), "%-d"),
    "an unknown encoding": (plain('encoding = "latin-l"'), "latin"),
    # Neighbours.
    "an unknown key of a feed": (plain('delimeter = ";"'), "delimiter"),
    "a kind of another table": (plain(rules=rule('status = "x"', 'kind = "purchase"')), "purchase"),
    "two outcomes of a rule": (
        plain(rules=rule('status = "x"', 'kind = "return"\nleave_out = true')), "leave_out",
    ),
    "in place for a sale": (
        plain(rules=rule('status = "x"', 'kind = "sale"\nin_place = true')), "in_place",
    ),
    "two origins": (plain(order_id='{ column = "order", constant = "x" }'), "constant"),
    "a pattern without its group": (
        plain('each = { column = "sku", separator = "|", pattern = "[" }'), "pattern",
    ),
    "a member of a zip in a list": (plain('member = ["a.csv"]'), "member"),
    "a quote of two letters": (plain('quote = "ab"'), "quote"),
    "a lookup without its column": (plain('lookup = { file = "x.csv" }'), "on"),
    "a lookup of a feed that is none": (
        plain('lookup = { feed = "ordres", on = "order" }'), "orders",
    ),
    "a scale of no length": (
        plain(discount_cents='{ column = "price", scale = [1, 1] }'), "scale",
    ),
    "fixed width without positions": (plain('format = "fixed_width"'), "positions"),
    "a number where a text belongs": (plain("delimiter = 5"), "delimiter"),
    "a list where a table belongs": (plain().replace("[feeds.orders.columns]", "columns = []\n[x]"), "columns"),
    "a condition on nothing": (plain(rules="[[feeds.orders.rules]]\nwhen = {}\nkind = 'return'"), "when"),
    "an unknown column of the table": (plain(replaces='"order"'), "replaces"),
    "no feed": (head(), "feeds"),
    "fill_down without an order": (
        plain('fill_down = ["status"]', order_id='{ constant = "1" }'), "fill_down",
    ),
}  # fmt: skip


def sentence_of(settings: Settings, folder: Path, description: str) -> str:
    """The sentence that refuses the description, by the code for usage errors."""
    (folder / "orders.csv").write_text(FILE, encoding="utf-8")
    (folder / "my_shop.toml").write_text(description, encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        check_files(
            [folder / "orders.csv"],
            settings=settings.model_copy(update={"sources": folder}),
            source="my_shop",
        )
    assert refused.value.exit_code == 2
    return str(refused.value)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_when_the_description_is_read(
    settings: Settings, tmp_path: Path, mistake: str
) -> None:
    description, word = MISTAKES[mistake]
    sentence = sentence_of(settings, tmp_path, description)
    assert "my_shop.toml" in sentence
    assert word in sentence
    assert not re.search(
        r"Value error|Extra inputs|Input should|validation error|pydantic|Traceback|_duckdb",
        sentence,
    )
    assert sentence.isprintable()


def test_the_line_of_the_mistake_is_named(settings: Settings, tmp_path: Path) -> None:
    description = plain(line_amount_cents='{ column = "price", monney = true }')
    number = description.splitlines().index(
        'line_amount_cents = { column = "price", monney = true }'
    )
    assert f"line {number + 1}" in sentence_of(settings, tmp_path, description)


SOUND = {
    "a constant with decimals": plain(line_amount_cents='{ constant = "12.50", money = true }'),
    "a constant number": plain(quantity="{ constant = 1 }"),
    "a constant price": plain(line_amount_cents="{ constant = 12.5, money = true }"),
    "a date as condition on a time": plain(rules=rule('event_at = "< 2025-01-02"')),
    "a rule that sets": plain(
        rules=rule('status = "present"', "set = { line_amount_cents = 0 }")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_what_a_reader_expects_to_be_allowed_is(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    (tmp_path / "orders.csv").write_text(FILE, encoding="utf-8")
    (tmp_path / "my_shop.toml").write_text(SOUND[name], encoding="utf-8")
    inspection = check_files(
        [tmp_path / "orders.csv"],
        settings=settings.model_copy(update={"sources": tmp_path}),
        source="my_shop",
    ).feeds[0]
    assert (inspection.rows, inspection.accepted) == (2, 2)
