"""How well a log values another policy: `python -m benchmarks.off_policy`.

Simulated logs of a bandit, where the truth is known: bias, error and coverage of IPS, SNIPS and DR
with the logged propensities, with 1/K and with each arm's share in their place, and how often the
balance test refuses them. Beside them DR with the true chances of an order in place of the outcome
model: no model can make DR err less. Real logs (Open Bandit, men, in `RETENTION_DATA_DIR/open_bandit_small`):
errors against what the other policy's log brought.
"""

import argparse
import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.bandit import ARMS, DAYS, stream
from benchmarks.bandit_world import ACTIONS, COSTS, Decisions, decisions
from benchmarks.open_bandit import errors
from retention_ml.models.bandit.choice import evaluation_features, money_log, money_predictions
from retention_ml.models.bandit.customers import ClosedDecisions, concatenated
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.off_policy.balance import balance
from retention_ml.statistics.off_policy.estimators import (
    always,
    doubly_robust,
    inverse_propensity,
    self_normalized,
)

PER_DAY = 150
TARGETS = ("best linear rule", "recommendation for all", "uniform")
PROPENSITIES = ("logged", "1/K", "share of the arm")
ESTIMATORS = ("IPS", "SNIPS", "DR", "DR, true chances")
_REFUSED = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One log: errors (estimate minus truth) and whether the interval covers it, by
    propensities, target and estimator; and the p-value of the balance test by propensities."""

    errors: dict[tuple[str, str, str], float]
    is_covered: dict[tuple[str, str, str], bool]
    balance_p: dict[str, float]


@cache
def _linear_effects() -> Floats:
    """Best linear approximation of the true effects, shape (columns, n_actions)."""
    sample = decisions(np.random.default_rng(123), 200_000)
    effects = sample.order_probabilities - sample.order_probabilities[:, :1]
    return np.asarray(np.linalg.lstsq(_columns(sample), effects, rcond=None)[0])


def linear_rule(truth: Decisions) -> Floats:
    """Probabilities of the best rule whose effects are linear in what is known."""
    expected = truth.scores[:, None] + _columns(truth) @ _linear_effects()
    best = (expected * truth.order_margins - COSTS).argmax(axis=1)
    return np.asarray(np.eye(len(ACTIONS))[best])


def _columns(truth: Decisions) -> Floats:
    return np.column_stack([np.eye(4)[truth.stages], truth.features])


def run(seed: int, *, per_day: int = PER_DAY, days: int = DAYS) -> Run:
    """A bandit's log, and what it says of three other policies."""
    history = [day for day, _ in stream(seed, per_day=per_day, days=days)]
    logged = concatenated([day.log for day in history])
    log, predictions = money_log(ARMS, logged), money_predictions(ARMS, logged)
    rules = np.concatenate([linear_rule(day.truth) for day in history])
    true_money = np.concatenate(
        [100 * day.truth.money(day.truth.order_probabilities) for day in history]
    )
    policies = {
        "best linear rule": rules,
        "recommendation for all": always(ACTIONS.index("recommendation"), log),
        "uniform": np.full(rules.shape, 1 / len(ACTIONS)),
    }
    deviations, is_covered, balance_p = {}, {}, {}
    for kind in PROPENSITIES:
        replaced = replace(log, propensities=replaced_propensities(kind, logged))
        balance_p[kind] = balance(replaced, evaluation_features(logged), seed=seed).p_value
        for name, policy in policies.items():
            truth = float((policy * true_money).sum(axis=1).mean())
            intervals = (
                inverse_propensity(replaced, policy),
                self_normalized(replaced, policy),
                doubly_robust(replaced, policy, predictions),
                doubly_robust(replaced, policy, true_money),
            )
            for estimator, interval in zip(ESTIMATORS, intervals, strict=True):
                deviations[kind, name, estimator] = (interval.value - truth) / 100
                is_covered[kind, name, estimator] = interval.lower <= truth <= interval.upper
    return Run(errors=deviations, is_covered=is_covered, balance_p=balance_p)


def replaced_propensities(kind: str, logged: ClosedDecisions) -> Floats:
    """What some systems log in place of the probability of the action."""
    n, n_actions = logged.propensities.shape
    if kind == "1/K":
        return np.full((n, n_actions), 1 / n_actions)
    if kind == "share of the arm":
        return np.tile(np.bincount(logged.actions, minlength=n_actions) / n, (n, 1))
    return logged.propensities


def print_table(runs: list[Run]) -> None:
    """Print bias, error and coverage of every estimator, and how often balance refuses."""
    print(f"| target | propensity | {' | '.join(ESTIMATORS)} | balance refuses |")
    print("|---|---|" + "---|" * len(ESTIMATORS) + "---|")
    for target in TARGETS:
        for kind in PROPENSITIES:
            cells = []
            for estimator in ESTIMATORS:
                key = (kind, target, estimator)
                deviations = np.array([each.errors[key] for each in runs])
                covered = np.mean([each.is_covered[key] for each in runs])
                rmse = np.sqrt(np.mean(deviations**2))
                cells.append(f"{deviations.mean():+.2f} / {rmse:.3f} / {covered:.2f}")
            refused = np.mean([each.balance_p[kind] <= _REFUSED for each in runs])
            print(f"| {target} | {kind} | {' | '.join(cells)} | {refused:.2f} |")
    print("\nrmse over that of IPS, logged propensities")
    for target in TARGETS:
        rmse = [
            np.sqrt(np.mean([each.errors["logged", target, estimator] ** 2 for each in runs]))
            for estimator in ESTIMATORS
        ]
        ratios = (
            f"{estimator} {each / rmse[0]:.2f}"
            for estimator, each in zip(ESTIMATORS[1:], rmse[1:], strict=True)
        )
        print(f"{target}: {'; '.join(ratios)}")


def main() -> None:
    """Print the tables of docs/bandit.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--days", type=int, default=DAYS)
    arguments = parser.parse_args()
    started = perf_counter()
    runs = [run(seed, days=arguments.days) for seed in range(arguments.runs)]
    print(
        f"{arguments.runs} logs of {PER_DAY * arguments.days:,} decisions, "
        f"{perf_counter() - started:.0f} s; bias / rmse / coverage of 95 %, money a decision\n"
    )
    print_table(runs)
    folder = os.environ.get("RETENTION_DATA_DIR")
    if not folder:
        print("\nOpen Bandit: RETENTION_DATA_DIR is not set.")
        return
    print("\nOpen Bandit, men, relative error of the mean clicks, 100 bootstraps")
    for direction in ("random to bts", "bts to random"):
        result = errors(Path(folder) / "open_bandit_small", direction, draws=100)
        figures = ", ".join(f"{name} {value:.3f}" for name, value in result.errors.items())
        print(
            f"{direction}: {figures}; effective decisions {result.effective_count:.0f}, largest "
            f"weight {result.weight_max:.0f}, balance p {result.balance_p:.3f}"
        )


if __name__ == "__main__":
    main()
