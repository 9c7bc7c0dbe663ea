"""How good today's scores will prove to be, before any outcome is known.

If the probabilities are true, every customer churns with the stated probability; metrics are then
expectations over such outcomes. Known as confidence-based performance estimation. It sees a
change in whom is scored, never a change in how customers behave: that shows in the calibration
of matured days.
"""

import numpy as np

from retention_ml.statistics import metrics
from retention_ml.statistics.arrays import Floats

SHOWN = ("roc_auc", "log_loss", "brier", "lift_at_10")


def expected(probability: Floats) -> dict[str, float]:
    """Expected metrics of calibrated probabilities, and the expected share that churns.

    Each customer stands twice, as churned with weight p and as retained with weight 1 − p.

    Parameters
    ----------
    probability : array of float64, shape (n,)
        Calibrated probabilities of churn, 0 to 1.

    Returns
    -------
    dict of str to float
        `roc_auc`, `log_loss` in nats, `brier`, `lift_at_10`, `churn_rate`; without those that no
        outcome would define. Empty for nobody.

    References
    ----------
    Garg et al. (2022), Leveraging unlabeled data to predict out-of-distribution performance;
    Guillory et al. (2021), Predicting with confidence on unseen distributions; the estimator
    CBPE of NannyML.

    Examples
    --------
    >>> round(expected(np.array([0.2, 0.2, 0.8, 0.8]))["brier"], 2)
    0.16
    """
    if len(probability) == 0:
        return {}
    twice = np.concatenate([probability, probability])
    outcome = np.repeat([1.0, 0.0], len(probability))
    weights = np.concatenate([probability, 1 - probability])[None, :]
    expected_metrics = metrics.score(twice, outcome, weights)
    values = {name: float(expected_metrics[name][0]) for name in SHOWN}
    values["churn_rate"] = float(probability.mean())
    return {name: value for name, value in values.items() if np.isfinite(value)}
