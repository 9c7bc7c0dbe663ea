"""The rows of the page Customers, and of its export."""

from collections.abc import Iterator, Mapping
from typing import Any

from retention_ml.errors import UsageError
from retention_ml.pages import customers
from retention_ml.pages.charts import TIER_COLOURS
from retention_ml.pages.customers import COLUMNS, CustomerFilter, CustomersRows
from retention_ml.pages.export import csv_lines
from retention_ml.reports.site.days import NotThere, PublishedDay
from retention_ml.reports.site.figures.contact import contact_sentences
from retention_ml.reports.site.figures.leading import leading_ids
from retention_ml.reports.site.figures.tier_totals import customers_in
from retention_ml.reports.site.look import Look
from retention_ml.reports.site.reading import Row

PER_PAGE = 100
FILE_ROWS = 500
"""Customers on the page as a file, where nobody answers for more."""

_ORDERS = {
    "value": "expected_value_at_risk DESC, churn_probability DESC, customer_id",
    # A file has one part of the list, and it is to hold those who are warned of.
    "tier": "risk_tier IN ('critical', 'high') DESC, expected_value_at_risk DESC, "
    "churn_probability DESC, customer_id",
    "probability": "churn_probability DESC, expected_value_at_risk DESC, customer_id",
}
_NARROWED = (
    "FROM reports.customer_risk_history WHERE snapshot_id = :snapshot "
    "AND (:tier = '' OR risk_tier = :tier) AND (:text = '' "
    "OR strpos(lower(customer_id), lower(:text)) > 0 OR strpos(lower(concat_ws(' ', reason_1, "
    "reason_2, reason_3)), lower(:text)) > 0) "
)
_AT_RISK = ("critical", "high")
_AMONG = "AND customer_id = ANY(:first) "


def customers_page(look: Look) -> str:
    """The page for what was asked: a filter and a place in the list."""
    narrowed = _filter(look.asked, "value" if look.links.is_served else "tier")
    rows = _rows(look, look.day, narrowed) if look.day else CustomersRows()
    return customers.page(look.frame, rows, narrowed)


def export(look: Look) -> Iterator[str]:
    """The lines of a CSV file of all customers that the filter leaves, whatever their number.

    They are read as they are taken, so the look has to stay open; few are in memory at a time.

    Raises
    ------
    NotThere
        Nothing was published.
    """
    if look.day is None:
        raise NotThere("There are no customers to export: nothing was published yet.")
    narrowed = _filter(look.asked)
    rows = look.select.stream(
        f"SELECT {', '.join(COLUMNS)} {_NARROWED} ORDER BY {_ORDERS[narrowed.order]}",
        snapshot=look.day.snapshot_id,
        tier=narrowed.tier,
        text=narrowed.text,
    )
    return csv_lines(COLUMNS, rows)


def most_at_stake(look: Look, day: PublishedDay, *, limit: int) -> list[Row]:
    """Customers at risk with most value, and on the newest day whether they may be contacted."""
    first = leading_ids(look.select, day, tiers=_AT_RISK, ordered_by="value", last=limit)
    rows = look.select(
        "SELECT customer_id, risk_tier, churn_probability, expected_value_at_risk, reason_1 "
        "FROM reports.customer_risk_history WHERE snapshot_id = :snapshot "
        f"AND risk_tier IN ('critical', 'high') {_AMONG if first else ''} "
        "ORDER BY expected_value_at_risk DESC, "
        "churn_probability DESC, customer_id LIMIT :limit",
        snapshot=day.snapshot_id,
        limit=limit,
        first=first,
    )
    contacts = contact_sentences(look, [row["customer_id"] for row in rows])
    return [
        {
            **row,
            "contact": contacts.get(row["customer_id"], {}).get("sentence", "–"),
            "may_contact": contacts.get(row["customer_id"], {}).get("may_contact"),
        }
        for row in rows
    ]


def _filter(asked: Mapping[str, str], order: str = "value") -> CustomerFilter:
    tier, order = asked.get("tier", ""), asked.get("order") or order
    number = asked.get("number") or "1"
    if tier not in ("", *TIER_COLOURS):
        raise UsageError(f"There is no such tier; expected one of {', '.join(TIER_COLOURS)}.")
    if order not in _ORDERS:
        raise UsageError(f"That is no order; expected one of {', '.join(_ORDERS)}.")
    if not (number.isascii() and number.isdecimal() and 0 < int(number) < 1_000_000):
        raise UsageError("The page of the list is no number; expected 1, 2 or more.")
    return CustomerFilter(
        tier=tier, text=asked.get("text", "").strip()[:100], order=order, number=int(number)
    )


def _rows(look: Look, day: PublishedDay, narrowed: CustomerFilter) -> CustomersRows:
    per_page = PER_PAGE if look.links.is_served else FILE_ROWS
    offset = (narrowed.number - 1) * per_page
    bound: dict[str, Any] = {
        "snapshot": day.snapshot_id,
        "tier": narrowed.tier,
        "text": narrowed.text,
    }
    first: list[str] = []
    if narrowed.text:
        count = look.select(f"SELECT count(*) AS count {_NARROWED}", **bound)[0]["count"]
    else:
        count = customers_in(look.select, day, narrowed.tier)
        tiers = (narrowed.tier,) if narrowed.tier else tuple(TIER_COLOURS)
        ordered_by = "probability" if narrowed.order == "probability" else "value"
        first = leading_ids(
            look.select, day, tiers=tiers, ordered_by=ordered_by, last=offset + per_page
        )
    rows = look.select(
        "SELECT customer_id, risk_tier, tier_since, churn_probability, expected_value_at_risk, "
        f"reason_1, reason_2, reason_3 {_NARROWED} {_AMONG if first else ''} "
        f"ORDER BY {_ORDERS[narrowed.order]} LIMIT :limit OFFSET :offset",
        **bound,
        first=first,
        limit=per_page,
        offset=offset,
    )
    return CustomersRows(rows=rows, matches_count=count, per_page=per_page)
