"""The profiles of a day, computed from histories: no database."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from retention_ml.clock import day_of
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.profiles import rfm
from retention_ml.profiles.cadence import cadence, fit_process
from retention_ml.profiles.curves.cohorts import cohorts
from retention_ml.profiles.curves.funnel import funnel
from retention_ml.profiles.curves.survival_curves import survival_curves
from retention_ml.profiles.histories import Histories
from retention_ml.profiles.personas.rows import DayPersonas
from retention_ml.profiles.stages import STAGES, StageRules, Stages, stages
from retention_ml.profiles.transitions import DayStages, transitions
from retention_ml.profiles.value.customer_value import ValueRules, customer_value
from retention_ml.profiles.value.fit import ValueFit
from retention_ml.statistics.arrays import Bools, Floats, Ints

_REVENUE_DAYS = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the settings decide about profiles."""

    rules: StageRules
    period_days: int
    overdue_probability: float
    value: ValueRules


def day_profile(
    histories: Histories,
    earlier: Mapping[str, DayStages],
    choices: Choices,
    *,
    value_fit: ValueFit | None,
    personas: DayPersonas,
    forecasts: pa.Table,
) -> dict[str, pa.Table]:
    """The rows of a day by the name of their table in `snapshots.snapshot`.

    `value_fit` is the one that counts on the day, None where nothing could be learnt yet.
    """
    now, process = stages(histories, choices.rules), fit_process(histories)
    lapsed_days, period_days = choices.rules.lapsed_days, choices.period_days
    return {
        "customers": _customers(histories, now, process, choices).append_column(
            "persona_id", personas.persona_id
        ),
        "stages": _stage_counts(histories, now),
        "transitions": transitions(histories.customer_ids, now.stage, dict(earlier)),
        "cohorts": cohorts(histories, period_days=period_days, lapsed_days=lapsed_days),
        "survival": survival_curves(histories, lapsed_days=lapsed_days),
        "funnel": funnel(histories, period_days=period_days),
        **customer_value(histories, process, value_fit, choices.value),
        "personas": personas.rows,
        "forecasts": forecasts,
    }


def caveat(histories: Histories, *, period_days: int, gap_days_max: int) -> str | None:
    """What the profiles lack and why, in words; None where nothing."""
    first = int(histories.first.min())
    sentences = []
    if histories.today - first < 2 * period_days:
        begins = day_of(first + 2 * period_days)
        sentences.append(
            f"There is no retention curve yet: orders are known from {day_of(first)} on, and the "
            f"first period after that of the first order is over on {begins}."
        )
    days = np.append(np.unique(histories.day), histories.today)
    gaps = np.diff(days) - 1
    longest = int(gaps.argmax())
    if gaps[longest] > gap_days_max:
        since, until = int(days[longest]) + 1, int(days[longest + 1]) - 1
        sentences.append(
            f"No order is known from {day_of(since)} to {day_of(until)}, {gaps[longest]:,} days. If "
            "deliveries are missing there, customers count as silent who were not: deliver them, "
            "and make the profiles again."
        )
    return " ".join(sentences) or None


def _customers(
    histories: Histories, now: Stages, process: BetaGeoNBD, choices: Choices
) -> pa.Table:
    buyers, count = histories.buyers, len(histories.customer_ids)
    rhythm = cadence(histories, process, overdue_probability=choices.overdue_probability)
    revenue = histories.total_cents()[buyers]
    orders = np.add.reduceat(histories.orders_count, np.flatnonzero(histories.is_first))
    recency, frequency, value = (
        rfm.scores(each)
        for each in (histories.last, histories.number[histories.last_place], revenue)
    )
    names = pa.array([str(stage) for stage in STAGES], pa.string())
    group_names = pa.array([str(group) for group in rfm.GROUPS], pa.string())
    group = rfm.groups(recency, frequency, value)
    is_buyer = np.zeros(count, dtype=bool)
    is_buyer[buyers] = True

    def of_buyers(values: Ints | Floats | Bools) -> pa.Array:
        """One value per customer, null where they never ordered."""
        whole = np.zeros(count, dtype=values.dtype)
        whole[buyers] = values
        return pa.array(whole, mask=~is_buyer)

    return pa.table(
        {
            "customer_id": histories.customer_ids,
            "lifecycle_stage": names.take(pa.array(now.stage)),
            "stage_since": _dates(now.since),
            "previous_stage": names.take(pa.array(now.previous, mask=now.previous < 0)),
            "acquired_on": _dates(histories.acquired_day),
            "first_order_on": of_buyers(histories.first).cast(pa.int32()).cast(pa.date32()),
            "last_order_on": of_buyers(histories.last).cast(pa.int32()).cast(pa.date32()),
            "purchase_days_count": of_buyers(histories.number[histories.last_place]),
            "orders_count": of_buyers(orders),
            "revenue_cents": of_buyers(revenue),
            "rfm_recency": of_buyers(recency).cast(pa.int32()),
            "rfm_frequency": of_buyers(frequency).cast(pa.int32()),
            "rfm_value": of_buyers(value).cast(pa.int32()),
            "rfm_group": group_names.take(of_buyers(group)),
            "purchase_interval_days": of_buyers(rhythm.interval_days),
            "overdue_after_days": of_buyers(rhythm.overdue_after_days),
            "is_overdue": of_buyers(rhythm.is_overdue),
            "still_customer_probability": of_buyers(rhythm.still_customer_probability),
            "next_order_expected_on": _expected(
                histories.today, rhythm.next_order_days, buyers, count
            ),
        }
    )


def _stage_counts(histories: Histories, now: Stages) -> pa.Table:
    """A row per stage, also those without a customer."""
    revenue = np.zeros(len(STAGES), dtype=np.int64)
    np.add.at(revenue, now.stage, histories.total_cents(histories.today - _REVENUE_DAYS))
    return pa.table(
        {
            "lifecycle_stage": [str(stage) for stage in STAGES],
            "customers_count": pa.array(np.bincount(now.stage, minlength=len(STAGES)), pa.int64()),
            "revenue_28d_cents": pa.array(revenue),
        }
    )


def _expected(today: int, days: Floats, buyers: Ints, count: int) -> pa.Array:
    whole = np.full(count, np.nan)
    whole[buyers] = days
    missing = np.isnan(whole)
    on = today + np.floor(np.where(missing, 0.0, whole)).astype(np.int32)
    return pa.array(on.astype(np.int32), pa.int32(), mask=missing).cast(pa.date32())


def _dates(day: Ints) -> pa.Array:
    return pa.array(day.astype(np.int32), pa.int32()).cast(pa.date32())
