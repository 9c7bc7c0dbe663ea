"""What people are shown: card, comparison, figures."""

from datetime import date

import numpy as np

from retention_ml.models import plots
from retention_ml.models.card import card, strongest
from retention_ml.models.compare import table
from retention_ml.models.cutoffs import Plan
from retention_ml.models.definition import ChurnDefinition
from retention_ml.models.metrics import METRICS, Interval
from retention_ml.models.runs import flat, segments

VALUES = {
    "recency": {name: Interval(0.6, 0.55, 0.65) for name in METRICS},
    "lightgbm": {name: Interval(0.8, 0.75, 0.85) for name in METRICS},
}


def test_the_comparison_puts_the_best_first_with_its_interval() -> None:
    lines = table(VALUES, {"lightgbm": Interval(0.2, 0.1, 0.3)}).splitlines()
    assert lines[2].startswith("| lightgbm | 0.800 (0.750 … 0.850)")
    assert lines[2].rstrip(" |").endswith("+0.200 (+0.100 … +0.300)")
    assert lines[3].startswith("| recency")
    assert len({len(line) for line in lines}) == 1


def test_the_card_says_what_how_good_and_what_not() -> None:
    text = card(
        model_name="lightgbm",
        training_id="20260301-abc",
        definition=ChurnDefinition(active_days=90, lead_days=0, horizon_days=28),
        plan=Plan(
            training=(date(2025, 10, 1),), evaluation=(date(2026, 1, 1),), final=(date(2026, 1, 1),)
        ),
        rows_count=4_000,
        churn_rate=0.25,
        values=VALUES,
        drivers=[("recency_days", 0.8, "days since the last purchase day")],
        verdict="It becomes champion.",
    )
    for expected in ("## How good it is", "## Limits", "25.0 % of them churned", "`recency_days`"):
        assert expected in text


def test_the_strongest_features_come_first_and_silent_ones_not_at_all() -> None:
    added = np.array([[0.1, -2.0, 0.0], [0.1, 2.0, 0.0]])
    found = strongest(added, ["a", "b", "c"], {"b": "what b is"})
    assert found == [("b", 2.0, "what b is"), ("a", 0.1, "")]


def test_metrics_that_are_not_finite_are_not_sent() -> None:
    assert flat({"x": Interval(0.5, float("nan"), 0.6)}) == {"x": 0.5, "x_upper": 0.6}


def test_segments_part_the_customers() -> None:
    values = np.array([[1.0, 10], [3, 100], [20, 400], [7, 60]])
    found = segments(values, ("orders_count", "tenure_days"))
    assert list(found) == [
        "1 orders", "2 to 4 orders", "5 to 14 orders", "15 or more orders",
        "0 to 59 days a customer", "60 to 179 days a customer", "180 or more days a customer",
    ]  # fmt: skip
    assert sum(int(rows.sum()) for rows in found.values()) == 8


def test_every_figure_is_titled_and_labelled() -> None:
    draw = np.random.default_rng(1)
    probability = draw.random(300)
    outcome = (draw.random(300) < probability).astype(float)
    figures = [
        plots.roc("m", probability, outcome, 0.8),
        plots.precision_recall("m", probability, outcome, 0.8),
        plots.calibration("m", probability, outcome, 0.02),
        plots.lift("m", probability, outcome),
        plots.contributions(
            "m", draw.normal(size=(300, 3)), draw.random((300, 3)), ["a", "b", "c"]
        ),
        plots.segments("m", probability, outcome, {"all": probability >= 0}),
    ]
    for figure in figures:
        axes = figure.axes[0]
        assert axes.get_title(loc="left").startswith("m: ")
        assert axes.get_xlabel()
        figure.canvas.draw()
