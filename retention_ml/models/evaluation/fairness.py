"""Whether a model treats groups of customers alike: by age, income and country, none of them a feature.

What is decided on is the calibration gap of a group: predicted minus observed churn, less that of
all other customers on the same days. Rates of errors and offers differ between groups whose
customers churn more or less often, however good the model: they are reported and not decided on.

References
----------
Chouldechova, "Fair prediction with disparate impact", Big Data 5 (2017): a calibrated score has
different error rates where the base rates differ. Holm, "A simple sequentially rejective multiple
test procedure", Scand. J. Statist. 6 (1979).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml.models.evaluation.checks import Check, interval_to_dict
from retention_ml.models.evaluation.group_sample import GroupSample, around, cleaned, members
from retention_ml.statistics.arrays import Bools
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import OUTCOMES_MIN, Z_95, Predictions

ATTRIBUTES = {"age_band": "age", "income_band": "income", "country": "country"}
"""Columns of `curated.customers` that groups are made of, in words."""
CUSTOMERS_MIN = 100
"""With fewer customers a group is named and counted, and nothing else is said of it."""
_ERROR_RATE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Customers who share a value of an attribute, and how the model treats them.

    Parameters
    ----------
    attribute, name : str
        Such as `age_band` and 65+; `NOT_GIVEN` where the shop delivered none.
    customers_count : int
    figures : mapping of str to Interval
        `churn_rate` (observed), `gap` (predicted minus observed, as shares), `gap_to_others` (less
        that of all others, its interval corrected for the number of groups), `missed` (share of
        the churned without an offer: false negatives), `false_alarms` (share of the retained with
        one: false positives), `offered`. Empty where the group is too small, without
        `gap_to_others` where the others are, and without an error rate of fewer than
        `OUTCOMES_MIN` customers.
    is_beyond : bool
        Whether the corrected interval lies beyond the tolerance, and those of all clearer ones.
    further_off : Interval or None
        Of a group beyond it: distance of its `gap_to_others` from zero minus that by the champion,
        paired; None where there is no champion.
    """

    attribute: str
    name: str
    customers_count: int
    figures: Mapping[str, Interval] = field(default_factory=dict)
    is_beyond: bool = False
    further_off: Interval | None = None

    @property
    def label(self) -> str:
        """The group in words, such as age 65+."""
        return f"{ATTRIBUTES[self.attribute]} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fairness:
    """How a model treats groups; `not_delivered` are the attributes that no customer has."""

    groups: tuple[Group, ...]
    not_delivered: tuple[str, ...]
    tolerance: float

    @property
    def evaluated(self) -> list[Group]:
        """Groups that are large enough."""
        return [group for group in self.groups if group.figures]

    @property
    def beyond(self) -> list[Group]:
        """Groups whose risk is clearly too high or too low against that of all others."""
        return [group for group in self.groups if group.is_beyond]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return {
            "tolerance": self.tolerance,
            "customers_min": CUSTOMERS_MIN,
            "not_delivered": list(self.not_delivered),
            "groups": [
                {
                    "attribute": group.attribute,
                    "name": group.name,
                    "customers": group.customers_count,
                    "is_beyond": group.is_beyond,
                    **{name: interval_to_dict(each) for name, each in group.figures.items()},
                }
                for group in self.groups
            ],
        }


def fairness(
    predictions: Predictions,
    model: str,
    attributes: pa.Table,
    is_offered: Bools,
    *,
    tolerance: float,
    champion: str | None = None,
) -> Fairness:
    """How a model treats the groups of the customers that it is evaluated on.

    Parameters
    ----------
    predictions : Predictions, n rows
        Only rows that stand for anybody count, each as often as its weight says.
    attributes : pa.Table, n rows
        Columns of `ATTRIBUTES`, null where nothing was delivered.
    is_offered : array of bool, shape (n,)
        Whose tier by this model gets an offer.
    tolerance : float
        By so much the risk of a group may be too high or too low, as a share.
    champion : str, optional
        A model of `predictions` that groups beyond the tolerance are compared with.
    """
    rows = np.flatnonzero(predictions.is_evaluated)
    sample = GroupSample.of(predictions.take(rows), is_offered[rows])
    groups: list[Group] = []
    masks: list[Bools] = []
    missing = []
    for attribute in ATTRIBUTES:
        values = cleaned(attributes[attribute].take(pa.array(rows)))
        if values.null_count == len(values):
            missing.append(attribute)
            continue
        for name, mask in members(values, sample.customers):
            groups.append(_group(sample, model, attribute, name, mask))
            masks.append(mask)
    return Fairness(
        groups=tuple(_corrected(groups, masks, sample, model, tolerance, champion)),
        not_delivered=tuple(missing),
        tolerance=tolerance,
    )


def fairness_check(result: Fairness) -> Check:
    """No group's risk clearly too high or too low against that of all others.

    Failed where there is no champion, or one that is clearly closer. Open where the champion is
    as far off: keeping it would treat nobody better, so outcomes decide.
    """
    if not result.beyond:
        return Check(name="fairness", status="passed", message=_none_beyond(result))
    # What is not finite is worse, too.
    worse = [g for g in result.beyond if g.further_off is None or not g.further_off.lower <= 0]
    sentences = [_sentence(group, result.tolerance) for group in worse or result.beyond]
    if not worse:
        sentences.append("The champion is not clearly closer, so this alone keeps nobody out.")
    elif worse[0].further_off is not None:
        sentences.append("The champion is clearly closer.")
    return Check(name="fairness", status="failed" if worse else "open", message=" ".join(sentences))


def _group(sample: GroupSample, model: str, attribute: str, name: str, mask: Bools) -> Group:
    """A group with its figures, without `gap_to_others`."""
    count, figures = sample.count(mask), dict[str, Interval]()
    if count >= CUSTOMERS_MIN:
        outcome = sample.predictions.outcome
        figures = {
            "churn_rate": sample.share(outcome == 1, mask),
            "gap": around(*sample.gap(model, mask), Z_95),
            "offered": sample.share(sample.is_offered, mask),
        }
        for figure, what, among in (
            ("missed", ~sample.is_offered, mask & (outcome == 1)),
            ("false_alarms", sample.is_offered, mask & (outcome == 0)),
        ):
            if sample.count(among) >= OUTCOMES_MIN:
                figures[figure] = sample.share(what, among)
    return Group(attribute=attribute, name=name, customers_count=count, figures=figures)


def _corrected(
    groups: Sequence[Group],
    masks: Sequence[Bools],
    sample: GroupSample,
    model: str,
    tolerance: float,
    champion: str | None,
) -> Iterator[Group]:
    """The groups with intervals corrected for their number, and who is beyond the tolerance.

    Holm's procedure: the clearest is looked at with the error rate divided by the number of groups,
    the next by one less, until one is not beyond.
    """
    apart = {
        number: sample.apart(model, mask)
        for number, (group, mask) in enumerate(zip(groups, masks, strict=True))
        if group.figures and sample.count(~mask) >= CUSTOMERS_MIN
    }
    order = sorted(apart, key=lambda number: -_distance(*apart[number], tolerance))
    intervals: dict[int, Interval] = {}
    beyond: set[int] = set()
    for place, number in enumerate(order):
        quantile = NormalDist().inv_cdf(1 - _ERROR_RATE / 2 / (len(order) - place))
        intervals[number] = around(*apart[number], quantile)
        is_beyond = _distance(*apart[number], tolerance) > quantile
        if is_beyond and len(beyond) == place:
            beyond.add(number)
    for number, group in enumerate(groups):
        if number not in intervals:
            yield group
            continue
        further_off = None
        if number in beyond and champion is not None:
            further_off = sample.further_off(model, champion, masks[number])
        yield replace(
            group,
            figures={**group.figures, "gap_to_others": intervals[number]},
            is_beyond=number in beyond,
            further_off=further_off,
        )


def _distance(value: float, error: float, tolerance: float) -> float:
    """How far a value is beyond a tolerance, in standard errors."""
    excess = abs(value) - tolerance
    if error > 0:
        return excess / error
    return math.inf if excess > 0 else -math.inf


def _none_beyond(result: Fairness) -> str:
    words = {name: ATTRIBUTES[name] for name in result.not_delivered}
    missing = "".join(f" {word.capitalize()} is not delivered." for word in words.values())
    count, small = len(result.evaluated), len(result.groups) - len(result.evaluated)
    if not count:
        return f"No group has {CUSTOMERS_MIN} customers, so none was looked at.{missing}"
    return (
        f"In none of {count} groups ({small} were too small) is the risk too high or too low by more "
        f"than {result.tolerance:g} against that of all others, given the interval.{missing}"
    )


def _sentence(group: Group, tolerance: float) -> str:
    difference = group.figures["gap_to_others"]
    direction = "high" if difference.value > 0 else "low"
    return (
        f"Customers of the group {group.label} are given a risk that is too {direction} against "
        f"all others by {abs(difference.value):.3f} (interval corrected for all groups "
        f"{difference.lower:+.3f} to {difference.upper:+.3f}; at most {tolerance:g} is accepted)."
    )
