"""One message about all new warnings, and no customer in it."""

from datetime import timedelta

from retention_ml.live.warnings.tell_warnings import tell_warnings
from retention_ml.live.warnings.warn import warn
from retention_ml.receipts import Receipt
from tests.worlds.live_shop import LiveShop, now


def _tell(shop: LiveShop, run: str, hours: float = 0) -> Receipt:
    settings = shop.settings.model_copy(update={"run_id": run})
    at = now() + timedelta(hours=hours)
    return tell_warnings(shop.warehouse, settings=settings, as_of=shop.today, now=at)


def test_a_digest_counts_each_warning_once_and_the_same_run_says_it_again(
    profiled: LiveShop,
) -> None:
    warn(profiled.warehouse, settings=profiled.settings, as_of=profiled.tomorrow, now=now())
    warnings = profiled.rows("SELECT * FROM live.warnings WHERE kind <> 'tier_rose'")
    first = _tell(profiled, "one")
    [alert] = first.details["alerts"]
    assert first.details["counts"]["overdue"] == len(warnings) == 1
    assert "1 overdue against their own rhythm" in alert["sentence"]
    assert "c001" not in str(alert)
    assert _tell(profiled, "one").details["alerts"] == first.details["alerts"]
    assert _tell(profiled, "two").details["alerts"] == []


def test_warnings_of_more_than_a_day_ago_are_no_news(profiled: LiveShop) -> None:
    warn(profiled.warehouse, settings=profiled.settings, as_of=profiled.tomorrow, now=now())
    assert _tell(profiled, "one", hours=25).details["alerts"] == []
    assert profiled.rows("SELECT * FROM live.warnings WHERE told_in IS NULL") == []
