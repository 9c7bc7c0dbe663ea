"""Bandits of other libraries, fed with a log: what each would do with the same customers.

They are not dependencies; install `mabwiser` and `vowpalwabbit` in an environment of their own and
run `python -m benchmarks.bandit` there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Closed decisions as a peer takes them; money in the shop's currency."""

    contexts: Floats
    actions: Ints
    money: Floats
    ordered: Floats
    drawn_propensities: Floats


def stacked(parts: Sequence[Rows]) -> Rows:
    """Several days as one."""
    return Rows(
        contexts=np.concatenate([part.contexts for part in parts]),
        actions=np.concatenate([part.actions for part in parts]),
        money=np.concatenate([part.money for part in parts]),
        ordered=np.concatenate([part.ordered for part in parts]),
        drawn_propensities=np.concatenate([part.drawn_propensities for part in parts]),
    )


class Peer(Protocol):
    """Learns from a log and decides."""

    def learn(self, rows: Rows) -> None:
        """Take in closed decisions."""

    def probabilities(self, contexts: Floats) -> Floats:
        """Probability of each action, shape (n, n_actions)."""


class _MabWiser:
    def __init__(self, policy: Any, n_actions: int, neighbours: Any = None) -> None:
        from mabwiser.mab import MAB  # type: ignore[import-not-found]

        self.bandit = MAB(list(range(n_actions)), policy, neighbours, seed=1)
        self.n_actions = n_actions
        self.has_context = neighbours is not None or "Lin" in type(policy).__name__
        self.is_binary = "Thompson" in type(policy).__name__
        self.is_fitted = False

    def learn(self, rows: Rows) -> None:
        fit = self.bandit.partial_fit if self.is_fitted else self.bandit.fit
        rewards = rows.ordered if self.is_binary else rows.money
        extra = {"contexts": rows.contexts} if self.has_context else {}
        fit(decisions=rows.actions, rewards=rewards, **extra)
        self.is_fitted = True

    def probabilities(self, contexts: Floats) -> Floats:
        if self.has_context:
            chosen = np.asarray(self.bandit.predict(contexts))
        else:
            chosen = np.array([self.bandit.predict() for _ in range(len(contexts))])
        return np.asarray(np.eye(self.n_actions)[chosen.astype(int)])


class _VowpalWabbit:
    def __init__(self, options: str, n_actions: int) -> None:
        import vowpalwabbit  # type: ignore[import-not-found]

        self.workspace = vowpalwabbit.Workspace(
            f"--cb_explore_adf {options} -q SA --quiet --random_seed 1"
        )
        self.n_actions = n_actions

    def learn(self, rows: Rows) -> None:
        others = [f"|A a{action}" for action in range(self.n_actions)]
        for shared, action, money, p in zip(
            _shared_lines(rows.contexts),
            rows.actions.tolist(),
            rows.money.tolist(),
            rows.drawn_propensities.tolist(),
            strict=True,
        ):
            lines = [shared, *others]
            lines[action + 1] = f"0:{-money:.5f}:{p:.6f} {lines[action + 1]}"
            self.workspace.learn(lines)

    def probabilities(self, contexts: Floats) -> Floats:
        others = [f"|A a{action}" for action in range(self.n_actions)]
        return np.array(
            [self.workspace.predict([shared, *others]) for shared in _shared_lines(contexts)]
        )


def _shared_lines(contexts: Floats) -> list[str]:
    pattern = "shared |S " + " ".join(f"f{j}:%.4f" for j in range(contexts.shape[1] - 1))
    return [pattern % tuple(row) for row in contexts[:, 1:].tolist()]


def peers(n_actions: int) -> dict[str, Peer | None]:
    """A peer of each kind by name; None where its library is not installed."""
    has_mabwiser, has_vw = (find_spec(name) is not None for name in ("mabwiser", "vowpalwabbit"))
    makers: dict[str, Callable[[], Peer]] = {}
    if has_mabwiser:
        from mabwiser.mab import LearningPolicy, NeighborhoodPolicy

        makers |= {
            "mabwiser EpsilonGreedy .1": lambda: _MabWiser(
                LearningPolicy.EpsilonGreedy(0.1), n_actions
            ),
            "mabwiser Softmax": lambda: _MabWiser(LearningPolicy.Softmax(1), n_actions),
            "mabwiser UCB1": lambda: _MabWiser(LearningPolicy.UCB1(1), n_actions),
            "mabwiser ThompsonSampling (orders)": lambda: _MabWiser(
                LearningPolicy.ThompsonSampling(), n_actions
            ),
            "mabwiser LinGreedy 0": lambda: _MabWiser(LearningPolicy.LinGreedy(0.0), n_actions),
            "mabwiser LinGreedy .1": lambda: _MabWiser(LearningPolicy.LinGreedy(0.1), n_actions),
            "mabwiser LinTS": lambda: _MabWiser(LearningPolicy.LinTS(1.0), n_actions),
            "mabwiser LinUCB": lambda: _MabWiser(LearningPolicy.LinUCB(1.0), n_actions),
            "mabwiser Clusters + EpsilonGreedy 0": lambda: _MabWiser(
                LearningPolicy.EpsilonGreedy(0.0), n_actions, NeighborhoodPolicy.Clusters(8)
            ),
            "mabwiser TreeBandit + EpsilonGreedy 0": lambda: _MabWiser(
                LearningPolicy.EpsilonGreedy(0.0),
                n_actions,
                NeighborhoodPolicy.TreeBandit({"max_depth": 5, "min_samples_leaf": 200}),
            ),
        }
    if has_vw:
        for kind in ("ips", "dr", "mtr"):
            for name, options in (
                ("greedy", "--epsilon 0"),
                ("epsilon .1", "--epsilon .1"),
                ("bag 5", "--bag 5"),
                ("cover 3", "--cover 3"),
                ("squarecb", "--squarecb"),
                ("softmax", "--softmax --lambda 10"),
            ):
                if name == "squarecb" and kind != "mtr":
                    continue  # it takes no other
                makers[f"vowpalwabbit {kind}, {name}"] = (
                    lambda options=f"--cb_type {kind} {options}": _VowpalWabbit(options, n_actions)
                )
    made: dict[str, Peer | None] = {name: maker() for name, maker in makers.items()}
    missing = {"mabwiser": has_mabwiser, "vowpalwabbit": has_vw}
    return made | {name: None for name, is_here in missing.items() if not is_here}
