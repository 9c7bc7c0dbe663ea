"""A predictor that is a weighted sum of other predictors, each reading its own features."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from retention_ml.errors import UnfitModel
from retention_ml.models.predictors.buying_process import BuyingProcess
from retention_ml.models.predictors.curve import Curve
from retention_ml.models.predictors.forest import Forest, columns_of, is_compiled
from retention_ml.models.predictors.linear import Linear
from retention_ml.models.predictors.predictor import Predictor, to_json
from retention_ml.models.predictors.seasonal import Seasonal
from retention_ml.models.predictors.trees import Trees
from retention_ml.statistics.arrays import Floats, Ints

MEMBERS_MAX = 32
# What reading a file that somebody else wrote may raise.
UNREADABLE = (AttributeError, LookupError, OverflowError, RecursionError, TypeError, ValueError)
_NAME = re.compile(r"[a-z0-9_]{1,64}")
# The kinds that hold no other predictor: what a blend may be made of.
SINGLE_KINDS: dict[str, Any] = {
    kind.kind: kind for kind in (Curve, Linear, Trees, BuyingProcess, Seasonal)
}


@dataclass(frozen=True, kw_only=True)
class Member:
    """One predictor of a blend.

    Parameters
    ----------
    name : str
        Lower case letters, digits and underscores; its files begin with it.
    predictor : Predictor
        Of a kind that holds no other predictor.
    features : tuple of str
        What it reads, in its order: some of the blend's features.
    weight, slope : float
        It adds `weight` × `slope` × its log-odds. Neither is negative.
    """

    name: str
    predictor: Predictor
    features: tuple[str, ...]
    weight: float
    slope: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Blend:
    """Log-odds = `intercept` + sum of weight × slope × the member's log-odds.

    Parameters
    ----------
    members : tuple of Member
        1 to `MEMBERS_MAX`, of different names.
    features : tuple of str, length k
        The columns of the values it is given.
    intercept : float
    tables : Path, optional
        Folder in which the tables of all its trees are kept.
    """

    kind: ClassVar[str] = "blend"
    members: tuple[Member, ...]
    features: tuple[str, ...]
    intercept: float
    tables: Path | None = field(default=None, compare=False)

    def _read(self, values: Floats, member: Member) -> Floats:
        """What a member reads of the values, laid out as these are."""
        if member.features == self.features:
            return values
        columns = self._columns(member)
        return values.T[columns].T if values.flags.f_contiguous else values[:, columns]

    def _columns(self, member: Member) -> Ints:
        return np.array([self.features.index(name) for name in member.features], dtype=np.int64)

    @cached_property
    def _forest(self) -> Forest | None:
        """All trees of all members: they share the look-up of the features they read."""
        boosters = [
            booster
            for member in self.members
            if isinstance(member.predictor, Trees)
            for booster in member.predictor.boosters(
                self._columns(member), member.weight * member.slope
            )
        ]
        return Forest.cached(boosters, self.tables) if boosters else None

    @cached_property
    def _look_ups(self) -> int:
        """Trees, and features of regressions."""
        predictors = [member.predictor for member in self.members]
        return sum(
            each.trees_count if isinstance(each, Trees) else len(each.scales)
            for each in predictors
            if isinstance(each, Trees | Linear)
        )

    def _compiled(self, rows_count: int) -> Forest | None:
        """Its trees, where so many rows are computed by compiled loops."""
        return self._forest if is_compiled(rows_count * self._look_ups) else None

    @property
    def _threads(self) -> int:
        return max(getattr(member.predictor, "threads", 1) for member in self.members)

    def margin(self, values: Floats) -> Floats:
        """Log-odds before calibration, shape (n,), of feature values of shape (n, k)."""
        total = np.full(len(values), self.intercept)
        forest = self._compiled(len(values))
        sums = iter(() if forest is None else forest.sums(values, self._threads))
        for member in self.members:
            predictor = member.predictor
            if forest is not None and isinstance(predictor, Trees):
                margin = predictor.mean(islice(sums, len(predictor.texts)))
            elif forest is not None and isinstance(predictor, Linear):
                margin = predictor.margin_compiled(self._read(values, member))
            else:
                margin = predictor.margin(self._read(values, member))
            total += member.weight * (member.slope * margin)
        return total

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """What each feature adds to the base through all members, shape (n, k), and the base.

        Exact: the log-odds are a sum over members, so the members' contributions add up too.
        """
        forest = self._compiled(len(values))
        if forest is not None:
            return self._contributions_compiled(values, forest)
        total, base = np.zeros((len(values), len(self.features))), self.intercept
        for member in self.members:
            added, member_base = member.predictor.contributions(self._read(values, member))
            total[:, self._columns(member)] += member.weight * member.slope * added
            base += member.weight * member.slope * member_base
        return total, base

    def _contributions_compiled(self, values: Floats, forest: Forest) -> tuple[Floats, float]:
        columns, base = columns_of(values), self.intercept + forest.pieces.base
        total = forest.contributions(values, self._threads)
        for member in self.members:
            predictor, factor = member.predictor, member.weight * member.slope
            if isinstance(predictor, Trees):
                continue
            if isinstance(predictor, Linear):
                predictor.add_contributions(
                    columns, self._columns(member), factor, total, self._threads
                )
                base += factor * predictor.intercept
                continue
            added, member_base = predictor.contributions(self._read(values, member))
            total[self._columns(member)] += factor * added.T
            base += factor * member_base
        return total.T, base

    def files(self) -> dict[str, bytes]:
        """`blend.json` and every member's files, `NAME.` before their own names."""
        content = {
            "intercept": self.intercept,
            "members": [
                {
                    "name": member.name,
                    "kind": member.predictor.kind,
                    "features": member.features,
                    "weight": member.weight,
                    "slope": member.slope,
                }
                for member in self.members
            ],
        }
        return {"blend.json": to_json(content)} | {
            f"{member.name}.{name}": text
            for member in self.members
            for name, text in member.predictor.files().items()
        }

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """What was written by `files`; `blend.json` and every member's files are checked.

        Raises
        ------
        UnfitModel
            Something in it is not sound. A member's files are not parsed before `blend.json` is.
        """
        try:
            content = json.loads(files["blend.json"])
            described = list(content["members"])
            intercept = float(content["intercept"])
            wrong = _fault(described, intercept, set(features))
        except UNREADABLE as error:
            raise UnfitModel(
                f"blend.json cannot be read ({type(error).__name__}: {str(error)[:80]}). Expected "
                "an intercept and the name, kind, features, weight and slope of every member. "
                "Serve another version, or train anew."
            ) from error
        if wrong:
            raise UnfitModel(f"blend.json {wrong}. Serve another version, or train anew.")
        members = tuple(_member(one, files) for one in described)
        return cls(members=members, features=features, intercept=intercept)


def _fault(described: list[Any], intercept: float, features: set[str]) -> str | None:
    """What is wrong with the description of a blend, or None where it is sound."""
    if not 1 <= len(described) <= MEMBERS_MAX:
        return f"has {len(described)} members, expected 1 to {MEMBERS_MAX}"
    if not np.isfinite(intercept):
        return f"has the intercept {intercept}, expected a finite number"
    names = [one["name"] for one in described]
    sound = all(isinstance(name, str) and _NAME.fullmatch(name) for name in names)
    if not sound or len(set(names)) < len(names):
        return (
            f"names its members {str(names)[:80]}, expected different names of lower case "
            "letters, digits and underscores"
        )
    for one in described:
        wrong = _fault_of_member(one, features)
        if wrong:
            return f"describes the member {one['name']!r} with {wrong}"
    return None


def _fault_of_member(one: Mapping[str, Any], features: set[str]) -> str | None:
    kind, reads = one["kind"], one["features"]
    if kind not in SINGLE_KINDS:
        return f"the kind {str(kind)[:40]!r}, expected one of {', '.join(SINGLE_KINDS)}"
    if not isinstance(reads, list) or not reads or len(set(reads)) < len(reads):
        return "a list of features that is empty or names one twice"
    unknown = [name for name in reads if name not in features]
    if unknown:
        return f"the feature {str(unknown[0])[:40]!r}, which the bundle does not have"
    factors = [float(one["weight"]), float(one["slope"])]
    factors.append(factors[0] * factors[1])
    if not np.isfinite(factors).all() or min(factors) < 0:
        return f"weight {factors[0]} and slope {factors[1]}, expected finite numbers, 0 or above"
    return None


def _member(one: Mapping[str, Any], files: Mapping[str, bytes]) -> Member:
    """A member of a sound description."""
    prefix = f"{one['name']}."
    member_files = {
        name.removeprefix(prefix): files[name] for name in files if name.startswith(prefix)
    }
    features = tuple(one["features"])
    try:
        predictor = SINGLE_KINDS[one["kind"]].from_files(member_files, features)
    except UnfitModel as error:
        raise UnfitModel(f"Member {one['name']!r} of the blend: {error}") from error
    except UNREADABLE as error:
        raise UnfitModel(
            f"Member {one['name']!r} of the blend cannot be read ({type(error).__name__}: "
            f"{str(error)[:80]}); expected the files of a {one['kind']} model, {prefix} before "
            "their names. Serve another version, or train anew."
        ) from error
    return Member(
        name=one["name"],
        predictor=predictor,
        features=features,
        weight=float(one["weight"]),
        slope=float(one["slope"]),
    )
