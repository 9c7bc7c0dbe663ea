"""How much of the machine a computation may use: threads, memory, and where it goes beyond that."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import duckdb

from retention_ml import atomic_files
from retention_ml.errors import MachineError
from retention_ml.settings import Settings

_CONTROL_GROUP = Path("/sys/fs/cgroup/memory.max")
_BYTES = 2**30
# Postgres may take a session's memory several times in one statement, and several sessions work at
# once: a hundredth leaves room for both.
_WORK_SHARE = 1 / 96
_WORK_MB = (4, 128)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a computation in this process may use.

    Parameters
    ----------
    threads : int
    memory_gb : float, optional
        Of the engine; by default what it takes for itself.
    folder : Path, optional
        Where it puts what does not fit in memory; by default nowhere.
    """

    threads: int
    memory_gb: float | None = None
    folder: Path | None = None


class SessionLimits(TypedDict):
    """The limits that a `Warehouse` takes."""

    statement_minutes_max: float
    session_settings: dict[str, str]


def limits_of(settings: Settings) -> Limits:
    """The limits that `[compute]` states; without `memory_gb` half of the machine's memory."""
    return Limits(
        threads=settings.compute.threads,
        memory_gb=memory_gb(settings),
        folder=settings.home / "cache" / "spilled",
    )


def limits_in_memory(settings: Settings) -> Limits:
    """The same without a folder: for what only looks, and leaves nothing on the disk."""
    return replace(limits_of(settings), folder=None)


def memory_gb(settings: Settings) -> float:
    """Gigabytes for one computation: those of `[compute]`, or half of what the machine has."""
    return settings.compute.memory_gb or machine_memory_gb() / 2


def machine_memory_gb() -> float:
    """Gigabytes of the machine, or of the container if it may have fewer."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        total = min(total, int(_CONTROL_GROUP.read_text(encoding="ascii")))
    return total / _BYTES


def postgres_settings(settings: Settings) -> dict[str, str]:
    """Settings of Postgres for sessions of ours: memory of a sort, and processes that help."""
    work_mb = int(min(max(memory_gb(settings) * 1024 * _WORK_SHARE, _WORK_MB[0]), _WORK_MB[1]))
    helpers = str(settings.compute.threads - 1)
    return {
        "work_mem": f"{work_mb}MB",
        "maintenance_work_mem": f"{4 * work_mb}MB",
        "max_parallel_workers_per_gather": helpers,
        "max_parallel_maintenance_workers": helpers,
    }


def of_sessions(settings: Settings) -> SessionLimits:
    """What `[compute]` grants to the sessions of a warehouse: `Warehouse(url, **of_sessions(…))`."""
    return {
        "statement_minutes_max": settings.compute.statement_minutes_max,
        "session_settings": postgres_settings(settings),
    }


def connect_duckdb(limits: Limits) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that keeps to some limits."""
    config: dict[str, str | bool | int | float | list[str]] = {"threads": limits.threads}
    if limits.memory_gb is not None:
        config["memory_limit"] = f"{limits.memory_gb * 1024:.0f}MiB"
    if limits.folder is not None:
        atomic_files.make_folder(limits.folder, mode=0o700)
        config["temp_directory"] = str(limits.folder)
    return duckdb.connect(config=config)


@contextmanager
def within(limits: Limits, what: str) -> Iterator[None]:
    """A block whose lack of memory ends in a sentence.

    Parameters
    ----------
    what : str
        What is computed, as the subject of a sentence in the plural: `The features of 12 days`.

    Raises
    ------
    MachineError
        The block does not fit into memory, or what it puts on the disk does not fit there.
    """
    try:
        yield
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        allowed = "" if limits.memory_gb is None else f" of {limits.memory_gb:.1f} GB"
        folder = "" if limits.folder is None else f", or make room below {limits.folder}"
        raise MachineError(
            f"{what} do not fit into the memory{allowed} that one computation may use, with "
            f"{limits.threads} threads. Nothing was stored and published scores stay as they are. "
            "Raise memory_gb under [compute] if the machine has more, or lower threads there"
            f"{folder}; then run the same command again."
        ) from error
