"""A model that predicts and explains on the executors of Spark, to the bit as it does here."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml.features.spark.exchange import exchange
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.settings import Spark
from retention_ml.statistics.arrays import Floats

_PLACE = "place"  # of a row in the table: executors give rows back in no order
_Work = Callable[[Bundle, pa.Table], pa.Array]


@dataclass(frozen=True, kw_only=True)
class SparkBundle(Bundle):
    """A bundle whose rows are predicted by executors; they need this package and no model file."""

    spark: Spark
    threads: int

    @classmethod
    def around(cls, bundle: Bundle, *, spark: Spark, threads: int) -> "SparkBundle":
        """The same model on executors; `threads` are those of a local master."""
        same = {field.name: getattr(bundle, field.name) for field in fields(Bundle)}
        return cls(**same, spark=spark, threads=threads)

    def predict(self, table: pa.Table) -> Floats:
        """As of `Bundle`."""
        if table.num_rows == 0:
            return super().predict(table)
        self.values(table.slice(0, 1))  # refused here where features are missing
        return np.asarray(self._mapped(table, _predicted, "double").to_numpy(), dtype=np.float64)

    def contributions(self, table: pa.Table) -> tuple[Floats, float]:
        """As of `Bundle`."""
        base = super().contributions(table.slice(0, 1))[1]
        added = self._mapped(table, _added, "array<double>").combine_chunks()
        shape = (table.num_rows, len(self.features))
        return np.asarray(added.flatten().to_numpy(), dtype=np.float64).reshape(shape), base

    def _mapped(self, table: pa.Table, work: _Work, kind: str) -> pa.ChunkedArray:
        """What `work` gives for each row, in the order of the rows."""
        features = table.select(self.features)
        features = features.append_column(_PLACE, pa.array(np.arange(table.num_rows)))
        with exchange(self.spark, threads=self.threads) as of_spark:
            contents = of_spark.engine.sparkContext.broadcast(dict(self.contents))
            frame = of_spark.read(features).mapInArrow(
                lambda batches: _worked(contents, work, batches), f"{_PLACE} long, result {kind}"
            )
            return of_spark.rows_of(frame).sort_by(_PLACE)["result"]


def _worked(
    contents: Any, work: _Work, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """On an executor: the results of its rows by a model that is read once."""
    files: Mapping[str, bytes] = contents.value
    bundle = Bundle.from_contents(files)
    for batch in batches:
        result = work(bundle, pa.Table.from_batches([batch]))
        yield pa.RecordBatch.from_arrays([batch[_PLACE], result], [_PLACE, "result"])


def _predicted(bundle: Bundle, rows: pa.Table) -> pa.Array:
    return pa.array(bundle.predict(rows))


def _added(bundle: Bundle, rows: pa.Table) -> pa.Array:
    added, _ = bundle.contributions(rows)
    ends = np.arange(0, added.size + 1, added.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(ends, pa.array(added.ravel()))
