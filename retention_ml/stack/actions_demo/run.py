"""The demonstration of actions: from scores to mails, requests and files, on three decision days.

It has a warehouse of its own and sends to a mail server and a CRM that it starts itself. Safe to
repeat: what was decided and sent stays, and is not sent again.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import date
from typing import Any

from rich.console import Console

from retention_ml.curated.ingest import ingest
from retention_ml.errors import StackError
from retention_ml.features.build import build
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from retention_ml.settings import Settings
from retention_ml.stack import address, databases, demo_data, demo_report
from retention_ml.stack.actions_demo import outcome, report
from retention_ml.stack.actions_demo import shop as demo_shop
from retention_ml.stack.actions_demo.campaigns import examine
from retention_ml.stack.actions_demo.decision_day import DayRun, DecisionDay
from retention_ml.stack.actions_demo.receivers import (
    Crm,
    MailServer,
    crm,
    mail_server,
    require_mail_server,
)
from retention_ml.stack.demo import Steps
from retention_ml.stack.demo_data import Delivery
from retention_ml.warehouse import Warehouse

CAMPAIGNS_COUNT = 3


def run(settings: Settings, show: bool = True) -> dict[str, Any]:
    """Run the days of the demonstration, and return what came out.

    With `show` it is printed as tables too; progress goes to standard error either way.

    Raises
    ------
    StackError
        A package is missing, or the embedded Postgres does not start.
    """
    require_mail_server()
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # it tells of tables that it makes
    clock = Steps()
    shop = demo_shop.settings_of(settings)
    with ExitStack() as stack:
        with clock.step("a Postgres of its own, and the shop's files"):
            warehouse = stack.enter_context(_warehouse(shop))
            demo_shop.prepare(shop)
            deliveries = demo_data.prepare(shop, demo_shop.DAYS)
            clock.say(f"{shop.home}: nothing of `make demo` or of your shop is read or changed")
        result = _run(warehouse, shop, deliveries, clock)
    result["seconds"] = clock.seconds
    if show:
        out = Console(highlight=False)
        report.show(result, out if out.is_terminal else Console(highlight=False, width=150))
    return result


@contextmanager
def _warehouse(shop: Settings) -> Iterator[Warehouse]:
    """The demonstration's own warehouse, for one run at a time; its server ends with the block."""
    shop.home.mkdir(parents=True, exist_ok=True)
    with (shop.home / "run.lock").open("w") as turn:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"The demonstration of actions runs already in {shop.home}. Wait until it has "
                "ended, then run the same command again."
            ) from None
        try:
            with closing(address.warehouse(shop)) as warehouse:
                yield warehouse
        finally:
            databases.server(shop.home).stop()


def _run(
    warehouse: Warehouse, shop: Settings, deliveries: list[Delivery], clock: Steps
) -> dict[str, Any]:
    runs = []
    with receivers(shop) as (mails, requests, connected):
        for delivery in deliveries:
            with clock.step(f"the day {delivery.day}"):
                publish_day(warehouse, shop, delivery, clock)
                runs.append(decide_day(warehouse, connected, mails, delivery.day, clock))
        strangers = requests.strangers
    with clock.step("Complete Journey's own campaigns"):
        campaigns = examine(
            warehouse,
            shop,
            source=demo_data.SOURCE,
            until=deliveries[-1].day,
            count=CAMPAIGNS_COUNT,
            say=clock.say,
        )
    return {
        **outcome.collect(warehouse, shop),
        "this_run": [each.to_dict() for each in runs],
        "strangers": strangers,
        "campaigns": campaigns,
    }


@contextmanager
def receivers(shop: Settings) -> Iterator[tuple[MailServer, Crm, Settings]]:
    """A mail server, a CRM, and the settings that lead to them."""
    folder, secret = shop.home / "received", secrets.token_urlsafe(24)
    with mail_server(folder / "mails") as mails, crm(folder / "requests", secret) as requests:
        yield (
            mails,
            requests,
            shop.model_copy(
                update={
                    "smtp_url": mails.url,
                    "webhook_url": requests.url,
                    "webhook_secret": secret,
                }
            ),
        )


def publish_day(warehouse: Warehouse, shop: Settings, delivery: Delivery, clock: Steps) -> None:
    """Take in what the day brought, and score it with the starter model, unless that was done."""
    if delivery.day in demo_report.published_days(warehouse):
        clock.say("is published already")
        return
    receipt = ingest(
        warehouse, settings=shop, source=demo_data.SOURCE, files=delivery.files, history=True
    )
    clock.say(f"{receipt.written:,} rows taken in")
    if delivery.day == demo_shop.DAYS[0]:
        file = demo_shop.write_permissions(shop, demo_shop.households(delivery.files))
        receipt = ingest(
            warehouse, settings=shop, source=demo_shop.PERMISSIONS, files=[file], history=True
        )
        clock.say(f"{receipt.written:,} made-up statements about permissions")
    build(warehouse, settings=shop, as_of=delivery.day)
    scored = score(warehouse, settings=shop, as_of=delivery.day)
    publish(warehouse, settings=shop, snapshot_id=scored.details["snapshot_id"])
    clock.say(f"{scored.written:,} customers scored and published")


def decide_day(
    warehouse: Warehouse, shop: Settings, mails: MailServer, day: date, clock: Steps
) -> DayRun:
    """Decide and send a day: each of the three sending days shows something that goes wrong."""
    before, first, second, third = demo_shop.DAYS
    if day == before:
        shop = demo_shop.switched_off(shop)
    return DecisionDay(
        warehouse=warehouse,
        shop=shop,
        mails=mails,
        day=day,
        refuses=day == first,
        stops=day == second,
        withdraws=day == third,
    ).run(clock.say)
