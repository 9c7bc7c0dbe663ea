"""Shares and tiers as people say them: what the tables of the command line and the demo print."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]

_BY = {
    "probability": "by probability",
    "share": "by rank of probability",
    "value": "by rank of value at risk",
}
_MOST = 0.5
_WHERE = "under [tiers] in retention.toml (docs/runbook.md, How to change a tier threshold)"


def tier_title(as_of: object, tiers: Rows) -> str:
    """The title of a table of tiers: the day, and what puts a customer in a tier."""
    by = f", {_BY[tiers[0]['tiers_by']]}" if tiers else ""
    return f"Risk tiers of {as_of}{by}"


def value_title(currency: str, horizon_days: int) -> str:
    """The heading over values at risk: margin expected to be lost, in what and within how long.

    >>> value_title("EUR", 90)
    'value at risk (EUR, next 90 days)'
    """
    return f"value at risk ({currency}, next {horizon_days} days)"


def tier_columns(currency: str, horizon_days: int) -> tuple[str, ...]:
    """The headings of `tier_table`."""
    return (
        *("tier", "customers", "of all", "mean probability", value_title(currency, horizon_days)),
        *("of all value", "entered", "left"),
    )


def tier_table(tiers: Rows) -> list[tuple[str, ...]]:
    """The cells of `tier_columns` for rows of `reports.risk_tier_daily`, numbers to the right."""
    lines = [
        (
            str(row["risk_tier"]),
            f"{row['customers_count']:,}" if row["customers_count"] else "nobody",
            _number(row["customers_share"] or None, ".1%"),
            _number(row["mean_churn_probability"], ".2f"),
            _number(row["expected_value_at_risk"] if row["customers_count"] else None, ",.0f"),
            _number(row["value_share"], ".1%"),
            f"{row['entered_count']:,}",
            f"{row['left_count']:,}",
        )
        for row in tiers
    ]
    columns = [_to_the_right(column) for column in list(zip(*lines, strict=True))[1:]]
    return list(zip([line[0] for line in lines], *columns, strict=True))


def tier_notes(tiers: Rows) -> list[str]:
    """What a reader of the tiers should know: who is missing, and where the value lies."""
    by = tiers[0]["tiers_by"] if tiers else None
    empty = [str(row["risk_tier"]) for row in tiers if not row["customers_count"]]
    notes = []
    if empty and by == "probability":
        notes.append(
            f"Nobody is in tier {' or '.join(empty)}: no customer's probability reaches it. For tiers "
            f'that are never empty set by = "share" {_WHERE}.'
        )
    elif empty:
        notes.append(f"Nobody is in tier {' or '.join(empty)}: there are too few customers.")
    low = next((row["value_share"] for row in tiers if row["risk_tier"] == "low"), None) or 0.0
    if low >= _MOST and by != "value":
        notes.append(
            f"{low:.0%} of the value at risk is with the many customers of tier low. To see it where "
            f'it lies, customers with most at risk first, set by = "value" {_WHERE}.'
        )
    return notes


def percentile_in_words(risk_percentile: float) -> str:
    """Where a customer stands by risk: true also where several customers are equally at risk.

    Examples
    --------
    >>> percentile_in_words(1.0)
    'at the greatest risk of all customers'
    >>> percentile_in_words(0.975), percentile_in_words(0.004)
    ('at no less risk than 97 % of the customers', 'at no greater risk than 99 % of the customers')
    """
    if risk_percentile == 1:  # the mean of tied ranks is below
        return "at the greatest risk of all customers"
    side, share = (
        ("less", risk_percentile) if risk_percentile > _MOST else ("greater", 1 - risk_percentile)
    )
    return f"at no {side} risk than {math.floor(round(100 * share, 6))} % of the customers"


def _number(value: float | None, style: str) -> str:
    return "–" if value is None else f"{value:{style}}"


def _to_the_right(cells: Iterable[str]) -> list[str]:
    cells = list(cells)
    width = max(map(len, cells))
    return [cell.rjust(width) for cell in cells]
