"""JSON rows: their numbers as they are written, and paths of keys into them.

Paths are such as `user.id`, `items.0.sku`, `event_params[key=page].value`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from retention_ml.deliveries.reasons import Reason

Step = str | tuple[str, str]
Texts = Mapping[str, str | None]

_KEYS_MAX, _KEY_LETTERS_MAX = 500, 200
_INDEX_DIGITS = 10
_NOTHING = object()
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_CONDITION = r"\[([^\[\]=]+)=([^\[\]]*)\]"
_NAME = r"\.?((?:[^.\[]|\[(?![^\[\]=]+=[^\[\]]*\]))+)"
# Dots that begin or end a name, or follow each other, have an empty step between them.
_STEP = re.compile(rf"(?:^|\.)(?=\.|$)|{_NAME}|{_CONDITION}")


def parse_path(name: str) -> tuple[Step, ...]:
    """The steps of a path: keys and indexes, and conditions on the element of a list.

    Examples
    --------
    >>> parse_path("event_params[key=page].value.string_value")
    ('event_params', ('key', 'page'), 'value', 'string_value')
    """
    return tuple(
        (match[1] or "") if match[2] is None else (match[2], match[3])
        for match in _STEP.finditer(name)
    )


def is_index(step: str) -> bool:
    """Whether a step may be the place of an element in a list."""
    return step.isdecimal() and len(step) < _INDEX_DIGITS


@lru_cache(maxsize=2)
def decoder(decimal: str) -> json.JSONDecoder:
    """Reads JSON with its numbers as they are written, under the decimal mark of the feed."""
    fraction = str if decimal == "." else lambda text: text.replace(".", decimal)
    return json.JSONDecoder(parse_int=str, parse_float=fraction, parse_constant=str)


def value_at(document: Any, steps: Sequence[Step]) -> Any:
    """What stands at the end of a path; `NOTHING` where the document has no such key.

    Below a key that is null everything is null. A key may hold dots itself.
    """
    for i, step in enumerate(steps):
        if document is None:
            return None
        if isinstance(step, tuple):
            document = _element_with(document, *step)
        elif isinstance(document, dict):
            if step not in document:
                return _below_dotted_key(document, steps[i:])
            document = document[step]
        elif isinstance(document, list) and is_index(step):
            document = document[int(step)] if int(step) < len(document) else None
        else:
            return _NOTHING
    return document


def _element_with(elements: Any, key: str, text: str) -> Any:
    if not isinstance(elements, list):
        return _NOTHING
    matches = (e for e in elements if isinstance(e, dict) and as_text(e.get(key)) == text)
    return next(matches, None)


def _below_dotted_key(document: Mapping[str, Any], steps: Sequence[Step]) -> Any:
    key = str(steps[0])
    for i, step in enumerate(steps[1:], start=1):
        if isinstance(step, tuple):
            break
        key += f".{step}"
        if key in document:
            return value_at(document[key], steps[i + 1 :])
    return _NOTHING


def as_text(value: Any) -> str | None:
    """A value as a column of text has it; a list as JSON, an object as nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return json.dumps(value, default=str)
    if isinstance(value, dict):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


class Number(str):
    """The digits of a number, with a point."""

    __slots__ = ()


def as_json(value: Any) -> str:
    """A row as JSON, its numbers as numbers: the decimal mark may be corrected later."""
    if isinstance(value, dict):
        fields = (f"{as_json(key)}: {as_json(item)}" for key, item in value.items())
        return "{" + ", ".join(fields) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_json, value)) + "]"
    if isinstance(value, Number) and _NUMBER.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)


class RowPicker:
    """Takes the wanted columns from documents, one row of text per part.

    Parameters
    ----------
    wanted : sequence of str
        Paths.
    each : str, optional
        The path of the array whose elements are the parts of a document; its fields are
        `each.field`. A document whose array is empty or missing has no part.
    """

    def __init__(self, wanted: Sequence[str], each: str | None = None) -> None:
        self.wanted = tuple(wanted)
        self._each = parse_path(each) if each else None
        prefix = f"{each}."
        self._shared = {
            name: (name, parse_path(name))
            for name in wanted
            if each is None or not (name == each or name.startswith(prefix))
        }
        inner = {name: name.removeprefix(prefix) for name in wanted if name not in self._shared}
        self._inner = {
            name: (key, parse_path(key) if name != each else ()) for name, key in inner.items()
        }
        self._missing = {*wanted}
        self._has_parts = each is None

    @property
    def missing(self) -> frozenset[str]:
        """The wanted columns that no document had, as far as they could have them."""
        return frozenset(self._missing - (set() if self._has_parts else {*self._inner}))

    def rows(self, document: Any) -> list[Texts] | Reason:
        """The parts of a document, or why it has none that can be used."""
        if not isinstance(document, dict):
            return Reason.BAD_JSON
        shared = self._texts(document, self._shared)
        if self._each is None:
            return _storable([shared])
        elements = value_at(document, self._each)
        if elements is _NOTHING or elements is None:
            return []
        elements = elements if isinstance(elements, list) else [elements]
        self._has_parts = self._has_parts or bool(elements)
        return _storable([shared | self._texts(e, self._inner) for e in elements if e is not None])

    def _texts(
        self, document: Any, paths: Mapping[str, tuple[str, Sequence[Step]]]
    ) -> dict[str, str | None]:
        texts: dict[str, str | None] = {}
        for name, (key, steps) in paths.items():
            is_key = bool(steps) and isinstance(document, dict) and key in document
            value = document[key] if is_key else value_at(document, steps)
            if value is _NOTHING:
                texts[name] = None
            else:
                texts[name] = value if isinstance(value, str) else as_text(value)
                self._missing.discard(name)
        return texts


def _storable(rows: list[dict[str, str | None]]) -> list[Texts] | Reason:
    """The rows, unless a database cannot store one of their texts."""
    for row in rows:
        for content in row.values():
            if content is None or (content.isascii() and "\0" not in content):
                continue
            if "\0" in content:
                return Reason.NUL_BYTE
            if any("\ud800" <= letter <= "\udfff" for letter in content):
                return Reason.BAD_ENCODING
    return list(rows)


def key_names(documents: Sequence[Any]) -> tuple[str, ...]:
    """The paths of all values in some documents, of lists only their first element."""
    names: dict[str, None] = {}
    for document in documents:
        for name in _names(document, ""):
            if len(name) <= _KEY_LETTERS_MAX:
                names.setdefault(name)
        if len(names) > _KEYS_MAX:
            break
    return tuple(names)[:_KEYS_MAX]


def _names(value: Any, path: str) -> Iterator[str]:
    inner: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list) and value and isinstance(value[0], dict):
        inner = (("0", value[0]),)
    if not inner and path:
        yield path
    for key, item in inner:
        yield from _names(item, f"{path}.{key}" if path else key)
