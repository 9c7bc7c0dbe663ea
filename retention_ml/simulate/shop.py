"""The door `simulate`: a shop with a known truth, written as files the way a shop delivers them."""

import shutil
import time
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from retention_ml.errors import UsageError
from retention_ml.simulate import (
    baskets,
    browsing,
    campaigns,
    catalogue,
    feedback,
    feeds,
    files,
    intent,
    population,
    purchases,
    truth,
)
from retention_ml.simulate.abnormal import plants
from retention_ml.simulate.abnormal.kinds import STRENGTHS
from retention_ml.simulate.population import TYPES, Population
from retention_ml.simulate.seasons import ShopCalendar

TIMEZONE = "Europe/London"
_STEPS = ("population", "catalogue", "contacts", "purchases", "sold", "returns", "browsing")
_WRITING = ("feedback", "campaign_contacts", "order_lines", "events", "products", "customers")


def simulate(
    *,
    customers: int,
    days: int,
    seed: int,
    out: Path,
    first_day: date = date(2024, 1, 1),
    defect_share: float = 0.01,
    abnormal: str | None = None,
    abnormal_share: float = 0.03,
    has_intent: bool = False,
) -> dict[str, Any]:
    """Write a simulated shop into `out`; how many rows of what were written.

    The monthly files of each feed stand in `out`, the truth in `out/truth` (see
    docs/simulator.md). The same arguments give the same bytes.

    Parameters
    ----------
    customers, days : int
        How many customers, and over how many days, at least 1 each.
    seed : int
        0 or greater.
    out : Path
        A folder that does not exist, is empty, or holds an earlier simulation.
    defect_share : float
        Share of all rows that are defective or repeated on purpose, in [0, 0.5].
    abnormal : str, optional
        How clearly planted bots, brushers, return abusers and resellers show: `plain` or `hard`.
        They come on top of `customers`, who stay as they are. None: nobody is planted.
    abnormal_share : float
        How many are planted, as a share of `customers`, in (0, 1].
    has_intent : bool
        Whether intents build over hours: products looked at and not bought, carts left. Everything
        but the click-stream is as without.

    Raises
    ------
    UsageError
        If an argument is out of range, or `out` holds something else.
    """
    started = time.perf_counter()
    _check(customers=customers, days=days, seed=seed, defect_share=defect_share)
    _check_abnormal(abnormal, abnormal_share)
    _clear(out)
    calendar = ShopCalendar(first_day=first_day, days=days, timezone=TIMEZONE)
    drawn = {name: np.random.default_rng([seed, place]) for place, name in enumerate(_STEPS)}

    people = population.population(drawn["population"], customers=customers, days=days)
    goods = catalogue.catalogue(drawn["catalogue"])
    planned = campaigns.campaigns(calendar)
    made = campaigns.contacts(drawn["contacts"], people, planned)
    orders = purchases.purchases(drawn["purchases"], people, calendar, planned, made)
    favourite = baskets.favourites(drawn["sold"], people)
    sold = baskets.sold_lines(drawn["sold"], favourite, orders, goods)
    back = baskets.lines_that_came_back(drawn["returns"], people, orders, sold, calendar)
    stream = browsing.events(drawn["browsing"], people, calendar, orders, sold)
    if has_intent:
        drawn_intent = np.random.default_rng([seed, 300])
        stream = plants.together(
            stream, intent.intent(drawn_intent, people, calendar, orders, sold)
        )

    ids = feeds.customer_ids(customers)
    writing = {
        name: np.random.default_rng([seed, 100, place]) for place, name in enumerate(_WRITING)
    }
    entries = feedback.feedback(writing["feedback"], calendar, sold, back)
    everybody, everybody_ids, planted = people, ids, None
    if abnormal is not None:
        count = max(1, round(customers * abnormal_share))
        planted = plants.plants(
            np.random.default_rng([seed, 200]),
            count=count,
            strength=STRENGTHS[abnormal],
            goods=goods,
            calendar=calendar,
        ).after(customers=customers, orders=len(orders))
        everybody = plants.residents(people, planted.people)
        everybody_ids = feeds.customer_ids(customers + count)
        sold = baskets.Lines.concatenate([sold, planted.sold])
        back = baskets.Lines.concatenate([back, planted.back])
        stream = plants.together(stream, planted.stream)
        entries = plants.by_time(feedback.Feedback.concatenate([entries, planted.entries]))
    tables = {
        "order_lines": feeds.order_lines(everybody_ids, goods, calendar, sold, back),
        "events": feeds.events(everybody_ids, goods, stream),
        "products": feeds.products(goods, calendar),
        "customers": feeds.customers(everybody_ids, everybody, calendar),
        "feedback": feeds.feedback(everybody_ids, goods, calendar, entries),
        "campaign_contacts": feeds.campaign_contacts(
            writing["campaign_contacts"], ids, goods, calendar, planned, made, orders
        ),
    }
    delivered: list[files.File] = []
    for feed, table in tables.items():
        delivered.extend(files.written(writing[feed], feed, table, out, calendar, defect_share))
    if defect_share > 0:
        delivered.append(files.repeated(delivered[0], out))
    _write_truth(out / "truth", ids, people, calendar, planned, made, delivered)
    if planted is not None:
        strangers = plants.truth_table(planted, everybody_ids[customers:], str(abnormal))
        pq.write_table(strangers, out / "truth" / "abnormal_customers.parquet")
    defects = [defect for file in delivered for defect in file.defects if not file.is_repeated]
    return {
        "customers": customers,
        **({} if planted is None else {"abnormal_customers": len(planted)}),
        "orders": len(orders) + (0 if planted is None else len(planted.orders)),
        "files": len(delivered),
        "rows": sum(file.rows for file in delivered if not file.is_repeated),
        "defective_rows": sum(defect.reason_code != "" for defect in defects),
        "repeated_rows": sum(defect.reason_code == "" for defect in defects),
        "first_day": first_day.isoformat(),
        "last_day": calendar.last_day.isoformat(),
        "seconds": round(time.perf_counter() - started, 3),
    } | {f"{feed}_rows": table.num_rows for feed, table in tables.items()}


def _check(*, customers: int, days: int, seed: int, defect_share: float) -> None:
    for name, value, least in (("customers", customers, 1), ("days", days, 1), ("seed", seed, 0)):
        if value < least:
            raise UsageError(f"{name} is {value}; expected {least} or more. Give a greater number.")
    if not 0 <= defect_share <= 0.5:
        raise UsageError(
            f"defect_share is {defect_share}; expected 0 (no defects) to 0.5. Give such a share."
        )


def _check_abnormal(abnormal: str | None, share: float) -> None:
    if abnormal is not None and abnormal not in STRENGTHS:
        raise UsageError(
            f"abnormal is {abnormal!r}; expected {' or '.join(STRENGTHS)}. Name one of them, or "
            "leave it out to plant nobody."
        )
    if not 0 < share <= 1:
        raise UsageError(
            f"abnormal_share is {share}; expected a share above 0, up to 1. Give such a share."
        )


def _clear(out: Path) -> None:
    """Make room for the files; only an earlier simulation is removed."""
    if out.is_dir() and any(out.iterdir()):
        if not (out / "truth" / "customers.parquet").is_file():
            raise UsageError(
                f"{out} holds files that are no simulated shop; nothing was written. "
                "Name an empty or a new folder."
            )
        for path in out.glob("*.csv"):
            path.unlink()
        shutil.rmtree(out / "truth")
        shutil.rmtree(out / "response", ignore_errors=True)
    (out / "truth").mkdir(parents=True, exist_ok=True)


def _write_truth(
    folder: Path,
    ids: pa.Array,
    people: Population,
    calendar: ShopCalendar,
    planned: tuple[campaigns.Campaign, ...],
    made: campaigns.Contacts,
    delivered: list[files.File],
) -> None:
    customer_truth = pa.table(
        {
            "customer_id": ids,
            "customer_type": pa.array([each.name for each in TYPES]).take(
                pa.array(people.type_index)
            ),
            "is_one_time": people.is_one_time,
            "purchase_rate_per_day": people.purchase_rate_per_day,
            "dropout_rate_per_day": people.dropout_rate_per_day,
            "contact_multiplier": people.contact_multiplier,
            "first_day": pa.array([calendar.first_day] * len(people), pa.date32()),
            "registered_at_days": people.registered_at,
            "first_order_at_days": people.first_order_at,
            "dropped_out_at_days": people.dropped_out_at,
        }
    )
    for name, table in {
        "customers": customer_truth,
        "contacts": truth.contact_effects(customer_truth, planned, made),
        "campaigns": pa.Table.from_pylist(
            [asdict(each) for each in planned], schema=truth.CAMPAIGN_SCHEMA
        ),
        "defects": files.defects_table(delivered),
        "files": files.files_table(delivered),
    }.items():
        pq.write_table(table, folder / f"{name}.parquet")
