"""Starting the assistant: what it needs, and as whom it connects."""

from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.errors import UsageError
from retention_ml.settings import load
from retention_ml.stack import assistant, databases, keys
from retention_ml.warehouse import Warehouse


def test_without_the_extra_the_command_says_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(assistant, "find_spec", lambda name: None)
    done = CliRunner().invoke(app, ["mcp"])
    assert done.exit_code == 2
    sentence = " ".join(done.stderr.split())
    assert "uv pip install --require-hashes -r requirements-mcp.txt" in sentence
    assert done.stdout == ""


def test_the_lock_of_the_extra_is_the_one_named() -> None:
    lock = Path(__file__).resolve().parents[2] / "requirements-mcp.txt"
    assert "\nmcp==" in lock.read_text(encoding="utf-8")


def test_it_never_connects_as_the_owner_of_the_tables(tmp_path: Path) -> None:
    settings = load(
        {
            "RETENTION_HOME": str(tmp_path),
            "RETENTION_WAREHOUSE_URL": "postgresql://retention:x@127.0.0.1:1/retention",
        }
    )
    with pytest.raises(UsageError, match="never connects as the owner of the tables"):
        assistant.warehouse(settings)


def test_without_a_warehouse_it_makes_none(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"There is no warehouse in .*, and this command makes none"
    ):
        assistant.warehouse(load({"RETENTION_HOME": str(tmp_path / "home")}))
    assert not (tmp_path / "home").exists()


def test_the_address_of_the_role_is_all_it_needs(tmp_path: Path) -> None:
    url = "postgresql://retention_assistant:x@127.0.0.1:1/retention"
    settings = load({"RETENTION_HOME": str(tmp_path), "RETENTION_ASSISTANT_URL": url})
    assert assistant.warehouse(settings).url == url


def test_the_token_is_set_or_made_once(tmp_path: Path) -> None:
    settings = load({"RETENTION_HOME": str(tmp_path)})
    made = assistant.token(settings)
    assert len(made) >= 24
    assert assistant.token(settings) == made
    text = "t" * 24
    chosen = load({"RETENTION_HOME": str(tmp_path), "RETENTION_ASSISTANT_TOKEN": text})
    assert assistant.token(chosen) == text


def test_a_home_of_before_gets_the_role(tmp_path: Path) -> None:
    server = databases.server(tmp_path)
    server.start()
    try:
        databases.prepare(tmp_path)
        (tmp_path / "postgres" / "prepared").write_text("")  # as earlier versions left it
        with closing(Warehouse(server.url())) as admin, admin.transaction() as transaction:
            transaction.execute("REVOKE CONNECT ON DATABASE retention FROM retention_assistant")
            transaction.execute("DROP ROLE retention_assistant")
        databases.prepare(tmp_path)
        address = databases.address(tmp_path, "retention_assistant", "retention")
        with closing(Warehouse(address)) as warehouse:
            [row] = warehouse.read(
                "SELECT current_setting('default_transaction_read_only') AS is_read_only, "
                "current_setting('temp_file_limit') AS space"
            ).to_pylist()
        assert row == {"is_read_only": "on", "space": "256MB"}
    finally:
        server.stop("immediate")
    assert set(databases.ROLES) <= set(keys.NAMES)
