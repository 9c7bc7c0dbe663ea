"""What a person or the command line asks for: plain rows out of the views and ledgers.

Every function returns plain JSON-like values (dicts, lists, dates, numbers, text); printing is
the caller's.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.inbox import left_alone
from retention_ml.deliveries.reasons import meaning
from retention_ml.deliveries.source_names import all_source_names
from retention_ml.errors import SettingsError, UsageError
from retention_ml.scores.arms import STARTER
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

Row = dict[str, Any]

_NOTHING_PUBLISHED = (
    "No scores are published yet: `retention score --as-of D` scores a day, once its deliveries are "
    "ingested."
)
_ALERTS_SHOWN = 5
_FILES_SHOWN = 10
_DAYS_SHOWN = 8
_SHOWN_METRICS = (
    *("roc_auc", "pr_auc", "log_loss", "brier", "ece", "lift_at_10"),
    "roc_auc_minus_recency",
)
_ENDS = {"": "value", "_lower": "lower", "_upper": "upper"}


def tiers(warehouse: Warehouse, as_of: date | None = None) -> list[Row]:
    """Customers and value per tier of a published day (the latest by default), critical first."""
    return select(
        warehouse,
        "SELECT risk_tier, customers_count, customers_share, expected_value_at_risk, "
        "mean_churn_probability, entered_count, left_count, value_share, tiers_by "
        "FROM reports.risk_tier_daily "
        "WHERE as_of = coalesce(:as_of, (SELECT max(as_of) FROM scores.published)) "
        "ORDER BY tier_rank",
        as_of=as_of,
    )


def top_customers(warehouse: Warehouse, limit: int = 10, as_of: date | None = None) -> list[Row]:
    """The customers most at risk on a published day, those with more value first among equals."""
    return select(
        warehouse,
        "SELECT customer_id, churn_probability, risk_tier, tier_since, expected_value_at_risk, "
        "next_order_expected_on, reason_1, reason_2, reason_3 FROM reports.customer_risk_history "
        # a filter on as_of would read the whole history
        "WHERE snapshot_id = (SELECT snapshot_id FROM scores.published "
        "WHERE as_of = coalesce(:as_of, (SELECT max(as_of) FROM scores.published))) "
        "ORDER BY churn_probability DESC, expected_value_at_risk DESC, customer_id LIMIT :limit",
        as_of=as_of,
        limit=limit,
    )


def training_comparison(warehouse: Warehouse, training_id: str | None = None) -> list[Row]:
    """Candidates of a training (the newest that ended by default) with intervals, best first.

    For each metric its value and the ends of its 95 % interval; with it the paired difference in
    ROC AUC to the recency baseline where one was stored.

    Raises
    ------
    UsageError
        No candidate of that training was evaluated.
    """
    if training_id is None:
        newest = select(
            warehouse,
            "SELECT training_id FROM reports.model_performance WHERE evidence = 'offline' "
            "ORDER BY finished_at DESC NULLS LAST, training_id DESC LIMIT 1",
        )
        training_id = newest[0]["training_id"] if newest else ""
    evaluations = select(
        warehouse,
        "SELECT model_name, is_selected, metric, value, lower, upper, customers_count "
        "FROM reports.model_performance WHERE training_id = :training_id",
        training_id=training_id,
    )
    if not evaluations:
        raise UsageError(
            f"No candidate of training {training_id!r} was evaluated. Run `retention train` first."
        )
    differences = select(
        warehouse,
        "SELECT model_name, 'roc_auc_minus_recency' AS metric, difference AS value, "
        "difference_lower AS lower, difference_upper AS upper "
        "FROM reports.model_comparison WHERE training_id = :training_id "
        "AND metric = 'roc_auc' AND baseline_name = 'recency'",
        training_id=training_id,
    )
    rows: dict[str, Row] = {
        row["model_name"]: {
            "model": row["model_name"],
            "is_selected": row["is_selected"],
            "customers_count": row["customers_count"],
            **dict.fromkeys(f"{metric}{end}" for metric in _SHOWN_METRICS for end in _ENDS),
        }
        for row in evaluations
    }
    for row in (*evaluations, *differences):
        if row["metric"] in _SHOWN_METRICS and row["model_name"] in rows:
            rows[row["model_name"]] |= {
                f"{row['metric']}{end}": row[column] for end, column in _ENDS.items()
            }
    return sorted(rows.values(), key=lambda row: (-(row["roc_auc"] or 0.0), row["model"]))


def promotions(warehouse: Warehouse) -> list[Row]:
    """Every decision about champion and challenger, newest first.

    `alias_moved_at` is when the registry's alias followed: empty where it need not, or has not yet.
    """
    return select(
        warehouse,
        "SELECT decided_at, alias, verdict, model_name, model_version, decided_by, reason, "
        "moved_at AS alias_moved_at FROM models.promotions LEFT JOIN models.alias_moves "
        "USING (promotion_id) ORDER BY promotion_id DESC",
    )


def ingestion(warehouse: Warehouse) -> list[Row]:
    """Files and rows by source and feed: delivered = accepted + quarantined + left out + duplicates.

    Reference files that are only joined to others are left out.
    """
    return select(
        warehouse,
        "SELECT source, feed, count(*) AS files_count, "
        "count(*) FILTER (WHERE status = 'refused') AS refused_files_count, "
        "CAST(sum(delivered_count) AS bigint) AS delivered_count, "
        "CAST(sum(accepted_count) AS bigint) AS accepted_count, "
        "CAST(sum(quarantined_count) AS bigint) AS quarantined_count, "
        "CAST(sum(left_out_count) AS bigint) AS left_out_count, "
        "CAST(sum(duplicate_count) AS bigint) AS duplicate_count, "
        "CAST(sum(corrected_count) AS bigint) AS corrected_count "
        "FROM raw.deliveries WHERE status <> 'repeated' AND right(feed, 7) <> '.lookup' "
        "GROUP BY source, feed ORDER BY 1, 2",
    )


def quarantine_summary(warehouse: Warehouse, settings: Settings | None = None) -> list[Row]:
    """Rows in quarantine by source, feed and reason, with the reason's meaning, most first.

    With `settings`, codes that a source description declares are explained in its words.
    """
    rows = select(
        warehouse,
        "SELECT source, feed, reason_code, count(*) AS rows_count, "
        "count(*) FILTER (WHERE replayed_in IS NOT NULL) AS replayed_count "
        "FROM quarantine.rows GROUP BY source, feed, reason_code ORDER BY 4 DESC, 1, 2, 3",
    )
    declared = declared_reasons(settings, {row["source"] for row in rows}) if settings else {}
    return [
        {**row, "meaning": meaning(row["reason_code"], declared.get(row["source"]))} for row in rows
    ]


def quarantined_rows(
    warehouse: Warehouse, *, reason: str | None = None, source: str | None = None, limit: int = 20
) -> list[Row]:
    """Rows in quarantine as they were delivered, newest delivery first."""
    return select(
        warehouse,
        "SELECT q.source, q.feed, d.file_name, q.line_number, q.reason_code, q.detail, q.raw_text "
        "FROM quarantine.rows AS q JOIN raw.deliveries AS d USING (delivery_id) "
        "WHERE (CAST(:reason AS text) IS NULL OR q.reason_code = :reason) "
        "AND (CAST(:source AS text) IS NULL OR q.source = :source) "
        "ORDER BY q.delivery_id DESC, q.line_number LIMIT :limit",
        reason=reason,
        source=source,
        limit=limit,
    )


def churn_rates(warehouse: Warehouse) -> list[Row]:
    """Active customers and the share that churned, by day with a matured outcome, newest first.

    Abnormal customers who are excluded are counted apart.
    """
    return select(
        warehouse,
        "SELECT as_of, customers_count, churned_count, abnormal_count, "
        "CAST(churned_count AS double precision) / nullif(customers_count, 0) AS churn_rate, "
        "definition_hash FROM models.label_windows ORDER BY as_of DESC, matured_at DESC",
    )


def performance(warehouse: Warehouse, *, until: date) -> list[Row]:
    """Metrics of the scores of the newest measured days up to a day, about all customers.

    Days of another churn definition than that of the newest published one are left out.
    """
    return select(
        warehouse,
        "WITH measured AS (SELECT * FROM outcomes.performance WHERE definition_hash = "
        "(SELECT s.definition_hash FROM scores.published AS p JOIN scores.snapshots AS s "
        "USING (snapshot_id) WHERE p.as_of <= :until ORDER BY p.as_of DESC LIMIT 1)) "
        "SELECT as_of, role, model_version, metric, value, lower, upper, customers_count, "
        "contacted_count, known_as_of FROM measured WHERE segment = 'all' AND as_of IN "
        "(SELECT DISTINCT as_of FROM measured WHERE known_as_of <= :until AND as_of <= :until "
        "ORDER BY as_of DESC LIMIT :shown) ORDER BY as_of, role, model_version, metric",
        until=until,
        shown=_DAYS_SHOWN,
    )


def comparisons(warehouse: Warehouse, trial_id: int, as_of: date) -> list[Row]:
    """Champion and challenger compared at a look of a trial, all customers first."""
    return select(
        warehouse,
        "SELECT comparison, segment, metric, champion_value, challenger_value, difference, lower, "
        "upper, customers_count FROM outcomes.comparisons WHERE trial_id = :trial AND as_of = :as_of "
        "ORDER BY comparison DESC, segment NOT LIKE 'all%', segment, metric",
        trial=trial_id,
        as_of=as_of,
    )


def status(warehouse: Warehouse, settings: Settings) -> Row:
    """Whether scores of today are there, what is published, which models serve, how fresh all is.

    `champion` and `challenger` are the newest approved decisions of the ledger, empty once retired;
    where there never was a champion and the starter scored the newest day, it stands there.
    """
    published = select(
        warehouse,
        "SELECT p.as_of AS published_as_of, p.published_at, p.snapshot_id, s.scored_count, "
        "s.excluded_count, s.model_name, s.model_version "
        "FROM scores.published AS p JOIN scores.snapshots AS s USING (snapshot_id) "
        "ORDER BY p.as_of DESC LIMIT 1",
    )
    names = ("published_as_of", "published_at", "snapshot_id", "scored_count", "excluded_count")
    aliases = {
        row["alias"]: f"{row['model_name']} v{row['model_version']}"
        for row in select(
            warehouse,
            "SELECT DISTINCT ON (alias) alias, model_name, model_version, verdict "
            "FROM models.promotions WHERE verdict IN ('promote', 'follow', 'rollback', 'retire') "
            "ORDER BY alias, promotion_id DESC",
        )
        if row["verdict"] != "retire"
    }
    ages = select(warehouse, "SELECT * FROM reports.pipeline_freshness ORDER BY subject, name")
    counts = select(
        warehouse,
        "SELECT (SELECT count(*) FROM scores.published) AS published_days_count, "
        "(SELECT count(*) FROM quarantine.rows WHERE replayed_in IS NULL) AS quarantined_count, "
        "(SELECT count(*) FROM scores.snapshots WHERE status = 'refused') "
        "AS refused_snapshots_count",
    )[0]
    files = select(
        warehouse,
        "SELECT source, file_name, status, reason, landed_at, count(*) OVER () AS files_count "
        "FROM reports.unusable_files ORDER BY landed_at DESC, source, file_name LIMIT :limit",
        limit=_FILES_SHOWN,
    )
    alerts = select(
        warehouse,
        "SELECT as_of, kind, subject, sentence, count(*) OVER () AS alerts_count "
        "FROM reports.alerts WHERE cleared_at IS NULL ORDER BY as_of DESC, alert_id DESC LIMIT :limit",
        limit=_ALERTS_SHOWN,
    )
    strays = left_alone(settings.home / "inbox", all_source_names(settings.sources))
    newest = published[0] if published else {}
    scores = next((row for row in ages if row["name"] == "scores" and row["verdict"]), None)
    grades = select(warehouse, "SELECT grade, sentence FROM reports.model_grade WHERE is_serving")
    return {
        "verdict": scores["verdict"] if scores else "missing",
        "sentence": scores["sentence"] if scores else _NOTHING_PUBLISHED,
        **{name: newest.get(name) for name in names},
        "champion": aliases.get("champion") or _starter(newest),
        "challenger": aliases.get("challenger"),
        "model_grade": ": ".join(grades[0].values()) if grades else None,
        "recommendations_champion": aliases.get("recommendations_champion"),
        "recommendations_challenger": aliases.get("recommendations_challenger"),
        **counts,
        "newest_load_at": max(
            (row["newest_at"] for row in ages if row["subject"] == "source"), default=None
        ),
        "newest_event_in_features_at": next(
            (row["newest_at"] for row in ages if row["subject"] == "input"), None
        ),
        "incomplete_feeds": {
            row["name"]: f"since {row['incomplete_since']:%Y-%m-%d %H:%M} UTC: "
            f"{row['unusable_files']}"
            for row in ages
            if row["incomplete_since"]
        },
        "unusable_files": _first(
            {
                f"{row['source']}/{row['file_name']}": f"{row['status']} "
                f"{row['landed_at']:%Y-%m-%d %H:%M} UTC: {row['reason']}"
                for row in files
            },
            files[0]["files_count"] if files else 0,
            "reports.unusable_files",
        ),
        "left_alone_in_the_inbox": _first(
            dict(list(strays.items())[:_FILES_SHOWN]), len(strays), "the log of collect"
        ),
        "alerts": _first(
            {
                f"{row['as_of']} {row['kind'].replace('_', ' ')}: {row['subject']}": row["sentence"]
                for row in alerts
            },
            alerts[0]["alerts_count"] if alerts else 0,
            "reports.alerts",
        ),
        "drift_not_compared": {
            row["kind"]: row["reference"]
            for row in select(
                warehouse,
                "SELECT kind, reference FROM reports.drift WHERE measure = 'not_compared' "
                "AND snapshot_id = :snapshot_id ORDER BY kind",
                snapshot_id=newest.get("snapshot_id"),
            )
        },
        "steps": {
            row["name"]: f"{row['newest_at']:%Y-%m-%d %H:%M} UTC"
            + (f" for {row['newest_as_of']}" if row["newest_as_of"] else "")
            for row in ages
            if row["subject"] == "step"
        },
        "timezone": settings.calendar.timezone,
        "currency": settings.calendar.currency,
        "value_horizon_days": settings.value.horizon_days,
    }


def _starter(published: Row) -> str | None:
    """Who serves a shop without a model of its own, in words; None where it has one."""
    if published.get("model_name") != STARTER:
        return None
    return (
        f"{STARTER} v{published['model_version']}, trained on other shops: not calibrated for "
        "this one (docs/starter.md)"
    )


def _first(shown: Mapping[str, str], count: int, place: str) -> dict[str, str]:
    """The entries, with a last one that says how many more there are and where."""
    more = count - len(shown)
    return {**shown, **({f"and {more:,} more": f"in {place}"} if more > 0 else {})}


def declared_reasons(settings: Settings, sources: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """The reason codes that source descriptions explain themselves, by source; none if unreadable."""
    reasons: dict[str, Mapping[str, str]] = {}
    for name in sources:
        try:
            reasons[name] = load_source(settings.sources, name).declared_reasons()
        except (SettingsError, UsageError):
            continue  # the description is gone; the general meaning must do
    return reasons


def select(warehouse: Warehouse, sql: str, **parameters: Any) -> list[Row]:
    """The rows of one statement as dicts, numeric values as floats."""
    with warehouse.transaction() as transaction:
        rows: Sequence[Any] = transaction.execute(sql, **parameters)
    return [
        {
            name: float(value) if isinstance(value, Decimal) else value
            for name, value in row._mapping.items()
        }
        for row in rows
    ]
