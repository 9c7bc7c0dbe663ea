"""The card of a model of effects, in Markdown."""

from retention_ml.actions.learning.measurement import ActionEffect
from retention_ml.actions.learning.policy_values import PolicyComparison
from retention_ml.models.bandit.bundle import BanditBundle
from retention_ml.models.uplift.report import interval, table


def card(effect: ActionEffect) -> str:
    """What the model is, on which decisions it stands, and how the learners compared."""
    measured = effect.measured
    assert measured is not None
    comparison = measured.comparison
    meaning = measured.bundle.meaning
    rows = table(comparison)
    names = list(rows[0])
    lines = [
        f"# Effect of {effect.action_id}",
        "",
        "Change of the probability of an order in the outcome window by this action, against none. "
        "Per 1,000 customers where not said otherwise, with 95 % intervals of this training alone; "
        "those of the decision hold at all trainings together.",
        "",
        f"* **Decision**: {effect.rung}. {effect.reason}",
        f"* **Evidence**: {effect.rows:,} decisions drawn by lot about {effect.customers:,} "
        f"customers, {effect.treated:,} contacts, {meaning['first_day']} to {meaning['last_day']}; "
        f"the contact is foreseen with AUC {measured.randomisation.auc:.2f} (by lot 0.50).",
        f"* **Average effect**: {interval(measured.average_effect)}; save rate "
        f"{measured.save_rate.value:.3f} ± {measured.save_rate.error:.3f}.",
        f"* **Money**: an order retained is worth {measured.money.value:,.2f}, a contact costs "
        f"{measured.money.cost:,.2f}.",
        f"* **Model**: {measured.bundle.learner} on {len(measured.bundle.features)} features; "
        f"{measured.bundle.believed:.2f} of the promised differences is believed.",
        "",
        "| " + " | ".join(names) + " |",
        "|" + "---|" * len(names),
        *("| " + " | ".join(row[name].strip() for name in names) + " |" for row in rows),
        "",
    ]
    return "\n".join(lines)


def bandit_card(bundle: BanditBundle, comparison: PolicyComparison) -> str:
    """What the bandit is, and what policies would have earned on the shop's own decisions."""
    state, meaning = bundle.state, bundle.meaning
    lines = [
        "# Bandit",
        "",
        "Draws the action of each customer by how likely it is to bring the most money. Money a "
        "decision, in the shop's currency; intervals hold at all trainings together.",
        "",
        f"* **Decision**: {comparison.choice.reason}",
        f"* **Learned from** {state.decisions_count:,} decisions drawn by lot, "
        f"{meaning['first_day']} to {meaning['last_day']}; evaluated on "
        f"{comparison.decisions_count:,} of them, each before its outcome was known.",
        f"* **Explores** with at least {bundle.parameters.floor:g} for each allowed action, by "
        f"{bundle.parameters.draws:,} draws of the effects.",
        "",
        "| policy | money | lower | upper | more than the fixed winner | lower | upper | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in comparison.values:
        name = f"{one.policy} (fixed winner)" if one.is_fixed_winner else one.policy
        figures = [*(one.value or [None] * 3), *(one.difference or [None] * 3)]
        words = " | ".join("" if figure is None else f"{figure:.4g}" for figure in figures)
        lines.append(f"| {name} | {words} | {one.evaluation.verdict} |")
    return "\n".join([*lines, ""])
