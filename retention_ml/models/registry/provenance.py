"""Which code is running, for the tags of a model."""

import os
import subprocess
from functools import lru_cache

from retention_ml.settings import PROJECT


@lru_cache(maxsize=1)
def git_sha() -> str:
    """The commit of the running code: `RETENTION_GIT_SHA` where set, else asked of git.

    Images have no repository, so they carry the variable. `unknown` where neither is there.
    """
    stated = os.environ.get("RETENTION_GIT_SHA")
    if stated:
        return stated
    try:
        completed = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return completed.stdout.strip() or "unknown"
