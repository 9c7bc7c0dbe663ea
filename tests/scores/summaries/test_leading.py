"""Who stands first is who stands first when everybody is sorted."""

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given

from retention_ml.scores.summaries.leading import LEADING_MAX, leading_customers
from tests.worlds.scores import DAY, World

_CUSTOMER = st.tuples(
    st.sampled_from(["low", "medium", "high", "critical"]),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)
_KEYS = {"value": (2, 3), "probability": (3, 2)}


def _rows(customers: list[tuple[str, int, float]]) -> pa.Table:
    return pa.table(
        {
            "customer_id": [f"c{number:03d}" for number in range(len(customers))],
            "risk_tier": pa.array([tier for tier, *_ in customers], pa.string()),
            "expected_value_at_risk_cents": pa.array(
                [cents for _, cents, _ in customers], pa.int64()
            ),
            "churn_probability": pa.array([risk for *_, risk in customers], pa.float64()),
        }
    )


@given(st.lists(_CUSTOMER, max_size=40), st.integers(1, 12))
def test_the_first_of_each_tier_are_those_of_a_sort_of_all(
    customers: list[tuple[str, int, float]], limit: int
) -> None:
    rows = _rows(customers)
    everybody = list(zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True))
    expected = [
        (ordered_by, tier, place, one[0])
        for ordered_by, (first, second) in _KEYS.items()
        for tier in sorted({one[1] for one in everybody})
        for place, one in enumerate(
            sorted(
                (one for one in everybody if one[1] == tier),
                key=lambda one: (-one[first], -one[second], one[0]),
            )[:limit],
            start=1,
        )
    ]
    result = leading_customers(rows, limit)
    names = ("ordered_by", "risk_tier", "place", "customer_id")
    assert list(zip(*(result[name].to_pylist() for name in names), strict=True)) == expected


@pytest.mark.parametrize(
    ("ordered_by", "order"),
    [
        ("value", "expected_value_at_risk_cents DESC, churn_probability DESC, customer_id"),
        ("probability", "churn_probability DESC, expected_value_at_risk_cents DESC, customer_id"),
    ],
)
def test_who_stands_first_is_written_with_the_scores(
    world: World, ordered_by: str, order: str
) -> None:
    world.score_and_publish(DAY)
    stored = world.rows(
        "SELECT snapshot_id, risk_tier, place, customer_id FROM scores.leading_customers "
        f"WHERE ordered_by = '{ordered_by}' ORDER BY risk_tier, place"
    )
    ranked = world.rows(
        "SELECT * FROM (SELECT snapshot_id, risk_tier, row_number() OVER (PARTITION BY risk_tier "
        f"ORDER BY {order}) AS place, customer_id FROM scores.customer_daily) AS ranked "
        f"WHERE place <= {LEADING_MAX} ORDER BY risk_tier, place"
    )
    assert len(ranked) > 20
    assert stored == ranked
