"""A predictor that reads where a customer stands among the others, not how much it is.

Ranks travel from shop to shop where days, orders and money do not. What is said of a customer
depends on who else is in the table: give it everybody of a day.
"""

import json
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from retention_ml.errors import UnfitModel
from retention_ml.models.arrays import Floats, Ints
from retention_ml.models.blend import Blend
from retention_ml.models.linear import Linear
from retention_ml.models.trees import Trees

_SINGLE = (Linear, Trees)
_KINDS: dict[str, type[Linear] | type[Trees] | type[Blend]] = {
    "linear": Linear,
    "trees": Trees,
    "blend": Blend,
}


def rank_within(values: Floats, day_numbers: Ints) -> Floats:
    """Ranks of every column among the rows of the same day, strictly within 0 and 1.

    Parameters
    ----------
    values : array of float64, shape (n, k)
        NaN where missing; missing values get no rank and are not counted.
    day_numbers : array of int64, shape (n,)

    Returns
    -------
    array of float64, shape (n, k)
        The middle of the places that equal values share: 0.5 for all where all are equal. NaN
        where missing.

    >>> rank_within(np.array([[3.0], [1.0], [3.0], [9.0]]), np.array([1, 1, 1, 2]))[:, 0].round(3)
    array([0.667, 0.167, 0.667, 0.5  ])
    """
    ranks = np.full(values.shape, np.nan)
    for j in range(values.shape[1]):
        known = np.flatnonzero(~np.isnan(values[:, j]))
        if len(known) == 0:
            continue
        column, days = values[known, j], day_numbers[known]
        order = np.lexsort((column, days))
        column, days = column[order], days[order]
        # A run is rows of one day with one value; its middle, counted from the day's first row.
        new_day = np.append(True, days[1:] != days[:-1])
        new_run = new_day | np.append(True, column[1:] != column[:-1])
        day_of, run_of = np.cumsum(new_day) - 1, np.cumsum(new_run) - 1
        day_at, run_at = np.flatnonzero(new_day), np.flatnonzero(new_run)
        middle = (run_at + np.bincount(run_of) / 2)[run_of] - day_at[day_of]
        ranks[known[order], j] = middle / np.bincount(day_of)[day_of]
    return ranks


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """Log-odds of another predictor that is given ranks within the table.

    Parameters
    ----------
    inner : Linear, Trees, or Blend of these
        Learnt on ranks (`rank_within`).
    """

    kind: ClassVar[str] = "ranked"
    inner: Linear | Trees | Blend

    def margin(self, values: Floats) -> Floats:
        """Log-odds before calibration, shape (n,), of everybody's values, shape (n, k)."""
        return self.inner.margin(_ranks(values))

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """What each feature's rank adds to the base, shape (n, k), and the base."""
        return self.inner.contributions(_ranks(values))

    def files(self) -> dict[str, bytes]:
        """`ranked.json`, which names the kind of the other predictor, and that one's files."""
        content = json.dumps({"inner": self.inner.kind}, indent=1)
        return {"ranked.json": content.encode(), **self.inner.files()}

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """What was written by `files`; the other predictor's files are checked as its own kind."""
        name = json.loads(files["ranked.json"])["inner"]
        if name not in _KINDS:
            raise UnfitModel(
                f"ranked.json names the kind {str(name)[:40]!r}, expected one of "
                f"{', '.join(_KINDS)}. Serve another version, or train anew."
            )
        inner = _KINDS[name].from_files(files, features)
        if isinstance(inner, Blend):
            odd = [one.name for one in inner.members if not isinstance(one.predictor, _SINGLE)]
            if odd:
                raise UnfitModel(
                    f"The member {odd[0]!r} of a blend of ranks reads no ranks; expected linear "
                    "and trees members only. Serve another version, or train anew."
                )
        return cls(inner=inner)


def _ranks(values: Floats) -> Floats:
    return rank_within(values, np.zeros(len(values), dtype=np.int64))
