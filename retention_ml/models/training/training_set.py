"""The rows of a training: features as they stood, joined to what happened afterwards."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.errors import AccountingError
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.sampling import is_sampled
from retention_ml.models.btyd.histories import Histories
from retention_ml.models.training.sample import Rows
from retention_ml.models.training.season import Volumes
from retention_ml.statistics.arrays import Floats, Ints

_MIX_SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSet:
    """Customers on days, ordered by day and customer.

    Parameters
    ----------
    definition : ChurnDefinition
        Who counts as churned.
    known_until : date
        Outcomes are known up to the start of this day: settled and covered by orders.
    days : array of datetime64[D], shape (n,)
    customers : pa.Array of string, shape (n,)
        Their ids, for tables only.
    values : array of float64, shape (n, k)
    until_order : array of float64, shape (n,)
        Whole days from the opening of the outcome window to the next order, infinite where none
        is known.
    features : tuple of str, length k
    digest : str
        SHA-256 of all of it.
    histories : mapping of date to Histories
        When every customer ever seen bought, as known on some of the days.
    volumes : Volumes or None
        Orders by day.
    populations : mapping of date to int
        Active customers of a day, of whom `values` may hold a sample.
    learnt_share : float
        Share of the customers who are learnt from; of some days everybody is here.
    """

    definition: ChurnDefinition
    known_until: date
    days: np.ndarray
    customers: pa.Array
    values: Floats
    until_order: Floats
    features: tuple[str, ...]
    digest: str
    histories: Mapping[date, Histories] = field(default_factory=dict)
    volumes: Volumes | None = None
    populations: Mapping[date, int] = field(default_factory=dict)
    learnt_share: float = 1.0

    def positions(self, days: Sequence[date]) -> Ints:
        """Positions of the rows of some days."""
        return np.flatnonzero(np.isin(self.days, np.array(days, dtype="datetime64[D]")))

    def rows(
        self,
        days: Sequence[date],
        *,
        known_until: date | None = None,
        current: date | None = None,
    ) -> Rows:
        """The rows of some days, ready to learn from.

        Parameters
        ----------
        days : sequence of date
            Those whose window has not opened are left out.
        known_until : date, optional
            Learn as on an earlier day: nothing that happened from this day on is used.
        current : date, optional
            The day on which the model is made: its customers are shown, not what they do.
        """
        until = min(known_until or self.known_until, self.known_until)
        lead = self.definition.lead_days
        opened = [day for day in days if day + timedelta(days=lead) < until]
        at = self.positions(opened)
        at = at[is_sampled(self.customers.take(pa.array(at)), self.learnt_share)]
        until_day = int(np.datetime64(until, "D").astype(np.int64))
        followed = (np.datetime64(until, "D") - self.days[at]).astype(np.int64) - lead
        until_order = self.until_order[at]
        matured = [
            day for day in opened if (until - day).days - lead >= self.definition.horizon_days
        ]
        return Rows(
            values=self.values[at],
            days=self.days[at].astype(np.int64),
            until_order=np.where(until_order < followed, until_order, np.inf),
            followed=followed,
            horizon_days=self.definition.horizon_days,
            groups=self.groups(at),
            weights=np.ones(len(at)),
            features=self.features,
            histories=self.histories.get(max(matured)) if matured else None,
            volumes=self.volumes.before(until_day) if self.volumes else None,
            current=None if current is None else self.values[self.positions([current])],
            populations={
                int(np.datetime64(day, "D").astype(np.int64)): count
                for day, count in self.populations.items()
            },
            known_until_day=until_day,
            lead_days=lead,
        )

    def outcome(self, days: Sequence[date]) -> Floats:
        """1 churned, 0 retained of the rows of some days whose windows are known, shape (m,)."""
        until_order = self.until_order[self.positions(days)]
        return (until_order >= self.definition.horizon_days).astype(np.float64)

    def groups(self, at: Ints) -> Ints:
        """Number of the customer of the rows at some positions, shape (m,).

        By what those rows say and not by ids, so that whoever is called otherwise stands in the
        same fold. Customers who cannot be told apart come in the order of their ids.
        """
        encoded = self.customers.take(pa.array(at)).dictionary_encode()
        customer = encoded.indices.to_numpy().astype(np.int64)
        rank = pc.rank(encoded.dictionary, tiebreaker="first").to_numpy()
        mixed = np.random.default_rng(_MIX_SEED).normal(size=self.values.shape[1] + 1)
        content = (np.nan_to_num(self.values[at]) * mixed[:-1]).sum(axis=1)
        content += mixed[-1] * self.days[at].astype(np.int64)
        total = np.bincount(customer, content)
        position = np.empty(len(total), dtype=np.int64)
        position[np.lexsort((rank, total))] = np.arange(len(total))
        return np.asarray(position[customer], dtype=np.int64)

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


def assemble(
    features: pa.Table,
    labels: pa.Table,
    *,
    definition: ChurnDefinition,
    known_until: date,
    histories: Mapping[date, Histories],
    volumes: Volumes | None = None,
    populations: Mapping[date, int] | None = None,
    learnt_share: float = 1.0,
) -> TrainingSet:
    """The training set of a feature table and the labels of the same customers and days.

    Parameters
    ----------
    features : pa.Table
        `as_of, customer_id`, then every feature, in any order of rows.
    labels : pa.Table
        `as_of, customer_id, until_order`, in any order of rows.

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
    until_order = labels["until_order"].cast(pa.float64()).fill_null(np.inf).to_numpy()
    days = features["as_of"].to_numpy().astype("datetime64[D]")
    customers = features["customer_id"].combine_chunks().cast(pa.string())
    if isinstance(customers, pa.ChunkedArray):
        customers = pa.concat_arrays(customers.chunks)
    total = hashlib.sha256()
    total.update("\0".join([definition.hash, str(known_until), *names]).encode())
    total.update(days.astype(np.int64).tobytes())
    total.update("\0".join(customers.to_pylist()).encode())
    total.update(values.tobytes())
    total.update(until_order.tobytes())
    for day in sorted(histories):
        total.update(f"{day}\0{len(histories[day])}\0".encode())
        for part in astuple(histories[day]):
            total.update(part.tobytes())
    for part in astuple(volumes) if volumes else ():
        total.update(b"" if part is None else part.tobytes())
    return TrainingSet(
        definition=definition,
        known_until=known_until,
        days=days,
        customers=customers,
        values=values,
        until_order=until_order,
        features=names,
        digest=total.hexdigest(),
        histories=histories,
        volumes=volumes,
        populations=populations or {},
        learnt_share=learnt_share,
    )
