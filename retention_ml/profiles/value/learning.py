"""What is learnt about value from past days whose horizon is over: who brings more than the process
says, how sure one can be of a customer, and how far totals were off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.clock import day_of
from retention_ml.models.predictors.trees import load_lightgbm, trees_only
from retention_ml.profiles.cadence import fit_process
from retention_ml.profiles.histories import Histories, HistoryLog
from retention_ml.profiles.value.columns import COLUMNS, columns
from retention_ml.profiles.value.fit import OBJECTIVE, ValueFit, blended
from retention_ml.profiles.value.intervals import LikeCustomers
from retention_ml.profiles.value.level import SETTLE_DAYS, PastTotal, is_comparable, level
from retention_ml.profiles.value.pauses import holds_pause
from retention_ml.profiles.value.spending import Spending
from retention_ml.statistics.arrays import Bools, Floats

LEARNED_SHARE = 0.5
_ROUNDS = 200
_PARAMS = {
    "objective": "tweedie",
    "tweedie_variance_power": 1.5,
    "num_leaves": 12,
    "learning_rate": 0.05,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.5,
    "lambda_l2": 5.0,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 127,
    "boost_from_average": False,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
    "feature_pre_filter": False,
}
BUYERS_MIN = 200
_DAYS_BEFORE = 28
_DAYS_MIN = 3
_FOLDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """How it is learnt.

    Parameters
    ----------
    horizon_days : int
    learn_days : int
        At most so many past days, a third of the horizon apart, but at least 28 days.
    customers_max : int
        Customers of each day to learn from; of more, so many are drawn.
    gap_days_max : int
        Days around a longer pause of the whole shop teach nothing: deliveries are missing there.
    fit_days : int
        After so many days it is learnt again; kept with the fit, so that an old one is told.
    seed, threads : int
    """

    horizon_days: int
    learn_days: int = 6
    customers_max: int = 8_000
    gap_days_max: int = 14
    fit_days: int = 28
    seed: int = 1
    threads: int = 1

    @property
    def history_days_min(self) -> int:
        """Days of orders without which nobody's value is said: half a horizon."""
        return -(-self.horizon_days // 2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaturedDay:
    """A past day as it was known then, and what its buyers brought afterwards, shape (b,)."""

    histories: Histories
    buyer_ids: pa.StringArray
    spending: Spending
    values: Floats
    outcome_cents: Floats

    @property
    def process_cents(self) -> Floats:
        """What the process said."""
        return self.values[:, COLUMNS.index("expected_cents")]

    @property
    def is_comparable(self) -> bool:
        """Whether enough was expected in all to compare it with what came."""
        return is_comparable(float(self.process_cents.sum()), float(self.outcome_cents.sum()))


def matured_days(first_day: int, today: int, learning: Learning) -> list[date]:
    """The days that come into question, newest first: their horizon is over, history goes before it."""
    step = max(28, learning.horizon_days // 3)
    newest = today - SETTLE_DAYS - learning.horizon_days
    days = [newest - number * step for number in range(learning.learn_days)]
    return [day_of(day) for day in days if day - first_day >= learning.history_days_min]


def learn(log: HistoryLog, as_of: date, learning: Learning) -> ValueFit | None:
    """What can be learnt from what was known at the start of a day; None where there is nothing yet.

    Trees join the process only where they prove themselves: on the newest day, of customers whom
    they were not learnt from, averaged with the process and both at the total that came, they must
    be nearer to what customers brought. With fewer than three days the process stays alone. A day
    teaches only what was known on it (see `teaches`): history that was delivered later is no
    history of it.

    Parameters
    ----------
    log : HistoryLog
        What was known up to the day.
    """
    now = log.purchases_at(as_of)
    days = matured_days(int(now.first.min(initial=now.today)), now.today, learning)
    past = [log.purchases_at(day) for day in days]
    samples = [_matured(each, now, learning) for each in past if teaches(each, now, learning)]
    samples = [each for each in samples if each.is_comparable]
    if not samples:
        return None
    newest = samples[0]
    if newest.outcome_cents.sum() <= 0:
        return None  # nobody ordered, or all was sent back: there is nothing to tell customers by
    actual, process = newest.outcome_cents, at_total(newest.process_cents, newest.outcome_cents)
    errors = {"process": _error(process, actual)}
    evaluation, text = process, None
    if len(samples) >= _DAYS_MIN:
        trees = at_total(_of_others(samples, learning), actual)
        blend = blended(process, trees, LEARNED_SHARE)
        errors |= {"blend": _error(blend, actual)}
        if errors["blend"] < errors["process"]:
            evaluation, text = blend, _grow(samples, learning)
    return ValueFit(
        horizon_days=learning.horizon_days,
        as_of=as_of,
        fit_days=learning.fit_days,
        learn_days=tuple(sample.histories.as_of for sample in samples),
        trees=text,
        learned_share=0.0 if text is None else LEARNED_SHARE,
        reference_day=newest.histories.today,
        reference_orders=float(newest.spending.expected_orders(learning.horizon_days).sum()),
        reference_level=float(actual.sum()) / max(float(newest.process_cents.sum()), 1.0),
        like_customers=LikeCustomers.of(evaluation, actual),
        past_totals=tuple(_past_total(log, sample, learning) for sample in samples),
        errors=errors,
        customers_count=sum(len(sample.buyer_ids) for sample in samples),
    )


def matured_day(log: HistoryLog, day: date, after: Histories, learning: Learning) -> MaturedDay:
    """A past day, with outcomes as known on a later one."""
    return _matured(log.purchases_at(day), after, learning)


def teaches(histories: Histories, after: Histories, learning: Learning) -> bool:
    """Whether a past day can be learnt from, by what was known then and on a later day.

    Enough buyers and days of orders were known then, and neither the month before the day nor its
    horizon touches a pause of the whole shop: what customers bring while deliveries are missing is
    not known, and who ordered lately neither.
    """
    if len(histories.buyers) < BUYERS_MIN:
        return False
    day, longest = histories.today, learning.gap_days_max
    since, until = day - _DAYS_BEFORE, day + learning.horizon_days
    return (
        day - int(histories.first.min()) >= learning.history_days_min
        and not holds_pause(histories, since, day, gap_days_max=longest)
        and not holds_pause(after, since, until, gap_days_max=longest)
    )


def _matured(histories: Histories, after: Histories, learning: Learning) -> MaturedDay:
    spending = Spending.of(histories, fit_process(histories))
    window = (after.money_day >= histories.today) & (
        after.money_day < histories.today + learning.horizon_days
    )
    place = pc.fill_null(pc.index_in(after.customer_ids, value_set=histories.customer_ids), -1)
    payer = np.asarray(place.to_numpy(zero_copy_only=False), dtype=np.int64)[
        after.money_customer[window]
    ]
    cents = np.zeros(len(histories.customer_ids))
    np.add.at(cents, payer[payer >= 0], after.money_cents[window][payer >= 0])
    return MaturedDay(
        histories=histories,
        buyer_ids=histories.customer_ids.take(pa.array(histories.buyers)),
        spending=spending,
        values=columns(histories, spending, learning.horizon_days),
        outcome_cents=cents[histories.buyers],
    )


def at_total(cents: Floats, actual: Floats) -> Floats:
    """Amounts brought to the total of others, so that only who gets how much is compared."""
    total = float(cents.sum())
    return cents * (float(actual.sum()) / total) if total > 0 else cents


def is_among(names: pa.StringArray, others: pa.StringArray) -> Bools:
    """Which of the names are among others, shape (n,)."""
    return np.asarray(pc.is_in(names, value_set=others).to_numpy(zero_copy_only=False), dtype=bool)


def _past_total(log: HistoryLog, sample: MaturedDay, learning: Learning) -> PastTotal:
    """The total of a past day as it would have been said then, and what came."""
    histories, horizon_days = sample.histories, learning.horizon_days
    reference = day_of(histories.today - SETTLE_DAYS - horizon_days)
    factor = 1.0
    earlier = log.purchases_at(reference)
    before = (
        _matured(earlier, histories, learning) if teaches(earlier, histories, learning) else None
    )
    if before is not None and before.is_comparable:
        factor = level(
            histories,
            orders=float(sample.spending.expected_orders(horizon_days).sum()),
            horizon_days=horizon_days,
            reference_day=before.histories.today,
            reference_orders=float(before.spending.expected_orders(horizon_days).sum()),
            reference_level=max(float(before.outcome_cents.sum()), 0.0)
            / max(float(before.process_cents.sum()), 1.0),
        )
    return PastTotal(
        day=histories.as_of,
        expected_cents=float(sample.process_cents.sum()) * factor,
        outcome_cents=float(sample.outcome_cents.sum()),
    )


def _error(cents: Floats, actual: Floats) -> float:
    """Mean absolute error, as a share of the mean."""
    return float(np.abs(cents - actual).mean() / max(float(actual.mean()), 1.0))


def _of_others(samples: Sequence[MaturedDay], learning: Learning) -> Floats:
    """What trees say of the newest day's buyers, each learnt without the customer, shape (b,)."""
    newest = samples[0]
    names = newest.histories.customer_ids
    fold = np.random.default_rng(learning.seed).integers(0, _FOLDS, len(names))
    relative = np.zeros(len(newest.values))
    of_newest = fold[newest.histories.buyers]
    for number in range(_FOLDS):
        others = names.filter(pa.array(fold != number))
        text = _grow(samples, learning, others)
        chosen = of_newest == number
        relative[chosen] = ValueFit.relative(text, newest.values[chosen], learning.threads)
    return relative


def _grow(
    samples: Sequence[MaturedDay], learning: Learning, among: pa.StringArray | None = None
) -> str:
    """Trees that say who brings more than the mean of their day, as text."""
    lightgbm = load_lightgbm()
    random = np.random.default_rng(learning.seed)
    values, targets = [], []
    for sample in samples:
        rows = np.arange(len(sample.buyer_ids))
        if among is not None:
            rows = np.flatnonzero(is_among(sample.buyer_ids, among))
        if len(rows) > learning.customers_max:
            rows = np.sort(random.choice(rows, learning.customers_max, replace=False))
        if len(rows) == 0:
            continue
        brought = np.maximum(sample.outcome_cents[rows], 0.0)
        values.append(sample.values[rows])
        targets.append(brought / max(float(brought.mean()), 1.0))
    params = {**_PARAMS, "num_threads": learning.threads, "seed": learning.seed}
    data = lightgbm.Dataset(
        np.concatenate(values),
        np.concatenate(targets).astype(np.float32),
        feature_name=list(COLUMNS),
        params=params,
    )
    text = trees_only(lightgbm.train(params, data, _ROUNDS).model_to_string())
    assert f"objective={OBJECTIVE}\n" in text
    return text
