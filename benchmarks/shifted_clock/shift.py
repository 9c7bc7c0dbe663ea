"""How far the platform's clock is ahead or behind, in a file that all processes of a home share."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

_NAME = "clock_shift_seconds"


def write(home: Path, now: datetime) -> None:
    """Let it be `now` for the platform; from here on its clock goes as the real one."""
    seconds = (now - datetime.now(UTC)).total_seconds()
    draft = home / f"{_NAME}.draft"
    draft.write_text(str(seconds), encoding="utf-8")
    draft.replace(home / _NAME)


def now(home: Path) -> datetime:
    """What the platform's clock says; the real time where none was written."""
    try:
        seconds = float((home / _NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        seconds = 0.0
    return datetime.now(UTC) + timedelta(seconds=seconds)
