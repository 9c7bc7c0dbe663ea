"""The training set: features as known on past days, joined to the next order after each."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.clock import day_number, midnight
from retention_ml.errors import AccountingError
from retention_ml.features.samples.sampling import is_sampled
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.left_alone import left_alone_weights
from retention_ml.labels.representation import Representation, unrepresented_count
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.data.volumes import Volumes
from retention_ml.statistics.arrays import Floats, Ints, column_bytes
from retention_ml.statistics.metrics import Predictions

_KEYS = ("as_of", "customer_id")
_MIX_SEED = 1


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Customers on days, ordered by day and customer.

    Parameters
    ----------
    definition : ChurnDefinition
        Who counts as churned.
    known_until : date
        Outcomes are known up to the start of this day: settled and covered by orders.
    days : array of datetime64[D], shape (n_samples,)
    customers : pa.Array of string, shape (n_samples,)
        Their ids, for tables only.
    values : array of float64, shape (n_samples, n_features)
    time_to_next_order : array of float64, shape (n_samples,)
        Whole days from the opening of the outcome window to the next order, infinite where none
        is known.
    features : tuple of str, length n_features
    histories : mapping of date to PurchaseSummary
        When every customer ever seen bought, as known on some of the days.
    volumes : Volumes or None
        Orders by day.
    populations : mapping of date to int
        Active customers of a day, of whom `values` may hold a sample.
    sample_share : float
        Share of the customers who are trained on.
    evaluation_share : float
        Share of the customers who are here of days that are evaluated on, of the day on which the
        model is made, and in `histories` and `volumes`.
    contacts : pa.Table or None
        The platform's own contacts and holdouts of the days, see `labels.left_alone`; None where
        there are none.
    """

    definition: ChurnDefinition
    known_until: date
    days: np.ndarray
    customers: pa.Array
    values: Floats
    time_to_next_order: Floats
    features: tuple[str, ...]
    histories: Mapping[date, PurchaseSummary] = field(default_factory=dict)
    volumes: Volumes | None = None
    populations: Mapping[date, int] = field(default_factory=dict)
    sample_share: float = 1.0
    evaluation_share: float = 1.0
    contacts: pa.Table | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        total = hashlib.sha256()
        total.update(
            "\0".join([self.definition.hash, str(self.known_until), *self.features]).encode()
        )
        total.update(self.days.astype(np.int64).tobytes())
        total.update("\0".join(self.customers.to_pylist()).encode())
        total.update(self.values.tobytes())
        total.update(self.time_to_next_order.tobytes())
        for day in sorted(self.histories):
            total.update(f"{day}\0{len(self.histories[day].counts)}\0".encode())
            for array in astuple(self.histories[day]):
                total.update(array.tobytes())
        for array in astuple(self.volumes) if self.volumes else ():
            total.update(b"" if array is None else array.tobytes())
        for column in self.contacts.columns if self.contacts is not None else ():
            total.update(column_bytes(column.combine_chunks()))
        if self.sample_share < 1:
            counts = [f"{day}\0{count}" for day, count in sorted(self.populations.items())]
            shares = [str(self.sample_share), str(self.evaluation_share)]
            total.update("\0".join([*shares, *counts]).encode())
        return total.hexdigest()

    def positions(self, days: Sequence[date]) -> Ints:
        """Positions of the rows of some days."""
        return np.flatnonzero(np.isin(self.days, np.array(days, dtype="datetime64[D]")))

    def sample(
        self,
        days: Sequence[date],
        *,
        known_until: date | None = None,
        current: date | None = None,
    ) -> TrainingSample:
        """The rows of some days, ready to train on.

        Parameters
        ----------
        days : sequence of date
            Those whose window has not opened are left out.
        known_until : date, optional
            Train as on an earlier day: nothing that happened from this day on is used.
        current : date, optional
            The day on which the model is made: the features of its customers, not their outcome.
        """
        until = min(known_until or self.known_until, self.known_until)
        lead = self.definition.lead_days
        opened = [day for day in days if day + timedelta(days=lead) < until]
        positions = self.positions(opened)
        positions = positions[
            is_sampled(self.customers.take(pa.array(positions)), self.sample_share)
        ]
        weights = self._weights(positions, until)
        positions, weights = positions[weights > 0], weights[weights > 0]
        until_day = day_number(until)
        row_days = self.days[positions].astype(np.int64)
        follow_up_days = until_day - row_days - lead
        time_to_next_order = self.time_to_next_order[positions]
        matured = [
            day for day in opened if (until - day).days - lead >= self.definition.horizon_days
        ]
        return TrainingSample(
            values=self.values[positions],
            days=row_days,
            time_to_next_order=np.where(
                time_to_next_order < follow_up_days, time_to_next_order, np.inf
            ),
            follow_up_days=follow_up_days,
            horizon_days=self.definition.horizon_days,
            groups=self.groups(positions),
            weights=weights,
            features=self.features,
            histories=self.histories.get(max(matured)) if matured else None,
            volumes=self.volumes.before(until_day) if self.volumes else None,
            current=None if current is None else self.values[self.positions([current])],
            current_count=self.populations.get(current, 0) if current else 0,
            populations={day_number(day): count for day, count in self.populations.items()},
            known_until_day=until_day,
            lead_days=lead,
        )

    def weights(self, days: Sequence[date]) -> Floats | None:
        """How many customers each row of some days stands for; None without own contacts.

        0 where a contact came before the next order.
        """
        if self.contacts is None:
            return None
        return self._weights(self.positions(days), self.known_until)

    def representation(self, days: Sequence[date]) -> Representation | None:
        """Who of some days is left out and who stands for them; None without own contacts."""
        weights = self.weights(days)
        if weights is None or self.contacts is None:
            return None
        positions = self.positions(days)
        rows = positions[weights == 0]
        nobody = unrepresented_count(
            self.definition,
            self.days[rows],
            self.customers.take(pa.array(rows)),
            self.time_to_next_order[rows],
            self.contacts,
        )
        return Representation.of(weights, nobody)

    def _weights(self, positions: Ints, until: date) -> Floats:
        """How much the outcome of each row counts, as of a day; 0 where a contact came first."""
        weights = np.ones(len(positions))
        if self.contacts is None:
            return weights
        ends_at = pa.scalar(midnight(until, self.definition.timezone))
        contacts = self.contacts.filter(pc.field("event_at") < ends_at)
        row_days = self.days[positions]
        for day in np.unique(row_days):
            rows = np.flatnonzero(row_days == day)
            weights[rows] = left_alone_weights(
                self.definition,
                day.astype(date),
                self.customers.take(pa.array(positions[rows])),
                self.time_to_next_order[positions[rows]],
                contacts,
            )
        return weights

    def churned(self, days: Sequence[date]) -> Floats:
        """1 churned, 0 retained, of the rows of some days whose windows are known, shape (n,)."""
        time_to_next_order = self.time_to_next_order[self.positions(days)]
        return (time_to_next_order >= self.definition.horizon_days).astype(np.float64)

    def predictions(self, days: Sequence[date], models: Mapping[str, Floats]) -> Predictions:
        """What models predicted for the rows of some days, beside the outcomes."""
        positions = self.positions(days)
        return Predictions(
            days=self.days[positions].astype(np.int64),
            groups=self.groups(positions),
            outcome=self.churned(days),
            models=models,
            weights=self.weights(days),
        )

    def groups(self, positions: Ints) -> Ints:
        """Number of the customer of the rows at some positions, shape (n,).

        By the content of those rows and not by ids, so that a customer of another name is in the
        same fold. Customers who cannot be told apart come in the order of their ids.
        """
        encoded = self.customers.take(pa.array(positions)).dictionary_encode()
        customer = encoded.indices.to_numpy().astype(np.int64)
        rank = pc.rank(encoded.dictionary, tiebreaker="first").to_numpy()
        mixed = np.random.default_rng(_MIX_SEED).normal(size=self.values.shape[1] + 1)
        content = (np.nan_to_num(self.values[positions]) * mixed[:-1]).sum(axis=1)
        content += mixed[-1] * self.days[positions].astype(np.int64)
        total = np.bincount(customer, content)
        number = np.empty(len(total), dtype=np.int64)
        number[np.lexsort((rank, total))] = np.arange(len(total))
        return np.asarray(number[customer], dtype=np.int64)

    def table(self, days: Sequence[date]) -> pa.Table:
        """`as_of`, `customer_id` and the features of some days."""
        positions = self.positions(days)
        return pa.table(
            {
                "as_of": pa.array(self.days[positions]),
                "customer_id": self.customers.take(pa.array(positions)),
                **{name: self.values[positions, j] for j, name in enumerate(self.features)},
            }
        )


def assemble(
    features: pa.Table,
    labels: pa.Table,
    *,
    definition: ChurnDefinition,
    known_until: date,
    histories: Mapping[date, PurchaseSummary],
    volumes: Volumes | None = None,
    populations: Mapping[date, int] | None = None,
    sample_share: float = 1.0,
    evaluation_share: float = 1.0,
    contacts: pa.Table | None = None,
) -> TrainingSet:
    """The training set of a feature table and the labels of the same customers and days.

    Parameters
    ----------
    features : pa.Table
        `as_of, customer_id`, then every feature, in any order of rows.
    labels : pa.Table
        `as_of, customer_id, time_to_next_order`, in any order of rows.

    Raises
    ------
    AccountingError
        If one of the two has a customer and day that the other has not.
    """
    order = [(key, "ascending") for key in _KEYS]
    features, labels = features.sort_by(order), labels.sort_by(order)
    if any(not features[key].equals(labels[key].cast(features[key].type)) for key in _KEYS):
        raise AccountingError(
            f"There are {features.num_rows:,} rows of features and {labels.num_rows:,} labels, and "
            "they are not for the same customers and days. Features were rebuilt while labels "
            "were made: run the training again, and report this if it persists."
        )
    names = tuple(name for name in features.column_names if name not in _KEYS)
    values = np.empty((features.num_rows, len(names)))
    for j, name in enumerate(names):
        values[:, j] = features[name].cast(pa.float64()).to_numpy()
    time_to_next_order = labels["time_to_next_order"].cast(pa.float64()).fill_null(np.inf)
    return TrainingSet(
        definition=definition,
        known_until=known_until,
        days=features["as_of"].to_numpy().astype("datetime64[D]"),
        customers=features["customer_id"].cast(pa.string()).combine_chunks(),
        values=values,
        time_to_next_order=time_to_next_order.to_numpy(),
        features=names,
        histories=histories,
        volumes=volumes,
        populations=populations or {},
        sample_share=sample_share,
        evaluation_share=evaluation_share,
        contacts=contacts,
    )
