"""A server of figures on a free port, and what asks it."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from retention_ml.metrics.serve import start
from retention_ml.metrics.server import MetricsServer
from retention_ml.settings import Settings
from retention_ml.stack.postgres import free_port
from tests.worlds import threads


@contextmanager
def serving(
    settings: Settings,
    warehouse: str | None,
    *,
    mlflow: str | None = None,
    airflow: str | None = None,
) -> Iterator[MetricsServer]:
    """The server of a warehouse, ended with the block."""
    metrics = settings.metrics.model_copy(update={"port": free_port()})
    server = start(
        settings.model_copy(update={"metrics": metrics}),
        warehouse=lambda: warehouse,
        mlflow=lambda: mlflow,
        airflow=lambda: airflow,
    )
    with threads.serving(server):
        yield server


def ask(
    server: MetricsServer,
    path: str = "/metrics",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Status and text of an answer; with a body, of a push."""
    kind = {"Content-Type": "application/x-protobuf"} if body is not None else {}
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.server_port}{path}", data=body, headers=kind | (headers or {})
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode("utf-8", "replace")


def push(server: MetricsServer, body: bytes, **headers: str) -> tuple[int, str]:
    """Status and text of the answer to a push."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(server, "/v1/metrics", body, named)


def values(text: str) -> dict[str, float]:
    """Each line of a text by its series."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
