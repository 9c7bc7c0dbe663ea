"""The demonstration's own shop: settings, actions, coupon codes, and made-up permissions."""

import csv
import io
import shutil
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

from retention_ml import atomic_files
from retention_ml.settings import PROJECT, Settings
from retention_ml.stack import demo_data
from retention_ml.stack.local import ACTIONS_DEMO
from retention_ml.statistics.lots import places

PERMISSIONS = "demo_permissions"
SHADOW_DAY = date(2017, 11, 19)
"""Decided before anything is switched on: the holdout is drawn, and begins the day after."""

DAYS = (SHADOW_DAY, *demo_data.DAYS)
COUPON_CODES = 500

_SOURCE = """title = "Permissions that the demonstration made up: Complete Journey has none"
timezone = "UTC"
currency = "USD"

[feeds.consents]
files = ["permissions*.csv"]
table = "contact_permissions"

[feeds.consents.columns]
customer_id = "customer"
channel = "channel"
purpose = { column = "list", values = { newsletter = "marketing" } }
kind = { column = "status", values = { subscribed = "granted", unsubscribed = "withdrawn", cleaned = "bounced", spam = "complained" } }
event_at = "changed"
address = { column = "address", optional = true }
"""
_COLUMNS = ("customer", "channel", "list", "status", "changed", "address")
# As shipped, but for every customer at risk: the days are few, and a file should be among them.
_CRM_LIST = """title = "List for the CRM"
kind = "email"
channel = "file"
template = "crm_list"
cost = 0.05
effect_days = 28

[rule]
tiers = ["medium", "high", "critical"]
needs_permission = true
purpose = "marketing"
"""
# Shares of the customers, up to which; what they state after they subscribed, and when.
_EMAIL = (
    (0.70, None, None),
    (0.76, "unsubscribed", "2017-06-01 10:00:00"),
    (0.80, "cleaned", "2017-09-01 10:00:00"),
    (0.82, "spam", "2017-10-01 10:00:00"),
)
_NO_ADDRESS = 0.84  # subscribed, by telephone for example; from here on nothing was ever stated
_PUSH = 0.40
_SUBSCRIBED_AT = "2017-01-10 10:00:00"


def settings_of(settings: Settings) -> Settings:
    """The shipped settings with a home of the demonstration's own, and actions switched on.

    Half of the decisions are drawn by lot instead of a tenth: the days are few. Whatever the shop has set stays out of it: its warehouse, its sources, its channels.
    """
    home = settings.home / ACTIONS_DEMO
    shipped = Settings(compute=settings.compute, privacy=settings.privacy)
    return shipped.model_copy(
        update={
            "home": home,
            "sources": home / "sources",
            "actions_folder": home / "catalogue",
            "run_id": "demo-actions",
            "actions": shipped.actions.model_copy(update={"enabled": True, "explore_share": 0.5}),
            "channels": shipped.channels.model_copy(
                update={
                    "email": shipped.channels.email.model_copy(
                        update={"security": "none", "sender": "hello@shop.example"}
                    )
                }
            ),
        }
    )


def switched_off(shop: Settings) -> Settings:
    """The settings as they are shipped: what would be done is written down, and nothing leaves."""
    return shop.model_copy(update={"actions": shop.actions.model_copy(update={"enabled": False})})


def prepare(shop: Settings) -> None:
    """Write source descriptions, actions and coupon codes into the home, unless they are there."""
    atomic_files.write_text(shop.sources / f"{PERMISSIONS}.toml", _SOURCE)
    shipped = PROJECT / "sources" / f"{demo_data.SOURCE}.toml"
    atomic_files.write_text(shop.sources / shipped.name, shipped.read_text(encoding="utf-8"))
    codes = shop.actions_folder / "coupons" / "ten_percent.txt"
    if not codes.exists():
        shutil.copytree(
            PROJECT / "actions",
            shop.actions_folder,
            ignore=shutil.ignore_patterns("coupons"),
            dirs_exist_ok=True,
        )
        atomic_files.write_text(shop.actions_folder / "crm_list.toml", _CRM_LIST)
        lines = [f"DEMO-{number:04d}\n" for number in range(1, COUPON_CODES + 1)]
        atomic_files.write_text(codes, "".join(lines))


def permissions(customer_ids: Sequence[str]) -> list[tuple[str, ...]]:
    """Statements about customers, drawn from their numbers: most permit e-mails, some no longer.

    Returns
    -------
    list of tuple of str
        Customer, channel, list, status, time, address: one row per statement.

    Examples
    --------
    >>> for row in permissions(["12"]):
    ...     print(*row, sep="|")
    12|email|newsletter|subscribed|2017-01-10 10:00:00|household-12@customers.example
    """
    email = places(customer_ids, "demonstration:email")
    push = places(customer_ids, "demonstration:push")
    rows: list[tuple[str, ...]] = []
    for customer, mail_place, push_place in zip(customer_ids, email, push, strict=True):
        rows += _of_email(customer, float(mail_place))
        if push_place < _PUSH:
            rows.append(
                (customer, "push", "newsletter", "subscribed", _SUBSCRIBED_AT, f"device-{customer}")
            )
    return rows


def _of_email(customer: str, place: float) -> Iterator[tuple[str, ...]]:
    address = address_of(customer)
    if place >= _NO_ADDRESS:
        return
    stated = next(((s, at) for bound, s, at in _EMAIL if place < bound), None)
    subscribed_with = address if stated else ""
    yield (customer, "email", "newsletter", "subscribed", _SUBSCRIBED_AT, subscribed_with)
    if stated and stated[0] and stated[1]:
        yield (customer, "email", "newsletter", stated[0], stated[1], address)


def address_of(customer: str) -> str:
    """The made-up e-mail address of a customer."""
    return f"household-{customer}@customers.example"


def write_permissions(shop: Settings, customer_ids: Sequence[str]) -> Path:
    """Write the file of all statements; the same customers give the same bytes."""
    path = shop.home / PERMISSIONS / "permissions.csv"
    atomic_files.write_text(path, _csv(permissions(customer_ids)))
    return path


def write_withdrawal(shop: Settings, customer: str, at: datetime) -> Path:
    """Write the file in which one customer leaves the newsletter; one that is there stays."""
    path = shop.home / PERMISSIONS / f"permissions_{at.date()}.csv"
    if not path.exists():
        row = (customer, "email", "newsletter", "unsubscribed", f"{at:%Y-%m-%d %H:%M:%S}", "")
        atomic_files.write_text(path, _csv([row]))
    return path


def households(files: Sequence[Path]) -> list[str]:
    """The customer numbers in the file of transactions, as text, in numeric order."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    [path] = [path for path in files if path.name.startswith("transactions")]
    numbers = pc.unique(pq.read_table(path, columns=["household_id"])["household_id"])
    return [str(number) for number in sorted(numbers.to_pylist())]


def _csv(rows: Sequence[tuple[str, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(rows)
    return text.getvalue()
