"""Superset started beside a shop, and asked the query of every chart.

It needs an environment of 650 MB, so `make superset-test` runs it (it makes that environment and
sets RETENTION_SUPERSET), not `make test`: `test_assets.py` compares the files with the views.
"""

import os
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from retention_ml.errors import WarehouseError
from retention_ml.settings import Settings
from retention_ml.stack import databases, keys, local
from retention_ml.stack.superset import server
from retention_ml.stack.superset.start import DASHBOARDS, start
from retention_ml.warehouse import Warehouse
from tests.stack.superset.api import SupersetApi
from tests.stack.superset.assets import by_uuid, documents
from tests.stack.superset.shop import filled_shop

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("RETENTION_SUPERSET"),
        reason="It needs an environment with Superset; run `make superset-test`.",
    ),
]


@dataclass(frozen=True)
class Started:
    """Superset that was started twice."""

    settings: Settings
    api: SupersetApi
    result: dict[str, object]


@pytest.fixture(scope="module")
def superset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    with filled_shop(tmp_path_factory.mktemp("superset")) as settings:
        try:
            first = start(settings, say=print)
            again = start(settings, say=print)
            assert (again["url"], again["password"]) == (first["url"], first["password"])
            yield Started(settings, SupersetApi(str(again["url"]), str(again["password"])), again)
        finally:
            local.down(settings)


def test_two_starts_make_everything_once(superset: Started) -> None:
    charts = [chart["slice_name"] for chart in documents("charts").values()]
    assert sorted(superset.api.listed("chart")) == sorted(charts)
    assert sorted(superset.api.listed("dataset")) == sorted(documents("datasets"))
    assert sorted(superset.api.listed("dashboard")) == sorted(DASHBOARDS.values())
    assert list(superset.api.listed("database")) == ["Retention warehouse"]


@pytest.mark.parametrize("name", documents("charts"))
def test_the_query_of_a_chart_answers_with_rows(name: str, superset: Started) -> None:
    described = documents("charts")[name]
    chart = superset.api.chart(superset.api.listed("chart")[described["slice_name"]])
    dataset = by_uuid("datasets")[described["dataset_uuid"]]["table_name"]
    rows = superset.api.rows(chart, superset.api.listed("dataset")[dataset])
    assert rows
    assert any(value is not None for row in rows for value in row.values())


def test_the_parts_of_a_day_are_the_customers_of_the_view(superset: Started) -> None:
    described = documents("charts")["tiers_over_days"]
    chart = superset.api.chart(superset.api.listed("chart")[described["slice_name"]])
    rows = superset.api.rows(chart, superset.api.listed("dataset")["risk_tier_daily"])
    with closing(
        Warehouse(databases.address(superset.settings.home, databases.READER, "retention"))
    ) as reader:
        expected = reader.read(
            "SELECT sum(customers_count)::bigint AS n FROM reports.risk_tier_daily"
        )
    assert [sum(row["customers"] for row in rows)] == expected["n"].to_pylist()


@pytest.mark.parametrize("slug", DASHBOARDS)
def test_a_dashboard_has_its_charts(slug: str, superset: Started) -> None:
    rows = superset.api.call("GET", f"/api/v1/dashboard/{slug}/charts")["result"]
    position = next(each for each in documents("dashboards").values() if each["slug"] == slug)[
        "position"
    ]
    titles = {
        part["meta"]["sliceName"]
        for part in position.values()
        if isinstance(part, dict) and part["type"] == "CHART"
    }
    assert {row["slice_name"] for row in rows} == titles


def test_columns_that_no_chart_uses_are_there_with_their_meaning(superset: Started) -> None:
    number = superset.api.listed("dataset")["customer_risk"]
    columns = superset.api.call("GET", f"/api/v1/dataset/{number}")["result"]["columns"]
    meanings = {column["column_name"]: column["description"] for column in columns}
    assert len(columns) == len(meanings)
    assert "next_order_expected_on" in meanings


def test_a_browser_may_fetch_from_this_server_alone(superset: Started) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{superset.result['url']}/login/", timeout=60) as page:
        policy = page.headers["Content-Security-Policy"]
    assert "http:" not in policy
    assert "https:" not in policy
    assert "connect-src 'self'" in policy


def test_its_role_reads_nothing_of_the_shop(superset: Started) -> None:
    home = superset.settings.home
    for database in ("retention", "airflow", "mlflow"):
        with (
            closing(Warehouse(databases.address(home, server.NAME, database))) as other,
            pytest.raises(WarehouseError, match="permission denied"),
        ):
            other.read("SELECT 1 AS n")


def test_no_secret_is_among_its_arguments_or_in_its_log(superset: Started) -> None:
    secrets = set(keys.load(superset.settings.home).values())
    part = server.component(superset.settings, 1)
    log = part.log.read_text("utf-8") + (part.log_folder / "superset-prepare.log").read_text(
        "utf-8"
    )
    assert log
    for secret in secrets:
        assert secret not in " ".join(part.command)
        assert secret not in log


def test_it_is_a_part_of_the_stack_while_it_runs(superset: Started) -> None:
    parts = {part["name"]: part for part in local.status(superset.settings)}
    assert parts["superset"]["state"] == "healthy"
    assert parts["superset"]["address"] == superset.result["url"]
    assert int(str(superset.result["memory_megabytes"])) > 100
