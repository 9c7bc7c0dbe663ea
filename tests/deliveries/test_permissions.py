"""Permissions to contact go through the same doors as everything else."""

from pathlib import Path

import pytest

from retention_ml.deliveries.inspect import check_files
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.deliveries.cases.shops import Shop, head

DESCRIPTION = f"""{head()}
[feeds.consents]
files = ["consents*.csv"]
table = "contact_permissions"

[feeds.consents.columns]
customer_id = "customer"
channel = "channel"
purpose = {{ column = "list", values = {{ newsletter = "marketing" }} }}
kind = {{ column = "status", values = {{ subscribed = "granted", unsubscribed = "withdrawn" }} }}
event_at = "changed"
address = {{ column = "email", lower = true }}
"""
FILE = """customer,channel,list,status,changed,email
c1,email,newsletter,subscribed,2026-01-01 10:00:00,Ann@Shop.example
c1,email,newsletter,unsubscribed,2026-01-05 10:00:00,
c2,email,newsletter,subscribed,2026-01-01 10:00:00,bob@shop.example
,email,newsletter,subscribed,2026-01-01 10:00:00,
c3,,newsletter,subscribed,2026-01-01 10:00:00,
c3,email,,subscribed,2026-01-01 10:00:00,
c3,email,newsletter,maybe,2026-01-01 10:00:00,
c3,email,newsletter,,2026-01-01 10:00:00,
c3,email,newsletter,subscribed,,
c2,email,newsletter,subscribed,2026-01-01 10:00:00,bob@shop.example
"""
REASONS = [
    (5, "missing_customer_id"),
    (6, "missing_channel"),
    (7, "missing_purpose"),
    (8, "unknown_kind"),
    (9, "missing_kind"),
    (10, "missing_event_at"),
]


@pytest.fixture
def shop(warehouse: Warehouse, shop_settings: Settings, tmp_path: Path) -> Shop:
    return Shop(warehouse, shop_settings, tmp_path, "consents").describe(DESCRIPTION)


def _current(shop: Shop) -> list[tuple[object, ...]]:
    return shop._read(
        "SELECT customer_id, channel, purpose, kind, address FROM curated.contact_permissions "
        "WHERE source = :source AND superseded_at IS NULL ORDER BY customer_id, event_at"
    )


ROWS = [
    ("c1", "email", "marketing", "granted", "ann@shop.example"),
    ("c1", "email", "marketing", "withdrawn", None),
    ("c2", "email", "marketing", "granted", "bob@shop.example"),
]


def test_each_row_is_kept_or_quarantined_with_its_reason(shop: Shop) -> None:
    receipt = shop.deliver({"consents.csv": FILE})
    assert (receipt.read, receipt.written, receipt.quarantined, receipt.duplicates) == (10, 3, 6, 1)
    assert _current(shop) == ROWS
    assert shop.quarantined() == REASONS
    expected = "status: 'maybe', expected one of granted, withdrawn, bounced, complained"
    assert shop.details()[8] == expected


def test_a_later_file_corrects_an_address_and_repeats_the_rest(shop: Shop) -> None:
    shop.deliver({"consents.csv": FILE})
    receipt = shop.deliver({"consents-2.csv": FILE.replace("bob@", "rob@")})
    assert (receipt.written, receipt.duplicates) == (1, 3)
    assert _current(shop) == [*ROWS[:2], (*ROWS[2][:4], "rob@shop.example")]


def test_the_description_can_be_tried_without_a_database(shop: Shop) -> None:
    paths = shop.put({"consents.csv": FILE})
    report = check_files(paths, settings=shop.settings, source=shop.source)
    (feed,) = report.feeds
    assert (feed.table, feed.accepted) == ("contact_permissions", 4)
