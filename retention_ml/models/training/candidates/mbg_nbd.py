"""MBG/NBD: as BG/NBD, but a customer may leave right after the first purchase too."""

from retention_ml.models.training.candidates.bg_nbd import fitted
from retention_ml.models.training.fitting import FittedModel, Params
from retention_ml.models.training.sample import Rows


def fit(
    rows: Rows,
    *,
    seed: int,  # noqa: ARG001
    threads: int,  # noqa: ARG001
    params: Params | None = None,  # noqa: ARG001
    trials: int = 0,  # noqa: ARG001
    seconds: float = 0.0,  # noqa: ARG001
) -> FittedModel:
    """The process fitted on everybody's purchases, calibrated on the newest day."""
    return fitted(rows, modified=True)
