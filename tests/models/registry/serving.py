"""`mlflow models serve` for a version, and what it answers."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa


@contextmanager
def served(uri: str, *, python: Path, variables: Mapping[str, str], folder: Path) -> Iterator[str]:
    """The address of a server of that model, run by that interpreter."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = folder / "serve.log"
    command = f"-m mlflow models serve -m {uri} --env-manager local --host 127.0.0.1 --port {port}"
    with log.open("w") as output:
        server = subprocess.Popen(
            [str(python), *command.split()],
            env={**variables, "PATH": f"{python.parent}:{variables['PATH']}"},
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_up(f"http://127.0.0.1:{port}", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        _end_group(server)


def ask(address: str, rows: pa.Table) -> list[float]:
    """What the server predicts for the rows."""
    data = [[row[name] for name in rows.column_names] for row in rows.to_pylist()]
    request = urllib.request.Request(
        f"{address}/invocations",
        json.dumps({"dataframe_split": {"columns": rows.column_names, "data": data}}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        answer = json.load(response)["predictions"]
    return [float(each) for each in answer]


def _wait_until_up(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/ping", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"The server did not start: {log.read_text()[-2_000:]}")


def _end_group(server: subprocess.Popen[bytes]) -> None:
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
