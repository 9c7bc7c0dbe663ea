"""Commands that outlive the one who started them: each a session of its own, found again by name.

What runs is recorded in `<folder>/<name>.json`: the process id, the boot of the machine and the
time from there to its creation. Only a process with all of them is ours; an id that was given to
another process since is left alone.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from retention_ml import atomic_files
from retention_ml.errors import StackError

MARKER = "RETENTION_COMPONENT"
_FOR_THE_OWNER = 0o077  # umask: what is written into the home is for its owner alone

# Started by this process, which has to reap them: else they stay as zombies.
_children: list[subprocess.Popen[bytes]] = []
_ENDED = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LINES_SHOWN = 15  # of a log, where something ended
_TOLERANCE_SECONDS = 0.05  # rounding; the kernel counts in hundredths


def run_to_end(
    what: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> None:
    """Run a command in a folder until it ends, and add what it prints to a log.

    Raises
    ------
    StackError
        `what` did not succeed; the message ends with its last lines.
    """
    log.touch(mode=0o600)
    with log.open("ab") as output:
        ended = subprocess.run(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            umask=_FOR_THE_OWNER,
        )
    if ended.returncode != 0:
        raise StackError(
            f"{what} ended with code {ended.returncode}. {_end_of(log)}\n"
            "Correct what it names, then run the same command again."
        )


def _end_of(log: Path) -> str:
    if not log.exists():
        return "It wrote no log."
    with log.open("rb") as text:
        text.seek(max(0, log.stat().st_size - 16_384))
        tail = text.read().decode("utf-8", errors="replace").splitlines()[-_LINES_SHOWN:]
    return f"The end of {log}:\n" + "\n".join(f"    {line}" for line in tail)


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
    def _mark(self) -> str:
        return f"{self.run_folder}/{self.name}"

    def pid(self) -> int | None:
        """The process id while it runs, else None."""
        record = self._record()
        if record is None:
            return None
        pid, created_at = record
        _reap()
        try:
            process = psutil.Process(pid)
            is_component = _is_created_at(process, created_at) and process.status() not in _ENDED
            return pid if is_component else None
        except psutil.NoSuchProcess:
            return None

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
        atomic_files.make_folder(self.run_folder)
        atomic_files.make_folder(self.log_folder)
        self.log.touch(mode=0o600)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.run_folder,
                env={**self.environment, MARKER: self._mark},
                start_new_session=True,
                umask=_FOR_THE_OWNER,
            )
        _children.append(process)
        try:
            created_at = _seconds_after_boot(psutil.Process(process.pid))
        except psutil.NoSuchProcess as error:
            raise StackError(
                f"{self.name} ended as soon as it was started. {self.last_words()}\n"
                "Correct what it names, then run `retention stack up` again."
            ) from error
        record = {"pid": process.pid, "boot_id": _boot_id(), "seconds_after_boot": created_at}
        atomic_files.write_text(self._file, json.dumps(record))
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
            # Workers whose leader died have nobody left to end their work for. Without a record
            # that can be read, nobody knows that it died.
            may_have_leader = self.pid() is not None or self._record() is None
            grace = self.stop_seconds if may_have_leader else min(1.0, self.stop_seconds)
            _signal(members, signal.SIGTERM)
            if not self._ends_within(grace):
                _signal(self._members(), signal.SIGKILL)
                if not self._ends_within(5.0):
                    pids = ", ".join(str(process.pid) for process in self._members())
                    raise StackError(
                        f"{self.name} (process {pids}) survived being killed; it probably waits "
                        "for a disk. Look at it with `ps`, then run `retention stack down` again."
                    )
        self._file.unlink(missing_ok=True)
        return [process.pid for process in members]

    def last_words(self) -> str:
        """The end of its log, with the place of the whole."""
        return _end_of(self.log)

    def _record(self) -> tuple[int, float] | None:
        """Process id and seconds from boot to creation of what was started last, in this boot."""
        try:
            record = json.loads(self._file.read_text(encoding="utf-8"))
            if record["boot_id"] != _boot_id():
                return None
            return int(record["pid"]), float(record["seconds_after_boot"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _members(self) -> list[psutil.Process]:
        """Every living process of its session or with its mark, children of children included."""
        _reap()
        session = self._session()
        return [
            process
            for process in psutil.process_iter(["status", "environ"])
            if process.pid != os.getpid()
            and process.info["status"] not in _ENDED
            and (
                (process.info["environ"] or {}).get(MARKER) == self._mark
                or (session is not None and _session_of(process.pid) == session)
            )
        ]

    def _session(self) -> int | None:
        """Its session, named by the process id of the leader, also after the leader's end."""
        record = self._record()
        if record is None:
            return None
        pid, created_at = record
        try:
            return pid if _is_created_at(psutil.Process(pid), created_at) else None
        except psutil.NoSuchProcess:
            return pid  # not given to another process: whoever is in it was started by the leader

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._members():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def _boot_id() -> str:
    return _BOOT_ID.read_text(encoding="ascii").strip()


def _seconds_after_boot(process: psutil.Process) -> float:
    """When it was created; a correction of the clock moves both times and not their distance."""
    return float(process.create_time() - psutil.boot_time())


def _is_created_at(process: psutil.Process, seconds_after_boot: float) -> bool:
    return abs(_seconds_after_boot(process) - seconds_after_boot) <= _TOLERANCE_SECONDS


def _reap() -> None:
    _children[:] = [child for child in _children if child.poll() is None]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _signal(members: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in members:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.send_signal(number)
