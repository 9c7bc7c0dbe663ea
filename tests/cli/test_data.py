"""A shop's data engineer at the command line: a bad file, its sentence, the mended description."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from retention_ml.cli import app
from retention_ml.maintenance.invariants import violations
from retention_ml.warehouse import Warehouse

pytestmark = pytest.mark.suites

SHOP = """
title = "A German shop"
timezone = "Europe/Berlin"
currency = "EUR"

[feeds.lines]
files = ["Bestellungen-*.csv"]
delimiter = ";"
table = "order_lines"

[feeds.lines.columns]
order_id = "Bestellnummer"
product_id = "Artikelnummer"
customer_id = "Kundennummer"
event_at = { column = "Bestelldatum", format = "%d.%m.%Y %H:%M" }
quantity = "Menge"
unit_price_cents = { column = "Einzelpreis", money = true }
line_amount_cents = { product_of = ["Menge", "Einzelpreis"], money = true }
"""
HEADER = "Bestellnummer;Kundennummer;Bestelldatum;Artikelnummer;Menge;Einzelpreis"


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shop's description, on a warehouse of its own."""
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setenv("RETENTION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RETENTION_SOURCES", str(tmp_path / "sources"))
    (tmp_path / "sources").mkdir()
    path = tmp_path / "sources" / "my_shop.toml"
    path.write_text(SHOP, encoding="utf-8")
    return path


def orders(folder: Path, name: str, *, price: str = "2.50", rows: int = 120) -> Path:
    """A file of order lines."""
    text = [f"{name}{n};K-{n};31.12.2025 14:05;P{n % 7};2;{price}" for n in range(rows)]
    path = folder / f"Bestellungen-{name}.csv"
    path.write_text("\n".join([HEADER, *text]) + "\n", encoding="utf-8")
    return path


def run(*arguments: str | Path) -> Result:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_a_held_batch_is_mended_in_its_description_and_replayed(
    shop: Path, tmp_path: Path, warehouse: Warehouse
) -> None:
    done = run("ingest", "--source", "my_shop", orders(tmp_path, "A", price="1.234,50"))
    assert done.exit_code == 3
    assert "is held" in done.stderr
    assert "Rejected rows by reason: bad_number (120)." in done.stderr
    assert violations(warehouse) == []
    shop.write_text(SHOP.replace('delimiter = ";"', 'delimiter = ";"\ndecimal = ","'), "utf-8")
    replayed = json.loads(run("quarantine", "replay", "--source", "my_shop", "--json").stdout)
    assert (replayed["read"], replayed["written"], replayed["files"]["landed"]) == (120, 120, 1)
    amounts = warehouse.read("SELECT DISTINCT line_amount_cents FROM curated.order_lines")
    assert amounts["line_amount_cents"].to_pylist() == [246_900]
    again = run("quarantine", "replay", "--source", "my_shop")
    assert again.exit_code == 0
    assert "nothing new" in again.stderr
    assert violations(warehouse) == []


def test_an_import_names_its_report_and_an_empty_quarantine_says_so(
    shop: Path, tmp_path: Path
) -> None:
    done = run("ingest", "--source", "my_shop", orders(tmp_path, "B"))
    assert done.exit_code == 0
    assert str(tmp_path / "home" / "reports" / "quality" / "batch_000001.html") in done.stderr
    assert run("quarantine", "list").stdout == "Quarantine: none.\n"


def test_a_refused_file_is_one_sentence_and_code_3(shop: Path, tmp_path: Path) -> None:
    file = orders(tmp_path, "C")
    file.write_text(file.read_text("utf-8").replace(";Menge;", ";Anzahl;"), "utf-8")
    done = run("ingest", "--source", "my_shop", file)
    assert done.exit_code == 3
    assert "lacks the column 'Menge'" in done.stderr
    assert run("ingest", "--source", "your_shop", file).exit_code == 2


def test_a_file_with_a_header_only_is_taken_in_and_told(shop: Path, tmp_path: Path) -> None:
    file = orders(tmp_path, "D", rows=0)
    tried = run("sources", "check", "--source", "my_shop", file)
    assert (tried.exit_code, "has a header and no rows" in tried.stdout) == (0, True)
    done = json.loads(run("ingest", "--source", "my_shop", file, "--json").stdout)
    assert (done["read"], done["files"]["landed"]) == (0, 1)
    assert "Bestellungen-D.csv has a header and no rows" in done["findings"][0]
    shown = run("ingest", "--source", "my_shop", orders(tmp_path, "E"), file)
    assert (shown.exit_code, "no rows" in shown.stdout) == (0, False)  # it was accepted before


def test_an_ingest_says_what_each_file_gave_kinds_and_rows_without_a_customer(
    shop: Path, tmp_path: Path
) -> None:
    text = shop.read_text(encoding="utf-8")
    shop.write_text(
        text.replace('delimiter = ";"', 'delimiter = ";"\nguests = true'), encoding="utf-8"
    )
    files = [orders(tmp_path, "A"), orders(tmp_path, "B", rows=40)]
    guest = f"{HEADER}\nG1;;31.12.2025 14:05;P1;1;2.50\nG2;K;31.12.2025 14:05;P1;1;2.50\n"
    files.append(tmp_path / "Bestellungen-G.csv")
    files[-1].write_text(guest, encoding="utf-8")
    done = run("ingest", "--source", "my_shop", *files)
    rows = [row.split() for row in done.stdout.splitlines()]
    assert ["Bestellungen-A.csv", "lines", "120", "120", "0", "0", "0"] in rows
    assert ["Bestellungen-G.csv", "lines", "2", "2", "0", "0", "0"] in rows
    assert ["order_lines", "sale", "162"] in rows
    assert "1 row has no customer (guests)." in done.stdout


def test_a_wide_file_shows_twenty_names_once_and_all_of_them_as_json(
    shop: Path, tmp_path: Path
) -> None:
    file = tmp_path / "Bestellungen-W.csv"
    wide = [f"extra_{i:04}" for i in range(1_000)]
    file.write_text(";".join([HEADER, *wide]) + "\n", encoding="utf-8")
    shown = run("sources", "check", "--source", "my_shop", file).stdout
    assert [shown.count(name) for name in ("Bestellnummer", *wide[:20], *wide[20:22])] == [
        *[1] * 21, 0, 0,
    ]  # fmt: skip
    assert "1,006" in shown
    assert "and 980 more" in " ".join(shown.split())
    report = json.loads(run("sources", "check", "--source", "my_shop", file, "--json").stdout)
    (document,) = report["feeds"]
    assert document["columns"] == [*HEADER.split(";"), *wide]
    assert document["columns_not_read"] == wide


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--source", "nonsense"), "There is no source 'nonsense'; known are my_shop."),
        (("--reason", "nonsense"), "There is no reason code 'nonsense'; known are bad_cell, "),
        (("--source", "my_shop", "--reason", "zero"), "There is no reason code 'zero'"),
    ],
)
@pytest.mark.parametrize("verb", ["show", "replay"])
def test_a_misspelt_source_or_reason_is_no_empty_quarantine(
    shop: Path, verb: str, options: tuple[str, ...], says: str
) -> None:
    done = run("quarantine", verb, *options)
    assert done.exit_code == 2
    assert says in done.stderr


def test_another_source_s_broken_description_hides_nothing(shop: Path) -> None:
    shop.with_name("broken.toml").write_text("no = [toml", "utf-8")
    done = run("quarantine", "show", "--reason", "nonsense")
    assert done.exit_code == 2
    assert "There is no reason code 'nonsense'" in done.stderr


def test_what_a_description_declares_or_once_declared_is_a_known_reason(
    shop: Path, tmp_path: Path
) -> None:
    rule = (
        '\n[[feeds.lines.rules]]\nwhen = { order_id = "^F0$" }\n'
        'quarantine = "till_trial"\nbecause = "A trial of the till."\n'
    )
    plain = shop.read_text("utf-8")
    shop.write_text(plain + rule, "utf-8")
    nothing = run("quarantine", "show", "--reason", "till_trial", "--source", "my_shop")
    assert (nothing.exit_code, nothing.stdout) == (0, "Quarantined rows: none.\n")
    assert run("ingest", "--source", "my_shop", orders(tmp_path, "F")).exit_code == 0
    shop.rename(shop.with_name("renamed.toml")).write_text(plain, "utf-8")
    rows = run("quarantine", "show", "--reason", "till_trial", "--source", "my_shop", "--json")
    assert [row["line_number"] for row in json.loads(rows.stdout)] == [2]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--from", "2026-02-01", "--to", "2026-01-01"), "--from 2026-02-01 lies after --to 2026"),
        (("--from", "2026-01-01", "--to", "2026-02-01", "--every", "²"), "--every is '²'"),
        (("--from", "2026-01-01"), "Name days with --as-of, or a range"),
    ],
)
def test_a_range_of_no_days_is_a_wrong_request(
    shop: Path, options: tuple[str, ...], says: str
) -> None:
    done = run("build-features", *options)
    assert done.exit_code == 2
    assert says in done.stderr
