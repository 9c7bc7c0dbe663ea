"""Figures of a backtest, drawn without a display; each shows several models or all days."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.metrics import Predictions, customer_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GREY = "#8a8f98"
_COLOURS = ("#1f5a8a", "#d1662a", "#3f8f5f", "#8e5aa8", "#b08a1e", "#5d6b7a", "#b3435c", "#4aa3b5")
_BINS = 10
_BAND_DRAWS = 200
_SEED = 1

Document = Mapping[str, Any]


def png(figure: "Figure", dpi: int = 110) -> bytes:
    """The figure as a PNG file."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi, metadata={"Software": None})
    return drawn.getvalue()


def roc(predictions: Predictions, models: Sequence[str]) -> "Figure":
    """Churned found against retained warned, all days together."""
    figure, (axes,) = _figure(1)
    _label(axes, "ROC", "share of retained customers warned", "share of churned customers found")
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--")
    for colour, name in _coloured(models):
        churned, seen = _ranked(predictions, name)
        retained = seen - churned
        axes.plot(
            *_thinned(retained / retained[-1], churned / churned[-1]), color=colour, label=name
        )
    axes.legend(frameon=False, loc="lower right", fontsize=8)
    return figure


def precision_recall(predictions: Predictions, models: Sequence[str]) -> "Figure":
    """How many warnings are right against how many of the churned are found."""
    figure, (axes,) = _figure(1)
    _label(axes, "Precision and recall", "share of churned found", "share of warnings right")
    base = float(predictions.outcome.mean())
    axes.axhline(base, color=_GREY, linewidth=1, linestyle="--", label=f"churn rate {base:.2f}")
    for colour, name in _coloured(models):
        churned, seen = _ranked(predictions, name)
        kept = slice(min(20, len(seen) - 1), None)
        axes.plot(
            *_thinned((churned / churned[-1])[kept], (churned / seen)[kept]),
            color=colour,
            label=name,
        )
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, loc="best", fontsize=8)
    return figure


def calibration(predictions: Predictions, models: Sequence[str]) -> "Figure":
    """Observed against predicted rate in tenths of the rows; the first model with its 95 % band."""
    figure, (axes,) = _figure(1)
    _label(axes, "Calibration", "predicted probability", "share that churned")
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--")
    weights = customer_weights(predictions.groups, _BAND_DRAWS, _SEED)
    for number, (colour, name) in enumerate(_coloured(models)):
        predicted, observed, lower, upper = reliability(predictions, name, weights)
        axes.plot(predicted, observed, color=colour, marker="o", markersize=3.5, label=name)
        if number == 0:
            axes.fill_between(predicted, lower, upper, color=colour, alpha=0.18, linewidth=0)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, loc="upper left", fontsize=8)
    return figure


def reliability(
    predictions: Predictions, model: str, weights: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Predicted and observed rate in bins of equal counts, and the observed rate's 95 % band.

    Parameters
    ----------
    weights : array of float64, shape (draws, n)
        How often each row counts, see `metrics.customer_weights`.
    """
    probability = predictions.models[model]
    order = np.argsort(probability, kind="stable")
    count = min(_BINS, len(order))
    starts = np.linspace(0, len(order), count + 1).round().astype(np.int64)[:-1]
    sizes = np.diff(np.append(starts, len(order)))
    predicted = np.add.reduceat(probability[order], starts) / sizes
    observed = np.add.reduceat(predictions.outcome[order], starts) / sizes
    drawn = weights[:, order]
    rates = np.add.reduceat(drawn * predictions.outcome[order], starts, axis=1) / np.maximum(
        np.add.reduceat(drawn, starts, axis=1), 1e-12
    )
    lower, upper = np.quantile(rates, [0.025, 0.975], axis=0)
    return predicted, observed, lower, upper


def lift_and_gains(predictions: Predictions, models: Sequence[str]) -> "Figure":
    """What contacting the riskiest customers first gains over contacting them at random."""
    figure, (lift, gains) = _figure(2)
    across = "share contacted, highest risk first"
    _label(lift, "Lift", across, "times as many churned as by chance")
    _label(gains, "Gains", across, "share of churned customers found")
    base = float(predictions.outcome.mean())
    share = np.arange(1, len(predictions.outcome) + 1) / len(predictions.outcome)
    kept = share >= min(0.02, 50 / len(share))
    lift.plot(
        *_thinned(share[kept], np.minimum(1 / base, 1 / share)[kept]),
        color=_GREY, linewidth=1, linestyle=":", label="best possible",
    )  # fmt: skip
    gains.plot(
        [0, base, 1], [0, 1, 1], color=_GREY, linewidth=1, linestyle=":", label="best possible"
    )
    gains.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--")
    lift.axhline(1, color=_GREY, linewidth=1, linestyle="--")
    for colour, name in _coloured(models):
        churned, seen = _ranked(predictions, name)
        lift.plot(*_thinned(share[kept], (churned / seen / base)[kept]), color=colour, label=name)
        gains.plot(*_thinned(share, churned / churned[-1]), color=colour, label=name)
    lift.set_ylim(bottom=0)
    lift.legend(frameon=False, fontsize=8)
    gains.legend(frameon=False, fontsize=8, loc="lower right")
    return figure


def differences(document: Document) -> "Figure":
    """The reference minus each other model, paired, with 95 % intervals."""
    metrics = {"roc_auc": "ROC AUC (right is better)", "log_loss": "log loss (left is better)"}
    names = list(document["differences"])[::-1]
    figure, panels = _figure(2, height=max(2.0, 0.32 * len(names) + 1.1))
    for axes, (metric, title) in zip(panels, metrics.items(), strict=True):
        _label(axes, title, f"{document['reference']} minus the other", "")
        axes.axvline(0, color=_GREY, linewidth=1)
        for height, name in enumerate(names):
            _whisker(axes, document["differences"][name][metric], height)
        axes.set_yticks(range(len(names)), names, fontsize=8)
    return figure


def segments(document: Document) -> "Figure":
    """ROC AUC and predicted against observed rate of customers by what is known of them."""
    labels = list(document["segments"])[::-1]
    figure, (auc, rate) = _figure(2, height=max(2.6, 0.36 * len(labels) + 1.4))
    _label(auc, "ROC AUC", "ROC AUC with 95 % interval", "")
    _label(rate, "Calibration", "churn rate", "")
    for height, label in enumerate(labels):
        found = document["segments"][label]
        for number, (name, own) in enumerate(found["models"].items()):
            at = height + 0.13 - 0.26 * number
            _whisker(auc, own["roc_auc"], at, _COLOURS[number], name if height == 0 else None)
            rate.plot(
                own["mean_probability"], at, "o", color=_COLOURS[number], markersize=5,
                label=f"predicted by {name}" if height == 0 else None,
            )  # fmt: skip
        rate.plot(
            found["churn_rate"], height, "|", color="black", markersize=14,
            label="observed" if height == 0 else None,
        )  # fmt: skip
    for axes in (auc, rate):
        axes.set_yticks(range(len(labels)), labels, fontsize=8)
        axes.legend(
            frameon=False, fontsize=8, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14)
        )
    rate.set_xlim(0, 1)
    return figure


def over_time(document: Document, models: Sequence[str]) -> "Figure":
    """ROC AUC and log loss of each day, with the days' churn rates."""
    from matplotlib.dates import ConciseDateFormatter

    days = np.array(document["task"]["as_of"], dtype="datetime64[D]")
    figure, panels = _figure(2)
    for axes, metric, title in zip(
        panels, ("roc_auc", "log_loss"), ("ROC AUC by day", "Log loss by day"), strict=True
    ):
        _label(axes, title, "", "")
        for number, (colour, name) in enumerate(_coloured(models)):
            own = document["models"][name]["by_as_of"]
            values = _column(own, metric, "value")
            axes.plot(days, values, color=colour, marker="o", markersize=3.5, label=name)
            if number == 0:
                axes.fill_between(
                    days, _column(own, metric, "lower"), _column(own, metric, "upper"),
                    color=colour, alpha=0.15, linewidth=0,
                )  # fmt: skip
        axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))
        axes.tick_params(axis="x", labelsize=8)
    panels[0].legend(frameon=False, fontsize=8)
    return figure


def _column(by_day: Document, metric: str, end: str) -> Floats:
    return np.array([own[metric][end] for own in by_day.values()], dtype=np.float64)


def _whisker(
    axes: "Axes",
    found: Document,
    height: float,
    colour: str = _COLOURS[0],
    label: str | None = None,
) -> None:
    if found["value"] is None:
        return
    axes.plot(found["value"], height, "o", color=colour, markersize=5, label=label)
    if found["lower"] is not None and found["upper"] is not None:
        axes.plot([found["lower"], found["upper"]], [height, height], color=colour, linewidth=1.6)


def _figure(panels: int, height: float = 4.0) -> "tuple[Figure, list[Axes]]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4 * panels, height), layout="constrained")
    found = np.atleast_1d(figure.subplots(1, panels))
    return figure, list(found)


def _label(axes: "Axes", title: str, across: str, up: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _coloured(models: Sequence[str]) -> list[tuple[str, str]]:
    return [(_COLOURS[number % len(_COLOURS)], name) for number, name in enumerate(models)]


def _ranked(predictions: Predictions, model: str) -> tuple[Floats, Floats]:
    """Churned among the first 1, 2, … rows by falling probability, and how many those are."""
    order = np.argsort(-predictions.models[model], kind="stable")
    churned = np.cumsum(predictions.outcome[order])
    return churned, np.arange(1, len(churned) + 1, dtype=np.float64)


def _thinned(across: Floats, up: Floats, points: int = 800) -> tuple[Floats, Floats]:
    """Few enough points to draw, the ends among them."""
    at = np.unique(np.linspace(0, len(across) - 1, points).round().astype(np.int64))
    return across[at], up[at]
