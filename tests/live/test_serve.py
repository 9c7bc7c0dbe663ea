"""The service keeps its worker running, and takes it along when it ends."""

import socket
import sys
import threading
from pathlib import Path

import pytest

from retention_ml.errors import StackError
from retention_ml.live import serve as module
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def _pids(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


def test_a_worker_that_ends_is_started_again_and_stopped_with_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RESTART_SECONDS", 0.01)
    file = tmp_path / "pids"
    ending = f"import os; open({str(file)!r}, 'a').write(f'{{os.getpid()}} ')"
    waiting = (
        f"{ending}; import time; len(open({str(file)!r}).read().split()) > 2 and time.sleep(600)"
    )
    reached = threading.Event()
    with module._with_worker((sys.executable, "-c", waiting)):
        while len(_pids(file)) < 3:
            reached.wait(0.05)
        pids = _pids(file)
    assert len(set(pids)) == 3
    assert (
        not Path(f"/proc/{pids[-1]}/cmdline").exists()
        or not Path(f"/proc/{pids[-1]}/cmdline").read_bytes()
    )


def test_an_address_that_is_taken_is_said(warehouse: Warehouse, settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        live = settings.live.model_copy(update={"port": other.getsockname()[1]})
        with pytest.raises(StackError, match=r"Set another host or port under \[live\]"):
            module.serve(
                warehouse,
                settings=settings.model_copy(update={"live": live}),
                worker=None,
                say=lambda _: None,
            )
