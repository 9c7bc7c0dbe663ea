"""The profiles of a day at size: `python -m benchmarks.profiles_at_size [--customers N]`.

A simulated shop: abnormal customers, value, profiles with personas and forecast, publication, each
door in a process of its own, with CPU and the most memory it held; then the day after, when
nothing has to be fitted. `--keep FOLDER` keeps the warehouse, and goes on with one that is there.
"""

import argparse
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.alone import alone
from benchmarks.lines import Line, show
from benchmarks.place import place
from benchmarks.shop import FIRST_DAY, fill
from retention_ml.abnormal.detect import detect
from retention_ml.features.roll_up import roll_up
from retention_ml.profiles.profile import profile
from retention_ml.profiles.publish_profiles import publish_profiles
from retention_ml.profiles.value.fit_value import fit_value
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_CLEARED = (
    *(f"profiles.{name}" for name in ("customer_value", "value_daily", "customer_daily")),
    *(f"profiles.{name}" for name in ("stage_daily", "transitions", "cohorts", "survival")),
    *(f"profiles.{name}" for name in ("funnel", "personas", "forecasts", "published", "audits")),
    *(f"profiles.{name}" for name in ("snapshots", "value_fits", "persona_centroids")),
    *("profiles.persona_fits", "abnormal.customer_daily", "abnormal.detections"),
    "abnormal.decisions",
)


def main() -> None:
    """Measure and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=40_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--keep", type=Path, help="folder whose warehouse stays")
    options = parser.parse_args()
    measure(customers=options.customers, days=options.days, keep=options.keep)


def measure(*, customers: int, days: int, keep: Path | None = None) -> list[Line]:
    """Measure on a simulated shop; print and return the lines."""
    with place(keep) as at, at.warehouse("shop") as warehouse:
        settings, day = at.settings(), FIRST_DAY + timedelta(days=days)
        if not warehouse.read("SELECT 1 AS one FROM curated.order_lines LIMIT 1").num_rows:
            fill(at, warehouse, settings, customers=customers, days=days)
        roll_up(warehouse, settings=settings)
        with warehouse.transaction() as transaction:
            # As if nothing had been made yet: a kept warehouse holds what the last run made.
            transaction.execute(f"TRUNCATE {', '.join(_CLEARED)}")
        lines, costs = [], []
        for title, as_of in (("first day", day), ("day after", day + timedelta(days=1))):
            total, snapshot_id = 0.0, 0
            for what, door in (
                ("detect", _detect), ("fit_value", _fit_value), ("profile", _profile),
                ("publish", _publish),
            ):  # fmt: skip
                step = alone(door, warehouse.url, settings, as_of, snapshot_id)
                snapshot_id = step.details.get("snapshot_id", snapshot_id)
                total += step.seconds
                rows = step.customers or customers
                lines.append(Line(what=f"{title}: {what}", rows=rows, seconds=step.seconds))
                costs.append(f"{what} {step.cpu_seconds:.1f} CPU s, {step.megabytes:,} MB")
            lines.append(Line(what=f"{title}: all", rows=customers, seconds=total))
        note = "Each process imports what it needs, which counts. " + "; ".join(costs) + "."
        show(f"Profiles of a simulated shop of {customers:,} customers", lines, note)
    return lines


def _detect(url: str, settings: Settings, day: date, _: int) -> tuple[int, dict[str, Any]]:
    receipt = detect(Warehouse(url), settings=settings, as_of=day)
    return receipt.read, receipt.details


def _fit_value(url: str, settings: Settings, day: date, _: int) -> tuple[int, dict[str, Any]]:
    return 0, dict(fit_value(Warehouse(url), settings=settings, as_of=day).details)


def _profile(url: str, settings: Settings, day: date, _: int) -> tuple[int, dict[str, Any]]:
    receipt = profile(Warehouse(url), settings=settings, as_of=day)
    return receipt.read, receipt.details


def _publish(url: str, settings: Settings, _: date, snapshot: int) -> tuple[int, dict[str, Any]]:
    receipt = publish_profiles(Warehouse(url), settings=settings, snapshot_id=snapshot)
    return receipt.read, receipt.details


if __name__ == "__main__":
    main()
