"""How stable personas are on two real shops, and how many customers change theirs in a month.

`python -m benchmarks.personas` divides the buyers of a day, shows what the personas are like, and
follows them for some months with centroids that stay; beside them stands what a fit anew after a
month would change, though it is matched.
"""

from datetime import date, timedelta

import numpy as np

from benchmarks.shop_histories import ShopDays, shop_days
from retention_ml.profiles.histories import Histories
from retention_ml.profiles.personas.behaviour import MONTH_DAYS, behaviour, behaviour_a_month_ago
from retention_ml.profiles.personas.fit import PersonaFit, fit_personas
from retention_ml.statistics.arrays import Floats, Ints

STABILITY_MIN, CHANGE_MAX = 0.85, 0.15
DAYS = {
    "complete_journey": (date(2017, 7, 1), 90, 5),
    "online_retail_ii": (date(2010, 12, 1), 180, 6),
}
"""The day of the fit, `lapsed_days`, and months after it."""


def main() -> None:
    """Measure, and print."""
    for shop in shop_days():
        first, lapsed_days, months = DAYS[shop.source]
        ids, traits, fit = _fit_at(shop, first, lapsed_days, None)
        tried = ", ".join(
            f"{count}: {one.stability:.2f} / {one.change or 0:.2f}"
            for count, one in fit.tried.items()
        )
        print(f"\n{shop.title}, {len(traits):,} customers on {first}")
        print(f"stability / share that moved in a month, by number: {tried}")
        _show(fit, traits)
        place, stay_ids = fit.assign(traits), ids
        for month in range(1, months + 1):
            day = first + timedelta(days=MONTH_DAYS * month)
            next_ids, traits = _at(shop.at(day), lapsed_days)
            stay = np.searchsorted(next_ids, stay_ids)
            next_place = fit.assign(traits)
            print(f"  {day}: {(next_place[stay] != place).mean():.1%} changed in a month")
            stay_ids, place = next_ids, next_place
        day = first + timedelta(days=MONTH_DAYS)
        next_ids, traits, anew = _fit_at(shop, day, lapsed_days, fit)
        before = _numbers(fit, fit.assign(_at(shop.at(first), lapsed_days)[1]))
        now = _numbers(anew, anew.assign(traits))[np.searchsorted(next_ids, ids)]
        names = {one.name for one in fit.personas} & {one.name for one in anew.personas}
        print(
            f"  fitted anew on {day}: {len(anew.personas)} personas, {len(names)} names stay, "
            f"{(now != before).mean():.1%} changed"
        )


def _at(histories: Histories, lapsed_days: int) -> tuple[np.ndarray, Floats]:
    """Customers, rising, and their traits."""
    ids = np.array(histories.customer_ids.to_pylist())[histories.buyers]
    return ids, behaviour(histories, lapsed_days=lapsed_days)


def _fit_at(
    shop: ShopDays, day: date, lapsed_days: int, previous: PersonaFit | None
) -> tuple[np.ndarray, Floats, PersonaFit]:
    """Customers, rising, their traits, and a fit of them that continues the one before."""
    histories = shop.at(day)
    ids, traits = _at(histories, lapsed_days)
    numbers = [one.persona_id for one in previous.personas] if previous else []
    fit = fit_personas(
        traits,
        behaviour_a_month_ago(histories, lapsed_days=lapsed_days),
        stability_min=STABILITY_MIN,
        change_max=CHANGE_MAX,
        previous=previous,
        next_id=1 + max(numbers, default=0),
    )
    return ids, traits, fit


def _numbers(fit: PersonaFit, place: Ints) -> Ints:
    return np.array([one.persona_id for one in fit.personas])[place]


def _show(fit: PersonaFit, traits: Floats) -> None:
    place = fit.assign(traits)
    print("| persona | traits | share | silent days | purchase days | per day | of revenue |")
    print("|---|---|---|---|---|---|---|")
    for number, one in enumerate(fit.personas):
        group = traits[place == number]
        silent, orders, _, per_day = np.median(group, axis=0)[:4]
        print(
            f"| {one.name} | {one.traits} | {len(group) / len(traits):.2f} | {silent:.0f} "
            f"| {orders:.0f} | {per_day / 100:.0f} | {group[:, 2].sum() / traits[:, 2].sum():.2f} |"
        )


if __name__ == "__main__":
    main()
