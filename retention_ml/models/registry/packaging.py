"""What a registered version consists of besides its bundle: its code and its requirements.

A version loads and predicts wherever its requirements are installed, without this library: the few
modules that predicting needs are copied into it, as a package of another name. MLflow puts that
package first on the module path for good, also of processes that are started later: under its own
name the part would hide the library where that is installed.
"""

import re
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from retention_ml.models.bundle import serving_file
from retention_ml.models.bundle.bundle import Bundle

PACKAGE = "retention_ml_serving"
"""What the copied part of the library is called."""
_LIBRARY = Path(__file__).resolve().parents[2]
_NAME = re.compile(rf"\b{_LIBRARY.name}\b")
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
        "python_model": str(_copy(serving_file(), scratch / serving_file().name)),
        "artifacts": {"bundle": str(bundle.write(scratch / "bundle"))},
        "code_paths": [str(copy_code(scratch))],
        "pip_requirements": [f"{name}=={version_of(name)}" for name in _REQUIREMENTS],
    }


def copy_code(folder: Path) -> Path:
    """Copy the modules that predicting needs into a package in that folder; the package."""
    package = folder / PACKAGE
    for source in (path for pattern in _CODE for path in _LIBRARY.glob(pattern)):
        _copy(source, package / source.relative_to(_LIBRARY))
    return package


def _copy(source: Path, copy: Path) -> Path:
    """Copy a module so that it imports from the package instead of the library; the copy."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(_NAME.sub(PACKAGE, source.read_text(encoding="utf-8")), encoding="utf-8")
    return copy
