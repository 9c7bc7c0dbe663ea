"""Messages on the terminal: read, and tried on a file, never shown."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.warehouse import Warehouse
from tests.worlds.features import deliver
from tests.worlds.shops import at


def test_messages_are_labelled_and_counted_without_their_text(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    row = {
        "feedback_id": "f1",
        "customer_id": "c1",
        "event_at": at("2025-05-10"),
        "kind": "complaint",
        "comment": "Xylophon came two weeks late",
    }
    deliver(warehouse, {"feedback": [row]})
    shown = CliRunner().invoke(app, ["feedback", "label", "--as-of", "2025-06-01"])
    assert shown.exit_code == 0, shown.output
    for words in ("No fit was due", "label of 2025-06-01: read 1 = written 1", "delivery"):
        assert words in shown.stdout
    again = CliRunner().invoke(app, ["feedback", "label", "--as-of", "2025-06-01", "--json"])
    assert json.loads(again.stdout)["label"]["read"] == 0
    assert "Xylophon" not in shown.output + again.output


def test_a_file_is_tried_line_by_line_without_a_warehouse(tmp_path: Path) -> None:
    file = tmp_path / "messages.txt"
    file.write_text("Xylophon came two weeks late\n\n杯子碎了\n😡\n", encoding="utf-8")
    shown = CliRunner().invoke(app, ["feedback", "check", str(file), "--json"])
    assert shown.exit_code == 0, shown.output
    lines = json.loads(shown.stdout)["lines"]
    assert [(line["language"], line["topic"]) for line in lines] == [
        ("en", "delivery"),
        ("none", "other"),
        ("zh", "damage"),
        ("none", "other"),
    ]
    table = CliRunner().invoke(app, ["feedback", "check", str(file)])
    assert "By line" in table.stdout
    assert "Xylophon" not in table.output + shown.output


def test_what_is_no_file_is_refused_in_words(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["feedback", "check", str(tmp_path / "missing.txt")])
    assert shown.exit_code == 2
    assert "missing.txt is no file" in shown.output
