"""Hostile model files end a process of their own, not this one."""

from pathlib import Path

import pyarrow as pa
import pytest

from retention_ml.models.bundle import sandbox
from retention_ml.models.bundle.bundle import Bundle, digest
from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.fitting import FitContext
from tests.worlds.samples import rows, table


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    fitted = candidate("lightgbm_default").fit(rows(800), FitContext(seed=1, threads=1))
    return fitted.to_bundle("lightgbm_default")


@pytest.fixture(scope="module")
def sample() -> pa.Table:
    return table(rows(60, seed=2))


def test_a_sound_bundle_passes(bundle: Bundle, sample: pa.Table, tmp_path: Path) -> None:
    folder = bundle.write(tmp_path / "bundle")
    assert sandbox.fault_of_files(folder, bundle.sha256, sample) is None


def test_what_is_wrong_with_files_comes_back_as_a_sentence(
    bundle: Bundle, sample: pa.Table, tmp_path: Path
) -> None:
    folder = bundle.write(tmp_path / "bundle")
    less = sample.drop_columns(["tenure_days"])
    assert "reads 1 features that are not in the catalogue" in str(
        sandbox.fault_of_files(folder, bundle.sha256, less)
    )
    (folder / "manifest.json").write_bytes(b"[" * 100_000)
    changed = digest({path.name: path.read_bytes() for path in folder.iterdir()})
    assert "cannot be read" in str(sandbox.fault_of_files(folder, changed, sample))


@pytest.mark.parametrize(
    ("deed", "end"),
    [
        ("os.kill(os.getpid(), 11)", "came to an end by signal 11"),
        ("bytearray(5 * 1024**3)", "came to an end by exit code 1"),
        ("while True: pass", "came to an end by signal 9"),
        ("open('large', 'wb').write(bytes(2**20))", "came to an end by exit code 1"),
        ("select.select([], [], [])", "took longer than 10 seconds"),
    ],
)
def test_whatever_reading_them_does_this_process_goes_on(
    deed: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_WAIT_SECONDS", 10)
    limited = (
        "import os, select\nfrom retention_ml.models.bundle import sandbox\nsandbox._CPU_SECONDS = 3\n"
        f"sandbox._FILE_BYTES = 2**19\nsandbox._limit()\n{deed}"
    )
    assert end in str(sandbox._fault_of_process(["-c", limited], str(tmp_path)))


def test_it_is_given_no_password_and_no_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", "postgresql://u:secret@db.invalid/x")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.invalid")
    look = (
        "import os, sys; sys.exit(any(n.startswith(('RETENTION', 'MLFLOW')) for n in os.environ))"
    )
    assert sandbox._fault_of_process(["-c", look], str(tmp_path)) is None
