"""Whether MLflow and the parts of Airflow answer and say that they are well."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError

SECONDS_MAX = 2.0
_ANSWER_BYTES_MAX = 65_536
# As Airflow calls its parts, and as the platform does.
_PARTS = {
    "scheduler": "scheduler", "dag_processor": "dag-processor", "triggerer": "triggerer",
}  # fmt: skip
MLFLOW = ("mlflow",)
AIRFLOW = ("api-server", *_PARTS.values())


def mlflow_health(url: str) -> Mapping[str, bool]:
    """Whether the MLflow at that address answers."""
    return {"mlflow": _ask(f"{url.rstrip('/')}/health") is not None}


def airflow_health(url: str) -> Mapping[str, bool]:
    """Whether Airflow's api-server answers, and which of its other parts it says are well.

    Examples
    --------
    >>> airflow_health("http://127.0.0.1:1")["scheduler"]
    False
    """
    body = _ask(f"{url.rstrip('/')}/api/v2/monitor/health")
    report: dict[str, Any] = {}
    if body is not None:
        try:
            answered = json.loads(body)
            report = answered if isinstance(answered, dict) else {}
        except ValueError:
            body = None
    parts = {
        name: (report.get(key) or {}).get("status") == "healthy" for key, name in _PARTS.items()
    }
    return {"api-server": body is not None, **parts}


def _ask(url: str) -> bytes | None:
    # Parts of the platform are never behind a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=SECONDS_MAX) as answer:
            return bytes(answer.read(_ANSWER_BYTES_MAX)) if answer.status == 200 else None
    except (OSError, HTTPError, ValueError):
        return None
