"""Customer value against what customers brought, on three real shops: `docs/profiles.md`.

`python -m benchmarks.value` takes Complete Journey, CDNOW and Online Retail II in (those whose
files are there) and prints tables: value as it is published, beside the buying process alone
(MBG/NBD × Gamma-Gamma), BG/NBD × Gamma-Gamma, trees alone, and what each customer brought lately.
`--keep FOLDER` keeps the warehouses, and goes on with those that are there.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from benchmarks.data import DataSet, cdnow, complete_journey, online_retail
from benchmarks.place import Place, place
from retention_ml.curated.ingest import ingest
from retention_ml.features.roll_up import roll_up
from retention_ml.models.btyd import nbd
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.profiles.cadence import fit_process, purchase_counts
from retention_ml.profiles.histories import Histories, HistoryLog, read_log
from retention_ml.profiles.profile import choices_of
from retention_ml.profiles.value.customer_value import customer_value
from retention_ml.profiles.value.fit import ValueFit
from retention_ml.profiles.value.learning import Learning, at_total, learn, matured_day
from retention_ml.profiles.value.spending import Spending
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats

_DRAWS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A real shop, its horizon, and the days: the last is the one that counts."""

    data: DataSet
    horizon_days: int
    active_days: int
    days: Sequence[date]


def shops() -> list[Shop]:
    """The shops whose data are there."""
    retail = online_retail()
    measured = [
        Shop(
            data=complete_journey(),
            horizon_days=90,
            active_days=90,
            days=(date(2017, 8, 1), date(2017, 10, 2)),
        ),
        Shop(
            data=cdnow(),
            horizon_days=180,
            active_days=180,
            days=(date(1997, 8, 1), date(1998, 1, 1), date(1997, 10, 1)),
        ),
    ]
    if retail is not None:
        days = (date(2010, 12, 10), date(2011, 1, 15), date(2011, 3, 10))
        measured.append(Shop(data=retail, horizon_days=90, active_days=180, days=days))
    return measured


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="folder whose warehouses stay")
    parser.add_argument("sources", nargs="*", help="only these, such as cdnow")
    arguments = parser.parse_args()
    with place(arguments.keep) as at:
        for shop in shops():
            if not arguments.sources or shop.data.source in arguments.sources:
                measure(at, shop)


def measure(at: Place, shop: Shop) -> None:
    """Take a shop in and print a table for each of its days."""
    settings = at.settings(
        CALENDAR__TIMEZONE=shop.data.timezone,
        PROFILES__VALUE_HORIZON_DAYS=str(shop.horizon_days),
        COMPUTE__THREADS="1",
    )
    until = max(shop.days) + timedelta(days=shop.horizon_days + 1)
    with at.warehouse(shop.data.source) as warehouse:
        ingest(
            warehouse,
            settings=settings,
            source=shop.data.source,
            files=shop.data.files,
            history=True,
        )
        roll_up(warehouse, settings=settings)
        log = read_log(warehouse, until, shop.data.timezone)
    for day in shop.days:
        _print_day(shop, settings, log, day)


def _print_day(shop: Shop, settings: Settings, log: HistoryLog, day: date) -> None:
    learning = Learning(
        horizon_days=shop.horizon_days,
        learn_days=settings.profiles.value_learn_days,
        seed=settings.training.seed,
    )
    started = time.process_time()
    fit = learn(log, day, learning)
    fit_seconds = time.process_time() - started
    histories = log.purchases_at(day)
    process = fit_process(histories)
    started = time.process_time()
    rows = customer_value(histories, process, fit, choices_of(settings).value)
    seconds = time.process_time() - started
    total = rows["value_total"].to_pylist()[0]
    if total["total_cents"] is None:
        print(f"{shop.data.title}, {day}: {total['caveat']}")
        return
    values = {
        name: rows["value"][f"value{name}_cents"].to_numpy().astype(np.float64)
        for name in ("", "_lower", "_upper")
    }
    after = log.purchases_at(day + timedelta(days=shop.horizon_days + 1))
    outcome = matured_day(log, day, after, learning).outcome_cents
    inside = (outcome >= values["_lower"]) & (outcome <= values["_upper"])
    is_active = histories.today - histories.last <= shop.active_days
    methods = {
        "as lately": _lately(histories, shop.horizon_days),
        "own revenue per day": _per_day(histories, shop.horizon_days),
        **_processes(histories, shop.horizon_days),
        **_trees(log, fit, day, after, learning),
        "**value**": values[""],
    }
    print(f"\n{shop.data.title}, {day}, {shop.horizon_days} days, {len(outcome):,} customers\n")
    print("| method | MAE / mean | bias | top 20 % catch | active: MAE / mean | bias | catch |")
    print("|---|---|---|---|---|---|---|")
    for name, expected in methods.items():
        everybody = _figures(expected, outcome)
        active = _figures(expected[is_active], outcome[is_active])
        print(f"| {name} | {everybody} | {active} |")
    spending = Spending.of(histories, process)
    draws = spending.draws(float(shop.horizon_days), _DRAWS, seed=1)
    closed = float(spending.expected_cents(shop.horizon_days).sum())
    print(
        f"\n80 % intervals cover {inside.mean():.3f} of all, {inside[is_active].mean():.3f} of the "
        f"active; total {outcome.sum() / 100:,.0f}, expected {total['total_cents'] / 100:,.0f} in "
        f"{_cents(total['total_lower_cents'])} to {_cents(total['total_upper_cents'])}, level factor "
        f"{total['level_factor']:.3f}; mean of draws over closed form "
        f"{draws.mean(axis=1).sum() / closed:.4f}; fit {fit_seconds:.1f} s, apply {seconds:.1f} s of "
        f"CPU; learned: {_learned(fit)}",
        flush=True,
    )


def _lately(histories: Histories, horizon_days: int) -> Floats:
    return histories.total_cents(histories.today - horizon_days)[histories.buyers].astype(float)


def _per_day(histories: Histories, horizon_days: int) -> Floats:
    tenure = np.maximum(histories.today - histories.first, 1)
    return np.asarray(histories.total_cents()[histories.buyers] / tenure * float(horizon_days))


def _processes(histories: Histories, horizon_days: int) -> Mapping[str, Floats]:
    summary = PurchaseSummary.of(*purchase_counts(histories))
    return {
        f"{name} × Gamma-Gamma": Spending.of(
            histories, nbd.fit(summary, modified=modified)
        ).expected_cents(horizon_days)
        for name, modified in (("BG/NBD", False), ("MBG/NBD", True))
    }


def _trees(
    log: HistoryLog, fit: ValueFit | None, day: date, after: Histories, learning: Learning
) -> Mapping[str, Floats]:
    """Trees alone, at the total of the process."""
    if fit is None or fit.trees is None:
        return {}
    now = matured_day(log, day, after, learning)
    alone = replace(fit, learned_share=1.0).shares(now.values, now.process_cents, 1)
    return {"trees alone, at the process' total": at_total(alone, now.process_cents)}


def _figures(expected: Floats, outcome: Floats) -> str:
    error = np.abs(expected - outcome).mean() / outcome.mean()
    bias = expected.sum() / outcome.sum() - 1.0
    return f"{error:.3f} | {bias:+.2f} | {_catch(expected, outcome):.3f}"


def _catch(expected: Floats, outcome: Floats) -> float:
    """Share of what came that the top 20 % by expectation brought."""
    top = np.argsort(-expected, kind="stable")[: int(np.ceil(0.2 * len(expected)))]
    return float(outcome[top].sum() / outcome.sum())


def _cents(amount: int | None) -> str:
    return "unknown" if amount is None else f"{amount / 100:,.0f}"


def _learned(fit: ValueFit | None) -> str:
    if fit is None:
        return "nothing"
    errors = ", ".join(f"{name} {error:.3f}" for name, error in fit.errors.items())
    return f"{len(fit.learn_days)} days, share {fit.learned_share}, errors {errors}"


if __name__ == "__main__":
    main()
