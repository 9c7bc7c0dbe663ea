"""Segments: each customer once in every partition, thirds and tenths of their own day."""

import numpy as np
import pyarrow as pa

from retention_ml.models.evaluation.segments import COUNTRIES_MAX, finer_segments, label, segments


def _features(count: int = 600) -> pa.Table:
    draw = np.random.default_rng(1)
    return pa.table(
        {
            "as_of": pa.array(np.repeat(np.array([20_000, 20_014], np.int32), count // 2)).cast(
                pa.date32()
            ),
            "is_one_time_buyer": (draw.random(count) < 0.3).astype(float),
            "tenure_days": np.where(draw.random(count) < 0.1, np.nan, draw.gamma(2, 100, count)),
            "revenue_cents_365d": draw.gamma(2, 10_000, count),
        }
    )


def test_every_partition_holds_every_customer_once() -> None:
    masks = finer_segments(_features())
    codes = list(masks)
    for part in (codes[:2], codes[2:5], codes[5:8], codes[8:18]):
        assert (np.sum([masks[code] for code in part], axis=0) == 1).all()
    assert codes[8] == "value_decile_01"
    assert all(masks[f"value_decile_{number:02d}"].sum() == 60 for number in range(1, 11))
    assert list(segments(_features())) == codes[:8]


def test_the_newest_third_and_the_highest_value_are_what_they_say() -> None:
    features = _features()
    masks = segments(features)
    tenure = np.nan_to_num(features["tenure_days"].to_numpy())
    assert tenure[masks["newest_third"]].mean() < tenure[masks["loyal_third"]].mean()
    paid = features["revenue_cents_365d"].to_numpy()
    assert paid[masks["value_high"]].min() > paid[masks["value_low"]].max() / 2


def test_the_largest_countries_are_segments_and_customers_without_one_in_none() -> None:
    count = 600
    names = ["France"] * 200 + [None] * 100 + [f"land {i % 20:02d}" for i in range(300)]
    masks = finer_segments(_features(count), pa.array(names, pa.string()))
    countries = {code: rows for code, rows in masks.items() if code.startswith("country_")}
    assert len(countries) == COUNTRIES_MAX
    assert list(countries)[:2] == ["country_France", "country_land 00"]
    assert countries["country_France"].sum() == 200
    assert not any(rows[200:300].any() for rows in countries.values())


def test_values_that_are_all_alike_fall_into_one_part() -> None:
    features = _features().set_column(3, "revenue_cents_365d", pa.array(np.zeros(600)))
    masks = finer_segments(features)
    assert masks["value_decile_01"].all()
    assert not masks["value_decile_02"].any()


def test_every_code_has_words() -> None:
    assert all(label(code) != code for code in finer_segments(_features()))
    assert label("all") == "all"
