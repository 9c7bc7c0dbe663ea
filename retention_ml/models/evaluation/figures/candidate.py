"""Figures of one evaluated candidate, and of its comparison with the champion."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from retention_ml.models.evaluation.figures import curves
from retention_ml.models.evaluation.figures.axes import (
    BLUE,
    GREY,
    ORANGE,
    REFERENCE,
    add_legend,
    draw_interval,
    label_axes,
    name_rows,
    new_figure,
    new_panel,
)
from retention_ml.models.evaluation.figures.intervals import LOWER_IS_BETTER
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import score

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_SEGMENT_ROWS_MIN = 30
_FEATURES_DRAWN = 15


def candidate_figures(
    name: str,
    probability: Floats,
    churned: Floats,
    *,
    metrics: Mapping[str, Interval],
    segment_masks: Mapping[str, Bools],
    log_odds: Floats,
    feature_values: Floats,
    feature_names: Sequence[str],
) -> "dict[str, Figure]":
    """Every figure of an evaluated candidate, by file name; none if only one class occurs.

    Parameters
    ----------
    probability, churned : array of float64, shape (n_samples,)
        Predicted probability of churn; 1 churned, 0 retained.
    metrics : mapping of str to Interval
        The candidate's metrics: three of them stand in titles.
    segment_masks : mapping of str to array of bool, shape (n_samples,)
        Which rows belong to each segment.
    log_odds, feature_values : array of float64, shape (n_explained, n_features)
        See `contributions`.
    feature_names : sequence of str, length n_features
    """
    if not 0 < churned.sum() < len(churned):
        return {}
    auc, pr_auc, ece = (metrics[metric].value for metric in ("roc_auc", "pr_auc", "ece"))
    models = {name: probability}
    calibration = {name: curves.calibration_curve(probability, churned)}
    lift, axes = new_panel()
    curves.draw_lift(axes, f"{name}: lift", models, churned)
    return {
        "plots/roc.png": curves.roc(f"{name}: ROC curve, AUC {auc:.3f}", models, churned),
        "plots/precision_recall.png": curves.precision_recall(
            f"{name}: precision and recall, AUC {pr_auc:.3f}", models, churned
        ),
        "plots/calibration.png": curves.calibration(
            f"{name}: calibration, ECE {ece:.3f}", calibration
        ),
        "plots/lift.png": lift,
        "plots/shap_summary.png": contributions(name, log_odds, feature_values, feature_names),
        "plots/segments.png": segments(name, probability, churned, segment_masks),
    }


def contributions(
    name: str, log_odds: Floats, feature_values: Floats, feature_names: Sequence[str]
) -> "Figure":
    """What the strongest features add to the log-odds of churn, customer by customer.

    Parameters
    ----------
    log_odds, feature_values : array of float64, shape (n_samples, n_features)
        What each feature adds, and its value.
    feature_names : sequence of str, length n_features
    """
    strength = np.abs(log_odds).mean(axis=0)
    strongest = np.argsort(-strength, kind="stable")[:_FEATURES_DRAWN][::-1]
    names = [feature_names[feature] for feature in strongest]
    figure, axes = new_panel(
        width=6.4, height=max(2.4, 0.32 * len(strongest) + 1.2), names=names, right=0.8
    )
    draw = np.random.default_rng(0)
    rows = draw.choice(len(log_odds), min(len(log_odds), 800), replace=False)
    values = np.nan_to_num(feature_values[np.ix_(rows, strongest)], nan=-np.inf)
    ranks = np.argsort(np.argsort(values, axis=0), axis=0)
    above = np.arange(len(strongest)) + draw.uniform(-0.3, 0.3, values.shape)
    points = axes.scatter(
        log_odds[np.ix_(rows, strongest)].ravel(),
        above.ravel(),
        c=ranks.ravel() / max(1, len(rows) - 1),
        cmap="coolwarm",
        s=5,
        alpha=0.7,
        linewidths=0,
    )
    bar = figure.colorbar(points, ax=axes, ticks=[0, 1], shrink=0.7)
    bar.ax.set_yticklabels(["low value", "high value"], fontsize=8)
    axes.axvline(0, color=GREY, linewidth=0.8)
    label_axes(
        axes,
        f"{name}: what drives the prediction",
        "added to the log-odds of churn (right: more likely to churn)",
    )
    name_rows(axes, names)
    return figure


def segments(
    name: str, probability: Floats, churned: Floats, masks: Mapping[str, Bools]
) -> "Figure":
    """Predicted and observed churn by segment, with each segment's ROC AUC."""
    large = {label: mask for label, mask in masks.items() if mask.sum() >= _SEGMENT_ROWS_MIN}
    names = []
    for label, mask in large.items():
        auc = score(probability[mask], churned[mask])["roc_auc"][0]
        names.append(f"{label}\n{mask.sum():,} rows, AUC {auc:.2f}")
    figure, axes = new_panel(width=6.4, height=max(2.2, 0.42 * len(large) + 1.2), names=names)
    for height, mask in enumerate(large.values()):
        for offset, rates, colour in ((0.18, probability, BLUE), (-0.18, churned, ORANGE)):
            axes.barh(height + offset, rates[mask].mean(), 0.34, color=colour)
    label_axes(axes, f"{name}: by segment", "churn probability")
    name_rows(axes, names)
    axes.set_xlim(0, 1)
    add_legend(axes, handles=axes.patches[:2], labels=["predicted", "observed"], loc="best")
    return figure


def paired_differences(differences: Mapping[str, Mapping[str, Any]]) -> "Figure":
    """Candidate minus champion by metric, each on its own scale, with 95 % intervals.

    Parameters
    ----------
    differences : mapping of str to mapping
        By metric: `value`, `lower`, `upper`; incomplete ones are left out.
    """
    complete = _complete(differences)
    count = max(1, len(complete))
    figure, panels = new_figure(rows=count, width=6.4, height=0.9 * count + 0.8)
    figure.suptitle("candidate minus champion, same customers", fontsize=11, fontweight="bold")
    for axes, (name, difference) in zip(panels, complete.items(), strict=False):
        draw_interval(axes, 0, **difference)
        axes.axvline(0, **REFERENCE)
        better = "left" if name in LOWER_IS_BETTER else "right"
        label_axes(axes)
        axes.set_yticks([0], [f"{name.replace('_', ' ')}\n({better} is better)"], fontsize=8)
        axes.margins(x=0.15)
        axes.spines[["left"]].set_visible(False)
    return figure


def differences_by_segment(differences: Mapping[str, Mapping[str, Any]], margin: float) -> "Figure":
    """ROC AUC of the candidate minus that of the champion by segment.

    Parameters
    ----------
    differences : mapping of str to mapping
        By segment: `value`, `lower`, `upper`; incomplete ones are left out.
    margin : float
        By so much it may be lower.
    """
    complete = dict(reversed(_complete(differences).items()))
    figure, (axes,) = new_figure(width=6.4, height=max(2.2, 0.32 * len(complete) + 1.2))
    for height, difference in enumerate(complete.values()):
        draw_interval(axes, height, **difference)
    axes.axvline(0, **REFERENCE)
    axes.axvline(-margin, color=ORANGE, linewidth=1, linestyle=":", label="margin")
    label_axes(
        axes,
        "candidate minus champion, by segment",
        "difference of ROC AUC with 95 % interval (right: the candidate is better)",
    )
    name_rows(axes, complete)
    add_legend(axes, loc="best")
    return figure


def _complete(differences: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {name: each for name, each in differences.items() if None not in each.values()}
