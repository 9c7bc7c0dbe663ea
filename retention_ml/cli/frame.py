"""What every command shares: settings, the warehouse, `--json`, progress, errors as exit codes."""

import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from retention_ml.errors import RetentionError, UsageError, machine_errors

if TYPE_CHECKING:
    from retention_ml.settings import Settings
    from retention_ml.warehouse import Warehouse

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")]
AsOf = Annotated[
    str,
    typer.Option(
        "--as-of", metavar="YYYY-MM-DD", help="The day: its first moment in the shop's time zone."
    ),
]

for _variable, _value in {
    "OMP_WAIT_POLICY": "PASSIVE",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}.items():
    os.environ.setdefault(_variable, _value)

console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 180)
errors = Console(stderr=True, highlight=False, markup=False)


def day(text: str) -> date:
    """The date written as YYYY-MM-DD; UsageError otherwise."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no day; expected YYYY-MM-DD such as 2011-03-01.") from None


def with_registry(settings: "Settings", *, is_started: bool = False) -> "Settings":
    """The settings with the address of the local stack's MLflow, where there is such a stack.

    It is only started for who cannot do without: a decision needs no MLflow, its alias follows
    later.
    """
    from retention_ml.stack import address, mlflow_login
    from retention_ml.stack.environment import remembered_ports

    at = None if settings.tracking_uri else remembered_ports(settings.home)
    if at is None:
        return settings
    mlflow_login.sign_in(settings)
    if is_started:
        return address.complete(settings)
    return settings.model_copy(update={"tracking_uri": at.mlflow_url})


@contextmanager
def command(as_json: bool) -> Iterator["Settings"]:
    """The settings; an error of this library ends the process with its sentence and code."""
    try:
        from retention_ml.settings import load

        with machine_errors():
            yield load()
    except RetentionError as error:
        if as_json:
            print_json(
                {"error": type(error).__name__, "message": str(error), "exit_code": error.exit_code}
            )
        else:
            errors.print(str(error), style="bold red", soft_wrap=True)
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt:
        errors.print("Stopped by you; nothing is half-done. The same command goes on from there.")
        raise typer.Exit(1) from None


@contextmanager
def opened(as_json: bool, *, may_create: bool = False) -> Iterator[tuple["Warehouse", "Settings"]]:
    """The warehouse, brought up to date, and the settings.

    Parameters
    ----------
    as_json : bool
        Whether an error is printed as JSON.
    may_create : bool
        Whether an empty warehouse is made in a home that has none, with a line that says so. Who
        asks for something that only a filled one has would be answered by an empty one, in
        another folder than they mean.
    """
    with command(as_json) as settings:
        from retention_ml.stack import address, local

        if not may_create:
            address.require_warehouse(settings)
        elif sentence := local.new_home(settings):
            note(sentence)
        with closing(address.warehouse(settings)) as warehouse:
            yield warehouse, settings


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """A spinner while a step runs, on a terminal only; call it with each sentence of progress."""
    if not errors.is_terminal:
        yield lambda _: None
        return
    with errors.status(what) as spinner:
        yield lambda sentence: spinner.update(f"{what} {sentence}")


def note(sentence: str) -> None:
    """A line of progress on standard error."""
    errors.print(sentence, style="dim", soft_wrap=True)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, default=str, ensure_ascii=False) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table for people; numbers to the right, thousands separated; one line where there is none."""
    if not rows:
        console.print(f"{title}: none.")
        return
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=None,
        pad_edge=False,
        show_header=any(columns),
    )
    for index, name in enumerate(columns):
        numeric = all(isinstance(row[index], int | float | None) for row in rows)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_text(value)) for value in row))
    console.print(table)
    console.print()


def print_rows(title: str, rows: Sequence[Mapping[str, Any]], *, as_json: bool = False) -> None:
    """A table of rows that all have the same columns, by name; or one JSON document."""
    if as_json:
        print_json(rows)
        return
    print_table(title, tuple(rows[0]) if rows else (), [tuple(row.values()) for row in rows])


def print_mapping(title: str, values: Mapping[str, Any]) -> None:
    """Names and values, one a line; a mapping among the values becomes a table of its own."""
    plain = {name: value for name, value in values.items() if not isinstance(value, Mapping)}
    print_table(title, ("", ""), [(_label(name), _text(value)) for name, value in plain.items()])
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            print_mapping(_label(name).capitalize(), value)


def _label(name: str) -> str:
    """The name of a field in words; anything else, such as a file's name, as it is."""
    return name.replace("_", " ") if name.isidentifier() else name


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}"
    if isinstance(value, datetime) and value.tzinfo is not None:
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    # A shop's bytes are shown, never obeyed: neither as mark-up (hence Text) nor by the terminal.
    return "".join(map(_shown, str(value)))


def _shown(sign: str) -> str:
    """A character as it is; spaces of any width as a blank, what a terminal would obey as �."""
    if sign.isprintable() or sign == "\n":
        return sign
    return " " if unicodedata.category(sign) == "Zs" else "\ufffd"
