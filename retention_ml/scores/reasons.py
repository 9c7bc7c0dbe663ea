"""Why a customer is at risk: the three strongest pushes towards churn, in words.

A model's exact contributions (log-odds per feature) are summed within each family of the feature
catalogue, so that three reasons are three different things and not three windows of one. Only
families that push *up* count, and only those in which customers differ. The sentence is that of
the family's strongest feature, with the customer's own value.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from retention_ml.features.catalogue import FEATURES
from retention_ml.features.families.rhythm import WEEK_WINDOWS
from retention_ml.features.feature import Feature
from retention_ml.scores.phrases import describe
from retention_ml.scores.snapshot import column

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


def reasons(
    contributions: npt.NDArray[np.float64],
    names: Sequence[str],
    features: pa.Table,
    catalogue: Mapping[str, Feature] = FEATURES,
) -> Reasons:
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
    family_names, family_sum = by_family(contributions, names, catalogue)
    family_sum[:, [name in _SHARED_FAMILIES for name in family_names]] = -np.inf
    strongest = _strongest(contributions, names, family_names, catalogue)
    order = np.argsort(-family_sum, axis=1, kind="stable")[:, :REASONS_COUNT]
    codes: list[list[str | None]] = []
    sentences: list[list[str | None]] = []
    rows = np.arange(n)
    for rank in range(REASONS_COUNT):
        if rank >= order.shape[1] or n == 0:
            codes.append([None] * n)
            sentences.append([None] * n)
            continue
        family = order[:, rank]
        strongest_feature = np.where(family_sum[rows, family] > 0, strongest[rows, family], -1)
        code = np.full(n, None, dtype=object)
        text = np.full(n, None, dtype=object)
        for index in np.unique(strongest_feature[strongest_feature >= 0]).tolist():
            name = names[index]
            positions = np.flatnonzero(strongest_feature == index)
            code[positions] = f"{_family(name, catalogue)}/{name}"
            text[positions] = _sentences(name, features, positions, catalogue)
        codes.append(code.tolist())
        sentences.append(text.tolist())
    return Reasons(tuple(codes), tuple(sentences))


def by_family(
    contributions: npt.NDArray[np.float64],
    names: Sequence[str],
    catalogue: Mapping[str, Feature] = FEATURES,
) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    """Family names in order of first appearance, and summed log-odds, shape (n, families)."""
    families = tuple(dict.fromkeys(_family(name, catalogue) for name in names))
    belongs = np.array(
        [[_family(name, catalogue) == family for family in families] for name in names],
        dtype=np.float64,
    ).reshape(len(names), len(families))
    return families, np.asarray(contributions @ belongs, dtype=np.float64)


def sentence(name: str, features: pa.Table, catalogue: Mapping[str, Feature] = FEATURES) -> str:
    """What the first row's value of one feature means, in words."""
    return _sentences(name, features, np.array([0]), catalogue)[0]


def _family(name: str, catalogue: Mapping[str, Feature]) -> str:
    return catalogue[name].family if name in catalogue else name


def _strongest(
    contributions: npt.NDArray[np.float64],
    names: Sequence[str],
    families: Sequence[str],
    catalogue: Mapping[str, Feature],
) -> npt.NDArray[np.int64]:
    """Position in `names` of the feature that adds most to each family, shape (n, families)."""
    strongest = np.empty((len(contributions), len(families)), dtype=np.int64)
    for place, family in enumerate(families):
        members = np.array(
            [i for i, name in enumerate(names) if _family(name, catalogue) == family]
        )
        strongest[:, place] = members[np.argmax(contributions[:, members], axis=1)]
    return strongest


def _sentences(
    name: str,
    features: pa.Table,
    positions: npt.NDArray[np.int64],
    catalogue: Mapping[str, Feature],
) -> list[str]:
    """One sentence per row at these positions; equal values are phrased once."""
    sister = _WORDED_AS.get(name, name)
    name = sister if sister in features.column_names else name
    phrase, inputs = _phrase(name, features.column_names, catalogue)
    if not inputs:
        return [_sentence(phrase())] * len(positions)
    values = np.column_stack([column(features, one)[positions] for one in inputs])
    different, back = np.unique(values, axis=0, return_inverse=True)
    texts = [_sentence(phrase(*row)) for row in different.tolist()]
    return [texts[index] for index in back.reshape(-1).tolist()]


def _phrase(
    name: str, available: Sequence[str], catalogue: Mapping[str, Feature]
) -> tuple[Callable[..., str], tuple[str, ...]]:
    """How to phrase a feature, and the columns whose values the phrase takes."""
    feature = catalogue.get(name)
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
