"""Figures of one evaluated candidate; drawn without a display."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.metrics import score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LOWER_IS_BETTER = ("log_loss", "brier", "ece")
_BLUE, _ORANGE, _GREY = "#1f5a8a", "#d1662a", "#8a8f98"


def _figure(title: str, across: str, up: str, height: float = 4.2) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, height), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _curves(probability: Floats, outcome: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(-probability, kind="stable")
    churned = np.cumsum(outcome[order])
    return churned, np.arange(1, len(outcome) + 1, dtype=np.float64)


def roc(name: str, probability: Floats, outcome: Floats, auc: float) -> "Figure":
    """True against false positive rate."""
    churned, seen = _curves(probability, outcome)
    retained = seen - churned
    figure, axes = _figure(
        f"{name}: ROC curve, AUC {auc:.3f}",
        "share of retained customers warned about",
        "share of churned customers found",
    )
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--", label="no skill")
    axes.plot(retained / retained[-1], churned / churned[-1], color=_BLUE, label=name)
    axes.legend(frameon=False, loc="lower right")
    return figure


def precision_recall(name: str, probability: Floats, outcome: Floats, auc: float) -> "Figure":
    """Precision against recall."""
    churned, seen = _curves(probability, outcome)
    base = float(outcome.mean())
    figure, axes = _figure(
        f"{name}: precision and recall, AUC {auc:.3f}",
        "share of churned customers found (recall)",
        "share of warnings that are right (precision)",
    )
    axes.axhline(base, color=_GREY, linewidth=1, linestyle="--", label=f"churn rate {base:.2f}")
    axes.plot(churned / churned[-1], churned / seen, color=_BLUE, label=name)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False, loc="lower left")
    return figure


def calibration(name: str, probability: Floats, outcome: Floats, ece: float) -> "Figure":
    """Observed against predicted rate in tenths of equal counts, with 95 % intervals."""
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, min(10, len(order)))
    predicted = np.array([probability[part].mean() for part in parts])
    observed = np.array([outcome[part].mean() for part in parts])
    count = np.array([len(part) for part in parts])
    error = 1.96 * np.sqrt(np.maximum(observed * (1 - observed), 0.25 / count) / count)
    figure, axes = _figure(
        f"{name}: calibration, ECE {ece:.3f}", "predicted probability", "share that churned"
    )
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--", label="perfect")
    axes.errorbar(
        predicted,
        observed,
        yerr=error,
        color=_BLUE,
        marker="o",
        markersize=4,
        capsize=2,
        label=name,
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, loc="upper left")
    return figure


def lift(name: str, probability: Floats, outcome: Floats) -> "Figure":
    """How many more churned customers than by chance, among those with the highest risk."""
    churned, seen = _curves(probability, outcome)
    share = seen / seen[-1]
    base = float(outcome.mean())
    kept = share >= min(0.01, 50 / len(share))
    figure, axes = _figure(
        f"{name}: lift",
        "share of customers contacted, highest risk first",
        "times as many churned as by chance",
    )
    axes.plot(share[kept], (churned / seen / base)[kept], color=_BLUE, label=name)
    most = np.minimum(1 / base, 1 / share)
    axes.plot(
        share[kept], most[kept], color=_ORANGE, linewidth=1, linestyle=":", label="best possible"
    )
    axes.axhline(1, color=_GREY, linewidth=1, linestyle="--", label="by chance")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def contributions(
    name: str, added: Floats, values: Floats, features: Sequence[str], shown: int = 15
) -> "Figure":
    """What the strongest features add to the log-odds of churn, customer by customer.

    Parameters
    ----------
    added, values : arrays of float64, shape (n, k)
        Contributions and feature values.
    features : sequence of str, length k
    shown : int
        How many features.
    """
    strength = np.abs(added).mean(axis=0)
    top = np.argsort(-strength, kind="stable")[:shown][::-1]
    figure, axes = _figure(
        f"{name}: what drives the prediction",
        "added to the log-odds of churn (right: more likely to churn)",
        "",
        height=max(2.4, 0.32 * len(top) + 1.2),
    )
    draw = np.random.default_rng(0)
    chosen = draw.choice(len(added), min(len(added), 800), replace=False)
    drawn = None
    for height, j in enumerate(top):
        column = values[chosen, j]
        rank = np.argsort(np.argsort(np.nan_to_num(column, nan=-np.inf))) / max(1, len(chosen) - 1)
        drawn = axes.scatter(
            added[chosen, j],
            height + draw.uniform(-0.3, 0.3, len(chosen)),
            c=rank,
            cmap="coolwarm",
            s=5,
            alpha=0.7,
            linewidths=0,
            rasterized=True,
        )
    axes.axvline(0, color=_GREY, linewidth=0.8)
    axes.set_yticks(range(len(top)), [features[j] for j in top], fontsize=8)
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=axes, ticks=[0, 1], shrink=0.7)
        bar.ax.set_yticklabels(["low value", "high value"], fontsize=8)
    return figure


def segments(
    name: str, probability: Floats, outcome: Floats, members: Mapping[str, Bools]
) -> "Figure":
    """Predicted and observed churn by segment, with each segment's ROC AUC."""
    kept = {label: rows for label, rows in members.items() if rows.sum() >= 30}
    figure, axes = _figure(
        f"{name}: by segment", "churn probability", "", height=max(2.2, 0.42 * len(kept) + 1.2)
    )
    labels = []
    for height, (label, rows) in enumerate(kept.items()):
        auc = float(score(probability[rows], outcome[rows])["roc_auc"][0])
        labels.append(f"{label}\n{int(rows.sum()):,} rows, AUC {auc:.2f}")
        axes.barh(height + 0.18, probability[rows].mean(), 0.34, color=_BLUE, label="predicted")
        axes.barh(height - 0.18, outcome[rows].mean(), 0.34, color=_ORANGE, label="observed")
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_xlim(0, 1)
    handles, names = axes.get_legend_handles_labels()
    unique: dict[str, Any] = dict(zip(names, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), frameon=False, loc="best")
    return figure


def paired_differences(differences: Mapping[str, Mapping[str, Any]]) -> "Figure":
    """Candidate minus champion by metric, each on its own scale, with 95 % intervals.

    Parameters
    ----------
    differences : mapping of str to mapping
        By metric: `value`, `lower`, `upper`; those that are not known are left out.
    """
    from matplotlib.figure import Figure

    known = {name: own for name, own in differences.items() if None not in own.values()}
    figure = Figure(figsize=(6.4, 0.9 * max(1, len(known)) + 0.8), dpi=110, layout="constrained")
    figure.suptitle("candidate minus champion, same customers", fontsize=11, fontweight="bold")
    panels = np.atleast_1d(np.asarray(figure.subplots(max(1, len(known)), 1)))
    for axes, (name, own) in zip(panels, known.items(), strict=False):
        _whisker(axes, own, 0, _BLUE)
        axes.axvline(0, color=_GREY, linewidth=1, linestyle="--")
        better = "left" if name in _LOWER_IS_BETTER else "right"
        axes.set_yticks([0], [f"{name.replace('_', ' ')}\n({better} is better)"], fontsize=8)
        axes.set_ylim(-1, 1)
        axes.margins(x=0.15)
        axes.tick_params(axis="x", labelsize=8)
        axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def differences_by_segment(segments: Mapping[str, Mapping[str, Any]], margin: float) -> "Figure":
    """ROC AUC of the candidate minus that of the champion by kind of customer.

    Parameters
    ----------
    segments : mapping of str to mapping
        By name: `value`, `lower`, `upper`; those that are not known are left out.
    margin : float
        By so much it may be lower.
    """
    known = {name: own for name, own in segments.items() if None not in own.values()}
    figure, axes = _figure(
        "candidate minus champion, by segment",
        "difference of ROC AUC with 95 % interval (right: the candidate is better)",
        "",
        height=max(2.2, 0.32 * len(known) + 1.2),
    )
    for height, own in enumerate(reversed(known.values())):
        _whisker(axes, own, height, _BLUE)
    axes.axvline(0, color=_GREY, linewidth=1, linestyle="--")
    axes.axvline(-margin, color=_ORANGE, linewidth=1, linestyle=":", label="margin")
    axes.set_yticks(range(len(known)), list(reversed(known)), fontsize=8)
    axes.set_ylim(-0.6, max(1, len(known)) - 0.4)
    axes.legend(frameon=False, loc="best", fontsize=8)
    return figure


def _whisker(axes: "Axes", own: Mapping[str, Any], height: float, colour: str) -> None:
    axes.plot([own["lower"], own["upper"]], [height, height], color=colour, linewidth=1.8)
    axes.plot([own["value"]], [height], "o", color=colour, markersize=5)
