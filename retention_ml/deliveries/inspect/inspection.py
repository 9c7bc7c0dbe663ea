"""What a description made of files: plain values for a table or JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Rows rejected for one reason: how many, what it means, the first lines, what stood there."""

    reason: str
    meaning: str
    count: int
    lines: tuple[int, ...]
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCount:
    """A rule of the feed in the order in which they apply, and how many rows it decided."""

    rule: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A row as the file has it and as it was understood, by canonical column.

    `after` is empty where the row is rejected or left out; `outcome` says which.
    """

    file: str
    line: int
    before: Mapping[str, str]
    after: Mapping[str, str]
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCount:
    """What one file gave."""

    file: str
    rows: int
    accepted: int
    quarantined: int
    left_out: int
    remark: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Accepted rows of a month of the shop's calendar, and their money in units."""

    month: str
    rows: int
    money: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What becomes of the first rows of the files of one feed.

    Parameters
    ----------
    rows : int
        Rows of the files: accepted, left out on purpose, or rejected.
    guests : int or None
        Accepted rows without a customer; None where the table names none.
    kinds : mapping of str to int
        Accepted rows, or parts of rows, by kind.
    first, last : str, optional
        The earliest and the latest time, in UTC.
    suspicions : tuple of str
        What is odd and no fault: a sentence each.
    remark : str, optional
        Set where a file has no rows.
    """

    source: str
    feed: str
    table: str
    columns: tuple[str, ...]
    columns_not_read: tuple[str, ...]
    rows: int
    accepted: int
    left_out: int
    guests: int | None
    customers: int | None
    orders: int | None
    money: str | None
    first: str | None
    last: str | None
    kinds: Mapping[str, int]
    files: tuple[FileCount, ...]
    findings: tuple[Finding, ...]
    rules: tuple[RuleCount, ...]
    months: tuple[Month, ...]
    examples: tuple[Example, ...]
    suspicions: tuple[str, ...]
    remark: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The feeds that files fit, the files that are only looked up in, and those that are refused.

    `remarks` says where the description and the settings differ.
    """

    source: str
    feeds: tuple[Inspection, ...]
    lookups: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    refused: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)
