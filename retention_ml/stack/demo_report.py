"""The results that the demonstration prints at its end."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table

from retention_ml.models.registry.links import page_links
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.people.lookup import numbers_of
from retention_ml.reports import abnormal, people, profiles, read, words
from retention_ml.reports.site.write_pages import write_pages
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_Table = tuple[str, Sequence[str], Sequence[Sequence[Any]]]

_ABNORMAL_CUSTOMERS = 3
_OFFERED_CUSTOMERS, _OFFERED_PRODUCTS = 3, 3
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
    """Everything the demonstration shows, as plain values; the pages are written as files."""
    promotions, most_at_risk = read.promotions(warehouse), read.top_customers(warehouse, 10)
    return {
        "ingestion": read.ingestion(warehouse),
        "quarantine": read.quarantine_summary(warehouse, settings),
        "churn_rates": read.churn_rates(warehouse),
        "comparison": read.training_comparison(warehouse),
        "decision": promotions[0] if promotions else None,
        "tiers": read.tiers(warehouse),
        "most_at_risk": most_at_risk,
        "number": _number(warehouse, settings, most_at_risk),
        "stages": profiles.lifecycle(warehouse),
        "cohorts": profiles.cohort_ratios(warehouse),
        "values": profiles.value_tiers(warehouse),
        "people": people.tables(warehouse, settings.calendar.currency),
        "abnormal": abnormal.abnormal_customers(warehouse, limit=_ABNORMAL_CUSTOMERS),
        "offers": _offers(warehouse),
        "status": read.status(warehouse, settings),
        "quality_report": _newest_report(settings),
        "mlflow_pages": page_links(Registry(settings)),
        "pages": str(write_pages(warehouse, settings=settings)),
    }


def show(outcome: Mapping[str, Any], console: Console) -> None:
    """Print the outcome as tables."""
    for table in (*_data_tables(outcome), _candidates_table(outcome)):
        print_table(console, *table)
    if decision := outcome["decision"]:
        console.print(
            f"[bold]{decision['verdict']}[/bold]: {decision['reason']}\n", highlight=False
        )
    tiers, most_at_risk = _risk_tables(outcome)
    print_table(console, *tiers)
    for sentence in words.tier_notes(outcome["tiers"]):
        console.print(f"{sentence}\n", highlight=False, markup=False)
    later = (*_profile_tables(outcome), *_offer_tables(outcome), *_run_tables(outcome))
    for table in (most_at_risk, *later):
        print_table(console, *table)
    console.print(
        f"Start here: {outcome['airflow_url']}/plugin/retention", highlight=False, soft_wrap=True
    )


def _data_tables(outcome: Mapping[str, Any]) -> list[_Table]:
    """Delivered rows, quarantined rows, and churn rates by day."""
    counts = ("delivered", "accepted", "quarantined", "left_out", "duplicate")
    several = len({row["source"] for row in (*outcome["ingestion"], *outcome["quarantine"])}) > 1

    def feed(row: Mapping[str, Any]) -> str:
        name = row["feed"] or "no feed"  # nothing expects a file of that name
        return f"{row['source']}: {name}" if several else name

    delivered = [
        (feed(row), *(row[f"{name}_count"] for name in counts)) for row in outcome["ingestion"]
    ]
    quarantined = [
        (
            feed(row),
            row["reason_code"],
            row["rows_count"],
            row.get("meaning") or row.get("reason"),
        )
        for row in outcome["quarantine"]
    ]
    churn_rates = [
        (row["as_of"], row["customers_count"], row["churned_count"], f"{row['churn_rate']:.1%}")
        for row in outcome["churn_rates"][:8]
    ]
    return [
        (
            "Rows delivered = accepted + quarantined + left out + duplicates",
            ("feed", "delivered", "accepted", "quarantined", "left out", "duplicates"),
            delivered,
        ),
        ("Quarantined rows by reason", ("feed", "reason", "rows", "meaning"), quarantined),
        (
            "Active customers and how many of them churned",
            ("day", "active customers", "churned", "churn rate"),
            churn_rates,
        ),
    ]


def _candidates_table(outcome: Mapping[str, Any]) -> _Table:
    """Every candidate's metrics with intervals; an arrow marks the selected one."""
    rows = [
        (
            f"{'► ' if row['is_selected'] else '  '}{row['model']}",
            *(_interval(row, metric) for metric in _METRICS),
            _interval(row, "roc_auc_minus_recency", "+.3f"),
        )
        for row in outcome["comparison"]
    ]
    return (
        "Candidates on days after those they were trained on (95 % intervals)",
        ("model", *_METRICS.values(), "ROC AUC − recency baseline"),
        rows,
    )


def _risk_tables(outcome: Mapping[str, Any]) -> list[_Table]:
    """Customers by risk tier, and those most at risk."""
    tiers, status = outcome["tiers"], outcome["status"]
    money = (status["currency"], status["value_horizon_days"])
    customers = [
        (
            row["customer_id"],
            f"{row['churn_probability']:.2f}",
            row["risk_tier"],
            f"{row['expected_value_at_risk']:,.2f}",
            ". ".join(str(row[f"reason_{i}"]) for i in (1, 2, 3) if row[f"reason_{i}"]),
        )
        for row in outcome["most_at_risk"]
    ]
    return [
        (
            words.tier_title(status["published_as_of"] or "the latest day", tiers),
            words.tier_columns(*money),
            words.tier_table(tiers),
        ),
        (
            "The ten customers most at risk",
            (
                *("customer", "probability", "tier", words.value_title(*money)),
                f"because (amounts in {status['currency']})",
            ),
            customers,
        ),
    ]


def _profile_tables(outcome: Mapping[str, Any]) -> list[_Table]:
    """Customers by lifecycle stage, cohorts, value, personas, and customers who may be none."""
    stages, cohorts = outcome.get("stages") or [], outcome.get("cohorts") or []
    tables: list[_Table] = []
    if stages:
        title = (
            f"Lifecycle stages, {stages[0]['as_of']} (amounts in {outcome['status']['currency']})"
        )
        tables.append((title, profiles.STAGE_COLUMNS, profiles.stage_table(stages)))
    if cohorts:
        tables.append(profiles.heat_map(cohorts))
    if values := outcome.get("values"):
        tables.append(profiles.value_table(values, outcome["status"]["currency"]))
    tables += outcome.get("people") or []
    if strangers := outcome.get("abnormal"):
        title = f"Customers who may be none, {strangers[0]['as_of']}"
        tables.append((title, abnormal.COLUMNS, abnormal.table(strangers)))
    return tables


def _offers(warehouse: Warehouse) -> list[dict[str, Any]]:
    """The first products of each list, of the three customers whose loss would cost most."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT risk.customer_id, listed.list, listed.rank, coalesce(listed.product_name, "
            "listed.product_id) AS product, listed.purchase_probability, listed.reason, listed.as_of "
            "FROM reports.recommendations AS listed JOIN (SELECT customer_id, "
            "expected_value_at_risk FROM reports.customer_risk ORDER BY expected_value_at_risk DESC, "
            "customer_id LIMIT :customers) AS risk USING (customer_id) "
            "WHERE listed.list IN ('again', 'new') AND listed.rank <= :rank "
            "ORDER BY risk.expected_value_at_risk DESC, risk.customer_id, listed.list, listed.rank",
            customers=_OFFERED_CUSTOMERS,
            rank=_OFFERED_PRODUCTS,
        )
    return [dict(row._mapping) for row in rows]


def _offer_tables(outcome: Mapping[str, Any]) -> list[_Table]:
    """What three customers may buy again, and what new they may try."""
    offers = outcome.get("offers") or []
    if not offers:
        return []
    return [
        (
            f"What three customers want next, {offers[0]['as_of']}",
            ("customer", "list", "product", "probability", "because"),
            [
                (
                    row["customer_id"],
                    row["list"],
                    row["product"],
                    f"{row['purchase_probability']:.2f}",
                    row["reason"],
                )
                for row in offers
            ],
        )
    ]


def _run_tables(outcome: Mapping[str, Any]) -> list[_Table]:
    """How long each step took, and where to look."""
    seconds, mlflow = outcome["seconds"], outcome["mlflow_pages"]
    return [
        ("Time", ("step", "seconds"), [*seconds.items(), ("in all", sum(seconds.values()))]),
        (
            "Where to look",
            ("", ""),
            [
                ("Airflow", outcome["airflow_url"]),
                ("login", f"{outcome['airflow_user']} / {outcome['airflow_password']}"),
                ("MLflow", mlflow.get("trainings") or outcome["mlflow_url"]),
                ("candidates compared", mlflow.get("newest_training") or "–"),
                ("quality report", outcome["quality_report"]),
                *_one_customer(outcome.get("number")),
                ("BI, read-only", outcome["bi_dsn"]),
                ("pages as files", outcome.get("pages")),
                ("stop it all", "make down"),
            ],
        ),
    ]


def _one_customer(number: str | None) -> list[tuple[str, str]]:
    """How to ask for one by the shop's number; tables show what the warehouse knows them by."""
    return [("the first at risk", f".venv/bin/retention explain {number}")] if number else []


def _number(
    warehouse: Warehouse, settings: Settings, customers: Sequence[Mapping[str, Any]]
) -> str | None:
    """What the shop calls the first of some customers."""
    ids = [str(row["customer_id"]) for row in customers[:1]]
    with warehouse.transaction() as transaction:
        return next(iter(numbers_of(transaction, settings, ids).values()), None)


def _newest_report(settings: Settings) -> str | None:
    pages = sorted(
        (settings.home / "reports" / "quality").glob("**/*.html"),
        key=lambda path: path.stat().st_mtime,
    )
    return str(pages[-1]) if pages else None


def _interval(row: Mapping[str, Any], metric: str, style: str = ".3f") -> str:
    value, lower, upper = (row.get(f"{metric}{end}") for end in ("", "_lower", "_upper"))
    if value is None:
        return "–"
    if lower is None or upper is None:
        return f"{value:{style}}"
    return f"{value:{style}} [dim]{lower:{style}}…{upper:{style}}[/dim]"


def print_table(
    console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """A table with a title; one line where it has no rows."""
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
