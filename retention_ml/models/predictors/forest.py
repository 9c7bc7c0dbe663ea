"""Trees of several boosters, evaluated together for many rows by compiled loops.

LightGBM walks one row down one tree after the other. Here each feature is looked up once in the cuts of
all trees, decisions are comparisons of small integers for a thousand rows at a time, and a piece of
a tree is a table of its patterns of decisions: of what the reached leaf is worth, and of what each
feature adds. Predictions equal LightGBM's to the bit, since leaves are added in its order.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from retention_ml.models.predictors.pieces import Booster, Pieces
from retention_ml.statistics.arrays import Floats, Ints

# Trees (or features of a regression) × rows from which compiled loops are used. Of an ensemble of
# 1,250 trees it is 4,000 customers: loading the loops and filling the tables takes half the time that
# LightGBM then takes. Few customers must not wait where the loops are compiled for the first time.
LOOK_UPS_MIN = 6_000_000
_TABLE_VALUES_MAX = 32_000_000
_QUADRATURE_MAX = 6  # exact for twelve features on a path


def is_compiled(look_ups: int) -> bool:
    """Whether so many trees or features of regressions × rows are computed by compiled loops.

    Never where a model serves elsewhere: the code that it has with it is without them.
    """
    return look_ups >= LOOK_UPS_MIN and _has_loops()


@cache
def _has_loops() -> bool:
    return find_spec(f"{__package__}.compiled") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Boosters with the tables of their pieces; made by `Forest.of`.

    Parameters
    ----------
    pieces : Pieces
    worth : array of float64
        By pattern of each piece, the value of the leaf that is reached; 0 where it is none of the piece's.
    tables : array of float64
        By pattern of each slot, what its feature adds.
    worth_start, table_start : array of int64
        Where the patterns of each piece and of each slot begin.
    """

    pieces: Pieces
    worth: Floats
    worth_start: Ints
    tables: Floats
    table_start: Ints

    @classmethod
    def cached(cls, boosters: Sequence[Booster], folder: Path | None) -> Self | None:
        """What `of` makes, from a file in the folder where it was made before; else kept there.

        Without a folder nothing is kept.
        """
        if folder is None:
            return cls.of(boosters)
        from retention_ml.models.predictors.compiled import table_files

        key = table_files.key_of(boosters)
        if (arrays := table_files.read(folder, key)) is not None:
            return cls.from_arrays(arrays)
        made = cls.of(boosters)
        if made is not None:
            table_files.write(folder, key, made.arrays())
        return made

    @classmethod
    def of(cls, boosters: Sequence[Booster]) -> Self | None:
        """The boosters; None where their trees are too deep for tables."""
        from retention_ml.models.predictors.compiled.kernels import fill_tables

        pieces = Pieces.of(boosters)
        if pieces is None:
            return None
        worth_start = np.cumsum([0, *pieces.patterns], dtype=np.int64)
        of_slots = np.repeat(pieces.patterns, np.diff(pieces.slot_start))
        table_start = np.cumsum([0, *of_slots], dtype=np.int64)
        if table_start[-1] > _TABLE_VALUES_MAX:
            return None
        worth, tables = np.zeros(worth_start[-1]), np.zeros(table_start[-1])
        fill_tables(
            pieces.digit_start,
            pieces.digit_size,
            pieces.leaf_start,
            pieces.leaf_value,
            pieces.player_start,
            pieces.player_slot,
            pieces.player_share,
            pieces.condition_start,
            pieces.condition_digit,
            pieces.condition_low,
            pieces.condition_high,
            pieces.slot_start,
            pieces.factor,
            *_quadrature(),
            worth_start,
            worth,
            table_start,
            tables,
        )
        return cls(
            pieces=pieces,
            worth=worth,
            worth_start=worth_start,
            tables=tables,
            table_start=table_start,
        )

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All of it by name."""
        return {
            **self.pieces.arrays(),
            "worth": self.worth,
            "worth_start": self.worth_start,
            "tables": self.tables,
            "table_start": self.table_start,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """What `arrays` gave."""
        names = ("worth", "worth_start", "tables", "table_start")
        return cls(pieces=Pieces.from_arrays(arrays), **{name: arrays[name] for name in names})

    @property
    def _walk(self) -> Any:
        """What both loops read of the pieces to find a row's pattern."""
        pieces = self.pieces
        return (
            pieces.columns,
            pieces.sides,
            pieces.cuts.start,
            pieces.cuts.step,
            pieces.cuts.numbers,
            pieces.decision_start,
            pieces.decision_column,
            pieces.decision_cut,
            pieces.decision_stride,
        )

    def sums(self, values: Floats, threads: int) -> Floats:
        """The sum of the leaves that each row reaches, shape (boosters, n)."""
        from retention_ml.models.predictors.compiled.kernels import tree_sums

        columns = columns_of(values)
        out = np.empty((len(self.pieces.booster_start) - 1, len(values)))
        sums = (self.pieces.booster_start, self.worth_start, self.worth, out)
        arguments = (*self._walk, *sums)
        in_parts(
            lambda begin, end: tree_sums(columns, begin, end, *arguments), len(values), threads
        )
        return out

    def contributions(self, values: Floats, threads: int) -> Floats:
        """What each column of the values, shape (n, k), adds to the base, shape (k, n)."""
        from retention_ml.models.predictors.compiled.kernels import tree_contributions

        pieces, columns = self.pieces, columns_of(values)
        out = np.empty(values.shape[::-1])
        slots = (pieces.slot_start, pieces.slot_feature, self.table_start, self.tables, out)
        arguments = (*self._walk, *slots)
        in_parts(
            lambda begin, end: tree_contributions(columns, begin, end, *arguments),
            len(values),
            threads,
        )
        return out


def columns_of(values: Floats) -> Floats:
    """Values of shape (n, k) as columns one after the other, shape (k, n)."""
    return np.ascontiguousarray(values.T)


def in_parts(compute: Callable[[int, int], None], count: int, threads: int) -> None:
    """Call `compute(begin, end)` for parts of so many rows, one for each thread."""
    bounds = np.linspace(0, count, threads + 1).astype(np.int64).tolist()
    if threads == 1:
        compute(0, count)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(compute, bounds[:-1], bounds[1:]):
            pass


@cache
def _quadrature() -> tuple[Floats, Floats]:
    """Times and weights of Gauss's quadrature on [0, 1], each row for so many points."""
    times, weights = np.zeros((2, _QUADRATURE_MAX + 1, _QUADRATURE_MAX))
    for points in range(1, _QUADRATURE_MAX + 1):
        nodes, masses = np.polynomial.legendre.leggauss(points)
        times[points, :points], weights[points, :points] = (nodes + 1) / 2, masses / 2
    return times, weights
