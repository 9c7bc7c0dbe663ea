"""The programs of Postgres that copy databases: `pg_dump`, `pg_restore`, `pg_basebackup`."""

import os
import subprocess
from pathlib import Path

import sqlalchemy as sa

from retention_ml.errors import StackError
from retention_ml.stack.postgres import binaries

_LINES_SHOWN = 6
# Half the size of none for a tenth of the time of the best.
_COMPRESSION = "gzip:1"


def dump(url: str, into: Path, *, snapshot: str, jobs: int) -> None:
    """Write a database into a new folder, as it is in an exported snapshot.

    Raises
    ------
    StackError
        The program failed; its last words are given.
    """
    _run(
        "pg_dump", url, "--format=directory", f"--file={into}", f"--snapshot={snapshot}",
        f"--jobs={jobs}", f"--compress={_COMPRESSION}",
    )  # fmt: skip


def restore(url: str, dumped: Path, *, jobs: int) -> None:
    """Fill an empty database from the folder that `dump` wrote.

    Raises
    ------
    StackError
        The program failed; its last words are given.
    """
    _run("pg_restore", url, "--exit-on-error", f"--jobs={jobs}", str(dumped), target="--dbname")


def dump_roles(url: str, into: Path, *, with_passwords: bool) -> None:
    """Write the roles of a server as SQL, but its superuser: rights in a dump need them.

    Passwords, as hashes, are for the superuser to read.

    Raises
    ------
    StackError
        The program failed; its last words are given.
    """
    hidden = () if with_passwords else ("--no-role-passwords",)
    _run("pg_dumpall", url, "--roles-only", f"--file={into}", *hidden)
    lines = into.read_text("utf-8").splitlines(keepends=True)
    superuser = ("CREATE ROLE postgres;", "ALTER ROLE postgres ")
    into.write_text("".join(line for line in lines if not line.startswith(superuser)), "utf-8")


def run_script(url: str, script: Path) -> None:
    """Run a file of SQL, such as `dump_roles` writes, up to the first error.

    Raises
    ------
    StackError
        The program failed; its last words are given.
    """
    _run("psql", url, "--quiet", "--set=ON_ERROR_STOP=1", f"--file={script}")


def copy_cluster(url: str, into: Path) -> None:
    """Copy the data of a running server, with the WAL that makes them consistent.

    Raises
    ------
    StackError
        The program failed; its last words are given.
    """
    _run(
        "pg_basebackup", url, f"--pgdata={into}", "--checkpoint=fast", "--wal-method=stream",
        "--no-manifest",
    )  # fmt: skip


def major() -> int:
    """The version of Postgres that these programs belong to."""
    version = subprocess.run(
        [str(binaries() / "pg_dump"), "--version"], capture_output=True, text=True, check=True
    )
    return int(version.stdout.split()[-1].split(".")[0])


def _run(program: str, url: str, *arguments: str, target: str = "--dbname") -> None:
    # A password in the arguments could be read by everybody on the machine.
    address = sa.make_url(url)
    named = address.set(password=None, drivername="postgresql")
    done = subprocess.run(
        [
            str(binaries() / program),
            f"{target}={named.render_as_string(hide_password=False)}",
            "--no-password",
            *arguments,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"PGPASSWORD": str(address.password or "")},
        text=True,
        check=False,
    )
    if done.returncode != 0:
        words = "\n".join(done.stderr.strip().splitlines()[-_LINES_SHOWN:])
        raise StackError(
            f"{program} of the database {address.database} ended with code {done.returncode}:\n"
            f"{words}\nNothing was replaced. Correct what it names, then run the command again."
        )


def remove_wal_before(wal: Path, segment: str) -> None:
    """Remove archived segments that come before one.

    Raises
    ------
    StackError
        The program failed.
    """
    done = subprocess.run(
        [str(binaries() / "pg_archivecleanup"), str(wal), segment],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise StackError(f"Old WAL in {wal} could not be removed: {done.stderr.strip()}")
