"""A bandit's three steps: begin, decide, learn from decisions whose window has closed."""

from dataclasses import dataclass, replace

import numpy as np

from retention_ml.models.bandit.customers import Arms, ClosedDecisions, Customers, gains_cents
from retention_ml.models.bandit.posterior import design_of, prior, updated
from retention_ml.models.bandit.propensities import best_shares, floors_of, with_floors
from retention_ml.models.bandit.retirement import hopeless, upper_gains
from retention_ml.models.bandit.state import BanditState
from retention_ml.statistics.arrays import Bools, Floats

DRAWS_MIN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How carefully the bandit explores, in units of probability and cents.

    Attributes
    ----------
    floor : float
        Least probability of an action that is allowed and not retired: one decision then stands
        for 1 / `floor` others at most.
    floor_cost_cents : float
        What a higher floor may cost a decision, in expected money.
    effect_sd : float
        Spread of mean effects on the probability of an order that is expected beforehand.
    exploration : float
        Share of the posterior's spread from which effects are drawn. 1 is Thompson sampling; less
        earns sooner and learns less.
    retire_share : float
        An action is retired in a stage when it could still pay for fewer of its customers.
    draws : int
        Draws of the posterior by which propensities are computed; at least 1,000.
    """

    floor: float = 0.01
    floor_cost_cents: float = 0.2
    effect_sd: float = 0.05
    exploration: float = 1.0
    retire_share: float = 0.02
    draws: int = DRAWS_MIN

    def __post_init__(self) -> None:
        if self.draws < DRAWS_MIN:
            raise ValueError(
                f"Propensities of {self.draws} draws are too coarse; expected {DRAWS_MIN} at least."
            )
        if not (0 < self.floor <= 0.25 and self.effect_sd > 0 and self.floor_cost_cents >= 0):
            raise ValueError(
                f"The floor is {self.floor}, the spread of effects {self.effect_sd} and the cost "
                f"of a floor {self.floor_cost_cents}; expected a floor above 0 and at most 0.25, "
                "a spread above 0 and a cost of 0 or more."
            )
        if not 0 < self.exploration <= 1:
            raise ValueError(
                f"The exploration is {self.exploration}; expected more than 0 and at most 1."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Probabilities of the actions for each customer, to be drawn from and logged.

    Attributes
    ----------
    propensities : array of float64, shape (n, n_actions)
        0 where an action is not allowed or is retired; rows sum to 1.
    expected_gains_cents : array of float64, shape (n, n_actions)
        Expected money over none.
    effects : array of float64, shape (n, n_actions)
        Expected change of the probability of an order; 0 for none.
    """

    propensities: Floats
    expected_gains_cents: Floats
    effects: Floats


def begin(
    arms: Arms,
    customers: Customers,
    *,
    stages: tuple[str, ...],
    features: tuple[str, ...],
    parameters: Parameters,
    day: int,
    seed: int,
) -> BanditState:
    """A bandit that knows nothing; its scales are those of the first customers.

    Parameters
    ----------
    day : int
        Day number of the first decisions.
    """
    if parameters.floor * len(arms.names) > 0.5:
        raise ValueError(
            f"{len(arms.names)} actions with a floor of {parameters.floor} take more than half of "
            "all decisions; lower the floor or the number of actions."
        )
    if customers.features.shape[1] != len(features):
        raise ValueError(
            f"There are {customers.features.shape[1]} columns and {len(features)} names of "
            "features; expected the same number."
        )
    design = design_of(customers, len(stages))
    return BanditState(
        actions=arms.names,
        stages=stages,
        features=features,
        design=design,
        posterior=prior(len(arms.names), design, parameters.effect_sd),
        retired=np.zeros((len(stages), len(arms.names)), dtype=np.bool_),
        closed_until=day,
        decisions_count=0,
        seed=seed,
    )


def decide(
    state: BanditState, arms: Arms, customers: Customers, *, parameters: Parameters, day: int
) -> Proposal:
    """Probabilities of the actions on a day; equal for equal state, customers and day.

    Raises
    ------
    ValueError
        The actions are not those with which the bandit began.
    """
    _require_actions(state, arms)
    base = state.design.columns(customers.features, customers.stages)
    n_actions = len(arms.names)
    mean, covariance = state.posterior.effects(n_actions)
    rng = np.random.default_rng([state.seed, day])
    root = parameters.exploration * np.linalg.cholesky(covariance)
    deviations = rng.standard_normal((parameters.draws, len(root))) @ root.T
    effect_draws = mean + deviations.reshape(parameters.draws, *mean.shape)
    allowed = _active(state, customers)
    effects = _effects(base, mean)
    gains = gains_cents(arms, customers, effects)
    shares = best_shares(arms, customers, base, effect_draws, allowed)
    floors = floors_of(
        arms,
        gains,
        allowed,
        floor=parameters.floor,
        floor_cost_cents=parameters.floor_cost_cents,
    )
    return Proposal(
        propensities=with_floors(shares, floors), expected_gains_cents=gains, effects=effects
    )


def learn(
    state: BanditState,
    arms: Arms,
    decisions: ClosedDecisions,
    *,
    parameters: Parameters,
    closed_until: int,
) -> BanditState:
    """The state after all decisions made before a day are counted, each once.

    Decisions that the state holds already are left out, so that a second run changes nothing.

    Parameters
    ----------
    decisions : ClosedDecisions
        All those, or at least the ones not counted yet; of other days too.
    closed_until : int
        Day number: every decision made before it has an outcome that is settled. An earlier day
        than the state's changes nothing.
    """
    _require_actions(state, arms)
    fresh = (decisions.decided_on >= state.closed_until) & (decisions.decided_on < closed_until)
    if closed_until <= state.closed_until:
        return state
    if not fresh.any():
        return replace(state, closed_until=closed_until)
    batch = decisions.subset(fresh)
    posterior = updated(state.posterior, state.design, batch)
    mean, covariance = posterior.effects(len(arms.names))
    base = state.design.columns(batch.customers.features, batch.customers.stages)
    upper = upper_gains(arms, batch.customers, base, mean, covariance)
    retired = hopeless(
        batch.customers,
        upper,
        stages_count=len(state.stages),
        share_min=parameters.retire_share,
    )
    return replace(
        state,
        posterior=posterior,
        retired=state.retired | retired,
        closed_until=closed_until,
        decisions_count=state.decisions_count + len(batch),
    )


def _effects(base: Floats, mean: Floats) -> Floats:
    return np.hstack([np.zeros((len(base), 1)), base @ mean.T])


def _active(state: BanditState, customers: Customers) -> Bools:
    return np.asarray(customers.allowed & ~state.retired[customers.stages])


def _require_actions(state: BanditState, arms: Arms) -> None:
    if state.actions != arms.names:
        raise ValueError(
            f"The actions are {', '.join(arms.names)}; the bandit began with "
            f"{', '.join(state.actions)}. Begin a new one where the catalogue has changed."
        )
