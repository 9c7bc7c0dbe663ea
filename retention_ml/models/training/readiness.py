"""Whether the data can carry a model: one line per demand, and what to change."""

from dataclasses import asdict, astuple, dataclass
from datetime import date, timedelta
from typing import Any, Literal

from retention_ml.labels.cutoffs import Plan, days_needed
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.maturity import Feed
from retention_ml.settings import Readiness
from retention_ml.statistics.arrays import Floats

Verdict = Literal["ok", "warning", "missing"]

# A warning only: it may be a real business customer.
_OF_ONE_SHARE_MAX = 0.3


@dataclass(frozen=True, slots=True)
class Line:
    """One demand: what was measured, what is needed, and what to change if it is not met."""

    what: str
    measured: str
    needed: str
    verdict: Verdict
    change: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All demands."""

    lines: tuple[Line, ...]

    @property
    def missing(self) -> str:
        """The demands that are not met, joined by commas."""
        return ", ".join(line.what for line in self.lines if line.verdict == "missing")

    @property
    def is_ready(self) -> bool:
        """Whether no demand is missing; warnings do not stop a training."""
        return not self.missing

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {"is_ready": self.is_ready, "lines": [asdict(line) for line in self.lines]}

    def __str__(self) -> str:
        head = ("demand", "measured", "needed", "verdict")
        cells = [head, *(astuple(line)[: len(head)] for line in self.lines)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        cells.insert(1, tuple("-" * width for width in widths))
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        ]
        changes = [
            f"{line.what}: {line.change}"
            for line in self.lines
            if line.verdict != "ok" and line.change
        ]
        return "\n".join(text + (["", *changes] if changes else []))


def of_feed(
    feed: Feed | None,
    plan: Plan | None,
    *,
    definition: ChurnDefinition,
    demands: Readiness,
    most_orders_of_one: int,
    settled_on: date,
    cutoff_every_days: int,
    embargo_days: int,
    feature_window_days: int,
) -> list[Line]:
    """The demands that the orders alone decide; orders after `settled_on` decide no outcome yet.

    `most_orders_of_one` are the orders of the customer with the most.
    """
    needed = days_needed(definition, cutoff_every_days=cutoff_every_days, embargo_days=embargo_days)
    if feed is None:
        change = "import past orders with `retention ingest --history`."
        return [Line("history", "no orders", f"{needed} days", "missing", change)]
    ends_on = min(feed.ends_on, settled_on)
    span = (ends_on - feed.begins_on).days
    first = min(plan.days) - timedelta(days=definition.active_days) if plan else None
    gap = feed.longest_gap_days(first)
    share = feed.guests_count / feed.orders_count
    share_of_one = most_orders_of_one / feed.orders_count
    return [
        Line(
            "history",
            f"{span} days ({feed.begins_on} to {ends_on})",
            f"{needed} days",
            "missing" if plan is None else "warning" if plan.notes else "ok",
            f"wait {needed - span} days, import older orders with `--history`, or shorten "
            "churn.active_days or churn.horizon_days."
            if plan is None
            else "; ".join(plan.notes) + ". More history makes the model and its test firmer.",
        ),
        Line(
            "longest feature window",
            f"{span} days of history",
            f"{feature_window_days} days",
            "ok" if span >= feature_window_days else "warning",
            "features over longer windows than the history see only part of it; "
            "train again when there is more.",
        ),
        Line(
            "longest silence of the feed",
            f"{gap} days",
            f"at most {demands.gap_days_max}",
            "ok" if gap <= demands.gap_days_max else "missing",
            "look for files that were never delivered and ingest them; if the shop really "
            "was closed, raise readiness.gap_days_max.",
        ),
        Line(
            "orders of guests",
            f"{100 * share:.1f} %",
            f"at most {100 * demands.unknown_share_max:.0f} %",
            "ok" if share <= demands.unknown_share_max else "missing",
            "map the customer number in the source description, or raise "
            "readiness.unknown_share_max if guests really are that many.",
        ),
        Line(
            "orders of one customer",
            f"{100 * share_of_one:.1f} %",
            f"at most {100 * _OF_ONE_SHARE_MAX:.0f} %",
            "ok" if share_of_one <= _OF_ONE_SHARE_MAX else "warning",
            "a number that stands for guests, a till or the shop itself: name it in `missing` of "
            "customer_id in the source description, then replay or deliver the files anew.",
        ),
    ]


def of_customers(active: int, train: Floats, evaluation: Floats, demands: Readiness) -> list[Line]:
    """The demands on customers and outcomes.

    Parameters
    ----------
    active : int
        Active customers on the newest planned day.
    train, evaluation : array of float64, shape (n,)
        Outcomes over the training and the evaluation days: 1 churned, 0 retained.
    """
    more = "raise training.cutoff_count, or wait for more customers."
    least = [
        (
            "active customers, newest day",
            active,
            demands.customers_min,
            "raise churn.active_days, or wait for more customers.",
        ),
        (
            "churned, training days",
            int(train.sum()),
            demands.churned_min,
            "nearly everybody came back: shorten churn.horizon_days, or " + more,
        ),
        (
            "retained, training days",
            int((1 - train).sum()),
            demands.retained_min,
            "hardly anybody came back: lengthen churn.horizon_days, or " + more,
        ),
        (
            "of the rarer outcome, evaluation days",
            int(min(evaluation.sum(), (1 - evaluation).sum())),
            max(10, min(demands.churned_min, demands.retained_min) // 5),
            "raise training.evaluation_count, or wait for more customers.",
        ),
    ]
    return [
        Line(what, f"{count:,}", f"{needed:,}", "ok" if count >= needed else "missing", change)
        for what, count, needed, change in least
    ]
