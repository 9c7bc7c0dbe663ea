"""The weekly funnel, counted by hand."""

from datetime import date

from retention_ml.profiles.curves.funnel import funnel
from tests.worlds.histories import histories_of


def test_each_step_is_counted_in_the_week_of_acquisition() -> None:
    """2024-01-01, day 0, is a Monday; periods of 30 days."""
    history = histories_of(
        {
            "a": [0, 40],  # activated at once, back in the second period
            "b": [3, 10, 80],  # back too early and too late: not in the second period
            "c": [36],  # seen on day 5, ordered after more than a period
            "d": [20],  # seen on day 8: the second week
        },
        150,
        contacts={"c": 5, "d": 8, "v": 9},
    )
    first, second = funnel(history, period_days=30).to_pylist()
    assert first == {
        "week_on": date(2024, 1, 1), "acquired_count": 3, "activated_count": 2,
        "retained_count": 1, "revenue_cents": 6_000, "is_incomplete": False,
    }  # fmt: skip
    assert (second["week_on"], second["acquired_count"]) == (date(2024, 1, 8), 2)
    assert (second["activated_count"], second["retained_count"]) == (1, 0)


def test_a_week_whose_time_is_not_over_is_marked() -> None:
    assert [
        funnel(histories_of({"a": [0]}, today), period_days=30)["is_incomplete"][0].as_py()
        for today in (96, 97)
    ] == [True, False]


def test_accounts_older_than_the_first_order_of_the_shop_are_in_no_week() -> None:
    history = histories_of({"a": [100]}, 130, contacts={"a": 10, "v": 102})
    weeks = funnel(history, period_days=30).to_pylist()
    assert [(row["week_on"], row["acquired_count"]) for row in weeks] == [(date(2024, 4, 8), 1)]
