"""Complete Journey's own campaigns: whether their effect may be called one."""

import csv
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml import atomic_files, clock
from retention_ml.features import store
from retention_ml.features.build import build
from retention_ml.models.uplift.evaluation import Money, compare_learners
from retention_ml.models.uplift.experiment_file import read_experiment
from retention_ml.models.uplift.ladder import decide
from retention_ml.models.uplift.learners import DEFAULT
from retention_ml.models.uplift.randomisation import check_randomisation
from retention_ml.models.uplift.shrinkage import SlopePrior
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

TREATMENT, OUTCOME = "sent", "spend_28d"
OUTCOME_DAYS = 28
_HISTORY_DAYS = 90

_CAMPAIGNS = """
SELECT campaign_id, min(event_at) AS began_at, count(DISTINCT customer_id) AS customers_count
FROM curated.campaign_contacts
WHERE source = :source AND kind = 'sent' AND superseded_at IS NULL
GROUP BY campaign_id
HAVING min(event_at) >= (SELECT min(event_at) FROM curated.orders) + make_interval(days => :before)
    AND min(event_at) < CAST(:until AS timestamptz) - make_interval(days => :after)
ORDER BY customers_count DESC, campaign_id LIMIT :count
"""
_SENT_TO = (
    "SELECT DISTINCT customer_id FROM curated.campaign_contacts WHERE source = :source "
    "AND kind = 'sent' AND campaign_id = :campaign AND superseded_at IS NULL"
)
_SPENT = """
SELECT orders.customer_id, sum(lines.line_amount_cents) AS spent_cents
FROM curated.orders AS orders
JOIN curated.order_lines AS lines ON lines.source = orders.source
    AND lines.order_id = orders.order_id AND lines.superseded_at IS NULL
WHERE orders.superseded_at IS NULL AND orders.event_at >= :since AND orders.event_at < :until
GROUP BY orders.customer_id
"""

Say = Callable[[str], None]


def examine(
    warehouse: Warehouse, shop: Settings, *, source: str, until: date, count: int, say: Say
) -> list[dict[str, Any]]:
    """The largest campaigns of a source, each asked whether its contacts could be foreseen.

    Only those with a quarter of history before them, and whose outcome window is over by `until`.
    Each becomes a file for `retention uplift evaluate`, and is decided on as that command does.

    Returns
    -------
    list of dict
        campaign, began_on, customers, sent_share, difference (mean spend of those it was sent to
        minus that of the others, which is no effect), auc, is_observational, decision, reason,
        file.
    """
    with warehouse.transaction() as transaction:
        campaigns = transaction.execute(
            _CAMPAIGNS,
            source=source,
            before=_HISTORY_DAYS,
            after=OUTCOME_DAYS,
            until=clock.midnight(until, shop.calendar.timezone),
            count=count,
        )
    results = []
    for campaign in campaigns:
        began_on = _day_of(campaign.began_at, shop)
        file = _write(warehouse, shop, source, str(campaign.campaign_id), began_on)
        result = {
            "campaign": str(campaign.campaign_id),
            "began_on": began_on,
            **_judge(file, shop),
        }
        say(f"campaign {result['campaign']}: foreseen with AUC {result['auc']:.2f}")
        results.append(result)
    return results


def _judge(file: Path, shop: Settings) -> dict[str, Any]:
    """What `retention uplift evaluate` says of a file."""
    sample = read_experiment(file, treatment=TREATMENT, outcome=OUTCOME).sample
    seed, uplift = shop.training.seed, shop.uplift
    randomisation = check_randomisation(sample, seed)
    comparison = compare_learners(
        sample,
        money=Money(),
        prior=SlopePrior(mean=uplift.slope_prior, error=uplift.slope_prior_sd),
        seed=seed,
        names=(DEFAULT,),
    )
    decision = decide(comparison, randomisation, rows_min=uplift.rows_min)
    spent, sent = sample.outcome, sample.treated
    return {
        "customers": len(sample),
        "sent_share": float(sent.mean()),
        "difference": float(spent[sent].mean() - spent[~sent].mean()),
        "auc": randomisation.auc,
        "is_observational": randomisation.fault is not None,
        "decision": str(decision.rung),
        "reason": decision.reason,
        "file": str(file),
    }


def _write(
    warehouse: Warehouse, shop: Settings, source: str, campaign: str, began_on: date
) -> Path:
    """Write a row for each customer who was active when the campaign began; once."""
    path = shop.home / "campaigns" / f"campaign_{campaign}.csv"
    if path.exists():
        return path
    build(warehouse, settings=shop, as_of=began_on)
    features = store.read(warehouse, [began_on])
    since, until = (
        clock.midnight(began_on + timedelta(days=days), shop.calendar.timezone)
        for days in (0, OUTCOME_DAYS)
    )
    with warehouse.transaction() as transaction:
        sent_to = {
            row.customer_id
            for row in transaction.execute(_SENT_TO, source=source, campaign=campaign)
        }
        spent = {
            row.customer_id: int(row.spent_cents) / shop.calendar.minor_units
            for row in transaction.execute(_SPENT, since=since, until=until)
        }
    with atomic_files.replacing(path) as draft, draft.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [name for name in features.column_names if name not in ("as_of", "customer_id")]
        writer.writerow([TREATMENT, OUTCOME, *names])
        columns = [_column(features[name]) for name in names]
        for customer, values in zip(
            features["customer_id"].to_pylist(), zip(*columns, strict=True), strict=True
        ):
            writer.writerow([int(customer in sent_to), spent.get(customer, 0.0), *values])
    return path


def _column(values: pa.ChunkedArray) -> list[Any]:
    """Numbers, and nothing where one is missing."""
    numbers = np.asarray(values.to_numpy(), dtype=np.float64)
    return ["" if np.isnan(number) else repr(float(number)) for number in numbers]


def _day_of(at: Any, shop: Settings) -> date:
    """The shop's day of an instant."""
    [number] = clock.local_days(
        np.array([int(at.timestamp())], dtype=np.int64), shop.calendar.timezone
    )
    return clock.day_of(int(number))
