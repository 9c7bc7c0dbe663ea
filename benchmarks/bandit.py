"""What a bandit earns when outcomes come late: `python -m benchmarks.bandit`.

Half a year of daily decisions in a world with known effects (`benchmarks.bandit_world`); an outcome
is known 28 days after its decision. Money is compared with that of an oracle that knows every
effect, 0 being nobody contacted. MABWiser and Vowpal Wabbit, where they are installed, learn from
the same log as the bandit (context, action, money, and the logged propensity where they take one)
and decide on the same customers in the last eight weeks.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from benchmarks import bandit_peers
from benchmarks.bandit_world import (
    ACTIONS,
    COSTS,
    DISCOUNT_SHARES,
    MARGIN_SHARE,
    OUTCOME_DAYS,
    STAGES,
    Decisions,
    decisions,
)
from retention_ml.models.bandit.bandit import Parameters, begin, decide, learn
from retention_ml.models.bandit.choice import Choice, choose_policy, fixed_winner
from retention_ml.models.bandit.customers import Arms, ClosedDecisions, Customers, concatenated
from retention_ml.models.bandit.propensities import drawn_actions
from retention_ml.models.bandit.state import BanditState
from retention_ml.statistics.arrays import Floats

DAYS = 182
LAST_DAYS = 56
UPDATE_DAYS = 7
EXPERIMENT_DAYS = 56  # by lot, before there is a fixed winner
EXPLORE_SHARE = 0.10
FEATURES = ("curious", "bargain", "disturbed", "log_value", "log_odds")
ARMS = Arms(
    names=ACTIONS,
    costs_cents=100 * COSTS,
    discount_shares=DISCOUNT_SHARES,
    floors=np.zeros(len(ACTIONS)),
)
# Probabilities that a policy gives on a day, from the bandit's state and the day's customers.
Policy = Callable[[int, Customers, BanditState], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day's decisions: what was known, what was drawn, what followed, and the truth.

    Attributes
    ----------
    shadow : array of float64, shape (n, n_actions)
        The bandit's propensities, whoever decided.
    """

    truth: Decisions
    log: ClosedDecisions
    shadow: Floats

    @property
    def gain(self) -> float:
        """True expected money of what was drawn, over none, of all decisions of the day."""
        return float(self.truth.gains[np.arange(len(self.log)), self.log.actions].sum())

    @property
    def oracle(self) -> float:
        """The most that could have been gained."""
        return float(self.truth.gains.max(axis=1).sum())


def customers_of(truth: Decisions) -> Customers:
    """What the platform knows of the customers of a day."""
    return Customers(
        features=truth.features,
        stages=truth.stages,
        order_probabilities=truth.scores,
        order_margins_cents=100 * truth.values,
        baskets_cents=100 * truth.values / MARGIN_SHARE,
        allowed=np.ones((len(truth.stages), len(ACTIONS)), dtype=np.bool_),
    )


def stream(
    seed: int,
    *,
    per_day: int,
    days: int = DAYS,
    update_days: int = UPDATE_DAYS,
    effect: float = 1.0,
    parameters: Parameters | None = None,
    policy: Policy | None = None,
) -> Iterator[tuple[Day, BanditState]]:
    """Days of decisions and the bandit's state on each; equal seeds, equal streams.

    Parameters
    ----------
    policy : callable, optional
        Decides instead of the bandit, which then only learns.
    """
    parameters = parameters or Parameters()
    rng = np.random.default_rng(seed)
    state: BanditState | None = None
    pending: list[ClosedDecisions] = []
    for day in range(days):
        truth = decisions(rng, per_day, effect=effect)
        customers = customers_of(truth)
        if state is None:
            state = begin(
                ARMS,
                customers,
                stages=STAGES,
                features=FEATURES,
                parameters=parameters,
                day=0,
                seed=seed,
            )
        if day % update_days == 0 and day > OUTCOME_DAYS:
            closed = [log for log in pending if log.decided_on[0] < day - OUTCOME_DAYS]
            pending = pending[len(closed) :]
            state = learn(
                state,
                ARMS,
                concatenated(closed),
                parameters=parameters,
                closed_until=day - OUTCOME_DAYS,
            )
        shadow = decide(state, ARMS, customers, parameters=parameters, day=day).propensities
        propensities = shadow if policy is None else policy(day, customers, state)
        actions = drawn_actions(propensities, rng.random(per_day))
        orders = rng.random(per_day) < truth.order_probabilities[np.arange(per_day), actions]
        log = ClosedDecisions(
            customers=customers,
            actions=actions,
            propensities=propensities,
            ordered=orders.astype(np.float64),
            decided_on=np.full(per_day, day),
        )
        pending.append(log)
        yield Day(truth=truth, log=log, shadow=shadow), state


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """`automatic`: by lot, then the fixed winner, then the bandit if it is shown to earn more.

    Attributes
    ----------
    choice : Choice or None
        The last one; None before the experiment's outcomes are known.
    switched_on : int or None
        Day from which the bandit decided.
    """

    days: list[Day]
    choice: Choice | None
    switched_on: int | None


def automatic(seed: int, *, per_day: int, days: int = DAYS, effect: float = 1.0) -> Ladder:
    """Half a year under `automatic`, with a share of the decisions always by lot."""
    parameters = Parameters()
    so_far: list[Day] = []
    choice: Choice | None = None
    fixed = -1
    switched_on: int | None = None
    lot = np.full(len(ACTIONS), 1 / len(ACTIONS))

    def policy(day: int, customers: Customers, state: BanditState) -> Floats:
        nonlocal choice, fixed, switched_on
        everyone = np.tile(lot, (len(customers), 1))
        closed = so_far[: max(0, day - OUTCOME_DAYS)]
        if day < EXPERIMENT_DAYS + OUTCOME_DAYS:
            return everyone if day < EXPERIMENT_DAYS else _by_lot_but(everyone, 0)
        if day % UPDATE_DAYS == 0 and fixed < 0:
            fixed = fixed_winner(ARMS, concatenated([each.log for each in closed]))
        if day % (4 * UPDATE_DAYS) == 0:
            choice = choose_policy(
                ARMS,
                concatenated([each.log for each in closed[OUTCOME_DAYS:]]),
                np.concatenate([each.shadow for each in closed[OUTCOME_DAYS:]]),
                fixed=fixed,
                floor=parameters.floor,
                effective_min=500,
                count_planned=per_day * days,
            )
            if choice.is_bandit and switched_on is None:
                switched_on = day
            if not choice.is_bandit:
                switched_on = None
        if switched_on is not None:
            return decide(state, ARMS, customers, parameters=parameters, day=day).propensities
        return _by_lot_but(everyone, fixed)

    for day, _ in stream(seed, per_day=per_day, days=days, effect=effect, policy=policy):
        so_far.append(day)
    return Ladder(days=so_far, choice=choice, switched_on=switched_on)


def _by_lot_but(everyone: Floats, action: int) -> Floats:
    fixed = np.eye(everyone.shape[1])[action]
    return np.asarray(EXPLORE_SHARE * everyone + (1 - EXPLORE_SHARE) * fixed)


def share(days: list[Day]) -> float:
    """Share of the oracle's gain."""
    return sum(day.gain for day in days) / sum(day.oracle for day in days)


def fixed_shares(days: list[Day]) -> Floats:
    """The same of each action for everybody, shape (n_actions,)."""
    gains = np.sum([day.truth.gains.sum(axis=0) for day in days], axis=0)
    return np.asarray(gains / sum(day.oracle for day in days))


def context(customers: Customers) -> Floats:
    """What peers are told of the customers: all that the bandit knows, and the money forecast."""
    return np.column_stack(
        [
            np.ones(len(customers)),
            np.eye(len(STAGES))[customers.stages][:, 1:],
            customers.features,
            customers.order_probabilities,
            customers.order_margins_cents / 1000,
            customers.order_margins_cents / 1000 * customers.order_probabilities,
        ]
    )


def peer_shares(days: list[Day], last_days: int) -> dict[str, float | None]:
    """Share of the oracle's gain in the last days of every peer that learns from the same log.

    None where it is not installed.
    """
    gains: dict[str, float] = {}
    start = len(days) - last_days
    log = [
        bandit_peers.Rows(
            contexts=context(day.log.customers),
            actions=day.log.actions,
            money=_money(day),
            ordered=day.log.ordered,
            drawn_propensities=day.log.propensities[np.arange(len(day.log)), day.log.actions],
        )
        for day in days
    ]
    peers = bandit_peers.peers(len(ACTIONS))
    for name, peer in peers.items():
        if peer is None:
            continue
        learned_until = 0
        for week in range(start, len(days), UPDATE_DAYS):
            peer.learn(bandit_peers.stacked(log[learned_until : week - OUTCOME_DAYS]))
            learned_until = week - OUTCOME_DAYS
            for day in range(week, min(week + UPDATE_DAYS, len(days))):
                chances = peer.probabilities(log[day].contexts)
                gain = float((chances * days[day].truth.gains).sum())
                gains[name] = gains.get(name, 0.0) + gain
    best = sum(day.oracle for day in days[start:])
    return {name: None if peer is None else gains[name] / best for name, peer in peers.items()}


def _money(day: Day) -> Floats:
    orders = np.repeat(day.log.ordered[:, None], len(ACTIONS), axis=1)
    return np.asarray(day.truth.money(orders)[np.arange(len(day.log)), day.log.actions])


def main() -> None:
    """Print the tables of docs/bandit.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--first-seed", type=int, default=0, help="to run the seeds in parts")
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--per-day", type=int, nargs="+", default=[600, 150])
    parser.add_argument("--update-days", type=int, nargs="+", default=[7])
    parser.add_argument("--skip-peers", action="store_true")
    parser.add_argument("--skip-automatic", action="store_true")
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    for per_day in arguments.per_day:
        print(f"\n{per_day} decisions a day, {arguments.days} days, {arguments.seeds} seeds")
        peers: dict[str, list[float | None]] = {}
        for update_days in arguments.update_days:
            started = perf_counter()
            shares, last, fixed = [], [], []
            for seed in seeds:
                days = [
                    day
                    for day, _ in stream(
                        seed, per_day=per_day, days=arguments.days, update_days=update_days
                    )
                ]
                shares.append(share(days))
                last.append(share(days[-LAST_DAYS:]))
                fixed.append(fixed_shares(days[-LAST_DAYS:]))
                if not arguments.skip_peers and update_days == arguments.update_days[0]:
                    for name, peer in peer_shares(days, LAST_DAYS).items():
                        peers.setdefault(name, []).append(peer)
            print(
                f"bandit, learning every {update_days} days: {np.mean(shares):.2f} of the oracle, "
                f"last {LAST_DAYS} days {np.mean(last):.2f} "
                f"({', '.join(f'{each:.2f}' for each in last)}); "
                f"{perf_counter() - started:.0f} s",
                flush=True,
            )
        for action, value in zip(ACTIONS, np.mean(fixed, axis=0), strict=True):
            print(f"  {action} for everybody, last {LAST_DAYS} days: {value:.2f}")
        for name, values in peers.items():
            numbers = [value for value in values if value is not None]
            print(f"  {name}: {np.mean(numbers):.2f}" if numbers else f"  {name}: not installed")
        if not arguments.skip_automatic:
            for seed in seeds:
                ladder = automatic(seed, per_day=per_day, days=arguments.days)
                print(
                    f"  automatic, seed {seed}: {share(ladder.days):.2f}, last "
                    f"{share(ladder.days[-LAST_DAYS:]):.2f}; "
                    f"{ladder.choice.reason if ladder.choice else 'no choice yet'}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
