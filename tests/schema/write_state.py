"""Writes a small filled warehouse as the code of a checkout leaves it: what an upgrade begins with.

Once for each state of the migrations that somebody could have (decision 69), with the code of then:

    git worktree add ../then COMMIT
    python -m tests.schema.write_state ../then tests/schema/states
"""

import json
import lzma
import os
import re
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

from retention_ml.stack.postgres import binaries

_FIRST_DAY = date(2024, 1, 1)
_DAYS = 90
_CUSTOMERS = 18
_SECOND_FILES = 3
_RUN = """
import json, sys
from retention_ml.cli import app
for command in json.loads(sys.argv[1]):
    app(command, standalone_mode=False)
"""
_LATER = {"recommend": "recommendations", "profile": "profiles"}
"""Steps of a day that came later, by the migration that made their tables."""
_BYTES_MAX = 200 * 1024


def write_state(checkout: Path, out: Path) -> Path:
    """The dump, named after the last migration of the checkout.

    Parameters
    ----------
    checkout : Path
        A folder with the code of then; run by the Python and the packages of now.
    out : Path
        The folder of dumps.
    """
    names = sorted(path.stem for path in (checkout / "retention_ml" / "migrations").glob("*.sql"))
    tables = {name.partition("_")[2] for name in names}
    steps = ["build-features", "score"]
    steps += [step for step, migration in _LATER.items() if migration in tables]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        variables = {
            **{name: text for name, text in os.environ.items() if "RETENTION" not in name},
            "PYTHONPATH": f"{checkout}:{checkout / 'plugins'}",
            "RETENTION_HOME": str(home),
            "MPLBACKEND": "agg",
        }

        shop = Path(folder) / "shop"
        simulate = ["simulate", "--customers", str(_CUSTOMERS), "--days", str(_DAYS)]
        simulate += ["--seed", "7", "--first-day", _FIRST_DAY.isoformat(), "--out", str(shop)]
        run(checkout, variables, [simulate])
        files = sorted(str(path) for path in shop.glob("*.csv"))
        ingest = ["ingest", "--source", "simulated", "--history"]
        commands = [ingest + files[:-_SECOND_FILES], ingest + files[-_SECOND_FILES:]]
        day = str(_FIRST_DAY + timedelta(days=_DAYS))
        commands += [[step, "--as-of", day] for step in steps]
        try:
            run(checkout, variables, commands)
            return _dump(home, out / f"{names[-1]}.sql.xz")
        finally:
            run(checkout, variables, [["stack", "down"]])


def run(checkout: Path, variables: dict[str, str], commands: list[list[str]]) -> None:
    """Run commands of the checkout's `retention` in one process; an error ends it."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, json.dumps(commands)],
        cwd=checkout, env=variables, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]


def _dump(home: Path, path: Path) -> Path:
    port = re.sub(r"\s", "", (home / "postgres" / "port").read_text("utf-8"))
    password = (home / "postgres" / "password").read_text("utf-8").strip()
    done = subprocess.run(
        [
            str(binaries() / "pg_dump"), "--no-owner", "--no-privileges", "--restrict-key=state",
            "--exclude-table-data=features.calendar",  # a megabyte that depends on the time zone alone
            f"--dbname=postgresql://postgres@127.0.0.1:{port}/retention",
        ],
        env={**os.environ, "PGPASSWORD": password},
        stdout=subprocess.PIPE,
        check=True,
    )  # fmt: skip
    path.write_bytes(lzma.compress(done.stdout, preset=9 | lzma.PRESET_EXTREME))
    size = path.stat().st_size
    print(f"{path.name}: {size:,} bytes")
    assert size <= _BYTES_MAX, "Too large to keep; fewer customers or days."
    return path


if __name__ == "__main__":
    write_state(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
