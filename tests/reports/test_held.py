"""No view of `reports` shows a customer on legal hold; all others stay."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from retention_ml.reports.customer_ids import customer_columns
from retention_ml.settings import Settings, load
from retention_ml.warehouse import Warehouse
from tests.worlds.assistant_shop import fill_shop
from tests.worlds.databases import NewWarehouse

# Views of customers who are nobody's in this shop: nothing was decided, said or sent.
EMPTY = {
    "reports.abnormal_customers",
    "reports.contacts",
    "reports.feedback_inbox",
    "reports.fresh_warnings",
}


@pytest.fixture(scope="module")
def shop(
    new_warehouse: NewWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    settings: Settings = load({"RETENTION_HOME": str(tmp_path_factory.mktemp("held") / "home")})
    Path(settings.home).mkdir(parents=True, exist_ok=True)
    with new_warehouse() as warehouse:
        fill_shop(warehouse, settings)
        yield warehouse


def _counts(warehouse: Warehouse, customer_id: str, *, is_other: bool) -> dict[str, int]:
    """Rows of a customer, or of all others, by view."""
    sign = "IS DISTINCT FROM" if is_other else "="
    views = [c for c in customer_columns(warehouse) if c.is_view and c.table.startswith("reports.")]
    counts = {}
    with warehouse.transaction() as transaction:
        for view in views:
            [[count]] = transaction.execute(
                f"SELECT count(*) FROM {view.table} WHERE {view.column} {sign} :id", id=customer_id
            )
            counts[view.table] = count
    return counts


def test_no_view_shows_a_customer_on_hold(shop: Warehouse) -> None:
    [who] = shop.read(
        "SELECT customer_id FROM reports.customer_profile JOIN reports.customer_risk "
        "USING (customer_id) JOIN reports.recommendations USING (customer_id) "
        "JOIN reports.warning_outcomes USING (customer_id) JOIN reports.customer_changes "
        "USING (customer_id) ORDER BY 1 LIMIT 1"
    )["customer_id"].to_pylist()
    before, others = _counts(shop, who, is_other=False), _counts(shop, who, is_other=True)
    assert {view for view, count in before.items() if not count} <= EMPTY | {
        "reports.customer_value"
    }
    with shop.transaction() as transaction:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        transaction.insert_row(
            "privacy.holds",
            {
                "customer_id": who, "hold_until": date(2099, 1, 1), "reason": "lawsuit",
                "requested_at": now, "recorded_at": now, "recorded_by": "test", "run_id": "test",
            },
        )  # fmt: skip
    assert sum(before.values()) > 10
    assert set(_counts(shop, who, is_other=False).values()) == {0}
    assert _counts(shop, who, is_other=True) == others
