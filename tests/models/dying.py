"""A candidate whose process is killed while it fits."""

import os
import signal
from typing import Any


def fit(*_: Any, **__: Any) -> None:
    """Die without a word."""
    os.kill(os.getpid(), signal.SIGKILL)
