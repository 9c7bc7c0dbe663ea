"""Compiled loops over many rows: the same numbers as LightGBM's, and as numpy's."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention_ml.models.predictors import forest, pieces
from retention_ml.models.predictors.blend import Blend, Member
from retention_ml.models.predictors.forest import Forest
from retention_ml.models.predictors.leaves import ZERO_MAX
from retention_ml.models.predictors.linear import Linear, Normaliser
from retention_ml.models.predictors.pieces import Booster
from retention_ml.models.predictors.shapley import tree_shap
from retention_ml.models.predictors.threads import with_threads
from retention_ml.models.predictors.trees import Trees, fault_of
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.fitting import FitContext
from retention_ml.statistics.arrays import Floats
from tests.worlds import samples

ROWS = samples.rows(3_000)
CONTEXT = FitContext(seed=1, threads=2)
WHOLE = ROWS.take(np.flatnonzero(~np.isnan(ROWS.values).any(axis=1)))
SHAPES = {
    "boosted": {"num_leaves": 12, "min_data_in_leaf": 20},
    "stumps": {"num_leaves": 2},
    "larger": {"num_leaves": 31, "min_data_in_leaf": 5},
    "forest": {"num_leaves": 32, "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
    "trained without gaps": {"num_leaves": 12},
    "of one leaf": {"num_leaves": 4, "min_data_in_leaf": 2_900},
}
K = len(ROWS.features)


def grown(shape: str, rounds: int = 15) -> str:
    rows = WHOLE if shape == "trained without gaps" else ROWS
    return grow(rows, SHAPES[shape], CONTEXT, rounds=rounds).texts[0]


def forest_of(*texts: str, k: int = K) -> Forest:
    made = Forest.of([Booster(text=text, columns=np.arange(k), factor=1.0) for text in texts])
    assert made is not None
    return made


def strange_rows() -> Floats:
    """Rows with what LightGBM treats in its own way among them."""
    values = ROWS.values.copy()
    values[::7, 2] = np.nan
    values[1::50, 0], values[2::50, 1] = np.inf, -np.inf
    values[3::50, 4], values[4::50, 4], values[5::50, 4] = 0.0, -0.0, ZERO_MAX
    values[6] = np.nan
    return values


@pytest.fixture(scope="module", params=list(SHAPES))
def text(request: pytest.FixtureRequest) -> str:
    """A model's text."""
    return grown(request.param)


@pytest.mark.parametrize("patterns_max", [4, 64, pieces._PATTERNS_MAX])
def test_the_values_are_those_of_lightgbm(
    text: str, patterns_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "_PATTERNS_MAX", patterns_max)
    values, booster = strange_rows(), lightgbm.Booster(model_str=text)
    made = forest_of(text)
    np.testing.assert_array_equal(made.sums(values, 1)[0], booster.predict(values, raw_score=True))
    expected = booster.predict(values, pred_contrib=True)
    added = made.contributions(values, 1).T
    np.testing.assert_allclose(added, expected[:, :-1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(made.pieces.base, expected[:, -1], rtol=0, atol=1e-12)


def test_smaller_pieces_are_more_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    few = len(forest_of(grown("larger")).pieces.patterns)
    monkeypatch.setattr(pieces, "_PATTERNS_MAX", 4)
    assert len(forest_of(grown("larger")).pieces.patterns) > few > 15


CUTS = [-np.inf, -2.5, -ZERO_MAX, 0.0, ZERO_MAX, 1.0, 3.5, 1e300, np.inf]
CELLS = [*CUTS, np.nan, -0.0, 1e-36, -1e-36, 2e-35, -1e300, 1.0000000000000002]


@st.composite
def texts(draw: st.DrawFn, k: int = 4) -> str:
    """A LightGBM text of random trees that this library would accept."""
    blocks = [draw(_tree(number, k)) for number in range(draw(st.integers(1, 4)))]
    sizes = " ".join(str(len(block) + 1) for block in blocks)
    names, ranges = " ".join(f"f{i}" for i in range(k)), " ".join(["[0:1]"] * k)
    head = (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
        f"max_feature_idx={k - 1}\nobjective=binary sigmoid:1\nfeature_names={names}\n"
        f"feature_infos={ranges}\ntree_sizes={sizes}\n\n"
    )
    written = head + "\n".join(blocks) + "\nend of trees\n"
    assert fault_of(written.encode(), k) is None
    return written


@st.composite
def _tree(draw: st.DrawFn, number: int, k: int) -> str:
    inner = draw(st.integers(0, 7))
    numbers = st.lists(st.integers(-40, 40), min_size=inner + 1, max_size=inner + 1)
    values = [value / 8 for value in draw(numbers)]
    if inner == 0:
        return (
            f"Tree={number}\nnum_leaves=1\nnum_cat=0\nsplit_feature=\nsplit_gain=\nthreshold=\n"
            f"decision_type=\nleft_child=\nright_child=\nleaf_value={values[0]}\nleaf_weight=\n"
            "leaf_count=\ninternal_value=\ninternal_weight=\ninternal_count=\nis_linear=0\n"
            "shrinkage=1\n"
        )
    # A leaf becomes a decision, again and again: the new leaves are it and the next number.
    left, right = [-1], [-2]
    for node in range(1, inner):
        leaf = draw(st.integers(-node - 1, -1))
        for side in (left, right):
            if leaf in side:
                side[side.index(leaf)] = node
        left.append(leaf)
        right.append(-node - 2)
    leaf_rows = draw(st.lists(st.integers(1, 90), min_size=inner + 1, max_size=inner + 1))

    def rows_of(node: int) -> int:
        return leaf_rows[~node] if node < 0 else rows_of(left[node]) + rows_of(right[node])

    def line(name: str, things: Sequence[object]) -> str:
        return f"{name}={' '.join(map(str, things))}\n"

    def drawn(options: Sequence[float]) -> list[float]:
        return draw(st.lists(st.sampled_from(options), min_size=inner, max_size=inner))

    zeros = [0] * inner
    return (
        f"Tree={number}\nnum_leaves={inner + 1}\nnum_cat=0\n"
        + line("split_feature", [int(f) for f in drawn(range(k))])
        + line("split_gain", zeros)
        + line("threshold", drawn(CUTS))
        + line("decision_type", [int(kind) for kind in drawn((0, 2, 8, 10))])
        + line("left_child", left)
        + line("right_child", right)
        + line("leaf_value", values)
        + line("leaf_weight", leaf_rows)
        + line("leaf_count", leaf_rows)
        + line("internal_value", zeros)
        + line("internal_weight", zeros)
        + line("internal_count", [rows_of(node) for node in range(inner)])
        + "is_linear=0\nshrinkage=1\n"
    )


@given(
    text=texts(),
    cells=st.lists(
        st.lists(st.sampled_from(CELLS), min_size=4, max_size=4), min_size=1, max_size=40
    ),
    patterns_max=st.sampled_from([2, 8, 256]),
)
@settings(deadline=None, max_examples=150)
def test_random_trees_and_rows_give_what_lightgbm_gives(
    text: str, cells: list[list[float]], patterns_max: int
) -> None:
    values, booster = np.array(cells), lightgbm.Booster(model_str=text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_PATTERNS_MAX", patterns_max)
        made = forest_of(text, k=4)
    np.testing.assert_array_equal(made.sums(values, 1)[0], booster.predict(values, raw_score=True))
    added = made.contributions(values, 1).T
    shap = tree_shap(text, values)
    assert shap is not None
    np.testing.assert_allclose(added, shap[0], rtol=0, atol=1e-12)
    expected = booster.predict(values, pred_contrib=True)
    np.testing.assert_allclose(added, expected[:, :-1], rtol=0, atol=1e-12)


def test_threads_and_parts_change_no_bit(text: str) -> None:
    values, made = strange_rows(), forest_of(text, text)
    sums, added = made.sums(values, 1), made.contributions(values, 1)
    for threads in (2, 3):
        np.testing.assert_array_equal(made.sums(values, threads), sums)
        np.testing.assert_array_equal(made.contributions(values, threads), added)
    np.testing.assert_array_equal(made.sums(values[7:900], 1), sums[:, 7:900])
    np.testing.assert_array_equal(made.contributions(values[7:900], 1), added[:, 7:900])
    assert made.sums(values[:0], 2).shape == (2, 0)


def _blend() -> Blend:
    normaliser = Normaliser.of(ROWS.values)
    count = K + len(normaliser.often_missing)
    linear = normaliser.linear(np.linspace(-1, 1, count), 0.3)
    few = (4, 0, 3)
    part = replace(ROWS, values=ROWS.values[:, few], features=tuple(ROWS.features[i] for i in few))
    members = (
        ("all", Trees(texts=(grown("boosted"), grown("forest"))), ROWS.features),
        ("linear", linear, ROWS.features),
        ("some", grow(part, SHAPES["boosted"], CONTEXT, rounds=9), part.features),
    )
    return Blend(
        members=tuple(
            Member(name=name, predictor=predictor, features=features, weight=0.4, slope=1.1)
            for name, predictor, features in members
        ),
        features=ROWS.features,
        intercept=-0.2,
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_a_blend_answers_the_same_for_few_rows_and_for_many(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    blend, values = with_threads(_blend(), threads), strange_rows()
    few, (few_added, few_base) = blend.margin(values), blend.contributions(values)
    monkeypatch.setattr(forest, "LOOK_UPS_MIN", 1)
    many, (added, base) = blend.margin(values), blend.contributions(values)
    np.testing.assert_array_equal(many, few)
    np.testing.assert_allclose(added, few_added, rtol=0, atol=1e-12)
    assert base == pytest.approx(few_base, abs=1e-12)
    np.testing.assert_allclose(added.sum(axis=1) + base, many, rtol=0, atol=1e-9)


def test_trees_alone_answer_the_same_for_few_rows_and_for_many(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees, values = Trees(texts=(text, grown("stumps"))), strange_rows()
    few, (few_added, few_base) = trees.margin(values), trees.contributions(values)
    monkeypatch.setattr(forest, "LOOK_UPS_MIN", 1)
    np.testing.assert_array_equal(trees.margin(values), few)
    added, base = trees.contributions(values)
    np.testing.assert_allclose(added, few_added, rtol=0, atol=1e-12)
    assert base == pytest.approx(few_base, abs=1e-12)


def _linear(values: Floats) -> Linear:
    normaliser = Normaliser.of(values)
    count = values.shape[1] + len(normaliser.often_missing)
    return normaliser.linear(np.linspace(-2, 2, count), 0.1)


def test_a_regression_answers_the_same_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(5)
    sample = np.column_stack(
        [
            draw.gamma(2, 10, 4_000),
            draw.poisson(3, 4_000),
            np.full(4_000, 7.0),
            np.full(4_000, np.nan),
            np.where(draw.random(4_000) < 0.3, np.nan, draw.normal(size=4_000)),
        ]
    )
    linear = _linear(sample)
    knots = [scale.knots for scale in linear.scales if len(scale.knots)]
    values = np.concatenate([sample, np.resize(np.concatenate(knots), (600, 5)), sample * 3 - 20])
    values[:5] = [[np.inf], [-np.inf], [np.nan], [0.0], [-0.0]]
    margin, (added, base) = linear.margin(values), linear.contributions(values)
    monkeypatch.setattr(forest, "LOOK_UPS_MIN", 1)
    np.testing.assert_array_equal(linear.margin(values), margin)
    np.testing.assert_array_equal(linear.contributions(values)[0], added)
    assert linear.contributions(values)[1] == base


def test_trees_too_deep_for_tables_are_left_to_lightgbm(monkeypatch: pytest.MonkeyPatch) -> None:
    trees, values = Trees(texts=(grown("larger"),)), strange_rows()
    few, (few_added, _) = trees.margin(values), trees.contributions(values)
    for limit in ("_FEATURES_MAX", "_PATTERNS_OF_LEAF_MAX", "_CUTS_MAX", "_LEAVES_MAX"):
        with monkeypatch.context() as patch:
            patch.setattr(pieces, limit, 2)
            patch.setattr(forest, "LOOK_UPS_MIN", 1)
            again = Trees(texts=trees.texts)
            np.testing.assert_array_equal(again.margin(values), few)
            np.testing.assert_array_equal(again.contributions(values)[0], few_added)
            assert again._forest is None


def test_few_rows_do_not_load_the_compiler() -> None:
    code = (
        "import sys, numpy as np\n"
        "from retention_ml.models.bundle.starter import shipped\n"
        "from retention_ml.labels.definition import ChurnDefinition\n"
        "bundle = shipped.starter(ChurnDefinition(active_days=90, lead_days=0, horizon_days=28))\n"
        "values = np.ones((2_300, len(bundle.features)))\n"
        "bundle.predictor.margin(values), bundle.predictor.contributions(values)\n"
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
