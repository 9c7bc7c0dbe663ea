"""Ranks within a day, and predictors that read nothing else."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from retention_ml.errors import UnfitModel
from retention_ml.models.arrays import Floats
from retention_ml.models.blend import Blend, Member
from retention_ml.models.bundle import Bundle
from retention_ml.models.candidates import candidate
from retention_ml.models.ranked import Ranked, rank_within
from tests.models import worlds

ROWS = worlds.rows(1_200)
NEW = worlds.rows(400, seed=99).values
INNER = ("linear", "trees", "blend")


def days(rows: int) -> np.ndarray:
    return np.zeros(rows, dtype=np.int64)


@pytest.fixture(scope="module")
def ranked() -> dict[str, Ranked]:
    """A predictor of every kind that may stand behind ranks."""
    ranks = replace(ROWS, values=rank_within(ROWS.values, days(len(ROWS))))
    found: dict[str, Ranked] = {}
    members = []
    for kind, name in (("linear", "logistic"), ("trees", "lightgbm")):
        fitted = candidate(name).fit(ranks, seed=3, threads=2, trials=0)
        found[kind] = Ranked(inner=fitted.predictor)  # type: ignore[arg-type]
        members.append(
            Member(
                name=name,
                predictor=fitted.predictor,
                features=fitted.features,
                weight=0.5,
                slope=fitted.slope,
            )
        )
    found["blend"] = Ranked(
        inner=Blend(members=tuple(members), features=worlds.FEATURES, intercept=0.1)
    )
    return found


def bundled(model: Ranked) -> Bundle:
    return Bundle.of(
        model, model_name="starter", features=worlds.FEATURES, slope=1.0, intercept=0.0
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([-2.0, -0.0, 0.0, 1.0, 5.5, np.nan])),
        max_size=40,
    )
)
def test_ranks_are_those_of_scipy_within_each_day(rows: list[tuple[int, float]]) -> None:
    day = np.array([one[0] for one in rows], dtype=np.int64)
    values = np.array([one[1] for one in rows], dtype=np.float64)[:, None]
    expected = np.full(values.shape, np.nan)
    for each in np.unique(day):
        at = np.flatnonzero((day == each) & ~np.isnan(values[:, 0]))
        if len(at):
            expected[at, 0] = (rankdata(values[at, 0]) - 0.5) / len(at)
    found = rank_within(values, day)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert ((found > 0) & (found < 1) | np.isnan(found)).all()


def test_where_all_are_equal_all_stand_in_the_middle() -> None:
    found = rank_within(np.array([[7.0, np.nan]] * 5), np.array([1, 1, 2, 2, 2]))
    assert (found[:, 0] == 0.5).all()
    assert np.isnan(found[:, 1]).all()


def test_another_day_does_not_touch_the_ranks_of_a_day() -> None:
    together = rank_within(
        np.concatenate([NEW, 9 * NEW + 5]), np.repeat([3, 1], len(NEW)).astype(np.int64)
    )
    np.testing.assert_array_equal(together[: len(NEW)], rank_within(NEW, days(len(NEW))))


@pytest.mark.parametrize("kind", INNER)
def test_contributions_and_base_add_up_to_the_log_odds(
    kind: str, ranked: dict[str, Ranked]
) -> None:
    added, base = ranked[kind].contributions(NEW)
    np.testing.assert_allclose(
        added.sum(axis=1) + base, ranked[kind].margin(NEW), rtol=0, atol=1e-9
    )
    assert np.abs(added).max() > 0.1


@pytest.mark.parametrize("kind", INNER)
def test_rows_may_come_in_any_order(kind: str, ranked: dict[str, Ranked]) -> None:
    order = np.random.default_rng(4).permutation(len(NEW))
    for said in (ranked[kind].margin, lambda values: ranked[kind].contributions(values)[0]):
        np.testing.assert_array_equal(said(NEW[order]), said(NEW)[order])


@pytest.mark.parametrize("kind", INNER)
def test_another_unit_or_scale_changes_nothing(kind: str, ranked: dict[str, Ranked]) -> None:
    def elsewhere(values: Floats) -> Floats:
        return np.asarray(np.cbrt(values) * 40 + 3)

    np.testing.assert_array_equal(ranked[kind].margin(elsewhere(NEW)), ranked[kind].margin(NEW))
    assert (
        np.abs(ranked[kind].inner.margin(elsewhere(NEW)) - ranked[kind].inner.margin(NEW)).max() > 0
    )


def test_what_is_said_of_a_customer_depends_on_who_else_is_there(
    ranked: dict[str, Ranked],
) -> None:
    everybody = ranked["linear"].margin(NEW)
    alone = ranked["linear"].margin(NEW[:1])
    assert np.isfinite(alone).all()
    assert abs(everybody[0] - alone[0]) > 1e-6


@pytest.mark.parametrize("kind", INNER)
def test_a_bundle_written_and_loaded_is_the_same_to_the_last_bit(
    kind: str, ranked: dict[str, Ranked], tmp_path: Path
) -> None:
    made = bundled(ranked[kind])
    loaded = Bundle.load(made.write(tmp_path / "bundle"), made.sha256)
    assert isinstance(loaded.predictor, Ranked)
    np.testing.assert_array_equal(loaded.predictor.margin(NEW), ranked[kind].margin(NEW))
    assert loaded.predictor.margin(NEW[:0]).shape == (0,)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"inner": ["linear"]}', b'{"inner": 1e999}'])
def test_a_ranked_json_that_is_none_is_refused(text: bytes, ranked: dict[str, Ranked]) -> None:
    contents = {**bundled(ranked["linear"]).contents, "ranked.json": text}
    with pytest.raises(UnfitModel):
        Bundle.from_contents(contents)


@pytest.mark.parametrize("kind", ["ranked", "curve", "btyd", "perceptron", "os.system"])
def test_a_kind_that_reads_no_ranks_is_refused(kind: str, ranked: dict[str, Ranked]) -> None:
    contents = dict(bundled(ranked["linear"]).contents)
    contents["ranked.json"] = json.dumps({"inner": kind}).encode()
    with pytest.raises(UnfitModel, match=f"names the kind '{kind}', expected one of linear"):
        Bundle.from_contents(contents)


def test_a_missing_or_foreign_file_is_refused(ranked: dict[str, Ranked]) -> None:
    contents = dict(bundled(ranked["blend"]).contents)
    with pytest.raises(UnfitModel, match="1 files that a ranked model does not have"):
        Bundle.from_contents({**contents, "evil.pkl": b"\x80"})
    del contents["logistic.coefficients.json"]
    with pytest.raises(UnfitModel, match="Member 'logistic' of the blend cannot be read"):
        Bundle.from_contents(contents)


def test_a_blend_of_ranks_with_a_member_that_reads_none_is_refused(
    ranked: dict[str, Ranked],
) -> None:
    inner = ranked["blend"].inner
    assert isinstance(inner, Blend)
    rule = candidate("recency").fit(ROWS, seed=3, threads=1)
    odd = Member(name="rule", predictor=rule.predictor, features=rule.features, weight=1.0)
    with pytest.raises(UnfitModel, match="The member 'rule' of a blend of ranks reads no ranks"):
        bundled(Ranked(inner=replace(inner, members=(*inner.members, odd))))
