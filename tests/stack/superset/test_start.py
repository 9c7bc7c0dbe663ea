"""What `retention stack superset` refuses, and what Superset is told; Superset itself is not needed."""

from pathlib import Path

import pytest

from retention_ml.errors import StackError, UsageError
from retention_ml.settings import Settings, load
from retention_ml.stack import components, keys
from retention_ml.stack.superset import server, start


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """The settings of a home that has a Postgres, which does not run."""
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "port").write_text("5432")
    return load({"RETENTION_HOME": str(tmp_path)})


def test_without_the_environment_a_sentence_says_what_makes_it(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ENVIRONMENT", tmp_path / "nowhere")
    with pytest.raises(UsageError, match="make superset"):
        start.require(home)


def test_beside_a_postgres_of_the_shop_s_own_it_is_not_started(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ENVIRONMENT", tmp_path)
    (tmp_path / ".installed").touch()
    start.require(home)
    elsewhere = home.model_copy(update={"warehouse_url": "postgresql://shop/retention"})
    with pytest.raises(UsageError, match=r"docs/superset\.md"):
        start.require(elsewhere)


def test_it_gets_the_reader_s_address_and_no_other_secret_of_the_stack(home: Settings) -> None:
    secrets = keys.load(home.home)
    variables = server.variables(home, {"PATH": "/bin", "RETENTION_HOME": "/x", "PGPASSWORD": "y"})
    text = " ".join(variables.values())
    expected = {"retention_bi", "superset", "superset_admin", "superset_session"}
    assert {name for name, secret in secrets.items() if secret in text} == expected
    assert variables["SUPERSET_WAREHOUSE_URI"].startswith("postgresql+psycopg2://retention_bi:")
    assert variables["SUPERSET_METADATA_URI"].endswith("/superset")
    assert not {"RETENTION_HOME", "PGPASSWORD"} & variables.keys()


def test_no_secret_is_among_the_arguments(home: Settings) -> None:
    part = server.component(home, 8088)
    secrets = keys.load(home.home).values()
    assert not [secret for secret in secrets if secret in " ".join(part.command)]
    assert "127.0.0.1:8088" in part.command


def test_its_port_is_remembered_until_somebody_else_has_it(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy_ports = {8088}
    monkeypatch.setattr(server, "is_free", lambda port: port not in busy_ports)
    monkeypatch.setattr(server, "free_port", lambda: 40_000)
    assert server.remembered_port(home.home) is None
    assert server.port(home.home, is_running=False) == 40_000
    assert server.port(home.home, is_running=False) == 40_000
    busy_ports |= {40_000}
    assert server.port(home.home, is_running=True) == 40_000  # taken by itself
    busy_ports -= {8088}
    assert server.port(home.home, is_running=False) == 8088
    assert server.remembered_port(home.home) == 8088


def test_a_preparation_that_fails_ends_with_the_words_of_its_log(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\necho no such module\nexit 3\n")
    python.chmod(0o755)
    (tmp_path / "logs").mkdir()
    monkeypatch.setattr(server, "ENVIRONMENT", tmp_path)
    with pytest.raises(StackError, match=r"(?s)code 3.*no such module.*same command"):
        start._prepare(home)


def test_a_server_that_ended_is_not_waited_for(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "answers", lambda url: False)
    with pytest.raises(StackError, match="superset ended"):
        start._wait(home, 40_000)


def test_an_answer_of_somebody_else_is_not_taken_for_its_own(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "answers", lambda url: True)
    with pytest.raises(StackError, match="Something else answers"):
        start._wait(home, 40_000)


def test_while_it_does_not_run_it_is_no_part_of_the_stack(home: Settings) -> None:
    assert server.status(home) is None
