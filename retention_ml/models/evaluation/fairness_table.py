"""Groups and how a model treats them, as a table for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retention_ml.models.evaluation.fairness import ATTRIBUTES
from retention_ml.models.evaluation.side_by_side import markdown
from retention_ml.statistics.metrics import OUTCOMES_MIN

_FIGURES = ("churn_rate", "gap", "gap_to_others", "missed", "false_alarms", "offered")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTable:
    """A row per group, and in sentences what the figures mean and what is not there."""

    head: tuple[str, ...] = (
        "group", "customers", "churned", "predicted − observed", "against all others", "missed",
        "false alarms", "offered",
    )  # fmt: skip
    lines: Sequence[Sequence[str]]
    notes: Sequence[str]


def group_table(result: Mapping[str, Any]) -> GroupTable:
    """The groups as a table.

    Parameters
    ----------
    result : mapping
        As of `Fairness.to_dict`.
    """
    words = {name: word for name, word in ATTRIBUTES.items() if name in result["not_delivered"]}
    missing = [f"{word.capitalize()}: not delivered." for word in words.values()]
    meaning = [
        "None of this is a feature. Shares with 95 % intervals over customers; that of “against all "
        f"others” is corrected for the number of groups, and at most {result['tolerance']:g} is "
        "accepted. Offered: tier high or critical. Missed: churned without an offer. False alarms: "
        "stayed, with one. Both differ between groups that churn more and less often, however good "
        f"a model is. Fewer than {result['customers_min']} customers in a group, or {OUTCOMES_MIN} "
        "who churned or stayed, are too few to say anything."
    ]
    return GroupTable(
        lines=[
            [_label(group), f"{group['customers']:,}", *_cells(group)] for group in result["groups"]
        ],
        notes=[*(meaning if result["groups"] else []), *missing],
    )


def fairness_markdown(result: Mapping[str, Any]) -> str:
    """The table as Markdown, below its sentences."""
    table = group_table(result)
    lines = [[cell.replace("|", "\\|") for cell in line] for line in table.lines]
    return "\n\n".join([" ".join(table.notes), *([markdown(table.head, lines)] if lines else [])])


def _label(group: Mapping[str, Any]) -> str:
    label = f"{ATTRIBUTES[group['attribute']]} {group['name']}"
    return " ".join(label.split()) + (" (!)" if group["is_beyond"] else "")


def _cells(group: Mapping[str, Any]) -> list[str]:
    if "churn_rate" not in group:
        return ["too few", *[""] * (len(_FIGURES) - 1)]
    return [_cell(group.get(name), "+" if "gap" in name else "") for name in _FIGURES]


def _cell(ends: Mapping[str, Any] | None, sign: str) -> str:
    if ends is None:
        return "too few"
    if None in ends.values():
        return "not known"
    value, lower, upper = (f"{ends[end]:{sign}.3f}" for end in ("value", "lower", "upper"))
    return f"{value} ({lower} … {upper})"
