"""Customers who buy till they die: published ones, and simulated ones whose process is known."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.statistics.arrays import Floats


def cdnow() -> pd.DataFrame:
    """The 1/10 sample of CDNOW, in weeks: `x, t_x, T` and `zbar`, mean dollars of x repeats.

    Shipped by the package lifetimes, which is only read here as data.
    """
    package = find_spec("lifetimes")
    assert package is not None
    assert package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0]) / "datasets"
    return pd.read_csv(folder / "cdnow_customers_summary_with_transactions.csv").astype("float64")


def simulate(
    process: BetaGeoNBD, T: Floats, horizon: float, *, seed: int
) -> tuple[Floats, Floats, Floats]:
    """x and t_x of customers observed for T, and their purchases in the horizon after.

    Each customer is followed purchase by purchase, as the model tells the story; no formula of
    the library is used.
    """
    draw = np.random.default_rng(seed)
    count = len(T)
    rate = draw.gamma(process.r, 1 / process.alpha, count)
    leaves = draw.beta(process.a, process.b, count)
    now, frequency, recency, later = (np.zeros(count) for _ in range(4))
    here = draw.random(count) >= leaves if process.modified else np.ones(count, bool)
    while here.any():
        now = np.where(here, now + draw.exponential(1, count) / rate, now)
        before = here & (now <= T)
        frequency += before
        recency = np.where(before, now, recency)
        here &= now <= T + horizon
        later += here & ~before
        here &= draw.random(count) >= leaves
    return frequency, recency, later
