"""The platform's own contacts as rows of a delivery: what was sent, and who was left alone by lot.

They go back through the ingest like a shop's campaigns. A campaign there is one audience of which a
share was left alone by lot, and outcomes weigh those by one over it. So customers of a day with about
equal probability of being left alone are one campaign.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

SENT, HOLDOUT = "sent", "holdout"
SEND_DAYS_MAX = 9
"""Tries begin within so many days from the start of a decision day: it is released on the day, and
`send_within_hours` is at most 168. One that began later is of a day decided again long after, and
has the time of its day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnContact:
    """A customer whom the platform contacted, or left alone by lot.

    Parameters
    ----------
    customer_id : str
    kind : str
        `sent` or `holdout`.
    action_id : str
        `none` for a holdout.
    decided_by : str
        The experiment, or else the policy.
    none_propensity : float or None
        Probability of being left alone, before the lot was drawn; None where it is not known or a
        limit decided.
    started_at : datetime or None
        When the try began that reached the customer; None for a holdout.
    """

    customer_id: str
    kind: str
    action_id: str
    decided_by: str
    none_propensity: float | None
    started_at: datetime | None = None


def campaign_id(decided_by: str, as_of: date, none_propensity: float | None) -> str:
    """The campaign of a customer: who decided, the day, and the share left alone of their like.

    The probability is rounded to one digit, at most 0.9 where a contact was possible. Nobody is
    left alone by lot in `capped`, and everybody in `1`.

    Examples
    --------
    >>> campaign_id("rule-1", date(2026, 3, 1), 0.0333)
    'rule-1@2026-03-01/0.03'
    >>> campaign_id("rule-1", date(2026, 3, 1), 0.96)
    'rule-1@2026-03-01/0.9'
    >>> campaign_id("rule-1", date(2026, 3, 1), None)
    'rule-1@2026-03-01/capped'
    """
    if none_propensity is None:
        share = "capped"
    else:
        share = "1" if none_propensity >= 1 else f"{min(none_propensity, 0.9):.1g}"
    return f"{decided_by}@{as_of.isoformat()}/{share}"


def contact_row(contact: OwnContact, as_of: date, midnight: datetime) -> dict[str, Any]:
    """One row of the file; `midnight` is the start of the decision day, in UTC.

    A holdout has the start of the day, which both arms share; a contact the time at which it was
    sent.
    """
    at = contact.started_at
    if at is None or not midnight <= at < midnight + timedelta(days=SEND_DAYS_MAX):
        at = midnight
    return {
        "campaign_id": campaign_id(contact.decided_by, as_of, contact.none_propensity),
        "customer_id": contact.customer_id,
        "event_at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "kind": contact.kind,
        "action_id": contact.action_id,
    }


def json_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """The rows as JSON, one a line, in the order of their text: equal rows give equal bytes."""
    lines = sorted(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()
