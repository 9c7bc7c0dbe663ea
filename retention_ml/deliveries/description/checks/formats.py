"""Whether the keys of a feed do something for the format of its files."""

from collections.abc import Mapping, Sequence
from typing import Any

from retention_ml.deliveries.description.mistakes import Mistake, listed, shown

_WRITTEN_IN = {
    "csv": {"encoding", "member", "delimiter", "quote", "escape", "header", "skip_lines"},
    "fixed_width": {"encoding", "member", "positions", "skip_lines"},
    "jsonl": {"encoding", "member", "skip_lines"},
    "json": {"encoding", "member", "rows"},
    "xlsx": {"member", "sheet", "header", "skip_lines"},
    "parquet": {"member"},
}
_KEYS = frozenset(key for keys in _WRITTEN_IN.values() for key in keys)
_ARRAYS = ("jsonl", "json", "parquet")
_POSITION_MAX = 1_000_000
_OWN_NAMES = tuple(
    f"__{name}"
    for name in (
        *("line_number", "delivery", "reason", "detail", "currency", "rate", "minor_rate"),
        *("written.", "fault.", "number."),
    )
)


def check_format(format: str, values: Mapping[str, Any]) -> None:
    """Check the keys of a feed (those that say something) against the format of its files.

    Raises
    ------
    Mistake
        With the key it is about as its path.
    """
    for key in sorted(_KEYS & set(values)):
        if key not in _WRITTEN_IN[format]:
            formats = [name for name, keys in _WRITTEN_IN.items() if key in keys]
            raise Mistake(
                f"{key} = {shown(values[key])} does nothing: the files are {format}; it belongs "
                f"to format = {' or '.join(map(repr, formats))}",
                (key,),
            )
    if format == "fixed_width" and not values.get("positions"):
        raise Mistake(
            "format = 'fixed_width' needs positions, the place of each column", ("format",)
        )
    for name, (begin, end) in values.get("positions", {}).items():
        if not 1 <= begin <= end <= _POSITION_MAX:
            raise Mistake(
                f"the position of {name} is {shown([begin, end])}; expected its first and last "
                "character counted from 1, such as [1, 8]",
                ("positions", name),
            )
    _check_marks(values)
    each = values.get("each")
    if each is not None and not each.is_cell and format not in _ARRAYS:
        raise Mistake(
            f"each = {shown(each.column)} is an array, which only {listed(_ARRAYS)} have; expected "
            "{ column = …, separator = …, pattern = … } for the lines of one cell",
            ("each",),
        )


def check_names(names: Sequence[str]) -> None:
    """Check that the engine can tell the columns that a feed reads apart.

    Raises
    ------
    Mistake
        Two differ only in case, or one has a name that this library uses itself.
    """
    by_lower: dict[str, str] = {}
    for name in names:
        other = by_lower.setdefault(name.lower(), name)
        if other != name:
            raise Mistake(
                f"it reads the columns {shown(other)} and {shown(name)}, which differ only in "
                "case and could be taken for each other; rename one in the file, or give the "
                "feed a `header` with other names"
            )
        if name.lower().startswith(_OWN_NAMES):
            raise Mistake(f"{shown(name)} is a name of this library; rename the column of the file")


def _check_marks(values: Mapping[str, Any]) -> None:
    marks = {name: values[name] for name in ("delimiter", "quote", "escape") if values.get(name)}
    for name, mark in marks.items():
        is_letter = name == "delimiter" and (mark.isalnum() or not mark.isascii())
        if mark in ("\n", "\r", "\0") or is_letter:
            raise Mistake(
                f"{name} is {shown(mark)}; expected a mark such as ',', ';' or a tab ('\\t')",
                (name,),
            )
    if len(set(marks.values())) < len(marks):
        raise Mistake(
            f"{listed(marks)} are the same mark {shown(next(iter(marks.values())))}",
            (next(iter(marks)),),
        )
    if values.get("group") and values.get("group") == values.get("decimal", "."):
        raise Mistake(
            f"group is {shown(values['group'])}, which is the decimal mark; expected the other one",
            ("group",),
        )
