"""How long a page takes at size: `python -m benchmarks.pages [--customers N] [--days N]`.

Tables are filled with random values, at their full width: scores of every day, what they add up to
and who stands first, features of two days, purchase days, labels of the day four weeks ago, which is
among the days, permissions, contacts, drift. Each page is made twice: by a process that has just begun, and again.
"""

import argparse
from datetime import date, timedelta

import pyarrow as pa

from benchmarks.lines import Line, show, timed
from benchmarks.place import place
from retention_ml.features import store
from retention_ml.labels.definition import churn_definition
from retention_ml.outcomes.distributions import NAMES_MAX, distributions, write_distributions
from retention_ml.outcomes.tier_outcomes import write_tier_outcomes
from retention_ml.reports.site.answer import answer
from retention_ml.scores.published_tiers import write_totals
from retention_ml.scores.summaries.leading import leading_customers
from retention_ml.scores.summaries.reason_totals import reason_totals
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_NEWEST = date(2025, 6, 30)
_PAGES = ("today", "now", "customers", "customer", "model", "data", "drift")
_TIERS = (
    "CASE WHEN p >= .8 THEN 'critical' WHEN p >= .6 THEN 'high' WHEN p >= .35 THEN 'medium' "
    "ELSE 'low' END"
)


def main() -> None:
    """Measure and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args()
    measure(customers=options.customers, days=options.days)


def measure(*, customers: int, days: int) -> list[Line]:
    """Measure on random values; print and return the lines."""
    with place() as at, at.warehouse("shop") as warehouse:
        settings = at.settings()
        _fill(warehouse, settings, customers=customers, days=days)
        lines = []
        for when in ("first", "again"):
            for name in _PAGES:
                asked = {"id": "c50"} if name == "customer" else {}
                seconds = timed(
                    lambda name=name, asked=asked: _make(warehouse, settings, name, asked)
                )
                lines.append(Line(what=f"{name}, {when}", rows=customers, seconds=seconds))
        show(f"Pages of {customers:,} customers and {days} published days", lines)
    return lines


def _make(warehouse: Warehouse, settings: Settings, name: str, asked: dict[str, str]) -> None:
    result = answer(lambda: warehouse, settings, name, asked)
    if result.status != 200:
        raise SystemExit(f"The page {name} was answered with {result.status}.")


def _fill(warehouse: Warehouse, settings: Settings, *, customers: int, days: int) -> None:
    definition = churn_definition(settings).hash
    matured = _NEWEST - timedelta(days=28)
    store.ensure_columns(warehouse)
    with warehouse.transaction() as transaction:
        last = [_NEWEST - timedelta(days=number) for number in range(days)]
        for day in sorted({*last[: days - 1], min(matured, last[-1])}):
            transaction.execute(
                "INSERT INTO scores.snapshots (as_of, status, epoch, definition_hash, policy_sha256, "
                "features_digest, model_name, model_version, bundle_sha256, library_version, "
                "population_count, scored_count, excluded_count, scores_digest, run_id, built_at, "
                "model_as_of, base_snapshot_id) VALUES (:day, 'published', 1, :definition, 'p', 'f', "
                "'plain', '1', repeat('a', 64), '0', :n, :n, 0, 's', 'run', now(), :first, "
                "(SELECT max(snapshot_id) FROM scores.snapshots))",
                day=day,
                definition=definition,
                n=customers,
                first=_NEWEST - timedelta(days=400),
            )
            transaction.execute(
                "INSERT INTO scores.customer_daily (snapshot_id, as_of, customer_id, "
                "churn_probability, champion_probability, risk_percentile, risk_tier, tier_since, "
                "expected_value_at_risk_cents, reason_1_code, reason_1, reason_2_code, reason_2, "
                "reason_3_code, reason_3, arm, model_name, model_version, run_id, scored_at) "
                "SELECT (SELECT max(snapshot_id) FROM scores.snapshots), :day, 'c' || i, p, p, .5, "
                f"{_TIERS}, :day, (10000 * random())::bigint, 'recency/recency_days', "
                "'No order for ' || i % 90 || ' days; usually every 12 days', 'gaps/longest', "
                "'Longest pause between orders was 83 days; half of the active customers 33 or less', "
                "'frequency/orders', 'Ordered in 2 of the last 13 weeks, in 13 of the 13 before', "
                "'champion', 'plain', '1', 'run', now() "
                "FROM (SELECT i, random() ^ 3 AS p FROM generate_series(1, :n) AS i) AS drawn",
                day=day,
                n=customers,
            )
        transaction.execute(
            "INSERT INTO scores.audits SELECT snapshot_id, 'rows', 'critical', true, '', now() "
            "FROM scores.snapshots"
        )
        transaction.execute(
            "INSERT INTO scores.published (as_of, snapshot_id, epoch, published_at) "
            "SELECT as_of, snapshot_id, 1, now() FROM scores.snapshots"
        )
        for row in transaction.execute("SELECT snapshot_id FROM scores.published"):
            write_totals(transaction, row.snapshot_id)
        _fill_leading(transaction)
        transaction.execute(
            "INSERT INTO scores.tier_transitions SELECT new.as_of, new.customer_id, new.snapshot_id, "
            "old.risk_tier, new.risk_tier, new.churn_probability FROM scores.customer_daily AS new "
            "JOIN scores.customer_daily AS old ON old.snapshot_id = new.snapshot_id - 1 "
            "AND old.customer_id = new.customer_id WHERE old.risk_tier <> new.risk_tier "
            "AND new.as_of = :day AND random() < .05",
            day=_NEWEST,
        )
        columns = [
            row[0]
            for row in transaction.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'features' "
                "AND table_name = 'customer_daily' AND data_type = 'double precision'"
            )
        ]
        names = ", ".join(f'"{name}"' for name in columns)
        values = ", ".join("random()" for _ in columns)
        transaction.execute(
            f"INSERT INTO features.customer_daily (as_of, customer_id, {names}) "
            f"SELECT day, 'c' || i, {values} FROM generate_series(1, :n) AS i, "
            "unnest(CAST(:days AS date[])) AS day",
            n=customers,
            days=[matured, _NEWEST],
        )
        transaction.execute(
            "INSERT INTO outcomes.drift (as_of, snapshot_id, kind, name, measure, value, threshold, "
            "is_beyond, reference, measured_at) SELECT as_of, snapshot_id, 'input', name, 'psi', "
            "random(), .9, random() < .1, 'the features of an earlier day', now() "
            "FROM scores.snapshots, unnest(CAST(:names AS text[])) AS name",
            names=columns,
        )
        _fill_distributions(transaction, matured)
        _fill_past(transaction, customers, matured, definition)
        for row in transaction.execute(
            "SELECT snapshot_id, as_of, definition_hash FROM scores.snapshots WHERE as_of = :day",
            day=matured,
        ):
            write_tier_outcomes(transaction, **row._asdict())
        _fill_contacts(transaction, customers)
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        session.exec_driver_sql("VACUUM ANALYZE")
    print(f"{len(columns)} columns of features are filled.")


def _fill_leading(transaction: Transaction) -> None:
    """Who stands first on the newest day, and the themes of reasons, as `score` keeps them."""
    [[snapshot_id]] = transaction.execute("SELECT max(snapshot_id) FROM scores.snapshots")
    reasons = (f"reason_{place}{part}" for place in (1, 2, 3) for part in ("_code", ""))
    columns = (
        "customer_id",
        "risk_tier",
        "expected_value_at_risk_cents",
        "churn_probability",
        *reasons,
    )
    rows = transaction.execute(
        f"SELECT {', '.join(columns)} FROM scores.customer_daily WHERE snapshot_id = :id",
        id=snapshot_id,
    )
    values = zip(*rows, strict=True)
    scores = pa.table({name: list(each) for name, each in zip(columns, values, strict=True)})
    for table, content in (
        ("leading_customers", leading_customers(scores)),
        ("reason_totals", reason_totals(scores)),
    ):
        number = pa.repeat(pa.scalar(int(snapshot_id)), content.num_rows)
        transaction.copy(f"scores.{table}", content.append_column("snapshot_id", number))


def _fill_distributions(transaction: Transaction, reference: date) -> None:
    """Those of the newest day, as `watch` keeps them."""
    changed = transaction.execute(
        "SELECT snapshot_id, name FROM outcomes.drift WHERE as_of = :day "
        "ORDER BY value DESC LIMIT :limit",
        day=_NEWEST,
        limit=NAMES_MAX,
    )
    rows = distributions(
        transaction, [row.name for row in changed], as_of=_NEWEST, reference=reference
    )
    write_distributions(transaction, changed[0].snapshot_id, reference, rows)


def _fill_past(transaction: object, customers: int, matured: date, definition: str) -> None:
    """Purchase days of a year, and labels of the matured day."""
    execute = transaction.execute  # type: ignore[attr-defined]
    execute(
        "INSERT INTO models.labels (as_of, definition_hash, customer_id, is_churned) "
        "SELECT :day, :definition, 'c' || i, random() < .2 FROM generate_series(1, :n) AS i",
        day=matured,
        definition=definition,
        n=customers,
    )
    execute(
        "INSERT INTO models.label_windows (as_of, definition_hash, definition, window_starts_at, "
        "window_ends_at, settles_at, customers_count, churned_count, known_as_of, matured_at) "
        'VALUES (:day, :definition, CAST(\'{"lead_days": 0, "horizon_days": 28}\' AS jsonb), now(), '
        "now() + interval '28 days', now() + interval '29 days', :n, :n / 5, :known, now())",
        day=matured,
        definition=definition,
        n=customers,
        known=_NEWEST,
    )
    counts = [
        row[0]
        for row in execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'features' "
            "AND table_name = 'customer_day' AND data_type = 'bigint' AND column_name <> 'rollup_id'"
        )
    ]
    drawn = {"orders_count": "1", "revenue_cents": "(5000 * random())::bigint"}
    execute(
        "INSERT INTO features.customer_day (customer_id, event_day, known_from_day, rollup_id, "
        f"newest_event_at, {', '.join(counts)}) SELECT 'c' || i, day, day, 1, now(), "
        f"{', '.join(drawn.get(name, '0') for name in counts)} "
        "FROM generate_series(1, :n) AS i, generate_series(19900, 20265, 30) AS day",
        n=customers,
    )


def _fill_contacts(transaction: object, customers: int) -> None:
    """A permission of everybody for mail and for push, and a contact a month for a year."""
    execute = transaction.execute  # type: ignore[attr-defined]
    stamps = "source, row_key, content_hash, delivery_id, line_number, loaded_at, available_at"
    values = "'bench', decode(md5({key}), 'hex'), '', 1, 1, now(), now()"
    execute(
        f"INSERT INTO curated.contact_permissions (customer_id, channel, purpose, kind, event_at, "
        f"address, {stamps}) SELECT 'c' || i, channel, 'marketing', 'granted', CAST('2024-01-01' AS "
        f"date), 'c' || i || '@example.com', {values.format(key='i || channel')} "
        "FROM generate_series(1, :n) AS i, unnest(ARRAY['email', 'push']) AS channel",
        n=customers,
    )
    execute(
        f"INSERT INTO curated.campaign_contacts (campaign_id, customer_id, event_at, kind, {stamps}) "
        "SELECT 'm' || month, 'c' || i, CAST(:newest AS date) - 30 * month - i % 30, 'sent', "
        f"{values.format(key='i || chr(47) || month')} "
        "FROM generate_series(1, :n) AS i, generate_series(0, 11) AS month",
        n=customers,
        newest=_NEWEST,
    )


if __name__ == "__main__":
    main()
