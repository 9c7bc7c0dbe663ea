"""Where files of the inbox go once the ledger has decided about them.

`done/` beside them if their rows are in the warehouse, and from there nowhere once the archive proved
that it holds their bytes; `refused/` or `held/` with a text that says why and what to do. What nobody
has decided about stays. Nothing is ever overwritten.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from retention_ml.deliveries.inbox import DONE, HISTORY
from retention_ml.errors import MachineError

if TYPE_CHECKING:
    from retention_ml.deliveries.ledger.files import FileState

TEXT = ".reason.txt"
ARCHIVED = "archived"
_SHELF_BY_STATUS = {"accepted": DONE, "repeated": DONE, "refused": "refused", "held": "held"}
_NAME_BYTES_MAX = 190  # of 255: a number, and the ending and draft of the text, must fit too


def put_away(
    folder: Path,
    collected: Mapping[str, Sequence[int]],
    states: Mapping[str, "FileState"],
    discard: Callable[[Path], bool] = lambda _: False,
) -> dict[str, list[str]]:
    """Move the files of the inbox that the ledger has decided about; files elsewhere stay.

    One that cannot be moved stops none of the others.

    A file of the same name is not overwritten: the newcomer gets a number. The text is written
    before its file is moved, so whoever is killed between the two does both again.

    Parameters
    ----------
    folder : pathlib.Path
        The inbox.
    collected : mapping of path to stamp
        The files as they were before they were landed. One that was replaced since, or still
        grows, is another file, which nobody has read yet: it stays for the next run.
    states : mapping of path to FileState
        What the ledger says of them.
    discard : callable, optional
        Deletes a file that the archive holds, and says whether it did; by default none is deleted.

    Returns
    -------
    dict of str to list of str
        Where the files are now, by shelf; under `archived`, where those were that are deleted.

    Raises
    ------
    MachineError
        Files could not be moved.
    """
    moved: dict[str, list[str]] = {}
    failures: list[str] = []
    for name, stamp in collected.items():
        path, state = Path(name), states.get(name)
        shelf = _SHELF_BY_STATUS.get(state.status) if state else None
        if state is None or shelf is None or not _is_in(folder, path):
            continue
        try:
            if path.is_file() and _stamp(path) == tuple(stamp):
                target = _move(path, shelf, state)
                is_gone = shelf == DONE and discard(target)  # nobody else writes to that name
                moved.setdefault(ARCHIVED if is_gone else shelf, []).append(str(target))
        except OSError as error:
            failures.append(f"{path} ({error.strerror or error})")
    if failures:
        raise MachineError(
            f"Files of the inbox could not be put away: {', '.join(failures)}. What the ledger "
            "says of them stands and the day goes on, but every run will read them again. See "
            "that done, refused and held are folders that may be written to, then clear this task."
        )
    return moved


def _move(path: Path, shelf: str, state: "FileState") -> Path:
    """Move one file to its shelf; where it is now."""
    from retention_ml.atomic_files import make_folder, write_text

    target = _free(make_folder(path.parent / shelf), path.name)
    if shelf != DONE:
        write_text(target.with_name(target.name + TEXT), _text(path, state))
    return path.rename(target)


def _is_in(folder: Path, path: Path) -> bool:
    """Whether a file lies where files of the inbox are looked for, by its path: a source's folder
    may be a link, and may have the name of a shelf.
    """
    folder, path = Path(os.path.abspath(folder)), Path(os.path.abspath(path))
    places = path.relative_to(folder).parts if path.is_relative_to(folder) else ()
    return len(places) == 2 or (len(places) == 3 and places[1] == HISTORY)


def _stamp(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def _free(folder: Path, name: str) -> Path:
    """The first of `name`, `name.1`, … that is free; a very long name is cut."""
    short = name.encode()[:_NAME_BYTES_MAX].decode(errors="ignore")
    target, number = folder / short, 1
    while target.exists():
        target = folder / f"{short}.{number}"
        number += 1
    return target


def _text(path: Path, state: "FileState") -> str:
    """Why a file is not used and what to do, for whoever finds it beside the file."""
    remedy = {
        "no_feed": f"Put it into {path.parent} under a name that a feed expects, or under this one "
        f"once sources/{state.source}.toml expects it.",
        "missing_lookup": f"Put it into {path.parent} again, together with the file that it needs.",
    }.get(str(state.reason_code), f"Put the corrected file into {path.parent} under the same name.")
    return (
        f"{path.name}\n{state.status} on {state.landed_at:%Y-%m-%d %H:%M} UTC as delivery "
        f"{state.delivery_id} of {state.source}\n\n{state.reason}\n\n"
        f"{remedy} This one and this text are kept for you and may be deleted.\n"
    )
