"""Every feature equals an independent implementation, however the rows arrived."""

from datetime import date

import pytest

from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.features import oracle
from tests.worlds import shops
from tests.worlds.features import in_zone, late_shop, rows_of


def _assert_equal_to_the_oracle(warehouse: Warehouse, settings: Settings, days: list[date]) -> None:
    rows = rows_of(warehouse, settings, days).to_pylist()
    at = 0
    for day in days:
        expected = oracle.features(
            warehouse,
            day,
            active_days=settings.churn.active_days,
            timezone=settings.calendar.timezone,
        )
        assert len(expected) >= 3, f"only {len(expected)} customers are active on {day}"
        of_day = rows[at : at + len(expected)]
        at += len(expected)
        assert [row["customer_id"] for row in of_day] == sorted(expected)
        for row in of_day:
            values = expected[row["customer_id"]]
            assert set(values) == set(FEATURE_NAMES)
            for name in FEATURE_NAMES:
                assert row[name] == (
                    None
                    if values[name] is None
                    else pytest.approx(values[name], rel=1e-6, abs=2e-9)
                ), f"{name} of {day}"
    assert at == len(rows)


@pytest.mark.fault(
    "late and corrected deliveries, against a second implementation", promises="P4", row=9
)
@pytest.mark.parametrize(
    ("seed", "timezone", "passes"),
    [
        (2, "Europe/London", (1, 3, 5)),
        (3, "America/St_Johns", (4,)),
        (4, "Pacific/Auckland", (5,)),
    ],
)
def test_late_and_corrected_deliveries_are_known_from_when_they_came(
    warehouse: Warehouse, settings: Settings, seed: int, timezone: str, passes: tuple[int, ...]
) -> None:
    settings = in_zone(settings, timezone, active_days=120)
    late_shop(warehouse, settings, seed=seed, passes=passes)
    _assert_equal_to_the_oracle(
        warehouse, settings, [date(2025, 6, 1), date(2025, 8, 17), date(2026, 1, 1)]
    )


def test_a_plain_history_equals_the_oracle(warehouse: Warehouse, settings: Settings) -> None:
    shops.random_shop(warehouse, customers=120, seed=5)
    _assert_equal_to_the_oracle(warehouse, settings, [date(2024, 6, 1), date(2025, 1, 15)])
