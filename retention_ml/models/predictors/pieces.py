"""Trees cut into pieces that have few patterns of decisions, so that a row is looked up in tables.

A piece is some leaves of a tree with all decisions on their paths. Decisions on one feature are
ordered by their cuts, so that a row's decisions on it are one digit: how many cuts it is beyond. The
digits of all features are the number of the row's pattern.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from math import prod
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from retention_ml.models.predictors.cuts import Cuts
from retention_ml.models.predictors.leaves import (
    DEFAULT_IS_LEFT,
    NAN_GOES_BY_DEFAULT,
    Leaf,
    Tree,
    read_trees,
)
from retention_ml.statistics.arrays import Floats, Ints

# Patterns of a piece. More leaves in a piece are fewer look-ups for a row, and larger tables.
_PATTERNS_MAX = 256
# Of a single leaf; and features on its path.
_PATTERNS_OF_LEAF_MAX = 4_096
_FEATURES_MAX = 12
_CUTS_MAX = 65_000
# Of all trees: more take longer to cut than any number of customers is worth.
_LEAVES_MAX = 200_000
_LEAVES_OF_TREE = re.compile(r"^num_leaves=(\d+)$", re.M)
# Where a missing value goes at a decision: left, right, or where zero goes.
_LEFT, _RIGHT, _AS_ZERO = 0, 1, 2
_Digit = tuple[int, int]  # a column of the values, and where its missing values go
_Decision = tuple[_Digit, int]  # and the place of its threshold among the column's
_Decisions = list[_Decision]


@dataclass(frozen=True, slots=True, kw_only=True)
class Booster:
    """One LightGBM text.

    Parameters
    ----------
    text : str
        Checked by `trees.fault_of`.
    columns : array of int64
        Where its features are among the columns of the values.
    factor : float
        What its contributions are multiplied with.
    """

    text: str
    columns: Ints
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """The pieces of all trees of some boosters, as flat arrays.

    `x_start[i]` and `x_start[i + 1]` bound what belongs to the i-th of the next larger thing: decisions,
    digits, leaves and slots (features) to a piece, pieces to a booster, players (features on a
    leaf's path) to a leaf, conditions to a player.
    """

    columns: Ints
    sides: Ints
    cuts: Cuts
    booster_start: Ints
    decision_start: Ints
    decision_column: Ints
    decision_cut: npt.NDArray[np.uint16]
    decision_stride: npt.NDArray[np.uint16]
    digit_start: Ints
    digit_size: Ints
    leaf_start: Ints
    leaf_value: Floats
    player_start: Ints
    player_slot: Ints
    player_share: Floats
    condition_start: Ints
    condition_digit: Ints
    condition_low: Ints
    condition_high: Ints
    slot_start: Ints
    slot_feature: Ints
    patterns: Ints
    factor: Floats
    base: float

    @classmethod
    def of(cls, boosters: Sequence[Booster]) -> Self | None:
        """The pieces; None where trees are too many or too deep, or shares of rows not known."""
        counts = (int(n) for booster in boosters for n in _LEAVES_OF_TREE.findall(booster.text))
        if sum(counts) > _LEAVES_MAX:
            return None
        trees = [list(read_trees(booster.text)) for booster in boosters]
        if not all(_is_fit(leaf) for of_one in trees for tree in of_one for leaf in tree.leaves):
            return None
        cuts = _cuts(boosters, trees)
        if any(len(each) > _CUTS_MAX for each in cuts.values()):
            return None
        writer = _Writer(cuts)
        for booster, of_one in zip(boosters, trees, strict=True):
            for tree in of_one:
                decisions = writer.decisions_of(booster, tree)
                for leaves in _groups(tree, decisions):
                    if not writer.add(booster, decisions, leaves):
                        return None
            writer.booster_start.append(len(writer.patterns))
        return cls(**writer.arrays(), base=writer.base)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All of it by name: the cuts as `cuts_start`, `cuts_step` and `cuts_numbers`."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        cuts, base = values.pop("cuts"), values.pop("base")
        of_cuts = {f"cuts_{each.name}": getattr(cuts, each.name) for each in fields(cuts)}
        return {**values, **of_cuts, "base": np.array([base])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """What `arrays` gave, among others."""
        cuts = Cuts(**{each.name: arrays[f"cuts_{each.name}"] for each in fields(Cuts)})
        names = [each.name for each in fields(cls) if each.name not in ("cuts", "base")]
        values: dict[str, Any] = {name: arrays[name] for name in names}
        return cls(**values, cuts=cuts, base=float(arrays["base"][0]))


def _is_fit(leaf: Leaf) -> bool:
    return len(leaf.features) <= _FEATURES_MAX and all(0 < share < np.inf for share in leaf.shares)


def _cuts(boosters: Sequence[Booster], trees: Sequence[Sequence[Tree]]) -> dict[int, Floats]:
    """The thresholds of each column, rising."""
    thresholds: defaultdict[int, list[Floats]] = defaultdict(list)
    for booster, of_one in zip(boosters, trees, strict=True):
        for tree in of_one:
            for column, threshold in zip(booster.columns[tree.split], tree.threshold, strict=True):
                thresholds[int(column)].append(threshold)
    return {column: np.unique(thresholds[column]) for column in sorted(thresholds)}


def _groups(tree: Tree, decisions: _Decisions) -> Iterator[list[Leaf]]:
    """Leaves in turn, as many at once as have few patterns together."""
    group: list[Leaf] = []
    different: set[_Decision] = set()
    for leaf in tree.leaves:
        path = {decisions[node] for steps in leaf.steps for node, _ in steps}
        if group and _patterns(different | path) > _PATTERNS_MAX:
            yield group
            group, different = [], set()
        group.append(leaf)
        different |= path
    yield group


def _patterns(different: set[_Decision]) -> int:
    return prod(count + 1 for count in Counter(digit for digit, _ in different).values())


def _side(kind: int) -> int:
    if not kind & NAN_GOES_BY_DEFAULT:
        return _AS_ZERO
    return _LEFT if kind & DEFAULT_IS_LEFT else _RIGHT


class _Writer:
    """Appends pieces; see `Pieces` for what the lists become."""

    def __init__(self, cuts: Mapping[int, Floats]) -> None:
        self._cuts = cuts
        self._places = {
            column: {cut: place for place, cut in enumerate(each.tolist())}
            for column, each in cuts.items()
        }
        self._columns: dict[_Digit, int] = {}
        self.base = 0.0
        self.booster_start = [0]
        self.patterns: list[int] = []
        self._factor: list[float] = []
        self._decisions: list[tuple[int, int, int]] = []  # column, cut, stride
        self._digit_sizes: list[int] = []
        self._leaf_values: list[float] = []
        self._players: list[tuple[int, float]] = []  # slot, share
        self._conditions: list[tuple[int, int, int]] = []  # digit, at least, below
        self._slots: list[int] = []
        self._starts: defaultdict[str, list[int]] = defaultdict(lambda: [0])

    def decisions_of(self, booster: Booster, tree: Tree) -> _Decisions:
        """Digit and cut of each decision of a tree."""
        columns = booster.columns[tree.split].tolist()
        return [
            ((column, _side(kind)), self._places[column][threshold])
            for column, kind, threshold in zip(
                columns, tree.decision.tolist(), tree.threshold.tolist(), strict=True
            )
        ]

    def add(self, booster: Booster, decisions: _Decisions, leaves: Sequence[Leaf]) -> bool:
        """Append a piece; whether there is room for its patterns."""
        nodes = {node for leaf in leaves for steps in leaf.steps for node, _ in steps}
        cuts: dict[_Digit, set[int]] = {}
        for digit, cut in sorted({decisions[node] for node in nodes}):
            cuts.setdefault(digit, set()).add(cut)
        rank = {
            digit: {cut: place for place, cut in enumerate(sorted(each))}
            for digit, each in cuts.items()
        }
        stride = 1
        for digit, places in rank.items():
            column = self._columns.setdefault(digit, len(self._columns))
            self._decisions.extend((column, cut, stride) for cut in places)
            self._digit_sizes.append(len(places) + 1)
            stride *= len(places) + 1
        if stride > _PATTERNS_OF_LEAF_MAX:
            return False
        number = {digit: place for place, digit in enumerate(rank)}
        slots: dict[int, int] = {}
        for leaf in leaves:
            for feature, share, steps in zip(leaf.features, leaf.shares, leaf.steps, strict=True):
                column = int(booster.columns[feature])
                self._players.append((slots.setdefault(column, len(slots)), share))
                for node, is_left in steps:
                    digit, cut = decisions[node]
                    after = rank[digit][cut] + 1
                    bounds = (0, after) if is_left else (after, len(rank[digit]) + 1)
                    self._conditions.append((number[digit], *bounds))
                self._starts["condition"].append(len(self._conditions))
            self._starts["player"].append(len(self._players))
            self._leaf_values.append(leaf.value)
            self.base += booster.factor * leaf.value * prod(leaf.shares)
        self._slots.extend(slots)
        self.patterns.append(stride)
        self._factor.append(booster.factor)
        for name, things in (
            ("decision", self._decisions),
            ("digit", self._digit_sizes),
            ("leaf", self._leaf_values),
            ("slot", self._slots),
        ):
            self._starts[name].append(len(things))
        return True

    def arrays(self) -> dict[str, Any]:
        """All but the base, by the names of `Pieces`."""
        columns = [column for column, _ in self._columns]
        decisions = np.array(self._decisions, dtype=np.int64).reshape(-1, 3)
        conditions = np.array(self._conditions, dtype=np.int64).reshape(-1, 3)
        starts = {
            f"{name}_start": np.array(self._starts[name], dtype=np.int64)
            for name in ("decision", "digit", "leaf", "player", "condition", "slot")
        }
        return {
            **starts,
            "columns": np.array(columns, dtype=np.int64),
            "sides": np.array([side for _, side in self._columns], dtype=np.int64),
            "cuts": Cuts.of([self._cuts[column] for column in columns]),
            "booster_start": np.array(self.booster_start, dtype=np.int64),
            "decision_column": decisions[:, 0].copy(),
            "decision_cut": decisions[:, 1].astype(np.uint16),
            "decision_stride": decisions[:, 2].astype(np.uint16),
            "digit_size": np.array(self._digit_sizes, dtype=np.int64),
            "leaf_value": np.array(self._leaf_values, dtype=np.float64),
            "player_slot": np.array([slot for slot, _ in self._players], dtype=np.int64),
            "player_share": np.array([share for _, share in self._players], dtype=np.float64),
            "condition_digit": conditions[:, 0].copy(),
            "condition_low": conditions[:, 1].copy(),
            "condition_high": conditions[:, 2].copy(),
            "slot_feature": np.array(self._slots, dtype=np.int64),
            "patterns": np.array(self.patterns, dtype=np.int64),
            "factor": np.array(self._factor, dtype=np.float64),
        }
