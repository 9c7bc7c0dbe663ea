"""Tables for people: candidates side by side, with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

from retention_ml.models.evaluation.segments import label
from retention_ml.statistics.metrics import Interval
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
        Paired ROC AUC difference to the recency rule, by model.
    metrics : sequence of str
        Columns.
    """
    differences = differences or {}
    head = ["model", *(metric.replace("_", " ") for metric in metrics)]
    if differences:
        head.append("roc auc − recency rule")
    lines = []
    for name in sorted(values, key=lambda name: -values[name]["roc_auc"].value):
        cells = [name, *(_cell(values[name][metric], metric) for metric in metrics)]
        if differences:
            own = differences.get(name)
            cells.append(f"{own.value:+.3f} ({own.lower:+.3f} … {own.upper:+.3f})" if own else "")
        lines.append(cells)
    return _markdown(head, lines)


def against(evidence: Mapping[str, Any]) -> str:
    """Candidate and champion side by side as Markdown: figures, segments judged, and answers.

    Parameters
    ----------
    evidence : mapping
        Of a `contest.Contest`.
    """
    if "metrics" not in evidence:
        return str(evidence["reason"])
    lines = [
        [
            metric.replace("_", " "),
            *(_figure(own[name], metric) for name in _SIDES),
            _figure(own["difference"], metric, "+"),
        ]
        for metric, own in evidence["metrics"].items()
        if metric in (*SHOWN, PROFIT)
    ]
    judged = {
        code: own["roc_auc_difference"]
        for code, own in evidence["segments"].items()
        if own["is_judged"]
    }
    return "\n\n".join(
        [
            f"Offline comparison: **{evidence['verdict']}**, on {evidence['predictions']:,} "
            f"predictions for {evidence['customers']:,} customers ({', '.join(evidence['days'])}).",
            _markdown(["", "candidate", "champion", "difference"], lines),
            "\n".join(f"- {one['outcome']}: {one['sentence']}" for one in evidence["findings"]),
            _markdown(
                ["segment", "roc auc difference"],
                [[label(code), _figure(own, "roc_auc", "+")] for code, own in judged.items()],
            ),
        ]
    )


def _figure(own: Mapping[str, float | None], metric: str, sign: str = "") -> str:
    value, lower, upper = own["value"], own["lower"], own["upper"]
    if value is None or lower is None or upper is None:
        return "not known"
    return _cell(Interval(value, lower, upper), metric, sign)


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[j]) for row in [head, *lines]) for j in range(len(head))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in [head, rule, *lines]
    )


def _cell(interval: Interval, metric: str, sign: str = "") -> str:
    digits = 2 if metric.startswith(("lift", "profit")) else 3
    numbers = (interval.value, interval.lower, interval.upper)
    value, lower, upper = (f"{number:{sign}.{digits}f}" for number in numbers)
    return f"{value} ({lower} … {upper})"
