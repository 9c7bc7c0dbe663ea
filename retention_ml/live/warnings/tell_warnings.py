"""The door that counts the warnings nobody was told of: one message for all of them, without a customer."""

import time
from datetime import date, datetime, timedelta

from retention_ml import clock
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_WORDS = {
    "tier_rose": "tier rose",
    "complaint_at_risk": "complained at high risk",
    "overdue": "overdue against their own rhythm",
    "cart_left": "left a cart behind",
}
_NEWS = timedelta(days=1)


def tell_warnings(
    warehouse: Warehouse, *, settings: Settings, as_of: date, now: datetime | None = None
) -> Receipt:
    """Count the warnings that no message told of yet, and make the message.

    The same run, tried again, makes the same message. Warnings older than a day are no news: they
    count as told.

    Parameters
    ----------
    as_of : date
        The day of the message.
    now : datetime, optional
        The moment of the message; by default the clock's.

    Returns
    -------
    Receipt
        Counts warnings. `details["alerts"]`: the message as those of `watch` (kind, subject,
        severity, sentence, runbook), none where there is no news.
    """
    started = time.perf_counter()
    of_run = {"run": settings.run_id, "news": (now or clock.now()) - _NEWS}
    with warehouse.transaction() as transaction:
        warnings_count = transaction.change(
            "UPDATE live.warnings SET told_in = :run WHERE told_in IS NULL", run=settings.run_id
        )
        rows = transaction.execute(
            "SELECT kind, count(*) AS warnings_count, min(warned_at) AS first_at FROM live.warnings "
            "WHERE told_in = :run AND warned_at > :news GROUP BY kind",
            **of_run,
        )
        [[customers_count]] = transaction.execute(
            "SELECT count(DISTINCT customer_id) FROM live.warnings WHERE told_in = :run "
            "AND warned_at > :news",
            **of_run,
        )
    counts = {row.kind: int(row.warnings_count) for row in rows}
    alerts = []
    if counts:
        alerts.append(
            {
                "kind": "fresh_warnings",
                "subject": _customers(customers_count),
                "severity": "warning",
                "sentence": sentence(customers_count, counts, min(row.first_at for row in rows)),
                "runbook": "docs/live.md#warnings",
            }
        )
    receipt = Receipt(
        door="tell_warnings",
        as_of=as_of,
        read=warnings_count,
        written=warnings_count,
        seconds=time.perf_counter() - started,
        details={"alerts": alerts, "counts": counts},
    )
    return warehouse.record(receipt, settings.run_id) if warnings_count else receipt


def sentence(customers_count: int, counts: dict[str, int], since: datetime) -> str:
    """What happened, by cause, the most frequent first.

    >>> from datetime import UTC
    >>> at = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
    >>> sentence(2, {"overdue": 1, "cart_left": 2}, at)
    'Since 2026-03-01 14:05 UTC 2 customers were warned of: 2 left a cart behind, 1 overdue against their own rhythm. `reports.fresh_warnings` lists them, with reasons.'
    """
    causes = ", ".join(
        f"{count:,} {_WORDS[kind]}"
        for kind, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    )
    verb = "was" if customers_count == 1 else "were"
    return (
        f"Since {since:%Y-%m-%d %H:%M} UTC {_customers(customers_count)} {verb} warned of: {causes}. "
        "`reports.fresh_warnings` lists them, with reasons."
    )


def _customers(count: int) -> str:
    return "one customer" if count == 1 else f"{count:,} customers"
