"""The ensemble: members that err differently, their log-odds averaged.

A member is one way to learn from one choice of rows and one length of outcome window. Shorter
windows let a member learn from newer days. Weights are fixed: learnt ones did not do better
(docs/quality.md). Calibration is learnt out of fold: the slopes, of each member and of the blend,
on all rows, the level on the newest labels, moved by what last year says about the season ahead.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from retention_ml.models.predictors import seasonal
from retention_ml.models.predictors.blend import Blend, Member
from retention_ml.models.predictors.buying_process import FEATURES as PROCESS_FEATURES
from retention_ml.models.predictors.predictor import Predictor
from retention_ml.models.training.candidates import members
from retention_ml.models.training.fitting import FittedModel, Params, calibrate
from retention_ml.models.training.sample import Rows, folds
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
    way : str
        How it learns: a function of `candidates.members`.
    weight : float
        Its share of the blend, relative to the others'.
    horizon_share : float
        Length of the outcome window that it learns, as a share of the whole.
    is_newest_only : bool
        Learns from the newest labelled day alone.
    """

    name: str
    way: str
    weight: float = 1.0
    horizon_share: float = 1.0
    is_newest_only: bool = False


RECIPES = (
    Recipe(name="boosted", way="boosted"),
    Recipe(name="boosted_two_thirds", way="boosted", horizon_share=2 / 3),
    Recipe(name="boosted_third", way="boosted", horizon_share=1 / 3),
    Recipe(name="boosted_newest", way="boosted", is_newest_only=True),
    Recipe(name="ridge", way="ridge"),
    Recipe(name="ridge_newest", way="ridge", is_newest_only=True),
    Recipe(name="buying_process", way="buying_process"),
)


# A member that says nearly the same of everybody is not blown up until it says something.
_SLOPE_MAX = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitted:
    """A member, and its log-odds out of fold on the rows judged."""

    recipe: Recipe
    predictor: Predictor
    features: tuple[str, ...]
    margin: Floats


def fit(
    rows: Rows,
    *,
    seed: int,
    threads: int,
    params: Params | None = None,  # noqa: ARG001
    trials: int = 0,  # noqa: ARG001
    seconds: float = 0.0,  # noqa: ARG001
    recipes: tuple[Recipe, ...] = RECIPES,
) -> FittedModel:
    """The blend of all members of `recipes` that these rows can carry, calibrated."""
    told = _telling(rows)
    fold = folds(told.groups, seed)
    judged = np.flatnonzero(told.followed >= told.horizon_days)
    known = told.take(judged)
    fitted = [
        _fitted(recipe, told, fold, judged, seed=seed, threads=threads)
        for recipe in recipes
        if recipe.way != "buying_process" or rows.histories is not None
    ]
    weights = np.array([one.recipe.weight for one in fitted])
    weights = weights / weights.sum()
    # A member that is too sure of itself, or not sure enough, is put right before the mean is taken.
    own = np.array([min(calibrate(m.margin, known, given_day=True)[0], _SLOPE_MAX) for m in fitted])
    margin = np.column_stack([one.margin for one in fitted]) @ (weights * own)
    slope, intercept = _calibrated(margin, known)
    newest = known.days == known.days.max()
    blended = [
        Member(
            name=one.recipe.name,
            predictor=one.predictor,
            features=one.features,
            weight=float(weight),
            slope=float(slope * own_slope),
        )
        for weight, own_slope, one in zip(weights, own, fitted, strict=True)
    ]
    blend = Blend(members=tuple(blended), features=told.features, intercept=intercept)
    season, notes = _season(told, known, blend, slope * margin[newest] + intercept)
    if season is not None and set(seasonal.FEATURES) <= set(rows.features):
        blended.append(
            Member(name="season", predictor=season, features=seasonal.FEATURES, weight=1.0)
        )
    used = {name for member in blended for name in member.features}
    features = tuple(name for name in rows.features if name in used)
    return FittedModel(
        predictor=Blend(members=tuple(blended), features=features, intercept=intercept),
        features=features,
        slope=1.0,
        intercept=0.0,
        notes={
            "members": ", ".join(one.recipe.name for one in fitted),
            "log_loss_out_of_fold": round(
                mean_log_loss(sigmoid(slope * margin + intercept), known.outcome, known.weights), 6
            ),
            **notes,
        },
    )


def _telling(rows: Rows) -> Rows:
    """The rows without features that are the same for everybody, and without the time of year.

    A few months of labels cannot tell seasons apart from anything else that changed with time;
    the season is added at the end, from a year of orders.
    """
    with np.errstate(invalid="ignore"):
        varies = np.nanmax(rows.values, axis=0, initial=-np.inf) > np.nanmin(
            rows.values, axis=0, initial=np.inf
        )
    partly = np.isnan(rows.values).any(axis=0) & ~np.isnan(rows.values).all(axis=0)
    return rows.only(
        tuple(
            name
            for name, tells in zip(rows.features, varies | partly, strict=True)
            if (tells or name in PROCESS_FEATURES) and name not in seasonal.FEATURES
        )
    )


def _fitted(
    recipe: Recipe, rows: Rows, fold: Ints, judged: Ints, *, seed: int, threads: int
) -> _Fitted:
    horizon = max(1, round(recipe.horizon_share * rows.horizon_days))
    learnt = np.flatnonzero(rows.followed >= horizon)
    if recipe.is_newest_only:
        learnt = learnt[rows.days[learnt] == rows.days[learnt].max()]
    member = members.WAYS[recipe.way](
        rows.take(learnt).within(horizon), fold[learnt], seed=seed, threads=threads
    )
    columns = [rows.features.index(name) for name in member.features]
    values = rows.values[judged][:, columns]
    margin = np.empty(len(judged))
    for number, predictor in enumerate(member.by_fold):
        outside = fold[judged] == number
        margin[outside] = predictor.margin(values[outside])
    return _Fitted(
        recipe=recipe, predictor=member.predictor, features=member.features, margin=margin
    )


def _calibrated(margin: Floats, known: Rows) -> tuple[float, float]:
    """Slope from all rows, level from the newest day."""
    slope, _ = calibrate(margin, known, given_day=True)
    newest = known.days == known.days.max()
    # Never quite 0 or 1: nobody is certain, and log-odds are finite.
    ends = 0.5 / int(newest.sum())
    rate = float(np.clip(known.outcome[newest].mean(), ends, 1 - ends))
    return slope, seasonal.level(slope * margin[newest], rate)


def _season(
    rows: Rows, known: Rows, blend: Blend, margin: Floats
) -> tuple[seasonal.Seasonal | None, dict[str, Any]]:
    """What is added to the newest labels' level, by time of the year.

    `margin` are the calibrated log-odds out of fold of the newest labelled day's customers.
    """
    if rows.volumes is None or rows.current is None or len(rows.current) == 0:
        return None, {}
    days = [int(day) for day in np.unique(known.days)]
    current = blend.margin(rows.current)
    explained = np.log(_orders(current).sum()) - np.log(
        _orders(margin).mean() * known.population(days[-1])
    )
    ahead = season_ahead(
        rows.volumes,
        lead_days=rows.lead_days,
        horizon_days=rows.horizon_days,
        reference_day=days[-1],
        known_until_day=rows.known_until_day,
        labelled={
            day: (float(known.outcome[known.days == day].mean()), known.population(day))
            for day in days
        },
        explained=float(explained),
    )
    if ahead is None:
        return None, {}
    heights = np.array([seasonal.height_of(float(shift), current) for shift in ahead.shifts])
    notes = {
        "season_belief": round(ahead.belief, 3),
        "season_growth": None if ahead.growth is None else round(ahead.growth, 3),
        "season_log_odds_first_day": round(float(heights[0]), 3),
    }
    return seasonal.Seasonal.of(ahead.days, heights), notes


def _orders(margin: Floats) -> Floats:
    """Orders to expect of customers who buy at a steady rate, of their log-odds of no order."""
    return np.asarray(np.logaddexp(0.0, -margin))
