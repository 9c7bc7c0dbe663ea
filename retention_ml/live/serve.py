"""The door: answers requests until it is stopped, with the worker beside it."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from retention_ml.errors import StackError
from retention_ml.live.api.service import Service
from retention_ml.live.api.web import make_app
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)

_RESTART_SECONDS = 2.0
_STOP_SECONDS = 20.0


def serve(
    warehouse: Warehouse,
    *,
    settings: Settings,
    worker: tuple[str, ...] | None,
    say: Callable[[str], None],
) -> None:
    """Serve until the process is stopped.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    worker : tuple of str or None
        The command of the worker, a process of its own that is started again when it ends; None
        where it runs elsewhere.
    say : callable of str
        Told where it listens.

    Raises
    ------
    StackError
        The address of `[live]` is taken, or none of this machine.
    """
    live = settings.live
    listener = _listener(live.host, live.port)
    config = uvicorn.Config(
        make_app(Service(warehouse, settings)),
        access_log=False,  # paths hold customers' numbers
        log_level="warning",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        limit_concurrency=256,
    )
    if threading.current_thread() is threading.main_thread():
        # The server ends by the signal that stopped it: only an exception ends the worker as well.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with listener, _with_worker(worker):
        say(f"Events and scores are at http://{live.host}:{live.port}, described at /docs")
        uvicorn.Server(config).run(sockets=[listener])


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=256)
    except OSError as error:
        raise StackError(
            f"Nothing can be served at {host}:{port}: {error}. Set another host or port under "
            "[live], then start it again."
        ) from error


@contextmanager
def _with_worker(command: tuple[str, ...] | None) -> Iterator[None]:
    """A block beside which a command runs, started again when it ends and stopped with the block."""
    if command is None:
        yield
        return
    is_over = threading.Event()
    processes: list[subprocess.Popen[bytes]] = []

    def keep() -> None:
        while not is_over.is_set():
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
            processes[:] = [process]
            if is_over.is_set():  # the block ended while it was started
                process.terminate()
            code = process.wait()
            if not is_over.wait(_RESTART_SECONDS):
                logger.error("The worker ended with %d and is started again.", code)

    keeper = threading.Thread(target=keep, name="keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        is_over.set()
        for process in processes:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def worker_command() -> tuple[str, ...]:
    """The command of the worker of this installation; it ends when this process is gone."""
    command = str(Path(sys.executable).with_name("retention"))
    return (command, "serve", "--only", "worker", "--follow", str(os.getpid()))
