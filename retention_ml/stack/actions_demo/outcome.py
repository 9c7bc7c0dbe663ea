"""What came out of the demonstration: read from the warehouse and from what was received."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from retention_ml.reports import read
from retention_ml.settings import Settings
from retention_ml.stack.actions_demo import shop as demo_shop
from retention_ml.warehouse import Warehouse

_PERMISSIONS = (
    "SELECT channel, kind, count(DISTINCT customer_id) AS customers, "
    "count(DISTINCT customer_id) FILTER (WHERE address IS NULL) AS without_address FROM curated.contact_permissions WHERE source = :source "
    "AND superseded_at IS NULL GROUP BY channel, kind ORDER BY channel, customers DESC, kind"
)
_CUSTOMERS = "SELECT count(DISTINCT customer_id) AS customers FROM curated.orders WHERE superseded_at IS NULL"
_DAYS = (
    "SELECT as_of, status, reason, population_count, contacts_count, holdout_count, "
    "assigned_count, excluded_count, budget_cents / :minor AS budget, cost_cents / :minor AS cost "
    "FROM actions.days ORDER BY as_of"
)
_PLACES = """
SELECT as_of, 'gets an action' AS place, 'a contact, once it has left the house' AS meaning, 0 AS rank, count(*) AS customers_count
FROM actions.assignments WHERE action_id <> 'none' GROUP BY as_of
UNION ALL
SELECT as_of, CASE WHEN is_explored THEN 'left alone by lot' ELSE 'not drawn' END,
    CASE WHEN is_explored THEN 'drawn, to see what happens without a contact'
    ELSE 'could get an action, was not among those drawn' END, 20, count(*)
FROM actions.assignments WHERE action_id = 'none' AND NOT is_holdout GROUP BY as_of, is_explored
UNION ALL
SELECT as_of, reason, meaning, reason_rank + 20, sum(customers_count)
FROM reports.exclusions GROUP BY as_of, reason, meaning, reason_rank
ORDER BY rank, place, as_of
"""
_MESSAGES = (
    "SELECT action_id, channel, state, count(*) AS messages FROM reports.contacts "
    "GROUP BY action_id, channel, state ORDER BY action_id, messages DESC"
)
_NEXT_ACTION = (
    "SELECT action.*, risk.reason_1, risk.reason_2, risk.reason_3, contact.state, "
    "contact.message_id FROM reports.next_action AS action "
    "JOIN reports.customer_risk AS risk USING (as_of, customer_id) "
    "JOIN reports.contacts AS contact USING (as_of, customer_id, action_id) "
    "WHERE contact.state = 'sent' AND contact.channel = 'email' "
    "ORDER BY action.expected_value_at_risk DESC, customer_id LIMIT 1"
)
_TROUBLE = (
    "SELECT as_of, customer_id, action_id, state, answer_code, answer FROM reports.contacts "
    "WHERE state NOT IN ('sent', 'pending') ORDER BY as_of, customer_id"
)
_SWITCHES = "SELECT is_stopped, who, why FROM actions.switches ORDER BY switch_id"
_APPROVALS = (
    "SELECT subject, subject_id, verdict, decided_by FROM actions.approvals ORDER BY approval_id"
)
_RETURNED = (
    "SELECT kind, count(*) AS row_count FROM curated.campaign_contacts WHERE source = 'actions' "
    "AND superseded_at IS NULL GROUP BY kind UNION ALL SELECT kind || ' (address)', count(*) "
    "FROM curated.contact_permissions WHERE source = 'actions' AND superseded_at IS NULL "
    "GROUP BY kind ORDER BY 1 DESC"
)


def collect(warehouse: Warehouse, shop: Settings) -> dict[str, Any]:
    """Everything the demonstration shows of its days, as plain values."""
    next_actions = read.select(warehouse, _NEXT_ACTION)
    mails = shop.home / "received" / "mails"
    chosen = next_actions[0] if next_actions else None
    return {
        "home": str(shop.home),
        "currency": shop.calendar.currency,
        "permissions": read.select(warehouse, _PERMISSIONS, source=demo_shop.PERMISSIONS),
        "customers": read.select(warehouse, _CUSTOMERS)[0]["customers"],
        "days": read.select(warehouse, _DAYS, minor=shop.calendar.minor_units),
        "whereabouts": whereabouts(read.select(warehouse, _PLACES)),
        "messages": read.select(warehouse, _MESSAGES),
        "next_action": chosen,
        "trouble": read.select(warehouse, _TROUBLE),
        "switches": read.select(warehouse, _SWITCHES),
        "approvals": read.select(warehouse, _APPROVALS),
        "mails": {
            **received(mails.glob("*.eml")),
            "sample": _mail(mails / f"{chosen['message_id']}.eml") if chosen else None,
        },
        "requests": _requests(shop.home / "received" / "requests"),
        "delta": _delta(shop.home / shop.channels.file.folder),
        "returned": read.select(warehouse, _RETURNED),
    }


def whereabouts(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where the active customers of each day went: a row per place, with a count for each day.

    Examples
    --------
    >>> row = {"place": "holdout", "meaning": "", "customers_count": 3}
    >>> whereabouts([row | {"as_of": "2026-03-01"}, row | {"as_of": "2026-03-02"}])[0]["days"]
    {'2026-03-01': 3, '2026-03-02': 3}
    """
    places: dict[str, dict[str, Any]] = {}
    for row in rows:
        place = places.setdefault(
            row["place"], {"place": row["place"], "meaning": row["meaning"], "days": {}}
        )
        place["days"][str(row["as_of"])] = int(row["customers_count"])
    return list(places.values())


def received(paths: Iterable[Path]) -> dict[str, int]:
    """How many files there are, of how many messages, and how many messages came twice or more.

    Examples
    --------
    >>> received([Path("a.eml"), Path("b.eml"), Path("b.2.eml")])
    {'received': 3, 'messages': 2, 'twice': 1}
    """
    counts = Counter(path.name.partition(".")[0] for path in paths)
    return {
        "received": counts.total(),
        "messages": len(counts),
        "twice": sum(count > 1 for count in counts.values()),
    }


def _mail(path: Path) -> dict[str, str] | None:
    """The headers that people read, and the plain text."""
    if not path.exists():
        return None
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    text = mail.get_body(("plain",))
    names = ("From", "To", "Subject", "Message-ID", "List-Unsubscribe")
    return {
        **{name: str(mail[name]) for name in names if mail[name]},
        "text": str(text.get_content()).replace("\r\n", "\n").strip() if text else "",
        "file": str(path),
    }


def _requests(folder: Path) -> dict[str, Any]:
    files = sorted(folder.glob("*.json"))
    sample = json.loads(files[0].read_text(encoding="utf-8")) if files else None
    return {**received(files), "sample": sample}


def _delta(folder: Path) -> dict[str, Any] | None:
    """The files for the CRM: how many, the newest one's manifest and a row of it."""
    manifests = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))
    ]
    if not manifests:
        return None
    newest = manifests[-1]
    with (folder / newest["file"]).open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    return {
        "files": len(manifests),
        "rows": sum(manifest["rows"] for manifest in manifests),
        "folder": str(folder),
        "manifest": newest,
        "row": row,
    }


def days_of(places: Sequence[dict[str, Any]]) -> list[str]:
    """The days that stand in `whereabouts`, in order."""
    return sorted({day for place in places for day in place["days"]})
