"""A door in a process of its own, and what it cost."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a door did, and what it cost: seconds, CPU seconds, megabytes at most."""

    customers: int
    details: dict[str, Any]
    seconds: float
    cpu_seconds: float
    megabytes: int


def alone(door: Callable[..., tuple[int, dict[str, Any]]], *arguments: object) -> Step:
    """A door in a process of its own, so that its memory is not another's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_watched, door, arguments).result()


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
