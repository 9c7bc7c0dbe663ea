"""docs/actions.md says what the catalogue does."""

import re
from pathlib import Path

from retention_ml.actions.catalogue.action import ActionFile, Rule
from retention_ml.actions.catalogue.language import FILTERS
from retention_ml.actions.catalogue.loading import load_actions
from retention_ml.actions.catalogue.variables import VARIABLES
from retention_ml.settings import PROJECT
from tests.actions.catalogue.conftest import HTML, TEXT

PAGE = (PROJECT / "docs" / "actions.md").read_text(encoding="utf-8")


def _cells() -> list[list[str]]:
    """The cells of the tables of the chapter on the catalogue."""
    chapter = PAGE.split("\n## The catalogue\n")[1].split("\n## ")[0]
    lines = [line for line in chapter.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def test_every_key_is_documented_with_its_default() -> None:
    rows = {row[0].strip("`"): row[1] for row in _cells() if len(row) == 3}
    fields = {**ActionFile.model_fields, **Rule.model_fields}
    del fields["rule"]
    assert len(fields) == 16
    for key, field in fields.items():
        assert key in rows, f"docs/actions.md does not explain {key}"
        if field.is_required():
            assert rows[key] == "required", key
        elif key not in {"tiers", "stages"}:
            value = {None: "none", True: "`true`", "marketing": '`"marketing"`'}
            assert rows[key] == value.get(field.default, f"`{field.default}`"), key


def test_every_variable_is_documented() -> None:
    rows = {row[0].strip("`"): row[1:] for row in _cells() if len(row) == 4}
    assert set(VARIABLES) == set(rows) - {"variable"}
    for name, variable in VARIABLES.items():
        assert rows[name] == [
            variable.meaning,
            "yes" if variable.may_be_missing else "no",
            "a CRM" if variable.is_internal else "everybody",
        ], f"docs/actions.md and variables.py differ: {name}"


def test_every_filter_is_documented() -> None:
    for name in (*FILTERS, "date"):
        assert f"`{name}`" in PAGE


def test_every_shipped_action_is_named() -> None:
    names = load_actions(PROJECT / "actions").contacts
    assert names
    for name in names:
        assert f"`{name}`" in PAGE


def test_the_example_is_a_valid_action(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "ten_percent.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "templates" / "ten_percent.html").write_text(HTML, encoding="utf-8")
    (tmp_path / "example.toml").write_text(example[1], encoding="utf-8")
    assert load_actions(tmp_path).action("example").kind == "coupon"
