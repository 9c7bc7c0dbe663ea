"""The watched folder: which files are complete, the trigger that reports them, where they go after.

`<inbox>/<source>/` holds live files, `<inbox>/<source>/history/` a historical import. A file is
complete when two looks in a row find the same size and time; names that begin with a dot or end
with `.part` are still being written. After they are curated, files move to `done/` beside them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

HISTORY = "history"
DONE = "done"

Stamp = tuple[int, int]  # size in bytes, time of last change in nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Files of one source that are ingested together."""

    source: str
    files: tuple[str, ...]
    history: bool

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"source": self.source, "files": list(self.files), "history": self.history}


def look(folder: Path) -> dict[Path, Stamp]:
    """Every delivered file below the inbox with its size and time."""
    stamps_by_path: dict[Path, Stamp] = {}
    for path in (*folder.glob("*/*"), *folder.glob(f"*/{HISTORY}/*")):
        if path.name.startswith(".") or path.suffix == ".part" or not path.is_file():
            continue
        stamps_by_path[path] = _stamp(path)
    return stamps_by_path


def parcels(
    before: Mapping[Path, Stamp], now: Mapping[Path, Stamp], reported: Mapping[Path, Stamp]
) -> list[Parcel]:
    """The files that became complete between two looks, together per source.

    Parameters
    ----------
    before, now : mapping of path to stamp
        Two looks in a row.
    reported : mapping of path to stamp
        What was reported already.

    Notes
    -----
    While one file of a source still grows, the others wait for it: a shop that drops three files
    means them together.
    """
    groups: dict[tuple[str, bool], list[Path]] = {}
    for path in sorted(now):
        is_history = path.parent.name == HISTORY
        source = path.parent.parent.name if is_history else path.parent.name
        groups.setdefault((source, is_history), []).append(path)
    complete = []
    for (source, is_history), paths in groups.items():
        fresh = [path for path in paths if reported.get(path) != now[path]]
        if fresh and all(before.get(path) == now[path] for path in paths):
            complete.append(Parcel(source=source, files=tuple(map(str, fresh)), history=is_history))
    return complete


def waiting(folder: Path, pause_seconds: float = 1.0) -> list[Parcel]:
    """Every complete file of the inbox, together per source; history first."""
    before = look(folder)
    time.sleep(pause_seconds)
    complete = parcels(before, look(folder), {})
    return sorted(complete, key=lambda parcel: (not parcel.history, parcel.source))


def to_ingest(folder: Path, params: Mapping[str, Any], run_type: str) -> list[dict[str, Any]]:
    """What a run of `ingest_deliveries` brings in, one entry per source.

    The files its parameters name, else what is complete in the inbox (of `params["source"]`, if
    given). A backfill brings in nothing: it makes past days again from what is there. Each entry
    also holds the `stamps` of its files, by which `put_away` knows them again.
    """
    if params["files"]:
        entries = [{key: params[key] for key in ("source", "files", "history")}]
    elif run_type == "backfill":
        entries = []
    else:
        source = params["source"]
        entries = [one.to_dict() for one in waiting(folder) if source in (None, one.source)]
    return [{**entry, "stamps": stamps(entry["files"])} for entry in entries]


def stamps(files: Iterable[str]) -> dict[str, Stamp]:
    """Size and time of the files that are there, by path."""
    return {name: _stamp(Path(name)) for name in files if Path(name).is_file()}


def _stamp(path: Path) -> Stamp:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def put_away(folder: Path, collected: Mapping[str, Sequence[int]]) -> list[str]:
    """Move curated files that lie in the inbox to `done/` beside them; files elsewhere stay.

    A file of the same name in `done/` is not overwritten: the newcomer gets a number.

    Parameters
    ----------
    collected : mapping of path to stamp
        The files as they were before they were landed. One that was replaced since is another
        file, which nobody has read yet: it stays for the next run.
    """
    moved = []
    for path, stamp in ((Path(name), tuple(stamp)) for name, stamp in collected.items()):
        if not path.is_file() or folder.resolve() not in path.resolve().parents:
            continue
        if _stamp(path) != stamp:
            continue
        done = path.parent / DONE
        done.mkdir(exist_ok=True)
        target, number = done / path.name, 1
        while target.exists():
            target = done / f"{path.name}.{number}"
            number += 1
        path.rename(target)
        moved.append(str(target))
    return moved


def day_of_arrival(now: datetime, timezone: str) -> str:
    """The first day whose start lies after `now`: from that day on a file that came now counts."""
    return (now.astimezone(ZoneInfo(timezone)).date() + timedelta(days=1)).isoformat()


class InboxTrigger(BaseEventTrigger):  # type: ignore[misc]  # airflow is untyped here
    """Says when files of the inbox are complete: one event per look, however many there are.

    The event only wakes: whoever is woken looks for himself. Two events within milliseconds may
    start a single run, so an event must not carry what nobody else would find.

    Parameters
    ----------
    folder : str
        The inbox.
    poll_seconds : float
        Time between two looks.
    """

    def __init__(self, folder: str, poll_seconds: float = 5.0) -> None:
        super().__init__()
        self.folder = folder
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and arguments from which the triggerer makes it again."""
        return (
            "retention_airflow.inbox.InboxTrigger",
            {"folder": self.folder, "poll_seconds": self.poll_seconds},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, wait, look again; never ends."""
        folder = Path(self.folder)
        before: dict[Path, Stamp] = {}
        reported: dict[Path, Stamp] = {}
        while True:
            now = await asyncio.to_thread(look, folder)
            complete = parcels(before, now, reported)
            if complete:
                names = [Path(name) for parcel in complete for name in parcel.files]
                reported |= {path: now[path] for path in names}
                yield TriggerEvent({"files": [str(path.relative_to(folder)) for path in names]})
            reported = {path: stamp for path, stamp in reported.items() if path in now}
            before = now
            await asyncio.sleep(self.poll_seconds)
