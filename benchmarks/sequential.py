"""How often the sequential test errs, and how soon it decides: `python -m benchmarks.sequential`.

Streams of forecasts and outcomes with known ground truth, looked at once a day. The tests use the
same worlds.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints, logit, sigmoid
from retention_ml.statistics.power import Plan, power_analysis
from retention_ml.statistics.sequential import (
    BETS,
    Look,
    bounds_of,
    differences_of,
    log_mixture,
    looks,
)

ERROR_RATE = 0.05
HORIZON_DAYS = 29  # a window of 28 days and one for late files
Forecasts = tuple[Floats, Floats, Floats]  # champion, challenger, true probability
World = Callable[[np.random.Generator, Ints], Forecasts]


def worse(rng: np.random.Generator, days: Ints, noise: float = 0.3) -> Forecasts:
    """The champion is right; the challenger adds noise to its log-odds."""
    true = rng.beta(6, 3, len(days))
    return true, sigmoid(logit(true) + noise * rng.standard_normal(len(days))), true


def slightly_worse(rng: np.random.Generator, days: Ints) -> Forecasts:
    """A third of that noise."""
    return worse(rng, days, 0.1)


def identical(rng: np.random.Generator, days: Ints) -> Forecasts:
    """The challenger is a copy."""
    true = rng.beta(6, 3, len(days))
    return true, true.copy(), true


def equally_good(rng: np.random.Generator, days: Ints) -> Forecasts:
    """The truth is half-way between the two: the expected difference is zero for everybody."""
    champion, challenger, _ = worse(rng, days)
    return champion, challenger, (champion + challenger) / 2


def equally_good_by_season(rng: np.random.Generator, days: Ints) -> Forecasts:
    """Worse for ten days, better for ten, and so on; the mean so far is never above zero."""
    champion, challenger, _ = worse(rng, days)
    towards = 0.5 - 0.5 * np.sin(2 * np.pi * (days + 0.5) / 20)
    return champion, challenger, champion + towards * (challenger - champion)


def better(rng: np.random.Generator, days: Ints) -> Forecasts:
    """The challenger is right; the champion adds noise."""
    challenger, champion, true = worse(rng, days)
    return champion, challenger, true


def better_by_half(rng: np.random.Generator, days: Ints) -> Forecasts:
    """The truth is three quarters of the way to the challenger: half the advantage."""
    champion, challenger, _ = better(rng, days)
    return champion, challenger, champion + 0.75 * (challenger - champion)


def one_season(rng: np.random.Generator, days: Ints) -> Forecasts:
    """The champion says less, the challenger more; one season for all takes either side."""
    middle = logit(rng.beta(6, 3, len(days)))
    return (
        sigmoid(middle - 0.2),
        sigmoid(middle + 0.2),
        sigmoid(middle + 0.2 * rng.standard_normal()),
    )


WORLDS: tuple[World, ...] = (
    worse,
    slightly_worse,
    identical,
    equally_good,
    equally_good_by_season,
    better,
    better_by_half,
    one_season,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One stream, looked at once a day: `looks[t]` after the customers of day t are known."""

    looks: list[Look]
    expected: Floats  # mean of the expected differences so far, at each look
    z: Floats  # what a fixed-sample test would compute at each look

    @property
    def won_on(self) -> int | None:
        """Days from the first common score until the challenger won."""
        reached = [look.e_better >= 1 / ERROR_RATE for look in self.looks]
        return HORIZON_DAYS + 1 + reached.index(True) if any(reached) else None

    @property
    def is_lost(self) -> bool:
        """Whether the challenger was decided to be worse at some look."""
        return any(look.e_worse >= 1 / ERROR_RATE for look in self.looks)


def trial(world: World, *, seed: int, day_count: int, customers_per_day: int) -> Trial:
    """A stream of `world`; equal seeds, equal streams."""
    rng = np.random.default_rng(seed)
    champion, challenger, true = world(rng, np.repeat(np.arange(day_count), customers_per_day))
    churned = (rng.random(len(true)) < true).astype(np.float64)
    differences = differences_of(champion, challenger, churned)
    expected = true * differences_of(champion, challenger, np.ones_like(true)) + (
        1 - true
    ) * differences_of(champion, challenger, np.zeros_like(true))
    counts = customers_per_day * np.arange(1, day_count + 1)
    sums, squares = np.cumsum(differences)[counts - 1], np.cumsum(differences**2)[counts - 1]
    return Trial(
        looks=looks(
            differences, counts, error_rate=ERROR_RATE, bounds=bounds_of(champion, challenger)
        ),
        expected=np.cumsum(expected)[counts - 1] / counts,
        z=sums / np.sqrt(np.maximum(squares - sums**2 / counts, 1e-12)),
    )


def plan(world: World, *, day_count: int, customers_per_day: int, truth: float = 1.0) -> Plan:
    """The forecast for `world` from the probabilities alone."""
    champion, challenger, _ = world(np.random.default_rng(0), np.zeros(20_000, dtype=np.int64))
    return power_analysis(
        champion,
        challenger,
        customers_per_day=customers_per_day,
        horizon_days=HORIZON_DAYS,
        days_max=HORIZON_DAYS + day_count,
        error_rate=ERROR_RATE,
        truth=truth,
    )


def customers_needed(streams: int) -> dict[str, float]:
    """Median number of customers until the better challenger has won, by kind of test."""
    counts = 25 * np.arange(1, 401)
    n = counts[-1]
    needed: dict[str, list[int]] = {}
    for seed in range(streams):
        rng = np.random.default_rng(seed)
        champion, challenger, true = better(rng, np.zeros(n, dtype=np.int64))
        differences = differences_of(champion, challenger, (rng.random(n) < true).astype(float))
        means = np.append(0.0, np.cumsum(differences)[:-1] / np.arange(1, n))
        for name, bounds in (
            ("bets, bound of each customer known", bounds_of(champion, challenger)),
            ("bets, bound 1", None),
        ):
            analysis = looks(differences, counts, error_rate=ERROR_RATE, bounds=bounds)
            evidence = np.log([look.e_better for look in analysis])
            needed.setdefault(name, []).append(_first(evidence, counts))
        for name, centre, bound in (
            ("empirical Bernstein around 0", np.zeros(n), 1),
            ("empirical Bernstein around the running mean", means, 2),
        ):
            bets = BETS[BETS * bound < 1]
            cost = (-np.log1p(-bound * bets) - bound * bets) / bound**2
            sums = np.cumsum(differences)[counts - 1, None]
            squares = np.cumsum((differences - centre) ** 2)[counts - 1, None]
            evidence = log_mixture(bets * sums - cost * squares, bets)
            needed.setdefault(name, []).append(_first(evidence, counts))
    return {name: float(np.median(values)) for name, values in needed.items()}


def _first(evidence: Floats, counts: Ints) -> int:
    reached = evidence >= -np.log(ERROR_RATE)
    return int(counts[np.argmax(reached)]) if reached.any() else 10**9


def main() -> None:
    """Print the table of docs/decisions/0012."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=2000)
    parser.add_argument("--days", type=int, default=153)
    parser.add_argument("--customers-per-day", type=int, default=100)
    arguments = parser.parse_args()
    size = {"day_count": arguments.days, "customers_per_day": arguments.customers_per_day}
    print(
        f"{arguments.streams:,} streams each, {arguments.customers_per_day} customers a day, "
        f"{arguments.days} daily looks, error rate {ERROR_RATE:.0%}\n"
    )
    print(
        "| world | wins | decided worse | won by day (50 %, 90 %) "
        "| interval misses below, above | z-test wins |"
    )
    print("|---|---|---|---|---|---|")
    for world in WORLDS:
        trials = [trial(world, seed=seed, **size) for seed in range(arguments.streams)]
        won = sorted(day for t in trials if (day := t.won_on) is not None)
        days = " and ".join(
            str(won[int(share * arguments.streams)])
            if len(won) > share * arguments.streams
            else "–"
            for share in (0.5, 0.9)
        )
        expected = np.array([t.expected for t in trials])
        below = (expected < [[look.lower for look in t.looks] for t in trials]).any(axis=1).mean()
        above = (expected > [[look.upper for look in t.looks] for t in trials]).any(axis=1).mean()
        naive = np.mean([(t.z > 1.645).any() for t in trials])
        print(
            f"| {world.__name__.replace('_', ' ')} | {len(won) / arguments.streams:.1%} "
            f"| {np.mean([t.is_lost for t in trials]):.1%} | {days} "
            f"| {below:.1%}, {above:.1%} | {naive:.1%} |",
            flush=True,
        )
    print("\nExpected from the probabilities alone:")
    for world, truth in ((better, 1.0), (better_by_half, 0.75), (slightly_worse, 1.0)):
        print(
            f"- {world.__name__.replace('_', ' ')}: {plan(world, truth=truth, **size).assumption}"
        )
    print("\nCustomers until the better challenger wins, median:")
    for name, needed in customers_needed(min(arguments.streams, 200)).items():
        print(f"- {name}: {needed:,.0f}")
    started = perf_counter()
    trial(better, seed=0, day_count=200, customers_per_day=5000)
    drawn = perf_counter()
    plan(better, **size)
    print(
        f"\nA million customers, 200 looks, including drawing them: {drawn - started:.1f} s; "
        f"a plan from 20,000: {perf_counter() - drawn:.1f} s"
    )


if __name__ == "__main__":
    main()
