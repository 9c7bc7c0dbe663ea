"""TOML that a person wrote: read, parsed, and refused with file, line, key and what is expected."""

import re
import tomllib
from pathlib import Path
from typing import Any

from retention_ml.deliveries.description.mistakes import Path as KeyPath
from retention_ml.deliveries.description.toml_lines import line_of
from retention_ml.errors import SettingsError, printable

_BYTES_MAX = 1 << 20


def read_text(path: Path, *, bytes_max: int = _BYTES_MAX) -> str:
    """The text of a file, with plain line ends.

    Raises
    ------
    SettingsError
        It cannot be read, is larger than `bytes_max`, or is not UTF-8.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{path.name} cannot be read ({error.strerror}). Expected a text file."
        ) from error
    if len(raw) > bytes_max:
        raise SettingsError(f"{path.name} has {len(raw):,} bytes; expected at most {bytes_max:,}.")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        kind = "valid TOML" if path.suffix == ".toml" else "text"
        raise SettingsError(
            f"{path.name}, line {line}, is no {kind}: it is not written in UTF-8. Save it as UTF-8."
        ) from error


def parse(text: str, name: str) -> dict[str, Any]:
    """The values of a TOML text.

    Raises
    ------
    SettingsError
        It is no valid TOML: with the line.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SettingsError(f"{name} is no valid TOML: it is nested too deeply.") from None
    except ValueError as error:
        raise SettingsError(
            f"{name} is no valid TOML: {printable(str(error)[:300])}. "
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
            if not key.isprintable():
                return f'In "{printable(key)}" an invisible sign stands in the place of ?; type it again.'
            return f'Names with other letters, signs or blanks need quotes: "{key}" = …'
    return ""


def refusal(name: str, text: str, keys: KeyPath, sentence: str, *, page: str) -> SettingsError:
    """The error for a mistake at a key path of a TOML text; `page` explains its keys."""
    where = ".".join(str(key + 1 if isinstance(key, int) else key)[:100] for key in keys)
    line = line_of(text, keys)
    stop = "" if sentence.endswith(("?", ".")) else "."
    return SettingsError(
        f"{name}, line {line}: {where + ': ' if where else ''}{sentence}{stop} See {page}."
    )


def require_plain_text(values: dict[str, Any], text: str, name: str, *, page: str) -> None:
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
            raise refusal(
                name, text, path, "there is a NUL character in it; expected text", page=page
            )
