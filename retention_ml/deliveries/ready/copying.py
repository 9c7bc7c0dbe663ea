"""Ready descriptions: which there are, and a copy of one among a shop's own."""

import re
from collections.abc import Collection
from pathlib import Path

from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.source_names import source_names
from retention_ml.errors import UnknownSource, UsageError

FOLDER = Path(__file__).parent
NAME = re.compile(r"[a-z][a-z0-9_]{1,59}")
_COLUMNS_MIN = 4


def ready_sources() -> list[Source]:
    """The ready descriptions, by name."""
    return [load_source(FOLDER, name) for name in source_names(FOLDER)]


def copy_ready(name: str, folder: Path, copy_name: str | None = None) -> Path:
    """Copy a ready description into a folder of descriptions; where it lies then.

    Parameters
    ----------
    copy_name : str, optional
        Its name there, default `name`.

    Raises
    ------
    UnknownSource
        There is no ready description of that name.
    UsageError
        There is a description of that name already, or it is no name for one.
    """
    if name not in source_names(FOLDER):
        raise UnknownSource(
            f"There is no ready description {name!r}; there are {', '.join(source_names(FOLDER))}. "
            "For other files, `retention sources guess` writes a first description."
        )
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    return write_description(text, folder / f"{check_name(copy_name or name)}.toml")


def write_description(
    text: str, path: Path, *, overwrite: bool = False, remedy: str = "move it away"
) -> Path:
    """Write a description; where it lies.

    Raises
    ------
    UsageError
        There is a file already and it may not be overwritten, or it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            f"There is a {path.name} in {path.parent} already; it stays as it is. Choose another "
            f"name, or {remedy}."
        ) from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}). Choose another place."
        ) from error
    return path


def check_name(name: str) -> str:
    """The name of a source, if it is one.

    Raises
    ------
    UsageError
        If it is none.
    """
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a source; expected lower-case letters, digits and _, such as "
            "my_shop."
        )
    return name


def fitting(columns: Collection[str]) -> list[str]:
    """The ready descriptions with a feed whose columns are all there."""
    return [
        source.name
        for source in ready_sources()
        if any(_fits(feed, columns) for feed in source.feeds.values())
    ]


def _fits(feed: Feed, columns: Collection[str]) -> bool:
    needed = feed.required_columns
    return len(needed) >= _COLUMNS_MIN and all(name in columns for name in needed)
