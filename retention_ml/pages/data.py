"""Data: what was delivered, what was set aside and why, which checks failed, what columns look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retention_ml.pages.charts import Chart, Series, bars
from retention_ml.pages.point_charts import heat_map
from retention_ml.pages.shell import Frame, render

Row = Mapping[str, Any]

_PARTS = (
    ("duplicates", "duplicate_count", "faint"),
    ("left out", "left_out_count", "neutral"),
    ("quarantined", "quarantined_count", "attention"),
)
_CHECKS_SHOWN = 20
CHECKS_REMEMBERED = 12
"""Times of checking that are shown of each table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRows:
    """What the page shows.

    Parameters
    ----------
    batches : sequence of mapping
        Rows by what became of them, the newest first.
    reasons : sequence of mapping
        Quarantined rows by reason, the most frequent first.
    samples : sequence of mapping
        Some quarantined rows of each reason: where they are and which field it is, without texts.
    files : sequence of mapping
        Files that were refused or held, the newest first.
    checks : sequence of mapping
        Every expectation and when it was checked, in order of time; `age` is 1 for the newest time
        of its table.
    feeds : sequence of mapping
        Of each feed whether rows of it are missing.
    columns : sequence of mapping
        `column_name`, `bucket` (by tenths of then), `then_share`, `now_share`, `label`.
    then_on, now_on : date, optional
        The days that are compared.
    """

    batches: Sequence[Row] = ()
    reasons: Sequence[Row] = ()
    samples: Sequence[Row] = ()
    files: Sequence[Row] = ()
    checks: Sequence[Row] = ()
    feeds: Sequence[Row] = ()
    columns: Sequence[Row] = ()
    then_on: Any = None
    now_on: Any = None


def page(frame: Frame, rows: DataRows) -> str:
    """The page as HTML."""
    names = list(dict.fromkeys(row["column_name"] for row in rows.columns))
    return render(
        "data",
        frame,
        page="data",
        rows=rows,
        missing=[row for row in rows.feeds if row["incomplete_since"]],
        failed=_newest_failures(rows.checks),
        checks_count=len({_check(row) for row in rows.checks}),
        deliveries=_deliveries(rows.batches) if rows.batches else None,
        quarantine=_quarantine(rows.reasons) if rows.reasons else None,
        history=_history(rows.checks) if rows.checks else None,
        distributions=[_distribution(name, rows) for name in names],
    )


def _check(row: Row) -> tuple[Any, ...]:
    return row["table_name"], row["column_name"] or "", row["expected"]


def _newest_failures(checks: Sequence[Row]) -> list[Row]:
    """Checks that failed when they were last made, the most severe first."""
    newest = {_check(row): row for row in checks}
    severities = ("critical", "warning", "info")
    return sorted(
        (row for row in newest.values() if not row["is_success"]),
        key=lambda row: (severities.index(row["severity"]), -(row["unexpected_share"] or 0)),
    )


def _deliveries(batches: Sequence[Row]) -> Chart:
    shown = list(reversed(batches))
    return bars(
        "Delivered rows that were not taken, by batch",
        "As a share of the rows of the batch; all others were accepted.",
        places=[f"{row['source']} {row['batch_id']}" for row in shown],
        series=[
            Series(
                name=name,
                values=[row[column] / (row["delivered_count"] or 1) for row in shown],
                colour=colour,
            )
            for name, column, colour in _PARTS
        ],
        is_stacked=True,
        value_format="percent",
        place_name="batch",
    )


def _quarantine(reasons: Sequence[Row]) -> Chart:
    return bars(
        "Quarantined rows, by reason",
        "Rows that could not be used; those tried again since are apart.",
        places=[f"{row['feed']}: {row['reason_code'].replace('_', ' ')}" for row in reasons],
        series=[
            Series(
                name="open", values=[row["open_rows_count"] for row in reasons], colour="attention"
            ),
            Series(
                name="tried again",
                values=[row["rows_count"] - row["open_rows_count"] for row in reasons],
                colour="faint",
            ),
        ],
        is_stacked=True,
        is_lying=True,
        place_name="reason",
    )


def _history(checks: Sequence[Row]) -> Chart:
    """Share of rows against each expectation, by when it was checked; failed ones first."""
    failures: dict[tuple[Any, ...], int] = {}
    for row in checks:
        failures[_check(row)] = failures.get(_check(row), 0) + (not row["is_success"])
    ranked = sorted(failures, key=lambda check: -failures[check])[:_CHECKS_SHOWN]
    place = {check: number for number, check in enumerate(ranked)}
    return heat_map(
        "Checks over time, those that failed most first",
        "A column per time of checking of the table, the newest on the right. Green: passed. Orange: failed. Empty: not checked then.",
        columns=[*(f"−{age}" for age in range(CHECKS_REMEMBERED - 1, 0, -1)), "newest"],
        rows=[_title(check) for check in ranked],
        values={
            (CHECKS_REMEMBERED - row["age"], place[_check(row)]): float(not row["is_success"])
            for row in checks
            if _check(row) in place
        },
        colours=("good", "attention"),
        label_width=380,
        most=1,
        has_labels=False,
        row_names="check",
    )


def _title(check: tuple[Any, ...]) -> str:
    """The table and what was expected; the sentence names the column itself."""
    table, _, expected = check
    return f"{table.partition('.')[2].replace('_', ' ')}: {expected}"


def _distribution(name: str, rows: DataRows) -> Chart:
    shown = [row for row in rows.columns if row["column_name"] == name]
    return bars(
        name,
        f"Share of customers, {rows.then_on} and {rows.now_on}.",
        places=[row["label"] for row in shown],
        series=[
            Series(
                name=str(rows.then_on), values=[row["then_share"] for row in shown], colour="faint"
            ),
            Series(name=str(rows.now_on), values=[row["now_share"] for row in shown]),
        ],
        value_format="percent",
        place_name="value up to",
        height=190,
    )
