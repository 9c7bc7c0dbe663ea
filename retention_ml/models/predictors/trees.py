"""A predictor that is the mean of LightGBM models kept as text, checked before it is parsed."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from retention_ml.errors import UnfitModel
from retention_ml.models.predictors.forest import Forest, is_compiled
from retention_ml.models.predictors.pieces import Booster
from retention_ml.models.predictors.shapley import tree_shap
from retention_ml.statistics.arrays import Floats, Ints

_TABLES_FROM_ROWS = 1_000
_TEXT_BYTES_MAX = 64 * 1024 * 1024
_MODELS_MAX = 64
_TREES_MAX = 20_000
_LEAVES_MAX = 4_096
BINARY, REGRESSION = "binary sigmoid:1", "regression"
_END = "\nend of trees\n"
_INTEGER = r"-?[0-9]{1,9}"
_NUMBER = r"-?(?:[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?|inf)"
_INTEGERS = re.compile(rf"{_INTEGER}(?: {_INTEGER})*")
_NUMBERS = re.compile(rf"{_NUMBER}(?: {_NUMBER})*")
_RANGES = re.compile(rf"(?:none|\[{_NUMBER}:{_NUMBER}\])(?: (?:none|\[{_NUMBER}:{_NUMBER}\]))*")
_HEADER_KEYS = frozenset(
    "tree version num_class num_tree_per_iteration label_index max_feature_idx objective "
    "average_output feature_names feature_infos tree_sizes".split()
)
_TREE_KEYS = frozenset(
    "num_leaves num_cat split_feature split_gain threshold decision_type left_child right_child "
    "leaf_value leaf_weight leaf_count internal_value internal_weight internal_count is_linear "
    "shrinkage".split()
)
_NOT_PLAIN = re.compile(r"[^\n\x20-\x7e]")


def load_lightgbm() -> Any:
    """The lightgbm module, with threads that sleep while they wait.

    OpenMP reads the variable when it is loaded. Spinning threads made the same fit twenty times
    slower on a busy machine.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import lightgbm

    return lightgbm


@dataclass(frozen=True, kw_only=True)
class Trees:
    """Log-odds as the mean over boosters; a forest's own output is already a mean of trees.

    Parameters
    ----------
    texts : tuple of str
        LightGBM models as text, each over the same features in the same order.
    threads : int
        Threads used to predict. No file names them: see `predictors.threads`.
    tables : Path, optional
        Folder in which the tables of its trees are kept.
    """

    kind: ClassVar[str] = "trees"
    texts: tuple[str, ...]
    threads: int = field(default=1, compare=False)
    tables: Path | None = field(default=None, compare=False)

    @cached_property
    def _boosters(self) -> list[Any]:
        lightgbm = load_lightgbm()
        return [lightgbm.Booster(model_str=text) for text in self.texts]

    @cached_property
    def _shares(self) -> tuple[float, ...]:
        # A forest's raw output is the sum over its trees, its probability uses the mean.
        return tuple(1 / text.count("\nTree=") if _is_forest(text) else 1.0 for text in self.texts)

    @cached_property
    def _forest(self) -> Forest | None:
        columns = np.arange(self.features_count)
        return Forest.cached(self.boosters(columns, 1.0), self.tables)

    def _has_tables(self, rows_count: int) -> bool:
        """Whether tables of the trees are there already, or are worth it for so many rows."""
        return "_forest" in self.__dict__ or is_compiled(rows_count * self.trees_count)

    @property
    def features_count(self) -> int:
        """How many features it reads."""
        return int(re.search(r"\nmax_feature_idx=(\d+)", self.texts[0])[1]) + 1  # type: ignore[index]

    @cached_property
    def trees_count(self) -> int:
        """How many trees it has."""
        return sum(text.count("\nTree=") for text in self.texts)

    def boosters(self, columns: Ints, factor: float) -> list[Booster]:
        """Its texts as parts of a forest over more columns, of which its features are some.

        `factor` is what its contributions are multiplied with there.
        """
        return [
            Booster(text=text, columns=columns, factor=factor * share / len(self.texts))
            for text, share in zip(self.texts, self._shares, strict=True)
        ]

    def mean(self, sums: Iterable[Floats]) -> Floats:
        """Log-odds of the sums of leaves of each text, n values each."""
        weighted = (share * of_one for share, of_one in zip(self._shares, sums, strict=True))
        return np.asarray(sum(weighted) / len(self.texts), dtype=np.float64)

    def margin(self, values: Floats) -> Floats:
        """Log-odds before calibration, shape (n,), of feature values of shape (n, k)."""
        if len(values) == 0:
            return np.zeros(0)
        if is_compiled(len(values) * self.trees_count) and self._forest is not None:
            return self.mean(self._forest.sums(values, self.threads))
        return self.mean(
            booster.predict(values, raw_score=True, num_threads=self.threads)
            for booster in self._boosters
        )

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """Exact path-dependent TreeSHAP, shape (n, k), and the base.

        References
        ----------
        Lundberg et al., "From local explanations to global understanding with explainable AI
        for trees", Nature Machine Intelligence 2 (2020), algorithm 2; as LightGBM's `pred_contrib`.
        """
        if self._has_tables(len(values)) and self._forest is not None:
            return self._forest.contributions(values, self.threads).T, self._forest.pieces.base
        rows = values if len(values) else np.zeros((1, values.shape[1]))
        total = np.zeros((len(rows), values.shape[1] + 1))
        for text, booster, share in zip(self.texts, self._boosters, self._shares, strict=True):
            # The same numbers to 1e-12: tables for many rows, LightGBM for few or for deep trees.
            shap = tree_shap(text, rows) if len(rows) >= _TABLES_FROM_ROWS else None
            if shap:
                total[:, :-1] += share * shap[0]
                total[:, -1] += share * shap[1]
            else:
                total += share * booster.predict(rows, pred_contrib=True, num_threads=self.threads)
        total /= len(self._boosters)
        return total[: len(values), :-1], float(total[0, -1])

    def files(self) -> dict[str, bytes]:
        """The models as text files."""
        return {f"model_{i}.lgb": text.encode() for i, text in enumerate(self.texts)}

    @classmethod
    def from_files(
        cls, files: dict[str, bytes], features: tuple[str, ...], objective: str = BINARY
    ) -> Self:
        """What was written by `files`; every text is checked before LightGBM sees it."""
        names = [name for name in files if name.startswith("model_")]
        names.sort(key=lambda name: (len(name), name))
        if not 1 <= len(names) <= _MODELS_MAX:
            raise UnfitModel(
                f"The bundle holds {len(names)} tree models; expected 1 to {_MODELS_MAX}. Train "
                "anew."
            )
        texts = []
        for name in names:
            wrong = fault_of(files[name], len(features), objective)
            if wrong:
                raise UnfitModel(
                    f"{name} is no LightGBM text this library wrote: {wrong}. It was not parsed. "
                    "Serve another version, or train anew."
                )
            texts.append(files[name].decode("ascii"))
        return cls(texts=tuple(texts))


def _is_forest(text: str) -> bool:
    return "\naverage_output\n" in text[:4096].split("feature_names=")[0]


def trees_only(text: str) -> str:
    """A LightGBM text without what follows its trees.

    Importances and the parameters of the fit are not needed to predict. Without them the text
    does not depend on the number of threads, and there is less for a parser to trip over.
    """
    return text[: text.index(_END) + len(_END)]


def fault_of(content: bytes, features_count: int, objective: str = BINARY) -> str | None:
    """What is wrong with a LightGBM text, or None where it is sound.

    LightGBM's own parser trusts its input: indices out of range make it read foreign memory.
    So sizes, the header, and every child, feature and leaf index are checked first.
    """
    if len(content) > _TEXT_BYTES_MAX:
        return f"it has {len(content):,} bytes, at most {_TEXT_BYTES_MAX:,} are accepted"
    if not content.isascii():
        return "it is not plain ASCII"
    text = content.decode("ascii")
    if _NOT_PLAIN.search(text):
        return "it holds control characters"
    head, *blocks = text.split("\nTree=")
    header = dict(line.partition("=")[::2] for line in head.split("\n"))
    unknown = set(header) - _HEADER_KEYS - {""}
    if unknown:
        return f"its header has the unknown line {min(unknown)[:40]!r}"
    if not head.startswith("tree\nversion=v4\n"):
        return "it does not begin with 'tree' and version v4"
    expected = {
        "num_class": "1",
        "num_tree_per_iteration": "1",
        "label_index": "0",
        "max_feature_idx": str(features_count - 1),
        "objective": objective,
    }
    for key, value in expected.items():
        if header.get(key) != value:
            return f"{key} is {str(header.get(key))[:40]!r}, expected {value!r}"
    for key in ("feature_names", "feature_infos"):
        if len(header.get(key, "").split(" ")) != features_count:
            return f"{key} does not name {features_count} features"
    if not _RANGES.fullmatch(header["feature_infos"]):
        return "feature_infos holds something else than ranges"
    if not 1 <= len(blocks) <= _TREES_MAX:
        return f"it has {len(blocks)} trees, expected 1 to {_TREES_MAX:,}"
    if not blocks[-1].endswith(_END):
        return "it does not stop at the end of its trees"
    blocks[-1] = blocks[-1].removesuffix(_END)
    # Bytes from `Tree=` up to the next one; what ends the last tree may be counted or not.
    lengths = [len("Tree=") + len(block) + 1 for block in blocks]
    sizes = [
        int(size) if size.isdigit() else -1 for size in header.get("tree_sizes", "").split(" ")
    ]
    if len(sizes) != len(blocks) or sizes[:-1] != lengths[:-1] or abs(sizes[-1] - lengths[-1]) > 1:
        return f"tree_sizes does not describe its {len(blocks)} trees"
    for number, block in enumerate(blocks):
        wrong = _fault_of_tree(number, block, features_count)
        if wrong:
            return f"tree {number}: {wrong}"
    return None


def _fault_of_tree(number: int, block: str, features_count: int) -> str | None:
    lines = block.split("\n")
    if lines[0] != str(number):
        return f"is numbered {lines[0][:20]!r}"
    fields: dict[str, str] = {}
    for line in filter(None, lines[1:]):
        key, _, value = line.partition("=")
        if key not in _TREE_KEYS or key in fields:
            return f"has the line {key[:40]!r}, unknown or for the second time"
        if value and not _NUMBERS.fullmatch(value):
            return f"{key} holds something else than numbers"
        fields[key] = value
    if fields.get("num_cat") != "0" or fields.get("is_linear") != "0":
        return "has categorical or linear splits, which this library does not write"
    if not fields.get("num_leaves", "").isdigit():
        return "has no number of leaves"
    leaves = int(fields["num_leaves"])
    if not 1 <= leaves <= _LEAVES_MAX:
        return f"has {leaves} leaves, expected 1 to {_LEAVES_MAX:,}"
    try:
        leaf_value = _numbers(fields, "leaf_value", leaves)
        if leaves == 1:
            return None if np.all(np.isfinite(leaf_value)) else "has a leaf that is not finite"
        inner = leaves - 1
        split, decision, left, right = (
            _integers(fields, key, inner)
            for key in ("split_feature", "decision_type", "left_child", "right_child")
        )
        threshold = _numbers(fields, "threshold", inner)
        for key in ("split_gain", "internal_value", "internal_weight", "internal_count"):
            _numbers(fields, key, inner)
        for key in ("leaf_weight", "leaf_count"):
            _numbers(fields, key, leaves)
    except (KeyError, ValueError, OverflowError) as error:
        return f"has an unreadable field ({str(error)[:60]})"
    if split.min() < 0 or split.max() >= features_count:
        return f"splits on a feature that is not among its {features_count}"
    if not np.isin(decision, (0, 2, 8, 10)).all():
        return "has a decision type this library does not write"
    # An infinite threshold parts the missing from all others; only NaN has no side.
    if not np.all(np.isfinite(leaf_value)) or np.any(np.isnan(threshold)):
        return "has a threshold or leaf that is no number"
    # A proper tree: every inner node but the root and every leaf is the child of exactly one,
    # and children come after their parent, so that no walk can go round in circles.
    children = np.concatenate([left, right])
    parents = np.tile(np.arange(inner), 2)
    if sorted(children.tolist()) != sorted([*range(1, inner), *range(-leaves, 0)]):
        return "has child indices that make no tree"
    if np.any(children[children >= 0] <= parents[children >= 0]):
        return "has a child before its parent"
    return None


def _numbers(fields: dict[str, str], key: str, count: int) -> Floats:
    values = np.array(fields[key].split(" "), dtype=np.float64)
    if len(values) != count:
        raise ValueError(f"{key} has {len(values)} values, expected {count}")
    return values


def _integers(fields: dict[str, str], key: str, count: int) -> Ints:
    if not _INTEGERS.fullmatch(fields[key]):
        raise ValueError(f"{key} holds something else than integers")
    return _numbers(fields, key, count).astype(np.int64)
