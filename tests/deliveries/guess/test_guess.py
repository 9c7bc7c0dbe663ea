"""A description that was guessed: it reads the files it was guessed from, and asks what they do not say."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from retention_ml.curated.ingest import ingest
from retention_ml.deliveries.guess.guess import Guess, guess
from retention_ml.deliveries.inspect import Inspection, check_files
from retention_ml.errors import FileRefused, RetentionError
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.deliveries.guess.exports import (
    CENTS,
    CUSTOMERS,
    EXPORTS,
    FIRST,
    LINES,
    ORDERS,
    YEN,
    write,
)
from tests.worlds.archives import workbook, zipped
from tests.worlds.workbooks import cell_xml

READY_SAMPLES = Path(__file__).parents[1] / "ready" / "samples"


def write_guess(settings: Settings, folder: Path, files: Mapping[str, bytes | str]) -> Guess:
    """The guess from files, written as the source `demo`."""
    folder.mkdir(exist_ok=True)
    data = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    draft = guess(write(folder, data), name="demo", settings=settings)
    (folder / "demo.toml").write_text(draft.toml, encoding="utf-8")
    return draft


def feeds(settings: Settings, folder: Path) -> dict[str, Inspection]:
    """What the guessed description makes of the files it was guessed from."""
    files = [path for path in folder.iterdir() if path.suffix != ".toml"]
    there = settings.model_copy(update={"sources": folder})
    report = check_files(files, settings=there, source="demo")
    assert not report.refused
    return {inspection.feed: inspection for inspection in report.feeds}


@pytest.mark.parametrize("name", EXPORTS)
def test_what_is_guessed_of_an_export_reads_it(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    write_guess(settings, tmp_path / "files", EXPORTS[name]())
    lines = feeds(settings, tmp_path / "files")["lines"]
    assert lines.findings == ()
    assert lines.accepted == lines.rows - lines.left_out
    assert lines.kinds == {"sale": len(LINES)}
    assert (lines.orders, lines.customers, lines.guests) == (len(ORDERS), CUSTOMERS, 0)
    units = float(str(lines.money).split()[0].replace(",", ""))
    assert round(units * (1 if name in YEN else 100)) == CENTS
    assert str(lines.first) == f"{FIRST:%Y-%m-%d %H:%M:%S}Z"


@pytest.mark.parametrize("name", ["german", "first_row_only", "headless", "three_files"])
def test_what_is_guessed_can_be_ingested_as_it_stands(
    settings: Settings, warehouse: Warehouse, tmp_path: Path, name: str
) -> None:
    write_guess(settings, tmp_path / "files", EXPORTS[name]())
    files = [path for path in (tmp_path / "files").iterdir() if path.suffix != ".toml"]
    there = settings.model_copy(update={"sources": tmp_path / "files"})
    ingest(warehouse, settings=there, source="demo", files=files, history=True)
    rows = warehouse.read(
        "SELECT count(*) AS n, sum(line_amount_cents)::bigint AS cents FROM curated.order_lines"
    )
    assert rows.to_pylist() == [{"n": len(LINES), "cents": CENTS}]


SHOP = "order,placed,customer,sku,qty,price\n"


def shop(*rows: str, header: str = SHOP) -> dict[str, str]:
    return {"orders.csv": header + "".join(row + "\n" for row in rows)}


def test_zone_and_currency_are_asked_for_where_no_sign_stands(
    settings: Settings, tmp_path: Path
) -> None:
    draft = write_guess(settings, tmp_path, shop("1,2025-01-05 10:00:00,c1,S,1,$5.00"))
    asked = "\n".join(draft.questions)
    assert "timezone: the shop's (IANA name); the files do not say it" in asked
    assert "currency: the shop's; the files do not say it" in asked
    euros = write_guess(settings, tmp_path, shop("1,2025-01-05 10:00:00+01:00,c1,S,1,€5.00"))
    assert 'currency = "EUR"' in euros.toml
    assert "currency" not in "\n".join(euros.questions)
    assert "the times carry their own offset" in euros.toml


@pytest.mark.parametrize(
    ("setting", "title", "price", "currency", "other"),
    [
        ("USD", "マグカップ", "￥1,200", "JPY", "CNY"),
        ("EUR", "马克杯", "￥1200.50", "CNY", "JPY"),
        ("CNY", "马克杯", "¥1200.50", "CNY", ""),
        ("EUR", "mug", "$12.50", "USD", "AUD"),
        ("JPY", "mug", "1,200", "JPY", ""),
        ("KWD", "mug", "1.250", "KWD", ""),
    ],
)
def test_a_sign_of_several_currencies_is_never_beside_another_one(
    settings: Settings, tmp_path: Path, setting: str, title: str, price: str, currency: str, other: str
) -> None:  # fmt: skip
    calendar = settings.calendar.model_copy(update={"currency": setting})
    there = settings.model_copy(update={"calendar": calendar})
    header = "order,placed,customer,sku,item name,qty,price\n"
    row = f'1,2025-01-05 10:00:00,c1,S,{title},1,"{price}"'
    draft = write_guess(there, tmp_path, shop(row, header=header))
    assert f'currency = "{currency}"' in draft.toml
    assert ("minor_units = 1 " in draft.toml) is (currency == "JPY")
    assert ("minor_units = 1000" in draft.toml) is (currency == "KWD")
    asked = "\n".join(draft.questions)
    assert f"may also be {other}" in asked if other else "may also be" not in asked
    assert currency != "JPY" or "group:" not in asked


def test_the_head_names_all_files_and_used_parts_are_not_called_unused(
    settings: Settings, tmp_path: Path
) -> None:
    row = SHOP + "1,2025-01-05 10:00:00,c1,S,1,$5.00\n"
    draft = write_guess(settings, tmp_path / "a", {"o 2025.csv": row, "o_2026.csv": row})
    head = draft.toml.replace("\n# ", " ")
    assert "sources check 'o 2025.csv' o_2026.csv --source demo" in head
    many = {f"orders_{year}.csv": row for year in range(2010, 2020)}
    head = write_guess(settings, tmp_path / "b", many).toml.replace("\n# ", " ")
    assert "sources check orders*.csv --source demo" in head
    draft = write_guess(settings, tmp_path / "c", EXPORTS["headless"]())
    unused = draft.toml.partition("# Not used: ")[2]
    assert not {"buyer", "customer"} & set(unused.replace("\n# ", " ").rstrip(".\n").split(", "))


@pytest.mark.parametrize(
    ("days", "pattern", "is_sure"),
    [
        (("05/01/2025", "17/01/2025"), "%d/%m/%Y", True),
        (("01/05/2025", "01/17/2025"), "%m/%d/%Y", True),
        (("03/04/2025", "04/04/2025"), "%d/%m/%Y", False),
        # Read the other way, it would jump from month to month.
        (("01/05/2025", "01/06/2025", "01/07/2025", "01/08/2025"), "%m/%d/%Y", False),
        (("1/5/2025", "1/6/2025", "2/1/2025"), "%m/%d/%Y", False),
    ],
)
def test_both_orders_of_day_and_month_are_named_where_both_fit(
    settings: Settings, tmp_path: Path, days: tuple[str, ...], pattern: str, is_sure: bool
) -> None:
    rows = [f"{i},{day},c{i},S,1,5.00" for i, day in enumerate(days)]
    draft = write_guess(settings, tmp_path, shop(*rows))
    assert f'event_at = {{ column = "placed", format = "{pattern}" }}' in draft.toml
    swapped = "%m/%d/%Y" if pattern == "%d/%m/%Y" else "%d/%m/%Y"
    asked = [question for question in draft.questions if "event_at" in question]
    assert bool(asked) is not is_sure
    assert all(repr(swapped) in question for question in asked)


def test_words_of_a_status_become_rules(settings: Settings, tmp_path: Path) -> None:
    header = "order,placed,customer,sku,qty,price,Bestellstatus\n"
    rows = [
        f"{i},2025-01-{10 + i} 10:00:00,c{i},S,1,5.00,{word}"
        for i, word in enumerate(("versendet", "storniert", "erstattet", "fehlgeschlagen", "offen"))
    ]
    draft = write_guess(settings, tmp_path, shop(*rows, header=header))
    lines = feeds(settings, tmp_path)["lines"]
    assert lines.kinds == {"sale": 2, "cancellation": 1, "return": 1}
    assert (lines.accepted, lines.left_out) == (4, 1)
    assert any("not paid yet?" in question for question in draft.questions)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("注文の様子", ("発送済", "キャンセル")),
        ("Lage", ("versendet", "storniert")),
        ("column_9", ("delivered", "Cancelled")),
    ],
)
def test_a_status_is_recognised_by_its_words_whatever_its_header(
    settings: Settings, tmp_path: Path, header: str, words: tuple[str, str]
) -> None:
    rows = [f"{i},2025-01-{10 + i} 10:00:00,c{i},S,1,5.00,{words[i % 2]}" for i in range(6)]
    rows += [f"{i},,,T,1,5.00," for i in range(6)]
    rows.sort(key=lambda row: row[0])
    named = f"order,placed,customer,sku,qty,price,{header}\n"
    draft = write_guess(settings, tmp_path, shop(*rows, header=named))
    lines = feeds(settings, tmp_path)["lines"]
    assert lines.kinds == {"sale": 6, "cancellation": 6}
    assert any(f"is {header} the order's status?" in question for question in draft.questions)
    assert "Not used" not in draft.toml


def test_a_second_column_that_says_so_is_asked_about(settings: Settings, tmp_path: Path) -> None:
    header = "order,placed,customer,sku,qty,price,status,Lager,Farbe\n"
    rows = [
        "1,2025-01-15 10:00:00,c,S,1,5.00,Cancelled,ok,rot",
        "2,2025-01-16 10:00:00,d,S,2,5.00,Shipped,retoure,blau",
    ]
    draft = write_guess(settings, tmp_path, shop(*rows, header=header))
    asked = "\n".join(draft.questions)
    assert "Lager says so in 1 row; does it decide?" in asked
    assert '# when = { Lager = ["retoure"] }' in draft.toml
    assert "# Not used: Farbe." in draft.toml
    assert feeds(settings, tmp_path)["lines"].kinds == {"sale": 1, "cancellation": 1}


def test_an_unsure_customer_is_asked_about(settings: Settings, tmp_path: Path) -> None:
    header = "order,placed,the customer that was billed,sku,qty,price\n"
    draft = write_guess(settings, tmp_path, shop("1,2025-01-15 10:00:00,c,S,1,5.00", header=header))
    assert any("customer_id: is it?" in question for question in draft.questions)


def test_cancelled_rows_without_an_amount_are_left_out(settings: Settings, tmp_path: Path) -> None:
    header = "order,placed,customer,sku,qty,price,status\n"
    rows = ["1,2025-01-15 10:00:00,c,S,1,5.00,Shipped", "2,2025-01-16 10:00:00,c,S,0,,Cancelled"]
    write_guess(settings, tmp_path, shop(*rows, header=header))
    lines = feeds(settings, tmp_path)["lines"]
    assert (lines.accepted, lines.left_out, lines.findings) == (1, 1, ())


def test_money_that_makes_the_orders_totals_add_up_becomes_a_line(
    settings: Settings, tmp_path: Path
) -> None:
    header = "order,placed,customer,sku,qty,price,shipping,discount amount,total\n"
    rows = [
        "1,2025-01-15 10:00:00,c,S,2,5.00,4.90,0.00,14.90",
        "2,2025-01-16 10:00:00,d,S,1,5.00,4.90,1.00,8.90",
        "3,2025-01-17 10:00:00,c,S,3,5.00,0.00,2.00,13.00",
    ]
    draft = write_guess(settings, tmp_path, shop(*rows, header=header))
    assert draft.toml.count("with it the orders' totals ('total') add up") == 2
    assert feeds(settings, tmp_path)["lines"].money == "36.80 USD"


def test_a_price_that_is_of_the_line_is_told_by_the_orders_totals(
    settings: Settings, tmp_path: Path
) -> None:
    header = "order,placed,customer,sku,qty,price,order total\n"
    rows = ["1,2025-01-15 10:00:00,c,S,2,10.00,15.00", "1,2025-01-15 10:00:00,c,T,1,5.00,15.00"]
    write_guess(settings, tmp_path, shop(*rows, header=header))
    assert feeds(settings, tmp_path)["lines"].money == "15.00 USD"


def test_spellings_of_ids_and_words_for_nothing_are_brought_together(
    settings: Settings, tmp_path: Path
) -> None:
    rows = [
        "1,2025-01-15 10:00:00,17850.0,S,1,5.00",
        "2,2025-01-16 10:00:00,17850,S,1,5.00",
        "3,2025-01-17 10:00:00,\\N,S,1,5.00",
    ]
    write_guess(settings, tmp_path, shop(*rows))
    lines = feeds(settings, tmp_path)["lines"]
    assert (lines.customers, lines.guests, lines.suspicions) == (1, 1, ())


def test_tables_of_a_database_find_each_other(settings: Settings, tmp_path: Path) -> None:
    files = {
        "customers.csv": "id,email,country,created_at\n1,a@x.example,DE,2024-01-05\n2,b@x.example,FR,2024-02-15\n",
        "products.csv": "id,name,category,price\n11,Mug,Kitchen,12.00\n12,Pot,Kitchen,30.00\n",
        "orders.csv": "id,customer_id,created_at,status\n501,1,2025-01-15 10:00:00,paid\n"
        "502,2,2025-01-16 10:00:00,cancelled\n",
        "order_items.csv": "id,order_id,product_id,quantity,price\n1,501,11,2,12.00\n2,501,12,1,30.00\n"
        "3,502,12,1,30.00\n",
    }
    write_guess(settings, tmp_path, files)
    by_name = feeds(settings, tmp_path)
    assert by_name.keys() == {"customers", "products", "lines"}
    lines = by_name["lines"]
    assert (lines.customers, lines.money) == (2, "54.00 USD")
    assert lines.kinds == {"sale": 2, "cancellation": 1}


def test_events_are_told_from_orders(settings: Settings, tmp_path: Path) -> None:
    rows = (
        "2025-01-15 10:00:00 UTC,view,1,u1,s1\n2025-01-15 10:01:00 UTC,cart,1,u1,s1\n"
        "2025-01-15 10:02:00 UTC,heartbeat,,u1,s1\n2025-01-15 10:03:00 UTC,purchase,1,u1,s1\n"
    )
    header = "event_time,event_type,product_id,user_id,user_session\n"
    draft = write_guess(settings, tmp_path, {"log.csv": header + rows})
    events = feeds(settings, tmp_path)["events"]
    assert (events.table, events.accepted, events.left_out) == ("events", 3, 1)
    assert any("map those of use" in question for question in draft.questions)


def test_reviews_are_feedback(settings: Settings, tmp_path: Path) -> None:
    text = "review_id,customer_id,created_at,stars\nr1,c1,2025-01-15 10:00:00,5\nr2,c2,2025-01-16 10:00:00,1\n"
    write_guess(settings, tmp_path, {"reviews.csv": text})
    assert feeds(settings, tmp_path)["feedback"].accepted == 2


def test_lines_in_a_cell_are_proposed(settings: Settings, tmp_path: Path) -> None:
    text = "order,placed,customer,items,total\n1,2025-01-15 10:00,c,Tea x 2 | Cup x 1,18.00\n2,2025-01-16 10:00,d,Pot x 1,30.00\n"
    draft = write_guess(settings, tmp_path, {"orders.csv": text})
    assert '# each = { column = "items", separator = " | "' in draft.toml
    assert feeds(settings, tmp_path)["lines"].accepted == 2


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("'order','placed','customer','sku','qty','price'\n'1','2025-01-15','c','it''s','1','5.00'\n", 'quote = "\'"'),
        ('"order","placed","customer","sku","qty","price"\n"1","2025-01-15","c","5\\" pot","1","5.00"\n', "escape = '\\'"),
        ("sep=;\norder;placed;customer;sku;qty;price\n1;2025-01-15;c;S;1;5,00\n", "skip_lines = 1"),
    ],
)  # fmt: skip
def test_quotes_and_lines_before_the_header(
    settings: Settings, tmp_path: Path, text: str, option: str
) -> None:
    draft = write_guess(settings, tmp_path, {"orders.csv": text})
    assert option in draft.toml
    assert feeds(settings, tmp_path)["lines"].accepted == 1


def test_a_ready_description_that_fits_is_named(settings: Settings, tmp_path: Path) -> None:
    (sample,) = (READY_SAMPLES / "rees46").iterdir()
    draft = write_guess(settings, tmp_path, {sample.name: sample.read_bytes()})
    assert "`retention sources init rees46`" in draft.toml


@pytest.mark.parametrize("sample", sorted(path.name for path in READY_SAMPLES.iterdir()))
def test_a_real_format_gives_a_description_that_can_be_read(
    settings: Settings, tmp_path: Path, sample: str
) -> None:
    files = [path for path in (READY_SAMPLES / sample).rglob("*") if path.is_file()]
    write_guess(settings, tmp_path, {path.name: path.read_bytes() for path in files})
    assert feeds(settings, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
        b"just one line of words",
        b'{"a": [1, 2',
        b"[1, 2, 3]",
        b"PK\x03\x04" + b"\0" * 40,
        b"a,b\n",
        b"colour,size\nred,L\nblue,M\n",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'[{"id": 1, "at": ' + b'{"a":' * 600 + b"1" + b"}" * 600 + b"}]",
        workbook({"Lines": f"<row r='1'>{cell_xml('A1', 1.0)}{cell_xml('XFD1048576', 1.0)}</row>"}),
        zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<x/>"}),
        zipped({"xl/workbook.bin": b"x", "[Content_Types].xml": b"<x/>"}),
    ],
)  # fmt: skip
def test_what_cannot_be_guessed_is_refused_in_a_sentence(
    settings: Settings, tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(FileRefused) as refused:
        write_guess(settings, tmp_path, {"orders.csv": content})
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    "name", ["german", "first_row_only", "headless", "spreadsheet", "columnar"]
)
def test_a_damaged_file_ends_in_a_sentence_or_a_description(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    ((file, data),) = EXPORTS[name]().items()
    for place in range(0, len(data), max(1, len(data) // 12)):
        broken = data[:place] + b'\0"\xff' + data[place + 3 : -place or None]
        with suppress(RetentionError):
            write_guess(settings, tmp_path, {file: broken})
