"""Warehouses that earlier code has filled, brought up to date: their rows stay, and the present code goes on.

Each dump of `states/` was written by the code of its time (`write_state`, decision 69).
"""

import lzma
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from retention_ml.features.build import build
from retention_ml.features.local_time import calendar
from retention_ml.maintenance.invariants import violations
from retention_ml.schema.migrate import migrate, missing_migrations, sql_files
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from retention_ml.settings import Settings
from retention_ml.stack.postgres import EmbeddedPostgres, binaries
from retention_ml.warehouse import Warehouse

STATES = sorted((Path(__file__).with_name("states")).glob("*.sql.xz"))
BYTES_MAX = 200 * 1024
# Columns that a migration was to remove, by table.
DROPPED = {"actions.catalogue": {"floor"}}
_COLUMNS = """
SELECT format('%I.%I', schema.nspname, relation.relname) AS name,
    array_agg(attribute.attname::text ORDER BY attribute.attname) AS columns
FROM pg_attribute AS attribute
JOIN pg_class AS relation ON relation.oid = attribute.attrelid
JOIN pg_namespace AS schema ON schema.oid = relation.relnamespace
WHERE attribute.attnum > 0 AND NOT attribute.attisdropped AND relation.relkind = '{kind}'
AND schema.nspname NOT LIKE 'pg\\_%' AND schema.nspname <> 'information_schema'
GROUP BY 1 ORDER BY 1
"""
_TABLE, _VIEW = "r", "v"
_SHAPE = """
SELECT format('%I.%I', schema.nspname, relation.relname) AS name, attribute.attname::text AS part,
    format_type(attribute.atttypid, attribute.atttypmod) || ' ' || attribute.attnotnull AS shape
FROM pg_attribute AS attribute
JOIN pg_class AS relation ON relation.oid = attribute.attrelid
JOIN pg_namespace AS schema ON schema.oid = relation.relnamespace
WHERE attribute.attnum > 0 AND NOT attribute.attisdropped AND relation.relkind IN ('r', 'v')
AND schema.nspname NOT LIKE 'pg\\_%' AND schema.nspname <> 'information_schema'
UNION ALL
SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid <> 0 AND contype <> 'n' AND connamespace::regnamespace::text NOT LIKE 'pg\\_%'
UNION ALL
SELECT schemaname || '.' || tablename, indexname::text, indexdef FROM pg_indexes
WHERE schemaname NOT LIKE 'pg\\_%'
ORDER BY 1, 2, 3
"""

Digests = dict[str, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A warehouse of then after `migrate`, and what was read before."""

    warehouse: Warehouse
    state: str
    applied: list[str]
    columns: dict[str, list[str]]
    digests: Digests
    risk: list[dict[str, object]]


def _columns(warehouse: Warehouse, kind: str) -> dict[str, list[str]]:
    rows = warehouse.read(_COLUMNS.format(kind=kind)).to_pylist()
    return {row["name"]: row["columns"] for row in rows}


def _digests(warehouse: Warehouse, columns: dict[str, list[str]]) -> Digests:
    """Rows of each table, and a digest of those columns that does not depend on their order."""
    digests = {}
    for table, names in columns.items():
        listed = ", ".join(f'"{name}"' for name in names)
        [row] = warehouse.read(
            "SELECT count(*) AS rows_count, CAST(coalesce(sum(CAST(hashtextextended(CAST(ROW("
            f"{listed}) AS text), 0) AS numeric)), 0) AS text) AS digest FROM {table}"
        ).to_pylist()
        digests[table] = (int(row["rows_count"]), str(row["digest"]))
    return digests


def _risk(warehouse: Warehouse) -> list[dict[str, object]]:
    query = "SELECT * FROM reports.customer_risk ORDER BY customer_id"
    rows: list[dict[str, object]] = warehouse.read(query).to_pylist()
    return rows


def _load(server: EmbeddedPostgres, database: str, dump: Path) -> None:
    subprocess.run(
        [
            str(binaries() / "psql"), "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1",
            "--dbname", server.url(database).replace(server.password, ""),
        ],
        input=lzma.decompress(dump.read_bytes()),
        env={**os.environ, "PGPASSWORD": server.password},
        stdout=subprocess.DEVNULL,
        check=True,
    )  # fmt: skip


@pytest.fixture(scope="module", params=STATES, ids=lambda path: path.name.partition("_")[0])
def upgraded(request: pytest.FixtureRequest, postgres: EmbeddedPostgres) -> Iterator[Upgraded]:
    name = f"upgrade_{uuid4().hex[:12]}"
    with closing(Warehouse(postgres.url())) as admin, admin.engine.connect() as connection:
        execute = connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql
        execute(f"CREATE DATABASE {name}")
        _load(postgres, name, request.param)
        with closing(Warehouse(postgres.url(name))) as warehouse:
            with warehouse.transaction() as transaction:  # which depends on the time zone alone
                transaction.copy("features.calendar", calendar("UTC"))
            columns = _columns(warehouse, _TABLE)
            columns.pop("public.migrations")
            digests, risk = _digests(warehouse, columns), _risk(warehouse)
            applied = migrate(warehouse)
            state = request.param.name.partition(".")[0]
            yield Upgraded(warehouse, state, applied, columns, digests, risk)
        execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_there_is_a_dump_of_each_state_that_somebody_could_have() -> None:
    names = [name.removesuffix(".sql") for name, _ in sql_files("migrations")]
    states = [path.name.removesuffix(".sql.xz") for path in STATES]
    assert len(states) >= 4
    assert set(states) <= set(names), "A dump is named after its last migration."
    assert all(path.stat().st_size <= BYTES_MAX for path in STATES)


def test_what_came_later_is_applied_once(upgraded: Upgraded) -> None:
    names = [name for name, _ in sql_files("migrations")]
    assert upgraded.applied == names[names.index(f"{upgraded.state}.sql") + 1 :]
    assert migrate(upgraded.warehouse) == []
    assert missing_migrations(upgraded.warehouse) == []


def test_no_row_is_lost_and_no_column_that_was_there_changes(upgraded: Upgraded) -> None:
    there = _columns(upgraded.warehouse, _TABLE)
    common = {
        table: [name for name in names if name in there[table]]
        for table, names in upgraded.columns.items()
    }
    dropped = {
        table: set(names) - set(common[table])
        for table, names in upgraded.columns.items()
        if set(names) - set(common[table])
    }
    assert dropped == {table: DROPPED[table] for table in DROPPED.keys() & dropped.keys()}
    compared = {table: names for table, names in common.items() if table not in dropped}
    after = _digests(upgraded.warehouse, compared)
    differing = [table for table in compared if after[table] != upgraded.digests[table]]
    assert differing == []
    filled = [table for table, (rows, _) in upgraded.digests.items() if rows]
    assert {"raw.deliveries", "curated.events", "features.customer_daily"} <= set(filled)
    assert {"quarantine.rows", "ops.receipts", "scores.customer_daily"} <= set(filled)


def test_a_value_that_changed_would_be_seen(upgraded: Upgraded) -> None:
    def renamed(sql: str) -> Digests:
        with upgraded.warehouse.transaction() as transaction:
            transaction.execute(f"UPDATE raw.deliveries SET file_name = {sql} {one}")
        return _digests(upgraded.warehouse, {"raw.deliveries": ["delivery_id", "file_name"]})

    one = "WHERE delivery_id = (SELECT min(delivery_id) FROM raw.deliveries)"
    changed = renamed("file_name || 'x'")
    assert renamed("left(file_name, -1)") != changed


def test_scores_that_were_published_are_read_as_before(upgraded: Upgraded) -> None:
    after = _risk(upgraded.warehouse)
    assert len(after) == len(upgraded.risk) > 5
    shared = [name for name in upgraded.risk[0] if name in after[0]]
    assert {"customer_id", "as_of", "churn_probability", "risk_tier", "reason_1"} <= set(shared)
    for now, then in zip(after, upgraded.risk, strict=True):
        assert {name: now[name] for name in shared} == {name: then[name] for name in shared}


def test_every_promise_holds_and_every_view_can_be_read(upgraded: Upgraded) -> None:
    assert violations(upgraded.warehouse) == []
    views = _columns(upgraded.warehouse, _VIEW)
    assert len(views) > 30
    for view in views:
        upgraded.warehouse.read(f"SELECT * FROM {view} LIMIT 3")


def test_the_schema_is_that_of_a_new_warehouse(upgraded: Upgraded, warehouse: Warehouse) -> None:
    def shape(of: Warehouse) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = of.read(_SHAPE).to_pylist()
        # Its columns come with what is built: decision 4.
        return [row for row in rows if row["name"] != "features.customer_daily"]

    assert len(shape(warehouse)) > 1000
    assert shape(upgraded.warehouse) == shape(warehouse)


@pytest.mark.thorough
def test_the_present_code_computes_and_publishes_the_day_again(
    upgraded: Upgraded, settings: Settings
) -> None:
    [day] = {row["as_of"] for row in upgraded.risk}
    build(upgraded.warehouse, settings=settings, as_of=day)
    receipt = score(upgraded.warehouse, settings=settings, as_of=day)
    publish(upgraded.warehouse, settings=settings, snapshot_id=receipt.details["snapshot_id"])
    after = _risk(upgraded.warehouse)
    assert {row["customer_id"] for row in after} == {row["customer_id"] for row in upgraded.risk}
    assert violations(upgraded.warehouse) == []
