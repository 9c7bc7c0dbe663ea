"""Customers that are none, measured: `python -m benchmarks.abnormal [ranking exclusion retail]`.

`ranking`: planted bots, brushers, return abusers and resellers (3 %) in simulated shops, ranked by
rules and isolation forest, by each alone, and by pyod's ECOD where that package is importable; and
a shop without any. `exclusion`: the figures of a planted shop before and after exclusion beside
those of the same shop without plants. `retail`: Online Retail II, its first twenty.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from time import process_time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data import online_retail
from benchmarks.place import Place, place
from retention_ml.abnormal.behaviour import Behaviour, read_behaviour
from retention_ml.abnormal.detect import detect
from retention_ml.abnormal.isolation import isolation
from retention_ml.abnormal.kinds import KINDS
from retention_ml.abnormal.measures import measures
from retention_ml.abnormal.ranking import FLAGGED_FROM, scores
from retention_ml.abnormal.rules import strengths
from retention_ml.curated.ingest import ingest
from retention_ml.features.roll_up import roll_up
from retention_ml.profiles.histories import read_histories
from retention_ml.recommendations.purchases import read_log
from retention_ml.reports.abnormal import abnormal_customers
from retention_ml.settings import Settings
from retention_ml.simulate import simulate
from retention_ml.simulate.shop import TIMEZONE
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.warehouse import Warehouse

_FIRST_DAY = date(2024, 1, 1)
_FEEDS = ("order_lines", "events", "products", "customers", "feedback")
_RETAIL_DAY = date(2011, 12, 10)
_ACTIVE_DAYS, _HORIZON_DAYS, _BEST_SELLERS = 90, 28, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A simulated shop in a warehouse."""

    warehouse: Warehouse
    settings: Settings
    as_of: date
    kind_of: dict[str, str]


@contextmanager
def shop(
    where: Place, strength: str | None, seed: int, customers: int, days: int
) -> Iterator[Shop]:
    """A simulated shop, ingested unless it is there already."""
    name = f"{strength or 'none'}_{seed}"
    settings = where.settings(CALENDAR__TIMEZONE=TIMEZONE)
    folder = where.folder / f"shop_{name}"
    with where.warehouse(name) as warehouse:
        if not folder.exists():
            simulate(
                customers=customers, days=days, seed=seed, out=folder, first_day=_FIRST_DAY,
                defect_share=0, abnormal=strength,
            )  # fmt: skip
            files = [f for f in sorted(folder.glob("*.csv")) if f.name.startswith(_FEEDS)]
            ingest(warehouse, settings=settings, source="simulated", files=files, history=True)
            roll_up(warehouse, settings=settings)
        truth = folder / "truth" / "abnormal_customers.parquet"
        rows = pq.read_table(truth).to_pylist() if truth.exists() else []
        yield Shop(
            warehouse=warehouse,
            settings=settings,
            as_of=_FIRST_DAY + timedelta(days=days),
            kind_of={row["customer_id"]: row["kind"] for row in rows},
        )


def ranking(where: Place, seeds: Sequence[int], customers: int, days: int) -> None:
    """Print how many of the planted are among the first, by method."""
    for strength in ("hard", "plain"):
        for seed in seeds:
            with shop(where, strength, seed, customers, days) as planted:
                b = read_behaviour(
                    planted.warehouse,
                    as_of=planted.as_of,
                    window_days=planted.settings.abnormal.window_days,
                )
            _print_ranking(f"{strength}, seed {seed}", b, planted.kind_of)
    with shop(where, None, seeds[0], customers, days) as clean:
        receipt = detect(clean.warehouse, settings=clean.settings, as_of=clean.as_of)
    print(
        f"without plants, seed {seeds[0]}: {receipt.written:,} of {receipt.read:,} flagged "
        f"({receipt.written / receipt.read:.2%}), {receipt.details['kinds']}, "
        f"{receipt.details['excluded']} excluded; {receipt.seconds:.1f} s"
    )


def _print_ranking(title: str, b: Behaviour, kind_of: dict[str, str]) -> None:
    kind = np.array([kind_of.get(each, "") for each in b.customer_ids.to_pylist()])
    is_planted = kind != ""
    started = process_time()
    m = measures(b)
    strength = np.maximum.reduce(list(strengths(b, m).by_kind.values()))
    anomaly = isolation(m)
    seconds = process_time() - started
    flagged = strength >= FLAGGED_FROM
    print(
        f"{title}: {len(b):,} customers, {is_planted.sum()} planted; flagged "
        f"{(flagged & is_planted).sum()} of them and {(flagged & ~is_planted).sum()} others; "
        f"{seconds:.1f} CPU s"
    )
    methods = {
        "rules and isolation forest": scores(strength, anomaly),
        "isolation forest": anomaly,
        "rules": strength,
    }
    ecod = _ecod(m)
    if ecod is not None:
        methods["pyod ECOD"] = ecod
    for name, values in methods.items():
        order = np.argsort(-values, kind="stable")
        k = int(is_planted.sum())
        among = np.zeros(len(b), dtype=bool)
        among[order[: 2 * k]] = True
        by_kind = "  ".join(f"{each} {_share(among, kind == each):.2f}" for each in KINDS)
        print(f"  {name:<27} P@k {is_planted[order[:k]].mean():.3f}  in 2k: {by_kind}")


def _share(among: Bools, of: Bools) -> float:
    return float(among[of].mean()) if of.any() else float("nan")


def _ecod(m: dict[str, Floats]) -> Floats | None:
    if find_spec("pyod") is None:
        return None
    from pyod.models.ecod import ECOD

    values = np.column_stack([np.log1p(np.maximum(each, 0.0)) for each in m.values()])
    return np.asarray(ECOD().fit(values).decision_scores_)


def exclusion(where: Place, seed: int, customers: int, days: int) -> None:
    """Print the figures of a planted shop, of the same with all kinds excluded, and unplanted."""
    figures = {}
    with shop(where, "hard", seed, customers, days) as planted:
        day, warehouse = planted.as_of, planted.warehouse
        _forget(warehouse)
        figures["planted"] = _figures(warehouse, day)
        detect(warehouse, settings=planted.settings, as_of=day)
        figures["bots and brushers excluded"] = _figures(warehouse, day)
        everything = planted.settings.abnormal.model_copy(
            update=dict.fromkeys(KINDS, "exclude") | {"excluded_share_max": 0.10}
        )
        settings = planted.settings.model_copy(update={"abnormal": everything})
        detect(warehouse, settings=settings, as_of=day)
        figures["all kinds excluded"] = _figures(warehouse, day)
    with shop(where, None, seed, customers, days) as unplanted:
        _forget(unplanted.warehouse)
        figures["without plants"] = _figures(unplanted.warehouse, unplanted.as_of)
    truth = figures["without plants"]
    for name, (rate, revenue, best) in figures.items():
        print(
            f"{name:<28} churn rate {rate:.4f} ({rate / truth[0] - 1:+.2%})  revenue "
            f"{revenue / 100:,.0f} ({revenue / truth[1] - 1:+.2%})  best sellers shared "
            f"{len(best & truth[2])} of {_BEST_SELLERS}"
        )


def _forget(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        for table in ("customer_daily", "detections", "decisions"):
            transaction.execute(f"DELETE FROM abnormal.{table}")


def _figures(warehouse: Warehouse, as_of: date) -> tuple[float, int, set[str]]:
    """Churn rate of those active a horizon ago, revenue, and the products with most buyers lately."""
    histories = read_histories(warehouse, as_of, TIMEZONE)
    cutoff = histories.today - _HORIZON_DAYS
    before = (histories.day >= cutoff - _ACTIVE_DAYS) & (histories.day < cutoff)
    active = np.unique(histories.customer[before])
    back = np.unique(histories.customer[histories.day >= cutoff])
    purchases = read_log(warehouse, as_of=as_of, timezone=TIMEZONE).known_at(as_of)
    lately = purchases.since(365)
    pairs = np.unique(lately.customer.astype(np.int64) << 32 | lately.product)
    buyers = np.bincount(pairs & 0xFFFFFFFF, minlength=len(purchases.product_ids))
    first = np.argsort(-buyers, kind="stable")[:_BEST_SELLERS]
    names = set(purchases.product_ids.take(pa.array(first)).to_pylist())
    return 1 - float(np.isin(active, back).mean()), int(histories.total_cents().sum()), names


def retail(where: Place) -> None:
    """Print the first twenty of Online Retail II with evidence, and who is excluded by default."""
    data = online_retail()
    if data is None:
        print("Online Retail II is left out: RETENTION_DATA_DIR does not hold it.")
        return
    settings = where.settings(CALENDAR__TIMEZONE=data.timezone, CALENDAR__CURRENCY="GBP")
    with where.warehouse("retail") as warehouse:
        if not warehouse.read("SELECT 1 FROM raw.deliveries LIMIT 1").num_rows:
            files = list(data.files)
            ingest(warehouse, settings=settings, source=data.source, files=files, history=True)
        receipt = detect(warehouse, settings=settings, as_of=_RETAIL_DAY)
        print(receipt, receipt.details, sep="\n")
        for row in abnormal_customers(warehouse, limit=20):
            print(f"{row['customer_id']} {row['kind']:<9} {row['score']:.3f} {row['evidence']}")


def main() -> None:
    """Run the parts named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["ranking", "exclusion", "retail"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--customers", type=int, default=6_000)
    parser.add_argument("--days", type=int, default=420)
    parser.add_argument("--keep", type=Path, help="a folder for warehouses that stay")
    arguments = parser.parse_args()
    size = {"customers": arguments.customers, "days": arguments.days}
    with place(arguments.keep) as where:
        if "ranking" in arguments.parts:
            ranking(where, arguments.seeds, **size)
        if "exclusion" in arguments.parts:
            exclusion(where, arguments.seeds[0], **size)
        if "retail" in arguments.parts:
            retail(where)


if __name__ == "__main__":
    main()
