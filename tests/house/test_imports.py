"""Which module may import what."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.repository import LIBRARY, ROOT, imported, modules, name, reject

ONLY_IN = {
    "mlflow": {
        "retention_ml/models/registry/tracking.py",
        "retention_ml/models/bundle/serving.py",
    },
    "mcp": {"retention_ml/assistant/server.py"},
    "opendp": {"retention_ml/aggregates/laplace.py"},
    "opentelemetry": {"retention_ml/metrics/otlp.py"},
    "great_expectations": {"retention_ml/quality/suites.py"},
    "adbc_driver_postgresql": {"retention_ml/connections.py"},
    "psycopg": set(),
    "psycopg2": {"retention_ml/connections.py"},
    "pgpq": {"retention_ml/warehouse.py"},
}
LATE = (
    "mlflow",
    "great_expectations",
    "sklearn",
    "optuna",
    "matplotlib",
    "lightgbm",
    "airflow",
    "mcp",
    "opendp",
    "opentelemetry",
)


@pytest.mark.parametrize("package", sorted(ONLY_IN))
def test_one_module_knows_each_foreign_system(package: str) -> None:
    allowed = ONLY_IN[package]
    for module in allowed:
        assert any(p.split(".")[0] == package for _, p in imported(ROOT / module)), (
            f"{module} no longer imports {package}; correct ONLY_IN in this test."
        )
    reject(
        [
            f"  {name(path)}:{line} imports {module}"
            for path in modules("retention_ml")
            for line, module in imported(path)
            if module.split(".")[0] == package and name(path) not in allowed
        ],
        f"Only {', '.join(sorted(allowed)) or 'nobody'} may import {package}. "
        "Move the call there and call that module instead:",
    )


def test_the_library_does_not_know_airflow() -> None:
    reject(
        [
            f"  {name(path)}:{line} imports {module}"
            for path in modules("retention_ml")
            for line, module in imported(path)
            if module.split(".")[0] in ("airflow", "retention_airflow")
        ],
        "retention_ml never imports Airflow. Move what needs it to plugins/retention_airflow/:",
    )


def test_the_library_does_not_know_its_tests() -> None:
    reject(
        [
            f"  {name(path)}:{line} imports {module}"
            for path in modules("retention_ml", "plugins", "dags")
            for line, module in imported(path)
            if module.split(".")[0] in ("tests", "pytest", "hypothesis")
        ],
        "Production code imports tests. Move what is shared into the library:",
    )


def test_the_command_line_starts_without_the_heavy_packages() -> None:
    code = (
        f"import sys, retention_ml.cli; print(*[name for name in {LATE!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.split() == [], (
        f"`retention --help` imports {done.stdout.strip()}: seconds for every command. "
        "Import it inside the function that needs it."
    )


def test_the_layers_are_those_of_the_architecture() -> None:
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = configured["tool"]["importlinter"]["contracts"]
    layers = next(each for each in contracts if each["id"] == "layers")
    assert layers["exhaustive"] is True
    names = [layer.strip("()") for layer in layers["layers"]]
    assert len(names) >= 15
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("cli, stack"))
    written = [part.split(" (")[0].strip(" .") for part in line.split(",")]
    present = [layer for layer in names if not _is_absent(layer)]
    assert [layer for layer in written if not _is_absent(layer)] == present, (
        "The layers in pyproject.toml and the sentence in ARCHITECTURE.md differ; make them equal."
    )


def _is_absent(layer: str) -> bool:
    return not (LIBRARY / layer).is_dir() and not (LIBRARY / f"{layer}.py").is_file()


def test_imports_run_downwards() -> None:
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert program, "lint-imports is not installed beside Python; run `make setup`."
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (
        "An import runs upwards. Move the function down to where both can reach it:\n"
        + done.stdout.partition("Broken contracts")[2]
    )
