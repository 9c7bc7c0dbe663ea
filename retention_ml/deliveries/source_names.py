"""Which sources are described: names of files only, so that a form can offer them at once."""

from pathlib import Path

BUILT_IN = Path(__file__).with_name("description") / "built_in"


def source_names(folder: Path) -> list[str]:
    """The names of the descriptions in a folder."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def all_source_names(folder: Path) -> list[str]:
    """The names of a shop's descriptions, and of those that the platform brings itself."""
    return sorted({*source_names(folder), *source_names(BUILT_IN)})
