"""Zones as files write them."""

import pytest

from retention_ml.deliveries.casting.zones import resolve


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("America/New_York", "America/New_York"), ("UTC", 0), ("z", 0), ("EDT", -14_400), ("CEST", 7_200),
        ("+01:00", 3_600), ("-0530", -19_800), ("UTC+2", 7_200), ("GMT-05:00", -18_000), ("+25:00", None),
        ("america/new_york", None), ("Mars/Base", None), ("CST", None), ("BST", None), ("IST", None),
        ("Japan", None), ("", None),
    ],
)  # fmt: skip
def test_a_zone_means_one_thing_or_nothing(written: str, zone: str | int | None) -> None:
    assert resolve(written, "Europe/Berlin") == zone


def test_the_shops_own_abbreviations_come_first() -> None:
    assert resolve("CET", "Europe/Berlin") == 3_600
    assert resolve("bst", "Europe/London") == 3_600
    assert resolve("AST", "America/Halifax") == -14_400
