"""Tables for people: candidates side by side, with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

from retention_ml.models.evaluation.segments import label
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.profit import PROFIT

SHOWN = ("roc_auc", "pr_auc", "log_loss", "brier", "ece", "lift_at_10")
_SIDES = ("candidate", "champion")


def table(
    values: Mapping[str, Mapping[str, Interval]],
    differences: Mapping[str, Interval] | None = None,
    metrics: Sequence[str] = SHOWN,
) -> str:
    """Candidates as a Markdown table, best ROC AUC first.

    Parameters
    ----------
    values : mapping of str to mapping of str to Interval
        By model and metric.
    differences : mapping of str to Interval, optional
        Paired ROC AUC difference to the recency baseline, by model.
    metrics : sequence of str
        Columns.
    """
    differences = differences or {}
    head = ["model", *(metric.replace("_", " ") for metric in metrics)]
    if differences:
        head.append("roc auc − recency baseline")
    lines = []
    for name in sorted(values, key=lambda name: -values[name]["roc_auc"].value):
        cells = [name, *(_cell(values[name][metric], metric) for metric in metrics)]
        if differences:
            difference = differences.get(name)
            cells.append(_cell(difference, "roc_auc", "+") if difference else "")
        lines.append(cells)
    return markdown(head, lines)


def comparison_markdown(evidence: Mapping[str, Any]) -> str:
    """Candidate and champion side by side as Markdown: metrics, segments and checks.

    Parameters
    ----------
    evidence : mapping
        Of an `OfflineComparison`.
    """
    if "metrics" not in evidence:
        return str(evidence["reason"])
    lines = [
        [
            metric.replace("_", " "),
            *(_json_cell(sides[name], metric) for name in _SIDES),
            _json_cell(sides["difference"], metric, "+"),
        ]
        for metric, sides in evidence["metrics"].items()
        if metric in (*SHOWN, PROFIT)
    ]
    segments = [
        [label(code), _json_cell(segment["roc_auc_difference"], "roc_auc", "+")]
        for code, segment in evidence["segments"].items()
        if segment["is_judged"]
    ]
    return "\n\n".join(
        [
            f"Offline comparison: **{evidence['verdict']}**, on {evidence['predictions']:,} "
            f"predictions for {evidence['customers']:,} customers ({', '.join(evidence['days'])}).",
            markdown(["", "candidate", "champion", "difference"], lines),
            "\n".join(
                f"- {check['outcome']}: {check['sentence']}" for check in evidence["findings"]
            ),
            markdown(["segment", "roc auc difference"], segments),
        ]
    )


def _json_cell(interval: Mapping[str, Any], metric: str, sign: str = "") -> str:
    if None in interval.values():
        return "not known"
    return _cell(Interval(**interval), metric, sign)


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table as Markdown, its columns aligned."""
    widths = [max(len(row[j]) for row in [head, *lines]) for j in range(len(head))]
    line = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in [head, line, *lines]
    )


def _cell(interval: Interval, metric: str, sign: str = "") -> str:
    digits = 2 if metric.startswith(("lift", "profit")) else 3
    value, lower, upper = (f"{number:{sign}.{digits}f}" for number in interval)
    return f"{value} ({lower} … {upper})"
