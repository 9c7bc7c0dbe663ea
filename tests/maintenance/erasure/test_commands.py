"""The commands about persons, as somebody types them, and what the audit log has of them."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from retention_ml.cli import app
from tests.maintenance.erasure.conftest import Filled


@pytest.fixture
def shop(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> Filled:
    monkeypatch.setenv("RETENTION_HOME", str(filled.settings.home))
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", filled.warehouse.url)
    monkeypatch.setenv(
        "RETENTION_PRIVACY__PSEUDONYMS", str(filled.settings.privacy.pseudonyms).lower()
    )
    return filled


def people(*words: str, text: str | None = None) -> Result:
    return CliRunner().invoke(app, ["people", *words], input=text)


def test_a_person_is_shown_counted_forgotten_and_proved(shop: Filled, tmp_path: Path) -> None:
    number = shop.gone[0]
    shown = people("export", number, "--to", str(tmp_path / "out"))
    assert shown.exit_code == 0, shown.output
    assert "which only you may read" in shown.output
    counted = people("forget", number, "--dry-run", "--json")
    assert json.loads(counted.stdout)["persons"] == 1
    left = people("prove", number)
    assert left.exit_code == 3
    assert "traces are left" in left.stdout
    gone = people("forget", number)
    assert gone.exit_code == 0, gone.output
    assert "1 person was forgotten." in gone.stdout
    (tmp_path / "out" / "person.json").unlink()
    proved = people("prove", number)
    assert proved.exit_code == 0, proved.output
    assert "Of 1 person nothing is left." in proved.stdout
    assert shop.values("SELECT event FROM audit.log ORDER BY entry_id") == [
        "person_exported",
        "person_proved",
        "person_forgotten",
        "person_proved",
    ]
    assert number not in str(shop.values("SELECT log::text FROM audit.log AS log"))


def test_a_list_is_taken_whole_or_not_at_all(shop: Filled) -> None:
    refused = people("forget", "--file", "-", text="\n".join([*shop.gone, "C9999999"]))
    assert refused.exit_code == 3
    assert "line 21 of the list" in refused.output
    assert shop.values("SELECT count(*) FROM audit.log") == [0]
    twice = people("forget", shop.gone[0], "--file", "-")
    assert twice.exit_code == 2
    assert "Name numbers or a file of them, not both." in twice.output
    gone = people("forget", "--file", "-", text="\n".join(shop.gone))
    assert "20 persons were forgotten." in gone.stdout
    assert shop.values("SELECT details ->> 'persons_count' FROM audit.log") == ["20"]


def test_nobody_of_that_number_is_code_3(shop: Filled, tmp_path: Path) -> None:
    for words in (["forget", "C9999999"], ["export", "C9999999", "--to", str(tmp_path / "out")]):
        refused = people(*words)
        assert refused.exit_code == 3
        assert "There is no such customer." in refused.output
    assert shop.values("SELECT count(*) FROM audit.log") == [0]
