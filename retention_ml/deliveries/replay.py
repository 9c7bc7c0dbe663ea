"""The door that reads quarantined rows again, after their source description was corrected."""

import time
from collections.abc import Mapping, Sequence

from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.ledger import landing, replays
from retention_ml.deliveries.reasons import meaning
from retention_ml.errors import UsageError
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def replay(
    warehouse: Warehouse, *, settings: Settings, source: str | None, reason: str | None
) -> Receipt:
    """Make one batch of all quarantined rows that wait, one delivery per delivery they came in.

    The rows are read when the batch is staged, by the description as it is then, from
    the bytes kept in `quarantine.rows`; they keep their line numbers. A row is marked as
    replayed when the batch is curated, whether it was accepted or quarantined again. Unfinished
    and held replays are opened again and become part of it: `check` holds apart what still fails.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    source : str or None
        Only rows of this source; None where only one source has rows in quarantine.
    reason : str or None
        Only rows with this reason code.

    Returns
    -------
    Receipt
        Counts rows; `details["batch_id"]` is the batch to stage, None where there are none.

    Raises
    ------
    UsageError
        Rows of several sources wait and none was named.
    """
    started = time.monotonic()
    with warehouse.transaction() as transaction:
        source = source or _single_source(replays.waiting_sources(transaction, reason))
        batch_id: int | None = None
        waiting: Mapping[int, int] = {}
        if source is not None:
            mapping_sha256 = load_source(settings.sources, source).mapping_sha256
            landing.lock_source(transaction, source)
            batch_id = replays.reopen_replays(transaction, source, reason)
            waiting = replays.waiting_row_counts(transaction, source, reason)
            if waiting:
                batch_id = replays.insert_replays(
                    transaction,
                    batch_id=batch_id,
                    source=source,
                    reason=reason,
                    deliveries=list(waiting),
                    mapping_sha256=mapping_sha256,
                    run_id=settings.run_id,
                )
    rows = sum(waiting.values())
    return warehouse.record(
        Receipt(
            door="replay",
            read=rows,
            written=rows,
            seconds=time.monotonic() - started,
            details={
                "source": source,
                "reason": reason,
                "meaning": meaning(reason) if reason else None,
                "batch_id": batch_id,
                "deliveries": len(waiting),
            },
        ),
        settings.run_id,
    )


def _single_source(sources: Sequence[str]) -> str | None:
    if len(sources) > 1:
        raise UsageError(
            f"Quarantined rows of {len(sources)} sources wait ({', '.join(sources)}). "
            "Name one with --source; each is replayed as a batch of its own."
        )
    return sources[0] if sources else None
