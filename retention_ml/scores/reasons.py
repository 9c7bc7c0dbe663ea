"""Why a customer is at risk: the three strongest pushes towards churn, in words.

A model's exact contributions (log-odds per feature) are summed within each family of the feature
catalogue, so that three reasons are three different things and not three windows of one. Only
families that push *up* count, and only those in which customers differ. The sentence is that of
the family's strongest feature, with the customer's own value.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from retention_ml.features.catalogue import FEATURES
from retention_ml.features.families.rhythm import WEEK_WINDOWS
from retention_ml.features.feature import Feature
from retention_ml.scores.phrases import describe
from retention_ml.scores.snapshot import column
from retention_ml.statistics.arrays import Bools, Floats

REASONS_COUNT = 3

# The season is the same for everybody: it explains the level of a day, not a customer.
_SHARED_FAMILIES = ("season",)

# Features that say little to a reader are worded as a plainer one of the same family.
_WORDED_AS = {
    "orders_decayed_count_15d": "orders_count_30d",
    "orders_decayed_count_45d": "orders_count_90d",
    "orders_decayed_count_135d": "orders_count_365d",
    "revenue_decayed_cents_45d": "revenue_cents_90d",
    **{f"purchase_weeks_share_{days}d": f"purchase_weeks_count_{days}d" for days in WEEK_WINDOWS},
}


@dataclass(frozen=True, slots=True)
class Reasons:
    """Codes and sentences of each customer's reasons, strongest first.

    Parameters
    ----------
    codes, sentences : tuple of three lists of str or None, each of length n
        None where fewer families push towards churn.
    """

    codes: tuple[list[str | None], ...]
    sentences: tuple[list[str | None], ...]

    def columns(self) -> dict[str, pa.Array]:
        """`reason_1_code`, `reason_1`, ... as text columns."""
        columns = {}
        for rank, (codes, sentences) in enumerate(
            zip(self.codes, self.sentences, strict=True), start=1
        ):
            columns[f"reason_{rank}_code"] = pa.array(codes, pa.string())
            columns[f"reason_{rank}"] = pa.array(sentences, pa.string())
        return columns


def reasons(contributions: Floats, names: Sequence[str], features: pa.Table) -> Reasons:
    """The reasons of n customers.

    Parameters
    ----------
    contributions : array of float64, shape (n, len(names))
        Log-odds that each feature adds to the customer's score.
    names : sequence of str
        The features, in the order of the columns.
    features : pa.Table
        Their values, n rows; other columns are ignored.
    """
    n = len(contributions)
    family_names, family_sum = by_family(contributions, names)
    family_sum[:, [name in _SHARED_FAMILIES for name in family_names]] = -np.inf
    strongest = _strongest(contributions, names)
    order = np.argsort(-family_sum, axis=1, kind="stable")[:, :REASONS_COUNT]
    codes = np.full((REASONS_COUNT, n), None, dtype=object)
    sentences = np.full((REASONS_COUNT, n), None, dtype=object)
    for rank, family in enumerate(order.T):
        is_push = family_sum[np.arange(n), family] > 0
        strongest_feature = np.where(is_push, strongest[np.arange(n), family], -1)
        for index in np.unique(strongest_feature[is_push]).tolist():
            name = names[index]
            positions = np.flatnonzero(strongest_feature == index)
            codes[rank, positions] = f"{_family(name)}/{name}"
            sentences[rank, positions] = _sentences(name, features, positions)
    return Reasons(tuple(codes.tolist()), tuple(sentences.tolist()))


def by_family(contributions: Floats, names: Sequence[str]) -> tuple[tuple[str, ...], Floats]:
    """Family names in order of first appearance, and summed log-odds, shape (n, families)."""
    families, belongs = _families(names)
    return families, np.asarray(contributions @ belongs.astype(np.float64), dtype=np.float64)


def sentence(name: str, features: pa.Table) -> str:
    """What the first row's value of one feature means, in words."""
    return _sentences(name, features, np.array([0]))[0]


def _family(name: str) -> str:
    return FEATURES[name].family if name in FEATURES else name


def _families(names: Sequence[str]) -> tuple[tuple[str, ...], Bools]:
    """Family names, and which feature belongs to which, shape (len(names), families)."""
    family_of = [_family(name) for name in names]
    families = tuple(dict.fromkeys(family_of))
    belongs = np.array([[each == family for family in families] for each in family_of], dtype=bool)
    return families, belongs.reshape(len(names), len(families))


def _strongest(contributions: Floats, names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Position in `names` of the feature that adds most to each family, shape (n, families)."""
    _, belongs = _families(names)
    strongest = np.empty((len(contributions), belongs.shape[1]), dtype=np.int64)
    for place, members in enumerate(map(np.flatnonzero, belongs.T)):
        strongest[:, place] = members[np.argmax(contributions[:, members], axis=1)]
    return strongest


def _sentences(name: str, features: pa.Table, positions: npt.NDArray[np.int64]) -> list[str]:
    """One sentence per row at these positions; equal values are phrased once."""
    sister = _WORDED_AS.get(name, name)
    name = sister if sister in features.column_names else name
    phrase, inputs = _phrase(name, features.column_names)
    if not inputs:
        return [_sentence(phrase())] * len(positions)
    values = np.column_stack([column(features, one)[positions] for one in inputs])
    different, back = np.unique(values, axis=0, return_inverse=True)
    texts = [_sentence(phrase(*row)) for row in different.tolist()]
    return [texts[index] for index in back.reshape(-1).tolist()]


def _phrase(name: str, available: Sequence[str]) -> tuple[Callable[..., str], tuple[str, ...]]:
    """How to phrase a feature, and the columns whose values the phrase takes."""
    feature = FEATURES.get(name)
    if feature is None:
        return lambda value: f"{name} is {value:g}", (name,)
    composed = _composed(feature)
    if composed is not None and {name, *composed[1]} <= set(available):
        return composed
    if name not in available:
        return lambda: feature.meaning, ()
    return lambda value: describe(feature, value), (name,)


def _composed(feature: Feature) -> tuple[Callable[..., str], tuple[str, ...]] | None:
    """A phrase that needs more than the feature's own value, with the columns it needs."""
    name = feature.name
    if name == "recency_days":
        return lambda days, gap: describe(feature, days) + _usual(gap), (name, "gap_median_days")
    if name.startswith("gaps_longer_"):
        return _longest, ("gap_max_days",)
    if name == "sessions_trend_30d":
        return _visits_then_and_now, (name, "sessions_count_30d")
    for noun, stem in (("orders_trend", "orders_count"), ("revenue_trend", "revenue_cents")):
        if name.startswith(noun):
            days = int(name.removeprefix(f"{noun}_").removesuffix("d"))
            recent, both = FEATURES.get(f"{stem}_{days}d"), FEATURES.get(f"{stem}_{2 * days}d")
            if recent is not None and both is not None:
                return _then_and_now(recent, days), (recent.name, both.name)
    return None


def _usual(gap_days: float) -> str:
    if not np.isfinite(gap_days):
        return ""
    days = round(gap_days)
    return "; usually every day" if days <= 1 else f"; usually every {days} days"


def _longest(gap_days: float) -> str:
    if not np.isfinite(gap_days):
        return describe(FEATURES["gap_max_days"], None)
    days = round(gap_days)
    return f"longest pause before this one {days} {'day' if days == 1 else 'days'}"


def _then_and_now(recent: Feature, days: int) -> Callable[[float, float], str]:
    money = recent.unit == "cents"

    def phrase(now: float, both: float) -> str:
        before = (both - now) / 100 if money else both - now
        if np.isnan(before):
            return describe(recent, None)
        return f"{describe(recent, now)}, {before:,.0f} in the {days} days before"

    return phrase


def _visits_then_and_now(trend: float, now: float) -> str:
    """The trend is ln((now + 1) / (before + 1)): what was before follows from it."""
    if not np.isfinite(trend + now):
        return describe(FEATURES["sessions_trend_30d"], None)
    before = max(0, round((now + 1) * math.exp(-trend) - 1))
    return f"{describe(FEATURES['sessions_count_30d'], now)}, {before:,} in the 30 days before"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
