"""A door in a process of its own, and what it cost."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil

from retention_ml.stack.postgres import EmbeddedPostgres


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a door did, and what it cost: seconds, CPU seconds, megabytes at most.

    `server_cpu_seconds` are those of the Postgres that was named, 0 where none was.
    """

    customers: int
    details: dict[str, Any]
    seconds: float
    cpu_seconds: float
    megabytes: int
    server_cpu_seconds: float = 0.0


def alone(
    door: Callable[..., tuple[int, dict[str, Any]]],
    *arguments: object,
    server: EmbeddedPostgres | None = None,
) -> Step:
    """A door in a process of its own, so that its memory is not another's."""
    before = server_cpu_seconds(server)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        step = pool.submit(_watched, door, arguments).result()
    return replace(step, server_cpu_seconds=server_cpu_seconds(server) - before)


def server_cpu_seconds(server: EmbeddedPostgres | None) -> float:
    """CPU seconds that all processes of a server have used, those that ended included."""
    if server is None or server.pid is None:
        return 0.0
    return cpu_seconds(server.pid)


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process and all below it, those that ended included."""
    main = psutil.Process(pid)
    times = main.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for process in main.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _watched(
    door: Callable[..., tuple[int, dict[str, Any]]], arguments: tuple[object, ...]
) -> Step:
    started, cpu = time.perf_counter(), time.process_time()
    customers, details = door(*arguments)
    return Step(
        customers=customers,
        details=details,
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu,
        megabytes=_most_memory(),
    )


def _most_memory() -> int:
    """Megabytes that this process held at most; `ru_maxrss` starts with those of its parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) // 1024
