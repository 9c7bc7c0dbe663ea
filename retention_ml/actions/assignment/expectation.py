"""What each action is expected to bring by the policy in force: by rule, on average, or by models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml.actions.assignment.eligibility import Customers
from retention_ml.actions.assignment.policies import BANDIT, RULE, Policy
from retention_ml.actions.assignment.rule import Expected, by_rule, cost_cents
from retention_ml.actions.catalogue.action import Action
from retention_ml.actions.effects.bandit import NAMES, arms_of, bandit_customers, stages_of
from retention_ml.actions.effects.bundles import load_bundle
from retention_ml.actions.effects.features import EFFECT_FEATURES, load_values
from retention_ml.clock import day_number
from retention_ml.errors import UnfitModel
from retention_ml.models.bandit.bandit import decide
from retention_ml.models.bandit.bundle import BanditBundle
from retention_ml.models.uplift.bundle import UpliftBundle
from retention_ml.scores.tiers import TIERS
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.warehouse import Warehouse

_CHURN_MIN = 0.01  # as where the value at risk is turned into the value of a customer retained


def load_effects(
    warehouse: Warehouse,
    settings: Settings,
    policy: Policy,
    *,
    as_of: date,
    customer_ids: Sequence[str],
    actions: Sequence[Action],
) -> tuple[Floats, Floats] | None:
    """What the policy's models promise to each customer, and how much of them is believed.

    Returns
    -------
    effects : array of float64, shape (n, k)
        NaN for actions without a model.
    slopes : array of float64, shape (k,)
        NaN likewise.

    None where the policy has no model.

    Raises
    ------
    UnfitModel
        A model is not there, was changed, or reads what this version does not compute.
    """
    models = _models(warehouse, policy)
    if not models:
        return None
    rows = _customer_rows(as_of, customer_ids)
    values = load_values(warehouse, settings, rows, effect_days=policy.parameters["effect_days"])
    effects = np.full((len(customer_ids), len(actions)), np.nan)
    slopes = np.full(len(actions), np.nan)
    for place, action in enumerate(actions):
        model = models.get(action.action_id)
        if model is not None:
            effects[:, place] = model.effect(values[:, _columns(model)])
            slopes[place] = model.believed
    return effects, slopes


def expected_by(
    policy: Policy,
    customers: Customers,
    actions: Sequence[Action],
    promised: tuple[Floats, Floats] | None,
    *,
    minor_units: int,
) -> Expected:
    """What each action is expected to bring.

    Parameters
    ----------
    promised : tuple of arrays or None
        Of `load_effects`.
    """
    parameters = policy.parameters
    assumed = float(parameters.get("save_rate", 0.0))
    if policy.kind == RULE:
        rates = parameters.get("save_rates", {})
        return by_rule(
            customers,
            actions,
            save_rates=[float(rates.get(action.action_id, assumed)) for action in actions],
            is_measured=bool(parameters.get("is_measured", False)),
            minor_units=minor_units,
        )
    stated: Mapping[str, Mapping[str, Any]] = parameters["actions"]
    n, k = len(customers.customer_ids), len(actions)
    models, slopes = promised or (np.full((n, k), np.nan), np.full(k, np.nan))
    effects = np.empty((n, k))
    can_choose = np.zeros(k, dtype=np.bool_)
    for place, action in enumerate(actions):
        of_action = stated.get(action.action_id, {})
        can_choose[place] = bool(of_action.get("can_choose", False))
        average = of_action.get("effect")
        by_save_rate = assumed * customers.churn_probability
        effects[:, place] = by_save_rate if average is None else float(average)
    effects = np.where(np.isnan(models), effects, models)
    can_choose[0] = True
    return by_effect(
        customers,
        actions,
        effects=effects,
        slopes=slopes,
        can_choose=can_choose,
        minor_units=minor_units,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBandit:
    """A bandit and what it reads of the customers of a day.

    Parameters
    ----------
    values : array of float64, shape (n, m)
        Columns of `EFFECT_FEATURES`.
    day : int
        Days since 1970-01-01; with the state's seed it decides the draws.
    """

    bundle: BanditBundle
    values: Floats
    day: int


def load_day_bandit(
    warehouse: Warehouse,
    settings: Settings,
    policy: Policy,
    *,
    as_of: date,
    customer_ids: Sequence[str],
) -> DayBandit | None:
    """The policy's bandit with what it reads of the customers; None where it has none.

    Raises
    ------
    UnfitModel
        It is not there, was changed, or reads what this version does not compute.
    """
    if policy.kind != BANDIT:
        return None
    with warehouse.transaction() as transaction:
        bundle = load_bundle(
            transaction, str(policy.parameters["bandit"]["bundle_sha256"]), BanditBundle
        )
    state = bundle.state
    if state.features != NAMES or state.stages != TIERS:
        raise UnfitModel(
            f"The bandit of {policy.policy_id} reads other features or tiers than this version of "
            "the library. Train anew: `retention policies train`."
        )
    values = load_values(
        warehouse,
        settings,
        _customer_rows(as_of, customer_ids),
        effect_days=policy.parameters["effect_days"],
    )
    return DayBandit(bundle=bundle, values=values, day=day_number(as_of))


def by_bandit(
    bandit: DayBandit,
    customers: Customers,
    actions: Sequence[Action],
    allowed: Bools,
    *,
    minor_units: int,
) -> Expected:
    """What the bandit expects of each action, and with what probability it draws it.

    An action that the bandit does not know is not drawn: the next training takes it in.

    Parameters
    ----------
    allowed : array of bool, shape (n, k)
        Actions that each customer may get; `none` always.
    """
    state = bandit.bundle.state
    names = [action.action_id for action in actions]
    arms = arms_of(
        actions, state.actions, minor_units=minor_units, explore_share=bandit.bundle.explore_share
    )
    places = [names.index(name) if name in names else -1 for name in state.actions]
    may = np.column_stack(
        [allowed[:, place] & (place >= 0) for place in places]  # gone actions are never drawn
    )
    known_customers = bandit_customers(
        bandit.values,
        stages=stages_of(customers.tier.tolist()),
        churn_probability=customers.churn_probability,
        retained_cents=_retained_cents(customers),
        allowed=may,
    )
    day = decide(state, arms, known_customers, parameters=bandit.bundle.parameters, day=bandit.day)
    effects = np.zeros(allowed.shape)
    propensities = np.zeros(allowed.shape)
    for column, place in enumerate(places):
        if place >= 0:
            effects[:, place] = day.effects[:, column]
            propensities[:, place] = day.propensities[:, column]
    can_choose = np.arange(len(actions)) == 0
    expected = by_effect(
        customers,
        actions,
        effects=effects,
        slopes=np.full(len(actions), np.nan),
        can_choose=can_choose,
        minor_units=minor_units,
    )
    return replace(expected, propensities=propensities)


def by_effect(
    customers: Customers,
    actions: Sequence[Action],
    *,
    effects: Floats,
    slopes: Floats,
    can_choose: Bools,
    minor_units: int,
) -> Expected:
    """Effect x value if retained - cost.

    Parameters
    ----------
    effects : array of float64, shape (n, k)
        Change of the probability of an order; a probability stays one.
    slopes : array of float64, shape (k,)
        How much of an effect model is believed; NaN without one.
    can_choose : array of bool, shape (k,)
        Whose effect is proven; others are only drawn by lot.
    """
    churn = customers.churn_probability[:, None]
    effect = np.clip(effects, churn - 1, churn)
    effect[:, 0] = 0.0
    cost = cost_cents(customers, actions, np.clip(1 - churn + effect, 0, 1), minor_units)
    margin = effect * _retained_cents(customers)[:, None] - cost
    margin[:, 0] = 0.0
    return Expected(
        effect=effect,
        cost_cents=cost,
        margin_cents=margin,
        slope=slopes,
        is_measured=True,
        can_choose=can_choose,
    )


def _retained_cents(customers: Customers) -> Floats:
    """What a customer retained is worth, shape (n,)."""
    churn = np.maximum(customers.churn_probability, _CHURN_MIN)
    return np.asarray(customers.value_cents / churn)


def _customer_rows(as_of: date, customer_ids: Sequence[str]) -> pa.Table:
    return pa.table(
        {
            "as_of": pa.array([as_of] * len(customer_ids), pa.date32()),
            "customer_id": pa.chunked_array([pa.array(customer_ids, pa.string())]),
        }
    )


def _models(warehouse: Warehouse, policy: Policy) -> dict[str, UpliftBundle]:
    """The models of a policy by action."""
    stated = policy.parameters.get("actions", {})
    digests = {
        name: one["bundle_sha256"] for name, one in stated.items() if one.get("bundle_sha256")
    }
    if not digests:
        return {}
    with warehouse.transaction() as transaction:
        return {
            name: load_bundle(transaction, sha256, UpliftBundle) for name, sha256 in digests.items()
        }


def _columns(model: UpliftBundle) -> list[int]:
    places = {name: place for place, name in enumerate(EFFECT_FEATURES)}
    unknown = sorted(set(model.features) - set(places))
    if unknown:
        raise UnfitModel(
            f"The effect model of {model.meaning.get('action')} reads {unknown[0]}, which this "
            "version of the library does not compute. Train anew: `retention policies train`."
        )
    return [places[name] for name in model.features]
