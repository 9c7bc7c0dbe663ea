"""The demonstration's shop: nothing of another one in it, and permissions that repeat."""

from collections import Counter
from pathlib import Path

from retention_ml.actions.catalogue.loading import read_actions
from retention_ml.curated.ingest import ingest
from retention_ml.settings import Settings, load
from retention_ml.stack import demo_data
from retention_ml.stack.actions_demo import shop as demo_shop
from retention_ml.warehouse import Warehouse

CUSTOMERS = [str(number) for number in range(1, 2_001)]


def test_nothing_that_the_shop_has_set_leads_out_of_the_demonstration(tmp_path: Path) -> None:
    mine = load(
        {
            "RETENTION_HOME": str(tmp_path),
            "RETENTION_WAREHOUSE_URL": "postgresql://u:p@db.example/shop",
            "RETENTION_SMTP_URL": "smtp://mail.example",
            "RETENTION_WEBHOOK_URL": "https://crm.example",
            "RETENTION_WEBHOOK_SECRET": "s",
            "MLFLOW_TRACKING_URI": "http://mlflow.example:5000",
            "RETENTION_ACTIONS__BUDGET_PER_DAY": "0.01",
        }
    )
    shop = demo_shop.settings_of(mine)
    addresses = (shop.warehouse_url, shop.smtp_url, shop.webhook_url, shop.tracking_uri)
    assert addresses == (None, None, None, None)
    assert shop.webhook_secret is None
    folders = (shop.home, shop.sources, shop.actions_folder)
    assert all(folder.is_relative_to(tmp_path / "demo" / "actions") for folder in folders)
    assert shop.actions.budget_per_day == Settings().actions.budget_per_day
    assert shop.actions.enabled
    assert not demo_shop.switched_off(shop).actions.enabled
    assert not mine.actions.enabled


def test_its_actions_have_no_mistake_and_cover_every_channel(settings: Settings) -> None:
    shop = demo_shop.settings_of(settings)
    demo_shop.prepare(shop)
    catalogue, mistakes = read_actions(shop.actions_folder)
    assert mistakes == []
    channels = {action.channel for action in catalogue.contacts.values()}
    assert channels == {"email", "webhook", "file"}


def test_what_somebody_changed_in_its_actions_stays(settings: Settings) -> None:
    shop = demo_shop.settings_of(settings)
    demo_shop.prepare(shop)
    words = shop.actions_folder / "templates" / "come_back.txt"
    words.write_text("Other words.\n")
    demo_shop.prepare(shop)
    assert words.read_text() == "Other words.\n"


def test_equal_customers_have_equal_permissions_whoever_else_is_there() -> None:
    rows = demo_shop.permissions(CUSTOMERS)
    assert demo_shop.permissions(CUSTOMERS[::-1]) == [
        row for customer in CUSTOMERS[::-1] for row in rows if row[0] == customer
    ]


def test_most_permit_mails_and_some_withdrew_bounced_complained_or_never_did() -> None:
    rows = demo_shop.permissions(CUSTOMERS)
    mails = Counter(status for _, channel, _, status, _, _ in rows if channel == "email")
    shares = {status: count / len(CUSTOMERS) for status, count in mails.items()}
    expected = {"subscribed": 0.84, "unsubscribed": 0.06, "cleaned": 0.04, "spam": 0.02}
    assert shares.keys() == expected.keys()
    assert all(abs(shares[status] - share) < 0.03 for status, share in expected.items())
    without = [row for row in rows if row[1] == "email" and not row[5]]
    assert 10 < len(without) < 80


def test_its_description_takes_every_statement_in_and_a_withdrawal_once(
    warehouse: Warehouse, settings: Settings
) -> None:
    shop = demo_shop.settings_of(settings)
    demo_shop.prepare(shop)
    some = CUSTOMERS[:200]
    file = demo_shop.write_permissions(shop, some)
    receipt = ingest(
        warehouse, settings=shop, source=demo_shop.PERMISSIONS, files=[file], history=True
    )
    assert (receipt.read, receipt.quarantined) == (len(demo_shop.permissions(some)), 0)
    assert receipt.written == receipt.read
    again = ingest(
        warehouse,
        settings=shop,
        source=demo_shop.PERMISSIONS,
        files=[demo_shop.write_permissions(shop, some)],
        history=True,
    )
    assert again.read == 0


def test_the_first_day_is_the_one_before_those_of_the_other_demonstration() -> None:
    assert demo_shop.DAYS[1:] == demo_data.DAYS
    assert demo_shop.DAYS[0] < demo_data.DAYS[0]
