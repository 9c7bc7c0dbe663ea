"""The lifecycle stage of customers, from facts: how often they ordered, and how long ago.

| stage | of a customer on a day |
|---|---|
| visitor | has an event or an account, and no order |
| new | first order in the last `new_days` |
| one_time | one purchase day, longer ago |
| repeat | several purchase days, fewer than `loyal_purchase_days` |
| loyal | `loyal_purchase_days` or more |
| slipping | silent for more than `slipping_intervals` times the customer's interval |
| lapsed | silent for more than `lapsed_days` |
| reactivated | ordered again in the last `new_days` after having lapsed |

The first that holds counts, in the order lapsed, new or reactivated, slipping, then by purchase
days. Between two purchase days a stage changes only on days that are known beforehand, so the
whole life of a customer is a short list of spans.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from retention_ml.profiles.histories import Histories
from retention_ml.statistics.arrays import Floats, Ints

PRIOR_PAUSES = 1.0
"""How many pauses of their own the shop's mean pause counts for in a customer's interval."""


class Stage(StrEnum):
    """Every lifecycle stage, in the order of a customer's life."""

    VISITOR = "visitor"
    NEW = "new"
    ONE_TIME = "one_time"
    REPEAT = "repeat"
    LOYAL = "loyal"
    SLIPPING = "slipping"
    LAPSED = "lapsed"
    REACTIVATED = "reactivated"


STAGES = tuple(Stage)
_CODE = {stage: code for code, stage in enumerate(STAGES)}
NO_STAGE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRules:
    """When a stage begins; see the module."""

    new_days: int
    loyal_purchase_days: int
    lapsed_days: int
    slipping_intervals: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The stage of each customer on the day of the histories, each shape (n,).

    `stage` and `previous` are places in `STAGES`, `previous` is -1 where there was none before;
    `since` is the number of the first day of the stage, by what is known on the day.
    """

    stage: Ints
    since: Ints
    previous: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spans:
    """Stages over days, by customer and time: one row each from `start` to `end` inclusive."""

    customer: Ints
    stage: Ints
    start: Ints
    end: Ints


def stages(histories: Histories, rules: StageRules) -> Stages:
    """The stage of every customer on the day, since when, and the one before."""
    count = len(histories.customer_ids)
    spans = _spans(histories, rules)
    begins = np.append(True, (np.diff(spans.customer) != 0) | (np.diff(spans.stage) != 0))[
        : len(spans.customer)
    ]
    place = np.arange(len(begins), dtype=np.int64)
    begin = np.maximum.accumulate(np.where(begins, place, 0))
    last = np.flatnonzero(np.append(np.diff(spans.customer) != 0, True)[: len(begins)])
    now = begin[last]  # where the stage of the day began
    before = np.maximum(now - 1, 0)
    has_previous = (now > 0) & (spans.customer[before] == spans.customer[now])
    stage, since, previous = (np.full(count, NO_STAGE, dtype=np.int64) for _ in range(3))
    of = spans.customer[last]
    stage[of], since[of] = spans.stage[now], spans.start[now]
    previous[of] = np.where(has_previous, spans.stage[before], NO_STAGE)
    return Stages(stage=stage, since=since, previous=previous)


def stage_on(histories: Histories, rules: StageRules, day: int) -> Ints:
    """The stage of every customer on a day up to that of the histories, -1 before their first.

    By what is known on the day of the histories, and by the pauses of the shop up to it.
    """
    spans = _spans(histories, rules)
    covers = (spans.start <= day) & (day <= spans.end)
    stage = np.full(len(histories.customer_ids), NO_STAGE, dtype=np.int64)
    stage[spans.customer[covers]] = spans.stage[covers]
    return stage


def interval_days(histories: Histories, lapsed_days: int) -> Floats:
    """What is a customer's interval between purchases at each purchase day, shape (p,), days.

    The mean of their pauses so far, with the shop's mean counted as one more. Pauses of more than
    `lapsed_days` are no rhythm: they do not count. `lapsed_days` where the shop has no pause yet.
    """
    counts = ~histories.is_first & (histories.pause <= lapsed_days)
    pauses = np.where(counts, histories.pause, 0)
    number = int(counts.sum())
    shop = pauses.sum() / number if number else float(lapsed_days)
    total = _since_first(histories, pauses)
    times = _since_first(histories, counts.astype(np.int64))
    return np.asarray((PRIOR_PAUSES * shop + total) / (PRIOR_PAUSES + times))


def _since_first(histories: Histories, values: Ints) -> Ints:
    """Running sums within each customer, shape (p,)."""
    running = np.cumsum(values)
    before = np.where(histories.is_first, running - values, 0)
    return running - np.maximum.accumulate(before)


def _spans(histories: Histories, rules: StageRules) -> _Spans:
    day, customer, today = histories.day, histories.customer, histories.today
    # The first day after the purchase day sees it; the next purchase day itself does not see itself.
    is_last = np.append(histories.is_first[1:], True)[: len(day)]
    end = np.where(is_last, today, np.append(day[1:], 0)[: len(day)])
    lapses = day + rules.lapsed_days
    returned = histories.pause > rules.lapsed_days
    is_start = histories.is_first | returned  # of a stage that lasts new_days
    place = np.arange(len(day), dtype=np.int64)
    start = np.maximum.accumulate(np.where(is_start, place, 0))
    fresh = np.where(histories.is_first[start], _CODE[Stage.NEW], _CODE[Stage.REACTIVATED])
    fresh_end = np.clip(day[start] + rules.new_days, day, lapses)
    limit = np.floor(rules.slipping_intervals * interval_days(histories, rules.lapsed_days))
    steady_end = np.clip(day + limit.astype(np.int64), fresh_end, lapses)
    steady = np.select(
        [histories.number == 1, histories.number < rules.loyal_purchase_days],
        [_CODE[Stage.ONE_TIME], _CODE[Stage.REPEAT]],
        _CODE[Stage.LOYAL],
    )
    slipping, lapsed = (np.full(len(day), _CODE[s]) for s in (Stage.SLIPPING, Stage.LAPSED))
    ends = np.minimum(np.stack([fresh_end, steady_end, lapses, end], axis=1), end[:, None])
    starts = np.column_stack([day, ends[:, :3]]) + 1
    stage = np.stack([fresh, steady, slipping, lapsed], axis=1)
    visited, visit_end = _visits(histories)
    whole = _Spans(
        customer=np.concatenate([visited, np.repeat(customer, 4)]),
        stage=np.concatenate([np.full(len(visited), _CODE[Stage.VISITOR]), stage.ravel()]),
        start=np.concatenate([histories.acquired_day[visited] + 1, starts.ravel()]),
        end=np.concatenate([visit_end, ends.ravel()]),
    )
    order = np.lexsort((whole.start, whole.customer))
    order = order[whole.start[order] <= whole.end[order]]
    return _Spans(
        customer=whole.customer[order].astype(np.int64),
        stage=whole.stage[order].astype(np.int64),
        start=whole.start[order],
        end=whole.end[order],
    )


def _visits(histories: Histories) -> tuple[Ints, Ints]:
    """Customers who were a visitor before their first order, and the last day they were one."""
    end = np.full(len(histories.customer_ids), histories.today, dtype=np.int64)
    end[histories.buyers] = histories.first
    visited = np.flatnonzero(histories.acquired_day < end)
    return visited, end[visited]
