"""JSON objects as flat rows of text, their arrays as rows of parts."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from retention_ml.deliveries.guess.header_words import LINE_ROLES, best_score

Flat = dict[str, str]

_DEPTH_MAX = 40


def rows_of(document: Any) -> tuple[str, list[Any]]:
    """The array of objects that holds the rows, and its key path ("" for the document itself).

    Examples
    --------
    >>> rows_of({"data": {"orders": [{"id": 1}, {"id": 2}]}, "page": 1})
    ('data.orders', [{'id': 1}, {'id': 2}])
    """
    arrays = list(_arrays(document, "", 0))
    return max(arrays, key=lambda item: len(item[1]), default=("", []))


def _arrays(value: Any, path: str, depth: int) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        yield path, value
    elif isinstance(value, dict) and depth < 4:
        for key, item in value.items():
            yield from _arrays(item, f"{path}.{key}" if path else key, depth + 1)


def line_array(objects: Sequence[Mapping[str, Any]]) -> str | None:
    """The path of the array whose elements look like lines of an order, or None."""
    fields: dict[str, Counter[str]] = {}
    for item in objects:
        for path, elements in _arrays(item, "", 0):
            counter = fields.setdefault(path, Counter())
            for element in elements:
                counter.update(_flat(element).keys() if isinstance(element, dict) else ())

    def likeness(path: str) -> float:
        names = [name.rpartition(".")[2] for name in fields[path]]
        return sum(max((best_score(role, n) for n in names), default=0.0) for role in LINE_ROLES)

    best = max(fields, key=lambda path: (likeness(path), sum(fields[path].values())), default=None)
    return best if best is not None and likeness(best) >= 2 else None


def flatten(objects: Sequence[Mapping[str, Any]], each: str | None) -> Iterator[tuple[int, Flat]]:
    """Rows of text by key path, with the index of their object; one per element of `each`.

    An object whose array is empty gives no row.
    """
    for index, item in enumerate(objects):
        flat = _flat(item)
        if each is None:
            yield index, flat
            continue
        shared = {k: v for k, v in flat.items() if not k.startswith(f"{each}.")}
        for element in _at(item, each):
            if isinstance(element, dict):
                yield index, shared | {f"{each}.{k}": v for k, v in _flat(element).items()}


def _at(value: Any, path: str) -> list[Any]:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, list) else []


def _flat(value: Any, path: str = "", depth: int = 0) -> Flat:
    """Scalars by key path; the first element of an array, or those with a key by that key."""
    if depth > _DEPTH_MAX:
        return {}
    if isinstance(value, dict):
        return {
            name: text
            for key, item in value.items()
            for name, text in _flat(item, f"{path}.{key}" if path else key, depth + 1).items()
        }
    if isinstance(value, list):
        keyed = [item for item in value if isinstance(item, dict) and set(item) == {"key", "value"}]
        if keyed and len(keyed) == len(value):
            return {
                name: text
                for item in keyed
                for name, text in _flat(
                    item["value"], f"{path}[key={item['key']}].value", depth + 1
                ).items()
            }
        return _flat(value[0], f"{path}.0", depth + 1) if value and depth < 6 else {}
    return {path: scalar_text(value)} if path else {}


def scalar_text(value: Any) -> str:
    """A scalar of JSON or parquet as the reader hands it on."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def parse(text: str) -> Any:
    """The document; numbers stay as they are written.

    Raises
    ------
    json.JSONDecodeError
    """
    try:
        return json.loads(text, parse_float=_Number, parse_int=_Number)
    except RecursionError as error:
        raise json.JSONDecodeError("nested too deeply", text[:1], 0) from error


class _Number(str):
    """The digits of a JSON number."""

    __slots__ = ()
