"""What `retention status` says first, and what it says only when asked."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.settings import load
from retention_ml.stack import databases, local
from retention_ml.warehouse import Warehouse

SECRETS = {
    "airflow_password": "hunter2",
    "mlflow_password": "hunter2",
    "bi_dsn": "postgresql://retention_bi:hunter2@127.0.0.1:5432/retention",
    "ds_dsn": "postgresql://retention_ds:hunter2@127.0.0.1:5432/retention",
}


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """An empty warehouse whose stack has secrets and a failed run."""
    monkeypatch.setenv("RETENTION_HOME", str(tmp_path))
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    addresses = local.addresses
    monkeypatch.setattr(local, "addresses", lambda settings: addresses(settings) | SECRETS)
    monkeypatch.setattr(
        local, "failed_runs", lambda settings: {"score_customers 2026-03-01": "failed"}
    )
    return warehouse


def test_it_opens_with_the_verdict_and_what_failed(shop: Warehouse) -> None:
    lines = CliRunner().invoke(app, ["status"]).stdout.splitlines()
    assert lines[0].startswith("No scores are published yet: ")
    assert lines[2].strip() == "Failed runs"
    assert "score_customers 2026-03-01" in lines[3]
    document = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)
    assert list(document)[:2] == ["verdict", "sentence"]
    assert document["failed_runs"] == {"score_customers 2026-03-01": "failed"}


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_secrets_are_shown_on_request_alone(shop: Warehouse, form: list[str]) -> None:
    plain = CliRunner().invoke(app, ["status", *form]).stdout
    assert "hunter2" not in plain
    assert "postgresql://retention_bi:***@127.0.0.1:5432/retention" in plain
    asked = CliRunner().invoke(app, ["status", "--secrets", *form]).stdout
    assert asked.count("hunter2") == len(SECRETS)


def test_events_and_fresh_scores_are_said_only_where_events_are_taken_in(
    shop: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "live_worker" not in json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)
    monkeypatch.setenv("RETENTION_LIVE__ENABLED", "true")
    document = json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)
    assert document["live_worker"].startswith("not running: ")
    assert document["live_events_last_hour"] == 0
    assert document["fresh_scores"] == "0"


def test_an_address_stands_on_one_line_of_a_narrow_terminal(shop: Warehouse) -> None:
    done = CliRunner().invoke(app, ["status", "--secrets"], env={"COLUMNS": "40"})
    assert f"bi dsn: {SECRETS['bi_dsn']}" in done.stdout.splitlines()


def test_a_new_home_is_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases.EmbeddedPostgres, "start", lambda self: None)
    monkeypatch.setattr(databases, "prepare", lambda home: None)
    settings = load({"RETENTION_HOME": str(tmp_path / "new" / "home")})
    local.start_postgres(settings)
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700
