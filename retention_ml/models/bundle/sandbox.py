"""The files of an unknown model, read in a process of its own with limits.

Whatever is in them can at worst end that process: nothing is unpickled or imported, memory and
time are bounded, and it is given no password and no address. The limits hold from before the
first byte of the files is read; only the imports of our own code come before them.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather

from retention_ml.errors import RetentionError
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.bundle.prediction_checks import fault_on

_MEMORY_BYTES = 4 * 1024**3
_CPU_SECONDS = 60
_WAIT_SECONDS = 120
_FILE_BYTES = 16 * 1024**2
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "TMPDIR")


def fault_of_files(folder: Path, sha256: str, rows: pa.Table) -> str | None:
    """Why the bundle in a folder must not be loaded; None if another process could use it.

    Parameters
    ----------
    folder : Path
        The files as they were fetched.
    sha256 : str
        The digest they must have.
    rows : pyarrow.Table
        Features it is tried on, every feature of the catalogue.
    """
    with tempfile.TemporaryDirectory() as scratch:
        sample, answer = Path(scratch) / "rows.arrow", Path(scratch) / "answer.json"
        feather.write_feather(rows, str(sample), compression="uncompressed")
        fault = _fault_of_process(
            ["-m", __name__, str(folder), sha256, str(sample), str(answer)], scratch
        )
        if fault is not None:
            return fault
        if not answer.is_file():
            return "the process that read its files left no answer"
        fault = json.loads(answer.read_text(encoding="utf-8"))["fault"]
    return None if fault is None else str(fault)


def _fault_of_process(arguments: list[str], folder: str) -> str | None:
    """How a Python process came to a bad end, None if it ended well."""
    try:
        ended = subprocess.run(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={name: os.environ[name] for name in _INHERITED if name in os.environ}
            | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"},
            timeout=_WAIT_SECONDS,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        return f"reading its files took longer than {_WAIT_SECONDS} seconds"
    if ended == 0:
        return None
    how = f"signal {-ended}" if ended < 0 else f"exit code {ended}"
    return f"the process that read its files came to an end by {how}"


def _examine(folder: Path, sha256: str, sample: Path) -> str | None:
    rows = feather.read_table(str(sample))
    try:
        bundle = Bundle.load(folder, sha256)
        absent = sorted(set(bundle.features) - set(rows.column_names))
        if absent:
            return f"it reads {len(absent)} features that are not in the catalogue"
        # A few and many rows: explanations of many go by another way.
        return fault_on(bundle, rows.slice(0, 10)) or fault_on(bundle, rows)
    except RetentionError as error:
        return str(error)


def _limit() -> None:
    """From here on this process can use only so much of the machine."""
    for what, most in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_FSIZE, _FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (limit, limit))


if __name__ == "__main__":
    _limit()
    folder, sha256, sample, answer = sys.argv[1:]
    fault = _examine(Path(folder), sha256, Path(sample))
    Path(answer).write_text(json.dumps({"fault": fault}), encoding="utf-8")
