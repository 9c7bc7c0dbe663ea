"""Churn models: labels, candidates, evaluation, registry."""

from pathlib import Path


def serving_file() -> Path:
    """The file that MLflow stores beside a bundle and runs to serve it."""
    return Path(__file__).with_name("serving.py")
