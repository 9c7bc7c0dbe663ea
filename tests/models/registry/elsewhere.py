"""An environment that has only what a version requires: everything else here is out of sight."""

import json
import os
import re
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement

from tests.house.repository import ROOT

# Python runs it at every start, before anything else is imported.
_SITECUSTOMIZE = """
import importlib.abc, json, os, pathlib, sys

here = pathlib.Path(__file__)
sys.path[:] = [each for each in sys.path if each != {root!r}]
absent = set(json.loads((here.parent / "absent.json").read_text()))

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
_INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")


def environment(requirements: str, folder: Path) -> dict[str, str]:
    """Variables with which Python sees only these distributions and what they require.

    Parameters
    ----------
    requirements : str
        As in `requirements.txt`.
    folder : Path
        Takes the file that hides the others.
    """
    present = _closure(requirements.split())
    absent = [
        module
        for module, names in packages_distributions().items()
        if not present & {_normal(name) for name in names}
    ]
    assert {"airflow", "ibis", "duckdb"} <= set(absent)
    folder.mkdir(parents=True)
    (folder / "absent.json").write_text(json.dumps(absent))
    (folder / "sitecustomize.py").write_text(_SITECUSTOMIZE.format(root=str(ROOT)))
    return {
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        "PYTHONPATH": str(folder),
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def _closure(requirements: list[str]) -> set[str]:
    """Names of the distributions that are installed with these requirements."""
    waiting, names = [Requirement(each) for each in requirements], set[str]()
    while waiting:
        requirement = waiting.pop()
        name = _normal(requirement.name)
        if name in names and not requirement.extras:
            continue
        names.add(name)
        try:
            required = [Requirement(each) for each in requires(requirement.name) or ()]
        except PackageNotFoundError:  # for another platform
            continue
        extras = [{"extra": extra} for extra in requirement.extras] or [{"extra": ""}]
        waiting += [
            each
            for each in required
            if each.marker is None or any(each.marker.evaluate(extra) for extra in extras)
        ]
    return names


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
