"""Commands that outlive the one who started them: each a session of its own, found again by name.

What runs is remembered in `<folder>/<name>.json`: the process id and the moment the kernel started
it. Only a process with both is ours; a number that was given to somebody else since is left alone.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retention_ml.errors import StackError

MARKER = "RETENTION_COMPONENT"

# Started by this very process: kept so that their end is taken note of (no zombies).
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as /proc shows it; `started_ticks` counts from the boot of the machine."""

    pid: int
    state: str
    session: int
    started_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A named command with its folder of process ids and its log."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    run_folder: Path
    log_folder: Path
    stop_seconds: float = 8.0

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.log_folder / f"{self.name}.log"

    @property
    def _file(self) -> Path:
        return self.run_folder / f"{self.name}.json"

    @property
    def _mark(self) -> bytes:
        return f"{MARKER}={self.run_folder}/{self.name}".encode()

    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        remembered = self._remembered()
        if remembered is None:
            return None
        pid, started_ticks = remembered
        seen = look(pid)
        if seen is None or seen.state in "ZX" or seen.started_ticks != started_ticks:
            return None
        return pid

    def started_at(self) -> float | None:
        """When it was started, in seconds since 1970; None if it never was."""
        try:
            return self._file.stat().st_mtime
        except OSError:
            return None

    def start(self) -> bool:
        """Start it unless it runs; whether it was started now."""
        if self.pid() is not None:
            return False
        self.stop()  # workers of a leader that died would hold its ports
        self.run_folder.mkdir(parents=True, exist_ok=True)
        self.log_folder.mkdir(parents=True, exist_ok=True)
        marker, _, value = self._mark.decode().partition("=")
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.run_folder,
                env={**self.environment, marker: value},
                start_new_session=True,
            )
        _children.append(process)
        seen = look(process.pid)
        if seen is None:
            raise StackError(
                f"{self.name} ended as soon as it was started. {self.last_words()}\n"
                "Correct what it names, then run `retention stack up` again."
            )
        record = {"pid": seen.pid, "started_ticks": seen.started_ticks, "boot": boot_id()}
        draft = self._file.with_suffix(".part")
        draft.write_text(json.dumps(record), encoding="utf-8")
        draft.replace(self._file)
        return True

    def stop(self) -> list[int]:
        """TERM, wait, KILL whatever of it still runs; the ids of what was stopped.

        Raises
        ------
        StackError
            If something survives the KILL.
        """
        members = self._members()
        if members:
            # Workers whose leader died have nobody left to end their work for.
            patience = self.stop_seconds if self.pid() is not None else min(1.0, self.stop_seconds)
            _signal(members, signal.SIGTERM)
            if not self._gone_within(patience):
                _signal(self._members(), signal.SIGKILL)
                if not self._gone_within(5.0):
                    raise StackError(
                        f"{self.name} (process {', '.join(map(str, self._members()))}) survived "
                        "being killed; it probably waits for a disk. Look at it with `ps`, "
                        "then run `retention stack down` again."
                    )
        self._file.unlink(missing_ok=True)
        return members

    def last_words(self, lines: int = 15) -> str:
        """The end of its log, with the place of the whole."""
        if not self.log.exists():
            return "It wrote no log."
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 16_384))
            tail = log.read().decode("utf-8", errors="replace").splitlines()[-lines:]
        return f"The end of {self.log}:\n" + "\n".join(f"    {line}" for line in tail)

    def _remembered(self) -> tuple[int, int] | None:
        try:
            record = json.loads(self._file.read_text(encoding="utf-8"))
            if record["boot"] != boot_id():
                return None
            return int(record["pid"]), int(record["started_ticks"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _members(self) -> list[int]:
        """Every living process of its session or with its mark, children of children included."""
        remembered = self._remembered()
        leader = look(remembered[0]) if remembered else None
        session = (
            remembered[0]
            if remembered and (leader is None or leader.started_ticks == remembered[1])
            else None
        )
        found = []
        for seen in everybody():
            if seen.pid == os.getpid() or seen.state in "ZX":
                continue
            in_session = (
                session is not None
                and remembered is not None
                and seen.session == session
                and seen.started_ticks >= remembered[1]
            )
            if in_session or self._carries_mark(seen.pid):
                found.append(seen.pid)
        return found

    def _carries_mark(self, pid: int) -> bool:
        try:
            return self._mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._members():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def look(pid: int) -> Seen | None:
    """What /proc says of a process, None if there is none."""
    _children[:] = [child for child in _children if child.poll() is None]
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return Seen(pid=pid, state=fields[0], session=int(fields[3]), started_ticks=int(fields[19]))


def everybody() -> list[Seen]:
    """All processes this user may look at."""
    seen = (look(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [process for process in seen if process is not None]


def boot_id() -> str:
    """The kernel's name for the present boot: process ids of another one mean nothing."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue
