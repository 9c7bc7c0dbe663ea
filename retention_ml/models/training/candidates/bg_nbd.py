"""BG/NBD: customers buy at a steady rate of their own and may leave after any repeat purchase."""

import numpy as np

from retention_ml.errors import NotReady
from retention_ml.models.btyd import nbd
from retention_ml.models.predictors.buying_process import FEATURES, BuyingProcess
from retention_ml.models.training.fitting import FittedModel, Params, calibrate
from retention_ml.models.training.sample import Rows
from retention_ml.statistics.arrays import Floats


def fit(
    rows: Rows,
    *,
    seed: int,  # noqa: ARG001
    threads: int,  # noqa: ARG001
    params: Params | None = None,  # noqa: ARG001
    trials: int = 0,  # noqa: ARG001
    seconds: float = 0.0,  # noqa: ARG001
) -> FittedModel:
    """The process fitted on everybody's purchases, calibrated on the newest day; see `fitted`."""
    return fitted(rows, modified=False)


def fitted(rows: Rows, *, modified: bool) -> FittedModel:
    """The model of either process.

    Its four parameters are fitted on purchases up to the newest day with an outcome, never on
    outcomes: its log-odds on that day need no folds to be out of sample.

    Raises
    ------
    NotReady
        See `process_of`.
    """
    predictor = process_of(rows, modified=modified)
    process = predictor.process
    newest = rows.newest().only(FEATURES)
    slope, intercept = calibrate(predictor.margin(newest.values), newest)
    return FittedModel(
        predictor=predictor,
        features=FEATURES,
        slope=slope,
        intercept=intercept,
        notes={
            "r": process.r,
            "alpha_days": process.alpha,
            "a": process.a,
            "b": process.b,
            "has_weak_prior": process.has_weak_prior,
        },
    )


def process_of(rows: Rows, *, modified: bool) -> BuyingProcess:
    """The process of the rows' purchase histories, compared with a median customer.

    Raises
    ------
    NotReady
        The rows come without purchase histories.
    """
    if rows.histories is None:
        raise NotReady(
            "The rows to learn from come without purchase histories; a buying process is fitted "
            "on those. Prepare the training anew, or leave bg_nbd and mbg_nbd out of "
            "training.candidates."
        )
    return BuyingProcess(
        process=nbd.fit(rows.histories, modified=modified),
        # To the end of the outcome window: an order in the lead tells of a customer who buys.
        horizon_days=float(rows.lead_days + rows.horizon_days),
        reference=_medians(rows.newest().only(FEATURES).values),
    )


def _medians(values: Floats) -> Floats:
    """Median of each column, shape (k,), of the values present; 1 where there are none."""
    present = [column[~np.isnan(column)] for column in values.T]
    return np.array([np.median(column) if len(column) else 1.0 for column in present])
