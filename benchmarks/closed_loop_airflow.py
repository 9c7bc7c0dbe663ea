"""A shop that answers, week by week through Airflow: does the loop close, and is its ledger right?

`python -m benchmarks.closed_loop_airflow --home FOLDER [--customers N] [--weeks N] [--world NAME]`

A stack of its own below FOLDER, as in `make demo`, with actions enabled, a mail server, a CRM and a
folder for files. Decisions are taken once a week. The evening before, the shop drops its files into
the inbox; everything after that is started by Airflow: the watched folder, ingestion, features,
training, scores, actions, their approval (answered as a person would, in Airflow), messages, those
that a quota put off (`dispatch_messages`), outcomes. Who was reached lives on with
`retention simulate --respond --outbox`. Then ledger, contacts, outcomes and money are compared with
the truth. Days that were lived through are not run again: it goes on where it was stopped.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date
from functools import partial
from pathlib import Path
from unittest import mock

from rich.console import Console

from benchmarks.closed_loop_shop import LivingShop, settings_of
from benchmarks.closed_loop_truth import compare
from benchmarks.closed_loop_week import Week, WeekRun
from benchmarks.shifted_clock import shift
from retention_ml import clock
from retention_ml.settings import Settings, load
from retention_ml.stack import address, demo, environment, local
from retention_ml.stack.actions_demo.receivers import crm, mail_server
from retention_ml.warehouse import Warehouse

_SECRET = "closed-loop"
_COLUMNS = (
    ("day", 10), ("status", 9), ("active", 7), ("contacts", 9), ("sent", 6), ("after a wait", 13),
    ("asked", 6), ("policy", 14), ("chain s", 8), ("actions s", 10),
)  # fmt: skip


def main() -> int:
    """Run or go on with the loop; 1 if what it wrote down is not what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="kept; goes on from there")
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", default="four_types")
    options = parser.parse_args()
    console = Console(width=200, highlight=False)
    home = options.home.resolve()
    shop = LivingShop(
        folder=home / "shop", customers=options.customers, seed=options.seed, world=options.world
    )
    with ExitStack() as stack:
        mails = stack.enter_context(mail_server(_folder(home / "received" / "mails")))
        requests = stack.enter_context(crm(_folder(home / "received" / "requests"), _SECRET))
        os.environ.update(
            settings_of(
                home,
                customers=options.customers,
                smtp_url=mails.url,
                webhook_url=requests.url,
                webhook_secret=_SECRET,
            )
        )
        stack.enter_context(_shifted(home))
        shop.prepare()
        settings = load()
        days = [day for day in shop.decision_days(options.weeks) if not shop.has_lived(day)]
        stack.callback(local.down, settings, console.print)
        if days:
            local.up(settings, console.print)
            settings = address.complete(settings)
        warehouse = address.warehouse(settings)
        stack.callback(warehouse.close)
        if days:
            _live(days, shop, settings, warehouse, console)
        return compare(warehouse, settings, shop, console)


def _live(
    days: Sequence[date],
    shop: LivingShop,
    settings: Settings,
    warehouse: Warehouse,
    console: Console,
) -> None:
    """Let Airflow decide on each day, and the shop live through the week after it."""
    airflow = demo.connect(settings)
    demo.wait_for_dags(airflow)
    console.print(" ".join(f"{title:>{width}}" for title, width in _COLUMNS))
    for day in days:
        week = Week(airflow=airflow, warehouse=warehouse, settings=settings, shop=shop, day=day)
        done = week.run()
        shop.live(day)
        _show(console, done)


def _shifted(home: Path) -> ExitStack:
    """The platform's clock, here and in every process that the stack starts, from a file."""
    build = environment.build

    def with_clock(*arguments: object, **options: object) -> dict[str, str]:
        variables = build(*arguments, **options)  # type: ignore[arg-type]
        folder = Path(shift.__file__).parent
        path = f"{folder}{os.pathsep}{variables['PYTHONPATH']}"
        return variables | {"PYTHONPATH": path}

    stack = ExitStack()
    stack.enter_context(mock.patch.object(environment, "build", with_clock))
    stack.enter_context(mock.patch.object(clock, "now", partial(shift.now, home)))
    return stack


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _show(console: Console, done: WeekRun) -> None:
    values = (
        done.day, done.status, done.active, done.contacts, done.sent, done.sent_later, done.asked,
        done.policy, f"{done.chain_seconds:.0f}", f"{done.action_seconds:.0f}",
    )  # fmt: skip
    console.print(
        " ".join(f"{value!s:>{width}}" for value, (_, width) in zip(values, _COLUMNS, strict=True))
    )


if __name__ == "__main__":
    sys.exit(main())
