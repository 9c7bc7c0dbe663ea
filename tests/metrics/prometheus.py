"""Prometheus and promtool as Debian packs them, unpacked and not installed."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

_PACKAGE = "prometheus"
_SECONDS = 120


@cache
def _unpacked(folder: Path) -> Path | str:
    """The folder of the programs, or why there is none."""
    apt, dpkg = shutil.which("apt-get"), shutil.which("dpkg")
    if not (apt and dpkg):
        return "this machine is no Debian, and neither promtool nor prometheus is on the PATH"
    try:
        got = subprocess.run(
            [apt, "download", _PACKAGE],
            cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"`apt-get download {_PACKAGE}` took longer than {_SECONDS} s"
    packages = sorted(folder.glob(f"{_PACKAGE}_*.deb"))
    if got.returncode != 0 or not packages:
        last = (got.stderr.strip().splitlines() or ["it says nothing"])[-1]
        return f"`apt-get download {_PACKAGE}` failed: {last}"
    subprocess.run([dpkg, "-x", packages[0], folder], check=True, timeout=_SECONDS)
    return folder / "usr" / "bin"


def program(name: str, folder: Path) -> Path:
    """`prometheus` or `promtool`, from the PATH or from Debian; skips with the reason otherwise."""
    installed = shutil.which(name)
    if installed:
        return Path(installed)
    place = _unpacked(folder)
    if isinstance(place, str):
        pytest.skip(f"{name} is not to be had: {place}")
    return place / name
