"""Few customers at once, as a fresh score needs: `python -m benchmarks.single_rows`.

An ensemble like that of a shop, sixteen boosters and 1,248 trees, predicts and explains one to 200
customers as the platform does, and one by LightGBM's C function for a single row.
"""

import argparse
import ctypes
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from retention_ml.models.predictors.trees import Trees, load_lightgbm
from retention_ml.statistics.arrays import Floats

MEMBERS, TREES, LEAVES, FEATURES = 16, 78, 12, 124
_FLOAT64, _RAW_SCORE = 1, 1


def main() -> None:
    """Measure and print microseconds, medians of the repeats."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=30)
    repeats = parser.parse_args().repeats
    draw = np.random.default_rng(1)
    trees = Trees(texts=tuple(_text(np.random.default_rng(n)) for n in range(MEMBERS)))
    table = Table(title="Microseconds for all rows", title_justify="left", box=None)
    for heading in ("rows", "predict", "contributions"):
        table.add_column(heading, justify="right")
    for count in (1, 20, 200):
        values = draw.normal(size=(count, FEATURES))
        table.add_row(
            str(count),
            f"{_microseconds(lambda v=values: trees.margin(v), repeats):,.0f}",
            f"{_microseconds(lambda v=values: trees.contributions(v), repeats):,.0f}",
        )
    values = draw.normal(size=(200, FEATURES))
    fast = _single_rows(trees)
    equal = [float(trees.margin(row[None])[0]) == float(fast(row)[0]) for row in values]
    Console().print(table)
    Console().print(
        f"One row by the C function: {_microseconds(lambda: fast(values[0]), repeats):,.0f} µs; "
        f"{sum(equal)} of {len(equal)} rows equal to the bit."
    )
    Console().print("Load of the machine: {:.1f}, {:.1f}, {:.1f}".format(*os.getloadavg()))


def _text(draw: np.random.Generator) -> str:
    lightgbm = load_lightgbm()
    values = draw.normal(size=(4_000, FEATURES))
    target = (values[:, :8].sum(axis=1) + draw.normal(size=4_000) > 0).astype(np.float64)
    parameters = {
        "objective": "binary", "num_leaves": LEAVES, "num_threads": 1, "verbose": -1, "seed": 1,
    }  # fmt: skip
    data = lightgbm.Dataset(values, target)
    return str(lightgbm.train(parameters, data, num_boost_round=TREES).model_to_string())


def _single_rows(trees: Trees) -> Callable[[Floats], Floats]:
    """The mean of the members for one row, by `LGBM_BoosterPredictForMatSingleRowFast`."""
    library: Any = load_lightgbm().basic._LIB
    length, result = ctypes.c_int64(0), (ctypes.c_double * 1)()
    configs = []
    for booster in trees._boosters:
        config = ctypes.c_void_p()
        code = library.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle, _RAW_SCORE, 0, -1, _FLOAT64, FEATURES, b"num_threads=1",
            ctypes.byref(config),
        )  # fmt: skip
        assert code == 0
        configs.append(config)

    def predict(row: Floats) -> Floats:
        pointer = np.ascontiguousarray(row, dtype=np.float64).ctypes.data_as(ctypes.c_void_p)
        sums = []
        for config in configs:
            code = library.LGBM_BoosterPredictForMatSingleRowFast(
                config, pointer, ctypes.byref(length), result
            )
            assert code == 0
            sums.append(np.array([result[0]]))
        return trees.mean(sums)

    return predict


def _microseconds(action: Callable[[], object], repeats: int) -> float:
    action()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return 1e6 * statistics.median(seconds)


if __name__ == "__main__":
    main()
