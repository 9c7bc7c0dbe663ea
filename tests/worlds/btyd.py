"""Customers who buy till they die: published ones, and simulated ones whose process is known."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from retention_ml.models.btyd.nbd import BuyTillYouDie
from retention_ml.statistics.arrays import Floats


def cdnow() -> pd.DataFrame:
    """The 1/10 sample of CDNOW, in weeks: `x, t_x, T` and `zbar`, mean dollars of x repeats.

    Shipped by the package lifetimes, which is only read here as data.
    """
    found = find_spec("lifetimes")
    assert found is not None
    assert found.submodule_search_locations is not None
    folder = Path(found.submodule_search_locations[0]) / "datasets"
    return pd.read_csv(folder / "cdnow_customers_summary_with_transactions.csv").astype("float64")


def simulate(
    process: BuyTillYouDie, observed: Floats, horizon: float, *, seed: int
) -> tuple[Floats, Floats, Floats]:
    """x and t_x of customers observed for so long, and their purchases in the horizon after.

    Each customer is followed purchase by purchase, as the model's story tells it; no formula of
    the library is used.
    """
    draw = np.random.default_rng(seed)
    count = len(observed)
    rate = draw.gamma(process.r, 1 / process.alpha, count)
    leaves = draw.beta(process.a, process.b, count)
    now, repeats, last_at, later = (np.zeros(count) for _ in range(4))
    here = draw.random(count) >= leaves if process.modified else np.ones(count, bool)
    while here.any():
        now = np.where(here, now + draw.exponential(1, count) / rate, now)
        before = here & (now <= observed)
        repeats += before
        last_at = np.where(before, now, last_at)
        here &= now <= observed + horizon
        later += here & ~before
        here &= draw.random(count) >= leaves
    return repeats, last_at, later
