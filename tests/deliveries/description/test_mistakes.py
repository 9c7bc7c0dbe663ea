"""Every word of a description is understood, or refused with file, line, key, value and a way out."""

import random
from pathlib import Path

import pytest

from retention_ml.deliveries.description.loading import load_source
from retention_ml.errors import SettingsError

PLAIN = """title = "t"
timezone = "UTC"
currency = "USD"

[feeds.orders]
files = ["orders-*.csv"]
table = "order_lines"

[feeds.orders.columns]
order_id = "order"
product_id = "sku"
customer_id = "customer"
event_at = "placed"
quantity = "qty"
line_amount_cents = { product_of = ["qty", "price"], money = true }

[[feeds.orders.rules]]
when = { status = "^paid$" }
kind = "return"
"""


def load(folder: Path, text: str | bytes) -> None:
    raw = text.encode() if isinstance(text, str) else text
    (folder / "shop.toml").write_bytes(raw)
    load_source(folder, "shop")


def answer(folder: Path, text: str) -> str:
    try:
        load(folder, text)
    except SettingsError as error:
        return str(error)
    return "good"


def refusal(folder: Path, text: str | bytes) -> str:
    with pytest.raises(SettingsError) as error:
        load(folder, text)
    message = str(error.value)
    assert "Value error" not in message
    assert "permitted" not in message
    return message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "[[feeds.orders.rules]]",
            '[[feeds.orders.per_order]]\namount = "a"\nproduct_id = "x"\n'
            '[[feeds.orders.per_order]]\namount = "b"\nproduct_id = "x"\n[[feeds.orders.rules]]',
            ("per_order", "'x' stands twice", "sum_of"),
        ),
        ('"^paid$"', '"^(?!paid)"', ("line 18", "rules.1.when.status", "RE2", "`unless`")),
        ('"^paid$"', '"(paid)\\\\1"', ("line 18", "invalid escape sequence")),
        ('"^paid$"', '"< 1.5"', ("line 18", "a comparison", "text")),
        ('"^paid$"', '"!= paid"', ("line 18", "`unless`")),
        ('"^paid$"', "[]", ("line 18", "no row would ever fit")),
        ('status = "^paid$"', 'event_at = "^2025"', ("line 18", "< 2025-01-01")),
        ('status = "^paid$"', 'event_at = "<= 2025-01-31"', ("line 18", "first moment")),
        ('status = "^paid$"', 'line_amount_cents = "< 1.5"', ("line 18", "minor units")),
        (
            'kind = "return"',
            'kind = "retrun"',
            ("line 19", "rules.1.kind", "Did you mean 'return'"),
        ),
        ('kind = "return"', "in_place = true", ("line 17", "exactly one of")),
        (
            'kind = "return"',
            'kind = "charge"\nin_place = true',
            ("line 20", "in_place does nothing"),
        ),
        ('kind = "return"', "set = { quantty = 1 }", ("line 19", "Did you mean 'quantity'")),
        ('kind = "return"', 'quarantine = "Test Order"', ("line 19", "no reason code")),
        ('"placed"', '{ column = "placed", format = "%Q" }', ("line 13", "%Q is no letter")),
        ('"placed"', '{ column = "placed", format = "%F %T" }', ("line 13", "%F is no letter")),
        ('"placed"', '{ column = "placed", format = "%H:%M" }', ("line 13", "no year")),
        ('"placed"', '{ column = "placed", format = "%d/%m/%Y %H:%m" }', ("line 13", "%m stands")),
        ('"placed"', '{ column = "placed", format = "%d/%m/%Y %I:%M" }', ("line 13", "needs %p")),
        ('"placed"', '{ column = "placed", format = "epoch" }', ("line 13", "epoch_s")),
        ('"placed"', '{ column = "placed", format = "YYYY-MM-DD" }', ("line 13", "%d/%m/%Y")),
        (
            '"placed"',
            '{ column = "placed", format = "epoch_s", timezone = "Europe/Rome" }',
            ("line 13", "event_at.timezone", "does nothing"),
        ),
        ('"placed"', '{ constant = "yesterday" }', ("line 13", "'yesterday'", "ISO date")),
        ('"placed"', '{ column = "placed", values = { a = "b" } }', ("line 13", "does nothing")),
        ('"qty"\n', '{ columns = ["qty", "order"] }\n', ("line 14", "is a number")),
        ('"qty"\n', '{ constant = "one" }\n', ("line 14", "'one'", "a whole number")),
        ('"qty"\n', "{ constant = 1.5 }\n", ("line 14", "'1.5'", "a whole number")),
        ('"qty"\n', '{ column = "qty", format = "%d" }\n', ("line 14", "does nothing")),
        ('"order"\n', '{ sum_of = ["order"] }\n', ("line 10", "order_id is text")),
        ('"order"\n', '{ product_of = ["order", "qty"] }\n', ("line 10", "order_id is text")),
        ('"order"\n', '{ column = "" }\n', ("line 10", "too short")),
        ("money = true", "monney = true", ("line 15", "'monney'", "Did you mean 'money'")),
        ("money = true", 'money = "perhaps"', ("line 15", "'perhaps'", "true or false")),
        ('"order_lines"', '"orderlines"', ("line 7", "Did you mean 'order_lines'")),
        ('"orders-*.csv"', '"in/orders-*.csv"', ("line 6", "without a folder")),
        ('table = "', 'delimeter = ";"\ntable = "', ("line 7", "Did you mean 'delimiter'")),
        ('table = "', 'sheet = "A"\ntable = "', ("line 7", "format = 'xlsx'")),
        ('table = "', 'format = "cvs"\ntable = "', ("line 7", "Did you mean 'csv'")),
        ('table = "', 'encoding = "utf8-sigg"\ntable = "', ("line 7", "no encoding of text")),
        ('table = "', 'encoding = "hex"\ntable = "', ("line 7", "no encoding of text")),
        ('table = "', 'each = "items"\ntable = "', ("line 7", "an array")),
        ('table = "', 'skip_lines = -1\ntable = "', ("line 7", "at least 0")),
        ('table = "', 'decimal = ","\ngroup = ","\ntable = "', ("line 8", "the decimal mark")),
        ('table = "', 'where = { a = "(" }\ntable = "', ("line 7", "where.a", "RE2")),
        ('table = "', 'positions = { a = [3, 1] }\ntable = "', ("line 7", "positions")),
        ('table = "', 'lookup = { file = "x.csv" }\ntable = "', ("line 7", "'on' is missing")),
        (
            'table = "',
            'lookup = { feed = "item", on = "a" }\ntable = "',
            ("line 7", "another feed"),
        ),
        (
            'table = "',
            'lookup = { file = "x.txt", on = "a", format = "fixed_width" }\ntable = "',
            ("line 7", "lookup.format", "'fixed_width' is not understood", "'csv'"),
        ),
        (
            'table = "',
            'lookup = { file = "x.parquet", on = "a", encoding = "cp1252" }\ntable = "',
            ("line 7", "lookup.encoding", "does nothing", "parquet"),
        ),
        (
            'table = "',
            'lookup = { file = "x.csv", on = "a", format = "csv", delimiter = "a" }\ntable = "',
            ("line 7", "lookup.delimiter", "expected a mark"),
        ),
        ('table = "', 'decimal = ","\ngroup = "."\ntable = "', ("line 8", "group", "','")),
        ('table = "', 'fill_down = []\ntable = "', ("line 7", "fill_down", "too short")),
        ('table = "', 'positions = { a = [3] }\ntable = "', ("line 7", "positions.a", "too short")),
        ("money = true", "money = true, whole = true", ("line 15", "whole does nothing")),
        ('"placed"', '{ constant = "2025-W05-1" }', ("line 13", "'2025-W05-1'", "ISO date")),
        ('"placed"', '{ constant = "2025-01-05T10" }', ("line 13", "ISO date")),
        ('"placed"', '{ constant = "2025-01-05 25:00" }', ("line 13", "ISO date")),
        ('customer_id = "customer"', 'customer_id = "Order"', ("line 5", "'order' and 'Order'")),
        ('customer_id = "customer"', 'customer_id = "__Line_Number"', ("line 5", "__Line_Number")),
        ('"UTC"', '"Berlin"', ("line 2", "Did you mean 'Europe/Berlin'")),
        ('"UTC"', '"EST"', ("line 2", "America/New_York")),
        ('"USD"', '"dollars"', ("line 3", "three capital letters")),
        ('"USD"', '"GBQ"', ("line 3", "'GBQ' is no currency", "Did you mean 'G")),
        ('title = "t"\n', "", ("the key 'title' is missing",)),
        ("orders-*", "orders-\\u0000*", ("line 6", "NUL")),
        ('currency = "USD"', "currency = 5", ("line 3", "5", "a text in quotes")),
        ("[feeds.orders]", "[feeds.Orders]", ("feeds.Orders", "no feed name")),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(
    tmp_path: Path, old: str, new: str, words: tuple[str, ...]
) -> None:
    assert old in PLAIN
    text = PLAIN.replace("[feeds.orders.", f"{new[:-1]}.") if new.startswith("[feeds.") else PLAIN
    message = refusal(tmp_path, text.replace(old, new, 1))
    for word in ("shop.toml", *words):
        assert word in message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"qty"\n', "{ constant = 1 }\n"),
        ("{ product_of", '{ constant = "12.50", money = true } # { product_of'),
        ('"placed"', "{ constant = 2025-01-05 }"),
        ('"placed"', '{ column = "placed", format = ["%d.%m.%Y %H:%M", "%d.%m.%Y"] }'),
        ('"placed"', '{ columns = ["day", "time"], format = "%Y-%m-%d-%H:%M:%S" }'),
        ('"placed"', '{ column = "placed", format = "%Y-%m-%d %H:%M:%S %Z" }'),
        ('status = "^paid$"', 'quantity = "< 1.5"'),
        ('status = "^paid$"', "quantity = 0"),
        ('status = "^paid$"', 'event_at = ">= 2025-01-31"'),
        ('when = { status = "^paid$" }', 'unless = { status = ["paid", "open"] }'),
        ('kind = "return"', 'kind = "return"\nin_place = true'),
        ('kind = "return"', "leave_out = true"),
        ('table = "', 'encoding = "cp932"\ntable = "'),
    ],
)
def test_what_a_reader_expects_to_be_allowed_is_allowed(tmp_path: Path, old: str, new: str) -> None:
    assert old in PLAIN
    load(tmp_path, PLAIN.replace(old, new, 1))


def test_a_description_saved_by_an_editor_of_windows_is_read(tmp_path: Path) -> None:
    load(tmp_path, b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode())


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"a = " + b"[" * 20_000, "nested too deeply"),
        (b"title = " + b"9" * 5_000, "no valid TOML"),
        (b"title = 1979-99-99", "no valid TOML"),
        (PLAIN.encode("utf-16"), "line 1, is no valid TOML: it is not written in UTF-8"),
        ("when = { 注文状況 = ['x'] }".encode(), 'need quotes: "注文状況" = …'),
        ("a = 1\nRéf. article = 'x'".encode(), 'need quotes: "Réf. article" = …'),
        (b"when = { a = 1, Order Status = 'x' }", 'need quotes: "Order Status" = …'),
        ("time\xa0zone = 'UTC'".encode(), 'In "time?zone" an invisible sign stands'),
        (b"[fee\x07ds.lines]", 'In "fee?ds.lines" an invisible sign stands'),
        (b"a = 1\na = 2", "Correct the line named"),
        (b"#" * (1 << 21), "at most"),
        (b"\xff", "UTF-8"),
    ],
)
def test_what_is_no_toml_is_refused_in_a_sentence(tmp_path: Path, raw: bytes, words: str) -> None:
    assert words in refusal(tmp_path, raw)


def test_a_folder_named_like_a_description_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").mkdir()
    with pytest.raises(SettingsError, match=r"shop\.toml cannot be read"):
        load_source(tmp_path, "shop")


def test_whatever_a_value_is_the_answer_is_a_sentence(tmp_path: Path) -> None:
    values = ("true", "-1", "1e400", "nan", '""', "[]", "{}", "[[1]]", '"é\\n"', "9" * 30,
              "1979-05-27", '["a", 1]', "{ a = { b = [] } }", '"' + "x" * 5_000 + '"')  # fmt: skip
    lines = PLAIN.splitlines()
    generator, answers = random.Random(13), list[str]()
    for at, line in enumerate(lines):
        if " = " not in line:
            continue
        for value in generator.sample(values, 4):
            mutated = [*lines[:at], f"{line.partition(' = ')[0]} = {value}", *lines[at + 1 :]]
            answers.append(answer(tmp_path, "\n".join(mutated)))
    assert {words.partition(",")[0] for words in answers} <= {"shop.toml", "good"}


def test_a_word_that_values_replaces_can_meet_no_condition(tmp_path: Path) -> None:
    text = PLAIN.replace('"customer"\n', '{ column = "customer", values = { a = "b" } }\n')
    message = refusal(tmp_path, text.replace('status = "^paid$"', 'customer_id = ["a"]'))
    assert "line 18" in message
    assert "`values` makes 'b' of it" in message
    load(tmp_path, text.replace('status = "^paid$"', 'customer_id = ["b"]'))


@pytest.mark.parametrize("zone", ['timezone_column = "zone"', 'format = "%Y-%m-%d %H:%M %Z"'])
def test_times_whose_zone_stands_in_the_row_are_not_compared(tmp_path: Path, zone: str) -> None:
    text = PLAIN.replace('"placed"', f'{{ column = "placed", {zone} }}')
    for key in ("when", "unless"):
        rule = text.replace("when = {", f"{key} = {{")
        message = refusal(tmp_path, rule.replace('status = "^paid$"', 'event_at = "< 2025-01-01"'))
        assert f"line 18: feeds.orders.rules.1.{key}.event_at" in message
        assert "each row names its zone" in message
        load(tmp_path, rule.replace('status = "^paid$"', 'event_at = "missing"'))
    where = text.replace('table = "', 'where = { event_at = "< 2025-01-01" }\ntable = "', 1)
    assert "line 7" in refusal(tmp_path, where)


@pytest.mark.parametrize(
    ("scale", "words"),
    [("[0, inf]", "lowest"), ("[-inf, 5]", "lowest"), ("[5, 1]", "lowest"), ("[1]", "too short")],
)
def test_a_scale_has_two_ends(tmp_path: Path, scale: str, words: str) -> None:
    text = f"""title = "t"
timezone = "UTC"
currency = "USD"
[feeds.stars]
files = ["stars.csv"]
table = "feedback"
[feeds.stars.columns]
feedback_id = "id"
customer_id = "customer"
event_at = "at"
kind = {{ constant = "review" }}
rating_share = {{ column = "stars", scale = {scale} }}
"""
    message = refusal(tmp_path, text)
    assert words in message
    assert "line 12" in message
    load(tmp_path, text.replace(scale, "[1, 5]"))
