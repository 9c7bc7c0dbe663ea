"""What a list of new products could reach for customers who fell silent."""

from datetime import timedelta

import pytest

from benchmarks.recommendation_ceiling import ceiling
from tests.worlds.purchases import FIRST_DAY, log_of

AS_OF = FIRST_DAY + timedelta(days=100)
_LONG_AGO, _SILENT_SINCE = (AS_OF - timedelta(days=days) for days in (80, 40))
_LATELY, _AFTER = AS_OF - timedelta(days=3), AS_OF + timedelta(days=5)


def test_only_hindsight_lists_what_everybody_silent_will_buy_and_nobody_buys_now() -> None:
    rows = []
    for number in range(12):
        silent, busy = f"silent{number}", f"busy{number}"
        rows += [(silent, "bread", _LONG_AGO), (silent, "bread", _SILENT_SINCE)]
        rows += [(silent, "tea", _AFTER), (silent, "bread", _AFTER)]
        # Best sellers that no silent customer will buy; two bought tea long ago.
        rows += [(busy, f"fad{fad}", _LATELY) for fad in range(10)]
        rows += [(busy, "tea", _LONG_AGO)] if number < 2 else []
        rows += [(busy, "cake", _AFTER)]
    measured = ceiling(log_of(rows), AS_OF, 28)
    assert measured.customers == 12  # who is silent and bought something new
    assert measured.new_products == 1
    assert measured.best_sellers == 0
    assert measured.hindsight == pytest.approx(1)
    assert measured.candidates == pytest.approx(measured.candidate_share)


def test_what_is_in_no_candidate_is_out_of_reach() -> None:
    rows = []
    for number in range(5):
        rows += [(f"silent{number}", "bread", _SILENT_SINCE), (f"silent{number}", "salt", _AFTER)]
        rows += [(f"busy{number}", "tea", _LATELY), (f"busy{number}", "bread", _LONG_AGO)]
    measured = ceiling(log_of(rows), AS_OF, 28)  # salt was never sold before
    assert (measured.candidate_share, measured.candidates, measured.best_sellers) == (0, 0, 0)
