"""Regular expressions and patterns of times, tried by the engine that will use them."""

import atexit
import re
from functools import lru_cache

import duckdb

_SAMPLE = "2001-11-25 16:45:56"
_LETTER = re.compile(r"%-?([A-Za-z%])")
_DAY_LETTERS = frozenset("djxcuUWV")
_HOUR_LETTERS = frozenset("HIXc")
_LETTERS = "%Y %y %m %b %B %d %j %a %A %H %I %p %M %S %f %z %Z"


@lru_cache(maxsize=1)
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    atexit.register(_connection.cache_clear)
    connection.execute("SET threads = 1")
    connection.execute("SET timezone = 'UTC'")
    return connection


def _message(error: duckdb.Error) -> str:
    """What the engine says, without its name for the error and without the statement."""
    return str(error).partition("\n")[0].partition(": ")[2].strip() or "it cannot be read"


@lru_cache(maxsize=1024)
def regex_fault(pattern: str) -> str | None:
    """What the engine (RE2) has against a regular expression; None if it can be used.

    Examples
    --------
    >>> regex_fault("^(paid|open)$")
    >>> regex_fault("^(?!paid)")
    'invalid perl operator: (?!'
    """
    try:
        _connection().execute("SELECT regexp_matches('', ?, 's')", [pattern])
    except duckdb.Error as error:
        return _message(error)
    return None


@lru_cache(maxsize=1024)
def time_pattern_fault(pattern: str) -> str | None:
    """What is wrong with a pattern of times; None if it reads what it writes.

    Examples
    --------
    >>> time_pattern_fault("%d/%m/%Y %H:%M")
    >>> time_pattern_fault("%H:%M")
    'it has no year'
    >>> time_pattern_fault("%d/%m/%Y %H:%m")
    '%m stands in it twice'
    """
    letters = [letter for letter in _LETTER.findall(pattern) if letter != "%"]
    if not letters:
        return "a pattern has letters with % such as %d/%m/%Y"
    twice = [letter for letter in letters if letters.count(letter) > 1]
    if twice:
        return f"%{twice[0]} stands in it twice"
    try:
        sample = _read(pattern)
    except duckdb.Error as error:
        letter = re.search(r"strptime: (%\S+)", str(error))
        unknown = f"{letter[1]} is no letter of patterns" if letter else _message(error)
        return f"{unknown}; the letters are {_LETTERS}"
    if sample is None:
        return "the engine cannot read a time written with it"
    year, *month_and_day, hour = sample
    if year != 2001:
        return "it has no year"
    if _DAY_LETTERS & set(letters) and month_and_day != [11, 25]:
        return "it has no month"
    if "M" in letters and not _HOUR_LETTERS & set(letters):
        return "it has minutes (%M) and no hour; the month is %m"
    if _HOUR_LETTERS & set(letters) and hour != 16:
        return "%I is an hour from 1 to 12 and needs %p; of 24 hours it is %H"
    return None


def reads_time(text: str, pattern: str) -> bool:
    """Whether the engine reads a text with a pattern of times."""
    rows = _connection().execute("SELECT try_strptime(?, ?) IS NOT NULL", [text, pattern])
    (is_time,) = rows.fetchone() or (False,)
    return bool(is_time)


def _read(pattern: str) -> tuple[int, int, int, int] | None:
    """Year, month, day and hour of what the engine reads from a time that it wrote."""
    rows = _connection().execute(
        "SELECT year(moment), month(moment), day(moment), hour(moment) FROM (SELECT "
        f"try_strptime(strftime(TIMESTAMP '{_SAMPLE}', ?), ?) AS moment)",
        [pattern.replace("%Z", "UTC"), pattern],
    )
    row = rows.fetchone()
    return None if row is None or row[0] is None else (row[0], row[1], row[2], row[3])
