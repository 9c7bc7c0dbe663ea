"""Takes a backup, or restores one, in a process of its own that dies at a failpoint."""

import os
from contextlib import closing
from pathlib import Path
from typing import Any

from retention_ml.settings import Settings
from retention_ml.stack import address
from retention_ml.stack.backups.back_up import back_up
from retention_ml.stack.backups.restore import restore


def take(settings: dict[str, Any], failpoint: str) -> None:
    """Take a backup, and die at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    loaded = Settings(**settings)
    with closing(address.warehouse(loaded)) as warehouse:
        back_up(warehouse, settings=loaded)


def bring_back(backup: str, home: str, failpoint: str) -> None:
    """Restore a backup, and die at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    restore(Path(backup), Path(home), say=lambda _: None)
