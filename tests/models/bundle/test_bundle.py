"""Bundles: round trip, digest, refusals, exact contributions."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.errors import UnfitModel, UsageError
from retention_ml.models.bundle import bundle as bundle_module
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.predictors import forest
from retention_ml.models.training.candidates import CANDIDATES, candidate
from retention_ml.models.training.fitting import FitContext, FittedModel
from retention_ml.statistics.arrays import logit
from tests.worlds import samples


class Fitted(dict[str, FittedModel]):
    """Every candidate, fitted on the same small world when it is asked for."""

    def __missing__(self, name: str) -> FittedModel:
        context = FitContext(seed=7, threads=2, tuning_trials=2, tuning_seconds=30)
        self[name] = candidate(name).fit(samples.rows(1_500), context)
        return self[name]


@pytest.fixture(scope="module")
def fitted() -> dict[str, FittedModel]:
    """The candidates by name."""
    return Fitted()


@pytest.fixture(scope="module")
def new() -> pa.Table:
    """Customers nobody learnt from."""
    return samples.table(samples.rows(400, seed=99))


def test_the_set_of_candidates_is_the_expected_one() -> None:
    assert tuple(CANDIDATES) == (
        "recency", "rfm_logistic", "bg_nbd", "mbg_nbd", "lightgbm_default", "lightgbm_tuned",
        "logistic", "random_forest", "lightgbm", "ensemble",
    )  # fmt: skip


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_bundle_written_and_loaded_predicts_the_same(
    name: str, fitted: dict[str, FittedModel], new: pa.Table, tmp_path: Path
) -> None:
    made = fitted[name].to_bundle(name, as_of="2026-03-01")
    loaded = Bundle.load(made.write(tmp_path / "bundle"), made.sha256)
    assert loaded.sha256 == made.sha256
    assert loaded.manifest["as_of"] == "2026-03-01"
    predictions = loaded.predict(new)
    np.testing.assert_array_equal(predictions, made.predict(new))
    values = made.values(new)
    np.testing.assert_allclose(predictions, fitted[name].predict_proba(values), rtol=0, atol=1e-12)
    assert predictions.min() > 0
    assert predictions.max() < 1


@pytest.mark.parametrize("name", CANDIDATES)
def test_many_rows_part_by_part_get_what_few_rows_get(
    name: str, fitted: dict[str, FittedModel], new: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = fitted[name].to_bundle(name)
    predictions, (added, base) = bundle.predict(new), bundle.contributions(new)
    monkeypatch.setattr(forest, "LOOK_UPS_MIN", 1)
    monkeypatch.setattr(bundle_module, "PART_ROWS", 150)
    assert [part.num_rows for part in bundle_module.parts_of(new)] == [200, 200]
    np.testing.assert_array_equal(bundle.predict(new), predictions)
    compiled, compiled_base = bundle.contributions(new)
    np.testing.assert_allclose(compiled, added, rtol=0, atol=1e-12)
    assert compiled_base == pytest.approx(base, abs=1e-12)


@pytest.mark.parametrize("name", CANDIDATES)
def test_contributions_and_base_add_up_to_the_log_odds(
    name: str, fitted: dict[str, FittedModel], new: pa.Table
) -> None:
    bundle = fitted[name].to_bundle(name)
    added, base = bundle.contributions(new)
    assert added.shape == (new.num_rows, len(bundle.features))
    np.testing.assert_allclose(
        added.sum(axis=1) + base, logit(bundle.predict(new)), rtol=0, atol=1e-9
    )
    assert np.abs(added).max() > 0.1


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_bundle_holds_text_only(name: str, fitted: dict[str, FittedModel]) -> None:
    for content in fitted[name].to_bundle(name).contents.values():
        assert content.isascii()
        assert not content.startswith(b"\x80")


def test_one_changed_byte_is_refused_by_the_digest(
    fitted: dict[str, FittedModel], tmp_path: Path
) -> None:
    bundle = fitted["logistic"].to_bundle("logistic")
    folder = bundle.write(tmp_path / "bundle")
    text = (folder / "coefficients.json").read_text()
    (folder / "coefficients.json").write_text(text.replace("1", "2", 1))
    with pytest.raises(UnfitModel, match="were changed after they were registered"):
        Bundle.load(folder, bundle.sha256)


def test_an_added_file_is_refused_by_the_digest(
    fitted: dict[str, FittedModel], tmp_path: Path
) -> None:
    bundle = fitted["recency"].to_bundle("recency")
    folder = bundle.write(tmp_path / "bundle")
    (folder / "python_model.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(UnfitModel, match="were changed"):
        Bundle.load(folder, bundle.sha256)


def test_an_added_file_is_refused_without_a_digest_too(
    fitted: dict[str, FittedModel], tmp_path: Path
) -> None:
    bundle = fitted["lightgbm"].to_bundle("lightgbm")
    folder = bundle.write(tmp_path / "bundle")
    assert Bundle.load(folder).sha256 == bundle.sha256
    (folder / "python_model.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(UnfitModel, match=r"1 files that a trees model does not have.*python_model"):
        Bundle.load(folder)


def test_a_bundle_too_large_in_all_is_not_read(
    fitted: dict[str, FittedModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fitted["logistic"].to_bundle("logistic").write(tmp_path / "bundle")
    size = sum(path.stat().st_size for path in folder.iterdir())
    monkeypatch.setattr(bundle_module, "TOTAL_BYTES_MAX", size)
    Bundle.load(folder)
    monkeypatch.setattr(bundle_module, "TOTAL_BYTES_MAX", size - 1)
    with pytest.raises(UnfitModel, match="It was not read"):
        Bundle.load(folder)


def test_a_number_too_large_for_a_float_is_refused(fitted: dict[str, FittedModel]) -> None:
    contents = dict(fitted["recency"].to_bundle("recency").contents)
    manifest = json.loads(contents["manifest.json"])
    manifest["calibration"]["slope"] = 10**400
    contents["manifest.json"] = json.dumps(manifest).encode()
    with pytest.raises(UnfitModel, match=r"cannot be read \(OverflowError"):
        Bundle.from_contents(contents)


def test_a_link_in_the_folder_is_refused(fitted: dict[str, FittedModel], tmp_path: Path) -> None:
    bundle = fitted["recency"].to_bundle("recency")
    folder = bundle.write(tmp_path / "bundle")
    (folder / "elsewhere").symlink_to(tmp_path)
    with pytest.raises(UnfitModel, match="folders, links"):
        Bundle.load(folder)


def test_writing_over_a_damaged_folder_repairs_it(
    fitted: dict[str, FittedModel], tmp_path: Path
) -> None:
    bundle = fitted["recency"].to_bundle("recency")
    folder = bundle.write(tmp_path / "bundle")
    (folder / "curve.json").write_text("{}")
    bundle.write(folder)
    assert Bundle.load(folder, bundle.sha256).sha256 == bundle.sha256
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("slope", -1.0), ("slope", float("nan")), ("intercept", float("inf"))],
)
def test_a_calibration_that_makes_no_sense_is_refused(
    name: str, value: float, fitted: dict[str, FittedModel]
) -> None:
    contents = dict(fitted["recency"].to_bundle("recency").contents)
    manifest = json.loads(contents["manifest.json"])
    manifest["calibration"][name] = value
    contents["manifest.json"] = json.dumps(manifest).encode()
    with pytest.raises(UnfitModel, match="make no sense"):
        Bundle.from_contents(contents)


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b"{}", b'{"format": 1}', b"[" * 5_000, b'{"features": 3, "kind": "os.system"}'],
)
def test_a_manifest_that_is_none_is_refused(manifest: bytes) -> None:
    with pytest.raises(UnfitModel):
        Bundle.from_contents({"manifest.json": manifest})


def test_a_missing_feature_is_named(fitted: dict[str, FittedModel], new: pa.Table) -> None:
    bundle = fitted["logistic"].to_bundle("logistic")
    with pytest.raises(UsageError, match=r"lacks 1 of the 7 features .* 'gap_mean_days'"):
        bundle.predict(new.drop_columns(["gap_mean_days"]))


@pytest.mark.fault("a feature that is infinite", promises="P6", row=33)
def test_an_infinite_feature_is_refused(fitted: dict[str, FittedModel], new: pa.Table) -> None:
    bundle = fitted["logistic"].to_bundle("logistic")
    column = new["tenure_days"].to_numpy().copy()
    column[3] = np.inf
    at = new.column_names.index("tenure_days")
    with pytest.raises(UsageError, match="'tenure_days' is infinite in 1 rows"):
        bundle.predict(new.set_column(at, "tenure_days", pa.array(column)))


def test_a_text_feature_is_refused(fitted: dict[str, FittedModel], new: pa.Table) -> None:
    bundle = fitted["recency"].to_bundle("recency")
    column = pa.array(["1"] * new.num_rows)
    with pytest.raises(UsageError, match="is of type string, expected numbers"):
        bundle.predict(new.set_column(0, "recency_days", column))


@pytest.mark.fault("nobody to score", promises="P6", row=33)
@pytest.mark.parametrize("name", CANDIDATES)
def test_nobody_gets_no_predictions(
    name: str, fitted: dict[str, FittedModel], new: pa.Table
) -> None:
    bundle = fitted[name].to_bundle(name)
    assert bundle.predict(new.slice(0, 0)).shape == (0,)
    assert bundle.contributions(new.slice(0, 0))[0].shape == (0, len(bundle.features))


@pytest.mark.parametrize("name", CANDIDATES)
def test_a_customer_of_whom_nothing_is_known_gets_a_finite_probability(
    name: str, fitted: dict[str, FittedModel], new: pa.Table
) -> None:
    nothing = pa.table({feature: pa.nulls(3, pa.float64()) for feature in new.column_names})
    predictions = fitted[name].to_bundle(name).predict(nothing)
    assert np.isfinite(predictions).all()
