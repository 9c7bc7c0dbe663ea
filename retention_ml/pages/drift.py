"""Drift: what changed against earlier days, the worst first, and how each thing went over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retention_ml.pages.charts import Chart, Series, bars, lines
from retention_ml.pages.point_charts import heat_map
from retention_ml.pages.shell import Frame, render

Row = Mapping[str, Any]
Key = tuple[str, str, str]

_BARS_SHOWN = 15
_MULTIPLES_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRows:
    """What the page shows.

    Parameters
    ----------
    watched : sequence of mapping
        Rows of `reports.drift` up to the day, in order of time.
    alerts : sequence of mapping
        Alerts about drift up to the day, the newest first.
    """

    watched: Sequence[Row] = ()
    alerts: Sequence[Row] = ()


def page(frame: Frame, rows: DriftRows) -> str:
    """The page as HTML."""
    compared = [row for row in rows.watched if row["measure"] != "not_compared"]
    newest_on = max((row["as_of"] for row in rows.watched), default=None)
    newest = [row for row in compared if row["as_of"] == newest_on]
    ranked = sorted(
        (row for row in newest if row["threshold"]), key=lambda row: -_times_threshold(row)
    )
    days = sorted({row["as_of"] for row in compared})
    return render(
        "drift",
        frame,
        page="drift",
        rows=rows,
        newest_on=newest_on,
        beyond=[row for row in ranked if row["is_beyond"]],
        ranked=ranked,
        not_compared=[
            row
            for row in rows.watched
            if row["measure"] == "not_compared" and row["as_of"] == newest_on
        ],
        worst=_worst(ranked) if ranked else None,
        kinds=_kinds(compared, days) if compared else None,
        multiples=[_multiple(_key(row), compared, days) for row in ranked[:_MULTIPLES_SHOWN]],
    )


def _key(row: Row) -> Key:
    return row["kind"], row["name"], row["measure"]


def _name(key: Key) -> str:
    kind, name, measure = key
    return f"{kind}: {name} ({measure})".replace("_", " ")


def _times_threshold(row: Row) -> float:
    return float(abs(row["value"]) / row["threshold"])


def _worst(ranked: Sequence[Row]) -> Chart:
    shown = ranked[:_BARS_SHOWN]
    return bars(
        "The largest changes, in multiples of their threshold",
        "From 1 on a change counts. Orange lies beyond.",
        places=[_name(_key(row)) for row in shown],
        series=[
            Series(
                name="beyond",
                values=[_times_threshold(row) if row["is_beyond"] else None for row in shown],
                colour="attention",
            ),
            Series(
                name="within",
                values=[None if row["is_beyond"] else _times_threshold(row) for row in shown],
                colour="good",
            ),
        ],
        is_stacked=True,
        is_lying=True,
        value_format="number",
        place_name="watched",
    )


def _kinds(compared: Sequence[Row], days: Sequence[Any]) -> Chart:
    """How many things lie beyond, by kind and day."""
    kinds = list(dict.fromkeys(row["kind"] for row in compared if row["threshold"]))
    counts = {(day, kind): 0 for day in range(len(days)) for kind in range(len(kinds))}
    for row in compared:
        if row["threshold"]:
            counts[days.index(row["as_of"]), kinds.index(row["kind"])] += row["is_beyond"]
    return heat_map(
        "How many lie beyond, by kind and day",
        "One day alone raises no alert; what lasts does.",
        columns=days,
        rows=[kind.replace("_", " ") for kind in kinds],
        values={place: float(count) for place, count in counts.items()},
        colours=("card", "attention"),
        row_names="kind",
    )


def _multiple(key: Key, compared: Sequence[Row], days: Sequence[Any]) -> Chart:
    of_key = {row["as_of"]: row for row in compared if _key(row) == key}
    newest = of_key[max(of_key)]
    threshold = newest["threshold"]
    return lines(
        _name(key),
        "",
        places=days,
        series=[
            Series(
                name=key[2].replace("_", " "),
                values=[of_key[day]["value"] if day in of_key else None for day in days],
                colour="attention" if newest["is_beyond"] else "good",
            ),
            Series(
                name="threshold", values=[threshold] * len(days), colour="neutral", is_dashed=True
            ),
        ],
        height=150,
        has_legend=False,
    )
