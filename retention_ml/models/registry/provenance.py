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
