"""Shapley values of small trees by tables: the same numbers as LightGBM's and as the definition's."""

from itertools import combinations
from math import comb
from typing import Any

import lightgbm
import numpy as np
import pytest

from retention_ml.models.predictors import shapley
from retention_ml.models.predictors.shapley import tree_shap
from retention_ml.models.predictors.trees import Trees
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.fitting import FitContext
from tests.worlds import samples

ROWS = samples.rows(3_000)
CONTEXT = FitContext(seed=1, threads=2)
WHOLE = ROWS.take(np.flatnonzero(~np.isnan(ROWS.values).any(axis=1)))
SHAPES = {
    "boosted": {"num_leaves": 12, "min_data_in_leaf": 20},
    "stumps": {"num_leaves": 2},
    "larger": {"num_leaves": 31, "min_data_in_leaf": 5},
    "forest": {"num_leaves": 16, "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
    "trained without gaps": {"num_leaves": 12},
}


@pytest.fixture(scope="module", params=list(SHAPES))
def text(request: pytest.FixtureRequest) -> str:
    """A model's text."""
    rows = WHOLE if request.param == "trained without gaps" else ROWS
    return grow(rows, SHAPES[request.param], CONTEXT, rounds=15).texts[0]


@pytest.mark.parametrize("count", [5, 3_000])
def test_the_values_are_those_of_lightgbm(text: str, count: int) -> None:
    values = ROWS.values[:count].copy()
    values[::7, 2] = np.nan
    expected = lightgbm.Booster(model_str=text).predict(values, pred_contrib=True)
    shap = tree_shap(text, values)
    assert shap is not None
    np.testing.assert_allclose(shap[0], expected[:, :-1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(shap[1], expected[:, -1], rtol=0, atol=1e-12)
    assert np.abs(shap[0]).max() > 0.1


def test_the_values_are_those_of_the_definition() -> None:
    text = grow(ROWS, {"num_leaves": 9}, CONTEXT, rounds=1).texts[0]
    tree = lightgbm.Booster(model_str=text).dump_model()["tree_info"][0]["tree_structure"]
    row = WHOLE.values[7]

    def mean(node: dict[str, Any], coalition: frozenset[int]) -> float:
        if "leaf_value" in node:
            return float(node["leaf_value"])
        sides = (node["left_child"], node["right_child"])
        if node["split_feature"] in coalition:
            return mean(sides[int(row[node["split_feature"]] > node["threshold"])], coalition)
        rows = [side.get("internal_count", side.get("leaf_count")) for side in sides]
        both = [count * mean(side, coalition) for count, side in zip(rows, sides, strict=True)]
        return sum(both) / sum(rows)

    k = len(row)
    expected = np.zeros(k)
    for feature in range(k):
        rest = [other for other in range(k) if other != feature]
        for size in range(k):
            for some in combinations(rest, size):
                coalition = frozenset(some)
                gained = mean(tree, coalition | {feature}) - mean(tree, coalition)
                expected[feature] += gained / (k * comb(k - 1, size))
    shap = tree_shap(text, row[None, :])
    assert shap is not None
    np.testing.assert_allclose(shap[0][0], expected, rtol=0, atol=1e-12)
    assert shap[1] == pytest.approx(mean(tree, frozenset()), abs=1e-12)


def test_few_rows_and_many_rows_get_the_same_values(text: str) -> None:
    model = Trees(texts=(text, text))
    many, base = model.contributions(ROWS.values)
    few, few_base = model.contributions(ROWS.values[:20])
    np.testing.assert_allclose(many[:20], few, rtol=0, atol=1e-12)
    assert base == pytest.approx(few_base, abs=1e-12)
    np.testing.assert_allclose(
        many.sum(axis=1) + base, model.margin(ROWS.values), rtol=0, atol=1e-9
    )


def test_tables_or_not_each_row_gets_the_same_bits(text: str) -> None:
    together, apart = tree_shap(text, ROWS.values), tree_shap(text, ROWS.values[:40])
    assert together is not None
    assert apart is not None
    np.testing.assert_array_equal(together[0][:40], apart[0])


def test_little_room_for_tables_changes_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    roomy = tree_shap(text, ROWS.values[:300])
    monkeypatch.setattr(shapley, "_TABLE_VALUES_MAX", 100)
    tight = tree_shap(text, ROWS.values[:300])
    assert roomy is not None
    assert tight is not None
    np.testing.assert_array_equal(roomy[0], tight[0])


def test_a_tree_of_one_leaf_adds_to_the_base_only() -> None:
    text = grow(ROWS, {"num_leaves": 4, "min_data_in_leaf": 2_900}, CONTEXT, rounds=2).texts[0]
    assert "num_leaves=1" in text
    shap = tree_shap(text, ROWS.values)
    assert shap is not None
    assert np.abs(shap[0]).max() == 0
    assert shap[1] == pytest.approx(Trees(texts=(text,)).margin(ROWS.values[:1])[0], abs=1e-12)


def test_trees_too_large_for_tables_are_explained_by_lightgbm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = grow(ROWS, {"num_leaves": 12}, CONTEXT, rounds=5).texts[0]
    model = Trees(texts=(text,))
    tables, _ = model.contributions(ROWS.values)
    for limit in ("_FEATURES_MAX", "_LEAVES_MAX"):
        with monkeypatch.context() as patch:
            patch.setattr(shapley, limit, 2)
            assert tree_shap(text, ROWS.values) is None
            np.testing.assert_allclose(
                model.contributions(ROWS.values)[0], tables, rtol=0, atol=1e-12
            )


@pytest.mark.parametrize("field", ["leaf_count", "internal_count"])
@pytest.mark.parametrize("value", ["0", "-5", "inf"])
def test_counts_that_make_no_shares_are_explained_by_lightgbm(field: str, value: str) -> None:
    text = grow(ROWS, {"num_leaves": 12}, CONTEXT, rounds=2).texts[0]
    head, _, rest = text.partition(f"\n{field}=")
    line, _, after = rest.partition("\n")
    changed = " ".join([value, *line.split(" ")[1:]])
    assert tree_shap(f"{head}\n{field}={changed}\n{after}", ROWS.values) is None
