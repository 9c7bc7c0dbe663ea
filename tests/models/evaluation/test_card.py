"""The model card and the comparison with the champion."""

from datetime import date

import numpy as np

from retention_ml.labels.cutoffs import Plan
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.representation import Representation
from retention_ml.models.evaluation.card import card, strongest
from retention_ml.models.evaluation.side_by_side import comparison_markdown, table
from retention_ml.models.registry.description import fit_description
from retention_ml.models.training.runs import comparison_contents, flat
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import METRICS

VALUES = {
    "recency": {name: Interval(0.6, 0.55, 0.65) for name in METRICS},
    "lightgbm": {name: Interval(0.8, 0.75, 0.85) for name in METRICS},
}
USES = ("Training", "Evaluation")


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
        optimism=0.00123,
        verdict="It becomes champion.",
    )
    assert "left alone by lot" not in text
    assert "chosen among 2 candidates on these same days" in text
    assert "raises its ROC AUC by about 0.0012 by itself" in text
    for expected in ("## How good it is", "## Limits", "25.0 % of them churned", "`recency_days`"):
        assert expected in text


def test_the_card_says_what_became_of_customers_whom_the_platform_contacted() -> None:
    day = date(2026, 1, 1)
    text = card(
        model_name="ensemble",
        training_id="20260301-abc",
        definition=ChurnDefinition(active_days=90, lead_days=0, horizon_days=28),
        plan=Plan(training=(day,), evaluation=(day,), final=(day,)),
        rows_count=4_000,
        churn_rate=0.25,
        values=VALUES,
        drivers=[],
        contacts={
            "training": Representation.of(np.array([0.0, 0.0, 3.0, 1.0]), 1),
            "evaluation": Representation.of(np.array([0.0, 2.0]), 0),
        },
    )
    training, evaluation = (text.partition(f"- {use} days: ")[2] for use in USES)
    assert training.startswith("Of 4 rows 2 are left out because the platform contacted")
    assert "1 of them, left alone by lot, with the inverse of the probability" in training
    assert "(at most 3); they say as much as 2 rows of equal weight" in training
    assert "1 of those left out were contacted where nobody was left alone by lot" in training
    assert evaluation.startswith("Of 2 rows 1 are left out")
    assert "nobody stands for them" not in evaluation


def test_the_strongest_features_come_first_and_silent_ones_not_at_all() -> None:
    added = np.array([[0.1, -2.0, 0.0], [0.1, 2.0, 0.0]])
    drivers = strongest(added, ["a", "b", "c"], {"b": "what b is"})
    assert drivers == [("b", 2.0, "what b is"), ("a", 0.1, "")]


def test_metrics_that_are_not_finite_are_not_sent() -> None:
    metrics = {"x": Interval(0.5, float("nan"), 0.6), "y": Interval(float("nan"), 0.1, 0.2)}
    assert flat(metrics) == {"x": 0.5}


DIFFERENCE = {"value": 0.01, "lower": -0.01, "upper": 0.03}
EVIDENCE = {
    "verdict": "inconclusive",
    "reason": "That does not decide.",
    "predictions": 2_000,
    "customers": 1_200,
    "days": ["2026-01-01"],
    "metrics": {
        name: {
            "candidate": {"value": 0.8, "lower": 0.7, "upper": 0.9},
            "champion": {"value": 0.79, "lower": 0.7, "upper": 0.9},
            "difference": DIFFERENCE,
        }
        for name in (*METRICS, "profit_per_thousand")
    },
    "segments": {
        "bought_once": {"is_judged": True, "roc_auc_difference": DIFFERENCE},
        "country_Malta": {"is_judged": False},
    },
    "findings": [{"what": "brier", "outcome": "open", "sentence": "It is not shown."}],
}


def test_candidate_and_champion_stand_side_by_side() -> None:
    text = comparison_markdown(EVIDENCE)
    assert "| candidate " in text
    assert "| roc auc " in text
    assert "+0.010 (-0.010 … +0.030)" in text
    assert "| profit per thousand " in text
    assert "- open: It is not shown." in text
    assert "| bought on one day | +0.010" in text
    assert "Malta" not in text
    assert comparison_markdown({"verdict": "keep", "reason": "One class."}) == "One class."


def test_a_card_that_is_too_long_ends_at_a_paragraph_and_says_where_the_whole_is() -> None:
    long = "\n\n".join(["paragraph " * 30] * 40)
    assert fit_description("short") == "short"
    cut = fit_description(long)
    assert len(cut) <= 5_000
    assert cut.endswith("is `model_card.md` among the artifacts of the run.\n")
    assert "paragraph \n\nThe whole card" in cut


def test_a_comparison_gives_figures_and_metrics_and_none_where_nothing_was_compared() -> None:
    figures, metrics = comparison_contents(EVIDENCE, 0.02)
    assert set(figures) == {"plots/champion_differences.png", "plots/champion_segments.png"}
    assert metrics["roc_auc_minus_champion"] == 0.01
    assert not {name for name in metrics if name.endswith(("_lower", "_upper"))}
    for figure in figures.values():
        figure.canvas.draw()
    axes = figures["plots/champion_segments.png"].axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["bought on one day"]
    assert comparison_contents({"reason": "One class."}, 0.02) == ({}, {})
