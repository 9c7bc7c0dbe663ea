"""Tables for people: candidates side by side, with intervals."""

from collections.abc import Mapping, Sequence

from retention_ml.models.metrics import Interval

SHOWN = ("roc_auc", "pr_auc", "log_loss", "brier", "ece", "lift_at_10")


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
    widths = [max(len(row[j]) for row in [head, *lines]) for j in range(len(head))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in [head, rule, *lines]
    )


def _cell(interval: Interval, metric: str) -> str:
    digits = 2 if metric.startswith("lift") else 3
    return (
        f"{interval.value:.{digits}f} ({interval.lower:.{digits}f} … {interval.upper:.{digits}f})"
    )
