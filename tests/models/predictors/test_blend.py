"""Blends: a weighted sum of members, exact reasons, and files that are checked."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.errors import UnfitModel
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.bundle import bundle
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.predictors import trees
from retention_ml.models.predictors.blend import SINGLE_KINDS, Blend, Member
from retention_ml.models.predictors.buying_process import FEATURES as BTYD_FEATURES
from retention_ml.models.predictors.buying_process import BuyingProcess
from retention_ml.models.predictors.seasonal import FEATURES as SEASON_FEATURES
from retention_ml.models.predictors.seasonal import Seasonal
from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.fitting import FitContext
from retention_ml.statistics.arrays import Floats
from tests.worlds import samples

ROWS = samples.rows(1_200)
FEATURES = (*samples.FEATURES, *SEASON_FEATURES)
NEW = samples.rows(300, seed=99).values
PHASE = np.linspace(0, 2 * np.pi, len(NEW))
VALUES = np.column_stack([NEW, np.sin(PHASE), np.cos(PHASE)])


@pytest.fixture(scope="module")
def blend() -> Blend:
    """One member of every kind, each reading its own features."""
    members = []
    for name, weight in (("recency", 0.1), ("logistic", 0.3), ("lightgbm", 0.2)):
        fitted = candidate(name).fit(ROWS, FitContext(seed=3, threads=2, tuning_trials=0))
        members.append(
            Member(
                name=name,
                predictor=fitted.predictor,
                features=fitted.features,
                weight=weight,
                slope=fitted.slope,
            )
        )
    process = BuyingProcess(
        process=BetaGeoNBD(r=0.8, alpha=20.0, a=0.9, b=2.5, modified=True),
        horizon_days=30.0,
        reference=np.array([3.0, 20.0, 150.0]),
    )
    members.append(
        Member(name="mbg_nbd", predictor=process, features=BTYD_FEATURES, weight=0.2, slope=0.7)
    )
    season = Seasonal(phases=np.array([0.1, 0.6]), log_odds=np.array([0.4, -0.2]))
    members.append(Member(name="season", predictor=season, features=SEASON_FEATURES, weight=1.0))
    return Blend(members=tuple(members), features=FEATURES, intercept=-0.25)


def bundle_of(of: Blend) -> Bundle:
    return Bundle.of(of, model_name="blend", features=of.features, slope=1.1, intercept=0.2)


def table(values: Floats) -> pa.Table:
    return pa.table(
        {name: pa.array(values[:, j], from_pandas=True) for j, name in enumerate(FEATURES)}
    )


def changed(of: Blend, change: Any) -> dict[str, bytes]:
    """The files after a change of what blend.json says."""
    files = of.files()
    content = json.loads(files["blend.json"])
    change(content)
    return {**files, "blend.json": json.dumps(content).encode()}


def test_the_kinds_are_the_expected_ones(blend: Blend) -> None:
    assert set(SINGLE_KINDS) == {"curve", "linear", "trees", "btyd", "seasonal"}
    assert set(bundle._KINDS) == {*SINGLE_KINDS, "blend", "paced"}
    assert {one.predictor.kind for one in blend.members} == set(SINGLE_KINDS)


def test_log_odds_are_the_intercept_and_the_weighted_margins(blend: Blend) -> None:
    assert len(blend.members) == 5
    margins = [
        one.predictor.margin(VALUES[:, [FEATURES.index(name) for name in one.features]])
        for one in blend.members
    ]
    weights = np.array([one.weight * one.slope for one in blend.members])
    np.testing.assert_allclose(
        blend.margin(VALUES), weights @ np.array(margins) + blend.intercept, rtol=0, atol=1e-12
    )


def test_contributions_of_all_members_and_the_base_add_up(blend: Blend) -> None:
    for values in (VALUES, np.full((3, len(FEATURES)), np.nan)):
        added, base = blend.contributions(values)
        assert added.shape == values.shape
        np.testing.assert_allclose(
            added.sum(axis=1) + base, blend.margin(values), rtol=0, atol=1e-9
        )
    assert np.abs(blend.contributions(VALUES)[0]).max(axis=0).min() > 0


def test_a_feature_is_credited_through_every_member_that_reads_it(blend: Blend) -> None:
    expected = np.zeros(len(VALUES))
    for one in blend.members:
        columns = [FEATURES.index(name) for name in one.features]
        added, _ = one.predictor.contributions(VALUES[:, columns])
        if "tenure_days" in one.features:
            place = one.features.index("tenure_days")
            expected += one.weight * one.slope * added[:, place]
    credited = blend.contributions(VALUES)[0][:, FEATURES.index("tenure_days")]
    np.testing.assert_allclose(credited, expected, rtol=0, atol=1e-12)


def test_members_find_their_features_by_name(blend: Blend) -> None:
    turned = replace(blend, features=FEATURES[::-1])
    np.testing.assert_array_equal(turned.margin(VALUES[:, ::-1]), blend.margin(VALUES))
    np.testing.assert_array_equal(
        turned.contributions(VALUES[:, ::-1])[0][:, ::-1], blend.contributions(VALUES)[0]
    )


def test_the_order_of_rows_changes_nothing(blend: Blend) -> None:
    order = np.random.default_rng(4).permutation(len(VALUES))
    for answer in (blend.margin, lambda values: blend.contributions(values)[0]):
        np.testing.assert_allclose(answer(VALUES[order]), answer(VALUES)[order], rtol=0, atol=1e-12)


def test_a_bundle_written_and_loaded_is_the_same_to_the_last_bit(
    blend: Blend, tmp_path: Path
) -> None:
    before = bundle_of(blend)
    after = Bundle.load(before.write(tmp_path / "bundle"), before.sha256)
    np.testing.assert_array_equal(after.predictor.margin(VALUES), blend.margin(VALUES))
    np.testing.assert_array_equal(
        after.predictor.contributions(VALUES)[0], blend.contributions(VALUES)[0]
    )
    np.testing.assert_array_equal(after.predict(table(VALUES)), before.predict(table(VALUES)))
    assert after.predictor.files() == blend.files()
    assert "logistic.coefficients.json" in after.contents


def test_nobody_gets_no_predictions(blend: Blend) -> None:
    assert blend.margin(VALUES[:0]).shape == (0,)
    assert blend.contributions(VALUES[:0])[0].shape == (0, len(FEATURES))


def _member(key: str, value: object) -> Any:
    return lambda content: content["members"][1].update({key: value})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_member("weight", -0.1), "weight -0.1"),
        (_member("weight", float("nan")), "weight nan"),
        (_member("weight", 10**400), "cannot be read"),
        (_member("weight", None), "cannot be read"),
        (_member("slope", float("inf")), "slope inf"),
        (_member("slope", -1.0), "slope -1.0"),
        (lambda c: c["members"][1].update(weight=1e200, slope=1e200), "finite numbers"),
        (_member("kind", "blend"), "kind 'blend', expected one of curve"),
        (_member("kind", "paced"), "kind 'paced'"),
        (_member("kind", "os.system"), "kind 'os.system'"),
        (_member("kind", ["linear"]), "cannot be read"),
        (_member("kind", "trees"), "Member 'logistic' of the blend: The bundle holds 0 tree"),
        (_member("kind", "curve"), "Member 'logistic' of the blend cannot be read"),
        (_member("features", []), "empty or names one twice"),
        (_member("features", "recency_days"), "empty or names one twice"),
        (_member("features", ["recency_days"] * 7), "empty or names one twice"),
        (_member("features", ["nonsense"]), "'nonsense', which the bundle does not have"),
        (_member("features", ["recency_days"]), "does not fit its 1 features"),
        (_member("name", "recency"), "different names"),
        (_member("name", "../evil"), "different names"),
        (_member("name", "ridge\n"), "different names"),
        (_member("name", 3), "different names"),
        (_member("name", "other"), "Member 'other' of the blend cannot be read"),
        (lambda c: c.update(intercept=float("inf")), "intercept inf"),
        (lambda c: c.pop("intercept"), "cannot be read"),
        (lambda c: c.update(members=[]), "0 members"),
        (lambda c: c.update(members=c["members"] * 7), "35 members, expected 1 to 32"),
        (lambda c: c.update(members=[3]), "cannot be read"),
        (lambda c: c.update(members=None), "cannot be read"),
    ],
)
def test_a_blend_that_makes_no_sense_is_refused(change: Any, words: str, blend: Blend) -> None:
    with pytest.raises(UnfitModel) as refusal:
        Blend.from_files(changed(blend, change), FEATURES)
    assert words in str(refusal.value)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff\xfe", b"[" * 50_000])
def test_a_blend_json_that_is_none_is_refused(text: bytes, blend: Blend) -> None:
    with pytest.raises(UnfitModel, match="cannot be read"):
        Blend.from_files({**blend.files(), "blend.json": text}, FEATURES)


def test_a_missing_file_is_refused(blend: Blend) -> None:
    contents = bundle_of(blend).contents
    boosters = {name for name in contents if name.endswith(".lgb")}
    others = set(contents) - boosters
    assert (len(others), len(boosters)) == (6, 4)
    for name in others:
        with pytest.raises(UnfitModel, match="cannot be read"):
            Bundle.from_contents({key: contents[key] for key in contents if key != name})
    with pytest.raises(UnfitModel, match="Member 'lightgbm' of the blend: The bundle holds 0 tree"):
        Bundle.from_contents({key: contents[key] for key in others})
    with pytest.raises(UnfitModel, match="1 files that a blend model does not have"):
        Bundle.from_contents(
            {key: contents[key] for key in contents if key != "lightgbm.model_1.lgb"}
        )


@pytest.mark.parametrize(
    "name", ["evil.pkl", "logistic.evil.pkl", "other.coefficients.json", "recency.", "logistic"]
)
def test_a_file_of_no_member_is_refused_even_without_a_digest(name: str, blend: Blend) -> None:
    with pytest.raises(UnfitModel, match="holds 1 files that a blend model does not have"):
        Bundle.from_contents({**bundle_of(blend).contents, name: b"\x80\x04."})


def test_a_hostile_tree_text_in_a_member_never_reaches_lightgbm(
    blend: Blend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reached() -> None:
        raise AssertionError("LightGBM was asked to parse a text that was refused")

    monkeypatch.setattr(trees, "load_lightgbm", reached)
    files = blend.files()
    text = files["lightgbm.model_0.lgb"].decode()
    head, _, rest = text.partition("\nleft_child=")
    hostile = f"{head}\nleft_child=999999 {rest}".encode()
    with pytest.raises(UnfitModel, match=r"Member 'lightgbm' .* It was not parsed"):
        Blend.from_files({**files, "lightgbm.model_0.lgb": hostile}, FEATURES)


def test_garbled_files_are_refused_or_harmless(blend: Blend) -> None:
    contents = dict(bundle_of(blend).contents)
    draw = np.random.default_rng(8)
    refused = 0
    names = [name for name in contents if name.endswith(".json")]
    assert len(names) == 6
    for name in names:
        for _ in range(10):
            garbled = bytearray(contents[name])
            garbled[draw.integers(len(garbled))] ^= 1 << int(draw.integers(8))
            try:
                garbled_bundle = Bundle.from_contents({**contents, name: bytes(garbled)})
            except UnfitModel:
                refused += 1
            else:
                assert garbled_bundle.predictor.margin(VALUES[:3]).shape == (3,)
    assert refused > 10
