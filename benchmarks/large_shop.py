"""The files of a large shop, made in a minute and kept: a million customers, 20 rows each.

A few customers buy most of what is sold, customers come and go, visits lead to orders, and the
season is that of the simulator. The files are those of `sources/simulated.toml`. Nothing here is
spoilt and no truth is written down: for that there is `retention simulate`.
"""

import json
import math
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from retention_ml.statistics.arrays import Floats, Ints

FIRST_DAY = date(2023, 7, 1)
MONTHS = 18
CACHE = Path.home() / ".cache" / "retention-ml"  # where the files are kept, if not told otherwise
DAYS = 550  # so many months
PRODUCTS = 20_000
_VERSION = 2  # of the files: older ones are made anew
_ORDERS_PER_DAY = 1 / 75
_RATE_SHAPE = 0.9
_DAYS_ALIVE = 900.0
_LINES_MORE = 0.9
_VISITS_PER_ORDER = 0.45
_EVENTS_MORE = 2.3
_SECONDS = 86_400
_EVENT_TYPES = ("view", "view", "view", "view", "search", "cart")
_COUNTRIES = ("United Kingdom", "Ireland", "France", "Germany")


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeShop:
    """The files of a shop up to `as_of`, and those of that day, which are known a day later."""

    files: tuple[Path, ...]
    files_of_next_day: tuple[Path, ...]
    as_of: date


def large_shop(cache: Path, *, customers: int, days: int = DAYS) -> LargeShop:
    """The shop's files below `cache`, written if they are not there."""
    folder = cache / f"shop-{customers}-{days}"
    done = folder / "written.json"
    if not done.exists() or json.loads(done.read_text())["version"] != _VERSION:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _write(folder, customers, days)
        done.write_text(json.dumps({"version": _VERSION}))
    next_day = f"_{FIRST_DAY + timedelta(days=days)}.csv"
    files = sorted(folder.glob("*.csv"))
    return LargeShop(
        files=tuple(file for file in files if not file.name.endswith(next_day)),
        files_of_next_day=tuple(file for file in files if file.name.endswith(next_day)),
        as_of=FIRST_DAY + timedelta(days=days),
    )


def days_of(months: int) -> int:
    """Days from `FIRST_DAY` to the start of the same day of a month so many months later.

    >>> days_of(MONTHS) == DAYS
    True
    """
    month = FIRST_DAY.month - 1 + months
    return (
        FIRST_DAY.replace(year=FIRST_DAY.year + month // 12, month=month % 12 + 1) - FIRST_DAY
    ).days


def _write(folder: Path, customers: int, days: int) -> None:
    rng = np.random.default_rng(1)
    rate = rng.gamma(_RATE_SHAPE, _ORDERS_PER_DAY / _RATE_SHAPE, customers)
    joined = np.sort(rng.beta(0.8, 1.4, customers) * days * 0.95)
    left = joined + rng.exponential(_DAYS_ALIVE, customers)
    names = pa.array(np.char.add("C", np.char.zfill(np.arange(customers).astype(str), 7)))
    _products(folder, rng)
    _customers(folder, names, joined, rng)
    first, last = FIRST_DAY, FIRST_DAY + timedelta(days=days)
    while first <= last:
        following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        end = min(following, last) if first < last else last + timedelta(days=1)
        span = (first - FIRST_DAY).days, (end - FIRST_DAY).days
        _month(folder, first, span, (rate, joined, left), names, rng)
        first = end


def _products(folder: Path, rng: np.random.Generator) -> None:
    number = np.arange(PRODUCTS)
    category = np.char.add("category ", (number % 60).astype(str))
    table = pa.table(
        {
            "product_id": _product_ids(number),
            "name": np.char.add("product ", number.astype(str)),
            "category": category,
            "subcategory": np.char.add(np.char.add(category, " / "), (number % 7).astype(str)),
            "brand": np.char.add("brand ", rng.integers(0, 400, PRODUCTS).astype(str)),
        }
    )
    _csv(folder, "products", FIRST_DAY, table)


def _customers(folder: Path, names: pa.Array, joined: Floats, rng: np.random.Generator) -> None:
    n = len(names)
    household = pa.repeat(pa.scalar("2"), n)
    table = pa.table(
        {
            "customer_id": names,
            "registered_at": _moments(np.floor(joined * _SECONDS).astype(np.int64) - 60),
            "country": np.array(_COUNTRIES)[rng.integers(0, len(_COUNTRIES), n)],
            "age_band": pa.repeat(pa.scalar("25-34"), n),
            "income_band": pa.repeat(pa.scalar("20-35K"), n),
            "household_size": household,
        }
    )
    _csv(folder, "customers", FIRST_DAY, table)


def _month(
    folder: Path,
    first: date,
    days: tuple[int, int],
    customers: tuple[Floats, Floats, Floats],
    names: pa.Array,
    rng: np.random.Generator,
) -> None:
    """Orders, lines and events from the first of two days to before the second."""
    rate, joined, left = customers
    begin, end = np.maximum(joined, days[0]), np.minimum(left, days[1])
    middle = (days[0] + days[1]) / 2 + FIRST_DAY.timetuple().tm_yday
    season = 1 + 0.3 * math.cos(2 * math.pi * (middle - 342) / 365.25)
    count = rng.poisson(rate * season * np.maximum(end - begin, 0.0))
    count += (joined >= days[0]) & (joined < days[1])  # everybody begins with an order
    buyer = np.repeat(np.arange(len(rate)), count)
    at = begin[buyer] + rng.random(len(buyer)) * np.maximum(end - begin, 0.01)[buyer]
    at = np.floor(np.minimum(at, days[1] - 0.001) * _SECONDS).astype(np.int64)
    order_id = np.char.add(f"O{first:%y%m%d}-", np.arange(len(buyer)).astype(str))
    _lines(folder, first, order_id, names.take(pa.array(buyer)), at, rng)
    visits = rng.poisson(_VISITS_PER_ORDER, len(buyer))
    visitor = np.repeat(buyer, visits)
    before = np.repeat(at, visits) - rng.integers(600, 3 * _SECONDS, len(visitor))
    _events(folder, first, names, visitor, np.maximum(before, 0), rng)


def _lines(
    folder: Path,
    first: date,
    order_id: np.ndarray,
    customer: pa.Array,
    at: Ints,
    rng: np.random.Generator,
) -> None:
    lines = 1 + rng.poisson(_LINES_MORE, len(order_id))
    order = np.repeat(np.arange(len(order_id)), lines)
    place = np.arange(len(order)) - np.repeat(np.cumsum(lines) - lines, lines)
    # No product twice in an order: the places of an order are far apart on the ring.
    product = (_popular(rng, len(order_id))[order] + place * 1_237) % PRODUCTS
    quantity = 1 + rng.poisson(0.4, len(order))
    price = 150 + (product * 7_919) % 4_000
    table = pa.table(
        {
            "order_id": pa.array(order_id).take(pa.array(order)),
            "product_id": _product_ids(product),
            "customer_id": customer.take(pa.array(order)),
            "ordered_at": _moments(at[order]),
            "quantity": quantity,
            "unit_price": _money(price),
            "amount": _money(price * quantity),
            "discount": _money(np.zeros(len(order), dtype=np.int64)),
        }
    )
    _csv(folder, "order_lines", first, table)


def _events(
    folder: Path, first: date, names: pa.Array, visitor: Ints, at: Ints, rng: np.random.Generator
) -> None:
    count = 1 + rng.poisson(_EVENTS_MORE, len(visitor))
    visit = np.repeat(np.arange(len(visitor)), count)
    step = np.arange(len(visit)) - np.repeat(np.cumsum(count) - count, count)
    session = np.char.add(f"s{first:%y%m%d}-", np.arange(len(visitor)).astype(str))
    table = pa.table(
        {
            "customer_id": names.take(pa.array(visitor[visit])),
            "event_at": _moments(at[visit] + 37 * step),
            "event_type": np.array(_EVENT_TYPES)[rng.integers(0, len(_EVENT_TYPES), len(visit))],
            "product_id": _product_ids(_popular(rng, len(visit))),
            "session_id": pa.array(session).take(pa.array(visit)),
            "detail": pa.nulls(len(visit), pa.string()),
        }
    )
    _csv(folder, "events", first, table)


def _popular(rng: np.random.Generator, n: int) -> Ints:
    """Products, a few of them far more often than others."""
    return np.asarray(PRODUCTS * rng.random(n) ** 3, dtype=np.int64)


def _product_ids(number: Ints) -> pa.Array:
    ids = np.char.add("P", np.char.zfill(np.arange(PRODUCTS).astype(str), 6))
    return pa.array(ids).take(pa.array(number))


def _money(cents: Ints) -> pa.Array:
    """As text with two decimals."""
    whole = pc.cast(pa.array(cents // 100), pa.string())
    part = pc.utf8_lpad(pc.cast(pa.array(cents % 100), pa.string()), 2, padding="0")
    return pc.binary_join_element_wise(whole, part, ".")


def _moments(seconds: Ints) -> pa.Array:
    """Local times as text; an hour that the clock skips is left to the day before."""
    began = np.datetime64(FIRST_DAY, "s")
    times = pa.array(began + np.asarray(seconds).astype("timedelta64[s]"))
    # Between one and two at night clocks are put forward: nobody buys then.
    is_skipped = pc.equal(pc.hour(times), 1)
    hour = pa.scalar(np.timedelta64(3_600, "s"))
    return pc.strftime(pc.if_else(is_skipped, pc.subtract(times, hour), times), "%Y-%m-%d %H:%M:%S")


def _csv(folder: Path, feed: str, first: date, table: pa.Table) -> None:
    csv.write_csv(
        table,
        folder / f"{feed}_{first}.csv",
        csv.WriteOptions(quoting_style="none", quoting_header="none"),
    )
