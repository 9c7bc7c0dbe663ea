"""How long a request to MLflow may take; its client takes that from environment variables."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

Timeout = Literal["long", "short"]
TIMEOUTS: Mapping[Timeout, Mapping[str, str]] = {
    "long": {"TIMEOUT": "30", "MAX_RETRIES": "3", "BACKOFF_FACTOR": "1"},
    "short": {"TIMEOUT": "5", "MAX_RETRIES": "1", "BACKOFF_FACTOR": "1"},
}


@contextmanager
def limited(timeout: Timeout) -> Iterator[None]:
    """Requests made inside are bounded; variables that are set already count."""
    limits = {f"MLFLOW_HTTP_REQUEST_{key}": value for key, value in TIMEOUTS[timeout].items()}
    added = {key: value for key, value in limits.items() if key not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for key in added:
            os.environ.pop(key, None)
