"""BG/NBD: customers buy at a steady rate of their own and may leave after any repeat purchase."""

import numpy as np

from retention_ml.errors import NotReady
from retention_ml.models.btyd import nbd
from retention_ml.models.predictors.buying_process import FEATURES, BuyingProcess
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.fitting import FitContext, FittedModel
from retention_ml.statistics.arrays import Floats


def fit(sample: TrainingSample, _context: FitContext) -> FittedModel:
    """The process fitted on everybody's purchases, calibrated; see `fit_process`."""
    return fit_process(sample, modified=False)


def fit_process(sample: TrainingSample, *, modified: bool) -> FittedModel:
    """The model of either process, calibrated on the newest day.

    Its four parameters are fitted on purchases up to the newest day with an outcome, never on
    outcomes: its log-odds on that day need no folds to be out of sample.

    Raises
    ------
    NotReady
        See `process_of`.
    """
    predictor = process_of(sample, modified=modified)
    process = predictor.process
    newest = sample.newest().only(FEATURES)
    return FittedModel.calibrated(
        predictor,
        predictor.margin(newest.values),
        newest,
        notes={
            "r": process.r,
            "alpha_days": process.alpha,
            "a": process.a,
            "b": process.b,
            "has_weak_prior": process.has_weak_prior,
        },
    )


def process_of(sample: TrainingSample, *, modified: bool) -> BuyingProcess:
    """The process of the sample's purchase histories; explanations compare with a median customer.

    Raises
    ------
    NotReady
        The sample has no purchase histories.
    """
    if sample.histories is None:
        raise NotReady(
            "The training sample has no purchase histories; a buying process is fitted on those. "
            "Prepare the training anew, or leave bg_nbd and mbg_nbd out of training.candidates."
        )
    return BuyingProcess(
        process=nbd.fit(sample.histories, modified=modified),
        # To the end of the outcome window: an order in the lead time is a sign of activity too.
        horizon_days=float(sample.lead_days + sample.horizon_days),
        reference=_medians(sample.newest().only(FEATURES).values),
    )


def _medians(values: Floats) -> Floats:
    """Median of each column, shape (n_features,), of the values present; 1 where there are none."""
    present = [column[~np.isnan(column)] for column in values.T]
    return np.array([np.median(column) if len(column) else 1.0 for column in present])
