"""Regenerates `docs/rights.md`: `python -m tests.schema.write_rights_page`."""

from pathlib import Path

from retention_ml.schema.rights_page import rights_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rights.md"

if __name__ == "__main__":
    PAGE.write_text(rights_page(), encoding="utf-8")
