"""A source description, read from `sources/<name>.toml`.

A new ordinary shop is one such file and no code; docs/sources.md explains every key.
"""

from pathlib import Path

from pydantic import ValidationError

from retention_ml.deliveries.description import toml_files
from retention_ml.deliveries.description.sentences import first_mistake
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.description.toml_lines import line_of
from retention_ml.deliveries.source_names import BUILT_IN, source_names
from retention_ml.errors import SettingsError, UnknownSource

OWN_CONTACTS = "actions"
"""The built-in source of what the platform sent itself, and whom it left alone by lot."""

_PAGE = "docs/sources.md"


def load_source(folder: Path, name: str) -> Source:
    """The description `folder/name.toml`, or the built-in one of that name.

    Raises
    ------
    UnknownSource
        There is none of that name.
    SettingsError
        It is not valid TOML or not a valid description: with the line, the key, the value and
        what is expected. Or it has the name of a built-in one.
    """
    if name in source_names(BUILT_IN):
        if name in source_names(folder) and folder != BUILT_IN:
            raise SettingsError(
                f"{name}.toml has the name of a source that the platform brings itself. Give the "
                "description, and the folder of its files in the inbox, another name."
            )
        folder = BUILT_IN
    if name not in source_names(folder):
        raise UnknownSource(
            f"There is no source {name!r}; known are {', '.join(source_names(folder)) or 'none'}. "
            f"Add {folder.name}/{name}.toml (docs/sources.md shows how)."
        )
    path = folder / f"{name}.toml"
    text = toml_files.read_text(path)
    values = toml_files.parse(text, path.name)
    if "name" in values:
        line = line_of(text, ("name",))
        raise SettingsError(
            f"{path.name}, line {line}, sets `name`, which is the file's own name. Take it away."
        )
    toml_files.require_plain_text(values, text, path.name, page=_PAGE)
    try:
        return Source(name=name, **values)
    except ValidationError as error:
        keys, sentence = first_mistake(error, values, Source)
        raise toml_files.refusal(path.name, text, keys, sentence, page=_PAGE) from None
