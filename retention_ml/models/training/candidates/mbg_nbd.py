"""MBG/NBD: as BG/NBD, but a customer may leave right after the first purchase too."""

from retention_ml.models.training.candidates.bg_nbd import fit_process
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.fitting import FitContext, FittedModel


def fit(sample: TrainingSample, _context: FitContext) -> FittedModel:
    """The process fitted on everybody's purchases, calibrated on the newest day."""
    return fit_process(sample, modified=True)
