"""Customers are assigned to arms: stably, fairly, and an unfair assignment is noticed."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from retention_ml.scores.split import (
    Arms,
    assigned_to_challenger,
    mismatch_p_value,
    places,
    worst_stratum,
)

CUSTOMERS = [str(number) for number in range(12_346, 32_346)]
_IDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=30)


def _arms(assigned: np.ndarray) -> Arms:
    return Arms(challengers_count=int(assigned.sum()), customers_count=len(assigned))


@pytest.mark.parametrize("salt", [str(number) for number in range(20)])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_share_is_met_within_what_chance_allows(salt: str, share: float) -> None:
    count = int(assigned_to_challenger(CUSTOMERS, salt, share).sum())
    lower, upper = stats.binom.interval(1 - 1e-4, len(CUSTOMERS), share)
    assert lower <= count <= upper


def test_a_place_is_sha_256_of_salt_and_number() -> None:
    digest = hashlib.sha256(b"spring\x00" + "Zoë".encode()).hexdigest()
    assert places(["Zoë"], "spring")[0] == int(digest[:13], 16) / 2**52


@given(_IDS, st.integers())
@settings(max_examples=50, deadline=None)
def test_a_customer_keeps_the_arm_in_any_company_and_order(ids: list[str], seed: int) -> None:
    assigned = dict(zip(ids, assigned_to_challenger(ids, "1", 0.3).tolist(), strict=True))
    mixed = [ids[i] for i in np.random.default_rng(abs(seed)).permutation(len(ids))]
    assert [assigned[one] for one in mixed] == assigned_to_challenger(mixed, "1", 0.3).tolist()
    assert all(assigned[one] == assigned_to_challenger([one], "1", 0.3)[0] for one in ids)


@given(_IDS, st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_a_larger_share_takes_nobody_from_the_challenger(
    ids: list[str], one: float, other: float
) -> None:
    small, large = sorted((one, other))
    assert (
        assigned_to_challenger(ids, "1", small) <= assigned_to_challenger(ids, "1", large)
    ).all()


def test_nobody_and_everybody_can_be_assigned() -> None:
    assert not assigned_to_challenger(CUSTOMERS, "1", 0.0).any()
    assert assigned_to_challenger(CUSTOMERS, "1", 1.0).all()
    assert assigned_to_challenger([], "1", 0.5).tolist() == []


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"share is 1.5; expected 0 to 1"):
        assigned_to_challenger(CUSTOMERS, "1", 1.5)


def test_another_salt_reassigns() -> None:
    first, second = (assigned_to_challenger(CUSTOMERS, salt, 0.5) for salt in ("1", "2"))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    # "1" and the customer 23 are not "12" and the customer 3
    assert places(["23"], "1")[0] != places(["3"], "12")[0]


def test_a_fair_assignment_is_called_unlikely_no_more_often_than_stated() -> None:
    few = CUSTOMERS[:2_000]
    p_values = np.array(
        [
            mismatch_p_value(_arms(assigned_to_challenger(few, f"s{i}", 0.1)), 0.1)
            for i in range(1_000)
        ]
    )
    for stated in (0.05, 0.01, 0.001):
        allowed = stats.binom.ppf(0.999, 1_000, stated)
        assert (p_values < stated).sum() <= allowed
    assert (p_values < 1e-6).sum() == 0


@pytest.mark.parametrize("customers", [10, 60, 400])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_the_stated_rate_holds_exactly_also_for_a_handful(customers: int, share: float) -> None:
    counts = np.arange(customers + 1)
    chance = stats.binom.pmf(counts, customers, share)
    p_values = np.array(
        [
            mismatch_p_value(Arms(challengers_count=int(k), customers_count=customers), share)
            for k in counts
        ]
    )
    for stated in (0.05, 0.001):
        assert chance[p_values < stated].sum() <= stated


def test_the_chi_square_test_does_not_hold_for_a_handful() -> None:
    """Negative control: why the exact test is used."""
    counts = np.arange(61)
    chance = stats.binom.pmf(counts, 60, 0.1)
    p_values = np.array([stats.chisquare([k, 60 - k], [6, 54]).pvalue for k in counts])
    assert chance[p_values < 0.001].sum() > 0.0015


def test_with_many_customers_it_is_the_chi_square_test() -> None:
    for count in (98_900, 99_700, 100_100, 101_000):
        arms = Arms(challengers_count=count, customers_count=1_000_000)
        asymptotic = stats.chisquare([count, 1_000_000 - count], [100_000, 900_000]).pvalue
        assert mismatch_p_value(arms, 0.1) == pytest.approx(asymptotic, rel=0.02)


def test_an_assignment_by_the_last_digit_is_noticed() -> None:
    """Negative control: a naive assignment whose arm follows the customer's number."""
    rising = np.array([int(one) % 9 == 0 for one in CUSTOMERS])  # 11 %, not 10
    assert mismatch_p_value(_arms(rising), 0.1) < 1e-5
    older = np.arange(len(CUSTOMERS)) < len(CUSTOMERS) / 2
    by_age = np.where(
        older,
        assigned_to_challenger(CUSTOMERS, "1", 0.13),
        assigned_to_challenger(CUSTOMERS, "1", 0.07),
    )
    assert mismatch_p_value(_arms(by_age), 0.1) > 0.01  # right as a whole ...
    strata = {"older": _arms(by_age[older]), "newer": _arms(by_age[~older])}
    assert worst_stratum(strata, 0.1)[1] < 1e-9  # ... and wrong in each part


def test_strata_pay_for_being_many() -> None:
    odd = Arms(challengers_count=130, customers_count=1_000)
    alone = worst_stratum({"odd": odd}, 0.1)[1]
    assert alone == mismatch_p_value(odd, 0.1)
    even = Arms(challengers_count=100, customers_count=1_000)
    assert worst_stratum({"odd": odd, "b": even, "c": even}, 0.1) == ("odd", 3 * alone)
    assert worst_stratum({"b": even, "c": even}, 0.1)[1] == 1.0
    assert worst_stratum({}, 0.1) == ("", 1.0)


def test_nobody_at_all_is_no_mismatch() -> None:
    assert mismatch_p_value(Arms(challengers_count=0, customers_count=0), 0.1) == 1.0
