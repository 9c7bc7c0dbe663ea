"""Activity ahead on two real shops, beside the seasonal naive: `python -m benchmarks.forecast`.

28 days ahead from several origins, each from what had happened by then. MASE is the mean absolute
error of the days divided by that of "as a week before" within the history (Hyndman and Koehler,
2006). `--settings` shows how the decays were chosen: on origins before those of the comparison.
AutoETS stands beside it where statsforecast is installed; the platform does not need it.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from importlib.util import find_spec

import numpy as np

from benchmarks.shop_histories import ShopDays, shop_days
from retention_ml.profiles.forecast.expected import expected
from retention_ml.profiles.forecast.intervals import forecast
from retention_ml.profiles.forecast.series import METRICS, daily_series
from retention_ml.statistics.arrays import Floats

DAYS, COVERAGE = 28, 0.8
Method = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """Days from which is forecast: what they are, the first, the days between, how many."""

    title: str
    first: date
    step_days: int
    count: int

    def days(self) -> list[date]:
        """The days."""
        return [self.first + timedelta(days=self.step_days * n) for n in range(self.count)]


COMPARED = {
    "complete_journey": (
        Origins(title="until 12-16", first=date(2017, 7, 2), step_days=28, count=6),
        Origins(title="until 12-31", first=date(2017, 7, 17), step_days=28, count=6),
        Origins(title="every week", first=date(2017, 7, 2), step_days=7, count=23),
    ),
    "online_retail_ii": (
        Origins(title="a year known", first=date(2011, 1, 5), step_days=21, count=6),
        Origins(title="every week", first=date(2011, 1, 5), step_days=7, count=19),
    ),
}
BEFORE = {
    "complete_journey": Origins(title="", first=date(2017, 3, 5), step_days=7, count=14),
    "online_retail_ii": Origins(title="", first=date(2010, 3, 3), step_days=14, count=15),
}


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", action="store_true", help="how the decays were chosen")
    is_choosing = parser.parse_args().settings
    for shop in shop_days():
        if is_choosing:
            _choose(shop)
            continue
        for origins in COMPARED[shop.source]:
            print(f"\n{shop.title}, {origins.title}: {_span(origins)}")
            print("| method | MASE orders / active / revenue | totals of orders, revenue off |")
            print("|---|---|---|")
            for name, method in methods().items():
                errors, totals = compare(shop, origins.days(), method)
                print(f"| {name} | {_joined(errors)} | {totals[0]:.1%}, {totals[2]:.1%} |")
            inside, inside_totals = coverage(shop, origins.days())
            print(
                f"80 % intervals hold {_joined(inside)} of the days, totals {_joined(inside_totals)}"
            )


def methods() -> dict[str, Method]:
    """What is compared, by name."""
    compared: dict[str, Method] = {
        "platform": partial(expected, days_ahead=DAYS),
        "as a week before (seasonal naive)": lambda values: np.resize(values[-7:], DAYS),
        "mean of the last four same weekdays": lambda values: np.resize(
            values[-28:].reshape(4, 7).mean(axis=0), DAYS
        ),
    }
    if find_spec("statsforecast") is not None:
        compared["AutoETS"] = _auto_ets
    return compared


def compare(shop: ShopDays, days: Sequence[date], method: Method) -> tuple[Floats, Floats]:
    """Mean MASE, and mean absolute error share of the total, by metric, each shape (3,)."""
    errors, totals = [], []
    for values, observed in (pair for day in days for pair in _pairs(shop, day)):
        predicted = method(values)
        naive = np.abs(values[7:] - values[:-7]).mean()
        errors.append(np.abs(observed - predicted).mean() / naive)
        totals.append(abs(predicted.sum() / observed.sum() - 1))
    return _mean_by_metric(errors), _mean_by_metric(totals)


def coverage(shop: ShopDays, days: Sequence[date]) -> tuple[Floats, Floats]:
    """Share of days, and of totals, within their intervals, by metric, each shape (3,)."""
    inside, totals = [], []
    for values, observed in (pair for day in days for pair in _pairs(shop, day)):
        ahead = forecast(values, DAYS, coverage=COVERAGE)
        inside.append(float(((observed >= ahead.lower) & (observed <= ahead.upper)).mean()))
        totals.append(float(ahead.total_lower <= observed.sum() <= ahead.total_upper))
    return _mean_by_metric(inside), _mean_by_metric(totals)


def _choose(shop: ShopDays) -> None:
    origins = BEFORE[shop.source]
    print(f"\n{shop.title}: MASE on {_span(origins)}")
    print("| weekdays \\ level | " + " | ".join(map(str, _LEVELS)) + " |")
    print("|---|" + "---|" * len(_LEVELS))
    for weekday in (0.03, 0.05, 0.1, 0.2, 0.3):
        cells = []
        for level in _LEVELS:
            method = partial(expected, days_ahead=DAYS, weekday_decay=weekday, level_decay=level)
            cells.append(f"{compare(shop, origins.days(), method)[0].mean():.3f}")
        print(f"| {weekday} | " + " | ".join(cells) + " |")


_LEVELS = (0.1, 0.2, 0.3, 0.5)


def _pairs(shop: ShopDays, day: date) -> list[tuple[Floats, Floats]]:
    """History and what came after it, by metric."""
    whole = daily_series(shop.at(day + timedelta(days=DAYS)), gap_days_max=14)
    return [(whole.values[name][:-DAYS], whole.values[name][-DAYS:]) for name in METRICS]


def _mean_by_metric(values: Sequence[float]) -> Floats:
    return np.asarray(np.array(values).reshape(-1, len(METRICS)).mean(axis=0), dtype=np.float64)


def _auto_ets(values: Floats) -> Floats:
    from statsforecast.models import AutoETS

    return np.asarray(AutoETS(season_length=7).forecast(values, DAYS)["mean"])


def _joined(values: Floats) -> str:
    return " / ".join(f"{value:.2f}" for value in values)


def _span(origins: Origins) -> str:
    return f"{origins.count} origins from {origins.first} every {origins.step_days} days"


if __name__ == "__main__":
    main()
