"""A training every week on all decisions so far: how often, and how soon, `uplift` is called proven.

Each training looks at the decisions that the one before has seen, and at some more. By intervals
that hold for one look the chance of a false proof grows with every training; by those that hold at
all trainings it does not.
"""

from collections.abc import Sequence

import numpy as np

from benchmarks.uplift_shops import World, decisions
from retention_ml.models.uplift.evaluation import Money, compare_learners
from retention_ml.models.uplift.ladder import Rung, decide, errors_at_all_trainings
from retention_ml.models.uplift.randomisation import Randomisation
from retention_ml.models.uplift.shrinkage import SlopePrior
from retention_ml.statistics.metrics import Z_95

ERROR_RATE = 0.05
_SEED = 42  # one for all trainings, as in the settings
_BY_LOT = Randomisation(auc=0.5, foreseen_z=0.0, share_z=0.0)
_FREE = Money(value=15.0)  # a contact costs nothing, so that nobody is left alone for its cost


def trainings(
    world: World,
    *,
    shops: int,
    weeks: int,
    per_week: int = 400,
    rows_min: int = 2_000,
    names: Sequence[str] = (),
) -> None:
    """Print for both intervals in how many shops `uplift` was ever called proven, and when."""
    first: dict[str, list[float]] = {"for one look": [], "at all trainings": []}
    for seed in range(shops):
        sample = decisions(per_week * weeks, 900_000 + seed, world).sample
        proven = dict.fromkeys(first, np.inf)
        for rows in range(-(-rows_min // per_week) * per_week, len(sample) + 1, per_week):
            comparison = compare_learners(
                sample.take(np.arange(len(sample)) < rows),
                money=_FREE,
                prior=SlopePrior(),
                seed=_SEED,
                names=names,
            )
            at_all = errors_at_all_trainings(rows, rows_min=rows_min, error_rate=ERROR_RATE)
            for name, errors in zip(first, (Z_95, at_all), strict=True):
                decision = decide(comparison, _BY_LOT, rows_min=rows_min, errors=errors)
                if decision.rung is Rung.UPLIFT:
                    proven[name] = min(proven[name], rows)
            if max(proven.values()) < np.inf:
                break
        for name, rows_of in first.items():
            rows_of.append(proven[name])
    print(
        f"World {world!r}: {shops} shops, {per_week} decisions a week, a training each week from "
        f"{rows_min:,} decisions to {per_week * weeks:,}\n\n"
        "| intervals hold | `uplift` ever called proven | decisions then, median |\n|---|---|---|"
    )
    for name, rows_of in first.items():
        reached = [rows for rows in rows_of if rows < np.inf]
        median = f"{np.median(reached):,.0f}" if reached else "–"
        print(f"| {name} | {len(reached) / shops:.3f} | {median} |", flush=True)
    print()
