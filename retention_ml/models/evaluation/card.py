"""The model card: what a model is for, its training data, how good it is, and its limits."""

from collections.abc import Mapping, Sequence

import numpy as np

from retention_ml.labels.cutoffs import Plan
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.representation import Representation
from retention_ml.models.evaluation.side_by_side import table
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.bootstrap import Interval

_LIMITS = (
    "It knows only what is in the feed: guests and orders elsewhere are invisible. A season without "
    "training data, a changed assortment or a changed churn definition need a new training. "
    "Contributions explain the prediction, not the cause of churn. Labels are what was known on "
    "the day of training."
)


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
    contacts: Mapping[str, Representation] | None = None,
    differences: Mapping[str, Interval] | None = None,
    optimism: float | None = None,
    verdict: str | None = None,
    comparison: str | None = None,
    groups: str | None = None,
) -> str:
    """The card as Markdown.

    Parameters
    ----------
    rows_count : int
        Training rows, one for each active customer and day.
    churn_rate : float
        Share of them that churned.
    values : mapping of str to mapping of str to Interval
        By model and metric, on the evaluation days.
    drivers : sequence of (name, strength, meaning)
        The strongest features, see `strongest`.
    contacts : mapping of str to Representation, optional
        Of the `training` and the `evaluation` days: who was left out because the platform had
        contacted them, and who stands for them; None where it contacted nobody.
    differences : mapping of str to Interval, optional
        Paired ROC AUC difference to the recency baseline, by model.
    optimism : float, optional
        By how much the model's ROC AUC is too high because it was chosen among others by it.
    verdict : str, optional
        Of the gate.
    comparison : str, optional
        With the champion, see `side_by_side.comparison_markdown`.
    groups : str, optional
        How it treats groups of customers, see `fairness_table.fairness_markdown`.
    """
    sections = [
        f"# Churn model `{model_name}`",
        f"Training `{training_id}`, churn definition `{definition.hash}`.",
    ]
    if verdict:
        sections += ["## Verdict", verdict]
    if comparison:
        sections += ["## Comparison with the champion", comparison]
    sections += ["## What it predicts", _purpose(definition)]
    sections += ["## Training data", _training_data(definition, plan, rows_count, churn_rate)]
    if contacts is not None:
        sections += ["## Customers whom the platform contacted", _contacts(contacts)]
    sections += [
        "## How good it is",
        "Means over the evaluation days, with 95 % intervals over customers.",
        table(values, differences),
    ]
    if optimism is not None:
        sections.append(
            f"`{model_name}` was chosen among {len(values)} candidates on these same days. By the "
            f"bootstrap, being chosen raises its ROC AUC by about {optimism:.4f} by itself: expect "
            "so much less on other days."
        )
    if groups:
        sections += ["## Groups of customers", groups]
    if drivers:
        lines = [
            "| feature | mean absolute contribution (log-odds) | meaning |",
            "| --- | --- | --- |",
            *(f"| `{name}` | {strength:.3f} | {meaning} |" for name, strength, meaning in drivers),
        ]
        sections += ["## What drives it", "\n".join(lines)]
    return "\n\n".join([*sections, "## Limits", _LIMITS]) + "\n"


def _purpose(definition: ChurnDefinition) -> str:
    return (
        f"The probability that a customer who ordered in the last {definition.active_days} days "
        f"places no order in the {definition.horizon_days} days that begin "
        f"{definition.lead_days} days after the day of the score "
        f"(days of {definition.timezone}). It is meant to rank customers for retention and to "
        "size the effort. It is not meant to refuse anybody a service, and it says nothing about "
        "customers who were not active."
    )


def _contacts(contacts: Mapping[str, Representation]) -> str:
    days = [f"- {use.capitalize()} days: {each.sentence}" for use, each in contacts.items()]
    return "\n".join(
        [
            "The model says what customers do if they are left alone, and is evaluated on those who "
            "were, the holdout among them. Campaigns of others are not taken into account.",
            "",
            *days,
        ]
    )


def _training_data(
    definition: ChurnDefinition, plan: Plan, rows_count: int, churn_rate: float
) -> str:
    begins, ends = definition.window(plan.evaluation[0])
    return (
        f"{rows_count:,} rows with a complete outcome, one for each active customer and day, of "
        f"{len(plan.training)} days from {plan.training[0]} to {plan.training[-1]}; "
        f"{100 * churn_rate:.1f} % of them churned. The outcomes of the newest of these days are "
        "known only in part; the ensemble learns from them too. Candidates were evaluated on "
        f"{', '.join(map(str, plan.evaluation))}, whose outcomes all lie after every outcome of "
        f"the training days (the first evaluation window is {begins} to {ends}). The registered "
        f"model was then fitted on {len(plan.final)} days up to {plan.final[-1]} with the same "
        "settings."
    )
