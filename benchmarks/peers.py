"""What others do with the same rows: raw COPY, pandas, LightGBM by itself."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.lines import timed
from retention_ml.clock import day_number
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.predictors.blend import Blend
from retention_ml.models.predictors.paced import Paced
from retention_ml.models.predictors.predictor import Predictor
from retention_ml.models.predictors.trees import Trees, load_lightgbm
from retention_ml.warehouse import Warehouse

WINDOWS = (7, 14, 30, 60, 90, 180, 365)
SUMS = ("orders_count", "lines_count", "revenue_cents", "events_count", "sessions_count")


class _Undo(Exception):
    """Leaves a transaction, so that nothing of it is kept."""


def copy_of_text(url: str, files: Sequence[Path]) -> tuple[int, dict[str, Any]]:
    """COPY every file as it is into a plain table of texts; rows."""
    warehouse = Warehouse(url)
    rows = 0
    with warehouse.engine.begin() as connection:
        cursor = connection.connection.cursor()
        for number, path in enumerate(files):
            with path.open("rb") as file:
                header = file.readline().decode().strip().split(",")
                columns = ", ".join(f"column_{i} text" for i, _ in enumerate(header))
                cursor.execute(f"CREATE TABLE raw_{number} ({columns})")
                cursor.copy_expert(f"COPY raw_{number} FROM STDIN (FORMAT csv)", file, 1 << 20)
            rows += cursor.rowcount
    return rows, {}


def copy_of_rows(url: str, table: str, snapshot_id: int) -> tuple[int, dict[str, Any]]:
    """Binary COPY of the rows of a snapshot into a plain table of the same columns.

    And under another number into the table itself, with its key and its checks: `keyed_seconds`.
    """
    warehouse = Warehouse(url)
    rows = warehouse.read(f"SELECT * FROM {table} WHERE snapshot_id = {int(snapshot_id)}")
    place = rows.column_names.index("snapshot_id")
    other = rows.set_column(place, "snapshot_id", pa.repeat(pa.scalar(2**60), rows.num_rows))
    with warehouse.transaction() as transaction:
        transaction.execute(f"CREATE TABLE public.peer AS SELECT * FROM {table} LIMIT 0")
        seconds = timed(lambda: transaction.copy("public.peer", rows))
        transaction.execute("DROP TABLE public.peer")
    with suppress(_Undo), warehouse.transaction() as transaction:
        keyed_seconds = timed(lambda: transaction.copy(table, other))
        raise _Undo
    return rows.num_rows, {"seconds": seconds, "keyed_seconds": keyed_seconds}


def pandas_features(url: str, as_of: date) -> tuple[int, dict[str, Any]]:
    """Sums of windows by vectorised pandas, from the same rollups."""
    import pandas as pd

    warehouse = Warehouse(url)

    def compute() -> Any:
        rows = warehouse.read(
            f"SELECT customer_id, event_day, {', '.join(SUMS)} FROM features.customer_day "
            f"WHERE event_day < {day_number(as_of)}"
        ).to_pandas()
        age = day_number(as_of) - rows.event_day
        of_windows = {
            f"{name}_{window}d": rows[name].where(age <= window, 0)
            for window in WINDOWS
            for name in SUMS
        }
        whole = pd.DataFrame({"customer_id": rows.customer_id, "age": age, **of_windows})
        grouped = whole.groupby("customer_id", sort=False)
        sums = grouped[list(of_windows)].sum()
        sums["recency_days"], sums["tenure_days"] = grouped.age.min(), grouped.age.max()
        return sums[sums.orders_count_180d > 0]

    made: list[Any] = []
    seconds = timed(lambda: made.append(compute()))
    return len(made[0]), {"seconds": seconds, "columns": made[0].shape[1]}


def lightgbm_alone(bundle: Bundle, table: pa.Table) -> Callable[..., None]:
    """`Booster.predict` by all trees of a bundle, one thread, on rows of a table.

    Called with so many rows, and how, such as `pred_contrib=True`.
    """
    lightgbm = load_lightgbm()
    values = bundle.values(table)
    boosters = [
        (lightgbm.Booster(model_str=text), np.ascontiguousarray(values[:, columns]))
        for trees, columns in _trees_of(bundle.predictor, np.arange(values.shape[1]))
        for text in trees.texts
    ]

    def predict(rows: int, **how: bool) -> None:
        for booster, read in boosters:
            booster.predict(read[:rows], num_threads=1, **how)

    return predict


def _trees_of(predictor: Predictor, columns: Any) -> list[tuple[Trees, Any]]:
    """All trees of a predictor, with the columns that they read."""
    match predictor:
        case Trees():
            return [(predictor, columns)]
        case Blend():
            places = {name: place for place, name in enumerate(predictor.features)}
            return [
                trees
                for member in predictor.members
                for trees in _trees_of(
                    member.predictor, columns[[places[name] for name in member.features]]
                )
            ]
        case Paced():
            return []  # its trees read more than the columns
    return []
