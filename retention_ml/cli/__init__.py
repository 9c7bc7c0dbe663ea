"""The `retention` command: the same doors as the DAGs, without Airflow.

Exit codes: 0 done, 1 failed, 2 usage, 3 held back by a gate.
"""

import logging
from typing import Annotated

import typer

from retention_ml.cli import (
    abnormal,
    actions,
    assign,
    backtest,
    data,
    experiments,
    help_pages,
    modelling,
    outbox,
    outcomes,
    platform,
    sources,
    uplift,
)

app = typer.Typer(
    name="retention",
    cls=help_pages.Commands,
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
    uplift,
    abnormal,
):
    module.add_to(app)
help_pages.arrange(app)
