"""A shop's data engineer at the command line: a bad file, its sentence, the mended description."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from retention_ml.cli import app
from retention_ml.maintenance.invariants import violations
from retention_ml.warehouse import Warehouse

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
