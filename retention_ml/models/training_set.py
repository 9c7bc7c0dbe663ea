"""The rows of a training: features as they stood, joined to what happened afterwards."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.errors import AccountingError
from retention_ml.models.arrays import Floats, Ints
from retention_ml.models.rows import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """Customers on days, ordered by day and customer.

    Parameters
    ----------
    days : array of datetime64[D], shape (n,)
    customers : pa.Array of string, shape (n,)
        Their ids, for tables only.
    values : array of float64, shape (n, k)
    outcome : array of float64, shape (n,)
        1 churned, 0 retained.
    features : tuple of str, length k
    digest : str
        SHA-256 of all of it.
    """

    days: np.ndarray
    customers: pa.Array
    values: Floats
    outcome: Floats
    features: tuple[str, ...]
    digest: str

    def positions(self, days: Sequence[date]) -> Ints:
        """Positions of the rows of some days."""
        return np.flatnonzero(np.isin(self.days, np.array(days, dtype="datetime64[D]")))

    def rows(self, days: Sequence[date]) -> Rows:
        """The rows of some days, ready to learn from."""
        at = self.positions(days)
        return Rows(
            values=self.values[at],
            outcome=self.outcome[at],
            groups=self.groups[at],
            weights=np.ones(len(at)),
            features=self.features,
        )

    @property
    def groups(self) -> Ints:
        """Number of each row's customer, in the order of ids, shape (n,)."""
        encoded = self.customers.dictionary_encode()
        rank = pc.rank(encoded.dictionary, tiebreaker="first").to_numpy()
        return np.asarray(rank[encoded.indices.to_numpy()], dtype=np.int64)

    def table(self, days: Sequence[date]) -> pa.Table:
        """`as_of`, `customer_id` and the features of some days."""
        at = self.positions(days)
        columns: dict[str, pa.Array] = {
            "as_of": pa.array(self.days[at]),
            "customer_id": self.customers.take(pa.array(at)),
        }
        for j, name in enumerate(self.features):
            columns[name] = pa.array(self.values[at, j])
        return pa.table(columns)


def assemble(features: pa.Table, labels: pa.Table) -> TrainingSet:
    """The training set of a feature table and the labels of the same customers and days.

    Parameters
    ----------
    features : pa.Table
        `as_of, customer_id`, then every feature, in any order of rows.
    labels : pa.Table
        `as_of, customer_id, is_churned`, in any order of rows.

    Raises
    ------
    AccountingError
        If one of the two has a customer and day that the other has not.
    """
    order = [("as_of", "ascending"), ("customer_id", "ascending")]
    features, labels = features.sort_by(order), labels.sort_by(order)
    keys = ("as_of", "customer_id")
    if any(not features[key].equals(labels[key].cast(features[key].type)) for key in keys):
        raise AccountingError(
            f"There are {features.num_rows:,} rows of features and {labels.num_rows:,} labels, and "
            "they are not for the same customers and days. Features were rebuilt while labels "
            "were made: run the training again, and report this if it persists."
        )
    names = tuple(name for name in features.column_names if name not in keys)
    values = np.empty((features.num_rows, len(names)))
    for j, name in enumerate(names):
        values[:, j] = features[name].cast(pa.float64()).to_numpy()
    outcome = labels["is_churned"].cast(pa.float64()).to_numpy()
    days = features["as_of"].to_numpy().astype("datetime64[D]")
    customers = features["customer_id"].combine_chunks().cast(pa.string())
    if isinstance(customers, pa.ChunkedArray):
        customers = pa.concat_arrays(customers.chunks)
    total = hashlib.sha256()
    total.update("\0".join(names).encode())
    total.update(days.astype(np.int64).tobytes())
    total.update("\0".join(customers.to_pylist()).encode())
    total.update(values.tobytes())
    total.update(outcome.tobytes())
    return TrainingSet(
        days=days,
        customers=customers,
        values=values,
        outcome=outcome,
        features=names,
        digest=total.hexdigest(),
    )
