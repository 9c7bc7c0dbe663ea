"""Where in a stack words stand: everything it has written is searched."""

import base64
import json
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from retention_ml.keys import PURPOSES, Keyring
from retention_ml.settings import Settings
from retention_ml.stack import databases, environment
from retention_ml.stack.postgres import binaries

_FOLDERS = ("logs", "mlflow", "models", "reports", "backtests", "quality", "cache")


def secrets_of(settings: Settings) -> list[str]:
    """The passwords and keys of a stack, as text."""
    home = settings.home
    passwords = json.loads((home / "secrets.json").read_text(encoding="utf-8")).values()
    ring = Keyring.of(settings)
    keys = [ring.current(purpose).secret for purpose in PURPOSES]
    written = [text for key in keys for text in (key.hex(), base64.b64encode(key).decode())]
    return [*passwords, *written]


def places_of(words: Sequence[str], settings: Settings, folder: Path) -> dict[str, set[str]]:
    """The places in which each word stands.

    Files of the home are named by their path, others by the database and its table, the log of
    Postgres by its name, the figures for Prometheus as `metrics`. `folder` takes the dumps.
    """
    home = settings.home
    places: dict[str, set[str]] = {}

    def look(place: str, text: str) -> None:
        for word in words:
            if word in text:
                places.setdefault(word, set()).add(place)

    files = [path for name in _FOLDERS for path in (home / name).rglob("*") if path.is_file()]
    for path in (*files, *(home / "postgres").glob("*.log")):
        look(path.relative_to(home).as_posix(), path.read_bytes().decode("latin-1"))
    server = databases.server(home)
    for database in ("retention", "airflow", "mlflow"):
        name = "warehouse" if database == "retention" else database
        dumped = folder / f"{database}.sql"
        subprocess.run(
            [str(binaries() / "pg_dump"), f"--dbname={server.url(database)}", f"--file={dumped}"],
            check=True,
        )
        table = ""
        with dumped.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                table = line.split()[1] if line.startswith("COPY ") else table
                look(f"{name} {table}", line)
    if settings.metrics.enabled:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{environment.metrics_url(settings)}/metrics", timeout=30) as answer:
            look("metrics", answer.read().decode())
    return places
