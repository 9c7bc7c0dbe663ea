"""Decisions with the probabilities that they were drawn by, and what each brought."""

from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Bools, Floats, Ints

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Decisions in the order in which they were made.

    Parameters
    ----------
    actions : array of int64, shape (n,)
        Column of the action that was drawn.
    rewards : array of float64, shape (n,)
        What each decision brought, in any unit; the window of every one has closed.
    propensities : array of float64, shape (n, n_actions)
        Probability of every action when it was drawn, 0 where it was not allowed; rows sum to 1.
        NaN where only that of the drawn action was logged.

    Raises
    ------
    ValueError
        Shapes differ, there is no decision, a reward is missing, a drawn action has no probability
        above 0, or a complete row does not sum to 1.
    """

    actions: Ints
    rewards: Floats
    propensities: Floats

    def __post_init__(self) -> None:
        n = len(self.actions)
        if n == 0 or self.rewards.shape != (n,) or self.propensities.shape[:1] != (n,):
            raise ValueError(
                f"The log has {n} actions, {len(self.rewards)} rewards and "
                f"{len(self.propensities)} rows of propensities; expected the same number, at "
                "least one."
            )
        if not np.isfinite(self.rewards).all():
            raise ValueError(
                f"{int((~np.isfinite(self.rewards)).sum())} of {n} rewards are missing; expected "
                "only decisions whose outcome window has closed."
            )
        if self.actions.min() < 0 or self.actions.max() >= self.propensities.shape[1]:
            raise ValueError(
                f"Actions are numbered {self.actions.min()} to {self.actions.max()}; expected "
                f"columns of the propensities, 0 to {self.propensities.shape[1] - 1}."
            )
        drawn = self.drawn_propensities
        wrong = ~((drawn > 0) & (drawn <= 1 + TOLERANCE))
        if self.is_complete:
            wrong |= (self.propensities < 0).any(axis=1)
            wrong |= np.abs(self.propensities.sum(axis=1) - 1) > TOLERANCE
        if wrong.any():
            raise ValueError(
                f"{int(wrong.sum())} of {n} decisions have no propensities that could have drawn "
                "them; expected numbers above 0 for the drawn action and a sum of 1 over all."
            )

    @property
    def is_complete(self) -> bool:
        """Whether the probabilities of all actions were logged."""
        return not bool(np.isnan(self.propensities).any())

    @property
    def drawn_propensities(self) -> Floats:
        """Probability of the drawn action, shape (n,)."""
        return np.asarray(self.propensities[np.arange(len(self.actions)), self.actions])

    def subset(self, rows: Bools) -> "Log":
        """The log of some decisions."""
        return Log(
            actions=self.actions[rows],
            rewards=self.rewards[rows],
            propensities=self.propensities[rows],
        )
