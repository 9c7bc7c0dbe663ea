"""One action for each customer of a day and the probability of every action: arrays in and out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from retention_ml.actions.assignment.budget import choose
from retention_ml.actions.assignment.eligibility import Texts
from retention_ml.actions.assignment.experiment_lots import ExperimentLots
from retention_ml.actions.assignment.exploration import Exploration, draw_by, explore
from retention_ml.actions.assignment.rule import Expected
from retention_ml.statistics.arrays import Bools, Floats, Ints

_EXPLORED_BUDGET = 0.5
"""Largest part of the budget that goes by lot once effects are measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided; n rows in the order of the customers.

    Parameters
    ----------
    action : array of int64, shape (n,)
        Place of the action, 0 for `none`.
    propensity : array of float64, shape (n,)
        Probability of that action before the lot was drawn, above 0.
    propensities : pa.DictionaryArray of JSON text, length n
        The same of every allowed action, by name.
    reason : array of object, shape (n,)
        Why a customer could get no action; None where they could, or are in the holdout.
    experiment_id : array of object, shape (n,)
        The experiment that drew the action; None where none did.
    lots : array of float64, shape (n,)
        The number drawn.
    is_holdout, is_explored, is_capped : array of bool, shape (n,)
        In the holdout; drawn by lot; at or behind a limit, so that the propensity is no evidence.
    money_price : float
        What a further unit of money would have brought, above itself.
    explore_share : float
        Probability with which a customer was drawn by lot.
    """

    action: Ints
    propensity: Floats
    propensities: pa.DictionaryArray
    reason: Texts
    experiment_id: Texts
    lots: Floats
    is_holdout: Bools
    is_explored: Bools
    is_capped: Bools
    money_price: float
    explore_share: float


def decide(
    names: Sequence[str],
    allowed: Bools,
    reason: Texts,
    expected: Expected,
    *,
    is_holdout: Bools,
    experiments: ExperimentLots,
    lots: Floats,
    places: Floats,
    explore_share: float,
    budget_cents: float,
    quotas: Floats,
) -> Decision:
    """Draw by lot whose action is explored, choose those of all others, and say how probable each was.

    What experiments draw goes before, and uses up budget and quotas. The holdout gets nothing and
    uses nothing up. As long as effects are not measured, nobody is chosen: what is drawn by lot is
    all that is done.

    Parameters
    ----------
    names : sequence of str, length k
        The actions; `none` first.
    allowed : array of bool, shape (n, k)
    reason : array of object, shape (n,)
        Of `eligibility.eligible`.
    experiments : ExperimentLots
        What open experiments draw.
    lots, places : array of float64, shape (n,)
        Two independent places in [0, 1).
    explore_share : float
        Probability of being drawn by lot.
    budget_cents : float
        Above 0.
    quotas : array of float64, shape (k,)
        Contacts left by action; infinite without a limit.
    """
    takes_part = experiments.takes_part
    experiment_cost = expected.cost_cents[np.arange(len(allowed)), experiments.action]
    budget_cents = max(0.0, budget_cents - float(experiment_cost.sum()))
    quotas = quotas - np.bincount(experiments.action[takes_part], minlength=len(names))
    open_to = allowed & ~(is_holdout | takes_part)[:, None]
    open_to[:, 0] = True
    could = reason == None  # noqa: E711  (elementwise)
    decides = could & ~is_holdout & ~takes_part
    reason = reason.copy()
    by_bandit: Floats | None = None
    if expected.propensities is not None:
        by_bandit = np.where(open_to, expected.propensities, 0.0)
        by_bandit[:, 0] = 1 - by_bandit[:, 1:].sum(axis=1)
        reason[decides & ~(by_bandit[:, 1:] > 0).any(axis=1)] = "no_gain"  # all were given up
        could = reason == None  # noqa: E711  (elementwise)
        decides &= could
        drawn, by_bandit = draw_by(
            by_bandit,
            expected.margin_cents,
            expected.cost_cents,
            lots=lots,
            places=places,
            budget_cents=budget_cents,
            quotas=quotas,
        )
    else:
        drawn = explore(
            open_to,
            expected.cost_cents,
            lots=lots,
            places=places,
            share=explore_share,
            budget_cents=budget_cents * (_EXPLORED_BUDGET if expected.is_measured else 1.0),
            quotas=quotas,
        )
    margin = np.where(open_to, expected.margin_cents, -np.inf)
    margin[:, 0] = 0.0
    if not expected.is_measured or by_bandit is not None:
        margin[:, 1:] = -np.inf
    elif expected.can_choose is not None:
        margin[:, ~expected.can_choose] = -np.inf
    choice = choose(
        margin, expected.cost_cents, drawn, places=places, budget_cents=budget_cents, quotas=quotas
    )
    action = np.where(drawn.is_explored, drawn.action, choice.action)
    idle = decides & (choice.action == 0) & (drawn.share == 0)
    reason[idle & (margin[:, 1:] > 0).any(axis=1)] = "budget"
    reason[idle & ~(margin[:, 1:] > 0).any(axis=1)] = "no_gain"
    limited = (drawn.share > 0) & ~drawn.is_open
    if by_bandit is None:
        probability, texts = _propensities(names, open_to, drawn, choice.action, action)
    else:
        probability, texts = _logged(names, open_to, by_bandit, action)
    action = np.where(takes_part, experiments.action, action)
    probability, texts = _with_experiments(names, experiments, probability, texts)
    return Decision(
        action=action,
        propensity=probability,
        propensities=texts,
        reason=reason,
        experiment_id=experiments.experiment_id,
        lots=np.where(takes_part, experiments.lots, lots),
        is_holdout=is_holdout & could,
        is_explored=drawn.is_explored | takes_part,
        is_capped=(limited | drawn.is_marginal | choice.is_marginal) & decides,
        money_price=choice.money_price,
        explore_share=drawn.share,
    )


def _propensities(
    names: Sequence[str], allowed: Bools, drawn: Exploration, chosen: Ints, action: Ints
) -> tuple[Floats, pa.DictionaryArray]:
    """The probability of each customer's action, and of all that are allowed as JSON text.

    There are few different ones: by what is allowed, what is chosen and whether a lot is drawn.
    """
    k = len(names)
    weights = 1 << np.arange(k)
    bits = (allowed * weights).sum(axis=1) * (1 << k) + (drawn.can_draw * weights).sum(axis=1)
    patterns, pattern = np.unique((bits * k + chosen) * 2 + drawn.is_open, return_inverse=True)
    table = np.zeros((len(patterns), k))
    texts = []
    for number, packed in enumerate(patterns.tolist()):
        packed, is_open = divmod(packed, 2)
        packed, best = divmod(packed, k)
        packed, drawable = divmod(packed, 1 << k)
        mask, can_draw = (
            np.array([bool(each >> place & 1) for place in range(k)]) for each in (packed, drawable)
        )
        share = drawn.share if is_open else 0.0
        table[number] = np.where(can_draw, share / mask.sum(), 0.0)
        table[number, 0] += share * (mask & ~can_draw).sum() / mask.sum()
        table[number, best] += 1 - share
        texts.append(
            json.dumps(
                {
                    name: p
                    for name, p, m in zip(names, table[number].tolist(), mask, strict=True)
                    if m
                }
            )
        )
    return (
        table[pattern, action],
        pa.DictionaryArray.from_arrays(pa.array(pattern.astype(np.int32)), pa.array(texts)),
    )


def _logged(
    names: Sequence[str], allowed: Bools, propensities: Floats, action: Ints
) -> tuple[Floats, pa.DictionaryArray]:
    """The same of probabilities that differ by customer."""
    rows = np.where(allowed, propensities, -1.0)
    patterns, pattern = np.unique(rows, axis=0, return_inverse=True)
    texts = [
        json.dumps({name: p for name, p in zip(names, row, strict=True) if p >= 0})
        for row in patterns.tolist()
    ]
    return (
        propensities[np.arange(len(action)), action],
        pa.DictionaryArray.from_arrays(
            pa.array(pattern.reshape(-1).astype(np.int32)), pa.array(texts)
        ),
    )


def _with_experiments(
    names: Sequence[str],
    experiments: ExperimentLots,
    probability: Floats,
    texts: pa.DictionaryArray,
) -> tuple[Floats, pa.DictionaryArray]:
    """The same, with the shares of the arms where an experiment drew."""
    if not experiments.shares:
        return probability, texts
    probability = probability.copy()
    pattern = np.asarray(texts.indices.to_numpy()).copy()
    patterns = texts.dictionary.to_pylist()
    for experiment_id, shares in experiments.shares.items():
        rows = experiments.experiment_id == experiment_id
        share = np.array([shares.get(name, 0.0) for name in names])
        probability[rows] = share[experiments.action[rows]]
        pattern[rows] = len(patterns)
        patterns.append(json.dumps({name: shares[name] for name in names if name in shares}))
    return probability, pa.DictionaryArray.from_arrays(pa.array(pattern), pa.array(patterns))
