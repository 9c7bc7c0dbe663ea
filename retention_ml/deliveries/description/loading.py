"""A source description, read from `sources/<name>.toml`.

A new ordinary shop is one such file and no code; docs/sources.md explains every key.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from retention_ml.deliveries.description.mistakes import Path as KeyPath
from retention_ml.deliveries.description.sentences import first_mistake
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.description.toml_lines import line_of
from retention_ml.errors import SettingsError, UnknownSource

_BYTES_MAX = 1 << 20


def source_names(folder: Path) -> list[str]:
    """The names of the descriptions in a folder."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def load_source(folder: Path, name: str) -> Source:
    """The description `folder/name.toml`.

    Raises
    ------
    UnknownSource
        There is none of that name.
    SettingsError
        It is not valid TOML or not a valid description: with the line, the key, the value and
        what is expected.
    """
    if name not in source_names(folder):
        raise UnknownSource(
            f"There is no source {name!r}; known are {', '.join(source_names(folder)) or 'none'}. "
            f"Add {folder.name}/{name}.toml (docs/sources.md shows how)."
        )
    path = folder / f"{name}.toml"
    text = _read(path)
    values = _parse(text, path.name)
    if "name" in values:
        line = line_of(text, ("name",))
        raise SettingsError(
            f"{path.name}, line {line}, sets `name`, which is the file's own name. Take it away."
        )
    _require_plain_text(values, text, path.name)
    try:
        return Source(name=name, **values)
    except ValidationError as error:
        keys, sentence = first_mistake(error, values)
        raise _refusal(path.name, text, keys, sentence) from None


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{path.name} cannot be read ({error.strerror}). Expected a text file."
        ) from error
    if len(raw) > _BYTES_MAX:
        raise SettingsError(
            f"{path.name} has {len(raw):,} bytes; a description has at most {_BYTES_MAX:,}."
        )
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SettingsError(
            f"{path.name}, line {line}, is no valid TOML: it is not written in UTF-8. "
            "Save it as UTF-8."
        ) from error


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SettingsError(f"{name} is no valid TOML: it is nested too deeply.") from None
    except ValueError as error:
        raise SettingsError(
            f"{name} is no valid TOML: {str(error)[:300]}. "
            f"{_bare_key_hint(text, str(error)) or 'Correct the line named.'}"
        ) from error


def _bare_key_hint(text: str, fault: str) -> str:
    """A sentence where a name with other letters, or with blanks, stands without quotes."""
    place = re.search(r"line (\d+), column (\d+)", fault)
    if place is None:
        return ""
    line, column = text.split("\n")[int(place[1]) - 1], int(place[2]) - 1
    for match in re.finditer(r"[^\s\"'#={}\[\],](?:[^\"'#={}\[\],]*)(?==|\])", line):
        key = match[0].strip()
        if match.start() <= column <= match.end() and not re.fullmatch(r"[A-Za-z0-9_.-]+", key):
            return f'Names with other letters, signs or blanks need quotes: "{key}" = …'
    return ""


def _refusal(name: str, text: str, keys: KeyPath, sentence: str) -> SettingsError:
    where = ".".join(str(key + 1 if isinstance(key, int) else key)[:100] for key in keys)
    line = line_of(text, keys)
    stop = "" if sentence.endswith(("?", ".")) else "."
    return SettingsError(
        f"{name}, line {line}: {where + ': ' if where else ''}{sentence}{stop} See docs/sources.md."
    )


def _require_plain_text(values: dict[str, Any], text: str, name: str) -> None:
    """Refuse NUL characters, which neither a file name nor a database can hold."""
    inner: list[tuple[KeyPath, Any]] = [((), values)]
    while inner:
        path, value = inner.pop()
        if isinstance(value, dict):
            inner += [((*path, key), one) for key, one in value.items()]
            inner += [((*path, key), key) for key in value]
        elif isinstance(value, list):
            inner += [((*path, place), one) for place, one in enumerate(value)]
        elif isinstance(value, str) and "\0" in value:
            raise _refusal(name, text, path, "there is a NUL character in it; expected text")
