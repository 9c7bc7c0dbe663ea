"""The door `plan`: an experiment's design and how many customers it needs, before it starts."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from retention_ml.errors import UsageError
from retention_ml.experiments import ledger
from retention_ml.experiments.design import Design
from retention_ml.experiments.expectations import expectations
from retention_ml.experiments.power import ALL, Expectation, Price, Size, shown, sizes
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def plan(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    design: Design,
    question: str,
    prices: Mapping[str, Price],
    by: str,
) -> DecisionReceipt:
    """Write the plan of an experiment; the same plan again changes nothing.

    Parameters
    ----------
    as_of : date
        A day with published scores: from these the sizes are computed.
    prices : mapping of str to Price
        By action.
    by : str
        Who plans it.

    Raises
    ------
    UsageError
        There is another plan of that name, or a tier that no customer has.
    NotReady
        No scores are published for the day.
    """
    started = time.perf_counter()
    if not by.strip():
        raise UsageError("Nobody is named who plans the experiment; expected a name. Use --by.")
    windows = decision_windows(settings, design)
    by_tier = expectations(warehouse, settings, as_of=as_of, windows=windows)
    _require_tiers(design, by_tier)
    planned = sizes([by_tier[tier] for tier in design.tiers], design, prices=prices)
    main = next(one for one in planned if one.tier == ALL and one.metric == design.metric)
    assumptions = {
        "windows": windows,
        "prices": {arm: asdict(price) for arm, price in prices.items()},
        "tiers": [_rounded(asdict(by_tier[tier])) for tier in design.tiers],
    }
    with warehouse.transaction() as transaction:
        transaction.lock(ledger.LOCK)
        is_new = ledger.add(
            transaction,
            design,
            question=question,
            sizes=[_entry(one) for one in planned],
            assumptions=assumptions,
            planned_count=main.needed,
            missing_count=main.missing,
            as_of=as_of,
            by=by,
            run_id=settings.run_id,
        )
        stored = ledger.find(transaction, design.experiment_id)
    if stored.design != design or stored.question != question:
        raise UsageError(
            f"Experiment {design.experiment_id!r} was planned otherwise on scores of "
            f"{stored.planned_as_of}, and a plan is fixed. Choose another name; it is part of the "
            "salt of the lots."
        )
    done = "is planned" if is_new else "had been planned"
    entries = stored.sizes["sizes"]
    [sentence] = [
        one["sentence"] for one in entries if (one["tier"], one["metric"]) == (ALL, design.metric)
    ]
    return warehouse.record(
        DecisionReceipt(
            door="plan",
            as_of=as_of,
            seconds=time.perf_counter() - started,
            sentence=f"Experiment {design.experiment_id} {done}. {sentence}",
            details={
                "experiment_id": design.experiment_id,
                "is_new": is_new,
                "planned_count": shown(stored.planned_count),
                "missing_count": shown(stored.missing_count),
                "sizes": entries,
            },
        ),
        settings.run_id,
    )


def decision_windows(settings: Settings, design: Design) -> int:
    """How often a customer can be decided about and mature within the time of an experiment."""
    window = settings.churn.lead_days + settings.churn.horizon_days
    usable = design.days_max - settings.churn.settle_days
    if usable < window:
        raise UsageError(
            f"The experiment lasts {design.days_max} days, an outcome is known after "
            f"{window + settings.churn.settle_days}; expected at least so many. Set [experiments] "
            "days_max higher."
        )
    if design.unit == "customer":
        return 1
    rest = max(window, settings.actions.fatigue_days)
    return 1 + (usable - window) // (rest + 1)


def _require_tiers(design: Design, by_tier: Mapping[str, Expectation]) -> None:
    unknown = sorted(set(design.tiers) - set(by_tier))
    if unknown:
        raise UsageError(
            f"No customer is in tier {', '.join(unknown)}; expected some of {', '.join(by_tier)}."
        )


def _entry(size: Size) -> dict[str, Any]:
    counts = {name: shown(getattr(size, name)) for name in ("needed_at_end", "needed", "missing")}
    return {**_rounded(asdict(size)), **counts, "sentence": size.sentence}


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(v, 6) if isinstance(v, float) else v for name, v in row.items()}
