"""Components as process groups: found again, stopped whole, and never anybody else's."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from retention_ml.errors import StackError
from retention_ml.stack import processes
from retention_ml.stack.processes import Component

SLEEPS = "import time; time.sleep(120)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(120)"
WITH_CHILD = (
    "import subprocess, sys, time; "
    f"subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]); print('up', flush=True); time.sleep(120)"
)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Component]]:
    made = []

    def component(code: str = SLEEPS, name: str = "part", patience: float = 5.0) -> Component:
        made.append(
            Component(
                name=name,
                command=(sys.executable, "-c", code),
                environment=dict(os.environ),
                run_folder=tmp_path / "run",
                log_folder=tmp_path / "logs",
                stop_seconds=patience,
            )
        )
        return made[-1]

    yield component
    for part in made:
        part.stop()


def write_record(
    part: Component, pid: int, seconds_after_boot: float, boot_id: str | None = None
) -> None:
    record = {
        "pid": pid,
        "boot_id": boot_id or processes._boot_id(),
        "seconds_after_boot": seconds_after_boot,
    }
    (part.run_folder / "part.json").write_text(json.dumps(record))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited ten seconds in vain"
        os.sched_yield()


def test_what_was_started_is_found_again_by_another_object(make: Callable[..., Component]) -> None:
    assert make().start()
    pid = make().pid()
    assert pid is not None
    assert make().stop() == [pid]
    assert make().pid() is None


def test_starting_twice_starts_once(make: Callable[..., Component]) -> None:
    part = make()
    assert part.start()
    pid = part.pid()
    assert not part.start()
    assert part.pid() == pid


def test_stopping_what_does_not_run_stops_nothing(make: Callable[..., Component]) -> None:
    assert make().stop() == []


def test_one_that_ignores_term_is_killed(make: Callable[..., Component]) -> None:
    part = make(STUBBORN, patience=0.3)
    part.start()
    until(lambda: "up" in part.last_words())
    assert len(part.stop()) == 1
    assert part.pid() is None


def test_children_end_with_it(make: Callable[..., Component]) -> None:
    part = make(WITH_CHILD)
    part.start()
    until(lambda: "up" in part.last_words())
    until(lambda: len(part._members()) == 2)
    assert len(part.stop()) == 2


def test_children_that_a_crash_left_behind_are_stopped_too(
    make: Callable[..., Component],
) -> None:
    part = make(WITH_CHILD)
    part.start()
    until(lambda: "up" in part.last_words() and len(part._members()) == 2)
    leader = part.pid()
    assert leader is not None
    os.kill(leader, signal.SIGKILL)
    until(lambda: part.pid() is None)
    assert len(part.stop()) == 1


def test_after_a_crash_it_is_started_anew(make: Callable[..., Component]) -> None:
    part = make()
    part.start()
    first = part.pid()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(lambda: part.pid() is None)
    assert part.start()
    assert part.pid() not in (None, first)


def test_a_number_given_to_somebody_else_since_is_left_alone(
    make: Callable[..., Component],
) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPS], start_new_session=True)
    try:
        part = make()
        part.run_folder.mkdir(parents=True)
        write_record(part, stranger.pid, 1.0)
        assert part.pid() is None
        assert part.stop() == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_naive_pid_file_would_have_killed_the_stranger(make: Callable[..., Component]) -> None:
    """The control: with the stranger's own start time in the file, the guard lets it go."""
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPS], start_new_session=True)
    part = make()
    part.run_folder.mkdir(parents=True)
    write_record(part, stranger.pid, processes._seconds_after_boot(psutil.Process(stranger.pid)))
    assert part.stop() == [stranger.pid]
    stranger.wait()


def test_a_session_of_an_earlier_boot_is_left_alone(make: Callable[..., Component]) -> None:
    """The leader of a stranger's session has ended, and its number is the one on record."""
    leader = subprocess.Popen(
        [sys.executable, "-c", WITH_CHILD.removesuffix("time.sleep(120)")],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    leader.wait()
    stranger = next(p for p in psutil.process_iter() if os.getsid(p.pid) == leader.pid)
    try:
        part = make()
        part.run_folder.mkdir(parents=True)
        created_at = processes._seconds_after_boot(stranger)
        write_record(part, leader.pid, created_at, boot_id="an earlier one")
        assert part.stop() == []
        assert stranger.is_running()
        write_record(part, leader.pid, created_at)
        assert part.stop() == [stranger.pid]  # the control: an entry of this boot is believed
    finally:
        with suppress(psutil.NoSuchProcess):
            stranger.kill()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": "x"}', '{"pid": 1, "create_time": 0}'])
def test_a_broken_or_old_record_names_nobody(make: Callable[..., Component], text: str) -> None:
    part = make()
    part.run_folder.mkdir(parents=True)
    (part.run_folder / "part.json").write_text(text)
    assert part.pid() is None
    assert part.stop() == []


@pytest.mark.parametrize("step", [-3600.0, 3600.0])
def test_a_step_of_the_clock_leaves_what_runs_recognised(
    make: Callable[..., Component], monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    part = make()
    part.start()
    pid = part.pid()
    created_at, booted_at = psutil.Process.create_time, psutil.boot_time
    with monkeypatch.context() as patch:
        patch.setattr(psutil.Process, "create_time", lambda process: created_at(process) + step)
        assert part.pid() is None  # the control: a process of another moment
        patch.setattr(psutil, "boot_time", lambda: booted_at() + step)
        assert part.pid() == pid
        assert not part.start()
        assert part.stop() == [pid]


def test_a_record_of_an_earlier_boot_names_nobody(make: Callable[..., Component]) -> None:
    part = make()
    part.start()
    pid = part.pid()
    assert pid is not None
    created_at = processes._seconds_after_boot(psutil.Process(pid))
    write_record(part, pid, created_at, boot_id="an earlier one")
    assert part.pid() is None
    write_record(part, pid, created_at)
    assert part.pid() == pid


def test_one_with_a_record_of_an_earlier_version_has_all_its_time_to_end(
    make: Callable[..., Component], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = make(patience=4.0)
    part.start()
    pid = part.pid()
    (part.run_folder / "part.json").write_text(json.dumps({"pid": pid, "create_time": 1.0}))
    assert part.pid() is None
    ends_within, seconds = Component._ends_within, []

    def noting(component: Component, grace: float) -> bool:
        seconds.append(grace)
        return ends_within(component, grace)

    monkeypatch.setattr(Component, "_ends_within", noting)
    assert part.stop() == [pid]
    assert seconds == [4.0]


def test_two_homes_do_not_stop_each_other(make: Callable[..., Component], tmp_path: Path) -> None:
    mine = make()
    mine.start()
    other = Component(
        name="part",
        command=(),
        environment={},
        run_folder=tmp_path / "other" / "run",
        log_folder=tmp_path / "other" / "logs",
    )
    assert other.stop() == []
    assert mine.pid() is not None


def test_the_last_words_end_with_the_log(make: Callable[..., Component]) -> None:
    part = make("print('the port is taken')")
    part.start()
    until(lambda: part.pid() is None)
    assert "the port is taken" in part.last_words()
    assert str(part.log) in part.last_words()


def test_survivors_are_reported(
    make: Callable[..., Component], monkeypatch: pytest.MonkeyPatch
) -> None:
    part = make(patience=0.1)
    part.start()
    with monkeypatch.context() as patch:
        patch.setattr(processes, "_signal", lambda *_: None)
        patch.setattr(Component, "_ends_within", lambda *_: False)
        with pytest.raises(StackError, match="survived being killed"):
            part.stop()


def test_what_a_command_writes_is_for_the_owner_alone(tmp_path: Path) -> None:
    processes.run_to_end(
        "a command",
        [sys.executable, "-c", "import os; os.makedirs('made'); open('made/file', 'w').close()"],
        environment=os.environ,
        folder=tmp_path,
        log=tmp_path / "log",
    )
    paths = [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077]
    assert paths == []
    assert (tmp_path / "made" / "file").exists()
