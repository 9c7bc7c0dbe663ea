"""What past days teach: which days, whom, and when trees join the process."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.clock import day_number
from retention_ml.errors import UnfitModel
from retention_ml.profiles.cadence import fit_process
from retention_ml.profiles.histories import Histories, HistoryLog
from retention_ml.profiles.value.columns import COLUMNS
from retention_ml.profiles.value.customer_value import ValueRules, customer_value
from retention_ml.profiles.value.fit import ValueFit
from retention_ml.profiles.value.learning import (
    Learning,
    at_total,
    learn,
    matured_day,
    matured_days,
)
from retention_ml.profiles.value.level import PastTotal, interval_of_total, level
from tests.worlds.purchase_log import FIRST, log_of, loyal_and_stray, seasonal

AS_OF = FIRST + timedelta(days=400)
LEARNING = Learning(horizon_days=60)
RULES = ValueRules(
    horizon_days=60, tier_shares=(0.05, 0.2, 0.5), minor_units=100, seed=1, threads=1
)


@pytest.fixture(scope="module")
def log() -> HistoryLog:
    return log_of(loyal_and_stray(customers=500, days=470))


@pytest.fixture(scope="module")
def fit(log: HistoryLog) -> ValueFit:
    made = learn(log, AS_OF, LEARNING)
    assert made is not None
    return made


def test_days_are_matured_apart_and_have_history_before_them() -> None:
    today = day_number(AS_OF)
    days = matured_days(today - 200, today, LEARNING)
    assert days == [AS_OF - timedelta(days=61 + 28 * number) for number in range(4)]
    assert matured_days(today - 90, today, LEARNING) == []
    assert len(matured_days(today - 91, today, LEARNING)) == 1


def test_what_comes_after_the_day_teaches_nothing(log: HistoryLog, fit: ValueFit) -> None:
    """Adding any event at or after `as_of`, or known only then, changes no bit of a fit."""
    later = [("c0001", 410, 1_000_000), ("new", 400, 5_000_000)]
    delivered_late = [("c0002", 300, 7_000_000)]
    days = pa.concat_tables(
        [log.days, log_of(later).days, log_of(delivered_late, known_from=400 + 1).days]
    )
    again = learn(HistoryLog(warehouse=log.warehouse, timezone="UTC", days=days), AS_OF, LEARNING)
    assert again is not None
    assert again.sha256 == fit.sha256


def test_outcomes_are_what_buyers_brought_in_the_horizon_and_no_more(log: HistoryLog) -> None:
    purchases = [("a", 0, 100), ("b", 10, 100), ("a", 30, 7), ("a", 59, 5), ("a", 60, 900)]
    small = log_of([*purchases, ("b", 45, -40), ("stranger", 35, 1)])
    made = matured_day(
        small, FIRST + timedelta(days=30), small.purchases_at(AS_OF), Learning(horizon_days=30)
    )
    assert made.outcome_cents.tolist() == [12.0, -40.0]


def test_trees_join_where_they_know_more_than_counts(fit: ValueFit) -> None:
    """Loyal customers and strays: their rates look alike to a process of counts."""
    assert fit.errors["blend"] < fit.errors["process"]
    assert (fit.learned_share, fit.trees is None) == (0.5, False)


def test_with_fewer_than_three_days_the_process_stays_alone() -> None:
    young = log_of(loyal_and_stray(customers=2_000, days=130))
    made = learn(young, FIRST + timedelta(days=61 + 45), LEARNING)
    assert made is not None
    assert (len(made.learn_days), made.trees, made.learned_share) == (1, None, 0.0)
    assert set(made.errors) == {"process"}


def test_customers_who_are_left_out_are_not_learnt_from(log: HistoryLog) -> None:
    everybody = log.purchases_at(AS_OF)
    made = learn(log.without(everybody.customer_ids.slice(0, 200)), AS_OF, LEARNING)
    whole = learn(log, AS_OF, LEARNING)
    assert made is not None
    assert whole is not None
    assert made.customers_count < whole.customers_count
    assert made.sha256 != whole.sha256


def test_a_fit_is_read_as_it_was_written_and_nonsense_is_refused(fit: ValueFit) -> None:
    files = fit.files()
    assert ValueFit.from_files(files).sha256 == fit.sha256
    hostile = {
        "no LightGBM text": {**files, "trees.lgb": b"tree\nversion=v4\n"},
        "a foreign file": {**files, "run.py": b"import os"},
        "no trees": {"manifest.json": files["manifest.json"]},
        "no manifest": {"trees.lgb": files["trees.lgb"]},
        "a share of 7": {
            **files,
            "manifest.json": files["manifest.json"].replace(
                b'"learned_share": 0.5', b'"learned_share": 7'
            ),
        },
    }
    for content in hostile.values():
        with pytest.raises(UnfitModel, match="What was learnt about value cannot be used"):
            ValueFit.from_files(content)


def test_values_keep_the_total_of_the_process_and_its_level(log: HistoryLog, fit: ValueFit) -> None:
    histories = log.purchases_at(AS_OF)
    process = fit_process(histories)
    rows = customer_value(histories, process, fit, RULES)
    alone = customer_value(histories, process, None, RULES)
    factor = rows["value_total"]["level_factor"][0].as_py()
    ratio = (
        rows["value_total"]["total_cents"][0].as_py()
        / alone["value_total"]["total_cents"][0].as_py()
    )
    assert ratio == pytest.approx(factor, rel=1e-3)
    assert rows["value"]["customer_id"].to_pylist() == sorted(
        rows["value"]["customer_id"].to_pylist()
    )


def test_columns_have_a_name_each(log: HistoryLog) -> None:
    day = AS_OF - timedelta(days=100)
    made = matured_day(log, day, log.purchases_at(AS_OF), LEARNING)
    assert made.values.shape == (len(made.histories.buyers), len(COLUMNS))
    assert len(set(COLUMNS)) == len(COLUMNS)
    cents = made.values[:, COLUMNS.index("net_cents_365d")]
    since = made.histories.today - 365
    assert np.array_equal(cents, made.histories.total_cents(since)[made.histories.buyers])
    assert not np.isinf(made.values).any()


def _level(histories: Histories, reference_day: int) -> float:
    return level(
        histories, orders=100.0, horizon_days=60, reference_day=reference_day,
        reference_orders=100.0, reference_level=1.0,
    )  # fmt: skip


def test_a_busy_season_ahead_raises_the_total_and_a_first_year_says_nothing() -> None:
    """Twice as many orders each November and December; the third November is ahead."""
    log = log_of(seasonal(days=800))
    november = date(2025, 11, 1)
    histories = log.purchases_at(november)
    assert 1.3 < _level(histories, histories.today - 61) < 2.2
    young = log_of(seasonal(days=800)).purchases_at(date(2024, 11, 1))
    assert _level(young, young.today - 61) == 1.0


@pytest.mark.parametrize(
    "hole", [(date(2024, 6, 1), date(2024, 8, 1)), (date(2025, 6, 1), date(2025, 8, 1))]
)
def test_a_hole_of_deliveries_a_year_ago_or_lately_changes_the_level_little(
    hole: tuple[date, date],
) -> None:
    november = date(2025, 11, 1)
    log = log_of(seasonal(days=800))
    first, last = map(day_number, hole)
    day = log.days["event_day"].to_numpy()
    with_hole = replace(log, days=log.days.filter(pa.array((day < first) | (day >= last))))
    whole, holed = (each.purchases_at(november) for each in (log, with_hole))
    assert len(holed.day) < 0.95 * len(whole.day)
    expected = _level(whole, whole.today - 61)
    assert _level(holed, holed.today - 61) == pytest.approx(expected, rel=0.05)


def test_totals_that_were_further_off_have_a_wider_interval() -> None:
    def past(*ratios: float) -> list[PastTotal]:
        return [
            PastTotal(
                day=AS_OF - timedelta(days=90 * n), expected_cents=100.0, outcome_cents=100 * r
            )
            for n, r in enumerate(ratios)
        ]

    near, _ = interval_of_total(1_000.0, past(1.02, 0.97, 1.01, 0.99), 90)
    far, _ = interval_of_total(1_000.0, past(1.3, 0.7, 1.2, 0.8), 90)
    few, _ = interval_of_total(1_000.0, past(1.3), 90)
    assert near is not None
    assert far is not None
    assert few is not None
    assert far[0] < near[0] < 1_000 < near[1] < far[1]
    assert few[1] > far[1]


@pytest.mark.parametrize(
    ("total", "past", "why"),
    [
        (1e8, [(1e8, 2e4)], "beyond a factor of 10"),
        (1e8, [(1e8, 0.0)], "beyond a factor of 10"),
        (1e8, [(1e8, -5e6)], "beyond a factor of 10"),
        (1e6, [(4.0, 1e6)], "too little was expected on past days"),
        (1e6, [(0.0, 0.0)], "too little was expected on past days"),
        (1e6, [], "too little was expected on past days"),
        (0.0, [(100.0, 100.0)], "next to nothing is expected"),
    ],
)
def test_where_the_past_does_not_say_how_far_a_total_may_be_off_there_is_no_interval(
    total: float, past: list[tuple[float, float]], why: str
) -> None:
    ends, sentence = interval_of_total(
        total, [PastTotal(day=AS_OF, expected_cents=e, outcome_cents=o) for e, o in past], 90
    )
    assert ends is None
    assert sentence is not None
    assert why in sentence


def test_days_on_which_next_to_nothing_was_expected_do_not_widen_the_interval() -> None:
    def past(*days: tuple[float, float]) -> list[PastTotal]:
        return [PastTotal(day=AS_OF, expected_cents=e, outcome_cents=o) for e, o in days]

    usual = (1e6, 1.1e6)
    assert interval_of_total(1e6, past(usual, (4.0, 1e6)), 90) == interval_of_total(
        1e6, past(usual), 90
    )


def test_totals_are_made_equal_before_they_are_compared() -> None:
    assert at_total(np.array([1.0, 3.0]), np.array([2.0, 6.0])).tolist() == [2.0, 6.0]
    assert at_total(np.zeros(2), np.array([2.0, 6.0])).tolist() == [0.0, 0.0]
