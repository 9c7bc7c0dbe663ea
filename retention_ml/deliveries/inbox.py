"""The watched folder: its layout, and what lies in it that no run will ever ingest.

`<inbox>/<source>/` holds live files, `<inbox>/<source>/history/` a historical import; `done/`,
`refused/` and `held/` in either hold what was put away.
"""

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path

from retention_ml.deliveries.archive import kind
from retention_ml.errors import printable

HISTORY = "history"
DONE = "done"
SHELVES = (DONE, "refused", "held")
_LITTER = ("Thumbs.db", "desktop.ini")


def is_named_like_a_delivery(name: str) -> bool:
    """Whether a file of that name is neither still being written nor left by a system."""
    return not name.startswith((".", "~$")) and not name.endswith(".part") and name not in _LITTER


def is_text(name: str) -> bool:
    """Whether a name is text; other names fit into no log and no database."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def left_alone(folder: Path, sources: Collection[str]) -> dict[str, str]:
    """What no run will ever ingest, by its path in the inbox, and what it is.

    Parameters
    ----------
    folder : pathlib.Path
        The inbox.
    sources : collection of str
        The sources that are described.

    Returns
    -------
    dict of str to str
        Files in no source's folder, folders of no source with files in them, and in the folders
        of sources whatever is no file or has a name that is no text.
    """
    strays: dict[str, str] = {}
    for path in sorted(folder.glob("*")):
        if path.is_dir() and path.name in sources:
            for stray in _strays(path):
                strays[_shown(stray, folder)] = _what(stray)
        elif path.is_dir() and path.name[0] != ".":
            if count := sum(1 for _ in _entries(path)):
                strays[_shown(path, folder)] = _folder_of_no_source(path.name, count, sources)
        elif is_named_like_a_delivery(path.name):
            strays[_shown(path, folder)] = f"a {kind(path)} in no source's folder"
    return strays


def _strays(source: Path) -> Iterator[Path]:
    """What lies in a source's folder and is no delivery."""
    for path in _entries(source):
        if not path.is_file() or not is_text(path.name):
            yield path


def _entries(source: Path) -> Iterator[Path]:
    """What lies directly in a folder and in its `history/`, but for shelves and litter."""
    for path in (*sorted(source.glob("*")), *sorted(source.glob(f"{HISTORY}/*"))):
        is_shelf = path.name in SHELVES or (path.name == HISTORY and path.parent == source)
        if is_named_like_a_delivery(path.name) and not (is_shelf and path.is_dir()):
            yield path


def _what(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return "a link that leads nowhere"
    if path.is_dir():
        return "a folder"
    return f"a {kind(path)}" if is_text(path.name) else f"a {kind(path)} whose name is no text"


def _folder_of_no_source(name: str, count: int, sources: Collection[str]) -> str:
    likely = difflib.get_close_matches(name, sorted(sources), n=1)
    files = "1 file" if count == 1 else f"{count:,} files"
    hint = f"; did you mean {likely[0]}?" if likely else ""
    return f"a folder of no source, with {files}{hint}"


def _shown(path: Path, folder: Path) -> str:
    name = str(path.relative_to(folder)).encode("utf-8", "replace").decode("utf-8")
    return printable(name)
