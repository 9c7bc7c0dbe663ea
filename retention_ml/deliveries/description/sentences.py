"""The first mistake that pydantic finds in a file that a person wrote, in our words."""

from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from retention_ml.deliveries.description.mistakes import Mistake, Path, listed, nearest, shown

_EXPECTED = {
    "string": "a text in quotes",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "finite": "a number",
    "dict": "a table { … }",
    "model": "a table { … }",
    "tuple": "a list [ … ]",
}
_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
}


def first_mistake(
    error: ValidationError, values: dict[str, Any], root: type[BaseModel]
) -> tuple[Path, str]:
    """The key path and the sentence of the first mistake.

    Parameters
    ----------
    values : dict
        The file as TOML gave it.
    root : type of pydantic.BaseModel
        What the file describes.
    """
    first = error.errors()[0]
    path, is_key = _within(first["loc"], values)
    context = first.get("ctx", {})
    kind, value = first["type"], first["input"]
    mistake = context.get("error")
    if isinstance(mistake, Mistake):
        return (*path, *mistake.path), str(mistake)
    if kind == "extra_forbidden":
        keys = _keys_of(path[:-1], root)
        return path, (
            f"unknown key {shown(path[-1])}; expected one of {listed(keys)}."
            f"{nearest(path[-1], keys)}"
        )
    if kind == "missing" and isinstance(first["loc"][-1], int):
        return path, f"{shown(value)} is too short"
    if kind == "missing":
        return path, f"the key {first['loc'][-1]!r} is missing"
    if kind == "literal_error":
        words = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
        return path, (
            f"{shown(value)} is not understood; expected {context['expected']}."
            f"{nearest(value, words)}"
        )
    if kind in _LIMITS:
        expected, limit = _LIMITS[kind]
        return path, f"{shown(value)} is out of range; expected {expected} {context[limit]}"
    if kind in ("too_short", "string_too_short"):
        return path, f"{shown(value)} is too short; expected at least {context['min_length']}"
    if kind in ("too_long", "string_too_long"):
        return path, f"{shown(value)} is too long; expected at most {context['max_length']}"
    if kind == "missing_argument" or is_key:
        return path, f"{shown(value)} is no key of a description"
    expected = _EXPECTED.get(kind.partition("_")[0], "another value")
    return path, f"{shown(value)} is not understood; expected {expected}"


def _within(loc: tuple[int | str, ...], values: Any) -> tuple[Path, bool]:
    """The part of a location that is a path in the values: pydantic adds names of types to it."""
    path: list[str | int] = []
    for place, part in enumerate(loc):
        is_last = place == len(loc) - 1
        if isinstance(values, dict) and (part in values or is_last):
            if part not in values:
                return (tuple(path), part == "[key]")
            path.append(part)
            values = values[part]
        elif isinstance(values, list) and isinstance(part, int) and part < len(values):
            path.append(part)
            values = values[part]
    return tuple(path), False


def _keys_of(path: Path, root: type[BaseModel]) -> list[str]:
    """The keys that the section at a path may have."""
    section: type[BaseModel] | None = root
    is_name = False  # of a feed, of a column, or a place in a list
    for part in path:
        if is_name:
            is_name = False
            continue
        field = section.model_fields.get(str(part)) if section else None
        section, is_name = _section_in(field.annotation) if field else (None, False)
    return sorted(set(section.model_fields) - {"name"}) if section else []


def _section_in(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The section inside a type such as `dict[str, Feed]`, and whether there may be several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for one in get_args(annotation):
        section, _ = _section_in(one)
        if section is not None:
            return section, get_origin(annotation) in (dict, tuple)
    return None, False
