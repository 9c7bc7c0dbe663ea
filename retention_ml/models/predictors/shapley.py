"""Exact path-dependent Shapley values of small trees, for many rows at once.

A leaf's value counts where a row meets all conditions on its path. In that game a row matters only
by *which* features' conditions it meets, so a leaf has one value for each pattern, and a small tree
one value for each pattern of its decisions: tables in which rows are looked up.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from retention_ml.models.predictors.leaves import (
    DEFAULT_IS_LEFT,
    NAN_GOES_BY_DEFAULT,
    ZERO_MAX,
    Leaf,
    Tree,
    read_trees,
)
from retention_ml.statistics.arrays import Bools, Floats

# Beyond these the tables grow too large: features on one path, leaves and decisions of one tree,
# and numbers in all tables at once.
_FEATURES_MAX = 12
_LEAVES_MAX = 64
_DECISIONS_MAX = 12
_TABLE_VALUES_MAX = 4_000_000


def tree_shap(text: str, values: Floats) -> tuple[Floats, float] | None:
    """Contributions, shape (n, k), and base of a LightGBM text, summed over its trees.

    None where a path is too long for tables, or the text does not say how many rows reached
    every node.

    Parameters
    ----------
    text : str
        Checked by `trees.fault_of`.
    values : array of float64, shape (n, k)

    References
    ----------
    Lundberg et al., Nature Machine Intelligence 2 (2020), algorithm 1: the game. The mean over
    orders of arrival is the integral over the time of arrival (Owen, "Multilinear extensions of
    games", Management Science 18 (1972)), of a polynomial: Gauss's quadrature is exact.
    """
    trees = list(read_trees(text))
    if not all(_is_small(tree) for tree in trees):
        return None
    columns = values.T.copy()
    columns[np.abs(columns) <= ZERO_MAX] = 0.0
    total = np.zeros(columns.shape)
    for some in _batches(trees):
        tables = iter(_tables([leaf for tree in some for leaf in tree.leaves]))
        for tree in some:
            leaf_tables = [next(tables) for _ in tree.leaves]
            left = _goes_left(tree, columns)
            decisions, rows = left.shape
            place: Any = slice(None)
            if decisions <= _DECISIONS_MAX and 2**decisions < rows:
                powers = 1 << np.arange(decisions)
                place = sum((power * is_left for power, is_left in zip(powers, left, strict=True)))
                left = np.arange(2**decisions) & powers[:, None] != 0
            for feature, added in _contributions(tree, leaf_tables, left).items():
                total[feature] += added[place]
    leaves = [leaf for tree in trees for leaf in tree.leaves]
    base = sum(leaf.value * float(np.prod(leaf.shares)) for leaf in leaves)
    return np.ascontiguousarray(total.T), base


def _is_small(tree: Tree) -> bool:
    return len(tree.leaves) <= _LEAVES_MAX and all(
        len(leaf.features) <= _FEATURES_MAX and all(0 < share < np.inf for share in leaf.shares)
        for leaf in tree.leaves
    )


def _batches(trees: list[Tree]) -> Iterator[list[Tree]]:
    """Trees in turn, as many at once as the tables have room for."""
    some: list[Tree] = []
    room = _TABLE_VALUES_MAX
    for tree in trees:
        needed = sum(len(leaf.features) << len(leaf.features) for leaf in tree.leaves)
        if some and needed > room:
            yield some
            some, room = [], _TABLE_VALUES_MAX
        some.append(tree)
        room -= needed
    yield some


def _goes_left(tree: Tree, columns: Floats) -> Bools:
    """Whether each row goes left at each decision, shape (decisions, n), as LightGBM decides."""
    left = np.empty((len(tree.split), columns.shape[1]), dtype=np.bool_)
    for at, feature in enumerate(tree.split.tolist()):
        column, kind = columns[feature], int(tree.decision[at])
        left[at] = column <= tree.threshold[at]
        if not kind & NAN_GOES_BY_DEFAULT:
            left[at] |= np.isnan(column) & (tree.threshold[at] >= 0)
        elif kind & DEFAULT_IS_LEFT:
            left[at] |= np.isnan(column)
    return left


def _contributions(tree: Tree, tables: list[Floats], left: Bools) -> dict[int, Floats]:
    """What each feature of a tree adds, given the decisions, shape (decisions, n)."""
    contributions: dict[int, Floats] = {}
    for leaf, table in zip(tree.leaves, tables, strict=True):
        pattern = np.zeros(left.shape[1], dtype=np.int64)
        for at, steps in enumerate(leaf.steps):
            meets = np.logical_and.reduce([left[node] == is_left for node, is_left in steps])
            pattern += meets.astype(np.int64) << at
        for at, feature in enumerate(leaf.features):
            contributions[feature] = contributions.get(feature, 0.0) + table[at][pattern]
    return contributions


def _tables(leaves: list[Leaf]) -> list[Floats]:
    """For each leaf what each of its d features adds by pattern, shape (d, 2^d)."""
    tables = [np.empty((0, 1))] * len(leaves)
    for d in sorted({len(leaf.features) for leaf in leaves} - {0}):
        nodes, weights = np.polynomial.legendre.leggauss((d + 1) // 2)
        time, weights = (nodes + 1) / 2, weights / 2
        met = (np.arange(2**d) & (1 << np.arange(d)[:, None]) != 0).astype(np.float64)
        alike = [at for at, leaf in enumerate(leaves) if len(leaf.features) == d]
        step = max(1, _TABLE_VALUES_MAX // (met.size * len(time)))
        for begin in range(0, len(alike), step):
            some = alike[begin : begin + step]
            share = np.array([leaves[at].shares for at in some])[:, :, None]
            value = np.array([leaves[at].value for at in some])[:, None, None]
            factor = share[..., None] * (1 - time) + met[..., None] * time
            others = np.prod(factor, axis=1, keepdims=True) / factor
            computed = value * (met - share) * (others * weights).sum(axis=-1)
            for at, table in zip(some, computed, strict=True):
                tables[at] = table
    return tables
