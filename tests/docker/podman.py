"""Pods of Kubernetes' objects by podman, with folders of the tests' own; nothing of another's is touched."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.docker.engine import run

_PROGRAMS = ("podman", "runc", "catatonit")
# Limits that a machine without CAP_SYS_RESOURCE may set.
_SETTINGS = """[containers]
default_ulimits=["nofile=20000:20000", "nproc=30000:30000"]
"""


@dataclass(frozen=True)
class Podman:
    """Podman with its own images, volumes and containers."""

    folder: Path

    def run(self, *arguments: str, check: bool = True, wait: float = 300) -> str:
        """What a command of podman prints; AssertionError with its words if it fails."""
        settings = self.folder / "containers.conf"
        command = ["podman", "--root", str(self.folder / "root"), "--runroot"]
        # runc: crun does not run where cgroups of both kinds are.
        command += [str(self.folder / "run"), "--runtime", "runc", *arguments]
        environment = {**os.environ, "CONTAINERS_CONF": str(settings)}
        return run(command, environment, check=check, wait=wait)

    def play(self, name: str, objects: Sequence[dict[str, Any]]) -> None:
        """Make and start what objects of Kubernetes describe."""
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        self.run("kube", "play", str(path))

    def logs(self) -> str:
        """The end of what each container printed."""
        names = self.run("ps", "--all", "--format", "{{.Names}}").split()
        return "\n".join(
            f"{name}: {self.run('logs', '--tail', '15', name, check=False)}" for name in names
        )


@contextmanager
def podman(folder: Path) -> Iterator[Podman]:
    """Podman while the block runs; its pods and volumes are removed afterwards."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    missing = [name for name in missing if not Path("/usr/libexec/podman", name).exists()]
    assert not missing, (
        f"Not installed: {', '.join(missing)}. They are Debian's packages of that name; "
        "apt-get install --no-install-recommends."
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "containers.conf").write_text(_SETTINGS, encoding="utf-8")
    made = Podman(folder)
    try:
        yield made
    finally:
        made.run("pod", "rm", "--all", "--force", check=False)
        made.run("volume", "rm", "--all", "--force", check=False)
