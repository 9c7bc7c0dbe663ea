"""Models as data: a folder of text files with one digest.

Versions of earlier releases carry a `serving.py` that imports `Bundle` from here, so the name stays.
"""

from pathlib import Path

from retention_ml.models.bundle.bundle import Bundle

__all__ = ["Bundle", "serving_file"]


def serving_file() -> Path:
    """The file that MLflow stores beside a bundle and runs to serve it."""
    return Path(__file__).with_name("serving.py")
