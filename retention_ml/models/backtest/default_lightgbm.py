"""LightGBM as the library ships it: 100 trees of 31 leaves, one model, no calibration.

The baseline that "just use LightGBM" stands for.
"""

from retention_ml.models.boosting import grow
from retention_ml.models.fitting import FittedModel, Params
from retention_ml.models.rows import Rows
from retention_ml.models.trees import Trees

_ROUNDS = 100
_MAX_BIN = 255


def fit(
    rows: Rows,
    *,
    seed: int,
    threads: int,
    params: Params | None = None,  # noqa: ARG001
    trials: int = 0,  # noqa: ARG001
    seconds: float = 0.0,  # noqa: ARG001
) -> FittedModel:
    """One booster with the library's defaults, as it comes."""
    text = grow(rows.matured(), {"max_bin": _MAX_BIN}, rounds=_ROUNDS, seed=seed, threads=threads)
    return FittedModel(
        predictor=Trees(texts=(text,), threads=threads),
        features=rows.features,
        slope=1.0,
        intercept=0.0,
    )
