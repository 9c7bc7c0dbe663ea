"""Which folder a command works in: said, and never made in passing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.stack import address, local

READING = (
    ("status",),
    ("models",),
    ("explain", "c1"),
    ("quarantine", "list"),
    ("quarantine", "show"),
    ("quarantine", "replay"),
    ("train", "--as-of", "2026-03-01"),
    ("score", "--as-of", "2026-03-01"),
    ("build-features", "--as-of", "2026-03-01"),
    ("measure", "--as-of", "2026-03-01"),
    ("decide", "--as-of", "2026-03-01"),
    ("watch", "--as-of", "2026-03-01"),
    ("promote", "1", "--reason", "better"),
    ("rollback", "--reason", "worse"),
    ("backtest", "--report", "r.json", "--predictions", "p.parquet"),
)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another working directory than that of a shop."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("arguments", READING)
def test_a_command_that_needs_a_warehouse_makes_none(
    elsewhere: Path, arguments: tuple[str, ...]
) -> None:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 2, done.output
    sentence = " ".join(done.stderr.split())
    assert f"There is no warehouse in {elsewhere}/.retention" in sentence
    assert "set RETENTION_HOME" in sentence
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("verb", ["status", "down"])
def test_a_look_at_a_stack_that_never_ran_says_where_and_makes_nothing(
    elsewhere: Path, verb: str
) -> None:
    done = CliRunner().invoke(app, ["stack", verb])
    assert done.exit_code == 0, done.output
    assert f"The home is {elsewhere}/.retention, which does not exist." in done.stdout
    assert list(elsewhere.iterdir()) == []


def test_a_first_import_says_in_one_line_where_it_makes_a_home(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(address, "warehouse", unreachable)
    done = CliRunner().invoke(app, ["ingest", "--source", "cdnow", "a.txt"])
    assert done.stderr.startswith(f"A new home is made in {elsewhere}/.retention (RETENTION_HOME).")


def test_a_stack_that_starts_for_the_first_time_says_where(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "start_postgres", unreachable)
    done = CliRunner().invoke(app, ["stack", "up"])
    assert done.stderr.startswith(f"A new home is made in {elsewhere}/.retention (RETENTION_HOME).")
