"""Rows for the pages, as a shop with an evil name would have them."""

from datetime import UTC, date, datetime

from retention_ml.pages.shell import Frame

DAY = date(2026, 3, 2)
EVIL = "<script>alert('x')</script>"


def frame() -> Frame:
    """What stands around a page of files."""
    at = datetime(2026, 3, 2, 6, 12, tzinfo=UTC)
    return Frame(as_of=DAY, currency="EUR", published_at=at, written_at=at, snapshot_id=7)
