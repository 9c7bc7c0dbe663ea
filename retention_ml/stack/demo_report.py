"""What the demonstration prints at its end."""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table

from retention_ml.reports import read
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_METRICS = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "brier": "Brier",
    "lift_at_10": "lift at 10 %",
}


def published_days(warehouse: Warehouse) -> set[date]:
    """The days whose scores readers can see."""
    with warehouse.transaction() as transaction:
        return {row[0] for row in transaction.execute("SELECT as_of FROM scores.published")}


def collect(warehouse: Warehouse, settings: Settings) -> dict[str, Any]:
    """Everything the demonstration shows, as plain values."""
    promotions = read.promotions(warehouse)
    return {
        "ingestion": read.ingestion(warehouse),
        "quarantine": read.quarantine_summary(warehouse, settings),
        "churn_rates": read.churn_rates(warehouse),
        "comparison": read.training_comparison(warehouse),
        "decision": promotions[0] if promotions else None,
        "tiers": read.tiers(warehouse),
        "most_at_risk": read.top_customers(warehouse, 10),
        "status": read.status(warehouse, settings),
        "quality_report": _newest_report(settings),
        "mlflow_experiment_url": _experiment_url(settings),
    }


def show(outcome: Mapping[str, Any], console: Console) -> None:
    """Print the outcome as tables."""
    _table(
        console,
        "Rows delivered = accepted + quarantined + duplicates",
        ("feed", "delivered", "accepted", "quarantined", "duplicates"),
        [
            (
                r["feed"],
                r["delivered_count"],
                r["accepted_count"],
                r["quarantined_count"],
                r["duplicate_count"],
            )
            for r in outcome["ingestion"]
        ],
    )
    _table(
        console,
        "Quarantined rows by reason",
        ("feed", "reason", "rows", "meaning"),
        [
            (r["feed"], r["reason_code"], r["rows_count"], r.get("meaning") or r.get("reason"))
            for r in outcome["quarantine"]
        ],
    )
    _table(
        console,
        "Active customers and how many of them stayed away",
        ("day", "active customers", "churned", "churn rate"),
        [
            (r["as_of"], r["customers_count"], r["churned_count"], f"{r['churn_rate']:.1%}")
            for r in outcome["churn_rates"][:8]
        ],
    )
    _table(
        console,
        "Candidates on days after those they learnt from (95 % intervals)",
        ("model", *_METRICS.values(), "ROC AUC − recency rule"),
        [
            (
                f"{'► ' if r['is_selected'] else '  '}{r['model']}",
                *(_interval(r, metric) for metric in _METRICS),
                _interval(r, "roc_auc_minus_recency", "+.3f"),
            )
            for r in outcome["comparison"]
        ],
    )
    if outcome["decision"]:
        decision = outcome["decision"]
        console.print(
            f"[bold]{decision['verdict']}[/bold]: {decision['reason']}\n", highlight=False
        )
    _table(
        console,
        f"Risk tiers of {outcome['status'].get('published_as_of') or 'the latest day'}",
        ("tier", "customers", "share", "value at risk", "mean probability"),
        [
            (
                r["risk_tier"],
                r["customers_count"],
                f"{r['customers_share']:.1%}",
                f"{r['expected_value_at_risk']:,.0f}",
                None
                if r["mean_churn_probability"] is None
                else f"{r['mean_churn_probability']:.2f}",
            )
            for r in outcome["tiers"]
        ],
    )
    _table(
        console,
        "The ten customers most at risk",
        ("customer", "probability", "tier", "value at risk", "because"),
        [
            (
                r["customer_id"],
                f"{r['churn_probability']:.2f}",
                r["risk_tier"],
                f"{r['expected_value_at_risk']:,.2f}",
                "; ".join(str(r[f"reason_{i}"]) for i in (1, 2, 3) if r[f"reason_{i}"]),
            )
            for r in outcome["most_at_risk"]
        ],
    )
    _table(
        console,
        "Time",
        ("step", "seconds"),
        [*outcome["seconds"].items(), ("in all", sum(outcome["seconds"].values()))],
    )
    _table(
        console,
        "Where to look",
        ("", ""),
        [
            ("Airflow", outcome["airflow_url"]),
            ("login", f"{outcome['airflow_user']} / {outcome['airflow_password']}"),
            ("MLflow", outcome.get("mlflow_experiment_url") or outcome["mlflow_url"]),
            ("quality report", outcome["quality_report"]),
            ("BI, read-only", outcome["bi_dsn"]),
            ("stop it all", "make down"),
        ],
    )


def _newest_report(settings: Settings) -> str | None:
    pages = sorted(
        (settings.home / "reports" / "quality").glob("**/*.html"),
        key=lambda path: path.stat().st_mtime,
    )
    return str(pages[-1]) if pages else None


def _experiment_url(settings: Settings) -> str | None:
    """The page of the experiment's runs; MLflow's front page shows something else."""
    query = f"{settings.tracking_uri}/api/2.0/mlflow/experiments/get-by-name?experiment_name=churn"
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(query, timeout=10) as answer:
            experiment = json.load(answer)["experiment"]["experiment_id"]
    except (OSError, ValueError, KeyError):
        return None
    return f"{settings.tracking_uri}/#/experiments/{experiment}/runs?workflowType=machine_learning"


def _interval(row: Mapping[str, Any], metric: str, style: str = ".3f") -> str:
    value, lower, upper = (row.get(f"{metric}{end}") for end in ("", "_lower", "_upper"))
    if value is None:
        return "–"
    if lower is None or upper is None:
        return f"{value:{style}}"
    return f"{value:{style}} [dim]{lower:{style}}…{upper:{style}}[/dim]"


def _table(
    console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_text(value) for value in row))
    console.print(table if rows else f"[bold]{title}[/bold]: none")
    console.print()


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "–" if value is None else "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)
