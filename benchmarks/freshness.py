"""What it is worth to know at once: `python -m benchmarks.freshness [--customers N] [--days N]`.

The same models read what was known until midnight, an hour, five minutes and a moment before: which
of ten products is bought next, and who does not order within 28 days.
"""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.freshness_features import PointInTime
from benchmarks.freshness_log import DAY, Log, journey, simulated
from retention_ml.models.predictors.trees import load_lightgbm
from retention_ml.statistics.arrays import Bools, Floats, Ints

CUTS: Mapping[str, Callable[[Ints], Ints]] = {
    "midnight": lambda at: at // DAY * DAY,
    "an hour": lambda at: at - 3_600,
    "five minutes": lambda at: at - 300,
    "a moment": lambda at: at - 1,
}
LISTED, HORIZON_DAYS, ACTIVE_DAYS, NEGATIVES_SHARE = 10, 28, 90, 0.1
_DRAWS = 1_000
_PARAMETERS = {
    "objective": "binary", "num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 20,
    "deterministic": True, "num_threads": 1, "seed": 1, "verbose": -1,
}  # fmt: skip


def main() -> None:
    """Measure on a simulated shop without and with intent, and on Complete Journey; print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=4_000, help="of the simulated shop")
    parser.add_argument("--days", type=int, default=300, help="of the simulated shop")
    parser.add_argument("--orders", type=int, default=1_500, help="to learn from, and to judge by")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", choices=("simulated", "journey"), help="one of the data sets; default: both"
    )
    options = parser.parse_args()
    logs = []
    if options.only != "journey":
        logs += [
            simulated(
                customers=options.customers, days=options.days, seed=options.seed, has_intent=flag
            )
            for flag in (False, True)
        ]
    if options.only != "simulated":
        logs.append(journey())
    for log in logs:
        measure(log, orders=options.orders, seed=options.seed)
    Console().print("Load of the machine: {:.1f}, {:.1f}, {:.1f}".format(*os.getloadavg()))


def measure(log: Log, *, orders: int, seed: int) -> None:
    """Print what each cut is worth on one log."""
    point_in_time = PointInTime(log)
    _show(
        f"{log.title}: a product bought next is among {LISTED}",
        *_hits(log, point_in_time, orders, np.random.default_rng(seed)),
    )
    _show(
        f"{log.title}: ROC AUC of no order within {HORIZON_DAYS} days",
        *_churn(log, point_in_time, np.random.default_rng(seed)),
    )


def _hits(
    log: Log, point_in_time: PointInTime, orders: int, draw: np.random.Generator
) -> tuple[dict[str, Floats], str, Callable[[Floats, Ints], float]]:
    """Of each cut whether a bought product was listed, shape (orders judged,)."""
    train, test = (
        _orders(log, begin, end, orders, draw) for begin, end in ((0.4, 0.7), (0.7, 1.0))
    )
    hits = {}
    for name, cut in CUTS.items():
        features, targets = [], []
        for customer, at, products in train:
            rows = point_in_time.of_products(customer, int(cut(np.array(at))))
            target = np.isin(np.arange(len(rows)), products)
            selected = target | (draw.random(len(rows)) < NEGATIVES_SHARE)
            features.append(rows[selected])
            targets.append(target[selected])
        model = _fit(np.concatenate(features), np.concatenate(targets))
        hits[name] = np.array(
            [
                float(
                    np.isin(
                        _first(model, point_in_time, customer, int(cut(np.array(at)))), products
                    ).any()
                )
                for customer, at, products in test
            ]
        )
    note = f"{len(test):,} orders of customers who had ordered before."
    return hits, note, lambda values, rows: float(values[rows].mean())


def _first(
    model: Callable[[Floats], Floats], point_in_time: PointInTime, customer: int, until: int
) -> Ints:
    score = model(point_in_time.of_products(customer, until))
    return np.argsort(-score, kind="stable")[:LISTED]


def _orders(
    log: Log, begin: float, end: float, count: int, draw: np.random.Generator
) -> list[tuple[int, int, Ints]]:
    """Customer, second and products of some orders of a part of the time that are not the first."""
    span = log.last - log.first
    order, first_line = np.unique(log.line_order, return_index=True)
    del order
    at, customer = log.line_at[first_line], log.line_customer[first_line]
    since = np.full(int(customer.max()) + 1, log.last)
    np.minimum.at(since, customer, at)
    chosen = np.flatnonzero(
        (at >= log.first + begin * span) & (at < log.first + end * span) & (at > since[customer])
    )
    chosen = draw.permutation(chosen)[:count]
    orders = []
    for place in np.sort(chosen):
        lines = log.lines_of(int(customer[place]))
        same = log.line_order[lines] == log.line_order[first_line[place]]
        products = log.line_product[lines][same]
        orders.append((int(customer[place]), int(at[place]), products[products >= 0]))
    return orders


def _churn(
    log: Log, point_in_time: PointInTime, draw: np.random.Generator
) -> tuple[dict[str, Floats], str, Callable[[Floats, Ints], float]]:
    """Of each cut the probabilities of the customers judged, shape (n,), and how they are judged."""
    last_day = (log.last - HORIZON_DAYS * DAY) // DAY - 1
    train_days = [last_day - HORIZON_DAYS - 4 * each for each in range(1, 9)]
    train = [_moments(log, day, draw) for day in train_days]
    customers, at, churned = _moments(log, last_day, draw)
    scores = {}
    for name, cut in CUTS.items():
        features = np.concatenate([_rows(point_in_time, c, cut(t)) for c, t, _ in train])
        model = _fit(features, np.concatenate([label for *_, label in train]))
        scores[name] = model(_rows(point_in_time, customers, cut(at)))
    visited = _visited(log, customers, at)
    note = (
        f"{len(customers):,} customers who had ordered within {ACTIVE_DAYS} days, each at a moment of "
        f"one day; {churned.mean():.1%} did not order."
    )
    if visited.any():
        within = {name: _auc(score[visited], churned[visited]) for name, score in scores.items()}
        words = ", ".join(f"{name} {value:.3f}" for name, value in within.items())
        note += f" Of the {visited.sum():,} who had visited since midnight alone: {words}."
    return scores, note, lambda values, rows: _auc(values[rows], churned[rows])


def _moments(log: Log, day: int, draw: np.random.Generator) -> tuple[Ints, Ints, Bools]:
    """Active customers of a day, a second of it for each, and who then ordered no more for long."""
    customers = np.unique(log.line_customer)
    at = day * DAY + draw.integers(8 * 3_600, 23 * 3_600, len(customers))
    is_active = np.zeros(len(customers), dtype=bool)
    churned = np.zeros(len(customers), dtype=bool)
    for place, customer in enumerate(customers):
        orders_at = log.line_at[log.lines_of(int(customer))]
        begin, now, end = np.searchsorted(
            orders_at, [(day - ACTIVE_DAYS) * DAY, day * DAY, at[place] + HORIZON_DAYS * DAY]
        )
        is_active[place] = now > begin
        churned[place] = np.searchsorted(orders_at, at[place]) == end
    return customers[is_active], at[is_active], churned[is_active]


def _visited(log: Log, customers: Ints, at: Ints) -> Bools:
    """Who did something between midnight and their moment."""
    did = []
    for customer, moment in zip(customers, at, strict=True):
        times = np.concatenate(
            [log.event_at[log.events_of(int(customer))], log.line_at[log.lines_of(int(customer))]]
        )
        did.append(bool(((times >= moment // DAY * DAY) & (times < moment)).any()))
    return np.array(did)


def _rows(point_in_time: PointInTime, customers: Ints, until: Ints) -> Floats:
    pairs = zip(customers, until, strict=True)
    return np.stack(
        [point_in_time.of_customer(int(customer), int(second)) for customer, second in pairs]
    )


def _fit(features: Floats, target: Bools) -> Callable[[Floats], Floats]:
    lightgbm = load_lightgbm()
    data = lightgbm.Dataset(features, target.astype(np.float64))
    booster = lightgbm.train(_PARAMETERS, data, num_boost_round=120)
    return lambda rows: np.asarray(booster.predict(rows))


def _auc(score: Floats, positive: Bools) -> float:
    """ROC AUC, ties half; NaN where there is one class."""
    from scipy.stats import rankdata

    positives = int(positive.sum())
    pairs = positives * (len(score) - positives)
    if not pairs:
        return float("nan")
    rank = rankdata(score)
    return float((rank[positive].sum() - positives * (positives + 1) / 2) / pairs)


def _show(
    title: str,
    values: Mapping[str, Floats],
    note: str,
    figure: Callable[[Floats, Ints], float],
) -> None:
    """A line per cut: the figure, and by how much it differs from that of midnight, with an interval."""
    count = len(next(iter(values.values())))
    everybody = np.arange(count)
    draw = np.random.default_rng(7)
    samples: Sequence[Ints] = [draw.integers(count, size=count) for _ in range(_DRAWS)]
    before = [figure(values["midnight"], rows) for rows in samples]
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in ("known until … before", "figure", "above midnight's", "95 % interval"):
        table.add_column(heading, justify="left" if "…" in heading else "right")
    for name, each in values.items():
        change = figure(each, everybody) - figure(values["midnight"], everybody)
        changes = [figure(each, rows) - b for rows, b in zip(samples, before, strict=True)]
        low, high = np.nanpercentile(changes, [2.5, 97.5])
        table.add_row(
            name,
            f"{figure(each, everybody):.3f}",
            "" if name == "midnight" else f"{change:+.3f}",
            "" if name == "midnight" else f"{low:+.3f} to {high:+.3f}",
        )
    Console().print(table)
    Console().print(note, end="\n\n")


if __name__ == "__main__":
    main()
