"""What the assistant reads: in one read-only snapshot, for a short time, by a role of its own."""

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from retention_ml.assistant.answers import Answer, fit
from retention_ml.assistant.statements import SCHEMA, Statement
from retention_ml.errors import UsageError, WarehouseError
from retention_ml.warehouse import Transaction, Warehouse

_CANCELED = "57014"
_PIECE_ROWS = 10
_MEANINGS = {
    "22012": "it divides by zero; write nullif(divisor, 0)",
    "22003": "a number is out of range",
    "22007": "a text is no day or time; write days as YYYY-MM-DD",
    "22008": "a day or time is out of range",
    "22P02": "a text is not of the type it is compared with or cast to",
    "42725": "an operator or function fits several types; cast the values",
    "42803": "a column must be in GROUP BY or in an aggregate",
    "42804": "types do not fit; cast the values",
    "42846": "there is no such cast",
    "42883": "there is no such operator or function for these types; cast the values",
    "42P10": "ORDER BY, GROUP BY or DISTINCT ON do not fit the columns",
    "21000": "a subquery that stands for one value has several rows",
    "53400": "it needs more temporary space than it may use; read less",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one call may ask for.

    Parameters
    ----------
    rows : int
        Rows of an answer.
    seconds : float
        Of one statement.
    """

    rows: int = 200
    seconds: float = 3.0


@dataclass(kw_only=True)
class Reading:
    """A snapshot that is open: what is published in it, what may be read, and what was."""

    transaction: Transaction
    as_of: Any
    snapshot_id: int | None
    readable: Mapping[str, Sequence[str]]
    views: set[str] = field(default_factory=set)

    def select(self, view: str, rest: str = "", /, **parameters: Any) -> list[dict[str, Any]]:
        """Rows of one view, with the columns that may be read.

        `rest` is what follows the name of the view, with `:named` parameters.
        """
        self.views.add(view)
        columns = ", ".join(f'"{name}"' for name in self.readable.get(view, ())) or "*"
        rows = self.transaction.execute(
            f"SELECT {columns} FROM {SCHEMA}.{view} {rest}", **parameters
        )
        return [dict(row._mapping) for row in rows]

    def carry_out(
        self, statement: Statement, rows_max: int, seconds: float
    ) -> Iterator[dict[str, Any]]:
        """Rows of a checked statement, one more than `rows_max` if there are more.

        They come ten at a time, as they are asked for, and all together in so many seconds.
        """
        self.views.update(statement.views)
        ends_at = time.monotonic() + seconds
        places = ", ".join(f"c{place}" for place, _ in enumerate(statement.columns))
        self._end_at(ends_at, seconds)
        self.transaction.execute(
            f"DECLARE answer NO SCROLL CURSOR FOR SELECT * FROM ({statement.sql}) "
            f"AS answer({places}) LIMIT {rows_max + 1:d}",
            **statement.parameters,
        )
        is_more = True
        while is_more:
            self._end_at(ends_at, seconds)
            rows = self.transaction.execute(f"FETCH {_PIECE_ROWS:d} FROM answer")
            for row in rows:
                yield dict(zip(statement.columns, row, strict=True))
            is_more = len(rows) == _PIECE_ROWS

    def _end_at(self, ends_at: float, seconds: float) -> None:
        """Let the next statement take what is left of the time."""
        left = ends_at - time.monotonic()
        if left <= 0:
            raise _too_long(seconds)
        self.transaction.execute(f"SET LOCAL statement_timeout = {max(1, round(1000 * left)):d}")

    def views_in_words(self) -> list[dict[str, Any]]:
        """One row per view that may be read: its grain, and how many columns."""
        rows = self.transaction.execute(
            "SELECT relname AS name, obj_description(oid, 'pg_class') AS one_row_is FROM pg_class "
            f"WHERE relnamespace = '{SCHEMA}'::regnamespace ORDER BY relname"
        )
        return [
            {**row._mapping, "columns_count": len(self.readable[row.name])}
            for row in rows
            if row.name in self.readable
        ]

    def columns_in_words(self, view: str) -> list[dict[str, Any]]:
        """One row per column of a view that may be read: its type and meaning."""
        rows = self.transaction.execute(
            "SELECT attname AS name, format_type(atttypid, atttypmod) AS type, "
            "col_description(attrelid, attnum) AS meaning FROM pg_attribute "
            "WHERE attrelid = to_regclass(:view) AND attnum > 0 ORDER BY attnum",
            view=f"{SCHEMA}.{view}",
        )
        return [dict(row._mapping) for row in rows if row.name in self.readable[view]]

    def answer(
        self, rows: Iterable[Mapping[str, Any]], rows_max: int, notes: Sequence[str] = ()
    ) -> Answer:
        """These rows as an answer, at most `rows_max` of them; what does not fit is not read."""
        fitting, is_cut = fit(rows, rows_max)
        return Answer(
            as_of=self.as_of.isoformat() if self.as_of else None,
            snapshot_id=self.snapshot_id,
            views=sorted(self.views),
            rows=fitting,
            rows_count=len(fitting),
            is_cut=is_cut,
            notes=list(notes),
        )


@contextmanager
def reading(warehouse: Warehouse, limits: Limits) -> Iterator[Reading]:
    """A read-only snapshot of the warehouse that ends with the block.

    Raises
    ------
    UsageError
        A statement took too long, or the database cannot carry it out; without its words, which
        may quote rows or the statement.
    WarehouseError
        The database does not answer, or the role may not read.
    """
    try:
        with warehouse.transaction() as transaction:
            transaction.only_read(seconds_max=limits.seconds)
            transaction.execute(f"SET LOCAL search_path = {SCHEMA}")
            newest = transaction.execute(
                "SELECT as_of, snapshot_id FROM reports.customer_risk LIMIT 1"
            )
            yield Reading(
                transaction=transaction,
                as_of=newest[0].as_of if newest else None,
                snapshot_id=newest[0].snapshot_id if newest else None,
                readable=_readable(transaction),
            )
    except WarehouseError as error:
        raise _explain(error, limits) from error


def _readable(transaction: Transaction) -> dict[str, list[str]]:
    """The columns that this role may read, by view of `reports`, asked of the database itself."""
    rows = transaction.execute(
        "SELECT c.relname AS view, a.attname AS name "
        "FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 "
        f"AND NOT a.attisdropped WHERE c.relnamespace = '{SCHEMA}'::regnamespace "
        "AND c.relkind IN ('v', 'm') AND has_column_privilege(c.oid, a.attnum, 'SELECT') "
        "ORDER BY c.relname, a.attnum"
    )
    return {
        view: [str(row.name) for row in columns]
        for view, columns in itertools.groupby(rows, key=lambda row: str(row.view))
    }


def _explain(error: WarehouseError, limits: Limits) -> UsageError | WarehouseError:
    """The sentence for what the database refused, without the statement or its values."""
    code = error.sqlstate or ""
    if code == _CANCELED:
        return _too_long(limits.seconds)
    if code in _MEANINGS or (code[:2] in ("22", "42") and code != "42501"):
        meaning = _MEANINGS.get(code, "it does not fit the types or rows that it meets")
        return UsageError(f"The database could not carry the statement out: {meaning}.")
    if code == "42501":
        return WarehouseError(
            "The role of the assistant may not read that. Run `retention status` once, which gives "
            "it its rights, and see docs/assistant.md.",
            code,
        )
    return WarehouseError(
        "The warehouse did not answer. Check that it runs (`retention stack status`), then ask again.",
        code or None,
    )


def _too_long(seconds: float) -> UsageError:
    return UsageError(
        f"The statement took longer than {seconds:g} seconds and was ended. Ask for less: "
        "one day (as_of), one customer, or sums instead of rows."
    )
