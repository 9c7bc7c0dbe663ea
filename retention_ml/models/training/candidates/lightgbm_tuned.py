"""LightGBM tuned on the newest labelled day alone: the usual way, and the bar to clear."""

from retention_ml.models.training.candidates import lightgbm
from retention_ml.models.training.fitting import FittedModel, Params
from retention_ml.models.training.sample import Rows


def fit(
    rows: Rows,
    *,
    seed: int,
    threads: int,
    params: Params | None = None,
    trials: int = 8,
    seconds: float = 20.0,
) -> FittedModel:
    """As the candidate `lightgbm`, of the newest day whose outcome is known."""
    return lightgbm.fit(
        rows.newest(), seed=seed, threads=threads, params=params, trials=trials, seconds=seconds
    )
