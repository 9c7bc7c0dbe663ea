"""Open Bandit Data, men, small release: each policy's log values the other policy.

The data set is not part of the project (Saito, Aihara, Matsutani, Narita 2021, Open Bandit Dataset
and Pipeline, NeurIPS Datasets and Benchmarks). The distribution of Bernoulli Thompson sampling
follows from its published prior: how often an item stands at a position in draws of all items.
"""

import csv
import gzip
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.off_policy.balance import balance
from retention_ml.statistics.off_policy.estimators import (
    cross_fitted_predictions,
    doubly_robust,
    effective_count,
    inverse_propensity,
    self_normalized,
    weights,
)
from retention_ml.statistics.off_policy.log import Log

ITEMS = 34
POSITIONS = 3
PRIOR_DRAWS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Impressions:
    """Items shown, at which of three positions, and whether they were clicked."""

    log: Log
    positions: Ints
    features: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Mean relative error by estimator, and what the log can carry."""

    errors: dict[str, float]
    effective_count: float
    weight_max: float
    balance_p: float


def impressions(path: Path, *, is_random: bool) -> Impressions:
    """The log of one policy; the random one has the same known probability for every item."""
    with gzip.open(path, "rt", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    items = np.array([int(row["item_id"]) for row in rows])
    positions = np.array([int(row["position"]) for row in rows]) - 1
    propensities = np.full((len(rows), ITEMS), 1 / ITEMS if is_random else np.nan)
    if not is_random:
        drawn = [float(row["propensity_score"]) for row in rows]
        propensities[np.arange(len(rows)), items] = drawn
    columns = [np.eye(POSITIONS)[positions]]
    for j in range(4):
        _, codes = np.unique([row[f"user_feature_{j}"] for row in rows], return_inverse=True)
        columns.append(np.eye(int(codes.max()) + 1)[codes])
    return Impressions(
        log=Log(
            actions=items,
            rewards=np.array([float(row["click"]) for row in rows]),
            propensities=propensities,
        ),
        positions=positions,
        features=np.hstack(columns),
    )


def thompson_distribution(path: Path) -> Floats:
    """Probability of each item at each position under the published prior, shape (3, items)."""
    text = path.read_text(encoding="utf-8").partition("\nmen:")[2].partition("\nwomen:")[0]
    alpha, beta = (
        np.array([float(number) for number in re.findall(r"-\s+([\d.]+)", part)])
        for part in text.split("beta:")
    )
    rng = np.random.default_rng(12345)
    counts = np.zeros((POSITIONS, ITEMS))
    for _ in range(PRIOR_DRAWS // 10_000):
        ranking = np.argsort(-rng.beta(alpha, beta, size=(10_000, ITEMS)), axis=1)
        for position in range(POSITIONS):
            counts[position] += np.bincount(ranking[:, position], minlength=ITEMS)
    return counts / counts.sum(axis=1, keepdims=True)


def errors(folder: Path, direction: str, *, draws: int, seed: int = 0) -> Errors:
    """Relative errors of IPS, SNIPS, DR and, for comparison only, the direct method (DM)."""
    random = impressions(folder / "random_men.csv.gz", is_random=True)
    thompson = impressions(folder / "bts_men.csv.gz", is_random=False)
    if direction == "random to bts":
        source, truth = random, float(thompson.log.rewards.mean())
        policy = thompson_distribution(folder / "prior_bts.yaml")[source.positions]
    else:
        source, truth = thompson, float(random.log.rewards.mean())
        policy = np.full((len(source.positions), ITEMS), 1 / ITEMS)
    rng = np.random.default_rng(seed)
    n = len(source.positions)
    totals: dict[str, list[float]] = {}
    for _ in range(draws):
        rows = np.sort(rng.integers(0, n, n))
        log = Log(
            actions=source.log.actions[rows],
            rewards=source.log.rewards[rows],
            propensities=source.log.propensities[rows],
        )
        predictions = cross_fitted_predictions(
            source.features[rows], log.actions, log.rewards, n_actions=ITEMS
        )
        values: dict[str, Interval | float] = {
            "DM": float((policy[rows] * predictions).sum(axis=1).mean()),
            "IPS": inverse_propensity(log, policy[rows]),
            "SNIPS": self_normalized(log, policy[rows]),
            "DR": doubly_robust(log, policy[rows], predictions),
        }
        for name, value in values.items():
            estimate = value if isinstance(value, float) else value.value
            totals.setdefault(name, []).append(abs(estimate - truth) / truth)
    decision_weights = weights(source.log, policy)
    return Errors(
        errors={name: float(np.mean(each)) for name, each in totals.items()},
        effective_count=effective_count(decision_weights),
        weight_max=float(decision_weights.max()),
        balance_p=balance(source.log, source.features).p_value,
    )
