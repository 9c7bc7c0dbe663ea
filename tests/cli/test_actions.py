"""A CRM manager and the catalogue: list, show, check."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from retention_ml.cli import app
from tests.actions.catalogue.conftest import COUPON, HTML, MAIL, TEXT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one action."""
    monkeypatch.setenv("RETENTION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RETENTION_ACTIONS_FOLDER", str(tmp_path / "actions"))
    templates = tmp_path / "actions" / "templates"
    templates.mkdir(parents=True)
    (templates / "reminder.txt").write_text(TEXT, encoding="utf-8")
    (templates / "reminder.html").write_text(HTML, encoding="utf-8")
    (tmp_path / "actions" / "reminder.toml").write_text(MAIL, encoding="utf-8")
    return tmp_path / "actions"


def _run(*arguments: str) -> Result:
    done = CliRunner().invoke(app, ["actions", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def _json(*arguments: str) -> Any:
    return json.loads(_run(*arguments, "--json").stdout)


def test_list_names_channel_cost_and_tiers(folder: Path) -> None:
    done = _run("list")
    assert done.exit_code == 0
    assert "reminder" in done.output
    assert "high, critical" in done.output
    [row] = _json("list")
    assert (row["action"], row["channel"], row["cost"]) == ("reminder", "email", 0.02)


def test_show_writes_a_message_for_a_made_up_customer(folder: Path) -> None:
    done = _run("show", "reminder")
    assert done.exit_code == 0
    assert "News from Tea & coffee" in done.output
    assert "- Café crème, 1 kg" in done.output
    assert "Teapot &#34;Ø 14 cm&#34;" in done.output
    preview = _json("show", "reminder")["preview"]
    assert preview["unsubscribe_url"].startswith("https://shop.test/stop?m=000")


def test_show_of_an_unknown_action_names_the_nearest(folder: Path) -> None:
    done = _run("show", "remindr")
    assert done.exit_code == 2
    assert "Did you mean 'reminder'?" in done.stderr


def test_check_names_every_mistake_with_file_and_line(folder: Path) -> None:
    assert _run("check").exit_code == 0
    assert _run("check").output.endswith("1 action without a mistake.\n")
    (folder / "first.toml").write_text(MAIL.replace("critical", "critcal"), encoding="utf-8")
    (folder / "templates" / "second.txt").write_text("\n{{ teir }}\n{{ x }}", encoding="utf-8")
    second = MAIL.replace('"reminder"', '"second"')
    (folder / "second.toml").write_text(second, encoding="utf-8")
    done = _run("check")
    assert done.exit_code == 2
    for words in (
        "first.toml, line 11: rule.tiers.2: 'critcal'",
        "templates/second.txt, line 2: 'teir' is no variable",
        "templates/second.txt, line 3: 'x' is no variable",
    ):
        assert words in done.output
    document = _json("check")
    assert document["actions"] == ["reminder"]
    assert len(document["mistakes"]) == 3


def test_check_names_a_pool_without_codes_and_a_line_that_is_no_code(folder: Path) -> None:
    (folder / "reminder.toml").write_text(COUPON, encoding="utf-8")
    done = _run("check")
    assert done.exit_code == 0
    assert "reminder: not set up: there are no codes in coupons/spring.txt" in done.output
    (folder / "coupons").mkdir()
    (folder / "coupons" / "spring.txt").write_text("A-1\nnot a code\n", encoding="utf-8")
    done = _run("check")
    assert done.exit_code == 2
    assert "coupons/spring.txt, line 2, is no code" in done.output


def test_a_folder_that_is_not_there_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_ACTIONS_FOLDER", str(folder / "nowhere"))
    assert _run("list").exit_code == 2
    assert _run("check").exit_code == 2
