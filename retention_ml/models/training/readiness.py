"""Whether the data can carry a model: one line per demand, and what to change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from retention_ml.labels.cutoffs import Plan, days_needed
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.maturity import Feed
from retention_ml.settings import Readiness

Verdict = Literal["ok", "warning", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
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
    def is_ready(self) -> bool:
        """Whether no demand is missing; warnings do not stop a training."""
        return all(line.verdict != "missing" for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "is_ready": self.is_ready,
            "lines": [
                {
                    "what": line.what,
                    "measured": line.measured,
                    "needed": line.needed,
                    "verdict": line.verdict,
                    "change": line.change,
                }
                for line in self.lines
            ],
        }

    def __str__(self) -> str:
        head = ("demand", "measured", "needed", "verdict")
        cells = [head] + [(row.what, row.measured, row.needed, row.verdict) for row in self.lines]
        widths = [max(len(row[j]) for row in cells) for j in range(len(head))]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        ]
        text.insert(1, "  ".join("-" * width for width in widths))
        changes = [
            f"{line.what}: {line.change}"
            for line in self.lines
            if line.verdict != "ok" and line.change
        ]
        return "\n".join(text + (["", *changes] if changes else []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Customers of a planned training.

    Parameters
    ----------
    active : int
        Active customers on the newest planned day.
    churned, retained : int
        Outcomes over the training days.
    evaluation_churned, evaluation_retained : int
        Outcomes over the evaluation days.
    """

    active: int
    churned: int
    retained: int
    evaluation_churned: int
    evaluation_retained: int


def of_feed(
    feed: Feed | None,
    plan: Plan | None,
    *,
    definition: ChurnDefinition,
    demands: Readiness,
    settled_on: date,
    cutoff_every_days: int,
    embargo_days: int,
    feature_window_days: int,
) -> list[Line]:
    """The demands that the orders alone decide; orders after `settled_on` decide no outcome yet."""
    needed = days_needed(definition, cutoff_every_days=cutoff_every_days, embargo_days=embargo_days)
    if feed is None:
        return [
            Line(
                what="history",
                measured="no orders",
                needed=f"{needed} days",
                verdict="missing",
                change="import past orders with `retention ingest --history`.",
            )
        ]
    ends_on = min(feed.ends_on, settled_on)
    span = (ends_on - feed.begins_on).days
    gap = feed.longest_gap_days(
        min(plan.days) - timedelta(days=definition.active_days) if plan else None
    )
    lines = [
        Line(
            what="history",
            measured=f"{span} days ({feed.begins_on} to {ends_on})",
            needed=f"{needed} days",
            verdict="missing" if plan is None else "warning" if plan.notes else "ok",
            change=(
                f"wait {needed - span} days, import older orders with `--history`, or shorten "
                "churn.active_days or churn.horizon_days."
                if plan is None
                else "; ".join(plan.notes) + ". More history makes the model and its test firmer."
            ),
        ),
        Line(
            what="longest feature window",
            measured=f"{span} days of history",
            needed=f"{feature_window_days} days",
            verdict="ok" if span >= feature_window_days else "warning",
            change="features over longer windows than the history see only part of it; "
            "train again when there is more.",
        ),
        Line(
            what="longest silence of the feed",
            measured=f"{gap} days",
            needed=f"at most {demands.gap_days_max}",
            verdict="ok" if gap <= demands.gap_days_max else "missing",
            change="look for files that were never delivered and ingest them; if the shop really "
            "was closed, raise readiness.gap_days_max.",
        ),
    ]
    share = feed.guests_count / feed.orders_count
    lines.append(
        Line(
            what="orders of guests",
            measured=f"{100 * share:.1f} %",
            needed=f"at most {100 * demands.unknown_share_max:.0f} %",
            verdict="ok" if share <= demands.unknown_share_max else "missing",
            change="map the customer number in the source description, or raise "
            "readiness.unknown_share_max if guests really are that many.",
        )
    )
    return lines


def of_customers(counts: Counts, demands: Readiness) -> list[Line]:
    """The demands on customers and outcomes."""

    def line(what: str, measured: int, needed: int, change: str) -> Line:
        return Line(
            what=what,
            measured=f"{measured:,}",
            needed=f"{needed:,}",
            verdict="ok" if measured >= needed else "missing",
            change=change,
        )

    more = "raise training.cutoff_count, or wait for more customers."
    return [
        line(
            "active customers, newest day",
            counts.active,
            demands.customers_min,
            "raise churn.active_days, or wait for more customers.",
        ),
        line(
            "churned, training days",
            counts.churned,
            demands.churned_min,
            "nearly everybody came back: shorten churn.horizon_days, or " + more,
        ),
        line(
            "retained, training days",
            counts.retained,
            demands.retained_min,
            "hardly anybody came back: lengthen churn.horizon_days, or " + more,
        ),
        line(
            "of the rarer outcome, evaluation days",
            min(counts.evaluation_churned, counts.evaluation_retained),
            max(10, min(demands.churned_min, demands.retained_min) // 5),
            "raise training.evaluation_count, or wait for more customers.",
        ),
    ]


def report(lines: Sequence[Line]) -> Report:
    """The report of some lines."""
    return Report(tuple(lines))
