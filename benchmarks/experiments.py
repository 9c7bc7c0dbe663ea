"""How often experiments err, and how soon they decide: `python -m benchmarks.experiments`.

Streams and years with known effects; the textbook's way beside ours in the same run. The whole
takes half an hour on one core; `--streams 100 --years 40` a minute.
"""

import argparse
import importlib.util
import math
from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from retention_ml.experiments.design import Design
from retention_ml.experiments.effects import Effect, money_effects, share_effects
from retention_ml.experiments.power import Expectation, money_factor, sizes
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.asymptotic import Difference, differences
from retention_ml.statistics.contrast import ratio_contrast
from retention_ml.statistics.lots import places
from retention_ml.statistics.redeal import HoldoutLook, holdout_looks, other_draws
from retention_ml.statistics.sample_ratio import e_values

ERROR_RATE = 0.05
DAYS, PER_DAY = 168, 150
COUNTS = PER_DAY * np.arange(1, DAYS + 1)
RETENTION, MORE_RETENTION, MORE_ORDERS = 0.30, 0.03, 0.10
CUSTOMERS, HOLDOUT_SHARE, WINDOWS, HOLDOUT_LIFT = 10_000, 0.10, 13, 0.08
ORDERS = 0.30  # per customer and window of 28 days
Stream = tuple[Bools, Floats, Floats, Floats]


def stream(seed: int, share: float, *, saved: float = 0.0, more: float = 0.0) -> Stream:
    """Arm, retained, margin and the forecast of retention of half a year's decisions.

    Forecasts vary as calibrated ones with a mean of .30 do (Beta(1.8, 4.2)); money is Poisson
    orders times a lognormal margin.
    """
    random = np.random.default_rng(seed)
    n = DAYS * PER_DAY
    is_treated = random.random(n) < share
    forecast = random.beta(1.8, 1.8 / RETENTION - 1.8, n)
    retained = random.random(n) < np.clip(forecast + saved * is_treated, 0, 1)
    orders = random.poisson(ORDERS * (1 + more * is_treated))
    margin = orders * np.exp(random.normal(3.0, 0.8, n))
    return is_treated, retained.astype(np.float64), margin, forecast


def day_of_first(path: Sequence[object], is_reached: Callable[..., bool]) -> float:
    """The day of the first look for which something holds; infinite if none does."""
    return next((float(i + 1) for i, one in enumerate(path) if is_reached(one)), math.inf)


def _beyond(one: Effect) -> bool:
    return one.is_better or one.is_worse


def _better(one: Effect) -> bool:
    return one.is_better


def _by_z(one: Difference) -> bool:
    return abs(one.effect) > 1.96 * one.standard_error


def streams(count: int, share: float) -> None:
    """A/A streams with daily looks, then streams with an effect."""
    started = perf_counter()
    planned = float(COUNTS[-1])
    names = ("retention, bets", "retention, asymptotic", "retention, z", "money", "money, z")
    ever: dict[str, list[bool]] = {name: [] for name in names}
    for seed in range(count):
        arm, retained, margin, forecast = stream(seed, share)
        bets = share_effects(retained, arm, share, COUNTS, error_rate=ERROR_RATE, forecast=forecast)
        money = money_effects(margin, arm, COUNTS, error_rate=ERROR_RATE, count_planned=planned)
        plain = differences(retained, arm, COUNTS, error_rate=ERROR_RATE, count_planned=planned)
        of_money = differences(margin, arm, COUNTS, error_rate=ERROR_RATE, count_planned=planned)
        ever["retention, bets"].append(any(map(_beyond, bets)))
        ever["retention, asymptotic"].append(any(one.lower > 0 or one.upper < 0 for one in plain))
        ever["retention, z"].append(any(map(_by_z, plain)))
        ever["money"].append(any(map(_beyond, money)))
        ever["money, z"].append(any(map(_by_z, of_money)))
    print(f"\n{count} A/A streams, {DAYS} daily looks, treated share {share:g}: ever significant")
    for name, hits in ever.items():
        print(f"  {name:<24} {np.mean(hits):.3f}")
    _power(min(count, 300), share, planned)
    print(f"  ({perf_counter() - started:.0f} s)")


def _power(count: int, share: float, planned: float) -> None:
    days: dict[str, list[float]] = {
        name: [] for name in ("bets", "bets without forecast", "asymptotic", "money")
    }
    for seed in range(10_000, 10_000 + count):
        arm, retained, margin, forecast = stream(
            seed, share, saved=MORE_RETENTION, more=MORE_ORDERS
        )
        for name, prior in (("bets", forecast), ("bets without forecast", None)):
            path = share_effects(
                retained, arm, share, COUNTS, error_rate=ERROR_RATE, forecast=prior
            )
            days[name].append(day_of_first(path, _better))
        plain = differences(retained, arm, COUNTS, error_rate=ERROR_RATE, count_planned=planned)
        days["asymptotic"].append(day_of_first(plain, lambda one: one.lower > 0))
        money = money_effects(margin, arm, COUNTS, error_rate=ERROR_RATE, count_planned=planned)
        days["money"].append(day_of_first(money, _better))
    median = {name: float(np.median(values)) for name, values in days.items()}
    print(
        f"{count} streams, retention {RETENTION:.2f} to {RETENTION + MORE_RETENTION:.2f}, orders "
        f"+{MORE_ORDERS:.0%}: found (median day over all streams; over the asymptotic sequence's)"
    )
    for name, values in days.items():
        share_found = np.mean(np.isfinite(values))
        ratio = "" if name == "money" else f"; {median[name] / median['asymptotic']:.2f}"
        print(f"  {name:<24} {share_found:.3f} ({median[name]:.0f}{ratio})")


def year(seed: int, ids: list[str], lift: float) -> tuple[Bools, Floats, Floats]:
    """Holdout, money in four windows before, and in each window of a year; shape (n, windows)."""
    random = np.random.default_rng(seed)
    is_holdout = places(ids, f"holdout:year {seed}") < HOLDOUT_SHARE
    rate = ORDERS * random.gamma(1.0, 1.0, CUSTOMERS)[:, None]

    def money(rates: Floats, windows: int) -> Floats:
        shape = (CUSTOMERS, windows)
        return np.asarray(random.poisson(rates, shape) * np.exp(random.normal(3.0, 0.8, shape)))

    before = money(rate, 4).sum(axis=1, keepdims=True)
    values = money(np.where(is_holdout[:, None], rate, rate * (1 + lift)), WINDOWS)
    return is_holdout, before, values


def holdout(years: int, draws_count: int) -> None:
    """A sticky holdout with a look at the end of each window."""
    started = perf_counter()
    ids = [str(number) for number in range(CUSTOMERS)]
    draws = list(other_draws(ids, "holdout:benchmark", HOLDOUT_SHARE, count=draws_count))

    def spent(path: list[HoldoutLook]) -> bool:
        from scipy.stats import norm

        limits = [norm.isf(ERROR_RATE / (k * (k + 1)) / 2) for k in range(1, WINDOWS + 1)]
        return any(
            abs(one.effect) > limit * one.standard_error
            for one, limit in zip(path, limits, strict=True)
        )

    print(
        f"\n{years} years, {CUSTOMERS:,} customers, {HOLDOUT_SHARE:.0%} held out, {WINDOWS} looks, "
        f"{draws_count} other draws: ever beyond; plain, with the money of 4 windows before"
    )
    for lift in (0.0, HOLDOUT_LIFT):
        rates: dict[str, list[list[bool]]] = {"dealt again": [], "alpha / k(k+1)": [], "z": []}
        for seed in range(years):
            is_holdout, before, values = year(seed, ids, lift)
            paths = [
                holdout_looks(
                    values,
                    is_holdout,
                    draws,
                    error_rate=ERROR_RATE,
                    windows_planned=WINDOWS,
                    covariates=covariates,
                )
                for covariates in (None, before)
            ]
            rates["dealt again"].append([path[-1].is_beyond for path in paths])
            rates["alpha / k(k+1)"].append([spent(path) for path in paths])
            rates["z"].append(
                [any(abs(one.effect) > 1.96 * one.standard_error for one in path) for path in paths]
            )
        print(f"  orders +{lift:.0%}")
        means = {name: np.mean(hits, axis=0) for name, hits in rates.items()}
        for name, (plain, adjusted) in means.items():
            print(f"    {name:<16} {plain:.3f}  {adjusted:.3f}")
        if lift:
            ratio = means["dealt again"] / np.maximum(means["alpha / k(k+1)"], 1e-9)
            print(f"    dealt again over alpha / k(k+1): {ratio[0]:.2f}  {ratio[1]:.2f}")
    print(f"  ({perf_counter() - started:.0f} s)")


def sample_ratio(count: int) -> None:
    """180 daily looks at fair arms and at 11 % instead of 10 %."""
    started = perf_counter()
    per_day = 200
    alarms: dict[str, list[float]] = {
        "e > 20": [],
        "e > 40": [],  # of an experiment, which tests those assigned and those counted
        "e > 100": [],
        "e > 1,000": [],
        "chi-square": [],
    }
    reached: dict[str, list[float]] = {name: [] for name in alarms}
    for share, days in ((0.10, alarms), (0.11, reached)):
        for seed in range(count):
            arm = np.random.default_rng(seed).binomial(per_day, share, 180).cumsum()
            total = per_day * np.arange(1, 181)
            evidence = e_values(np.column_stack([arm, total - arm]), (0.1, 0.9))
            for limit in (20, 40, 100, 1_000):
                over = np.flatnonzero(evidence >= limit)
                days[f"e > {limit:,}"].append(over[0] + 1.0 if len(over) else math.inf)
            z = np.abs(arm - 0.1 * total) / np.sqrt(0.09 * total)
            over = np.flatnonzero(z > 1.96)
            days["chi-square"].append(over[0] + 1.0 if len(over) else math.inf)
    print(
        f"\n{count} streams of {per_day} customers a day, 180 daily looks: false alarms at 10 %; "
        "11 %: median day, share by day 90"
    )
    for name in alarms:
        late = np.array(reached[name])
        print(
            f"  {name:<10} {np.mean(np.isfinite(alarms[name])):.3f}; day {np.median(late):.0f}, "
            f"{np.mean(late <= 90):.2f}"
        )
    print(f"  ({perf_counter() - started:.0f} s)")


def plan() -> None:
    """Customers needed by tier, for one look and for looking always."""
    print("\nDecisions needed to find 10 % of churners saved (power .80, error rate .05)")
    for tier, churn in (("critical", 0.88), ("high", 0.70), ("medium", 0.47), ("low", 0.20)):
        cells = []
        for alone in (0.5, 0.2, 0.1):
            design = Design(
                experiment_id="plan", arms={"none": alone, "mail": 1 - alone}, tiers=(tier,)
            )
            expectation = Expectation(tier=tier, customers_count=1, churn_rate=churn)
            size = sizes([expectation], design)[0]
            cells.append(f"{alone:.0%} left alone {size.needed_at_end:,} / {size.needed:,}")
        print(f"  {tier:<9} {'   '.join(cells)}")
    print(f"  money: looking always takes {money_factor(ERROR_RATE, 0.8):.2f} times as many")


def peer() -> None:
    """Ratio metrics with a covariate, against tea-tasting."""
    if importlib.util.find_spec("tea_tasting") is None:
        print("\ntea-tasting is not installed: not compared.")
        return
    import pyarrow as pa
    import tea_tasting as tt

    worst = 0.0
    for seed in range(5):
        random = np.random.default_rng(seed)
        n = 4_000
        variant = (random.random(n) < 0.4).astype(np.int64)
        taste = random.gamma(2.0, 0.5, n)
        columns = {
            "variant": variant,
            "contacts": 1.0 + random.poisson(taste),
            "contacts_before": 1.0 + random.poisson(taste),
        }
        columns["margin"] = columns["contacts"] * random.gamma(2.0, 5.0, n) * (1 + 0.1 * variant)
        columns["margin_before"] = columns["contacts_before"] * random.gamma(2.0, 5.0, n)
        for denominators in (("contacts", "contacts_before"), (None, None)):
            metric = tt.RatioOfMeans(
                "margin", denominators[0], "margin_before", denominators[1], use_t=False
            )
            expected = tt.Experiment(m=metric).analyze(pa.table(columns))["m"]
            ones = np.ones(n)
            result = ratio_contrast(
                columns["margin"],
                columns[denominators[0]] if denominators[0] else ones,
                variant == 1,
                covariate=(
                    columns["margin_before"],
                    columns[denominators[1]] if denominators[1] else ones,
                ),
            )
            pairs = (
                (result.control, expected.control),
                (result.treated, expected.treatment),
                (result.effect, expected.effect_size),
                (result.effect / result.standard_error, expected.statistic),
            )
            worst = max(worst, *(abs(value - other) / abs(other) for value, other in pairs))
    print(f"\ntea-tasting {tt.__version__}, ratios and means with covariate: largest relative ")
    print(f"  difference of means, effects and z statistics {worst:.1e}")


def main() -> None:
    """Run the parts named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[], metavar="PART")
    parser.add_argument("--streams", type=int, default=2_000)
    parser.add_argument("--years", type=int, default=500)
    parser.add_argument("--draws", type=int, default=499)
    parser.add_argument("--share", type=float, default=0.5, help="of the treated arm")
    arguments = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "streams": lambda: streams(arguments.streams, arguments.share),
        "holdout": lambda: holdout(arguments.years, arguments.draws),
        "ratio": lambda: sample_ratio(arguments.streams),
        "plan": plan,
        "peer": peer,
    }
    unknown = sorted(set(arguments.parts) - set(parts))
    if unknown:
        parser.error(f"{unknown[0]!r} is no part; expected {', '.join(parts)}")
    for name in arguments.parts or parts:
        parts[name]()


if __name__ == "__main__":
    main()
