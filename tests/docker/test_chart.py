"""The chart as text: its values, its variables and its secrets; what Helm makes of it is `make chart`."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from retention_ml.settings import PROJECT
from tests.docker.broken_values import BROKEN
from tests.docker.compose_file import AIRFLOW, DOCKER, compose

CHART = DOCKER / "chart"
VALUES = DOCKER / "values"
KEYS = Path(__file__).with_name("values")
# Names that differ between containers and pods: addresses of the others, and what a value sets.
OTHERWISE = {
    "RETENTION_CALENDAR__TIMEZONE", "AIRFLOW__CORE__DEFAULT_TIMEZONE", "RETENTION_MLFLOW_PAGE",
    "RETENTION_METRICS__AIRFLOW_URL", "MLFLOW_TRACKING_URI", "AIRFLOW__API__BASE_URL",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "AIRFLOW__METRICS__OTEL_ON",
}  # fmt: skip


def _read(path: Path) -> dict[str, Any]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    return schema


def _merged(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _merged(value, more[name])
        if isinstance(value, dict) and isinstance(more.get(name), dict)
        else more.get(name, value)
        for name, value in {**more, **values}.items()
    }


def test_the_values_of_the_chart_fit_its_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(_schema())
    jsonschema.validate(_read(CHART / "values.yaml"), _schema())


def _described(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    if reference := schema.get("$ref"):
        schema = root["$defs"][reference.rpartition("/")[2]]
    properties = schema.get("properties", {})
    assert not properties or schema["additionalProperties"] is False
    return {name: _described(value, root) for name, value in properties.items()} or None


def test_every_key_of_the_schema_has_a_value_with_its_default() -> None:
    def names(values: Any, described: Any, path: str = "") -> Iterator[str]:
        for name, below in (described or {}).items():
            if name not in (values or {}):
                yield f"{path}{name}"
            elif below:
                yield from names(values[name], below, f"{path}{name}.")

    missing = set(names(_read(CHART / "values.yaml"), _described(_schema(), _schema())))
    of_resources = {name for name in missing if name.endswith(".limits.cpu")}
    # A limit would throttle trainings for nothing.
    assert missing - of_resources == {"global"}


@pytest.mark.parametrize("name", BROKEN)
def test_values_that_are_wrong_are_refused_by_their_key(name: str) -> None:
    text, key = BROKEN[name]
    values = _merged(_read(CHART / "values.yaml"), yaml.safe_load(text))
    faults = [
        f"{'/'.join(map(str, error.absolute_path))} {error.message}"
        for error in jsonschema.Draft202012Validator(_schema()).iter_errors(values)
    ]
    assert faults
    assert all(key in fault for fault in faults), faults


def test_the_variables_are_those_of_compose() -> None:
    expected = compose()["services"]["scheduler"]["environment"]
    pods = _read(CHART / "files" / "environment.yaml")
    assert set(pods) == set(expected)
    assert {name for name in pods if pods[name] != expected[name]} == OTHERWISE
    assert all(isinstance(value, str) for value in pods.values())


def test_the_official_chart_gets_the_same_variables() -> None:
    listed = _read(VALUES / "airflow.yaml")["env"]
    variables = {each["name"]: each["value"] for each in listed}
    assert len(variables) == len(listed)
    pods = _read(CHART / "files" / "environment.yaml")
    assert set(variables) == set(pods)
    assert {name for name in variables if variables[name] != pods[name]} == OTHERWISE


def test_each_part_is_given_the_secrets_that_compose_gives_it() -> None:
    services = compose()["services"]
    helpers = (CHART / "templates" / "_pod.tpl").read_text("utf-8")
    [listed] = re.findall(r"\$keys := list (.*?) -}}", helpers)
    keys = set(re.findall(r'"(\w+)"', listed))
    for name in AIRFLOW | {"metrics"}:
        assert keys == set(services[name]["secrets"]), name
    prepare = (CHART / "templates" / "prepare.yaml").read_text("utf-8")
    [more] = re.findall(r'append \(include "retention.keys" .*?"(\w+)" }}', prepare)
    assert keys | {more} == set(services["prepare"]["secrets"])
    mlflow = (CHART / "templates" / "mlflow.yaml").read_text("utf-8")
    assert re.findall(r"\{key: (\w+), path: (\w+)\}", mlflow) == [
        (name, name) for name in services["mlflow"]["secrets"]
    ]


def test_no_secret_stands_in_the_files() -> None:
    text = "\n".join(
        path.read_text("utf-8")
        for folder in (CHART, VALUES)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "values.schema.json"
    )
    assert "kind: Secret" not in text
    assert not re.search(r"(?i)(password|token|secret_key|fernet_key): [\"']?\w{8}", text)
    assert "postgresql://" not in text


def _recorded(name: str) -> dict[str, str]:
    lines = (KEYS / f"{name}.keys").read_text("utf-8").splitlines()[1:]
    return {path: mark for path, _, mark in (line.partition(" ") for line in lines)}


def _unknown(values: Mapping[str, Any], keys: Mapping[str, str], path: str = "") -> Iterator[str]:
    for name, value in values.items():
        below = f"{path}{name}"
        if below not in keys or keys[below] == "…":
            yield below
        elif isinstance(value, dict) and keys[below] != "*":
            yield from _unknown(value, keys, f"{below}.")


@pytest.mark.parametrize(("name", "least"), [("airflow", 500), ("mlflow", 100)])
def test_the_keys_of_the_public_charts_are_theirs(name: str, least: int) -> None:
    keys = _recorded(name)
    assert len(keys) > least
    values = _read(VALUES / f"{name}.yaml")
    assert list(_unknown(values, keys)) == []
    version = re.findall(r"--version (\S+)", (VALUES / f"{name}.yaml").read_text("utf-8"))
    header = (KEYS / f"{name}.keys").read_text("utf-8").splitlines()[0]
    assert f" {version[0]}. " in header
    assert list(_unknown({"executer": "LocalExecutor"}, keys)) == ["executer"]
    assert list(_unknown({"postgresql": {"enable": False}}, keys)) == ["postgresql.enable"]


def test_the_public_charts_are_given_our_image_and_its_user() -> None:
    airflow, mlflow = _read(VALUES / "airflow.yaml"), _read(VALUES / "mlflow.yaml")
    image = _read(CHART / "values.yaml")["image"]
    for named in (airflow["images"]["airflow"], mlflow["image"]):
        assert {name: named[name] for name in ("repository", "tag")} == {
            name: image[name] for name in ("repository", "tag")
        }
    for context in (airflow["securityContexts"]["pod"], mlflow["securityContext"]):
        assert (context["runAsUser"], context["runAsGroup"]) == (10001, 10001)
    assert (airflow["uid"], airflow["gid"], airflow["executor"]) == (10001, 10001, "LocalExecutor")
    [version] = re.findall(
        r"^apache-airflow==(\S+)", (PROJECT / "requirements.txt").read_text("utf-8"), re.M
    )
    assert airflow["airflowVersion"] == version
    assert not any(airflow["enableBuiltInSecretEnvVars"].values())
    for bundled in ("postgresql", "redis", "statsd"):
        assert airflow[bundled] == {"enabled": False}
