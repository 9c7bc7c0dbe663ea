"""Days as options name them: today, or a range with `--from`, `--to` and `--every`."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from retention_ml.cli.frame import day
from retention_ml.errors import UsageError

if TYPE_CHECKING:
    from retention_ml.settings import Settings

First = Annotated[
    str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First day of a range.")
]
Last = Annotated[
    str | None,
    typer.Option("--to", metavar="YYYY-MM-DD", help="Last day of the range, inclusive."),
]
Every = Annotated[str, typer.Option(help="Distance of the days of the range, such as 30d.")]


def today(settings: "Settings") -> date:
    """The day that it is now on the shop's calendar."""
    from retention_ml import clock

    return clock.now().astimezone(ZoneInfo(settings.calendar.timezone)).date()


def not_ahead(as_of: date, settings: "Settings") -> date:
    """The day, if it is not later than tomorrow.

    A day of the far future would be the newest for ever: every view would show it, and what is
    decided from the newest day on could not be decided any more.

    Raises
    ------
    UsageError
        It is later.
    """
    newest = today(settings) + timedelta(days=1)
    if as_of > newest:
        raise UsageError(f"--as-of {as_of} lies ahead; expected a day up to tomorrow, {newest}.")
    return as_of


def days_named(
    as_of: Sequence[str] | None, first: str | None, last: str | None, every: str
) -> list[date]:
    """The days named one by one, or those from `first` to `last`, both inclusive; at least one.

    Raises
    ------
    UsageError
        It is neither or both, one cannot be read, or the range ends before it begins.
    """
    if as_of and not (first or last):
        return [day(text) for text in as_of]
    if as_of or not (first and last):
        raise UsageError("Name days with --as-of, or a range with --from and --to.")
    from retention_ml.clock import days_between

    distance = every.removesuffix("d")
    if not distance.isdecimal() or int(distance) < 1:
        raise UsageError(f"--every is {every!r}; expected a number of days such as 30d.")
    begin, end = day(first), day(last)
    if begin > end:
        raise UsageError(
            f"--from {begin} lies after --to {end}; expected the earlier day first. "
            "Exchange the two."
        )
    return days_between(begin, end, int(distance))
