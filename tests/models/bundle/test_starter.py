"""The starter model: learnt from other shops, shipped as checked text files."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.errors import UnfitModel
from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.bundle.starter import shipped
from retention_ml.models.predictors.paced import FEATURES, Paced
from retention_ml.statistics.arrays import Floats, logit
from retention_ml.statistics.metrics import score
from tests.worlds import btyd

MONTH = ChurnDefinition(active_days=90, lead_days=0, horizon_days=28)
WITHOUT_GAPS = ("recency_days", "tenure_days", "purchase_days_count")


def _customers(count: int, seed: int, *, missing: bool = True) -> Floats:
    draw = np.random.default_rng(seed)
    values = draw.integers(1, 90, (count, len(FEATURES))).astype(np.float64)
    values[:, 1] = values[:, 0] + draw.integers(0, 400, count)
    values[:, -1] = draw.integers(1, 12, count)
    if missing:
        values[values[:, -1] == 1, 2:-1] = np.nan
    return values


def _table(values: Floats) -> pa.Table:
    return pa.table(
        {
            name: pa.array(values[:, j], from_pandas=True).cast(pa.float64())
            for j, name in enumerate(FEATURES)
        }
    )


def test_the_shipped_bundle_is_small_and_reads_what_every_shop_has() -> None:
    bundle = shipped.shipped()
    assert sum(map(len, bundle.contents.values())) <= 500_000
    assert set(bundle.features) <= set(FEATURE_NAMES)
    assert bundle.manifest["is_calibrated"] is False
    assert bundle.manifest["version"].startswith("starter-")
    assert len(bundle.manifest["shops"]) == 5


def test_the_card_is_that_of_the_version_and_says_what_it_is_not() -> None:
    card = (shipped.FOLDER / "card.md").read_text(encoding="utf-8")
    assert shipped.shipped().manifest["version"] in card.splitlines()[0]
    assert "not calibrated for the shop" in card
    assert card.count("| Online Retail II") >= 2


def test_a_shop_gets_the_shipped_trees_asked_about_its_own_window() -> None:
    starter = shipped.starter(MONTH)
    assert isinstance(starter.predictor, Paced)
    assert starter.predictor.window_days == 28
    assert starter.manifest["definition_hash"] == MONTH.hash
    assert starter.manifest["shipped_sha256"] == shipped.shipped().sha256
    assert shipped.starter(MONTH).sha256 == starter.sha256
    later = ChurnDefinition(active_days=90, lead_days=7, horizon_days=28)
    assert shipped.starter(later).predictor.window_days == 35  # type: ignore[attr-defined]
    assert shipped.starter(later).sha256 != starter.sha256


def test_time_has_no_unit_of_its_own() -> None:
    values = _customers(300, 1)
    slower = values.copy()
    slower[:, :-1] *= 2
    twice = ChurnDefinition(active_days=180, lead_days=0, horizon_days=56)
    assert np.array_equal(
        shipped.starter(MONTH).predict(_table(values)),
        shipped.starter(twice).predict(_table(slower)),
    )
    assert not np.array_equal(
        shipped.starter(MONTH).predict(_table(values)),
        shipped.starter(MONTH).predict(_table(slower)),
    )


@pytest.mark.parametrize("count", [40, 1_500])
def test_reasons_add_up_to_the_log_odds(count: int) -> None:
    bundle, table = shipped.starter(MONTH), _table(_customers(count, 2))
    added, base = bundle.contributions(table)
    assert added.shape == (count, len(FEATURES))
    assert np.abs(added.sum(axis=1) + base - logit(bundle.predict(table))).max() < 1e-9


def test_one_customer_is_scored_as_among_others() -> None:
    bundle, table = shipped.starter(MONTH), _table(_customers(50, 3))
    alone = [float(bundle.predict(table.slice(at, 1))[0]) for at in range(table.num_rows)]
    assert alone == bundle.predict(table).tolist()


def test_a_shop_without_gaps_and_with_empty_columns_is_scored() -> None:
    table = _table(_customers(60, 4))
    for name in FEATURES:
        if name not in WITHOUT_GAPS:
            place = table.column_names.index(name)
            table = table.set_column(place, name, pa.nulls(table.num_rows))
    probability = shipped.starter(MONTH).predict(table)
    assert np.all((probability > 0) & (probability < 1))
    assert len(np.unique(probability)) > 10


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_it_orders_customers_of_a_shop_it_never_saw_better_than_their_recency(seed: int) -> None:
    process = BetaGeoNBD(r=0.8, alpha=20.0, a=0.8, b=2.5, modified=False)
    draw = np.random.default_rng(seed)
    observed = draw.integers(60, 400, 4_000).astype(np.float64)
    repeats, last_at, later = btyd.simulate(process, observed, 28.0, seed=seed)
    values = np.full((len(observed), len(FEATURES)), np.nan)
    values[:, 0] = np.maximum(np.round(observed - last_at), 1)
    values[:, 1] = observed
    again = repeats > 0
    values[again, 3] = last_at[again] / repeats[again]
    values[:, -1] = repeats + 1
    active = values[:, 0] <= 90
    probability = shipped.starter(MONTH).predict(_table(values[active]))
    churned = (later == 0)[active].astype(np.float64)
    starter_auc = score(probability, churned)["roc_auc"][0]
    recency_auc = score(values[active, 0] / 400, churned)["roc_auc"][0]
    assert starter_auc > recency_auc + 0.02


def _flip(folder: Path) -> None:
    path = folder / "bundle" / "model_0.lgb"
    text = path.read_text(encoding="ascii")
    path.write_text(text.replace("leaf_value=", "leaf_value=9", 1), encoding="ascii")


def _other_model(folder: Path) -> None:
    path = folder / "bundle" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**manifest, "kind": "trees"}), encoding="utf-8")
    files = {one.name: one.read_bytes() for one in path.parent.iterdir()}
    from retention_ml.models.bundle.bundle import digest

    (folder / "bundle.sha256").write_text(digest(files), encoding="ascii")


@pytest.mark.parametrize(
    "damage",
    [
        _flip,
        _other_model,
        lambda folder: (folder / "bundle.sha256").unlink(),
        lambda folder: (folder / "bundle.sha256").write_bytes(b"\xff\xfe"),
        lambda folder: (folder / "bundle" / "paced.json").unlink(),
        lambda folder: (folder / "bundle" / "more.txt").write_text("x"),
        lambda folder: shutil.rmtree(folder / "bundle"),
    ],
    ids=["leaf", "kind", "no digest", "odd digest", "no file", "more files", "nothing"],
)
def test_a_starter_that_was_changed_is_refused_with_a_sentence(
    damage: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "starter"
    shutil.copytree(shipped.FOLDER, copy)
    monkeypatch.setattr(shipped, "FOLDER", copy)
    assert shipped.starter(MONTH).features == FEATURES
    damage(copy)
    with pytest.raises(UnfitModel, match=r"starter model is not as it was shipped \(.+\)\. Nobody"):
        shipped.starter(MONTH)


@pytest.mark.parametrize("window", ["0", "-1", "NaN", "Infinity", '"x"', "null", "[28]"])
def test_a_window_that_is_no_length_is_refused(window: str) -> None:
    contents = dict(shipped.shipped().contents)
    contents["paced.json"] = f'{{"window_days": {window}}}'.encode()
    with pytest.raises(UnfitModel):
        Bundle.from_contents(contents)


def test_other_features_are_refused() -> None:
    contents = dict(shipped.shipped().contents)
    manifest = json.loads(contents["manifest.json"])
    manifest["features"] = manifest["features"][::-1]
    contents["manifest.json"] = json.dumps(manifest).encode()
    with pytest.raises(UnfitModel, match="expected a positive number of days and recency_days"):
        Bundle.from_contents(contents)


def test_the_bundle_comes_back_from_its_files_bit_by_bit(tmp_path: Path) -> None:
    made = shipped.starter(MONTH)
    loaded = Bundle.load(made.write(tmp_path / "bundle"), made.sha256)
    table = _table(_customers(80, 8))
    assert np.array_equal(loaded.predict(table), made.predict(table))
