"""What statements look at: a day's customers, and what is usual among them."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from retention_ml.features.catalogue import FEATURES
from retention_ml.scores.snapshot import column
from retention_ml.scores.wording.phrase import scale
from retention_ml.scores.wording.phrases import PHRASES
from retention_ml.scores.wording.statement import Statement
from retention_ml.statistics.arrays import Bools, Floats, Ints

_TRACE = 0.25


def usual_values(features: pa.Table, minor_units: int) -> dict[str, float]:
    """What half of the customers have, at least or at most, by feature and as readers see it.

    At least where low values are a risk, at most where high ones are. Customers without a value
    count as beyond all others on that side; the value is infinite where they are the half.

    Parameters
    ----------
    features : pa.Table
        Of all customers who are scored on the day.
    minor_units : int
        Smallest units of money in a whole one.
    """
    n = features.num_rows
    usual = {}
    for name in features.column_names if n else []:
        if name not in PHRASES or not PHRASES[name].others:
            continue
        is_low = PHRASES[name].risk == "low"
        values = column(features, name)
        present = values[~np.isnan(values)]
        # Those without a value would come first where low values are a risk, last otherwise.
        place = n // 2 - (n - len(present)) if is_low else (n - 1) // 2
        value = -np.inf if is_low else np.inf
        if 0 <= place < len(present):
            value = float(np.partition(present, place)[place])
        unit = 10.0 ** PHRASES[name].digits
        value *= scale(FEATURES[name], minor_units) * unit
        usual[name] = float(np.floor(value) if is_low else np.ceil(value)) / unit
    return usual


class Evidence:
    """Some customers' features and what is usual on their day.

    Parameters
    ----------
    features : pa.Table
        n rows; other columns are ignored.
    usual : mapping of str to float
        `usual_values` of all customers of the day.
    minor_units : int
        Smallest units of money in a whole one.
    """

    def __init__(self, features: pa.Table, usual: Mapping[str, float], minor_units: int) -> None:
        self._features, self._usual, self._minor_units = features, usual, minor_units
        self._names = frozenset(features.column_names)
        self._values: dict[str, Floats] = {}
        self._holds: dict[Statement, Bools] = {}

    def suffices(self, statement: Statement) -> bool:
        """Whether all that a statement looks at is there."""
        has_inputs = self._names.issuperset(statement.inputs)
        return has_inputs and (statement.usual is None or statement.usual in self._usual)

    def holds(self, statement: Statement) -> Bools:
        """Of whom a statement is true, shape (n,)."""
        if statement not in self._holds:
            inputs = [self._shown(name) for name in statement.inputs]
            with np.errstate(invalid="ignore", over="ignore"):
                self._holds[statement] = statement.holds(*inputs, *self._usual_of(statement))
        return self._holds[statement]

    def sentences(self, statement: Statement, positions: Ints) -> list[str]:
        """A statement about the customers at some positions; equal values are worded once."""
        usual = self._usual_of(statement)
        inputs = [self._shown(name)[positions] for name in statement.inputs]
        # By places among the different values of each input: whole rows compare slowly.
        places = np.zeros(len(positions), dtype=np.int64)
        for values in inputs:
            different, place = np.unique(values, return_inverse=True)
            _, first, places = np.unique(
                places * len(different) + place, return_index=True, return_inverse=True
            )
        rows = zip(*(values[first].tolist() for values in inputs), strict=True)
        texts = np.array([capitalise(statement.words(*row, *usual)) for row in rows], dtype=object)
        return texts[places].tolist()  # type: ignore[no-any-return]

    def _usual_of(self, statement: Statement) -> list[float]:
        return [] if statement.usual is None else [self._usual[statement.usual]]

    def _shown(self, name: str) -> Floats:
        """A feature as readers see it: money in whole units, shares in percent, rounded.

        What is not nothing is never rounded to nothing: it becomes a quarter of the last decimal,
        which reads "less than". Ratios are as they are: no reader sees them.
        """
        if name not in self._values:
            values = column(self._features, name) * scale(FEATURES[name], self._minor_units)
            if FEATURES[name].unit not in ("ratio", "log_ratio"):
                digits = PHRASES[name].digits
                rounded = np.round(values, digits)
                trace = np.copysign(_TRACE / 10.0**digits, values)
                values = np.where((rounded == 0) & (values != 0), trace, rounded)
            self._values[name] = values
        return self._values[name]


def capitalise(text: str) -> str:
    """The text with a capital letter at its start."""
    return text[:1].upper() + text[1:]
