"""The door: answers Prometheus until it is stopped."""

from collections.abc import Callable, Mapping

from retention_ml.errors import StackError
from retention_ml.metrics.health import AIRFLOW, MLFLOW, airflow_health, mlflow_health
from retention_ml.metrics.looks import Ledgers, Looks
from retention_ml.metrics.pushed import PushedSeries
from retention_ml.metrics.server import MetricsServer
from retention_ml.settings import Settings

Address = Callable[[], str | None]


def serve(
    settings: Settings,
    *,
    warehouse: Address,
    mlflow: Address,
    airflow: Address,
    say: Callable[[str], None],
) -> None:
    """Serve until the process is stopped; writes nothing anywhere.

    Parameters
    ----------
    settings : Settings
    warehouse, mlflow, airflow : callable
        Where each is at this moment; None where it is not, and then its health is 0.
    say : callable of str
        Told where it listens.

    Raises
    ------
    StackError
        The address of `[metrics]` is taken, or none of this machine.
    """
    with start(settings, warehouse=warehouse, mlflow=mlflow, airflow=airflow) as server:
        say(
            f"Figures for Prometheus are at http://{settings.metrics.host}:{server.server_port}/metrics"
        )
        server.serve_forever()


def start(
    settings: Settings, *, warehouse: Address, mlflow: Address, airflow: Address
) -> MetricsServer:
    """The server, listening, for who calls `serve_forever`; see `serve`."""
    ledgers = Ledgers(address=warehouse, cooldown_days=settings.monitoring.cooldown_days)
    looks = Looks(
        ledgers,
        [
            (MLFLOW, _asked(mlflow, mlflow_health)),
            (AIRFLOW, _asked(airflow, airflow_health)),
        ],
        PushedSeries(),
    )
    host, port = settings.metrics.host, settings.metrics.port
    try:
        return MetricsServer(host, port, looks)
    except OSError as error:
        raise StackError(
            f"Nothing can be served at {host}:{port}: {error}. Set another host or port under "
            "[metrics], then start it again; Prometheus and Grafana ask the same address."
        ) from error


def _asked(
    address: Address, health: Callable[[str], Mapping[str, bool]]
) -> Callable[[], Mapping[str, bool]]:
    def ask() -> Mapping[str, bool]:
        url = address()
        return health(url) if url else {}

    return ask
