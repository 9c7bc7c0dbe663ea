"""The predictions of all models of a backtest with the labels, as a table for anyone to recompute."""

from collections.abc import Mapping
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.errors import AccountingError
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.metrics import Predictions


def of_day(
    as_of: date, labels: pa.Table, probabilities: Mapping[str, tuple[pa.ChunkedArray, Floats]]
) -> pa.Table:
    """`as_of, customer_id, churned`, then a column of probabilities for each model.

    Parameters
    ----------
    labels : pa.Table
        `customer_id, is_churned`, ordered by customer.
    probabilities : mapping of str to (customers, probability)
        By model, ordered by customer.

    Raises
    ------
    AccountingError
        A model predicted other customers than those with labels.
    """
    customers = labels["customer_id"].combine_chunks()
    columns: dict[str, pa.Array] = {
        "as_of": pa.array([as_of] * labels.num_rows, pa.date32()),
        "customer_id": customers,
        "churned": labels["is_churned"].combine_chunks(),
    }
    for name, (predicted, probability) in probabilities.items():
        if not predicted.combine_chunks().equals(customers.cast(predicted.type)):
            raise AccountingError(
                f"{name} predicted {len(predicted):,} customers of {as_of}, and {len(customers):,} "
                "outcomes of that day are not those of the same customers. Features were rebuilt "
                "in between: run the same command again, and report this if it persists."
            )
        columns[name] = pa.array(probability)
    return pa.table(columns)


def to_arrays(table: pa.Table) -> Predictions:
    """The predictions as arrays, ready to be evaluated."""
    customers = table["customer_id"].combine_chunks().dictionary_encode()
    rank = pc.rank(customers.dictionary, tiebreaker="first").to_numpy()
    return Predictions(
        days=table["as_of"].cast(pa.int32()).to_numpy().astype(np.int64),
        groups=np.asarray(rank[customers.indices.to_numpy()], dtype=np.int64),
        outcome=table["churned"].cast(pa.float64()).to_numpy(),
        models={name: table[name].to_numpy() for name in table.column_names[3:]},
    )
