"""ROC, precision–recall, calibration and lift curves of one or several models."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from retention_ml.models.evaluation.figures.axes import (
    BEST_POSSIBLE,
    REFERENCE,
    add_legend,
    coloured,
    label_axes,
    new_panel,
)
from retention_ml.statistics.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BINS = 10
_WIDTH, _HEIGHT = 4.8, 4.6  # the plots are square
Probabilities = Mapping[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationCurve:
    """Predicted against observed churn rate in bins of customers.

    Parameters
    ----------
    predicted, observed : array of float64, shape (n_bins,)
        Mean predicted probability and share that churned.
    counts : array of float64, shape (n_bins,)
        Customers in each bin.
    band : (lower, upper), optional
        Ends of the 95 % interval of the observed rate.
    """

    predicted: Floats
    observed: Floats
    counts: Floats
    band: tuple[Floats, Floats] | None = None


def calibration_curve(
    probability: Floats, churned: Floats, weights: Floats | None = None
) -> CalibrationCurve:
    """The calibration in bins of equal counts, as the ECE has them.

    Parameters
    ----------
    weights : array of float64, shape (n_draws, n_samples), optional
        How often each row counts in each resample of customers, see `bootstrap.customer_weights`.
        Without it the band is that of a binomial share.
    """
    order = np.argsort(probability, kind="stable")
    starts = np.linspace(0, len(order), min(_BINS, len(order)) + 1).round().astype(np.int64)[:-1]
    counts = np.diff(np.append(starts, len(order))).astype(np.float64)
    predicted = np.add.reduceat(probability[order], starts) / counts
    observed = np.add.reduceat(churned[order], starts) / counts
    if weights is None:
        variance = np.maximum(observed * (1 - observed), 0.25 / counts) / counts
        margin = 1.96 * np.sqrt(variance)
        band = observed - margin, observed + margin
    else:
        resampled = weights[:, order]
        rates = np.add.reduceat(resampled * churned[order], starts, axis=1) / np.maximum(
            np.add.reduceat(resampled, starts, axis=1), 1e-12
        )
        band = tuple(np.quantile(rates, [0.025, 0.975], axis=0))
    return CalibrationCurve(predicted=predicted, observed=observed, counts=counts, band=band)


def roc(title: str, probabilities: Probabilities, churned: Floats) -> "Figure":
    """True against false positive rate of each model.

    Parameters
    ----------
    probabilities : mapping of str to array of float64, shape (n_samples,)
        Predicted probability of churn by model.
    churned : array of float64, shape (n_samples,)
        1 churned, 0 retained; both occur.
    """
    from sklearn.metrics import RocCurveDisplay, roc_curve

    figure, axes = new_panel(width=_WIDTH, height=_HEIGHT)
    axes.plot([0, 1], [0, 1], label="no skill", **REFERENCE)
    for name, probability, colour in coloured(probabilities):
        false_positives, true_positives, _ = roc_curve(churned, probability)
        RocCurveDisplay(fpr=false_positives, tpr=true_positives).plot(
            axes, name=name, curve_kwargs={"color": colour}
        )
    label_axes(
        axes, title, "share of retained customers warned about", "share of churned customers found"
    )
    add_legend(axes, loc="lower right")
    return figure


def precision_recall(title: str, probabilities: Probabilities, churned: Floats) -> "Figure":
    """Precision against recall of each model; parameters as those of `roc`."""
    from sklearn.metrics import PrecisionRecallDisplay, precision_recall_curve

    figure, axes = new_panel(width=_WIDTH, height=_HEIGHT)
    rate = float(churned.mean())
    axes.axhline(rate, label=f"churn rate {rate:.2f}", **REFERENCE)
    for name, probability, colour in coloured(probabilities):
        precision, recall, _ = precision_recall_curve(churned, probability, drop_intermediate=True)
        PrecisionRecallDisplay(precision, recall).plot(
            axes, name=name, curve_kwargs={"color": colour}
        )
    label_axes(
        axes,
        title,
        "share of churned customers found (recall)",
        "share of warnings that are right (precision)",
    )
    add_legend(axes, loc="lower left")
    return figure


def calibration(title: str, curves: Mapping[str, CalibrationCurve]) -> "Figure":
    """Observed churn rate against predicted probability; larger dots stand for more customers."""
    from sklearn.calibration import CalibrationDisplay

    figure, axes = new_panel(width=_WIDTH, height=_HEIGHT)
    axes.plot([0, 1], [0, 1], label="perfect calibration", **REFERENCE)
    for name, curve, colour in coloured(curves):
        CalibrationDisplay(curve.observed, curve.predicted, curve.predicted).plot(
            ax=axes, name=name, ref_line=False, color=colour, marker="", linewidth=1.4
        )
        sizes = 12 + 30 * curve.counts / curve.counts.max()
        axes.scatter(curve.predicted, curve.observed, s=sizes, color=colour)
        if curve.band is not None:
            axes.fill_between(curve.predicted, *curve.band, color=colour, alpha=0.15, linewidth=0)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    label_axes(axes, title, "predicted probability", "observed churn rate")
    add_legend(axes, loc="upper left")
    return figure


def draw_lift(axes: "Axes", title: str, probabilities: Probabilities, churned: Floats) -> None:
    """Draw the lift of each model; parameters as those of `roc`."""
    share = np.arange(1, len(churned) + 1) / len(churned)
    shown = share >= min(0.01, 50 / len(share))
    best = np.minimum(1 / churned.mean(), 1 / share)
    axes.axhline(1, label="by chance", **REFERENCE)
    axes.plot(share[shown], best[shown], label="best possible", **BEST_POSSIBLE)
    for name, probability, colour in coloured(probabilities):
        ratio = cumulative_gains(probability, churned) / share
        axes.plot(share[shown], ratio[shown], color=colour, label=name)
    axes.set_ylim(bottom=0)
    label_axes(
        axes,
        title,
        "share of customers contacted, highest risk first",
        "times as many churned as by chance",
    )
    add_legend(axes)


def draw_gains(axes: "Axes", title: str, probabilities: Probabilities, churned: Floats) -> None:
    """Draw the cumulative gains of each model; parameters as those of `roc`."""
    share = np.arange(1, len(churned) + 1) / len(churned)
    axes.plot([0, 1], [0, 1], label="by chance", **REFERENCE)
    axes.plot([0, churned.mean(), 1], [0, 1, 1], label="best possible", **BEST_POSSIBLE)
    for name, probability, colour in coloured(probabilities):
        axes.plot(share, cumulative_gains(probability, churned), color=colour, label=name)
    label_axes(
        axes,
        title,
        "share of customers contacted, highest risk first",
        "share of churned customers found",
    )
    add_legend(axes, loc="lower right")


def cumulative_gains(probability: Floats, churned: Floats) -> Floats:
    """Share of all churned customers among the first 1, 2, … by falling probability."""
    hits = np.cumsum(churned[np.argsort(-probability, kind="stable")])
    return np.asarray(hits / hits[-1], dtype=np.float64)
