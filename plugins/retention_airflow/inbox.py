"""The watched folder: which files are complete, and the trigger that reports them.

`<inbox>/<source>/` holds live files, `<inbox>/<source>/history/` a historical import. A file is
complete when two looks, five seconds apart, find the same size and time. Names that begin with a
dot or end with `.part` are still being written; those that operating systems leave behind are no
deliveries. Where files go afterwards is in `put_away`.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from retention_ml.deliveries.inbox import HISTORY, is_named_like_a_delivery, is_text, left_alone

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
PATIENCE_LOOKS = 6  # so many looks the complete files of a source wait for one that still grows

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


@dataclass(slots=True)
class Looks:
    """Several looks at the inbox: the newest stamp of each file, and how many looks it is old."""

    stamps: Mapping[Path, Stamp] = field(default_factory=dict)
    unchanged: Mapping[Path, int] = field(default_factory=dict)

    def add(self, stamps: Mapping[Path, Stamp]) -> None:
        """Take note of one more look."""
        self.unchanged = {
            path: self.unchanged[path] + 1 if self.stamps.get(path) == stamp else 0
            for path, stamp in stamps.items()
        }
        self.stamps = stamps

    def is_growing(self, paths: Iterable[Path]) -> bool:
        """Whether the newest look found one of these files changed or new."""
        return any(self.unchanged[path] == 0 for path in paths)


def look(folder: Path, sources: Iterable[str]) -> dict[Path, Stamp]:
    """Every file delivered for one of the sources, below the inbox, with its size and time."""
    stamps_by_path: dict[Path, Stamp] = {}
    for source in sources:
        for path in (*(folder / source).glob("*"), *(folder / source).glob(f"{HISTORY}/*")):
            if _is_delivery(path) and (stamp := _stamp(path)):
                stamps_by_path[path] = stamp
    return stamps_by_path


def _is_delivery(path: Path) -> bool:
    return is_named_like_a_delivery(path.name) and is_text(path.name) and path.is_file()


def _stamp(path: Path) -> Stamp | None:
    try:
        state = path.stat()
    except OSError:  # it went away since it was listed
        return None
    return state.st_size, state.st_mtime_ns


def parcels(looks: Looks, reported: Mapping[Path, Stamp]) -> list[Parcel]:
    """The files that are complete, together per source.

    Parameters
    ----------
    looks : Looks
    reported : mapping of path to stamp
        What was reported already.

    Notes
    -----
    While one file of a source still grows, the others wait for it, but not for ever: a shop that
    drops three files means them together, and a writer that stalled must not stop the shop.
    """
    groups: dict[tuple[str, bool], list[Path]] = {}
    for path in sorted(looks.stamps):
        is_history = path.parent.name == HISTORY
        source = path.parent.parent.name if is_history else path.parent.name
        groups.setdefault((source, is_history), []).append(path)
    complete = []
    for (source, is_history), paths in groups.items():
        fresh = [
            path
            for path in paths
            if looks.unchanged[path] and reported.get(path) != looks.stamps[path]
        ]
        waited = max((looks.unchanged[path] for path in fresh), default=0)
        if fresh and (waited >= PATIENCE_LOOKS or not looks.is_growing(paths)):
            complete.append(Parcel(source=source, files=tuple(map(str, fresh)), history=is_history))
    return complete


def waiting(
    folder: Path, sources: Collection[str], pause_seconds: float = LOOK_SECONDS
) -> list[Parcel]:
    """Every complete file in the inbox of these sources, together per source; history first.

    An empty inbox is looked at once. Otherwise there are at least two looks, and more while a
    file grows.
    """
    looks = Looks()
    looks.add(look(folder, sources))
    for _ in range(PATIENCE_LOOKS):
        if not looks.is_growing(looks.stamps):
            break
        time.sleep(pause_seconds)
        looks.add(look(folder, sources))
    return sorted(parcels(looks, {}), key=lambda parcel: (not parcel.history, parcel.source))


def to_ingest(
    folder: Path, params: Mapping[str, Any], run_type: str, sources: Collection[str]
) -> list[dict[str, Any]]:
    """What a run of `ingest_deliveries` brings in, one entry per source.

    The files its parameters name, else what is complete in the inbox (of `params["source"]`, if
    given). A backfill brings in nothing: it makes past days again from what is there. Each entry
    also holds the `stamps` of its files, by which `put_away` knows them again.

    Parameters
    ----------
    sources : collection of str
        The sources that are described. What lies in other folders is left alone, and logged.
    """
    if params["files"]:
        entries = [{key: params[key] for key in ("source", "files", "history")}]
    elif run_type == "backfill":
        entries = []
    else:
        if strays := left_alone(folder, sources):
            logger.warning(
                "Left alone in the inbox: %s. A source is a folder with a description under "
                "sources/, its files lie directly in it or in history/, their names are text.",
                ", ".join(f"{name} ({what})" for name, what in strays.items()),
            )
        wanted = [params["source"]] if params["source"] else sources
        entries = [one.to_dict() for one in waiting(folder, wanted)]
    return [{**entry, "stamps": stamps(entry["files"])} for entry in entries]


def stamps(files: Iterable[str]) -> dict[str, Stamp]:
    """Size and time of the files that are there, by path."""
    by_name = {name: _stamp(Path(name)) for name in files if Path(name).is_file()}
    return {name: stamp for name, stamp in by_name.items() if stamp}


def day_of_arrival(now: datetime, timezone: str) -> str:
    """The first day whose start lies after `now`: from that day on a file that came now counts."""
    return (now.astimezone(ZoneInfo(timezone)).date() + timedelta(days=1)).isoformat()


class InboxTrigger(BaseEventTrigger):  # type: ignore[misc]  # airflow is untyped here
    """Says when files of the inbox are complete: one event per look, however many there are.

    Of the shop's own sources only: what the platform writes itself is ingested with the night's run,
    and must not start the next day.

    The event only wakes: whoever is woken looks for himself. Two events within milliseconds may
    start a single run, so an event must not carry what nobody else would find.

    Parameters
    ----------
    folder : str
        The inbox.
    sources : str
        The folder of descriptions: one may come or go between two looks. Files that are in no
        source's folder would stay, and wake somebody at each start of the triggerer.
    poll_seconds : float
        Time between two looks.
    """

    def __init__(self, folder: str, sources: str, poll_seconds: float = LOOK_SECONDS) -> None:
        super().__init__()
        self.folder = folder
        self.sources = sources
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and arguments from which the triggerer makes it again."""
        return (
            "retention_airflow.inbox.InboxTrigger",
            {
                "folder": self.folder,
                "sources": self.sources,
                "poll_seconds": self.poll_seconds,
            },
        )

    def _look(self) -> dict[Path, Stamp]:
        from retention_ml.deliveries.source_names import source_names

        return look(Path(self.folder), source_names(Path(self.sources)))

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, wait, look again; never ends."""
        folder, looks = Path(self.folder), Looks()
        reported: dict[Path, Stamp] = {}
        while True:
            looks.add(await asyncio.to_thread(self._look))
            complete = parcels(looks, reported)
            if complete:
                names = [Path(name) for parcel in complete for name in parcel.files]
                reported |= {path: looks.stamps[path] for path in names}
                yield TriggerEvent({"files": [str(path.relative_to(folder)) for path in names]})
            reported = {path: stamp for path, stamp in reported.items() if path in looks.stamps}
            await asyncio.sleep(self.poll_seconds)
