"""The door that builds a day, and its store."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from retention_ml.errors import AccountingError, NotReady, QualityError
from retention_ml.features import build as door
from retention_ml.features import invariants, store
from retention_ml.features.build import build, build_many, ensure
from retention_ml.features.catalogue import CATALOGUE, FEATURE_NAMES
from retention_ml.settings import Churn, Features, Settings
from retention_ml.warehouse import Warehouse
from tests.worlds import shops
from tests.worlds.features import buy, deliver, in_zone

pytestmark = pytest.mark.suites

_DAY = date(2025, 1, 15)


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the suite, which takes seconds to import and is tested once."""
    monkeypatch.setattr(door, "_check", lambda *_: None)


def test_a_day_is_built_checked_and_recorded(warehouse: Warehouse, settings: Settings) -> None:
    shops.random_shop(warehouse, customers=150, seed=5)
    receipt = build(warehouse, settings=settings, as_of=_DAY)
    rows = store.read(warehouse, [_DAY])
    assert receipt.read == receipt.written == rows.num_rows > 20
    assert rows.column_names == ["as_of", "customer_id", *FEATURE_NAMES]
    assert rows["customer_id"].to_pylist() == sorted(rows["customer_id"].to_pylist())
    assert receipt.details["features_digest"] == store.digest(rows)
    recorded = warehouse.read(
        "SELECT features_digest, customers_count, newest_input_at FROM features.builds"
    ).to_pylist()
    assert [r["features_digest"] for r in recorded] == [receipt.details["features_digest"]]
    assert recorded[0]["newest_input_at"] < shops.at("2025-01-15", 0)
    checked = warehouse.read("SELECT suite, is_success FROM quality.results").to_pylist()
    assert len(checked) > 5
    assert all(result["is_success"] for result in checked)


def test_every_column_carries_its_meaning(warehouse: Warehouse) -> None:
    store.ensure_columns(warehouse)
    store.ensure_columns(warehouse)
    columns = warehouse.read(
        "SELECT attname::text AS name, col_description(attrelid, attnum) AS meaning FROM pg_attribute "
        "WHERE attrelid = 'features.customer_daily'::regclass AND attnum > 2"
    ).to_pylist()
    assert {r["name"]: r["meaning"] for r in columns} == {f.name: f.meaning for f in CATALOGUE}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("engine", ["duckdb", "postgres"])
def test_building_again_gives_the_same_digest_and_rows(
    warehouse: Warehouse, settings: Settings, engine: str
) -> None:
    shops.random_shop(warehouse, customers=80, seed=6)
    first = build(warehouse, settings=settings, as_of=_DAY)
    chosen = settings.model_copy(update={"features": Features.model_validate({"engine": engine})})
    second = build(warehouse, settings=chosen, as_of=_DAY)
    assert first.details["features_digest"] == second.details["features_digest"]
    assert second.details["engine"] == engine
    assert store.read(warehouse, [_DAY]).num_rows == second.written


@pytest.mark.usefixtures("unchecked")
def test_only_missing_and_stale_days_are_built(warehouse: Warehouse, settings: Settings) -> None:
    settings = in_zone(settings, "UTC")
    deliver(warehouse, buy("o1", shops.at("2025-01-02")))
    days = [date(2025, 1, 10), date(2025, 1, 20)]

    def built(with_settings: Settings = settings) -> list[Any]:
        return [r.as_of for r in ensure(warehouse, settings=with_settings, days=days)]

    assert built() == days
    assert built() == []
    deliver(warehouse, buy("o2", shops.at("2025-01-05")), loaded_at=shops.at("2025-01-15"))
    assert built() == [date(2025, 1, 20)]
    deliver(warehouse, buy("o3", shops.at("2025-02-05")), loaded_at=shops.at("2025-02-06"))
    assert built() == []
    assert built(settings.model_copy(update={"churn": Churn(active_days=60)})) == days
    assert built(in_zone(settings, "Europe/London")) == days


@pytest.mark.usefixtures("unchecked")
def test_a_day_outside_the_data_is_refused_with_the_days_there_are(
    warehouse: Warehouse, settings: Settings
) -> None:
    with pytest.raises(NotReady, match="no orders of known customers at all"):
        build(warehouse, settings=settings, as_of=_DAY)
    deliver(warehouse, buy("o1", shops.at("2024-03-01")), buy("o2", shops.at("2024-05-01")))
    for day in (date(2024, 3, 1), date(2024, 12, 1)):
        with pytest.raises(NotReady, match="run from 2024-03-01 to 2024-05-01: choose a day"):
            build_many(warehouse, settings=settings, days=[date(2024, 5, 2), day])
    with pytest.raises(NotReady, match="The features of 2024-05-02 are not built"):
        store.read(warehouse, [date(2024, 5, 2)])


def test_a_build_that_fails_its_suite_stores_nothing_and_leaves_earlier_builds(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(warehouse, buy("o1", shops.at("2025-01-02")))
    with monkeypatch.context() as patch:
        patch.setattr(door, "_check", lambda *_: None)
        first = build(warehouse, settings=settings, as_of=_DAY)
    rows = store.read(warehouse, [_DAY])
    deliver(warehouse, buy("o2", shops.at("2025-01-03")), loaded_at=shops.at("2025-01-04"))
    refused = settings.model_copy(update={"expectations": _suite(settings, {"max_value": 1})})
    for attempt in (
        lambda: ensure(warehouse, settings=refused, days=[_DAY, date(2025, 1, 16)]),
        lambda: build(warehouse, settings=refused, as_of=_DAY),
    ):
        with pytest.raises(QualityError, match="orders_count"):
            attempt()
        assert store.read(warehouse, [_DAY]) == rows
        assert store.read_day(warehouse, _DAY)[1] == first.details["features_digest"]
        with pytest.raises(NotReady, match="The features of 2025-01-16 are not built"):
            store.read(warehouse, [date(2025, 1, 16)])
    failed = warehouse.read(
        "SELECT unexpected_count, element_count FROM quality.results WHERE NOT is_success"
    ).to_pylist()
    assert failed[-1] == {"unexpected_count": 1, "element_count": 1}
    passed = settings.model_copy(update={"expectations": _suite(settings, {"max_value": 2})})
    [second] = ensure(warehouse, settings=passed, days=[_DAY])
    assert second.details["features_digest"] != first.details["features_digest"]


def test_of_days_computed_together_the_one_that_fails_is_named_and_the_others_are_stored(
    warehouse: Warehouse, settings: Settings
) -> None:
    gone, bought = shops.at("2024-10-18"), shops.at("2025-01-02")
    deliver(
        warehouse,
        buy("o1", gone, customer="active until 16 January"),
        buy("o2", gone, customer="active until 16 January"),
        buy("o3", bought),
    )
    refused = settings.model_copy(update={"expectations": _suite(settings, {"max_value": 1})})
    days = [date(2025, 1, 15), date(2025, 1, 20)]
    for _ in range(2):  # of the second attempt only the day that failed is part
        with pytest.raises(QualityError, match=r"of 2025-01-15 .* orders_count") as failure:
            ensure(warehouse, settings=refused, days=days)
        assert "2025-01-20" not in str(failure.value)
        assert store.read(warehouse, days[1:]).num_rows == 1
        with pytest.raises(NotReady, match="The features of 2025-01-15 are not built"):
            store.read(warehouse, days[:1])
    checked = warehouse.read("SELECT as_of, is_success FROM quality.results").to_pylist()
    assert sorted((row["as_of"], row["is_success"]) for row in checked) == [
        (days[0], False),
        (days[0], False),
        (days[1], True),
    ]


def _suite(settings: Settings, limits: dict[str, int]) -> Path:
    """A folder with a suite that limits how many orders a customer has."""
    folder = settings.home / "suites"
    folder.mkdir(parents=True, exist_ok=True)
    expectation = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "orders_count", **limits},
        "severity": "critical",
        "meta": {"reason": "a test"},
    }
    suite = {"name": store.TABLE, "expectations": [expectation]}
    (folder / f"{store.TABLE}.json").write_text(json.dumps(suite), encoding="utf-8")
    return folder


def test_a_build_that_died_before_it_was_recorded_has_stored_nothing(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(name: str) -> None:
        if name == "build.before_record":
            raise KeyboardInterrupt

    deliver(warehouse, buy("o1", shops.at("2025-01-02")))
    monkeypatch.setattr(door, "_check", lambda *_: None)
    with monkeypatch.context() as patch:
        patch.setattr(door, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            build(warehouse, settings=settings, as_of=_DAY)
    assert warehouse.read("SELECT * FROM features.customer_daily").num_rows == 0
    with pytest.raises(NotReady, match="are not built"):
        store.read(warehouse, [_DAY])
    assert len(ensure(warehouse, settings=settings, days=[_DAY])) == 1


@pytest.mark.usefixtures("unchecked")
def test_rows_that_are_not_those_of_their_build_are_not_read_but_built_again(
    warehouse: Warehouse, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    days = [_DAY, date(2025, 1, 16)]
    deliver(warehouse, buy("o1", shops.at("2025-01-02")))
    build_many(warehouse, settings=settings, days=days)
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE features.customer_daily SET orders_count = 2 WHERE as_of = :day", day=_DAY
        )
    for attempt in (
        lambda: store.read(warehouse, [_DAY]),
        lambda: store.read_day(warehouse, _DAY),
    ):
        with pytest.raises(AccountingError, match="2025-01-15 are not those that their build"):
            attempt()
    assert [one.as_of for one in ensure(warehouse, settings=settings, days=days)] == [_DAY]
    assert "The stored features of 2025-01-15 are not those" in caplog.text
    assert store.read(warehouse, days)["orders_count"].to_pylist() == [1, 1]
    assert ensure(warehouse, settings=settings, days=days) == []


@pytest.mark.usefixtures("unchecked")
def test_rows_and_digest_are_read_in_one_snapshot(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(warehouse, buy("o1", shops.at("2025-01-02")))
    build(warehouse, settings=settings, as_of=_DAY)
    before = store.read(warehouse, [_DAY]), store.read_day(warehouse, _DAY)
    deliver(warehouse, buy("o2", shops.at("2025-01-03")), loaded_at=shops.at("2025-01-04"))
    real = store._require_built

    def then_build_again(*arguments: Any) -> Any:
        digests = real(*arguments)
        ensure(warehouse, settings=settings, days=[_DAY])
        return digests

    with monkeypatch.context() as patch:
        patch.setattr(store, "_require_built", then_build_again)
        assert store.read_day(warehouse, _DAY) == before[1]
    assert store.read_day(warehouse, _DAY) != before[1]


@pytest.mark.usefixtures("unchecked")
def test_a_customer_is_read_alone_also_where_the_table_lacks_a_feature(
    warehouse: Warehouse, settings: Settings
) -> None:
    shops.random_shop(warehouse, customers=30, seed=2)
    build(warehouse, settings=settings, as_of=_DAY)
    rows, digest = store.read_day(warehouse, _DAY)
    customer = rows["customer_id"][3].as_py()
    assert store.read_customer(warehouse, _DAY, "o'nobody")[0].num_rows == 0
    one, recorded = store.read_customer(warehouse, _DAY, customer)
    assert (one, recorded) == (rows.slice(3, 1).select(FEATURE_NAMES), digest)
    with warehouse.transaction() as transaction:
        transaction.execute("ALTER TABLE features.customer_daily DROP COLUMN season_sin")
    one, _ = store.read_customer(warehouse, _DAY, customer)
    assert one["season_sin"].to_pylist() == [None]
    day, newest = store.newest_rows(warehouse, ("recency_days", "season_sin"))
    assert (day, newest.num_rows) == (_DAY, rows.num_rows)
    assert newest["recency_days"] == rows["recency_days"]
    with pytest.raises(NotReady, match="are not built"):
        store.read_customer(warehouse, date(2024, 1, 1), customer)


@pytest.mark.usefixtures("unchecked")
def test_one_day_without_anybody_leaves_all_days_unstored(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_DAYS_AT_ONCE", 1)
    deliver(warehouse, buy("o1", shops.at("2025-01-02")))
    with pytest.raises(NotReady, match="choose a day"):
        build_many(warehouse, settings=settings, days=[_DAY, date(2026, 1, 1)])
    assert warehouse.read("SELECT as_of FROM features.customer_daily").num_rows == 0


def _rows(**changed: list[float | None]) -> pa.Table:
    names = [name for name in FEATURE_NAMES if name not in changed]
    values = {name: pa.array([1.0, 2.0]) for name in names}
    columns = {name: pa.array(column, pa.float64()) for name, column in changed.items()}
    return pa.table({"customer_id": ["a", "b"], **values, **columns})


def _require_sound(rows: pa.Table, customers: int = 2) -> None:
    invariants.require_sound(rows, as_of="2025-01-15", customers=customers, active_days=90)


def test_sound_rows_pass() -> None:
    _require_sound(_rows(gap_mean_days=[None, 3.0]))


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: _require_sound(_rows(), customers=3), "2 rows for 2 customers, but 3 customers"),
        (
            lambda: _require_sound(_rows(gap_mean_days=[float("nan"), 1.0])),
            "gap_mean_days .* is NaN",
        ),
        (
            lambda: _require_sound(_rows(gap_mean_days=[float("inf"), 1.0])),
            "gap_mean_days .* is NaN",
        ),
        (
            lambda: _require_sound(_rows(recency_days=[0.0, 1.0])),
            "runs from 0 to 1; expected 1 to 90",
        ),
        (lambda: _require_sound(_rows(recency_days=[5.0, 91.0])), "runs from 5 to 91"),
    ],
)
def test_unsound_rows_are_refused(attempt: Callable[[], None], sentence: str) -> None:
    with pytest.raises(AccountingError, match=sentence):
        attempt()


def test_rows_are_sorted_only_where_they_are_not_in_order() -> None:
    days = [date(2025, 3, 1), date(2025, 3, 1), date(2025, 3, 2)]
    rows = pa.table({"as_of": days, "customer_id": ["a", "b", "a"]})
    key = ["as_of", "customer_id"]
    assert store._sorted(rows, key) is rows
    for order in ([1, 0, 2], [2, 0, 1], [0, 2, 1]):
        assert store._sorted(rows.take(pa.array(order)), key).equals(rows)
    twice = pa.concat_tables([rows, rows])
    assert store._sorted(twice, key).to_pylist() == sorted(
        twice.to_pylist(), key=lambda row: (row["as_of"], row["customer_id"])
    )
    for none in (rows.slice(0, 0), pa.table({"as_of": [], "customer_id": []})):
        assert store._sorted(none, key).num_rows == 0


def test_a_digest_knows_a_missing_value_from_zero_and_not_the_order_of_rows() -> None:
    rows = _rows(gap_mean_days=[None, 3.0])
    turned = rows.take([1, 0]).select(sorted(rows.column_names))
    assert store.digest(rows) == store.digest(turned)
    assert store.digest(rows) != store.digest(_rows(gap_mean_days=[0.0, 3.0]))
    assert store.digest(_rows(gap_mean_days=[0.0, 3.0])) == store.digest(
        _rows(gap_mean_days=[-0.0, 3.0])
    )
