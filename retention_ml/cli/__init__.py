"""The `retention` command: the same doors as the DAGs, without Airflow.

Exit codes: 0 done, 1 failed, 2 usage, 3 held back by a gate.
"""

import logging
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from retention_ml.cli import (
    actions,
    assign,
    backtest,
    data,
    experiments,
    live,
    modelling,
    outbox,
    outcomes,
    platform,
    safekeeping,
    sources,
    uplift,
)
from retention_ml.cli.customers import abnormal, aggregates, forgetting, people
from retention_ml.cli.frame import print_json

# By heading, in the order of the help: an example for each command, without `retention`.
EXAMPLES = {
    "Begin here": {
        "demo": "demo",
        "doctor": "doctor",
        "status": "status",
        "stack": "stack up",
        "simulate": "simulate --customers 500 --days 430 --seed 7 --out shop",
        "demo-actions": "demo-actions",
    },
    "Data": {
        "sources": "sources guess --name my_shop shop/orders.csv",
        "ingest": "ingest --source simulated --history shop/orders.csv",
        "quarantine": "quarantine list",
        "feedback": "feedback label --as-of 2026-03-01",
        "abnormal": "abnormal list",
        "build-features": "build-features --as-of 2026-03-01",
    },
    "Models": {
        "train": "train --as-of 2026-03-01",
        "models": "models",
        "promote": "promote 3 --reason 'better in every segment'",
        "rollback": "rollback --reason 'complaints from the shop'",
        "backtest": "backtest --from 2025-06-01 --to 2025-12-01 --report backtest.json --predictions backtest.parquet",
    },
    "Every day": {
        "score": "score --as-of 2026-03-01",
        "profile": "profile --as-of 2026-03-01",
        "recommend": "recommend --as-of 2026-03-01",
        "measure": "measure --as-of 2026-03-01",
        "decide": "decide --as-of 2026-03-01",
        "watch": "watch --as-of 2026-03-01",
    },
    "Reading": {
        "explain": "explain C0000012",
        "report": "report --out pages",
        "mcp": "mcp --http",
        "metrics": "metrics serve",
    },
    "Now": {
        "serve": "serve",
        "tokens": "tokens add webshop --scope events:write --source simulated",
    },
    "Actions": {
        "actions": "actions list",
        "assign": "assign --as-of 2026-03-01",
        "dispatch": "dispatch",
        "deliver": "deliver --as-of 2026-03-01",
        "outbox": "outbox list",
        "holdout": "holdout show C0000012",
        "experiments": "experiments list",
        "policies": "policies list",
        "uplift": "uplift evaluate --help",
    },
    "Safekeeping": {
        "backup": "backup verify --to /mnt/backups --drill",
        "restore": "restore /mnt/backups/20260301T030000.514210Z-dump --home restored",
        "archive": "archive seal",
        "keys": "keys list",
        "audit": "audit verify",
    },
    "People's data": {
        "people": "people forget --file numbers.txt --dry-run",
    },
}


class Commands(TyperGroup):
    """The commands; a request that cannot be read is one JSON document where `--json` is asked for."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """Run one command, as `typer` does."""
        words = list(sys.argv[1:] if args is None else args)
        if "--json" not in words or not options.get("standalone_mode", True):
            return super().main(args, *more, **options)
        try:
            code = super().main(args, *more, **{**options, "standalone_mode": False})
        except typer.Abort:
            sys.exit(1)
        except TyperException as error:
            code = getattr(error, "exit_code", 1)
            # The text that a terminal gets, with the option's name.
            explain = getattr(error, "format_message", error.__str__)
            print_json({"error": "UsageError", "message": explain(), "exit_code": code})
        sys.exit(code if isinstance(code, int) else 0)


def _arrange(app: typer.Typer) -> None:
    """Give each command of the app its heading and its example, in the order of `EXAMPLES`."""
    places: dict[str, tuple[int, str, str]] = {}
    for heading, examples in EXAMPLES.items():
        for name, example in examples.items():
            places[name] = (len(places), heading, example)
    entries: list[Any] = [*app.registered_commands, *app.registered_groups]
    for entry in entries:
        place = places.get(_name(entry))
        if place:
            entry.rich_help_panel = place[1]
            entry.epilog = f"Example: retention {place[2]}"
    last = (len(places), "", "")
    for group in (app.registered_commands, app.registered_groups):
        group.sort(key=lambda entry: places.get(_name(entry), last)[0])


def _name(entry: Any) -> str:
    callback = getattr(entry, "callback", None)
    return str(entry.name or getattr(callback, "__name__", ""))


app = typer.Typer(
    name="retention",
    cls=Commands,
    help="A shop's files in, risk tiers out. Settings: retention.toml and RETENTION_* variables.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _logging(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log each door's receipt.")
    ] = False,
) -> None:
    level = logging.INFO if verbose else logging.ERROR
    handler = logging.StreamHandler()
    handler.setLevel(level)  # libraries set levels of their own
    logging.basicConfig(
        level=level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=[handler],
    )


for module in (
    platform,
    sources,
    data,
    modelling,
    outcomes,
    backtest,
    actions,
    assign,
    outbox,
    experiments,
    live,
    uplift,
    abnormal,
    people,
    forgetting,
    aggregates,
    safekeeping,
):
    module.add_to(app)
_arrange(app)
