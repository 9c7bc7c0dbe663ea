"""Regenerates `docs/tables.md`: `python -m tests.reports.write_tables_page`."""

import tempfile
from pathlib import Path

from retention_ml.reports.tables_page import tables_page
from retention_ml.schema.migrate import migrate
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tables.md"


def main() -> None:
    """Migrate an empty database and describe it."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        server.start()
        warehouse = Warehouse(server.url())
        try:
            migrate(warehouse)
            PAGE.parent.mkdir(exist_ok=True)
            PAGE.write_text(tables_page(warehouse), encoding="utf-8")
        finally:
            warehouse.close()
            server.stop("immediate")


if __name__ == "__main__":
    main()
