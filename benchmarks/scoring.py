"""Scoring and publication of about 20,000 customers: `python -m benchmarks.scoring [--customers N]`.

With `--rows N` it is a day of N customers by processor time, see `scoring_at_size`.
"""

import argparse

from benchmarks.lines import Line, show, timed
from benchmarks.place import place
from benchmarks.scoring_at_size import measure_at
from benchmarks.shop import fill
from retention_ml.features.build import build
from retention_ml.models.training.train import train
from retention_ml.outcomes.trial.trials import trial_between
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score

_SLICE_ROWS = 5_000
_QUICK = {
    "TRAINING__CANDIDATES": "recency,lightgbm",
    "TRAINING__TUNING_TRIALS": "0",
    "TRAINING__CUTOFF_COUNT": "2",
    "TRAINING__BOOTSTRAP_DRAWS": "100",
}
_NOTE = (
    "“Score” fetches the champion (LightGBM), predicts, explains every customer exactly, gives tiers "
    "and values, and writes; “publish” checks, audits and flips the pointer. The alternative only "
    f"writes {_SLICE_ROWS:,} of the same rows, finished, with pandas; its rows a second are taken to "
    "hold for all."
)


def main() -> None:
    """Train a champion on a simulated shop, score its last day and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=56_000, help="of the simulated shop")
    parser.add_argument("--rows", type=int, help="customers of a day that is measured by CPU time")
    arguments = parser.parse_args()
    if arguments.rows:
        measure_at(arguments.rows)
    else:
        measure(customers=arguments.customers)


def measure(*, customers: int = 56_000, days: int = 330) -> list[Line]:
    """Measure on a simulated shop; print and return the lines."""
    with place() as where, where.warehouse("shop") as warehouse:
        settings = where.settings(**_QUICK)
        day = fill(where, warehouse, settings, customers=customers, days=days)
        trained = train(warehouse, settings=settings, as_of=day, trial_between=trial_between)
        if trained.details["verdict"] != "promote":
            raise SystemExit(f"There is no champion to score with: {trained.details['reason']}")
        build(warehouse, settings=settings, as_of=day)
        scored = score(warehouse, settings=settings, as_of=day)
        published = publish(warehouse, settings=settings, snapshot_id=scored.details["snapshot_id"])
        rows = warehouse.read("SELECT * FROM scores.customer_daily").to_pandas()[:_SLICE_ROWS]

        def naive() -> None:
            with warehouse.engine.begin() as connection:
                rows.to_sql("naive", connection, index=False, method="multi", chunksize=500)

        other = Line(what="pandas, to_sql(method='multi')", rows=len(rows), seconds=timed(naive))
    steps = [
        Line(what="score", rows=scored.read, seconds=scored.seconds),
        Line(what="publish", rows=published.read, seconds=published.seconds),
    ]
    whole = Line(
        what="score and publish", rows=scored.read, seconds=scored.seconds + published.seconds
    )
    lines = [*steps, whole.over(other), other]
    show(f"Scoring of {scored.read:,} active customers", lines, _NOTE)
    return lines


if __name__ == "__main__":
    main()
