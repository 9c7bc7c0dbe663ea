"""The dashboards as files: they fit each other, and the views that they read."""

import re
from collections import Counter
from collections.abc import Iterator

import pytest
import yaml

from retention_ml.stack.superset.start import DASHBOARDS
from retention_ml.warehouse import Warehouse
from tests.house.repository import reject
from tests.stack.superset.assets import ASSETS, Document, by_uuid, documents, files, placed
from tests.stack.superset.queries import columns, metrics, query
from tests.worlds.databases import NewWarehouse

# What Superset calls the types that Postgres calls so.
TYPES = {
    "bool": "BOOLEAN",
    "date": "DATE",
    "float8": "FLOAT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "numeric": "DECIMAL",
    "text": "TEXT",
    "timestamptz": "TIMESTAMPTZ",
}


@pytest.fixture(scope="module")
def views(new_warehouse: NewWarehouse) -> Iterator[Warehouse]:
    with new_warehouse() as migrated:
        yield migrated


def _source(dataset: Document) -> str:
    """What stands after FROM: a view, or the SQL of the file."""
    if "sql" in dataset:
        return f"({dataset['sql'].rstrip().removesuffix(';')}) AS source"
    return f"{dataset['schema']}.{dataset['table_name']}"


def _types(warehouse: Warehouse, dataset: Document) -> dict[str, str]:
    """The columns of a dataset as the database has them, with Superset's name of their type."""
    names = {}
    with warehouse.engine.connect() as connection, connection.begin():
        cursor = connection.exec_driver_sql(f"SELECT * FROM {_source(dataset)} LIMIT 0").cursor
        described = [(column.name, column.type_code) for column in cursor.description]
        for name, code in described:
            type_name = connection.exec_driver_sql(
                f"SELECT typname FROM pg_type WHERE oid = {code}"
            )
            names[name] = TYPES[type_name.scalar_one()]
    return names


def test_there_are_three_dashboards_of_many_charts() -> None:
    titles = {each["slug"]: each["dashboard_title"] for each in documents("dashboards").values()}
    assert titles == DASHBOARDS
    assert len(documents("charts")) > 30
    assert len(documents("datasets")) > 15
    assert list(documents("databases")) == ["retention"]


def test_a_uuid_is_given_once() -> None:
    uuids = Counter(
        yaml.safe_load(path.read_text("utf-8")).get("uuid", path.name) for path in files()
    )
    assert len(uuids) > 50
    assert [uuid for uuid, count in uuids.items() if count > 1] == []


@pytest.mark.parametrize("name", documents("datasets"))
def test_every_column_of_a_dataset_is_one_of_its_view(name: str, views: Warehouse) -> None:
    dataset = documents("datasets")[name]
    assert dataset["table_name"] == name
    assert dataset["schema"] == "reports"
    assert dataset["database_uuid"] == documents("databases")["retention"]["uuid"]
    real = _types(views, dataset)
    described = {column["column_name"]: column for column in dataset["columns"]}
    assert len(described) == len(dataset["columns"]) > 0
    findings = [f"  {column}: no such column" for column in described if column not in real]
    findings += [
        f"  {column}: type {described[column]['type']}, the database has {type_}"
        for column, type_ in real.items()
        if column in described and described[column]["type"] != type_
    ]
    findings += [
        f"  {column}: is_dttm is not {type_ in ('DATE', 'TIMESTAMPTZ')}"
        for column, type_ in real.items()
        if column in described
        and described[column].get("is_dttm", False) != (type_ in ("DATE", "TIMESTAMPTZ"))
    ]
    if "main_dttm_col" in dataset and dataset["main_dttm_col"] not in described:
        findings.append(f"  main_dttm_col {dataset['main_dttm_col']}: not among the columns")
    reject(findings, f"docker/superset/assets/datasets/retention/{name}.yaml and its view differ:")


@pytest.mark.parametrize("name", documents("datasets"))
def test_every_metric_of_a_dataset_can_be_asked(name: str, views: Warehouse) -> None:
    dataset = documents("datasets")[name]
    assert dataset["metrics"]
    for metric in dataset["metrics"]:
        with views.engine.connect() as connection:
            connection.exec_driver_sql(f"SELECT {metric['expression']} FROM {_source(dataset)}")


def test_datasets_read_the_schema_reports_alone() -> None:
    tables = {
        (name, table)
        for name, dataset in documents("datasets").items()
        for table in re.findall(r"\b(?:FROM|JOIN)\s+([a-z_.]+)", dataset.get("sql", ""))
    }
    assert len(tables) > 8
    assert sorted(table for table in tables if not table[1].startswith("reports.")) == []


@pytest.mark.parametrize("name", documents("charts"))
def test_a_chart_names_columns_and_metrics_of_its_dataset(name: str) -> None:
    chart = documents("charts")[name]
    dataset = by_uuid("datasets")[chart["dataset_uuid"]]
    known_columns = {column["column_name"] for column in dataset["columns"]}
    known_metrics = {metric["metric_name"] for metric in dataset["metrics"]}
    used = set(columns(chart))
    assert used or chart["viz_type"] == "big_number_total"
    reject(
        [f"  column {each}" for each in sorted(used - known_columns)]
        + [f"  metric {each}" for each in sorted(set(metrics(chart)) - known_metrics)],
        f"docker/superset/assets/charts/{name}.yaml names what {dataset['table_name']} lacks:",
    )
    assert query(chart)["row_limit"] > 0
    assert chart["description"].endswith(".")


@pytest.mark.parametrize("name", documents("dashboards"))
def test_a_dashboard_places_its_charts_where_they_can_be_seen(name: str) -> None:
    dashboard = documents("dashboards")[name]
    position = dashboard["position"]
    reached, waiting = set(), ["ROOT_ID"]
    while waiting:
        part = waiting.pop()
        reached.add(part)
        children = position[part].get("children", [])
        waiting += children
        if position[part]["type"] == "ROW":
            assert sum(position[child]["meta"]["width"] for child in children) <= 12
    expected = {key for key, part in position.items() if isinstance(part, dict)} - {"HEADER_ID"}
    assert reached == expected
    titles = {uuid: chart["slice_name"] for uuid, chart in by_uuid("charts").items()}
    for part in position.values():
        if isinstance(part, dict) and part["type"] == "CHART":
            assert part["meta"]["sliceName"] == titles[part["meta"]["uuid"]]
    numbers = [
        part["meta"]["chartId"]
        for part in position.values()
        if isinstance(part, dict) and part["type"] == "CHART"
    ]
    assert len(set(numbers)) == len(numbers)


def test_every_chart_is_placed_once() -> None:
    counts = Counter(uuid for each in documents("dashboards").values() for uuid in placed(each))
    assert counts == Counter(by_uuid("charts").keys())


def test_filters_of_dashboards_name_datasets_that_have_their_column() -> None:
    targets = [
        target
        for dashboard in documents("dashboards").values()
        for each in dashboard["metadata"]["native_filter_configuration"]
        for target in each["targets"]
        if target
    ]
    assert targets
    for target in targets:
        dataset = by_uuid("datasets")[target["datasetUuid"]]
        assert target["column"]["name"] in {c["column_name"] for c in dataset["columns"]}


def test_no_file_holds_a_secret() -> None:
    for path in files():
        assert not re.search(r"password|secret", path.read_text("utf-8"), re.IGNORECASE), path
    address = documents("databases")["retention"]["sqlalchemy_uri"]
    assert address == "postgresql+psycopg2://retention_bi:XXXXXXXXXX@127.0.0.1:5432/retention"
    assert f'"{address}"' in (ASSETS.parent / "prepare.py").read_text("utf-8")
