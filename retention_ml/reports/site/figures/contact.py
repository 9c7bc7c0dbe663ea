"""Whether customers may be contacted, in a sentence; known on the newest published day only."""

from collections.abc import Sequence

from retention_ml.reports.site.look import Look
from retention_ml.reports.site.reading import Row


def contact_sentences(look: Look, customer_ids: Sequence[str]) -> dict[str, Row]:
    """A sentence by customer; empty where the day of the look is not the newest."""
    if not look.days or look.day != look.days[0] or not customer_ids:
        return {}
    rows = look.select(
        "SELECT customer_id, may_contact, has_permission, channels, is_rested, last_contact_on, "
        "is_abnormal, is_holdout, has_open_lot, is_at_yearly_limit, has_just_ordered "
        "FROM reports.contact_list WHERE customer_id = ANY(:ids)",
        ids=list(customer_ids),
    )
    return {row["customer_id"]: {"sentence": _sentence(row), **row} for row in rows}


def _sentence(row: Row) -> str:
    if row["may_contact"]:
        last = f"; last contact {row['last_contact_on']}" if row["last_contact_on"] else ""
        return f"may be contacted by {row['channels']}{last}"
    if row["is_abnormal"]:
        return "no: excluded as abnormal"
    if row["is_holdout"]:
        return "no: in the holdout, never contacted"
    if not row["has_permission"]:
        return "no permission for marketing is known"
    if row["has_open_lot"]:
        return "not yet: drawn by lot, and what follows is still measured"
    if not row["is_rested"]:
        return f"not yet: last contact {row['last_contact_on']}"
    if row["is_at_yearly_limit"]:
        return f"not yet: contacted often enough this year, last {row['last_contact_on']}"
    if row["has_just_ordered"]:
        return "not yet: has just ordered"
    return "not yet: the actions of the day are not decided"
