"""Views change under what others built on them, or nothing changes."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from retention_ml.errors import UsageError, WarehouseError
from retention_ml.schema import migrate as migrate_module
from retention_ml.schema import views as views_module
from retention_ml.schema.migrate import migrate, sql_files
from retention_ml.warehouse import Warehouse

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ALERTS = "reports.alerts"


@pytest.fixture
def analyst(warehouse: Warehouse) -> Iterator[str]:
    """A role of the shop's own, without any right yet."""
    with warehouse.transaction() as transaction:
        transaction.execute("CREATE ROLE analyst")
    yield "analyst"
    with warehouse.transaction() as transaction:
        transaction.execute("DROP OWNED BY analyst")
        transaction.execute("DROP ROLE analyst")


def _edited(monkeypatch: pytest.MonkeyPatch, *edits: tuple[str, str]) -> None:
    """The library's next version: its view files with those replacements."""
    every = sql_files

    def files(folder: str) -> list[tuple[str, str]]:
        scripts = every(folder)
        if folder != "reports/views":
            return scripts
        text = "\0".join(sql for _, sql in scripts)
        for old, new in edits:
            assert old in text, f"no view file contains {old!r}"
            text = text.replace(old, new)
        return [(name, sql) for (name, _), sql in zip(scripts, text.split("\0"), strict=True)]

    monkeypatch.setattr(migrate_module, "sql_files", files)


def _add_column_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    _edited(
        monkeypatch,
        (
            "    alert.subject,\n",
            "    alert.subject,\n    upper(alert.subject) AS subject_upper,\n",
        ),
    )


def _columns(warehouse: Warehouse, view: str) -> list[str]:
    return list(warehouse.read(f"SELECT * FROM {view} LIMIT 0").column_names)


def _run(warehouse: Warehouse, *statements: str) -> None:
    with warehouse.transaction() as transaction:
        for statement in statements:
            transaction.execute(statement)


def _one(warehouse: Warehouse, sql: str) -> object:
    with warehouse.transaction() as transaction:
        return transaction.execute(sql)[0][0]


def _oids(warehouse: Warehouse) -> dict[str, int]:
    rows = warehouse.read(
        "SELECT relname AS name, CAST(c.oid AS bigint) AS oid FROM pg_class AS c "
        "WHERE relnamespace = to_regnamespace('reports')"
    )
    return dict(zip(rows["name"].to_pylist(), rows["oid"].to_pylist(), strict=True))


def test_every_view_file_replaces_its_views() -> None:
    scripts = dict(sql_files("reports/views"))
    assert len(scripts) >= 10
    bare = [name for name, sql in scripts.items() if re.search(r"CREATE VIEW|DROP ", sql)]
    assert bare == [], "write CREATE OR REPLACE VIEW: a view changes under what stands on it"
    assert all(views_module._MADE.findall(sql) for sql in scripts.values())


def _versions(warehouse: Warehouse) -> dict[str, int]:
    """What changes whenever a view is replaced, by view."""
    rows = warehouse.read(
        "SELECT relname AS name, CAST(CAST(rule.xmin AS text) AS bigint) AS version "
        "FROM pg_rewrite AS rule JOIN pg_class AS view ON view.oid = ev_class "
        "WHERE relnamespace = to_regnamespace('reports')"
    )
    return dict(zip(rows["name"].to_pylist(), rows["version"].to_pylist(), strict=True))


def test_nothing_is_touched_where_nothing_changed(warehouse: Warehouse) -> None:
    before = _versions(warehouse)
    assert migrate(warehouse) == []
    assert _versions(warehouse) == before


@pytest.mark.parametrize(
    ("old", "new", "touched"),
    [
        ("alert.subject,", "alert.subject || '' AS subject,", {"alerts"}),
        ("the day the score stands for", "the day", {"customer_risk_history", "customer_risk"}),
    ],
)
def test_only_a_view_whose_file_changed_and_what_is_built_on_it_are_touched(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, old: str, new: str, touched: set[str]
) -> None:
    before = _versions(warehouse)
    _edited(monkeypatch, (old, new))
    migrate(warehouse)
    after = _versions(warehouse)
    assert {view for view in before if before[view] != after[view]} == touched
    assert migrate(warehouse) == []
    assert _versions(warehouse) == after


def test_a_view_that_somebody_dropped_comes_back_with_the_next_version(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(warehouse, "DROP VIEW reports.trials")
    _add_column_in_the_middle(monkeypatch)
    migrate(warehouse)
    assert "trials" in _oids(warehouse)


def test_who_reads_a_view_that_cannot_be_replaced_is_named(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(warehouse, "CREATE VIEW public.mine AS SELECT kind FROM reports.alerts")
    recorded = views_module._digests(sql_files("reports/views"))

    def make_soon(scripts: list[tuple[str, str]]) -> None:
        with warehouse.transaction() as transaction:
            transaction.execute("SET LOCAL lock_timeout = '100ms'")
            views_module.make_views(transaction, scripts, recorded, NOW)

    for old, new in (
        ("alert.subject,", "alert.subject || '' AS subject,"),  # in place
        ("    alert.subject,\n", "    1 AS one,\n    alert.subject,\n"),  # made anew
    ):
        _edited(monkeypatch, (old, new))
        scripts = migrate_module.sql_files("reports/views")
        monkeypatch.undo()
        with warehouse.transaction() as reader:
            reader.execute("SELECT set_config('application_name', 'A dashboard', true)")
            [[pid, role]] = reader.execute("SELECT pg_backend_pid(), current_user")
            reader.execute("SELECT * FROM public.mine")
            with pytest.raises(
                WarehouseError,
                match=rf"reports\.alerts could not .*: .*lock timeout.* session {pid} of {role} "
                r"\(A dashboard\) reads it\. Wait",
            ):
                make_soon(scripts)


@pytest.mark.parametrize("new", ["alert.subject || '' AS subject,", "1 AS one, alert.subject,"])
def test_an_option_that_a_shop_set_on_our_view_stays(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, new: str
) -> None:
    _run(
        warehouse,
        "ALTER VIEW reports.alerts SET (security_barrier = true)",
        "ALTER VIEW reports.customer_risk SET (security_invoker = on)",
    )
    _edited(
        monkeypatch,
        ("    alert.subject,", f"    {new}"),
        ("\n    score.risk_tier,", "\n    1 AS one, score.risk_tier,"),
    )
    migrate(warehouse)
    options = "SELECT array_to_string(reloptions, ' ') FROM pg_class WHERE oid = to_regclass('{}')"
    assert _one(warehouse, options.format(ALERTS)) == "security_barrier=true"
    assert _one(warehouse, options.format("reports.customer_risk")) == "security_invoker=on"


def test_a_view_that_grows_at_its_end_is_replaced_in_place(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(
        warehouse,
        "CREATE SCHEMA shop",
        "CREATE FUNCTION shop.newest() RETURNS SETOF reports.alerts LANGUAGE sql "
        "AS 'SELECT * FROM reports.alerts LIMIT 1'",
        "CREATE VIEW reports.of_the_shop AS SELECT alert_id FROM reports.alerts",
    )
    before = _oids(warehouse)
    _edited(monkeypatch, ("    alert.cleared_at\n", "    alert.cleared_at,\n    1 AS one\n"))
    migrate(warehouse)
    assert _oids(warehouse) == before
    assert _columns(warehouse, ALERTS)[-2:] == ["cleared_at", "one"]
    assert _columns(warehouse, "shop.newest()")[-1] == "one"


def test_what_a_shop_built_outlives_a_view_that_is_made_anew(
    warehouse: Warehouse, analyst: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(warehouse)  # lets the reader of BI read, if another test has made that role since
    _run(
        warehouse,
        "CREATE SCHEMA shop",
        f"GRANT USAGE ON SCHEMA reports, shop TO {analyst}",
        f"GRANT SELECT ON reports.alerts TO {analyst} WITH GRANT OPTION",
        f"GRANT SELECT (kind) ON reports.alerts TO {analyst}",
        'CREATE VIEW reports."Open alerts" WITH (security_barrier=true) AS '
        "SELECT *, 100 AS \"in %\" FROM reports.alerts WHERE severity LIKE 'crit%'",
        "COMMENT ON VIEW reports.\"Open alerts\" IS '100 % of the shop''s'",
        "COMMENT ON COLUMN reports.\"Open alerts\".kind IS 'which: one'",
        'CREATE MATERIALIZED VIEW shop.counts AS SELECT kind, count(*) AS n FROM reports."Open '
        'alerts" GROUP BY kind',
        "CREATE UNIQUE INDEX by_kind ON shop.counts (kind)",
        "CREATE VIEW shop.a_first_by_name AS SELECT n FROM shop.counts",
        f"GRANT SELECT ON shop.counts TO {analyst}",
        f"GRANT SELECT ON shop.a_first_by_name TO {analyst}, PUBLIC",
        f"ALTER VIEW shop.a_first_by_name OWNER TO {analyst}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA reports GRANT SELECT ON TABLES TO {analyst}",
    )
    rights = (
        "SELECT string_agg(relname || ' ' || pg_get_userbyid(relowner) || ' ' || "
        "(SELECT string_agg(item::text, ',' ORDER BY item::text) "
        "FROM unnest(coalesce(relacl, acldefault('r', relowner))) AS item), '; ' "
        "ORDER BY relname, relnamespace) FROM pg_class WHERE relname IN ('alerts', 'a_first_by_name', "
        "'Open alerts', 'counts')"
    )
    migrate(warehouse)  # the shop's view in `reports` is read like every other there
    before = _one(warehouse, rights)
    oid = _oids(warehouse)["alerts"]
    _add_column_in_the_middle(monkeypatch)
    migrate(warehouse)
    assert _oids(warehouse)["alerts"] != oid
    assert "subject_upper" in _columns(warehouse, ALERTS)
    assert _columns(warehouse, 'reports."Open alerts"')[-1] == "in %"
    assert _columns(warehouse, "shop.a_first_by_name") == ["n"]
    assert _one(warehouse, rights) == before
    # The role of the assistant, if another test has made it, may read columns too.
    assert f"{analyst}=r/postgres" in _one(
        warehouse,
        "SELECT attacl::text FROM pg_attribute WHERE attrelid = 'reports.alerts'::regclass "
        "AND attname = 'kind'",
    )
    assert _one(warehouse, "SELECT indexdef FROM pg_indexes WHERE indexname = 'by_kind'") == (
        "CREATE UNIQUE INDEX by_kind ON shop.counts USING btree (kind)"
    )
    assert _one(
        warehouse,
        "SELECT obj_description(oid) || ' ' || reloptions::text || col_description(oid, 3) "
        "FROM pg_class WHERE relname = 'Open alerts'",
    ) == ("100 % of the shop's {security_barrier=true}which: one")
    assert migrate(warehouse) == []


def test_a_column_that_is_still_in_use_stops_the_whole(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(warehouse, "CREATE VIEW public.mine AS SELECT subject, kind FROM reports.alerts")
    before = _oids(warehouse)
    _edited(
        monkeypatch,
        ("    alert.subject,\n", "    alert.subject AS topic,\n"),
        ("reports.alerts.subject", "reports.alerts.topic"),
        ("    batch.source,\n", "    upper(batch.source) AS source,\n"),
    )
    with pytest.raises(
        UsageError, match=r'public\.mine is built on .* column "subject" does not exist'
    ):
        migrate(warehouse)
    assert _oids(warehouse) == before
    assert _columns(warehouse, "public.mine") == ["subject", "kind"]
    _run(warehouse, "DROP VIEW public.mine")
    migrate(warehouse)
    assert "topic" in _columns(warehouse, ALERTS)


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        (
            "CREATE FUNCTION public.newest() RETURNS SETOF reports.alerts LANGUAGE sql "
            "AS 'SELECT * FROM reports.alerts'",
            r"function public\.newest\(\)|function newest\(\)",
        ),
        (
            "CREATE FUNCTION public.total() RETURNS bigint BEGIN ATOMIC "
            "SELECT count(*) FROM reports.alerts; END",
            r"function (public\.)?total\(\)",
        ),
        (
            "CREATE TABLE public.kept (alert reports.alerts)",
            r"column alert of table (public\.)?kept",
        ),
        (
            "CREATE RULE silent AS ON DELETE TO reports.alerts DO INSTEAD NOTHING",
            r"rule silent on view reports\.alerts",
        ),
    ],
)
def test_what_cannot_be_made_again_is_named_and_stays(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, statement: str, name: str
) -> None:
    _run(warehouse, statement)
    before = _oids(warehouse)
    _add_column_in_the_middle(monkeypatch)
    with pytest.raises(UsageError, match=name):
        migrate(warehouse)
    assert _oids(warehouse) == before


def test_a_view_of_another_role_is_not_touched_without_its_leave(
    warehouse: Warehouse, analyst: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(
        warehouse,
        "CREATE VIEW public.mine AS SELECT kind FROM reports.alerts",
        f"ALTER VIEW public.mine OWNER TO {analyst}",
    )
    with warehouse.transaction() as transaction:
        transaction.execute("CREATE ROLE platform")
        transaction.execute("GRANT SELECT ON ALL TABLES IN SCHEMA reports TO platform")
    _add_column_in_the_middle(monkeypatch)
    scripts = [file for file in migrate_module.sql_files("reports/views") if "alerts" in file[0]]
    try:
        with warehouse.transaction() as transaction:
            transaction.execute("ALTER VIEW reports.alerts OWNER TO platform")
            transaction.execute("GRANT CREATE, USAGE ON SCHEMA reports TO platform")
            transaction.execute("GRANT USAGE ON SCHEMA ops TO platform")
            transaction.execute("SET LOCAL ROLE platform")
            with pytest.raises(UsageError, match=r"mine, built on them, belongs to a role"):
                views_module._make(transaction, scripts[0][1], [ALERTS])
    finally:
        _run(
            warehouse,
            "REASSIGN OWNED BY platform TO CURRENT_USER",
            "DROP OWNED BY platform",
            "DROP ROLE platform",
        )


def test_a_new_view_does_not_replace_one_of_that_name(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(warehouse, "CREATE VIEW reports.alerts_open AS SELECT 1 AS mine")
    _edited(
        monkeypatch,
        ("CREATE OR REPLACE VIEW reports.drift", "CREATE OR REPLACE VIEW reports.alerts_open AS "
         "SELECT 2 AS two;\nCREATE OR REPLACE VIEW reports.drift"),
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"reports\.alerts_open already exists"):
        migrate(warehouse)
    assert _columns(warehouse, "reports.alerts_open") == ["mine"]


def test_a_view_that_is_ours_no_longer_goes_unless_something_stands_on_it(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _run(warehouse, "CREATE VIEW public.mine AS SELECT kind FROM reports.drift")
    scripts = [
        file for file in sql_files("reports/views") if file[0][:2] not in ("20", "21", "33", "34")
    ]
    monkeypatch.setattr(
        migrate_module,
        "sql_files",
        lambda folder: scripts if folder == "reports/views" else sql_files(folder),
    )
    migrate(warehouse)
    assert "drift" in _oids(warehouse)
    assert not {"alerts", "customer_risk", "customer_risk_history"} & _oids(warehouse).keys()
    assert "It stays, because public.mine stands on it" in caplog.text
    assert migrate(warehouse) == []


def test_the_reader_of_bi_may_read_new_views_and_keeps_its_rights(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(
        warehouse,
        "DO $$ BEGIN CREATE ROLE retention_bi; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    )
    migrate(warehouse)
    _run(
        warehouse,
        "REVOKE SELECT ON reports.trials FROM retention_bi",
        "CREATE VIEW reports.private AS SELECT 1 AS one",
    )
    _edited(
        monkeypatch,
        ("    alert.subject,\n", "    alert.subject,\n    1 AS one,\n"),
        ("CREATE OR REPLACE VIEW reports.drift", "CREATE OR REPLACE VIEW reports.alerts_open AS "
         "SELECT 2 AS two;\nCREATE OR REPLACE VIEW reports.drift"),
    )  # fmt: skip
    migrate(warehouse)
    readable = warehouse.read(
        "SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace('reports') "
        "AND has_table_privilege('retention_bi', oid, 'SELECT')"
    )["name"].to_pylist()
    assert {"alerts", "alerts_open", "drift"} <= set(readable)
    assert not {"trials", "private"} & set(readable)


def test_a_warehouse_whose_views_were_dropped_as_a_whole_keeps_them_from_now_on(
    warehouse: Warehouse,
) -> None:
    migration = dict(sql_files("migrations"))["0009_views_and_tiers.sql"]
    newer = [name for name in _oids(warehouse) if f"'{name}'" not in migration]
    _run(
        warehouse,
        *(f"DROP VIEW IF EXISTS reports.{name} CASCADE" for name in [*newer, "risk_tier_daily"]),
        "ALTER TABLE scores.snapshots DROP COLUMN tiers_by",
        "DELETE FROM public.migrations WHERE name LIKE 'reports.%' OR name LIKE '0009%'",
        "INSERT INTO public.migrations VALUES ('views', 'x', now())",
        "CREATE VIEW reports.of_the_shop AS SELECT alert_id FROM reports.alerts",
    )
    before = _oids(warehouse)
    assert migrate(warehouse) == ["0009_views_and_tiers.sql"]
    assert before.items() <= _oids(warehouse).items()
    assert _one(warehouse, "SELECT count(*) FROM public.migrations WHERE name = 'views'") == 0


def test_a_broken_view_file_is_refused_in_the_databases_words(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _oids(warehouse)
    _edited(monkeypatch, ("alert.subject", "alert.no_such_column"))
    with pytest.raises(WarehouseError, match=r"reports\.alerts could not be replaced: .*no_such"):
        migrate(warehouse)
    assert _oids(warehouse) == before
