"""Which code is running and who started it, for the tags of a model."""

import getpass
import os
import subprocess
from functools import lru_cache

from retention_ml.settings import PROJECT


@lru_cache(maxsize=1)
def git_sha() -> str:
    """The commit of the running code: `RETENTION_GIT_SHA` where set, else asked of git.

    Images have no repository, so they carry the variable. `unknown` where neither is there.
    """
    if stated := os.environ.get("RETENTION_GIT_SHA"):
        return stated
    command = ["git", "rev-parse", "HEAD"]
    try:
        output = subprocess.check_output(
            command, cwd=PROJECT, text=True, timeout=5, stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return output.strip() or "unknown"


def login_name() -> str:
    """The name of who is logged in, by which a person decides unless somebody else is named."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return f"uid {os.getuid()}"


def source_tags(door: str, run_id: str) -> dict[str, str]:
    """The tags by which MLflow's page shows source, commit and user of a run.

    Parameters
    ----------
    door : str
        The command that makes the run, such as train.
    run_id : str
        Of the run in Airflow, or `manual`.
    """
    return {
        "mlflow.source.name": f"retention {door}",
        "mlflow.source.type": "LOCAL" if run_id == "manual" else "JOB",
        "mlflow.source.git.commit": git_sha(),
        "mlflow.user": login_name(),
        "started_by": run_id,
    }
