"""The code and the requirements that travel with a version: all that predicting needs, no more."""

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from retention_ml.models.bundle import serving_file
from retention_ml.models.registry.packaging import _REQUIREMENTS, PACKAGE, copy_code, model_parts
from retention_ml.settings import Settings
from tests.worlds.registered import a_bundle

_KILOBYTES_MAX = 150


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return copy_code(tmp_path)


def _modules(package: Path) -> set[str]:
    names = {path.relative_to(package.parent).with_suffix("") for path in package.rglob("*.py")}
    return {".".join(name.parts).removesuffix(".__init__") for name in names}


def test_the_code_is_what_a_bundle_imports_and_no_more(package: Path) -> None:
    imported = subprocess.check_output(
        [
            sys.executable,
            "-c",
            "import sys, retention_ml.models.bundle; "
            "print(*(name for name in sys.modules if name.split('.')[0] == 'retention_ml'))",
        ],
        text=True,
    )
    assert _modules(package) == set(imported.replace("retention_ml", PACKAGE).split())


def test_nothing_in_a_version_names_the_library(tmp_path: Path, stocked: Settings) -> None:
    """Neither would it be there, nor is it the release that the version was made with."""
    parts = model_parts(a_bundle(stocked, 1), tmp_path)
    files = [Path(parts["python_model"]), *Path(parts["code_paths"][0]).rglob("*.py")]
    assert len(files) > 20
    assert [path for path in files if re.search(r"\bretention_ml\b", path.read_text())] == []
    assert f"from {PACKAGE}.models.bundle import Bundle\n" in files[0].read_text()


def test_the_code_is_small(package: Path) -> None:
    size = sum(path.stat().st_size for path in package.rglob("*.py"))
    assert size < _KILOBYTES_MAX * 1_000


def test_the_requirements_are_what_the_code_imports(package: Path) -> None:
    imported = set()
    for path in [*package.rglob("*.py"), serving_file()]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module))
    names = {name.split(".")[0] for name in imported} - set(sys.stdlib_module_names)
    distributions = packages_distributions()
    # MLflow's own three wheels share a module; it adds itself to what a version requires.
    needed = {
        re.sub(r"[-_.]+", "-", distributions[name][0]).lower()
        for name in names - {"mlflow", "retention_ml", PACKAGE}
    }
    assert needed == set(_REQUIREMENTS)
