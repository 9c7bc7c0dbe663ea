"""A backup becomes a home again: equal row for row, with its files, its roles and their rights."""

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from retention_ml.errors import StackError, UsageError, WarehouseError
from retention_ml.maintenance.invariants import violations
from retention_ml.stack import databases
from retention_ml.stack.backups import programs, tables
from retention_ml.stack.backups.back_up import back_up
from retention_ml.stack.backups.manifest import FILE, Manifest, sizes
from retention_ml.stack.backups.restore import restore
from retention_ml.warehouse import Warehouse
from tests.worlds.small_platform import SmallPlatform, opened, orders_of


def silent(_: str) -> None:
    return None


@pytest.fixture(scope="module")
def backup(platform: SmallPlatform) -> Path:
    """The folder of a backup of sixty orders, and of a role and a view of the shop's own."""
    url = databases.server(platform.settings.home).url("retention")
    with closing(Warehouse(url)) as admin, admin.transaction() as transaction:
        transaction.execute("CREATE ROLE analyst LOGIN PASSWORD 'of_the_shop'")
        transaction.execute("GRANT CONNECT ON DATABASE retention TO analyst")
        transaction.execute("GRANT USAGE ON SCHEMA reports TO analyst")
        transaction.execute("GRANT SELECT ON reports.customer_risk TO analyst")
        transaction.execute("CREATE VIEW mine AS SELECT as_of FROM reports.customer_risk")
        transaction.execute("ALTER VIEW mine OWNER TO analyst")
    receipt = back_up(platform.warehouse, settings=platform.settings)
    return platform.shelf / str(receipt.details["name"])


@pytest.fixture
def copy(backup: Path, tmp_path: Path) -> Path:
    """A copy of the backup that a test may damage."""
    return Path(shutil.copytree(backup, tmp_path / "shelf" / backup.name))


@pytest.mark.fault("a home restored from its backup", promises="P6 P7", row=16)
def test_a_restored_home_has_the_same_rows_files_and_rights(
    backup: Path, platform: SmallPlatform, tmp_path: Path
) -> None:
    home = tmp_path / "restored"
    sentences: list[str] = []
    result = restore(backup, home, say=sentences.append)
    with opened(home) as warehouse:
        assert orders_of(warehouse) == 60
        assert violations(warehouse) == []
        manifest = Manifest.read(backup)
        assert result["rows_count"] == manifest.rows_count > 60
        assert set(manifest.databases) == {"retention", "mlflow", "airflow"}
        landed = set(sizes(platform.settings.home / "landing"))
        assert sizes(home / "landing").keys() == landed
        assert result["missing_files"] == []
        reader = Warehouse(databases.address(home, databases.READER, "retention"))
        assert reader.read("SELECT count(*) AS n FROM reports.customer_risk")["n"][0].as_py() == 0
        with pytest.raises(WarehouseError, match="permission denied"):
            reader.read("SELECT count(*) AS n FROM curated.order_lines")
        reader.close()
        url = databases.server(home).url("retention", "analyst", "of_the_shop")
        with closing(Warehouse(url)) as analyst:
            assert analyst.read("SELECT count(*) AS n FROM mine")["n"][0].as_py() == 0
    assert any("row for row" in sentence for sentence in sentences)
    assert (home / "secrets.json").stat().st_mode & 0o077 == 0
    readable = [path for path in home.rglob("landing*") if path.stat().st_mode & 0o077]
    assert readable == [], "others may look into the restored home"
    assert not (home / ".restoring").exists()


def test_a_row_that_changed_on_the_way_is_noticed(copy: Path, tmp_path: Path) -> None:
    values = json.loads((copy / FILE).read_text())
    rows, digest = values["databases"]["retention"]["curated.order_lines"]
    values["databases"]["retention"]["curated.order_lines"] = [rows, str(int(digest) + 1)]
    (copy / FILE).write_text(json.dumps(values))
    home = tmp_path / "restored"
    try:
        with pytest.raises(StackError, match=r"not what the backup says: curated\.order_lines"):
            restore(copy, home, say=silent)
        assert (home / ".restoring").exists()
    finally:
        databases.server(home).stop("immediate")


def test_a_digest_sees_every_change_of_a_table(platform: SmallPlatform) -> None:
    def digest() -> object:
        with platform.warehouse.snapshot() as read:
            return tables.tables_of(read)["public.looked_at"]

    def change(sql: str) -> object:
        with platform.warehouse.transaction() as transaction:
            transaction.execute(sql)
        return digest()

    digests = [
        change("CREATE TABLE looked_at AS SELECT 1 AS line, CAST('a' AS text) AS word"),
        change("UPDATE looked_at SET word = 'b'"),
        change("INSERT INTO looked_at VALUES (1, 'b')"),
        change("UPDATE looked_at SET line = NULL"),
        change("DELETE FROM looked_at"),
    ]
    change("DROP TABLE looked_at; CREATE TABLE looked_at (line integer)")
    assert len({str(each) for each in digests}) == 5
    with platform.warehouse.transaction() as transaction:
        transaction.execute("DROP TABLE looked_at")


@pytest.mark.fault("a backup that is damaged, cut, incomplete", promises="P6", row=16)
@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("flip", "has other bytes"),
        ("cut", "bytes instead of"),
        ("remove", "is missing"),
        ("add", "does not belong to it"),
    ],
)
def test_a_damaged_backup_is_refused_before_anything_is_made(
    copy: Path, tmp_path: Path, damage: str, sentence: str
) -> None:
    victim = max(
        (path for path in (copy / "home" / "landing").rglob("*") if path.is_file()), key=str
    )
    content = victim.read_bytes()
    match damage:
        case "flip":
            victim.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        case "cut":
            victim.write_bytes(content[:-1])
        case "remove":
            victim.unlink()
        case "add":
            (copy / "home" / "landing" / "more").touch()
    with pytest.raises(StackError, match=sentence):
        restore(copy, tmp_path / "restored", say=silent)
    assert not (tmp_path / "restored").exists()


def test_nothing_is_written_over(backup: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UsageError, match="is not empty, and nothing is written over"):
        restore(backup, tmp_path, say=silent)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("text", ["", "{}", '{"name": 1}', "[]"])
def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(StackError, match="is damaged"):
        restore(tmp_path, tmp_path / "home", say=silent)


def test_a_folder_without_a_manifest_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="is no backup: it has no manifest"):
        restore(tmp_path, tmp_path / "home", say=silent)


@pytest.mark.parametrize("version", [17, 99], ids=["older", "newer"])
def test_a_backup_is_not_tried_by_programs_older_or_newer_than_it(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    monkeypatch.setattr(programs, "major", lambda: version)
    with pytest.raises(
        StackError, match=rf"is of Postgres \d+, the programs here are of {version}"
    ):
        restore(copy, tmp_path / "restored", say=silent)
    assert not (tmp_path / "restored").exists()


def test_files_that_came_after_the_backup_are_named(
    copy: Path, tmp_path: Path, platform: SmallPlatform
) -> None:
    values = json.loads((copy / FILE).read_text())
    [path] = [path for path in values["files"] if path.startswith("home/landing/")]
    (copy / path).unlink()
    del values["files"][path]
    (copy / FILE).write_text(json.dumps(values))
    home = tmp_path / "restored"
    result = restore(copy, home, say=silent)
    databases.server(home).stop("immediate")
    assert result["missing_files"] == ["lines_first.csv"]
