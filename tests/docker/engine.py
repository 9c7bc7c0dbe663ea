"""A Docker engine of the tests' own: own folder, own socket, no bridge of its name, stopped by its id."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PROGRAMS = ("dockerd", "docker", "containerd", "runc", "iptables-save", "mmdebstrap")
_PATIENCE_SECONDS = 60


def require_programs() -> None:
    """Fails with the names of what is missing; nothing is skipped."""
    assert os.geteuid() == 0, "A Docker engine needs root; run make containers as root."
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    assert not missing, (
        f"Not installed: {', '.join(missing)}. Debian's packages are those of Docker's engine, "
        "containerd, runc, iptables and mmdebstrap; apt-get install --no-install-recommends."
    )


@dataclass(frozen=True)
class Engine:
    """A running engine."""

    socket: Path
    environment: Mapping[str, str]

    def docker(self, *arguments: str, check: bool = True, wait: float = 600) -> str:
        """What a command of Docker's client prints; AssertionError with its words if it fails."""
        return run(["docker", *arguments], self.environment, check=check, wait=wait)


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    check: bool = True,
    wait: float = 600,
    folder: Path | None = None,
) -> str:
    """What a command prints, its errors too; AssertionError with that where it fails."""
    done = subprocess.run(
        command,
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=wait,
    )
    assert not check or done.returncode == 0, (
        f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}"
    )
    return done.stdout


@contextmanager
def running(folder: Path) -> Iterator[Engine]:
    """An engine that keeps its images and volumes below the folder while the block runs.

    Rules of the packet filter and forwarding are afterwards what they were before.
    """
    require_programs()
    rules = run(["iptables-save"], os.environ)
    forwarding = Path("/proc/sys/net/ipv4/ip_forward")
    forwarded = forwarding.read_text(encoding="ascii")
    # Short: the path of a socket may have 107 signs.
    state = Path(tempfile.mkdtemp(prefix="engine-"))
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "dockerd.log"
    with log.open("w", encoding="utf-8") as sink:
        daemon = subprocess.Popen(
            [
                "dockerd", "--data-root", str(folder / "data"), "--exec-root", str(state / "exec"),
                "--pidfile", str(state / "pid"), "--host", f"unix://{state}/socket",
                "--bridge", "none",
            ],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    engine = Engine(
        state / "socket",
        {
            **{name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ},
            "DOCKER_HOST": f"unix://{state}/socket",
            "DOCKER_BUILDKIT": "1",
            "DOCKER_CONFIG": str(state),
        },
    )
    try:
        _wait(daemon, engine, log)
        yield engine
    finally:
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(timeout=_PATIENCE_SECONDS)
        finally:
            if daemon.poll() is None:
                daemon.kill()
            subprocess.run(["iptables-restore"], input=rules, text=True, check=True)
            forwarding.write_text(forwarded, encoding="ascii")
            shutil.rmtree(state, ignore_errors=True)


def _wait(daemon: subprocess.Popen[bytes], engine: Engine, log: Path) -> None:
    started = time.monotonic()
    while "Server Version" not in engine.docker("info", check=False):
        is_over = daemon.poll() is not None or time.monotonic() - started > _PATIENCE_SECONDS
        assert not is_over, f"dockerd does not start:\n{log.read_text('utf-8')[-3000:]}"
        time.sleep(0.3)
