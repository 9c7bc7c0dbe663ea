"""Features: the rollup, one day, twelve days, and the engines against each other on one definition.

Spark is among them where PySpark is installed.

`python -m benchmarks.features [--customers N] [--days N]`
"""

import argparse
from datetime import timedelta
from importlib.util import find_spec

from benchmarks.lines import Line, show, timed
from benchmarks.place import place
from benchmarks.shop import fill
from retention_ml.clock import day_number
from retention_ml.features import freshness
from retention_ml.features.build import build, build_many
from retention_ml.features.catalogue import CATALOGUE
from retention_ml.features.engines import ENGINES, compute
from retention_ml.features.roll_up import roll_up

_NOTE = (
    f"{len(CATALOGUE)} features. Rows are order lines, counted once for each day. “Build” is the whole door: computation, "
    "invariants, storing, expectations. The engines are timed on the computation alone."
)


def main() -> None:
    """Fill a warehouse with a simulated shop and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=40_000)
    parser.add_argument("--days", type=int, default=540)
    options = parser.parse_args()
    measure(customers=options.customers, days=options.days)


def measure(*, customers: int = 40_000, days: int = 540) -> list[Line]:
    """Measure on a simulated shop; print and return the lines."""
    with place() as where, where.warehouse("shop") as warehouse:
        settings = where.settings()
        day = fill(where, warehouse, settings, customers=customers, days=days)
        rows = int(warehouse.read("SELECT count(*) AS n FROM curated.order_lines")["n"][0].as_py())
        twelve = [day - timedelta(days=14 * back) for back in range(12)]
        newest_rollup = 0

        def computed(engine: str, of: int) -> float:
            return timed(
                lambda: compute(
                    warehouse,
                    engine=engine,
                    days=[day_number(each) for each in twelve[:of]],
                    active_days=settings.churn.active_days,
                    newest_rollup_id=newest_rollup,
                    threads=settings.compute.threads,
                )
            )

        lines = [
            Line(
                what="full rollup",
                rows=rows,
                seconds=timed(lambda: roll_up(warehouse, settings=settings)),
            )
        ]
        newest_rollup = freshness.newest_rollup_id(warehouse)
        # The first check of a process imports Great Expectations, which is no part of the work.
        build(warehouse, settings=settings, as_of=twelve[-1])
        once = timed(lambda: build(warehouse, settings=settings, as_of=day))
        many = timed(lambda: build_many(warehouse, settings=settings, days=twelve))
        lines += [
            Line(what="build one day", rows=rows, seconds=once),
            Line(what="build twelve days together", rows=12 * rows, seconds=many).over(
                Line(what="one day, twelve times", rows=12 * rows, seconds=12 * once)
            ),
        ]
        engines = [*ENGINES, *(["spark"] if find_spec("pyspark") else [])]
        if "spark" in engines:
            computed("spark", 1)  # begins the session, which is no part of the work
        for of in (1, 12):
            duck, *others = (
                Line(
                    what=f"compute {of} day{'s' if of > 1 else ''} in {engine}",
                    rows=of * rows,
                    seconds=computed(engine, of),
                )
                for engine in engines
            )
            lines += [duck.over(others[0]), *others]
    show(f"Features of {customers:,} simulated customers over {days} days", lines, _NOTE)
    return lines


if __name__ == "__main__":
    main()
