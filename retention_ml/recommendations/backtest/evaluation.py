"""The figures of a backtest: means over days, paired intervals over customers, segments."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml.recommendations.backtest.day import LISTS, MIXED, NEW, Evaluated
from retention_ml.recommendations.backtest.methods import CHAMPION, MEANINGS, Choice
from retention_ml.recommendations.metrics import METRICS
from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.bootstrap import Interval, customer_weights, percentile_interval

_PURCHASE_DAYS = ((1, 2), (3, 5), (6, 15), (16, 50), (51, None))
_NOTHING = Interval(float("nan"), float("nan"), float("nan"))
_SILENT_DAYS = ((1, 7), (8, 14), (15, 29), (30, 60), (61, None))


def evaluate(
    days: Sequence[Evaluated],
    *,
    methods: Sequence[str],
    choices: Sequence[Choice],
    draws: int,
    seed: int,
    tiers: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """All figures as plain JSON values.

    A figure is the mean over days of the mean over customers; intervals (95 %) are over customers,
    drawn with all of their days.

    Parameters
    ----------
    tiers : sequence of mapping of str to str
        Of each day, the risk tier of customers by id; none where nobody was scored.
    """
    resamples = _Resamples(days, draws, seed)
    reference = CHAMPION if CHAMPION in methods else methods[0]
    parameters = {choice.name: choice.parameters for choice in choices}
    meanings = MEANINGS | {choice.name: choice.meaning for choice in choices if choice.meaning}
    return {
        "days": [{"as_of": str(day.as_of), **day.about} for day in days],
        "reference": reference,
        "methods": {
            name: {
                "meaning": meanings[name],
                "parameters": parameters.get(name, {}),
                "lists": {
                    kind: {
                        **{
                            metric: _figure(resamples.interval(name, kind, metric))
                            for metric in METRICS
                        },
                        "coverage": float(np.mean([day.coverage[name, kind] for day in days])),
                    }
                    for kind in LISTS
                },
                "by_as_of": {
                    str(day.as_of): {
                        kind: {
                            metric: _mean(day.metrics[name, kind][metric], day.counted[kind])
                            for metric in METRICS
                        }
                        for kind in LISTS
                    }
                    for day in days
                },
            }
            for name in methods
        },
        "differences": {
            name: {
                kind: {
                    metric: _figure(resamples.interval(reference, kind, metric, minus=name))
                    for metric in METRICS
                }
                for kind in LISTS
            }
            for name in methods
            if name != reference
        },
        "segments": _segments(resamples, methods, reference, days, tiers),
    }


class _Resamples:
    """Draws of customers, the same for every figure: differences are paired."""

    def __init__(self, days: Sequence[Evaluated], draws: int, seed: int) -> None:
        self.days = days
        ids = pa.chunked_array([day.customer_ids for day in days]).combine_chunks()
        groups: Ints = ids.dictionary_encode().indices.to_numpy().astype(np.int64)
        self.bounds = np.cumsum([0] + [len(day.customer_ids) for day in days])
        count = int(groups.max(initial=-1)) + 1
        self.groups = groups
        self.weights = customer_weights(np.arange(count), draws, seed)

    def interval(
        self,
        name: str,
        kind: str,
        metric: str,
        *,
        minus: str | None = None,
        masks: Sequence[Bools] | None = None,
    ) -> Interval:
        """The mean over days with its interval; days on which nobody is counted are left out."""
        value, draws = self._mean(name, kind, metric, minus=minus, masks=masks)
        return percentile_interval(value, draws) if np.isfinite(value) else _NOTHING

    def ratio(
        self, name: str, kind: str, metric: str, over: str, masks: Sequence[Bools]
    ) -> Interval:
        """The mean of a method over that of another, with its interval; NaN where that is 0."""
        (value, draws), (base, base_draws) = (
            self._mean(each, kind, metric, masks=masks) for each in (name, over)
        )
        if not base > 0 or not (base_draws > 0).all():
            return _NOTHING
        return percentile_interval(value / base, draws / base_draws)

    def _mean(
        self,
        name: str,
        kind: str,
        metric: str,
        *,
        minus: str | None = None,
        masks: Sequence[Bools] | None = None,
    ) -> tuple[float, Floats]:
        values, draws = [], []
        for at, day in enumerate(self.days):
            counted = day.counted[kind] if masks is None else day.counted[kind] & masks[at]
            if not counted.any():
                continue
            figures = day.metrics[name, kind][metric]
            if minus is not None:
                figures = figures - day.metrics[minus, kind][metric]
            group = self.groups[self.bounds[at] : self.bounds[at + 1]][counted]
            weights = self.weights[:, group]
            total = weights.sum(axis=1)
            values.append(float(figures[counted].mean()))
            draws.append(weights @ figures[counted] / np.maximum(total, 1.0))
        if not values:
            return float("nan"), np.zeros(0)
        return float(np.mean(values)), np.mean(draws, axis=0)


def _segments(
    resamples: _Resamples,
    methods: Sequence[str],
    reference: str,
    days: Sequence[Evaluated],
    tiers: Sequence[Mapping[str, str]],
) -> dict[str, list[dict[str, Any]]]:
    """By what is known of customers: NDCG@10 of every method, and the reference against it."""
    segments: dict[str, list[tuple[dict[str, Any], list[Bools]]]] = {
        "purchase days known": _in_bands([day.purchase_days for day in days], _PURCHASE_DAYS),
        "days of silence": _in_bands([day.silent_days for day in days], _SILENT_DAYS),
    }
    if any(tiers):
        by_day = [
            np.array([tier.get(customer, "") for customer in day.customer_ids.to_pylist()])
            for day, tier in zip(days, tiers, strict=True)
        ]
        segments["risk tier"] = [
            ({"tier": name}, [values == name for values in by_day])
            for name in sorted({name for tier in tiers for name in tier.values()})
        ]
    return {
        title: [
            {**label, **_segment(resamples, methods, reference, masks)}
            for label, masks in parts
            if any(mask.any() for mask in masks)
        ]
        for title, parts in segments.items()
    }


def _in_bands(
    values: Sequence[Any], bands: Sequence[tuple[int, int | None]]
) -> list[tuple[dict[str, Any], list[Bools]]]:
    most = np.iinfo(np.int32).max
    return [
        (
            {"from": first, "to": last},
            [(day >= first) & (day <= (most if last is None else last)) for day in values],
        )
        for first, last in bands
    ]


def _segment(
    resamples: _Resamples, methods: Sequence[str], reference: str, masks: Sequence[Bools]
) -> dict[str, Any]:
    others = [name for name in methods if name != reference]
    return {
        "customers": int(sum(mask.sum() for mask in masks)),
        "methods": {
            name: {
                kind: _figure(resamples.interval(name, kind, "ndcg", masks=masks))
                for kind in (MIXED, NEW)
            }
            for name in methods
        },
        "differences": {
            name: {
                kind: _figure(resamples.interval(reference, kind, "ndcg", minus=name, masks=masks))
                for kind in (MIXED, NEW)
            }
            for name in others
        },
        "ratios": {
            name: {
                kind: _figure(resamples.ratio(reference, kind, "ndcg", name, masks))
                for kind in (MIXED, NEW)
            }
            for name in others
        },
    }


def _mean(values: Floats, counted: Bools) -> float | None:
    return round(float(values[counted].mean()), 6) if counted.any() else None


def _figure(interval: Interval) -> Mapping[str, float | None]:
    return {
        name: round(value, 6) if np.isfinite(value) else None
        for name, value in interval._asdict().items()
    }
