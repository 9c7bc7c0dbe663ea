"""The ensemble: members that err differently, their log-odds averaged.

A member is one learner on one choice of rows and one length of outcome window. Shorter windows let
a member use newer days. Weights are fixed: fitted ones did not do better (docs/quality.md).
Calibration is out of fold: the slopes, of each member and of the blend, on all rows, the intercept
on the newest labels, moved by what last year says about the season ahead.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from retention_ml.models.predictors import seasonal
from retention_ml.models.predictors.blend import Blend, Member
from retention_ml.models.predictors.buying_process import FEATURES as PROCESS_FEATURES
from retention_ml.models.training.candidates import members
from retention_ml.models.training.data.sample import TrainingSample, folds
from retention_ml.models.training.fitting import FitContext, FittedModel, calibrate
from retention_ml.models.training.season import season_ahead
from retention_ml.statistics.arrays import Floats, Ints, sigmoid
from retention_ml.statistics.metrics import mean_log_loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One member.

    Parameters
    ----------
    name : str
        In the bundle and in notes.
    learner : str
        Its key in `members.LEARNERS`.
    weight : float
        Its share of the blend, relative to the others'.
    horizon_share : float
        Length of its outcome window, as a share of the whole.
    is_newest_only : bool
        Fitted on the newest labelled day alone.
    """

    name: str
    learner: str
    weight: float = 1.0
    horizon_share: float = 1.0
    is_newest_only: bool = False


RECIPES = (
    Recipe(name="boosted", learner="boosted"),
    Recipe(name="boosted_two_thirds", learner="boosted", horizon_share=2 / 3),
    Recipe(name="boosted_third", learner="boosted", horizon_share=1 / 3),
    Recipe(name="boosted_newest", learner="boosted", is_newest_only=True),
    Recipe(name="ridge", learner="ridge"),
    Recipe(name="ridge_newest", learner="ridge", is_newest_only=True),
    Recipe(name="buying_process", learner="buying_process"),
)


# A near-constant member is not amplified.
_SLOPE_MAX = 1.25


def fit(
    sample: TrainingSample, context: FitContext, *, recipes: tuple[Recipe, ...] = RECIPES
) -> FittedModel:
    """The blend of all members of `recipes` that this sample can carry, calibrated."""
    informative = _drop_constant_features(sample)
    fold = folds(informative.groups, context.seed)
    positions = np.flatnonzero(informative.follow_up_days >= informative.horizon_days)
    labelled = informative.take(positions)
    fitted = [
        _fit_member(recipe, informative, fold, positions, context)
        for recipe in recipes
        if recipe.learner != "buying_process" or sample.histories is not None
    ]
    weights = np.array([member.weight for member, _ in fitted])
    weights = weights / weights.sum()
    # A member that is over- or underconfident is calibrated before the mean is taken.
    slopes = np.array(
        [
            min(calibrate(margin, labelled, use_day_offset=True)[0], _SLOPE_MAX)
            for _, margin in fitted
        ]
    )
    margin = np.column_stack([margin for _, margin in fitted]) @ (weights * slopes)
    slope, intercept = _calibrate(margin, labelled)
    blended = [
        replace(member, weight=float(weight), slope=float(slope * member_slope))
        for weight, member_slope, (member, _) in zip(weights, slopes, fitted, strict=True)
    ]
    blend = Blend(members=tuple(blended), features=informative.features, intercept=intercept)
    season, notes = _season(informative, labelled, blend, slope * margin + intercept)
    if season is not None and set(seasonal.FEATURES) <= set(sample.features):
        blended.append(
            Member(name="season", predictor=season, features=seasonal.FEATURES, weight=1.0)
        )
    used = {name for member in blended for name in member.features}
    features = tuple(name for name in sample.features if name in used)
    loss = mean_log_loss(sigmoid(slope * margin + intercept), labelled.churned, labelled.weights)
    return FittedModel(
        predictor=Blend(members=tuple(blended), features=features, intercept=intercept),
        features=features,
        notes={
            "members": ", ".join(member.name for member, _ in fitted),
            "log_loss_out_of_fold": round(loss, 6),
            **notes,
        },
    )


def _drop_constant_features(sample: TrainingSample) -> TrainingSample:
    """The sample without features that are the same for everybody, and without the time of year.

    A few months of labels cannot tell seasons apart from anything else that changed with time;
    the season is added at the end, from a year of orders.
    """
    values, missing = sample.values, np.isnan(sample.values)
    with np.errstate(invalid="ignore"):
        largest = np.nanmax(values, axis=0, initial=-np.inf)
        least = np.nanmin(values, axis=0, initial=np.inf)
    is_informative = (largest > least) | (missing.any(axis=0) & ~missing.all(axis=0))
    informative = set(np.array(sample.features)[is_informative])
    return sample.only(
        tuple(
            name
            for name in sample.features
            if (name in informative or name in PROCESS_FEATURES) and name not in seasonal.FEATURES
        )
    )


def _fit_member(
    recipe: Recipe, sample: TrainingSample, fold: Ints, positions: Ints, context: FitContext
) -> tuple[Member, Floats]:
    """The member of a recipe, and its log-odds out of fold on the rows at `positions`."""
    horizon = max(1, round(recipe.horizon_share * sample.horizon_days))
    train = np.flatnonzero(sample.follow_up_days >= horizon)
    if recipe.is_newest_only:
        train = train[sample.days[train] == sample.days[train].max()]
    fitted = members.LEARNERS[recipe.learner](
        sample.take(train).within(horizon), fold[train], context
    )
    columns = [sample.features.index(name) for name in fitted.features]
    values = sample.values[positions][:, columns]
    margin = np.empty(len(positions))
    for number, predictor in enumerate(fitted.by_fold):
        outside = fold[positions] == number
        margin[outside] = predictor.margin(values[outside])
    member = Member(
        name=recipe.name,
        predictor=fitted.predictor,
        features=fitted.features,
        weight=recipe.weight,
    )
    return member, margin


def _calibrate(margin: Floats, labelled: TrainingSample) -> tuple[float, float]:
    """Slope from all rows, intercept from the newest day."""
    slope, _ = calibrate(margin, labelled, use_day_offset=True)
    newest = labelled.days == labelled.days.max()
    # Never quite 0 or 1: nobody is certain, and log-odds are finite.
    least = 0.5 / int(newest.sum())
    weights = labelled.weights[newest]
    rate = float(np.clip(np.average(labelled.churned[newest], weights=weights), least, 1 - least))
    return slope, seasonal.intercept_for(slope * margin[newest], rate, weights)


def _season(
    sample: TrainingSample, labelled: TrainingSample, blend: Blend, margin: Floats
) -> tuple[seasonal.Seasonal | None, dict[str, Any]]:
    """What is added to the newest labels' base rate, by time of the year.

    `margin` are the calibrated log-odds out of fold of the labelled rows.
    """
    if sample.volumes is None or sample.current is None or len(sample.current) == 0:
        return None, {}
    days = [int(day) for day in np.unique(labelled.days)]
    current = blend.margin(sample.current)
    newest = labelled.days == days[-1]
    orders = np.average(_orders(margin[newest]), weights=labelled.weights[newest])
    customers_each = (sample.current_count or len(current)) / len(current)
    explained = np.log(_orders(current).sum() * customers_each)
    explained -= np.log(orders * labelled.population(days[-1]))
    ahead = season_ahead(
        sample.volumes,
        lead_days=sample.lead_days,
        horizon_days=sample.horizon_days,
        reference_day=days[-1],
        known_until_day=sample.known_until_day,
        labelled={day: (_churn_rate(labelled, day), labelled.population(day)) for day in days},
        explained=float(explained),
    )
    if ahead is None:
        return None, {}
    log_odds = np.array(
        [seasonal.log_odds_of_shift(float(shift), current) for shift in ahead.shifts]
    )
    notes = {
        "season_belief": round(ahead.belief, 3),
        "season_growth": None if ahead.growth is None else round(ahead.growth, 3),
        "season_log_odds_first_day": round(float(log_odds[0]), 3),
    }
    return seasonal.Seasonal.of(ahead.days, log_odds), notes


def _churn_rate(labelled: TrainingSample, day: int) -> float:
    rows = labelled.days == day
    return float(np.average(labelled.churned[rows], weights=labelled.weights[rows]))


def _orders(margin: Floats) -> Floats:
    """Orders to expect of customers who buy at a steady rate, of their log-odds of no order."""
    return np.asarray(np.logaddexp(0.0, -margin))
