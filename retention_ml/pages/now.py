"""Now: events of the last hour, whether scores keep up with them, and whom to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from retention_ml.pages.charts import TIER_COLOURS, Chart, Series, bars, lines
from retention_ml.pages.shell import Frame, render

Row = Mapping[str, Any]

LAG_SECONDS_MAX = 60
"""An event that waits longer wants a look."""
_MINUTES_SHOWN = 60
KINDS = {
    "tier_rose": "tier rose",
    "complaint_at_risk": "complaint at high risk",
    "overdue": "overdue against their own rhythm",
    "cart_left": "cart left behind",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NowRows:
    """What the page shows.

    Parameters
    ----------
    at : datetime
        The moment, aware.
    is_enabled : bool
        Whether the settings start the service.
    state : mapping
        As `reports.live_state.live_state` has it.
    minutes : sequence of mapping
        Events by minute, of the last hour.
    tiers : mapping of str to int
        Customers with a fresh score.
    warnings, by_kind : sequence of mapping
        The newest warnings of the last hour, and how many there were of each kind.
    """

    at: datetime
    is_enabled: bool
    state: Row
    minutes: Sequence[Row] = ()
    tiers: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[Row] = ()
    by_kind: Sequence[Row] = ()


def page(frame: Frame, rows: NowRows) -> str:
    """The page as HTML."""
    tone, sentence = verdict(rows)
    return render(
        "now",
        frame,
        page="now",
        rows=rows,
        kinds=KINDS,
        tone=tone,
        sentence=sentence,
        is_used=rows.is_enabled or bool(rows.state["refreshed_at"] or rows.state["waiting_events"]),
        events=_events(rows) if rows.minutes else None,
        tiers=_tiers(rows.tiers) if rows.tiers else None,
    )


def verdict(rows: NowRows) -> tuple[str, str]:
    """How it goes, as a tone and a sentence: the worst first."""
    state = rows.state
    if not state["is_worker_listening"]:
        return "bad", (
            "No worker runs: events are taken in and wait, and no score is refreshed. Start it with "
            "retention serve, or make up."
        )
    if state["lag_seconds"] > LAG_SECONDS_MAX:
        return "attention", (
            f"The oldest event has waited for {state['lag_seconds']:,.0f} seconds, at most "
            f"{LAG_SECONDS_MAX} are usual."
        )
    if state["held_last_hour"]:
        return "attention", (
            f"A check held {state['held_last_hour']:,} batches back in the last hour; Data says why."
        )
    return "good", "Events are taken in, and scores keep up with them."


def _events(rows: NowRows) -> Chart:
    """Events a second, by minute; a minute without any is zero."""
    counts = {row["minute"]: row["events_count"] for row in rows.minutes}
    last = rows.at.replace(second=0, microsecond=0)
    minutes = [last - timedelta(minutes=age) for age in range(_MINUTES_SHOWN - 1, -1, -1)]
    return lines(
        "Events a second",
        "The mean of each minute of the last hour, as the service received them.",
        places=[f"{minute:%H:%M}" for minute in minutes],
        series=[Series(name="events a second", values=[counts.get(m, 0) / 60 for m in minutes])],
        value_format="number",
        place_name="minute (UTC)",
        has_legend=False,
    )


def _tiers(tiers: Mapping[str, int]) -> Chart:
    return bars(
        "Fresh scores by tier",
        "Customers of whom something came since the published day.",
        places=["customers"],
        series=[
            Series(name=tier, values=[float(tiers.get(tier, 0))], colour=colour)
            for tier, colour in TIER_COLOURS.items()
        ],
        is_lying=True,
        place_name="tier",
    )
