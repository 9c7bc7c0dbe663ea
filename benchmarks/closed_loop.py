"""A shop that answers, over 26 weeks: what each policy earns, and whether its readout is right.

`python -m benchmarks.closed_loop [--seeds N] [--customers N] [--weeks N] [--runs N]`

Decisions are taken every fortnight about all customers with an order in 90 days, but for a holdout
of a tenth and for those who have withdrawn permission. An e-mail costs .50 and works for a
fortnight (`retention_ml.simulate.response.worlds`); nothing was sent before, so learning is paid
for. All policies have the same customers, the same luck, the same holdout and the same budget: the
share of a round's customers who can be contacted. Net margin counts the *expected* change of the
margin by every contact (in closed form) less its cost. These are pure arrays; the platform itself,
under Airflow, lives through the same weeks in `benchmarks.closed_loop_airflow`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from benchmarks.closed_loop_policies import (
    EXPLORE_SHARE,
    Learning,
    Policy,
    Round,
    Terms,
    by_lot,
    oracle,
    riskiest_first,
)
from benchmarks.closed_loop_readout import (
    holdout_half_width,
    least_half_width,
    profit_interval,
)
from retention_ml.simulate.response.decision_features import OwnAnswers, rfm
from retention_ml.simulate.response.decision_log import feature_names
from retention_ml.simulate.response.potential_outcomes import potential_outcomes
from retention_ml.simulate.response.responding_shop import RespondingShop
from retention_ml.simulate.response.worlds import FOUR_TYPES, NO_EFFECT, World
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.metrics import Z_95

EVERY_DAYS = WINDOW_DAYS = 14
SETTLE_DAYS = 1
HOLDOUT_SHARE = 0.10
HISTORY_DAYS = 182
LATE_WEEKS = 16
POLICIES = ("oracle", "risk", "lot", "learn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """One policy's run.

    Attributes
    ----------
    net : array of float64, shape (rounds,)
        Expected net margin of each round's contacts, in whole units of money.
    contacts : int
    decisions : Round
        Every decision with its outcome.
    holdout_half_width : float
        Of the 95 % interval by which the holdout measures the same profit.
    stopped : dict
        See `Learning.stopped`; empty for other policies.
    """

    net: Floats
    contacts: int
    decisions: Round
    holdout_half_width: float
    stopped: dict[bool, int]


def run(
    name: str,
    world: World,
    *,
    seed: int,
    customers: int = 20_000,
    weeks: int = 26,
    budget_share: float = 0.5,
    lot_rounds: int = 3,
    explore_share: float = EXPLORE_SHARE,
) -> Loop:
    """Let one policy decide in one world.

    Parameters
    ----------
    name : str
        One of `POLICIES`.
    """
    rounds = weeks * 7 // EVERY_DAYS
    shop = RespondingShop(
        world,
        customers=customers,
        history_days=HISTORY_DAYS - 28,
        days=28 + rounds * EVERY_DAYS,
        seed=seed,
    )
    terms = Terms(cost_cents=float(world.cost_cents[1]), budget_share=budget_share)
    # Fitted for all policies: it lives through the last days of the history.
    risk = riskiest_first(shop, terms)
    learning = Learning(
        terms=terms,
        features=feature_names(world),
        lot_rounds=lot_rounds,
        explore_share=explore_share,
        decisions_planned=float(rounds * shop.is_active().sum()),
    )
    policies: dict[str, Policy] = {
        "oracle": oracle(terms),
        "risk": risk,
        "lot": by_lot(terms),
        "learn": learning,
    }
    policy = policies[name]
    draw = np.random.default_rng([seed, 4])
    is_holdout = draw.random(customers) < HOLDOUT_SHARE
    answers, done = OwnAnswers(shop), list[Round]()
    closed_count, start = 0, shop.today
    for number in range(rounds):
        while (closed_count + 1) * EVERY_DAYS + SETTLE_DAYS <= shop.today - start:
            done[closed_count] = _close(shop, done[closed_count], start)
            _answer(answers, done[closed_count], start)
            closed_count += 1
        current = _open(shop, answers, is_holdout, number)
        is_lot = name == "lot" or (name == "learn" and learning.is_lot(number, done[:closed_count]))
        propensity = policy(current, done[:closed_count])
        contacted = draw.random(customers)[current.customer] < propensity
        done.append(
            replace(
                current,
                propensity=propensity,
                contacted=contacted,
                is_lot=np.full(len(current), is_lot),
            )
        )
        shop.contact(current.customer, contacted.astype(np.int64))
        shop.advance(EVERY_DAYS)
    decisions = Round.concatenate(
        [*done[:closed_count], *(_close(shop, each, start) for each in done[closed_count:])]
    )
    earned = decisions.contacted * (decisions.effect_cents - terms.cost_cents) / 100
    return Loop(
        net=np.bincount(decisions.round_number, earned, minlength=rounds),
        contacts=int(decisions.contacted.sum()),
        decisions=decisions,
        holdout_half_width=holdout_half_width(shop, is_holdout, start),
        stopped=dict(learning.stopped) if name == "learn" else {},
    )


def _open(shop: RespondingShop, answers: OwnAnswers, is_holdout: Bools, number: int) -> Round:
    customer = np.flatnonzero(shop.is_active() & ~is_holdout & ~shop.withdrawn)
    truth = potential_outcomes(shop, customer, WINDOW_DAYS)
    missing = np.full(len(customer), np.nan)
    return Round(
        round_number=np.full(len(customer), number),
        customer=customer,
        is_lot=np.zeros(len(customer), dtype=np.bool_),
        features=np.hstack([rfm(shop, customer), answers.features(customer)]),
        propensity=missing,
        contacted=np.zeros(len(customer), dtype=np.bool_),
        alone_cents=truth.margin_cents[:, 0],
        effect_cents=truth.margin_effect_cents[:, 1],
        orders=missing,
        margin_cents=missing,
    )


def _close(shop: RespondingShop, decisions: Round, start: int) -> Round:
    """The round with its outcomes; its window must have been lived through."""
    begin = start + int(decisions.round_number[0]) * EVERY_DAYS
    window = slice(begin, begin + WINDOW_DAYS)
    return replace(
        decisions,
        orders=shop.orders[window, decisions.customer].sum(axis=0).astype(np.float64),
        margin_cents=shop.margin_cents[window, decisions.customer].sum(axis=0),
    )


def _answer(answers: OwnAnswers, decisions: Round, start: int) -> None:
    begin = start + int(decisions.round_number[0]) * EVERY_DAYS
    answers.close(decisions.customer, decisions.contacted.astype(np.int64), begin, WINDOW_DAYS)


def coverage(
    runs: int, *, customers: int, budget_share: float, explore_share: float, seed: int = 1_000
) -> tuple[float, float, float, Floats]:
    """How often the interval covers the truth, its width and the least one, and the z-values.

    Widths are means, as shares of that of the holdout.
    """
    world = FOUR_TYPES.only("email")
    z, ratios, least = np.empty(runs), np.empty(runs), np.empty(runs)
    for number in range(runs):
        loop = run(
            "learn",
            world,
            seed=seed + number,
            customers=customers,
            budget_share=budget_share,
            explore_share=explore_share,
        )
        estimate, half_width = profit_interval(loop.decisions, world)
        z[number] = Z_95 * (estimate - loop.net.sum()) / half_width
        ratios[number] = half_width / loop.holdout_half_width
        least[number] = least_half_width(loop.decisions) / loop.holdout_half_width
    return float((np.abs(z) <= Z_95).mean()), float(ratios.mean()), float(least.mean()), z


def main() -> None:
    """Run the policies in both worlds and print what they earned."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--budget-share", type=float, nargs="+", default=[0.5, 0.2])
    parser.add_argument("--explore-share", type=float, default=EXPLORE_SHARE, help="of learn")
    parser.add_argument("--runs", type=int, default=30, help="of the coverage; 0: none")
    parser.add_argument("--run-customers", type=int, default=8_000)
    options = parser.parse_args()
    for budget_share in options.budget_share:
        for world in (FOUR_TYPES.only("email"), NO_EFFECT.only("email")):
            _print_world(
                world,
                seeds=range(1, options.seeds + 1),
                customers=options.customers,
                weeks=options.weeks,
                budget_share=budget_share,
                explore_share=options.explore_share,
            )
    if options.runs:
        started = perf_counter()
        share, ratio, least, z = coverage(
            options.runs,
            customers=options.run_customers,
            budget_share=options.budget_share[0],
            explore_share=options.explore_share,
        )
        print(
            f"\n{options.runs} runs of {options.run_customers:,} customers: the interval of the "
            f"decisions covers the truth in {share:.0%} (z {z.mean():+.2f} ± {z.std():.2f}) and is "
            f"{ratio:.2f} times as wide as that of the holdout, {least:.2f} times were every "
            "expected margin known; "
            f"{perf_counter() - started:.0f} s."
        )


def _print_world(
    world: World,
    *,
    seeds: Sequence[int],
    customers: int,
    weeks: int,
    budget_share: float,
    explore_share: float,
) -> None:
    late = LATE_WEEKS * 7 // EVERY_DAYS
    print(
        f"\n## {world.name}: {customers:,} customers, {weeks} weeks, budget {budget_share:.0%}, "
        f"cost {world.cost_cents[1] / 100:.2f}, {explore_share:.0%} explored\n\n"
        "| policy | seed | contacts | net margin | of the oracle's | last "
        f"{LATE_WEEKS} weeks | of the oracle's | readout ± | holdout ± | stopped | s |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for seed in seeds:
        best: Floats | None = None
        for name in POLICIES:
            started = perf_counter()
            loop = run(
                name,
                world,
                seed=seed,
                customers=customers,
                weeks=weeks,
                budget_share=budget_share,
                explore_share=explore_share,
            )
            best = loop.net if best is None else best
            readout = ""
            if name in ("lot", "learn"):
                estimate, half_width = profit_interval(loop.decisions, world)
                readout = f"{estimate:,.0f} ± {half_width:,.0f}"
            stopped = ", ".join(
                f"{'lot' if is_lot else 'model'} in round {number}"
                for is_lot, number in loop.stopped.items()
            )
            print(
                f"| {name} | {seed} | {loop.contacts:,} | {loop.net.sum():,.0f} "
                f"| {_share(loop.net, best)} | {loop.net[-late:].sum():,.0f} "
                f"| {_share(loop.net[-late:], best[-late:])} | {readout} "
                f"| {loop.holdout_half_width:,.0f} | {stopped} "
                f"| {perf_counter() - started:.1f} |",
                flush=True,
            )


def _share(net: Floats, best: Floats) -> str:
    return f"{net.sum() / best.sum():.2f}" if best.sum() > 0 else "–"


if __name__ == "__main__":
    main()
