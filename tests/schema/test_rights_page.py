"""`docs/rights.md` says what the matrix says."""

from retention_ml.schema.rights import TABLES
from retention_ml.schema.rights_page import rights_page
from tests.schema.write_rights_page import PAGE


def test_the_page_is_what_the_matrix_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == rights_page(), (
        "regenerate docs/rights.md: .venv/bin/python -m tests.schema.write_rights_page"
    )


def test_every_role_is_on_the_page() -> None:
    header = next(line for line in rights_page().splitlines() if line.startswith("| |"))
    assert header.count("`") == 2 * len(TABLES) >= 18
