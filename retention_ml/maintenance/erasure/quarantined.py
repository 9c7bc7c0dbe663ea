"""Quarantined rows of forgotten persons, rows that wait in staging, and files that are named after them."""

from collections.abc import Iterator, Sequence
from typing import Any

from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.description.source import Source
from retention_ml.errors import RetentionError
from retention_ml.maintenance.erasure import deliveries_ledger
from retention_ml.privacy.register import Kind, columns_of
from retention_ml.privacy.tombstones import Tombstones, words_of
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction

_DELIVERY = (
    "SELECT delivery_id, feed, file_name, file_sha256, replay_of, reason_code, columns_found, "
    "landed_at, batch_id, source FROM raw.deliveries "
)
_NAME = "forgotten"


def erase_quarantined(transaction: Transaction, settings: Settings, forgotten: Tombstones) -> int:
    """Delete their quarantined rows and count them as left out; how many."""
    transaction.lock("curated", minutes_max=10)
    return sum(
        delete_lines(transaction, delivery_id, sorted(lines))
        for delivery_id, lines in _lines(transaction, settings, forgotten)
    )


def count(transaction: Transaction, settings: Settings, forgotten: Tombstones) -> int:
    """How many quarantined rows are of these persons."""
    return sum(len(lines) for _, lines in _lines(transaction, settings, forgotten))


def rows_of(
    transaction: Transaction, settings: Settings, person: Tombstones, number: str
) -> list[dict[str, Any]]:
    """The quarantined rows of the person with this number, as they were delivered."""
    return [
        row[0]
        for delivery_id, lines in _lines(transaction, settings, person, number)
        for row in transaction.execute(
            "SELECT to_jsonb(bad) FROM quarantine.rows AS bad "
            "WHERE delivery_id = :d AND line_number = ANY(:lines)",
            d=delivery_id,
            lines=sorted(lines),
        )
    ]


def _lines(
    transaction: Transaction, settings: Settings, forgotten: Tombstones, number: str | None = None
) -> Iterator[tuple[int, set[int]]]:
    """The deliveries with quarantined rows, and the lines of these that are of somebody forgotten.

    Where it is one person, only deliveries are read in a row of which the number may stand.
    """
    is_plain = number is not None and number.isascii()
    rows = transaction.execute(
        f"{_DELIVERY} WHERE delivery_id IN (SELECT delivery_id FROM quarantine.rows "
        "WHERE CAST(:number AS text) IS NULL OR strpos(raw_text, :number) > 0 "
        "OR raw_bytes IS NOT NULL AND (NOT :is_plain OR position(CAST(:narrow AS bytea) IN "
        "raw_bytes) > 0 OR position(CAST(:wide AS bytea) IN raw_bytes) > 0)) ORDER BY 1",
        number=number,
        is_plain=is_plain,
        narrow=(number or "").encode(),
        wide=(number or "").encode("utf-16-le")[:-1],  # of either byte order
    )
    if rows:
        # Imported here: it takes longer than all the rest where nobody stands in quarantine.
        from retention_ml.deliveries.ledger import personal_lines
        from retention_ml.deliveries.ledger.staging import Delivery
    for row in rows:
        source = source_of(settings, row.source)
        yield (
            row.delivery_id,
            personal_lines.lines_in_quarantine(
                transaction, settings, source, Delivery(*row[:8]), row.batch_id, forgotten
            ),
        )


def delete_lines(transaction: Transaction, delivery_id: int, lines: Sequence[int]) -> int:
    """Delete these quarantined rows of a delivery and count them as left out; how many there were."""
    count = transaction.change(
        "DELETE FROM quarantine.rows WHERE delivery_id = :d AND line_number = ANY(:lines)",
        d=delivery_id,
        lines=list(lines),
    )
    if count:
        transaction.change(
            "UPDATE raw.deliveries SET quarantined_count = quarantined_count - :gone, "
            "left_out_count = left_out_count + :gone, suppressed_count = suppressed_count + :gone "
            "WHERE delivery_id = :d",
            gone=count,
            d=delivery_id,
        )
    return count


def reopen_batches_with_rejects(transaction: Transaction, forgotten: Tombstones) -> int:
    """Set batches back that wait to be curated with a reject of theirs; they are staged anew."""
    rows = transaction.execute("SELECT batch_id, raw_text, detail FROM staging.rejects")
    batches = {
        row.batch_id
        for row in rows
        if forgotten.are_in(row.raw_text) or forgotten.are_in(row.detail)
    }
    deliveries_ledger.reopen(transaction, sorted(batches))
    return len(batches)


def rename_files(transaction: Transaction, forgotten: Tombstones) -> int:
    """Put other names for those of files that are named after them, wherever these stand; how many."""
    names = {
        row.file_name
        for row in transaction.execute("SELECT DISTINCT file_name FROM raw.deliveries")
        if forgotten.are_in(row.file_name)
    }
    for name in names:
        new = _renamed(name, forgotten)
        for column in columns_of(Kind.FILE_NAME):
            kind = "::jsonb" if column.column == "details" else ""
            transaction.change(
                f"UPDATE {column.table} SET {column.column} = "
                f"replace({column.column}::text, :old, :new){kind} "
                f"WHERE strpos({column.column}::text, :old) > 0",
                old=name,
                new=new,
            )
    return len(names)


def _renamed(name: str, forgotten: Tombstones) -> str:
    covered = sorted({part for part in words_of(name) if forgotten.covers(part)}, key=len)
    for part in reversed(covered):
        name = name.replace(part, _NAME)
    return name


def source_of(settings: Settings, name: str) -> Source | None:
    """The description of a source, None where there is none any more that can be read."""
    try:
        return load_source(settings.sources, name)
    except RetentionError:
        return None
