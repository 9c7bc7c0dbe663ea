"""`docs/tables.md` says what the database says."""

from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.reports.tables_page import tables_page
from retention_ml.warehouse import Warehouse
from tests.reports.write_tables_page import PAGE


def test_the_page_is_what_the_database_says(warehouse: Warehouse) -> None:
    assert PAGE.read_text(encoding="utf-8") == tables_page(warehouse), (
        "regenerate docs/tables.md: .venv/bin/python -m tests.reports.write_tables_page"
    )


def test_every_column_on_the_page_has_a_meaning(warehouse: Warehouse) -> None:
    table, silent, count = "", [], 0
    for line in tables_page(warehouse).splitlines():
        if line.startswith("### "):
            table = line.removeprefix("### ").strip("`")
        elif line.startswith("| `"):
            count += 1
            if line.endswith("|  |"):
                silent.append(f"{table}.{line.split('`')[1]}")
    assert count > 300
    assert silent == [], "add a COMMENT ON COLUMN beside the table in retention_ml/migrations"


def test_every_feature_is_on_the_page(warehouse: Warehouse) -> None:
    page = tables_page(warehouse)
    assert [name for name in FEATURE_NAMES if f"| `{name}` |" not in page] == []
