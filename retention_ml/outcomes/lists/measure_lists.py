"""The door `measure_lists`: published lists are compared with what was bought, once that is known.

So are the rankers of an open trial, on the same days.

Personal frequency and best sellers are computed anew from what was known on the day, for the same
customers. They are functions of purchases, which are kept as versions: lists of a past day come out
as they would have then, and nothing needs to be stored beside the published ones every day.
"""

import time
from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow.compute as pc

from retention_ml.abnormal.excluded import NOBODY, excluded_customers, is_excluded, without
from retention_ml.failpoints import failpoint
from retention_ml.features.roll_up import roll_up
from retention_ml.outcomes.lists import performance
from retention_ml.outcomes.lists.comparison import (
    FREQUENCY,
    PUBLISHED,
    Row,
    list_outcomes,
    list_performance,
)
from retention_ml.outcomes.lists.published import (
    PublishedLists,
    bought_until,
    closed,
    due,
    published_lists,
)
from retention_ml.outcomes.lists.ranker_trial import (
    analyse,
    is_look_due,
    open_ranker_trial,
    ranked_window,
    trial_days,
)
from retention_ml.outcomes.trial import trials
from retention_ml.receipts import Receipt
from retention_ml.recommendations.baselines.method import LIST_SIZE
from retention_ml.recommendations.purchases import PurchaseLog, read_log
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def measure_lists(warehouse: Warehouse, *, settings: Settings, as_of: date) -> Receipt:
    """Write how good published lists were whose window has closed by a day.

    A day is measured once, and again where a purchase of its window became known since. Purchases
    count as known at the start of `as_of`: a look at an old day gives the old answer. Who was
    excluded as abnormal when the window had closed and settled is left out and counted.

    Returns
    -------
    Receipt
        Published days: read = written + left out (their window is open) + duplicates (nothing newer
        is known). `details["days"]`: of each day measured, `as_of`, `customers_count` and the
        NDCG@10 of the mixed lists, published and by personal frequency; `details["trial"]`: the
        trial of rankers with the verdict of a look taken now, None without a challenger.
    """
    started = time.perf_counter()
    roll_up(warehouse, settings=settings)
    settle_days = settings.churn.settle_days
    with warehouse.transaction() as transaction:
        lists = published_lists(transaction, as_of)
        until = bought_until(transaction, as_of)
        ended = closed(lists, as_of=as_of, bought_until=until, settle_days=settle_days)
        waiting = due(
            transaction,
            ended,
            performance.known_since(transaction),
            as_of=as_of,
            settle_days=settle_days,
        )
    days = []
    log = None
    if waiting:
        log = _everybody(warehouse, settings, as_of)
        for each in waiting:
            rows = measured(warehouse, settings, log, each)
            if performance.write(warehouse, each, rows, known_as_of=as_of):
                days.append(_summary(each, rows))
            failpoint("measure_lists.after_day")
    receipt = Receipt(
        door="measure_lists",
        as_of=as_of,
        read=len(lists),
        written=len(days),
        left_out=len(lists) - len(ended),
        duplicates=len(ended) - len(days),
        seconds=time.perf_counter() - started,
        details={"days": days, "trial": _look(warehouse, settings, log, ended, as_of)},
    )
    return warehouse.record(receipt, settings.run_id)


def measured(
    warehouse: Warehouse, settings: Settings, log: PurchaseLog, lists: PublishedLists
) -> list[Row]:
    """The figures of a published day by what the log knows of everybody, abnormal or not."""
    size = min(LIST_SIZE, lists.list_size)
    abnormal = lists.abnormal(warehouse, settings)
    published = lists.rows(warehouse, size)
    outcomes = list_outcomes(
        log.without(excluded_customers(warehouse, lists.as_of)).known_at(lists.as_of),
        log.without(abnormal).outcome(lists.as_of, lists.horizon_days),
        without(published, abnormal),
        lists.unsellable(warehouse),
    )
    left_out = int(is_excluded(pc.unique(published["customer_id"]), abnormal).sum())
    rows = list_performance(
        outcomes,
        size=size,
        draws=settings.training.bootstrap_draws,
        seed=settings.training.seed,
    )
    return [row | {"abnormal_count": left_out} for row in rows]


def _everybody(warehouse: Warehouse, settings: Settings, as_of: date) -> PurchaseLog:
    """The purchases known at the start of a day, of abnormal customers too."""
    timezone = settings.calendar.timezone
    return read_log(warehouse, as_of=as_of, timezone=timezone, excluded=NOBODY)


def _summary(lists: PublishedLists, rows: list[Row]) -> dict[str, Any]:
    ndcg = {row["method"]: row for row in rows if (row["list"], row["metric"]) == ("mixed", "ndcg")}
    return {
        "as_of": str(lists.as_of),
        "customers_count": ndcg[PUBLISHED]["customers_count"],
        "ndcg": ndcg[PUBLISHED]["value"],
        "personal_frequency_ndcg": ndcg[FREQUENCY]["value"],
    }


def _look(
    warehouse: Warehouse,
    settings: Settings,
    log: PurchaseLog | None,
    ended: Sequence[PublishedLists],
    as_of: date,
) -> dict[str, Any] | None:
    """Look at the trial of rankers where that says anything new; what the receipt says of it."""
    trial = open_ranker_trial(warehouse, settings, as_of)
    if trial is None:
        return None
    summary = {
        "trial_id": trial.trial_id,
        "status": trial.status,
        "champion_version": trial.champion_version,
        "challenger_version": trial.challenger_version,
    }
    days = trial_days(trial, ended)
    with warehouse.transaction() as transaction:
        is_due = is_look_due(
            transaction, trial, days, as_of=as_of, days_max=settings.trial.days_max
        )
    if not is_due:
        return summary
    if log is None:
        log = _everybody(warehouse, settings, as_of)
    windows = [ranked_window(warehouse, settings, log, trial, each) for each in days]
    result = analyse(trial, days, windows, as_of=as_of, settings=settings)
    trials.write_look(warehouse, trial, as_of, result, run_id=settings.run_id)
    return summary | {"verdict": result.verdict.verdict, "reason": result.verdict.reason}
