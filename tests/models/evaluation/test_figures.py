"""Figures are drawn without a display, from rows made by hand."""

import numpy as np
import pytest
from matplotlib.axes import Axes

from retention_ml.models.evaluation.figures import axes, candidate, curves, intervals
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import score

_METRICS = {name: Interval(0.8, 0.75, 0.85) for name in ("roc_auc", "pr_auc", "ece")}


@pytest.fixture
def predictions() -> tuple[Floats, Floats]:
    """Probabilities that are true, and who churned."""
    draw = np.random.default_rng(1)
    probability = draw.random(300)
    return probability, (draw.random(300) < probability).astype(float)


def test_every_figure_of_a_candidate_is_titled_and_labelled(
    predictions: tuple[Floats, Floats],
) -> None:
    draw = np.random.default_rng(1)
    probability, churned = predictions
    figures = candidate.candidate_figures(
        "m",
        probability,
        churned,
        metrics=_METRICS,
        segment_masks={"all": probability >= 0, "too few": np.arange(300) < 29},
        log_odds=draw.normal(size=(300, 3)),
        feature_values=draw.random((300, 3)),
        feature_names=["a", "b", "c"],
    )
    assert [name.removeprefix("plots/").removesuffix(".png") for name in figures] == [
        "roc", "precision_recall", "calibration", "lift", "shap_summary", "segments",
    ]  # fmt: skip
    for figure in figures.values():
        panel = figure.axes[0]
        assert panel.get_title(loc="left").startswith("m: ")
        assert panel.get_xlabel()
        assert axes.png(figure).startswith(b"\x89PNG")
    rows = figures["plots/segments.png"].axes[0].get_yticklabels()
    assert [text.get_text().splitlines()[0] for text in rows] == ["all"]


def test_where_nobody_churned_there_is_nothing_to_draw(
    predictions: tuple[Floats, Floats],
) -> None:
    probability, _ = predictions
    assert (
        candidate.candidate_figures(
            "m",
            probability,
            np.zeros(300),
            metrics=_METRICS,
            segment_masks={},
            log_odds=np.zeros((1, 1)),
            feature_values=np.zeros((1, 1)),
            feature_names=["a"],
        )
        == {}
    )


def test_curves_of_several_models_have_the_words_of_the_field(
    predictions: tuple[Floats, Floats],
) -> None:
    probability, churned = predictions
    models = {"champion": probability, "constant": np.full(300, 0.5)}
    calibration = curves.calibration(
        "Calibration",
        {name: curves.calibration_curve(values, churned) for name, values in models.items()},
    ).axes[0]
    assert calibration.get_xlabel() == "predicted probability"
    assert calibration.get_ylabel() == "observed churn rate"
    assert _legend(calibration) == ["perfect calibration", "champion", "constant"]
    assert _legend(curves.roc("ROC", models, churned).axes[0])[1:] == list(models)
    precision = curves.precision_recall("Precision and recall", models, churned).axes[0]
    assert _legend(precision) == [f"churn rate {churned.mean():.2f}", *models]


def test_the_calibration_curve_has_the_bins_of_the_ece(
    predictions: tuple[Floats, Floats],
) -> None:
    probability, churned = predictions
    curve = curves.calibration_curve(probability, churned)
    assert curve.counts.tolist() == [30] * 10
    ece = float(np.abs(curve.predicted - curve.observed).mean())
    assert ece == pytest.approx(float(score(probability, churned)["ece"][0]))
    assert curve.band is not None
    lower, upper = curve.band
    assert ((lower < curve.predicted) & (curve.predicted < upper)).sum() >= 8


def test_few_customers_make_few_bins() -> None:
    curve = curves.calibration_curve(np.array([0.2, 0.4, 0.9]), np.array([0.0, 1.0, 1.0]))
    assert curve.predicted.tolist() == [0.2, 0.4, 0.9]
    assert curve.observed.tolist() == [0, 1, 1]


def test_gains_count_the_churned_by_falling_probability() -> None:
    gains = curves.cumulative_gains(np.array([0.1, 0.9, 0.5, 0.7]), np.array([1.0, 1.0, 0.0, 0.0]))
    assert gains.tolist() == [0.5, 0.5, 0.5, 1.0]


def test_an_interval_without_ends_is_a_point_and_without_a_value_nothing() -> None:
    _, (panel,) = axes.new_figure()
    axes.draw_interval(panel, 0, None, None, None)
    assert len(panel.lines) == 0
    axes.draw_interval(panel, 0, 0.5, None, None)
    assert len(panel.lines) == 1
    axes.draw_interval(panel, 1, 0.5, 0.4, 0.6)
    assert len(panel.lines) == 3


def _legend(panel: Axes) -> list[str]:
    return [text.get_text() for text in panel.get_legend().get_texts()]


def test_each_metric_has_a_panel_and_each_model_a_row_with_its_interval() -> None:
    values = {
        "first": {"roc_auc": Interval(0.8, 0.7, 0.9), "log_loss": Interval(0.5, 0.4, 0.6)},
        "second": {"roc_auc": Interval(0.6, 0.5, 0.7), "brier": Interval(np.nan, 0.1, 0.2)},
    }
    figure = intervals.metric_intervals(values)
    panels = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_title(loc="left") for panel in panels] == ["roc auc", "log loss"]
    assert [panel.get_xlabel() for panel in panels] == ["right is better", "left is better"]
    names = [text.get_text() for text in panels[0].get_yticklabels()]
    assert names == ["second", "first"]  # heights 0 and 1: the first stands on top
    ends = {
        names[int(line.get_ydata()[0])]: list(line.get_xdata())
        for line in panels[0].get_lines()
        if len(line.get_xdata()) == 2
    }
    assert ends == {"first": [0.7, 0.9], "second": [0.5, 0.7]}
    assert len(panels[1].get_lines()) == 2  # a point and its interval: the second has no log loss
    assert axes.png(figure).startswith(b"\x89PNG")
