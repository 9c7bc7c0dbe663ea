"""The model card: what a model is for, what it learnt from, how good it is, and its limits."""

from collections.abc import Mapping, Sequence

import numpy as np

from retention_ml.labels.cutoffs import Plan
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.models.evaluation.side_by_side import table
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.metrics import Interval


def strongest(
    added: Floats, features: Sequence[str], meanings: Mapping[str, str], shown: int = 8
) -> list[tuple[str, float, str]]:
    """Name, mean absolute contribution in log-odds, and meaning of the strongest features."""
    strength = np.abs(added).mean(axis=0)
    top = np.argsort(-strength, kind="stable")[:shown]
    return [
        (features[j], float(strength[j]), meanings.get(features[j], ""))
        for j in top
        if strength[j] > 0
    ]


def card(
    *,
    model_name: str,
    training_id: str,
    definition: ChurnDefinition,
    plan: Plan,
    rows_count: int,
    churn_rate: float,
    values: Mapping[str, Mapping[str, Interval]],
    drivers: Sequence[tuple[str, float, str]],
    differences: Mapping[str, Interval] | None = None,
    verdict: str | None = None,
    comparison: str | None = None,
) -> str:
    """The card as Markdown.

    Parameters
    ----------
    rows_count : int
        Rows learnt from, one for each active customer and day.
    churn_rate : float
        Of those, the share that churned.
    values : mapping of str to mapping of str to Interval
        By model and metric, on days after those learnt from.
    drivers : sequence of (name, strength, meaning)
        The strongest features, see `strongest`.
    differences : mapping of str to Interval, optional
        Paired ROC AUC difference to the recency rule, by model.
    verdict : str, optional
        What the gate said.
    comparison : str, optional
        The model beside the champion, see `compare.against`.
    """
    begins, ends = definition.window(plan.evaluation[0])
    drawn = "\n".join(
        f"| `{name}` | {strength:.3f} | {meaning} |" for name, strength, meaning in drivers
    )
    parts = [
        f"# Churn model `{model_name}`",
        f"Training `{training_id}`, churn definition `{definition.hash}`.",
        *(["## Verdict", verdict] if verdict else []),
        *(["## Beside the champion", comparison] if comparison else []),
        "## What it says",
        f"The probability that a customer who ordered in the last {definition.active_days} days "
        f"places no order in the {definition.horizon_days} days that begin "
        f"{definition.lead_days} days after the day of the score "
        f"(days of {definition.timezone}). It is meant to rank customers for retention and to "
        "size the effort. It is not meant to refuse anybody a service, and it says nothing about "
        "customers who were not active.",
        "## What it learnt from",
        f"{rows_count:,} rows with a whole outcome, one for each active customer and day, of {len(plan.training)} days "
        f"from {plan.training[0]} to {plan.training[-1]}; {100 * churn_rate:.1f} % of them churned. Of the newest of these days only a part of the outcome was known, which the ensemble learns from too. Candidates were judged on "
        f"{', '.join(map(str, plan.evaluation))}, all of whose outcomes lie after every outcome "
        f"learnt from (the first window judged is {begins} to {ends}). The registered model was "
        f"then fitted anew on {len(plan.final)} days up to {plan.final[-1]} with the same settings.",
        "## How good it is",
        "Means over the days judged on, with 95 % intervals over customers.",
        table(values, differences),
    ]
    if drawn:
        parts += [
            "## What drives it",
            "| feature | mean absolute contribution (log-odds) | meaning |\n| --- | --- | --- |\n"
            + drawn,
        ]
    parts += [
        "## Limits",
        "It knows only what is in the feed: guests and orders elsewhere are invisible. A season "
        "it has never seen, a changed assortment or a changed churn definition ask for a new "
        "training. Contributions explain the prediction, not the cause of churn. Labels are what "
        "was known on the day of training.",
    ]
    return "\n\n".join(parts) + "\n"
