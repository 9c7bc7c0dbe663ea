"""The ledger of calls: what was asked for, by whom and with what success, without any value."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Literal

from retention_ml import clock
from retention_ml.errors import WarehouseError, printable
from retention_ml.warehouse import Warehouse

Transport = Literal["stdio", "http", "memory"]
_NAME_MAX = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, as it is recorded.

    Parameters
    ----------
    process_id : str
        Of the server.
    transport : str
    client : str or None
        The program that asked, as it calls itself.
    request : str
        A tool or resource, or `unknown`.
    is_answered : bool
        Whether it got rows; a sentence otherwise.
    views : collection of str
        Whose rows are in the answer.
    rows_count : int
    is_cut : bool
    as_of : date or None
    snapshot_id : int or None
    seconds : float
    """

    process_id: str
    transport: Transport
    client: str | None
    request: str
    is_answered: bool
    views: Collection[str]
    rows_count: int
    is_cut: bool
    as_of: date | None
    snapshot_id: int | None
    seconds: float


def record(warehouse: Warehouse, call: Call) -> None:
    """Add a row to `ops.assistant_calls`.

    Raises
    ------
    WarehouseError
        It could not be recorded: then nothing may be answered.
    """
    try:
        with warehouse.transaction() as transaction:
            transaction.execute("SET TRANSACTION READ WRITE")
            transaction.execute(
                "SELECT ops.record_assistant_call(CAST(:at AS timestamptz), :process_id, "
                ":transport, :client, :request, :outcome, CAST(:views AS text[]), :rows, :is_cut, "
                "CAST(:as_of AS date), CAST(:snapshot_id AS bigint), "
                "CAST(:seconds AS double precision))",
                at=clock.now(),
                process_id=call.process_id,
                transport=call.transport,
                client=printable(call.client)[:_NAME_MAX] if call.client else None,
                request=call.request,
                outcome="answered" if call.is_answered else "refused",
                views=sorted(call.views),
                rows=call.rows_count,
                is_cut=call.is_cut,
                as_of=call.as_of,
                snapshot_id=call.snapshot_id,
                seconds=call.seconds,
            )
    except WarehouseError as error:
        raise WarehouseError(
            "The call could not be recorded in ops.assistant_calls, so it is not answered. Check "
            "that the warehouse runs and is up to date (`retention status`), then ask again.",
            error.sqlstate,
        ) from error
