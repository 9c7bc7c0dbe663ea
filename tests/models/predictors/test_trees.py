"""LightGBM texts are checked before they are parsed."""

import numpy as np
import pytest

from retention_ml.errors import UnfitModel
from retention_ml.models.predictors.trees import Trees, fault_of
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.fitting import FitContext
from tests.worlds import samples

ROWS = samples.rows(900)
CONTEXT = FitContext(seed=1, threads=2)
FOREST = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}


@pytest.fixture(scope="module", params=["boosted", "forest"])
def text(request: pytest.FixtureRequest) -> str:
    """A sound text."""
    params = {"num_leaves": 8, **(FOREST if request.param == "forest" else {})}
    return grow(ROWS, params, CONTEXT, rounds=12).texts[0]


def test_a_text_written_by_this_library_is_sound(text: str) -> None:
    assert fault_of(text.encode(), len(ROWS.features)) is None


def test_a_forest_predicts_what_lightgbm_predicts(text: str) -> None:
    import lightgbm

    expected = lightgbm.Booster(model_str=text).predict(ROWS.values)
    margin = Trees(texts=(text,)).margin(ROWS.values)
    np.testing.assert_allclose(1 / (1 + np.exp(-margin)), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version=v4", "version=v3", "version v4"),
        ("num_class=1", "num_class=3", "num_class"),
        ("max_feature_idx=6", "max_feature_idx=50000000", "max_feature_idx"),
        ("objective=binary sigmoid:1", "objective=regression", "objective"),
        ("end of trees", "end of treez", "does not stop"),
        ("\nnum_cat=0", "\nnum_cat=1", "tree"),
    ],
)
def test_a_changed_header_is_named(text: str, old: str, new: str, words: str) -> None:
    assert old in text
    assert words in str(fault_of(text.replace(old, new).encode(), len(ROWS.features)))


@pytest.mark.parametrize(
    "field", ["left_child", "right_child", "split_feature", "leaf_value", "threshold", "num_leaves"]
)
@pytest.mark.parametrize("value", ["999999", "-999999", "nan", "x", ""])
def test_an_index_or_value_out_of_place_is_refused(text: str, field: str, value: str) -> None:
    head, _, rest = text.partition(f"\n{field}=")
    line, _, after = rest.partition("\n")
    changed = " ".join([value, *line.split(" ")[1:]])
    hostile = f"{head}\n{field}={changed}\n{after}"
    if field in ("leaf_value", "threshold") and value.lstrip("-").isdigit():
        return
    assert fault_of(hostile.encode(), len(ROWS.features)) is not None


def test_a_tree_that_goes_round_in_circles_is_refused(text: str) -> None:
    head, _, rest = text.partition("\nleft_child=")
    line, _, after = rest.partition("\n")
    circle = " ".join(["0", *line.split(" ")[1:]])
    fault = fault_of(f"{head}\nleft_child={circle}\n{after}".encode(), len(ROWS.features))
    assert fault is not None


def test_no_single_flipped_bit_gets_through_that_crashes(text: str) -> None:
    """Flips that pass are harmless ones: LightGBM parses them and predicts numbers."""
    import lightgbm

    draw = np.random.default_rng(5)
    content = bytearray(text.encode())
    refused = 0
    for at, bit in zip(draw.integers(0, len(content), 300), draw.integers(0, 8, 300), strict=True):
        content[at] ^= 1 << bit
        if fault_of(bytes(content), len(ROWS.features)) is None:
            booster = lightgbm.Booster(model_str=content.decode())
            assert booster.predict(ROWS.values[:5]).shape == (5,)
        else:
            refused += 1
        content[at] ^= 1 << bit
    assert refused > 100


def test_a_refused_text_never_reaches_lightgbm() -> None:
    with pytest.raises(UnfitModel, match="It was not parsed"):
        Trees.from_files({"model_0.lgb": b"tree\nversion=v4\n"}, ROWS.features)
    with pytest.raises(UnfitModel, match="0 tree models"):
        Trees.from_files({}, ROWS.features)
