"""The doors of training: prepare, fit each candidate, select; `train` is the three in a row."""

from datetime import date

from retention_ml.models.promotion.challenger_slot import TrialBetween
from retention_ml.models.training import ledger
from retention_ml.models.training.fit_candidate import fit_candidate
from retention_ml.models.training.preparation import (
    prepare_again,
    prepare_training,
    training_id_of,
)
from retention_ml.models.training.selection import select_best
from retention_ml.receipts import DecisionReceipt, Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def prepare(
    warehouse: Warehouse, *, settings: Settings, as_of: date, is_forced: bool = False
) -> Receipt:
    """Choose the days, build their features, write their labels, and check readiness.

    Where the candidates of a training of the last `training.every_days` could not be compared,
    because of a defect, it is that training: they are compared again and not fitted again.

    Parameters
    ----------
    is_forced : bool
        Then a training of `as_of` is prepared in any case.

    Returns
    -------
    Receipt
        `details["training_id"]` and `details["candidates"]` for `fit` and `select`; the same day,
        definition, settings and data give the same id.

    Raises
    ------
    NotReady
        The data cannot carry a model; the message holds the readiness report.
    """
    again = None if is_forced else prepare_again(warehouse, settings, as_of)
    return again or prepare_training(warehouse, settings, as_of)[0]


def fit(warehouse: Warehouse, *, settings: Settings, training_id: str, candidate: str) -> Receipt:
    """Fit, calibrate and evaluate one candidate, and log it to MLflow; once per training."""
    training = ledger.training(warehouse, training_id)
    return fit_candidate(warehouse, settings, training, candidate, None)


def select(
    warehouse: Warehouse, *, settings: Settings, training_id: str, trial_between: TrialBetween
) -> DecisionReceipt:
    """Evaluate the candidates of a training; register the best and move the aliases; once.

    Where that fails by a defect nobody is promoted: the log has the trace, the training stays open
    with the error, `watch` alerts it, and selecting again compares again.

    Parameters
    ----------
    trial_between : callable
        Reads the trial of two models: the slot of one that is decided is free.

    Returns
    -------
    DecisionReceipt
        `details`: `verdict`, `reason`, `selected_model`, `model_version`, `bundle_sha256`.
    """
    training = ledger.training(warehouse, training_id)
    return select_best(warehouse, settings, training, None, trial_between)


def train(
    warehouse: Warehouse, *, settings: Settings, as_of: date, trial_between: TrialBetween
) -> DecisionReceipt:
    """Prepare, fit every candidate, select; raises as `prepare` does."""
    _, training_set = prepare_training(warehouse, settings, as_of)
    training = ledger.training(warehouse, training_id_of(settings, as_of, training_set.digest))
    if training.status != "selected":
        for name in settings.training.candidates:
            fit_candidate(warehouse, settings, training, name, training_set)
    return select_best(warehouse, settings, training, training_set, trial_between)
