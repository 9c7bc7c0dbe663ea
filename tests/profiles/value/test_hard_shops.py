"""Shops that are no textbook: history delivered late, holes, free goods, customers long gone."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.clock import day_number
from retention_ml.profiles.cadence import fit_process
from retention_ml.profiles.histories import Histories, HistoryLog
from retention_ml.profiles.value.customer_value import ValueRules, customer_value
from retention_ml.profiles.value.fit import ValueFit
from retention_ml.profiles.value.learning import Learning, learn
from retention_ml.profiles.value.pauses import holds_pause
from tests.worlds.purchase_log import FIRST, Purchase, log_of

AS_OF, DAYS = FIRST + timedelta(days=500), 500
LEARNING = Learning(horizon_days=60)
RULES = ValueRules(
    horizon_days=60, tier_shares=(0.05, 0.2, 0.5), minor_units=100, seed=1, threads=1
)


def regulars(customers: int = 300, days: int = DAYS, cents: int = 5_000) -> list[Purchase]:
    """Customers who come every forty days or so, as long as the shop is there."""
    draw = np.random.default_rng(0)
    purchases = []
    for number in range(customers):
        day = int(draw.integers(0, 60))
        while day < days:
            purchases.append((f"c{number:03d}", day, cents))
            day += 1 + int(draw.exponential(40))
    return purchases


def outside(purchases: list[Purchase], first: int, last: int) -> list[Purchase]:
    """Without the days from the first to the last, counted from `FIRST`."""
    return [each for each in purchases if not first <= each[1] <= last]


def total_of(histories: Histories, fit: ValueFit | None) -> dict[str, object]:
    rows = customer_value(histories, fit_process(histories), fit, RULES)
    row: dict[str, object] = rows["value_total"].to_pylist()[0]
    return row


def ago(*days: int) -> tuple[date, ...]:
    return tuple(AS_OF - timedelta(days=each) for each in days)


@pytest.mark.parametrize(
    ("known_for", "learn_days"), [(60, ()), (70, (61,)), (95, (61, 89)), (150, (61, 89, 117, 145))]
)
def test_a_past_day_of_which_nothing_was_known_teaches_nothing(
    known_for: int, learn_days: tuple[int, ...]
) -> None:
    """The history of a shop delivered as it is taken on, and known from that day alone."""
    loaded = DAYS - known_for
    history = log_of([each for each in regulars() if each[1] < loaded], known_from=loaded)
    since = log_of([each for each in regulars() if each[1] >= loaded])
    log = replace(history, days=_together(history, since))
    fit = learn(log, AS_OF, LEARNING)
    assert (() if fit is None else fit.learn_days) == ago(*learn_days)


def test_a_past_day_with_few_buyers_teaches_nothing() -> None:
    early = [(f"e{number}", 0, 100) for number in range(20)]
    late = [(name, day + 380, cents) for name, day, cents in regulars(days=DAYS - 380)]
    fit = learn(log_of(early + [("d", day, 1) for day in range(0, 400, 5)] + late), AS_OF, LEARNING)
    assert fit is not None
    assert fit.learn_days == ago(61)


def test_days_around_a_hole_teach_nothing() -> None:
    """The horizon of 89 days ago ends 29 days ago, its month before begins 117 days ago."""
    whole = learn(log_of(regulars()), AS_OF, LEARNING)
    holed = learn(log_of(outside(regulars(), DAYS - 200, DAYS - 120)), AS_OF, LEARNING)
    assert whole is not None
    assert holed is not None
    assert whole.learn_days == ago(*(61 + 28 * number for number in range(6)))
    assert holed.learn_days == ago(61, 89)
    until_now = learn(log_of(outside(regulars(), DAYS - 40, DAYS)), AS_OF, LEARNING)
    assert until_now is not None
    assert until_now.learn_days == ago(117, 145, 173, 201)


def test_a_holiday_no_longer_than_accepted_is_no_hole() -> None:
    purchases = outside(regulars(), DAYS - 50, DAYS - 37)
    accepted = learn(log_of(purchases), AS_OF, LEARNING)
    strict = learn(log_of(purchases), AS_OF, replace(LEARNING, gap_days_max=13))
    assert accepted is not None
    assert accepted.learn_days[0] == AS_OF - timedelta(days=61)
    assert strict is None or AS_OF - timedelta(days=61) not in strict.learn_days


def test_a_pause_counts_where_it_reaches_into_the_days_asked_for() -> None:
    histories = log_of([("a", 0, 1), ("a", 30, 1)]).purchases_at(FIRST + timedelta(days=40))
    start = day_number(FIRST)

    def holds(since: int, until: int, longest: int = 14) -> bool:
        return holds_pause(histories, start + since, start + until, gap_days_max=longest)

    assert holds(29, 35)
    assert not holds(30, 40)
    assert holds(-9, 2)
    assert not holds(-9, 1)
    assert not holds(0, 40, longest=29)
    assert holds(31, 40, longest=8)  # until today


def test_customers_long_gone_and_an_old_fit_have_a_total_within_its_interval() -> None:
    log = log_of(regulars())
    fit = learn(log, AS_OF, LEARNING)
    assert fit is not None
    for later in range(0, 1_000, 50):
        total = total_of(log.purchases_at(AS_OF + timedelta(days=later)), fit)
        stated, lower, upper = (total[f"total{end}_cents"] for end in ("", "_lower", "_upper"))
        assert isinstance(stated, int)
        if stated == 0:
            assert (lower, upper) == (None, None)
            assert "next to nothing is expected" in str(total["caveat"])
            break
        assert isinstance(lower, int)
        assert isinstance(upper, int)
        assert lower <= stated <= upper
    else:
        pytest.fail("nobody had gone")


def test_a_shop_that_was_free_until_lately_has_a_sentence_instead_of_an_interval() -> None:
    purchases = [(name, day, cents if day > DAYS - 90 else 0) for name, day, cents in regulars()]
    log = log_of(purchases)
    total = total_of(log.purchases_at(AS_OF), learn(log, AS_OF, LEARNING))
    assert total["total_lower_cents"] is None
    assert "has no interval" in str(total["caveat"])


def test_every_figure_fits_its_column_however_large() -> None:
    """Ends that were learnt where next to nothing was expected are bounded, not overflowed."""
    log = log_of(regulars())
    fit = learn(log, AS_OF, LEARNING)
    assert fit is not None
    like = fit.like_customers
    wild = replace(
        fit, like_customers=replace(like, lower=like.upper * 1e18, upper=like.upper * 1e18)
    )
    rows = customer_value(
        log.purchases_at(AS_OF), fit_process(log.purchases_at(AS_OF)), wild, RULES
    )
    assert set(rows["value"]["value_upper_cents"].to_pylist()) == {10**13}


def test_an_old_fit_says_from_when_it_is() -> None:
    log = log_of(regulars())
    fit = learn(log, AS_OF, replace(LEARNING, fit_days=20))
    assert fit is not None
    assert fit.fit_days == 20
    young = total_of(log.purchases_at(AS_OF + timedelta(days=60)), fit)
    old = total_of(log.purchases_at(AS_OF + timedelta(days=61)), fit)
    assert "What past days taught" not in str(young["caveat"])
    assert f"What past days taught is of {AS_OF}, 61 days ago" in str(old["caveat"])


def _together(*logs: HistoryLog) -> pa.Table:
    return pa.concat_tables([log.days for log in logs])
