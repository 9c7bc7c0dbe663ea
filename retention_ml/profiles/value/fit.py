"""What was learnt about value, as text files with one digest: no code in it, nothing to unpickle."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np

from retention_ml.errors import UnfitModel
from retention_ml.models.bundle.bundle import digest
from retention_ml.models.predictors.blend import UNREADABLE
from retention_ml.models.predictors.trees import Trees, fault_of
from retention_ml.profiles.value.columns import COLUMNS
from retention_ml.profiles.value.intervals import LikeCustomers
from retention_ml.profiles.value.level import PastTotal
from retention_ml.statistics.arrays import Floats

FORMAT = 2
OBJECTIVE = "tweedie"
_MANIFEST, _TREES = "manifest.json", "trees.lgb"
_NUMBERS = ("learned_share", "reference_orders", "reference_level")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueFit:
    """What past days taught about value.

    Parameters
    ----------
    horizon_days : int
    as_of : date
        What was known at its start is what it was learnt from.
    fit_days : int
        After so many days it was to be learnt again.
    learn_days : tuple of date
        The matured days, newest first.
    trees : str or None
        LightGBM text that gives the log of value over the mean; None where the process alone was
        nearer to what customers brought.
    learned_share : float
        Weight of the trees beside the process, 0 without trees.
    reference_day : int
        The newest of the days, its `reference_orders` and `reference_level`: see `level`.
    like_customers : LikeCustomers
        What its customers brought, by what was expected of them.
    past_totals : tuple of PastTotal
        Totals of the days as they would have been said then, and what came.
    errors : mapping of str to float
        On the newest day, at equal totals: mean absolute error over the mean, of `process` and
        `blend`.
    customers_count : int
        Rows it was learnt from.
    """

    horizon_days: int
    as_of: date
    fit_days: int
    learn_days: tuple[date, ...]
    trees: str | None
    learned_share: float
    reference_day: int
    reference_orders: float
    reference_level: float
    like_customers: LikeCustomers
    past_totals: tuple[PastTotal, ...]
    errors: Mapping[str, float]
    customers_count: int

    def shares(self, values: Floats, process_cents: Floats, threads: int) -> Floats:
        """What each is expected to bring, shape (b,), at the process' total.

        `values` has shape (b, k), the columns of `COLUMNS`.
        """
        if self.trees is None:
            return process_cents
        trees = self.relative(self.trees, values, threads)
        total = float(trees.sum())
        scaled = trees * (float(process_cents.sum()) / total) if total > 0 else trees
        return blended(process_cents, scaled, self.learned_share)

    @staticmethod
    def relative(trees: str, values: Floats, threads: int) -> Floats:
        """Value over the mean by trees, shape (b,)."""
        return np.exp(Trees(texts=(trees,), threads=threads).margin(values))

    @property
    def sha256(self) -> str:
        """Digest over the sorted file names and their bytes."""
        return digest(self.files())

    def files(self) -> dict[str, bytes]:
        """The trees and all else as named text files."""
        manifest = {
            "format": FORMAT,
            "columns": list(COLUMNS),
            "horizon_days": self.horizon_days,
            "as_of": self.as_of.isoformat(),
            "fit_days": self.fit_days,
            "learn_days": [day.isoformat() for day in self.learn_days],
            "reference_day": self.reference_day,
            **{name: getattr(self, name) for name in _NUMBERS},
            "like_customers": self.like_customers.to_dict(),
            "past_totals": [
                [each.day.isoformat(), each.expected_cents, each.outcome_cents]
                for each in self.past_totals
            ],
            "errors": dict(self.errors),
            "customers_count": self.customers_count,
        }
        text = json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False)
        trees = {} if self.trees is None else {_TREES: self.trees.encode()}
        return {_MANIFEST: text.encode(), **trees}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        """What was written by `files`; every file is checked before it is used.

        Raises
        ------
        UnfitModel
            A file is missing or not sound, or it reads other columns than this version computes.
        """
        trees = files.get(_TREES)
        fault = None if trees is None else fault_of(trees, len(COLUMNS), OBJECTIVE)
        try:
            manifest = json.loads(files[_MANIFEST])
            if manifest["format"] != FORMAT or manifest["columns"] != list(COLUMNS):
                raise ValueError("it reads other columns, or is of another format")
            fit = cls(
                horizon_days=int(manifest["horizon_days"]),
                as_of=date.fromisoformat(manifest["as_of"]),
                fit_days=int(manifest["fit_days"]),
                learn_days=tuple(date.fromisoformat(day) for day in manifest["learn_days"]),
                trees=None if trees is None else trees.decode("ascii"),
                reference_day=int(manifest["reference_day"]),
                **{name: float(manifest[name]) for name in _NUMBERS},
                like_customers=LikeCustomers.from_dict(manifest["like_customers"]),
                past_totals=tuple(
                    PastTotal(
                        day=date.fromisoformat(day),
                        expected_cents=float(expected),
                        outcome_cents=float(outcome),
                    )
                    for day, expected, outcome in manifest["past_totals"]
                ),
                errors={str(name): float(error) for name, error in manifest["errors"].items()},
                customers_count=int(manifest["customers_count"]),
            )
            numbers = [getattr(fit, name) for name in _NUMBERS]
            if not np.isfinite(numbers).all() or not 0 <= fit.learned_share <= 1:
                fault = fault or "a number in it makes no sense"
            if set(files) - {_MANIFEST, _TREES} or (fit.trees is None) != (fit.learned_share == 0):
                fault = fault or "its files do not belong together"
        except (*UNREADABLE, ValueError) as error:
            fault = fault or f"{type(error).__name__}: {str(error)[:80]}"
        if fault:
            raise UnfitModel(
                f"What was learnt about value cannot be used ({fault}); expected what this version "
                "writes. It is left out until the next fit: `retention profile --as-of D`."
            )
        return fit


def blended(process_cents: Floats, trees_cents: Floats, learned_share: float) -> Floats:
    """The mean of two values of each customer, shape (b,)."""
    return (1.0 - learned_share) * process_cents + learned_share * trees_cents
