"""The exchange rates that convert the rows of a batch: those curated before, and its own."""

from retention_ml.deliveries.casting.currency import Rates, rates_of
from retention_ml.deliveries.description.source import Source
from retention_ml.warehouse import Transaction


def exchange_rates(transaction: Transaction, source: Source, batch_id: int) -> Rates:
    """The rates of a source; those that the batch has staged come over the curated ones."""
    curated = transaction.execute(
        "SELECT currency, valid_from, rate FROM curated.exchange_rates "
        "WHERE source = :source AND superseded_at IS NULL ORDER BY valid_from",
        source=source.name,
    )
    staged = transaction.execute(
        "SELECT currency, valid_from, rate FROM staging.exchange_rates "
        "WHERE batch_id = :b ORDER BY delivery_id, line_number",
        b=batch_id,
    )
    rows = ((row.currency, row.valid_from, row.rate) for row in (*curated, *staged))
    return rates_of(rows, source.timezone)
