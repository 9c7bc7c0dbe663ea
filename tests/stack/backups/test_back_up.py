"""What a backup holds, what it shares, what it leaves out, and when it is refused."""

import json
import os
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from retention_ml.cli import app
from retention_ml.errors import StackError, UsageError
from retention_ml.stack import databases
from retention_ml.stack.backups import programs, shelf
from retention_ml.stack.backups.back_up import back_up
from retention_ml.stack.backups.manifest import Kind, Manifest
from retention_ml.stack.backups.verify import verify
from tests.worlds.small_platform import SmallPlatform


def backup_of(platform: SmallPlatform) -> Path:
    receipt = back_up(platform.warehouse, settings=platform.settings)
    return platform.shelf / str(receipt.details["name"])


def test_archived_files_are_stored_once_for_all_backups(platform: SmallPlatform) -> None:
    first, second = backup_of(platform), backup_of(platform)
    landed = [path for path in Manifest.read(first).files if path.startswith("home/landing/")]
    assert landed
    for path in landed:
        assert os.path.samefile(first / path, second / path)
        assert not os.path.samefile(first / path, platform.settings.home / path[len("home/") :])
    assert Manifest.read(second).damage(second) == []


def test_keys_caches_logs_and_drafts_are_left_out(platform: SmallPlatform) -> None:
    home = platform.settings.home
    for path in (
        "cache/part",
        "logs/log",
        "landing/.delivery.1",
        "airflow/airflow.cfg",
    ):
        (home / path).parent.mkdir(exist_ok=True)
        (home / path).write_text("x")
    (home / "airflow" / "passwords.json").write_text("{}")
    paths = {path for path in Manifest.read(backup_of(platform)).files if path.startswith("home/")}
    assert {"home/secrets.json", "home/airflow/passwords.json"} <= paths
    assert (home / "keys.json").is_file()
    assert not any(
        word in path
        for path in paths
        for word in ("keys.json", "cache", "logs", ".delivery", ".cfg")
    )


def test_only_the_owner_may_read_a_backup(platform: SmallPlatform) -> None:
    assert platform.shelf.stat().st_mode & 0o077 == 0
    assert backup_of(platform).stat().st_mode & 0o077 == 0


def test_a_backup_without_a_folder_is_refused(platform: SmallPlatform) -> None:
    backups = platform.settings.backups.model_copy(update={"folder": ""})
    settings = platform.settings.model_copy(update={"backups": backups})
    with pytest.raises(UsageError, match="There is no folder for backups"):
        back_up(platform.warehouse, settings=settings)


@pytest.mark.parametrize("kind", ["dump", "base"])
@pytest.mark.parametrize("version", [17, 99], ids=["older", "newer"])
def test_programs_older_or_newer_than_the_server_are_refused_before_anything_is_written(
    platform: SmallPlatform, monkeypatch: pytest.MonkeyPatch, version: int, kind: Kind
) -> None:
    monkeypatch.setattr(programs, "major", lambda: version)
    looked_at = "SELECT count(*) AS entries FROM audit.log"
    before = sorted(platform.shelf.rglob("*")), platform.warehouse.read(looked_at).to_pylist()
    with pytest.raises(StackError, match=rf"is Postgres \d+, the programs here are of {version}"):
        back_up(platform.warehouse, settings=platform.settings, kind=kind)
    after = sorted(platform.shelf.rglob("*")), platform.warehouse.read(looked_at).to_pylist()
    assert after == before, "a refused backup leaves a draft, or an entry that it was taken"


def test_of_another_postgres_the_warehouse_alone_is_backed_up(
    platform: SmallPlatform, tmp_path: Path
) -> None:
    settings = platform.settings.model_copy(update={"warehouse_url": platform.warehouse.url})
    receipt = back_up(platform.warehouse, settings=settings, folder=tmp_path)
    manifest = Manifest.read(tmp_path / str(receipt.details["name"]))
    assert set(manifest.databases) == {"retention"}
    with pytest.raises(StackError, match="A base backup copies the embedded Postgres"):
        back_up(platform.warehouse, settings=settings, folder=tmp_path, kind="base")


def test_a_drill_restores_compares_and_leaves_nothing(platform: SmallPlatform) -> None:
    name = backup_of(platform).name
    receipt = verify(platform.warehouse, settings=platform.settings, is_drill=True)
    assert receipt.details["drilled"] == name
    assert f"{name} was restored for a trial and is equal" in receipt.sentence
    assert list(platform.shelf.glob(f"{shelf.DRAFT}*")) == []
    [row] = platform.warehouse.read(
        f"SELECT verified_at IS NOT NULL AS is_read, drilled_at IS NOT NULL AS is_drilled "
        f"FROM ops.backups WHERE name = '{name}'"
    ).to_pylist()
    assert row == {"is_read": True, "is_drilled": True}
    again = verify(platform.warehouse, settings=platform.settings)
    assert again.details["drilled"] is None, "one was restored a moment ago"


def test_a_damaged_backup_is_named_and_not_said_to_be_verified(platform: SmallPlatform) -> None:
    folder = backup_of(platform)
    [file] = [path for path in Manifest.read(folder).files if path.endswith("secrets.json")]
    (folder / file).write_text("{}")
    with pytest.raises(StackError, match=rf"{folder.name} is damaged: {file} has"):
        verify(platform.warehouse, settings=platform.settings, name=folder.name, is_drill=False)
    [row] = platform.warehouse.read(
        f"SELECT verified_at FROM ops.backups WHERE name = '{folder.name}'"
    ).to_pylist()
    assert row["verified_at"] is None
    shelf.remove(folder)


def test_the_commands_say_what_they_did(
    platform: SmallPlatform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RETENTION_HOME", str(platform.settings.home))
    monkeypatch.setenv("RETENTION_BACKUPS__FOLDER", str(tmp_path))
    run = partial(CliRunner().invoke, app)
    made = json.loads(run(["backup", "--json"]).stdout)
    [listed] = json.loads(run(["backup", "list", "--json"]).stdout)
    assert listed["name"] == made["name"]
    assert f"Whole: {made['name']}." in run(["backup", "verify"]).stdout
    assert run(["backup", "prune"]).exit_code == 0
    refused = run(["restore", str(tmp_path / made["name"]), "--home", str(tmp_path), "--json"])
    assert "nothing is written over" in json.loads(refused.stdout)["message"]
    refused = run(["restore", str(tmp_path), "--home", "new", "--until", "noon", "--json"])
    assert json.loads(refused.stdout)["message"].startswith("'noon' is no moment")


def test_what_a_killed_trial_left_running_is_stopped_before_it_is_removed(
    platform: SmallPlatform,
) -> None:
    left = databases.server(platform.shelf / f"{shelf.DRAFT}drill")
    left.start()
    pid = left.pid
    backup_of(platform)
    assert not left.folder.exists()
    assert pid is not None
    with suppress(psutil.NoSuchProcess):  # ended, and perhaps not reaped yet
        assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
