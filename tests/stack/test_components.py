"""How the parts of the stack are started."""

from pathlib import Path

import pytest

from retention_ml.errors import SettingsError
from retention_ml.settings import Settings, load
from retention_ml.stack import address, components, environment, keys, local
from retention_ml.stack.environment import Ports

PORTS = Ports(airflow=8080, mlflow=5000)


@pytest.mark.parametrize("name", [*components.NAMES, *components.OPTIONAL])
def test_no_secret_stands_among_the_arguments_of_a_process(settings: Settings, name: str) -> None:
    (settings.home / "postgres").mkdir(parents=True)
    (settings.home / "postgres" / "port").write_text("5432")
    part = components.component(settings, name, PORTS)
    secrets = keys.load(settings.home).values()
    assert not [secret for secret in secrets if secret in " ".join(part.command)]
    assert [secret for secret in secrets if secret in " ".join(part.environment.values())]


def test_figures_for_prometheus_are_a_part_of_the_stack_where_they_are_enabled(
    tmp_path: Path,
) -> None:
    variables = {"RETENTION_HOME": str(tmp_path)}
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "port").write_text("5432")
    assert components.METRICS not in components.names(load(variables))
    settings = load({**variables, "RETENTION_METRICS__ENABLED": "true"})
    assert components.names(settings) == (*components.NAMES, components.METRICS)
    command = components.component(settings, components.METRICS, PORTS).command
    assert command[1:] == ("--verbose", "metrics", "serve")
    assert Path(command[0]).is_file()
    assert [part["state"] for part in local.status(settings)][-1] == "stopped"


def test_the_service_for_events_is_a_part_of_the_stack_where_it_is_enabled(tmp_path: Path) -> None:
    variables = {"RETENTION_HOME": str(tmp_path), "RETENTION_LIVE__PORT": "19470"}
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "port").write_text("5432")
    assert components.LIVE not in components.names(load(variables))
    settings = load({**variables, "RETENTION_LIVE__ENABLED": "true"})
    assert components.names(settings) == (*components.NAMES, components.LIVE)
    assert components.component(settings, components.LIVE, PORTS).command[1:] == ("serve",)
    assert environment.live_url(settings) == "http://127.0.0.1:19470"
    assert [part["state"] for part in local.status(settings)][-1] == "stopped"


def test_airflow_pushes_its_figures_where_they_are_enabled_and_nowhere_otherwise(
    tmp_path: Path,
) -> None:
    variables = {"RETENTION_HOME": str(tmp_path), "RETENTION_METRICS__PORT": "19464"}
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "port").write_text("5432")

    def pushed(**more: str) -> dict[str, str]:
        built = environment.build(load({**variables, **more}), PORTS, {})
        return {
            name: value
            for name, value in built.items()
            if name.startswith(("OTEL_", "AIRFLOW__METRICS"))
        }

    assert pushed() == {}
    enabled = pushed(RETENTION_METRICS__ENABLED="true", RETENTION_METRICS__PUSH_SECONDS="5")
    assert enabled["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] == "http://127.0.0.1:19464/v1/metrics"
    assert enabled["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
    assert enabled["OTEL_METRIC_EXPORT_INTERVAL"] == "5000"
    assert enabled["AIRFLOW__METRICS__OTEL_ON"] == "True"
    # Or every task would wait for a server that is down.
    assert enabled["OTEL_EXPORTER_OTLP_METRICS_TIMEOUT"] == "2"
    everywhere = pushed(RETENTION_METRICS__ENABLED="true", RETENTION_METRICS__HOST="0.0.0.0")
    assert everywhere == {**enabled, "OTEL_METRIC_EXPORT_INTERVAL": "15000"}


def test_where_everything_is_at_a_moment_is_said_without_starting_it(tmp_path: Path) -> None:
    variables = {"RETENTION_HOME": str(tmp_path / "home")}
    places = address.now(load(variables))
    assert {name: ask() for name, ask in places.items()} == {
        "warehouse": None, "mlflow": None, "airflow": None,
    }  # fmt: skip
    assert not (tmp_path / "home").exists()
    environment.ports(tmp_path / "home")
    assert [places[name]() is None for name in ("mlflow", "airflow")] == [False, False]
    url = "postgresql://a:b@127.0.0.1:1/c"
    elsewhere = {
        **variables,
        "RETENTION_WAREHOUSE_URL": url,
        "MLFLOW_TRACKING_URI": "http://mlflow:5000",
        "RETENTION_METRICS__AIRFLOW_URL": "http://api-server:8080",
    }
    places = address.now(load(elsewhere))
    assert [places[name]() for name in ("warehouse", "mlflow", "airflow")] == [
        url, "http://mlflow:5000", "http://api-server:8080",
    ]  # fmt: skip
    assert (
        address.now(load({**elsewhere, "MLFLOW_TRACKING_URI": "sqlite:///a.db"}))["mlflow"]()
        is None
    )


@pytest.mark.parametrize("url", ["api-server:8080", "http://user:pw@host", "ftp://host"])
def test_an_address_of_airflow_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    variables = {"RETENTION_HOME": str(tmp_path), "RETENTION_METRICS__AIRFLOW_URL": url}
    with pytest.raises(SettingsError, match="expected http://host:port"):
        load(variables)
