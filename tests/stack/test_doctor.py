"""The examination: it starts nothing, sees what is wrong, and says how to fix it."""

import ctypes
import json
import os
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from retention_ml import atomic_files
from retention_ml.cli import app
from retention_ml.curated.ingest import ingest
from retention_ml.maintenance.invariants import INVARIANTS, Violation
from retention_ml.settings import Settings
from retention_ml.stack import components, doctor
from retention_ml.stack.doctor import Finding
from retention_ml.stack.postgres import EmbeddedPostgres, free_port
from retention_ml.warehouse import Warehouse
from tests.worlds.batches import with_source
from tests.worlds.threads import serving

EXPECTED = {
    "python", "system", "packages", "libgomp", "postgres binaries", "disk", "memory", "home",
    "sources", "expectations", "warehouse", *components.NAMES, "ports", "demo data",
}  # fmt: skip


BROKEN = Violation(invariant=INVARIANTS[0], count=2)


def named(findings: Iterator[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def on(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update=changes)


def test_a_new_home_is_examined_without_being_made(settings: Settings) -> None:
    findings = doctor.examine(settings)
    assert {finding.name for finding in findings} >= EXPECTED
    assert not settings.home.exists()


def test_whatever_is_wrong_comes_with_a_way_to_fix_it(settings: Settings) -> None:
    findings = doctor.examine(settings)
    assert any(not finding.ok for finding in findings)
    for finding in findings:
        assert finding.sentence.endswith("."), finding.name
        assert finding.ok or finding.fix, finding.name
    json.dumps([finding.to_dict() for finding in findings])


def test_what_does_not_run_is_to_be_started(settings: Settings) -> None:
    findings = named(iter(doctor.examine(settings)))
    for name in ("warehouse", *components.NAMES):
        assert not findings[name].ok
        assert "retention stack up" in findings[name].fix


def test_another_python_or_system_is_seen(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "sys", SimpleNamespace(version_info=(3, 10, 1), platform="darwin"))
    findings = named(doctor._machine(settings))
    assert not findings["python"].ok
    assert not findings["system"].ok


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(doctor, "PROJECT", tmp_path)
    requirements = ["numpy>=2", "pyarrow>=25", "pytest; extra == 'dev'"]
    monkeypatch.setattr(doctor, "distribution", lambda _: SimpleNamespace(requires=requirements))
    installed = {"numpy": "2.1.0", "pyarrow": "25.0.1"}
    monkeypatch.setattr(doctor, "version", lambda name: installed[name])
    return tmp_path / "requirements.txt"


def test_packages_as_locked_are_well(lock: Path, settings: Settings) -> None:
    lock.write_text("numpy==2.1.0 \\\n    --hash=sha256:aa\npyarrow==25.0.1\n")
    (finding,) = doctor._packages(settings)
    assert finding.ok
    assert "All 2 packages" in finding.sentence


def test_a_package_locked_once_per_python_may_be_either(lock: Path, settings: Settings) -> None:
    lock.write_text(
        "numpy==2.0.9 ; python_version < '3.12'\nnumpy==2.1.0 ; python_version >= '3.12'\n"
        "pyarrow==25.0.1\n"
    )
    (finding,) = doctor._packages(settings)
    assert finding.ok, finding.sentence


def test_a_package_of_another_version_is_named_with_both(lock: Path, settings: Settings) -> None:
    lock.write_text("numpy==2.1.0\npyarrow==24.0.0\n")
    (finding,) = doctor._packages(settings)
    assert not finding.ok
    assert finding.sentence == "pyarrow is 25.0.1 (locked: 24.0.0)."


def test_a_package_that_is_missing_is_named(
    lock: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    lock.write_text("numpy==2.1.0\n")
    monkeypatch.setattr(doctor, "version", absent)
    (finding,) = doctor._packages(settings)
    assert "numpy is missing (locked: 2.1.0)" in finding.sentence


def test_a_machine_without_openmp_is_told_where_to_get_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(_: str) -> None:
        raise OSError("no such library")

    monkeypatch.setattr(ctypes, "CDLL", absent)
    findings = named(doctor._libraries(settings))
    assert not findings["libgomp"].ok
    assert "libgomp1" in findings["libgomp"].fix


def test_root_without_unshare_is_told_which_package_has_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    findings = named(doctor._libraries(settings))
    assert not findings["unshare"].ok
    assert "util-linux" in findings["unshare"].fix


def test_a_warehouse_of_ones_own_needs_no_postgres_of_ours(settings: Settings) -> None:
    remote = on(settings, warehouse_url="postgresql://x@y/z")
    assert set(named(doctor._libraries(remote))) == {"libgomp"}


def test_too_little_room_is_seen(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_DISK_GIB_MIN", 1e9)
    monkeypatch.setattr(doctor, "_MEMORY_GIB_MIN", 1e9)
    findings = named(doctor._room(settings))
    assert not findings["disk"].ok
    assert not findings["memory"].ok


def test_secrets_that_others_may_read_are_seen(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    secrets = settings.home / "secrets.json"
    secrets.write_text("{}")
    secrets.chmod(0o644)
    finding = named(doctor._folders(settings))["secrets"]
    assert (finding.ok, finding.fix) == (False, f"chmod 600 {secrets}")
    secrets.chmod(0o600)
    assert named(doctor._folders(settings))["secrets"].ok


def test_whatever_is_written_into_a_home_is_for_its_owner_alone(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path)
    settings.home.mkdir(mode=0o700, parents=True)
    umask = os.umask(0)
    try:
        file = tmp_path / "lines_1.csv"
        file.write_text(
            "order,product,customer,time,quantity,price\n1,p,c,2026-02-01 10:00:00,1,2.5\n"
        )
        ingest(warehouse, settings=settings, source="shop", files=[file])
    finally:
        os.umask(umask)
    written = [path for path in settings.home.rglob("*") if path.is_file()]
    assert {path.relative_to(settings.home).parts[0] for path in written} >= {
        "landing", "reports", "keys.json",
    }  # fmt: skip
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    folders = [path for path in settings.home.rglob("*") if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in (settings.home, *folders)} == {0o700}
    assert named(doctor._folders(settings))["privacy"].ok


def test_a_file_that_others_may_read_is_seen(settings: Settings) -> None:
    page = settings.home / "reports" / "index.html"
    settings.home.mkdir(mode=0o700, parents=True)
    atomic_files.write_text(page, "rows")
    assert named(doctor._folders(settings))["privacy"].ok
    page.chmod(0o640)
    finding = named(doctor._folders(settings))["privacy"]
    assert (finding.ok, finding.sentence.split(" of ")[0]) == (False, "1 files and folders")
    assert str(page) in finding.sentence
    assert finding.fix.startswith(f"chmod -R go= {settings.home}")


def test_a_folder_without_source_descriptions_is_seen(settings: Settings, tmp_path: Path) -> None:
    finding = named(doctor._folders(on(settings, sources=tmp_path)))["sources"]
    assert not finding.ok
    assert "RETENTION_SOURCES" in finding.fix


def test_a_warehouse_that_answers_is_well(warehouse: Warehouse, settings: Settings) -> None:
    findings = named(doctor._warehouse(on(settings, warehouse_url=warehouse.url)))
    assert findings["warehouse"].ok
    assert findings["migrations"].ok


def test_sound_data_is_one_finding_and_every_broken_invariant_another(
    warehouse: Warehouse, settings: Settings
) -> None:
    remote = on(settings, warehouse_url=warehouse.url)
    (finding,) = doctor.examine_data(remote)
    assert (finding.name, finding.ok) == ("invariants", True)
    with warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO features.builds (as_of, features_digest, catalogue_sha256, "
            "customers_count, newest_input_at, engine, built_at) VALUES "
            "('2026-01-02', '', '', 1, '2026-01-02 00:00Z', 'duckdb', '2026-01-02 00:00Z')"
        )
    (finding,) = doctor.examine_data(remote)
    assert (finding.name, finding.ok) == ("invariant P4", False)
    assert "happened after the day began" in finding.sentence
    assert "docs/runbook.md#broken-invariant" in finding.fix


def test_data_of_a_warehouse_that_does_not_run_cannot_be_examined(settings: Settings) -> None:
    (finding,) = doctor.examine_data(settings)
    assert (finding.name, finding.ok) == ("warehouse", False)


@pytest.mark.parametrize(("is_sound", "exit_code"), [(True, 0), (False, 1)])
def test_the_command_ends_with_1_where_an_invariant_is_broken(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, is_sound: bool, exit_code: int
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setattr(doctor, "violations", lambda _: [] if is_sound else [BROKEN])
    shown = CliRunner().invoke(app, ["doctor", "--data"])
    assert shown.exit_code == exit_code, shown.output
    assert ("2 × a finished delivery" in shown.stdout) != is_sound


def test_a_database_without_the_platforms_tables_is_told_apart(
    postgres: EmbeddedPostgres, settings: Settings
) -> None:
    findings = named(doctor._warehouse(on(settings, warehouse_url=postgres.url())))
    assert findings["warehouse"].ok
    assert not findings["migrations"].ok


def test_data_of_a_warehouse_that_lacks_migrations_is_not_examined(
    warehouse: Warehouse, settings: Settings
) -> None:
    with warehouse.transaction() as transaction:
        newest = "SELECT max(name) FROM public.migrations WHERE name LIKE '%.sql'"
        transaction.execute(f"DELETE FROM public.migrations WHERE name = ({newest})")
    (finding,) = doctor.examine_data(on(settings, warehouse_url=warehouse.url))
    assert (finding.name, finding.ok) == ("migrations", False)
    assert finding.sentence == "The warehouse lacks 1 of the platform's migrations."
    assert "retention status" in finding.fix


def test_a_warehouse_that_does_not_answer_is_told_without_its_password(settings: Settings) -> None:
    url = f"postgresql://me:very-secret@127.0.0.1:{free_port()}/shop"
    (finding,) = doctor._warehouse(on(settings, warehouse_url=url))
    assert not finding.ok
    assert "very-secret" not in finding.sentence + finding.fix


@pytest.fixture
def healthy_url() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as listening:
        yield f"http://127.0.0.1:{listening.server_address[1]}/"


def test_an_mlflow_of_ones_own_is_asked_at_its_address(
    settings: Settings, healthy_url: str
) -> None:
    assert named(doctor._services(on(settings, tracking_uri=healthy_url)))["mlflow"].ok
    silent = f"http://127.0.0.1:{free_port()}"
    finding = named(doctor._services(on(settings, tracking_uri=silent)))["mlflow"]
    assert not finding.ok
    assert "MLFLOW_TRACKING_URI" in finding.fix


def test_a_data_folder_without_data_is_seen(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_DATA_DIR", str(tmp_path / "nowhere"))
    assert not named(doctor._data(settings))["more data"].ok
    (tmp_path / "online_retail_ii").mkdir()
    monkeypatch.setenv("RETENTION_DATA_DIR", str(tmp_path))
    assert named(doctor._data(settings))["more data"].ok
