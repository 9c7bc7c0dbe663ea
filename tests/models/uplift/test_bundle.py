"""An uplift bundle is data: files with one digest, checked before they are used."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.uplift_shops import decisions
from retention_ml.errors import UnfitModel
from retention_ml.models.uplift.bundle import MANIFEST, UpliftBundle
from retention_ml.models.uplift.evaluation import Money
from retention_ml.models.uplift.fit import fit_uplift
from retention_ml.models.uplift.learners import LEARNERS
from retention_ml.models.uplift.shrinkage import SlopePrior

VALUES = decisions(60, seed=2).sample.values


@pytest.fixture(scope="module")
def bundle() -> UpliftBundle:
    sample = decisions(1_500, seed=1).sample
    fitted, _ = fit_uplift(
        sample,
        money=Money(),
        prior=SlopePrior(),
        seed=1,
        names=(),
        meaning={"action": "come_back"},
    )
    return fitted


def test_a_bundle_written_and_loaded_promises_the_same(
    bundle: UpliftBundle, tmp_path: Path
) -> None:
    for name, content in bundle.files().items():
        (tmp_path / name).write_bytes(content)
    loaded = UpliftBundle.load(tmp_path, bundle.sha256)
    assert loaded.effect(VALUES) == pytest.approx(bundle.effect(VALUES), abs=1e-12)
    assert loaded.meaning == {"action": "come_back"}
    assert loaded.sha256 == bundle.sha256


def test_trees_of_money_are_loaded(bundle: UpliftBundle) -> None:
    sample = decisions(1_500, seed=1).sample
    money = replace(sample, outcome=sample.outcome * 19.5)
    trees = replace(bundle, model=LEARNERS["s_lightgbm"](money, 1))
    loaded = UpliftBundle.from_files(trees.files())
    assert loaded.effect(VALUES) == pytest.approx(trees.effect(VALUES), abs=1e-12)
    with pytest.raises(UnfitModel, match="expected 'binary"):
        UpliftBundle.from_files({**trees.files(), "link.txt": b"logit"})


def test_the_mean_of_the_promises_is_the_average_effect(bundle: UpliftBundle) -> None:
    sample = decisions(1_500, seed=1).sample
    assert bundle.effect(sample.values).mean() == pytest.approx(bundle.average_effect.value)
    spread = bundle.model.effect(sample.values).std()
    assert bundle.effect(sample.values).std() == pytest.approx(bundle.believed * spread)


def test_files_are_text(bundle: UpliftBundle) -> None:
    for content in bundle.files().values():
        assert content.decode("ascii")


def test_a_changed_file_is_not_used(bundle: UpliftBundle, tmp_path: Path) -> None:
    for name, content in bundle.files().items():
        (tmp_path / name).write_bytes(content)
    manifest = tmp_path / MANIFEST
    manifest.write_text(manifest.read_text().replace('"believed": 0.', '"believed": 0.9'))
    with pytest.raises(UnfitModel, match="were changed"):
        UpliftBundle.load(tmp_path, bundle.sha256)


@pytest.mark.parametrize(
    "change",
    [
        {"believed": 1.5},
        {"centre": None},
        {"kind": "pickle"},
        {"features": ["one"]},
        {"format": 2},
        {"slope": "high"},
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(
    bundle: UpliftBundle, change: dict[str, object]
) -> None:
    files = bundle.files()
    files[MANIFEST] = json.dumps(json.loads(files[MANIFEST]) | change).encode()
    with pytest.raises(UnfitModel, match="Train anew"):
        UpliftBundle.from_files(files)


def test_a_missing_and_a_foreign_file_are_refused(bundle: UpliftBundle) -> None:
    files = bundle.files()
    with pytest.raises(UnfitModel):
        UpliftBundle.from_files({**files, "code.py": b"print()"})
    files.pop("treated_coefficients.json")
    with pytest.raises(UnfitModel):
        UpliftBundle.from_files(files)


def test_a_customer_without_any_feature_gets_a_finite_effect(bundle: UpliftBundle) -> None:
    assert np.isfinite(bundle.effect(np.full((1, VALUES.shape[1]), np.nan))).all()
