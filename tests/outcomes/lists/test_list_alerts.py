"""Lists that fall below personal frequency raise an alert, and luck or few customers none."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from retention_ml.outcomes.lists.measure_lists import measure_lists
from retention_ml.outcomes.monitoring.list_alerts import ListWindow, list_alerts, separate_windows
from retention_ml.outcomes.monitoring.watch import watch
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.outcomes.lists.hand_made import DAY, HORIZON, buy, publish

RANKER = "a" * 64
WINDOWS = 3
BUYERS = 40
AS_OF = DAY + timedelta(days=WINDOWS * HORIZON + 2)


def shop(warehouse: Warehouse, listed: Sequence[str], sha256: str | None = RANKER) -> None:
    """Everybody buys tea again and again; a window's mixed list of all is one product."""
    purchases = [
        (f"c{number:02d}", "tea", day)
        for number in range(BUYERS)
        for day in (-40, -20, *(10 + HORIZON * window for window in range(WINDOWS)))
    ]
    buy(warehouse, [*purchases, ("late", "soap", -30), ("late", "soap", WINDOWS * HORIZON + 1)])
    for window, product in enumerate(listed):
        publish(
            warehouse,
            {(f"c{number:02d}", "mixed"): [product] for number in range(BUYERS)},
            day=DAY + timedelta(days=HORIZON * window),
            bundle_sha256=sha256,
        )


def configured(settings: Settings, customers_min: int = BUYERS) -> Settings:
    monitoring = settings.monitoring.model_copy(update={"list_customers_min": customers_min})
    return settings.model_copy(update={"monitoring": monitoring})


@pytest.mark.parametrize(
    ("listed", "is_alerted"),
    [
        (("soap", "soap", "soap"), True),
        (("soap", "tea", "soap"), True),
        (("tea", "tea", "soap"), False),  # once may be chance
        (("soap", "soap", "tea"), False),  # it is over
        (("tea", "tea", "tea"), False),
    ],
)
def test_an_alert_needs_the_newest_window_and_enough_of_the_last(
    warehouse: Warehouse, settings: Settings, listed: Sequence[str], is_alerted: bool
) -> None:
    shop(warehouse, listed)
    measure_lists(warehouse, settings=settings, as_of=AS_OF)
    alerts = list_alerts(warehouse, configured(settings), AS_OF)
    assert [alert.kind for alert in alerts] == ["lists_below_frequency"] * is_alerted
    if is_alerted:
        assert "NDCG@10 of the mixed list 0.000 against 1.000" in alerts[0].sentence
        assert f"{BUYERS} customers" in alerts[0].sentence


def test_too_few_customers_raise_none(warehouse: Warehouse, settings: Settings) -> None:
    shop(warehouse, ["soap"] * WINDOWS)
    measure_lists(warehouse, settings=settings, as_of=AS_OF)
    assert list_alerts(warehouse, configured(settings, BUYERS + 1), AS_OF) == []
    assert list_alerts(warehouse, configured(settings, BUYERS), AS_OF)


@pytest.mark.parametrize("sha256", [None, "b" * 64])
def test_what_an_earlier_ranker_did_is_over(
    warehouse: Warehouse, settings: Settings, sha256: str | None
) -> None:
    shop(warehouse, ["soap"] * WINDOWS)
    publish(warehouse, {("c00", "mixed"): ["tea"]}, day=AS_OF, bundle_sha256=sha256)
    measure_lists(warehouse, settings=settings, as_of=AS_OF)
    assert list_alerts(warehouse, configured(settings), AS_OF) == []


def test_an_alert_is_written_once_by_watch(warehouse: Warehouse, settings: Settings) -> None:
    shop(warehouse, ["soap"] * WINDOWS)
    measure_lists(warehouse, settings=settings, as_of=AS_OF)
    for run in range(2):
        received = watch(
            warehouse,
            settings=configured(settings).model_copy(update={"run_id": f"run {run}"}),
            as_of=AS_OF + timedelta(days=run),
        )
        kinds = [alert["kind"] for alert in received.details["alerts"]]
        assert ("lists_below_frequency" in kinds) is (run == 0)


def test_windows_that_overlap_are_one_piece_of_evidence() -> None:
    newest = ListWindow(
        as_of=DAY,
        horizon_days=HORIZON,
        customers_count=500,
        ndcg=0.3,
        frequency_ndcg=0.4,
        difference=-0.1,
        difference_lower=-0.2,
        difference_upper=-0.05,
    )
    daily = [replace(newest, as_of=DAY - timedelta(days=day)) for day in range(100)]
    assert [each.as_of for each in separate_windows(daily, 3)] == [
        DAY - timedelta(days=day) for day in (0, HORIZON, 2 * HORIZON)
    ]
