"""What actions do to customers: effects by action and kind of customer, in worlds to choose from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from retention_ml.errors import UsageError
from retention_ml.simulate.population import TYPES
from retention_ml.simulate.seasons import Floats, Integers

NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One action: what it costs, and how each kind of customer answers to it.

    Parameters
    ----------
    action_id : str
        Its name in the shop's catalogue of actions.
    cost_cents : float
        Of one contact.
    discount_share : float
        Off the first order that is placed while the action works, in [0, 1).
    effect_days : int
        How many days it works. A newer contact takes the place of an older one.
    multipliers : tuple of float
        What it does to the rate of ordering while it works, by `population.TYPES`.
    withdrawal_shares : tuple of float
        The probability that a contact makes the customer withdraw permission, likewise.
    """

    action_id: str
    cost_cents: float
    discount_share: float
    effect_days: int
    multipliers: tuple[float, ...]
    withdrawal_shares: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A catalogue of actions and how customers answer; doing nothing is action 0."""

    name: str
    responses: tuple[Response, ...]

    @property
    def action_ids(self) -> tuple[str, ...]:
        """`none` and the others; their places are the indices that everything else uses."""
        return (NONE, *(each.action_id for each in self.responses))

    @property
    def multipliers(self) -> Floats:
        """By action and kind of customer, shape (actions, 4); 1 for `none`."""
        return np.array([[1.0] * len(TYPES), *(each.multipliers for each in self.responses)])

    @property
    def withdrawal_shares(self) -> Floats:
        """By action and kind of customer, shape (actions, 4); 0 for `none`."""
        return np.array([[0.0] * len(TYPES), *(each.withdrawal_shares for each in self.responses)])

    @property
    def effect_days(self) -> Integers:
        """By action, shape (actions,); 0 for `none`."""
        return np.array([0, *(each.effect_days for each in self.responses)], dtype=np.int64)

    @property
    def cost_cents(self) -> Floats:
        """Of a contact by action, shape (actions,); 0 for `none`."""
        return np.array([0.0, *(each.cost_cents for each in self.responses)])

    @property
    def discount_shares(self) -> Floats:
        """By action, shape (actions,); 0 for `none`."""
        return np.array([0.0, *(each.discount_share for each in self.responses)])

    def only(self, *action_ids: str) -> Self:
        """The same world with these actions and `none`.

        Raises
        ------
        UsageError
            If it has no such action.
        """
        for action_id in action_ids:
            if action_id not in self.action_ids:
                raise UsageError(
                    f"The world {self.name} has no action {action_id!r}; "
                    f"expected one of {', '.join(self.action_ids)}."
                )
        return replace(
            self, responses=tuple(each for each in self.responses if each.action_id in action_ids)
        )


def _world(name: str, multipliers: Mapping[str, tuple[float, ...]]) -> World:
    # Persuadable, sure thing, lost cause, do not disturb: the last withdraw most often.
    terms = {"email": (50.0, 0.0), "coupon": (50.0, 0.10), "recommendation": (50.0, 0.0)}
    return World(
        name=name,
        responses=tuple(
            Response(
                action_id=action_id,
                cost_cents=cost_cents,
                discount_share=discount_share,
                effect_days=14,
                multipliers=multipliers[action_id],
                withdrawal_shares=(0.002, 0.002, 0.005, 0.03),
            )
            for action_id, (cost_cents, discount_share) in terms.items()
        ),
    )


FOUR_TYPES = _world(
    "four_types",
    {
        # As the campaigns of `retention simulate`.
        "email": tuple(each.contact_multiplier for each in TYPES),
        "coupon": (2.8, 1.1, 2.0, 0.8),
        "recommendation": (1.5, 1.2, 1.0, 1.0),
    },
)
NO_EFFECT = _world(
    "no_effect", dict.fromkeys(("email", "coupon", "recommendation"), (1.0, 1.0, 1.0, 1.0))
)
HARM = _world(
    "harm",
    {
        "email": (0.9, 0.9, 1.0, 0.4),
        "coupon": (0.9, 1.0, 1.0, 0.6),
        "recommendation": (0.9, 0.9, 1.0, 0.7),
    },
)
SAME_EFFECT = _world(
    "same_effect", dict.fromkeys(("email", "coupon", "recommendation"), (1.25, 1.25, 1.25, 1.25))
)
WORLDS = {world.name: world for world in (FOUR_TYPES, NO_EFFECT, HARM, SAME_EFFECT)}


def world_named(name: str) -> World:
    """One of `WORLDS`.

    Raises
    ------
    UsageError
        There is no such world.
    """
    if name not in WORLDS:
        raise UsageError(f"There is no world {name!r}; expected one of {', '.join(WORLDS)}.")
    return WORLDS[name]
