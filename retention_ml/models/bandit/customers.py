"""Whom to decide on, with what actions, and what each action brings in money."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Arms:
    """The actions; the first one is none.

    Parameters
    ----------
    names : tuple of str
    costs_cents : array of float64, shape (n_actions,)
        Cost of a contact; 0 for none.
    discount_shares : array of float64, shape (n_actions,)
        Share of the basket that is given away if an order follows; 0 for none.
    floors : array of float64, shape (n_actions,)
        Probability wished for, so that the effect stays measurable; it is cut where it would cost
        too much (`propensities.floors_of`).

    Raises
    ------
    ValueError
        There is nothing but none, lengths differ, none is not free, or a number is out of range.
    """

    names: tuple[str, ...]
    costs_cents: Floats
    discount_shares: Floats
    floors: Floats

    def __post_init__(self) -> None:
        n = len(self.names)
        columns = (self.costs_cents, self.discount_shares, self.floors)
        if n < 2 or len(set(self.names)) < n or any(each.shape != (n,) for each in columns):
            raise ValueError(
                f"The actions are {', '.join(self.names)}; expected none and at least one other, "
                "each once, with a cost, a discount and a floor."
            )
        if self.costs_cents[0] != 0 or self.discount_shares[0] != 0:
            raise ValueError(f"{self.names[0]} costs money; expected the first action to be none.")
        shares = np.concatenate([self.discount_shares, self.floors])
        if not (
            np.isfinite(self.costs_cents).all()
            and (self.costs_cents >= 0).all()
            and ((shares >= 0) & (shares < 1)).all()
        ):
            raise ValueError(
                "A cost is negative or missing, or a discount or floor is not within 0 and 1; "
                "correct the action files."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """What is known when it is decided, one row a customer.

    Parameters
    ----------
    features : array of float64, shape (n, k)
        What effects may depend on; NaN where missing.
    stages : array of int64, shape (n,)
        Number of the stage (a tier, say) that the customer is in, from 0.
    order_probabilities : array of float64, shape (n,)
        Forecast probability of an order in the outcome window if left alone.
    order_margins_cents : array of float64, shape (n,)
        Margin expected of an order, before any discount.
    baskets_cents : array of float64, shape (n,)
        Amount expected of an order: what a discount is a share of.
    allowed : array of bool, shape (n, n_actions)
        Actions the customer may get; none always.

    Raises
    ------
    ValueError
        Shapes differ, a probability is not within 0 and 1, money is negative or missing, or none
        is not allowed.
    """

    features: Floats
    stages: Ints
    order_probabilities: Floats
    order_margins_cents: Floats
    baskets_cents: Floats
    allowed: Bools

    def __post_init__(self) -> None:
        n = len(self.stages)
        columns = (self.order_probabilities, self.order_margins_cents, self.baskets_cents)
        if any(each.shape != (n,) for each in columns) or any(
            each.ndim != 2 or len(each) != n for each in (self.features, self.allowed)
        ):
            raise ValueError(
                f"There are {n} stages, and other columns are not of that length; expected one "
                "row a customer in each."
            )
        if not ((self.order_probabilities >= 0) & (self.order_probabilities <= 1)).all():
            raise ValueError(
                "An order probability is missing or not within 0 and 1; decide only on customers "
                "with scores of the day."
            )
        money = np.concatenate(columns[1:])
        if not (np.isfinite(money) & (money >= 0)).all():
            raise ValueError("A margin or basket is negative or missing; expected cents from 0 up.")
        if not self.allowed[:, 0].all():
            raise ValueError("None is not allowed for every customer; it always must be.")

    def __len__(self) -> int:
        """Number of customers."""
        return len(self.stages)

    def subset(self, rows: Bools) -> "Customers":
        """Some of the customers."""
        return Customers(
            features=self.features[rows],
            stages=self.stages[rows],
            order_probabilities=self.order_probabilities[rows],
            order_margins_cents=self.order_margins_cents[rows],
            baskets_cents=self.baskets_cents[rows],
            allowed=self.allowed[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedDecisions:
    """Decisions whose outcome window has closed and settled, in the order they were made.

    Parameters
    ----------
    customers : Customers
        As they were known at the decision.
    actions : array of int64, shape (n,)
        Column of the action drawn.
    propensities : array of float64, shape (n, n_actions)
        As logged, for all actions.
    ordered : array of float64, shape (n,)
        1.0 where an order followed in the window, 0.0 where not.
    decided_on : array of int64, shape (n,)
        Day number (`clock.day_number`) of the decision.
    """

    customers: Customers
    actions: Ints
    propensities: Floats
    ordered: Floats
    decided_on: Ints

    def __len__(self) -> int:
        """Number of decisions."""
        return len(self.actions)

    def subset(self, rows: Bools) -> "ClosedDecisions":
        """Some of the decisions."""
        return ClosedDecisions(
            customers=self.customers.subset(rows),
            actions=self.actions[rows],
            propensities=self.propensities[rows],
            ordered=self.ordered[rows],
            decided_on=self.decided_on[rows],
        )


def order_money_cents(arms: Arms, customers: Customers) -> Floats:
    """Money that an order leaves after each action's discount, shape (n, n_actions)."""
    discounts = arms.discount_shares * customers.baskets_cents[:, None]
    return np.asarray(customers.order_margins_cents[:, None] - discounts)


def money_cents(arms: Arms, customers: Customers, orders: Floats) -> Floats:
    """Money of each action, shape (n, n_actions), from orders or their probabilities.

    >>> arms = Arms(names=("none", "coupon"), costs_cents=np.array([0.0, 5.0]),
    ...             discount_shares=np.array([0.0, 0.1]), floors=np.zeros(2))
    >>> one = Customers(features=np.zeros((1, 0)), stages=np.array([0]),
    ...                 order_probabilities=np.array([0.5]), order_margins_cents=np.array([900.0]),
    ...                 baskets_cents=np.array([3000.0]), allowed=np.ones((1, 2), bool))
    >>> money_cents(arms, one, np.array([[0.5, 0.6]]))
    array([[450., 355.]])
    """
    return np.asarray(orders * order_money_cents(arms, customers) - arms.costs_cents)


def gains_cents(arms: Arms, customers: Customers, effects: Floats) -> Floats:
    """Expected money of each action over none, shape (…, n, n_actions).

    Parameters
    ----------
    effects : array of float64, shape (…, n, n_actions)
        Change in the probability of an order; 0 for none.
    """
    orders = customers.order_probabilities[:, None] + effects
    money = orders * order_money_cents(arms, customers) - arms.costs_cents
    return np.asarray(money - money[..., :1])


def concatenated(parts: Sequence[ClosedDecisions]) -> ClosedDecisions:
    """Several parts as one, in their order; at least one."""
    return ClosedDecisions(
        customers=Customers(
            features=np.concatenate([part.customers.features for part in parts]),
            stages=np.concatenate([part.customers.stages for part in parts]),
            order_probabilities=np.concatenate(
                [part.customers.order_probabilities for part in parts]
            ),
            order_margins_cents=np.concatenate(
                [part.customers.order_margins_cents for part in parts]
            ),
            baskets_cents=np.concatenate([part.customers.baskets_cents for part in parts]),
            allowed=np.concatenate([part.customers.allowed for part in parts]),
        ),
        actions=np.concatenate([part.actions for part in parts]),
        propensities=np.concatenate([part.propensities for part in parts]),
        ordered=np.concatenate([part.ordered for part in parts]),
        decided_on=np.concatenate([part.decided_on for part in parts]),
    )
