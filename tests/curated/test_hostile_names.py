"""Names and values that are SQL, templates or paths: they are stored as they are, and obeyed by nothing."""

import csv
import json
import random
from pathlib import Path

import pytest

from retention_ml.curated.ingest import ingest
from retention_ml.deliveries.land import land
from retention_ml.maintenance.erasure.forget import preview
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.worlds.batches import SOURCE, with_source
from tests.worlds.feeds import cast_file

_PIECES = (
    "'", '"', "''", '";', "';", "--", "/*", "*/", ";", ")", "(", "$$", "$1", ":id", "%s", "%(x)s", "{0}",
    "{{ 7*7 }}", "\\", "\\'", "||", "`", "ʼ", "＇", "x", " OR 1=1", " UNION SELECT 1", "DROP SCHEMA curated CASCADE",
    "; SHUTDOWN", "pg_sleep(9)", "COPY x TO PROGRAM 'id'", "../", "~", "a,b", "<!--", "NULL", "0x41",
)  # fmt: skip
_SCHEMA = """
SELECT 'column' AS kind, table_schema || '.' || table_name || '.' || column_name || ' ' || data_type AS name
FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
UNION ALL SELECT 'function', oid::regprocedure::text FROM pg_proc WHERE pronamespace::regnamespace::text
NOT IN ('pg_catalog', 'information_schema')
UNION ALL SELECT 'role', rolname FROM pg_roles ORDER BY 1, 2
"""


def _hostile(draw: random.Random) -> str:
    text = "".join(draw.choices(_PIECES, k=draw.randint(1, 5)))
    return text.strip() or "'"


def _schema(warehouse: Warehouse) -> list[dict[str, object]]:
    return list(warehouse.read(_SCHEMA).to_pylist())


@pytest.mark.fault(
    "orders, products and customers whose names are SQL, also asked for by them",
    promises="P1 P7",
    row=36,
    counted="names and values that are SQL",
)
def test_a_value_that_is_sql_is_a_value(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path)
    draw, schema = random.Random(36), _schema(warehouse)
    rows = [
        (f"{_hostile(draw)}{number}", _hostile(draw), f"{_hostile(draw)}{number % 997}")
        for number in range(count("names and values that are SQL"))
    ]
    path = tmp_path / "lines '); DROP TABLE raw.deliveries;--.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("order", "product", "customer", "time", "quantity", "price"))
        writer.writerows((*row, "2026-02-01 10:00:00", "1", "2.50") for row in rows)
    receipt = ingest(warehouse, settings=settings, source="shop", files=[path])
    assert (receipt.read, receipt.written) == (len(rows), len(rows))
    stored = warehouse.read("SELECT order_id, product_id, customer_id FROM curated.order_lines")
    assert sorted(map(tuple, (row.values() for row in stored.to_pylist()))) == sorted(rows)
    customers = sorted({customer for *_, customer in rows})
    asked = preview(warehouse, settings=settings, numbers=customers)
    assert asked["persons"] == len(customers)
    assert asked["rows"]["curated.order_lines"] == len(rows)
    assert _schema(warehouse) == schema
    assert violations(warehouse) == []


@pytest.mark.fault("columns of a shop whose names are SQL", promises="P1", row=36)
@pytest.mark.parametrize("number", range(12))
def test_a_column_whose_name_is_sql_is_a_column(tmp_path: Path, number: int) -> None:
    draw = random.Random(number)
    names = [f"{_hostile(draw)}{n}" for n in range(6)]
    text = SOURCE
    for plain, name in zip(("order", "customer", "time"), names, strict=False):
        text = text.replace(f'= "{plain}"', f"= {json.dumps(name, ensure_ascii=False)}")
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "shop.toml").write_text(text, encoding="utf-8")
    path = tmp_path / "lines.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow((names[0], "product", names[1], names[2], "quantity", "price", *names[3:]))
        writer.writerow(("o1", "p1", "c1", "2026-02-01 10:00:00", "1", "2.50", "x", "y", "z"))
    [row] = cast_file(path, folder).rows
    assert (row["order_id"], row["customer_id"], row["quantity"]) == ("o1", "c1", 1)


def test_a_file_whose_name_is_sql_is_a_file(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path)
    draw, schema = random.Random(1), _schema(warehouse)
    files = []
    for number in range(60):
        path = tmp_path / f"lines{_hostile(draw).replace('/', '_')}{number}.csv"
        path.write_text(
            f"order,product,customer,time,quantity,price\no{number},p,c,2026-02-01,1,1\n"
        )
        files.append(path)
    land(warehouse, settings=settings, source="shop", files=files)
    landed = warehouse.read("SELECT file_name FROM raw.deliveries")["file_name"].to_pylist()
    assert sorted(landed) == sorted(path.name for path in files)
    assert _schema(warehouse) == schema


def test_a_value_written_into_a_statement_would_be_obeyed(warehouse: Warehouse) -> None:
    """Negative control: a value that becomes part of a statement changes the schema, and it shows."""
    schema = _schema(warehouse)
    name = "x'; CREATE TABLE curated.planted (a int);--"
    with warehouse.transaction() as transaction:
        transaction.run_script(f"SELECT 1 FROM curated.orders WHERE order_id = '{name}'")
    assert _schema(warehouse) != schema
