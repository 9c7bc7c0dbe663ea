"""The door that builds samples of days, and their store."""

from datetime import date, timedelta

import pytest

from retention_ml import clock
from retention_ml.errors import AccountingError, NotReady
from retention_ml.features.build import build
from retention_ml.features.catalogue import CATALOGUE
from retention_ml.features.samples import build_samples as door
from retention_ml.features.samples import store
from retention_ml.features.samples.build_samples import ensure_samples
from retention_ml.features.samples.sampling import is_sampled
from retention_ml.features.store import digest
from retention_ml.features.store import read as read_whole
from retention_ml.settings import Churn, Settings
from retention_ml.warehouse import Warehouse
from tests.worlds import shops
from tests.worlds.features import buy, deliver, in_zone

_DAY = date(2025, 1, 15)
_RECORDS = "SELECT * FROM features.sample_builds ORDER BY as_of"


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the suite, which takes seconds to import and is tested once."""
    monkeypatch.setattr(door, "_check", lambda *_: None)


def test_a_sample_is_built_checked_recorded_and_part_of_the_whole_day(
    warehouse: Warehouse, settings: Settings
) -> None:
    shops.random_shop(warehouse, customers=150, seed=5)
    [receipt] = ensure_samples(warehouse, settings=settings, shares={_DAY: 0.4})
    rows = store.read(warehouse, {_DAY: 0.4})
    assert receipt.read == receipt.written == rows.num_rows > 5
    [record] = warehouse.read(_RECORDS).to_pylist()
    assert record["features_digest"] == receipt.details["features_digest"] == digest(rows)
    assert record["customers_count"] == rows.num_rows
    assert record["newest_input_at"] < shops.at("2025-01-15", 0)
    checked = warehouse.read("SELECT suite, is_success FROM quality.results").to_pylist()
    assert len(checked) > 5
    assert all(result["is_success"] for result in checked)
    assert warehouse.read("SELECT 1 FROM features.customer_daily").num_rows == 0
    build(warehouse, settings=settings, as_of=_DAY)
    whole = read_whole(warehouse, [_DAY])
    mask = is_sampled(whole["customer_id"].combine_chunks(), 0.4)
    assert whole.filter(mask).equals(rows)
    assert record["population_count"] == whole.num_rows


@pytest.mark.usefixtures("unchecked")
def test_only_what_is_missing_too_small_or_stale_is_built(
    warehouse: Warehouse, settings: Settings
) -> None:
    settings = in_zone(settings, "UTC")
    deliver(warehouse, *(buy(f"o{n}", shops.at("2025-01-02"), customer=f"c{n}") for n in range(40)))
    days = [date(2025, 1, 10), date(2025, 1, 20)]

    def built(share: float = 0.5, with_settings: Settings = settings) -> list[date | None]:
        receipts = ensure_samples(
            warehouse, settings=with_settings, shares=dict.fromkeys(days, share)
        )
        return [receipt.as_of for receipt in receipts]

    assert built() == days
    assert built() == []
    assert built(share=0.3) == []
    smaller, larger = (
        store.read(warehouse, dict.fromkeys(days, share)).num_rows for share in (0.3, 0.5)
    )
    assert 0 < smaller < larger < 2 * 40
    assert built(share=0.8) == days
    deliver(warehouse, buy("late", shops.at("2025-01-05")), loaded_at=shops.at("2025-01-15"))
    assert built() == [date(2025, 1, 20)]
    deliver(warehouse, buy("later", shops.at("2025-02-05")), loaded_at=shops.at("2025-02-06"))
    assert built() == []
    assert built(with_settings=settings.model_copy(update={"churn": Churn(active_days=60)})) == days
    assert built(with_settings=in_zone(settings, "Europe/London")) == days


@pytest.mark.usefixtures("unchecked")
def test_a_day_without_a_sample_as_large_is_not_read(
    warehouse: Warehouse, settings: Settings
) -> None:
    shops.random_shop(warehouse, customers=80, seed=6)
    ensure_samples(warehouse, settings=settings, shares={_DAY: 0.25})
    with pytest.raises(NotReady, match=r"no features of 50\.00% of the customers of 2025-01-15"):
        store.read(warehouse, {_DAY: 0.5})
    with pytest.raises(NotReady, match="customers of 2025-01-16"):
        store.read(warehouse, {_DAY: 0.25, date(2025, 1, 16): 0.25})


@pytest.mark.usefixtures("unchecked")
def test_rows_that_are_not_those_of_their_build_are_not_read_but_built_again(
    warehouse: Warehouse, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """As when somebody asked to be forgotten: their rows can be deleted."""
    shops.random_shop(warehouse, customers=80, seed=6)
    shares = {_DAY: 0.5, date(2025, 1, 10): 0.5}
    ensure_samples(warehouse, settings=settings, shares=shares)
    before = store.read(warehouse, shares)
    with warehouse.transaction() as transaction:
        transaction.execute(
            "DELETE FROM features.customer_sampled WHERE as_of = :day AND customer_id = "
            "(SELECT min(customer_id) FROM features.customer_sampled WHERE as_of = :day)",
            day=_DAY,
        )
    with pytest.raises(AccountingError, match="sample of 2025-01-15 are not those"):
        store.read(warehouse, shares)
    assert [r.as_of for r in ensure_samples(warehouse, settings=settings, shares=shares)] == [_DAY]
    assert "The stored features of the sample of 2025-01-15 are not those" in caplog.text
    assert store.read(warehouse, shares).equals(before)


@pytest.mark.usefixtures("unchecked")
def test_of_a_day_with_few_customers_a_sample_may_be_empty(
    warehouse: Warehouse, settings: Settings
) -> None:
    deliver(warehouse, buy("o1", shops.at("2025-01-02")))
    [receipt] = ensure_samples(warehouse, settings=settings, shares={_DAY: 1e-6})
    assert (receipt.written, receipt.details["population_count"]) == (0, 1)
    assert store.read(warehouse, {_DAY: 1e-6}).num_rows == 0
    with pytest.raises(NotReady, match="days before 2024-01-01"):
        ensure_samples(warehouse, settings=settings, shares={date(2024, 1, 1): 0.5})


@pytest.mark.usefixtures("unchecked")
def test_samples_that_nobody_asks_for_are_deleted_after_thirty_days(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shops.random_shop(warehouse, customers=80, seed=6)
    days = [_DAY - timedelta(days=back) for back in (14, 7, 0)]
    ensure_samples(warehouse, settings=settings, shares=dict.fromkeys(days[:2], 0.5))
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=31))
    ensure_samples(warehouse, settings=settings, shares=dict.fromkeys(days[1:], 0.5))
    for table in ("sample_builds", "customer_sampled"):
        stored = warehouse.read(f"SELECT DISTINCT as_of FROM features.{table} ORDER BY as_of")
        assert stored["as_of"].to_pylist() == days[1:]


def test_every_column_carries_its_meaning(warehouse: Warehouse, settings: Settings) -> None:
    shops.random_shop(warehouse, customers=30, seed=6)
    ensure_samples(warehouse, settings=settings, shares={_DAY: 0.9})
    columns = warehouse.read(
        "SELECT attname::text AS name, col_description(attrelid, attnum) AS meaning FROM pg_attribute "
        "WHERE attrelid = 'features.customer_sampled'::regclass AND attnum > 2"
    ).to_pylist()
    assert {r["name"]: r["meaning"] for r in columns} == {f.name: f.meaning for f in CATALOGUE}
