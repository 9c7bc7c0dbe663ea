"""What every command shares: days, errors as exit codes, JSON."""

import errno
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.cli.frame import command, day, print_mapping, print_table
from retention_ml.errors import NotReady, RetentionError, SettingsError, UsageError, WarehouseError

_COMMANDS = {
    "stack", "doctor", "demo", "status", "simulate", "sources", "ingest", "quarantine",
    "build-features", "train", "models", "score", "explain",
}  # fmt: skip


def test_the_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    assert {name for name in _COMMANDS if name not in shown} == set()


def test_every_option_of_every_command_is_explained() -> None:
    group = typer.main.get_command(app)
    waiting, silent, count = [("retention", group)], [], 0
    while waiting:
        path, one = waiting.pop()
        waiting += [(f"{path} {name}", c) for name, c in getattr(one, "commands", {}).items()]
        count += len(one.params)
        silent += [f"{path} {p.name}" for p in one.params if not getattr(p, "help", None)]
    assert count > 60
    assert silent == []


def test_the_help_imports_nothing_heavy() -> None:
    heavy = (
        "numpy", "pandas", "pyarrow", "pydantic", "sqlalchemy", "sklearn", "mlflow",
        "great_expectations", "lightgbm", "airflow", "optuna",
    )  # fmt: skip
    code = (
        "import sys; from typer.testing import CliRunner; from retention_ml.cli import app; "
        "CliRunner().invoke(app, ['--help']); "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_day_is_written_as_iso_says() -> None:
    assert day("2011-03-01") == date(2011, 3, 1)
    with pytest.raises(UsageError, match=r"'01\.03\.2011' is no day; expected YYYY-MM-DD"):
        day("01.03.2011")


@pytest.mark.parametrize(
    ("error", "code"),
    [(WarehouseError("x"), 1), (SettingsError("x"), 2), (NotReady("x"), 3)],
)
def test_an_error_ends_the_command_with_its_code(error: RetentionError, code: int) -> None:
    with pytest.raises(typer.Exit) as ended, command(as_json=False):
        raise error
    assert ended.value.exit_code == code


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full. Nothing that was"),
        (OSError(errno.ENOSPC, "No space left", "/srv/x"), "there is no room for /srv/x"),
        (MemoryError(), "The memory of this machine"),
        (RuntimeError("std::bad_alloc"), "Lower threads under [compute]"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/srv/x"),
            "refused /srv/x (Permission",
        ),
        (TimeoutError("took long"), "The system refused (took long)"),
    ],
)
def test_what_the_machine_refuses_ends_in_a_sentence_that_says_what_to_do(
    error: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, command(as_json=False):
        raise error
    assert ended.value.exit_code == 1
    printed = capsys.readouterr().err
    assert words in printed
    assert "run the same command again" in printed


def test_who_reads_no_further_is_no_fault_of_the_machine() -> None:
    with pytest.raises(BrokenPipeError), command(as_json=False):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        ("RETENTION_WAREHOUSE_URL", "postgresql://u:hunter2@h:notaport/x"),
        ("RETENTION_WAREHOUSE_URL", "hunter2"),
        ("RETENTION_WAREHOUSE_URL", "postgresql://u:hunter2@h"),
        ("MLFLOW_TRACKING_URI", "http://u:hunter2@h:notaport"),
        ("MLFLOW_TRACKING_URI", "http//u:hunter2@h"),
        ("MLFLOW_TRACKING_URI", "https://u:hunter2@h"),
        ("RETENTION_MLFLOW_PAGE", "https://u:hunter2@h/mlflow"),
        ("MLFLOW_TRACKING_URI", "http://:5000"),
    ],
)
@pytest.mark.parametrize("of", [("status",), ("models",), ("doctor",)])
def test_an_address_that_cannot_be_used_is_named_without_its_secret(
    variable: str,
    address: str,
    of: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("RETENTION_HOME", str(tmp_path))
    monkeypatch.setenv(variable, address)
    done = CliRunner().invoke(app, list(of))
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code in (1, 2)
    assert variable in done.output
    assert "hunter2" not in done.output


def test_an_error_is_one_json_document_where_json_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RETENTION_CHURN__HORIZON_DAYS", "0")
    done = CliRunner().invoke(app, ["sources", "list", "--json"])
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"] == "SettingsError"


def test_every_source_of_the_project_is_listed() -> None:
    rows = json.loads(CliRunner().invoke(app, ["sources", "list", "--json"]).stdout)
    assert {row["source"] for row in rows} == {
        "cdnow", "clickstream", "complete_journey", "online_retail_ii", "simulated",
    }  # fmt: skip


def test_a_shops_text_is_shown_and_never_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Rows of [/b]", ("raw [x]", "count"), [("[/bold] [red]7\x1b[2J\x07", 1_000)])
    shown = capsys.readouterr().out
    assert "Rows of [/b]" in shown
    assert "raw [x]" in shown
    assert "[/bold] [red]7\ufffd[2J\ufffd" in shown
    assert "1,000" in shown
    assert "\x1b" not in shown


def test_a_table_without_rows_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Quarantine", (), [])
    assert capsys.readouterr().out == "Quarantine: none.\n"


def test_names_of_fields_are_words_and_all_other_names_stay(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_mapping("Status", {"quarantined_count": 1, "unusable_files": {"my_shop/a_b.csv": "held"}})
    shown = capsys.readouterr().out
    assert "quarantined count" in shown
    assert "Unusable files" in shown
    assert "my_shop/a_b.csv" in shown
