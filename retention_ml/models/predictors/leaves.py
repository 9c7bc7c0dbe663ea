"""The leaves of LightGBM's trees: what each is worth, and which decisions lead to it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints

NAN_GOES_BY_DEFAULT, DEFAULT_IS_LEFT = 8, 2
# LightGBM takes what is as small as this for zero before it decides anything.
ZERO_MAX = 1e-35
_FIELDS = (
    "split_feature threshold decision_type left_child right_child leaf_value leaf_count "
    "internal_count"
).split()
Steps = tuple[tuple[int, bool], ...]  # decisions and which way to go, left or not


@dataclass(frozen=True, slots=True)
class Leaf:
    """Features on the path; each one's share of rows that meet its conditions; how to meet them."""

    features: tuple[int, ...]
    shares: tuple[float, ...]
    steps: tuple[Steps, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Tree:
    """The decisions of a tree, each array of shape (decisions,), and its leaves."""

    split: Ints
    threshold: Floats
    decision: Ints
    leaves: tuple[Leaf, ...]


def read_trees(text: str) -> Iterator[Tree]:
    """The trees of a LightGBM text that was checked by `trees.fault_of`."""
    for block in text.split("\nTree=")[1:]:
        fields = dict(line.partition("=")[::2] for line in block.split("\n"))
        numbers = {key: list(map(float, fields.get(key, "").split())) for key in _FIELDS}
        yield Tree(
            np.array(numbers["split_feature"], dtype=np.int64),
            np.array(numbers["threshold"], dtype=np.float64),
            np.array(numbers["decision_type"], dtype=np.int64),
            tuple(_leaves(numbers)),
        )


def _leaves(tree: dict[str, list[float]]) -> Iterator[Leaf]:
    """Every leaf with its path; conditions on the same feature are one."""
    inner_rows, leaf_rows = tree["internal_count"], tree["leaf_count"]
    root = 0 if tree["threshold"] else -1
    ahead: list[tuple[int, dict[int, tuple[float, Steps]]]] = [(root, {})]
    while ahead:
        node, path = ahead.pop()
        if node < 0:
            shares = tuple(share for share, _ in path.values())
            steps = tuple(steps for _, steps in path.values())
            yield Leaf(tuple(path), shares, steps, tree["leaf_value"][~node])
            continue
        feature = int(tree["split_feature"][node])
        share, before = path.get(feature, (1.0, ()))
        for side, is_left in (("left_child", True), ("right_child", False)):
            child = int(tree[side][node])
            reached = inner_rows[child] if child >= 0 else leaf_rows[~child]
            met = share * reached / inner_rows[node] if inner_rows[node] > 0 else 0.0
            ahead.append((child, {**path, feature: (met, (*before, (node, is_left)))}))
