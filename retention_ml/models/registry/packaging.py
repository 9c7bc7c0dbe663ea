"""What a registered version consists of besides its bundle: its code and its requirements.

A version loads and predicts wherever its requirements are installed, without this library: the few
modules that predicting needs are copied into it. MLflow puts them first on the module path, so they
go before another release of this library that is installed there; one that is already imported
stays.
"""

import shutil
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from retention_ml.models.bundle import serving_file
from retention_ml.models.bundle.bundle import Bundle

_LIBRARY = Path(__file__).resolve().parents[2]
# What `serving.py` imports of this library, and no more: a test compares.
_CODE = (
    "__init__.py",
    "errors.py",
    "statistics/__init__.py",
    "statistics/arrays.py",
    "models/__init__.py",
    "models/btyd/*.py",
    "models/predictors/*.py",
    "models/bundle/__init__.py",
    "models/bundle/bundle.py",
    "models/bundle/timing.py",
)
# What that code imports of others; MLflow adds itself.
_REQUIREMENTS = ("lightgbm", "numpy", "pandas", "pyarrow", "scipy", "threadpoolctl")


def model_parts(bundle: Bundle, scratch: Path) -> dict[str, Any]:
    """The arguments of `mlflow.pyfunc.log_model` that hold a bundle, written to a scratch folder."""
    return {
        "python_model": str(serving_file()),
        "artifacts": {"bundle": str(bundle.write(scratch / "bundle"))},
        "code_paths": [str(copy_code(scratch / _LIBRARY.name))],
        "pip_requirements": [f"{name}=={version_of(name)}" for name in _REQUIREMENTS],
    }


def copy_code(package: Path) -> Path:
    """Copy the modules that predicting needs into a package of that path; the package."""
    for source in (path for pattern in _CODE for path in _LIBRARY.glob(pattern)):
        copy = package / source.relative_to(_LIBRARY)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    return package
