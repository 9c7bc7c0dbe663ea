"""The trial of two rankers: both rank a past day's products, and what was bought decides.

Only the champion's lists are published. Those of the challenger are computed once the window has
closed, from what was known on the day: rankers and purchases are kept as they were. The ledger of
trials, the sequential test and the verdict are those of churn models.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.abnormal.excluded import excluded_customers, without
from retention_ml.models.promotion.decisions import Decision
from retention_ml.outcomes.forecasts import ScoredSnapshot
from retention_ml.outcomes.lists.published import PublishedLists
from retention_ml.outcomes.trial import trials
from retention_ml.outcomes.trial.look import AnalysisResult
from retention_ml.outcomes.trial.trials import Trial
from retention_ml.outcomes.trial.verdict import verdict
from retention_ml.recommendations.backtest.day import in_codes_of
from retention_ml.recommendations.baselines.method import LIST_SIZE
from retention_ml.recommendations.fitting.ledger import CHALLENGER, load_ranker, serving
from retention_ml.recommendations.metrics import Lists, Truth, customer_metrics
from retention_ml.recommendations.purchases import (
    Codes,
    PurchaseLog,
    Purchases,
    read_descriptions,
)
from retention_ml.recommendations.ranker import MODEL_NAME, Ranker
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.sequential import looks
from retention_ml.warehouse import Transaction, Warehouse

METRIC = "NDCG@10 of the mixed list"


def open_ranker_trial(warehouse: Warehouse, settings: Settings, as_of: date) -> Trial | None:
    """The trial of the two rankers in the ledger on a day; others end. None without a challenger."""
    with warehouse.transaction() as transaction:
        champion, challenger = serving(transaction, as_of), serving(transaction, as_of, CHALLENGER)
        window = definition_hash(settings)
        pair = _pair(champion, challenger)
        is_latest = not transaction.execute(
            "SELECT 1 FROM recommendations.published WHERE as_of > :as_of LIMIT 1", as_of=as_of
        )
        for other in trials.open_trials(transaction, MODEL_NAME) if is_latest else ():
            if (other.pair, other.definition_hash) != (pair, window) and other.began_on <= as_of:
                _end(transaction, other, champion, as_of)
        trial = trials.find(transaction, pair, window) if pair else None
        if trial is not None and trial.status == "abandoned" and is_latest:
            trials.reopen(transaction, trial.trial_id)
            trial = trials.find(transaction, trial.pair, window)
    if trial is not None or champion is None or challenger is None or pair is None:
        return trial
    return trials.begin(
        warehouse,
        ScoredSnapshot(
            snapshot_id=0,
            as_of=challenger.as_of or as_of,
            champion_version=champion.model_version,
            champion_sha256=champion.bundle_sha256,
            challenger_version=challenger.model_version,
            challenger_sha256=challenger.bundle_sha256,
            challenger_share=0.0,
        ),
        definition_hash=window,
        plan={},
        run_id=settings.run_id,
        registered_model=MODEL_NAME,
    )


def definition_hash(settings: Settings) -> str:
    """What stands for the churn definition in a trial of rankers: the window in which one buys."""
    return f"bought within {settings.churn.horizon_days} days"


def _pair(champion: Decision | None, challenger: Decision | None) -> tuple[str, str] | None:
    if champion is None or challenger is None:
        return None
    if champion.bundle_sha256 == challenger.bundle_sha256:
        return None
    return champion.bundle_sha256, challenger.bundle_sha256


def _end(transaction: Transaction, trial: Trial, champion: Decision | None, as_of: date) -> None:
    if champion is not None and champion.bundle_sha256 == trial.challenger_sha256:
        reason = f"{trial.challenger_version} makes the lists since {as_of} or before."
        trials.close_as_champion(transaction, trial, reason=reason, ended_on=as_of)
        return
    reason = (
        f"On {as_of} {trial.champion_version} and {trial.challenger_version} were not champion and "
        "challenger any more."
    )
    trials.close(transaction, trial.trial_id, status="abandoned", reason=reason, ended_on=as_of)


def trial_days(trial: Trial, closed: Sequence[PublishedLists]) -> list[PublishedLists]:
    """The champion's published days that count, oldest first: windows that do not overlap."""
    days: list[PublishedLists] = []
    for lists in closed:
        counts = lists.as_of >= trial.began_on and lists.bundle_sha256 == trial.champion_sha256
        if counts and (not days or lists.as_of >= days[-1].closes_on):
            days.append(lists)
    return days


def is_look_due(
    transaction: Transaction,
    trial: Trial,
    days: Sequence[PublishedLists],
    *,
    as_of: date,
    days_max: int,
) -> bool:
    """Whether a look would say anything new: a window has closed since, or the time is over."""
    if trial.status != "open":
        return False
    newest = trials.newest_look(transaction, trial.trial_id)
    if newest is not None and newest.as_of > as_of:
        return False
    counted = newest.figures["days"] if newest is not None else []
    if [str(each.as_of) for each in days] != counted:
        return True
    is_over = as_of >= trial.began_on + timedelta(days=days_max)
    return is_over and (newest is None or newest.outcome == "open")


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedWindow:
    """NDCG@10 of the mixed lists of both rankers, for customers with a list who bought something."""

    champion: Floats
    challenger: Floats


def ranked_window(
    warehouse: Warehouse, settings: Settings, log: PurchaseLog, trial: Trial, lists: PublishedLists
) -> RankedWindow:
    """What both rankers would have listed on a published day, against what was bought.

    Neither lists what could not be sold on the day, and neither is measured on who was excluded as
    abnormal when the window had closed and settled.

    Parameters
    ----------
    log : PurchaseLog
        Of everybody, abnormal or not.
    """
    day = lists.as_of
    abnormal = lists.abnormal(warehouse, settings)
    day_log = log.without(excluded_customers(warehouse, day)).upto(
        day, read_descriptions(warehouse, as_of=day, timezone=settings.calendar.timezone)
    )
    purchases = day_log.known_at(day)
    outcome = in_codes_of(day_log, log, log.without(abnormal).outcome(day, lists.horizon_days))
    published = without(lists.rows(warehouse, LIST_SIZE), abnormal)
    listed = purchases.codes(pc.unique(published["customer_id"]))
    truth = Truth.of(outcome.customer, outcome.product, np.isin(outcome.customer, listed))
    unsellable = _is_in(purchases.product_ids, lists.unsellable(warehouse))
    ndcg = []
    for sha256 in trial.pair:
        with warehouse.transaction() as transaction:
            ranker = load_ranker(transaction, sha256, settings.compute.threads)
        mixed = mixed_lists(ranker, purchases, truth.customers, ~unsellable)
        ndcg.append(customer_metrics(mixed, truth, min(LIST_SIZE, lists.list_size))["ndcg"])
    return RankedWindow(champion=ndcg[0], challenger=ndcg[1])


def mixed_lists(
    ranker: Ranker, purchases: Purchases, customers: Codes, is_sellable: Bools
) -> Lists:
    """A ranker's most probable products of some customers, by code.

    Parameters
    ----------
    is_sellable : array of bool, shape (products,)
    """
    parts = []
    for candidates, values in ranker.day(purchases).chunks(customers):
        parts.append(
            Lists.top(
                candidates.customers[candidates.owner],
                candidates.product,
                ranker.probability(values),
                LIST_SIZE,
                is_sellable[candidates.product],
            )
        )
    return Lists(
        customer=np.concatenate([part.customer for part in parts]),
        rank=np.concatenate([part.rank for part in parts]),
        product=np.concatenate([part.product for part in parts]),
    )


def analyse(
    trial: Trial,
    days: Sequence[PublishedLists],
    windows: Sequence[RankedWindow],
    *,
    as_of: date,
    settings: Settings,
) -> AnalysisResult:
    """The evidence of all windows, and what it says at the start of a day.

    The test is that of churn models (`statistics.sequential`): a customer's gain in NDCG lies
    within -1 and 1, and each counts once per window.
    """
    gains = [window.challenger - window.champion for window in windows]
    counts = np.cumsum([len(gain) for gain in gains], dtype=np.int64)
    path = looks(
        np.concatenate([np.zeros(0), *gains]),
        counts if len(counts) else np.zeros(1, dtype=np.int64),
        error_rate=settings.trial.error_rate,
    )
    look = path[-1]
    decision = verdict(
        look,
        [],
        scored_days=len(days),
        windows=len(windows),
        elapsed_days=(as_of - trial.began_on).days,
        rules=settings.trial,
        metric=METRIC,
    )
    return AnalysisResult(
        verdict=decision,
        compared=(),
        figures={
            "scored_days_count": len(days),
            "customers_count": look.count,
            "contacted_count": 0,
            "mean_difference": look.mean,
            "lower": look.lower,
            "upper": look.upper,
            "e_better": look.e_better,
            "e_worse": look.e_worse,
        },
        evidence={
            "outcome": decision.outcome,
            "metric": METRIC,
            "days": [str(each.as_of) for each in days],
            "ndcg": {
                "champion": _mean([window.champion for window in windows]),
                "challenger": _mean([window.challenger for window in windows]),
            },
            "path": [
                {"scored_as_of": str(each.as_of), **asdict(point)}
                for each, point in zip(days, path, strict=False)
            ],
        },
    )


def _mean(parts: Sequence[Floats]) -> float | None:
    values = np.concatenate([np.zeros(0), *parts])
    return float(values.mean()) if len(values) else None


def _is_in(product_ids: pa.Array, some: pa.Array) -> Bools:
    mask = pc.is_in(product_ids, value_set=some).to_numpy(zero_copy_only=False)
    return np.asarray(mask, dtype=np.bool_)
