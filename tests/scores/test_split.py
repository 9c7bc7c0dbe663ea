"""Customers are assigned to arms: stably and fairly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from retention_ml.scores.split import assigned_to_challenger

CUSTOMERS = [str(number) for number in range(12_346, 32_346)]
_IDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=30)


@pytest.mark.parametrize("salt", [str(number) for number in range(20)])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_share_is_met_within_what_chance_allows(salt: str, share: float) -> None:
    count = int(assigned_to_challenger(CUSTOMERS, salt, share).sum())
    lower, upper = stats.binom.interval(1 - 1e-4, len(CUSTOMERS), share)
    assert lower <= count <= upper


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
