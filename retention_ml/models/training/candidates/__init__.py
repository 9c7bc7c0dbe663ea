"""The candidates of a training, by name; each module has `fit` (see `fitting.Candidate`)."""

from importlib import import_module
from typing import cast

from retention_ml.errors import UsageError
from retention_ml.models.training.fitting import Candidate

BASELINE = "recency"
NAMES = (
    "recency",
    "rfm_logistic",
    "bg_nbd",
    "mbg_nbd",
    "lightgbm_default",
    "lightgbm_tuned",
    "logistic",
    "random_forest",
    "lightgbm",
    "ensemble",
)


def candidate(name: str) -> Candidate:
    """The candidate of that name.

    Raises
    ------
    UsageError
        There is none.
    """
    if name not in NAMES:
        raise UsageError(
            f"There is no candidate {name!r}; expected one of {', '.join(NAMES)}. "
            "Correct training.candidates in retention.toml."
        )
    return cast(Candidate, import_module(f"{__name__}.{name}"))
