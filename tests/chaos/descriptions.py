"""Descriptions of sources with every word there is, each with a file of its own, mutated."""

import copy
import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from retention_ml.settings import PROJECT
from tests.chaos.exports import originals

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Described:
    """A description and a file that one of its feeds reads."""

    description: str
    file_name: str
    content: bytes


@cache
def sound() -> tuple[Described, ...]:
    """The descriptions of the exports, and those that are shipped with a file of the first feed."""
    described = [
        Described(export.description, export.file_name, export.content)
        for export in originals().values()
    ]
    plain = originals()["csv"].content
    for folder in ("sources", "retention_ml/deliveries/ready"):
        for path in sorted((PROJECT / folder).glob("*.toml")):
            text = path.read_text(encoding="utf-8")
            pattern = next(iter(tomllib.loads(text)["feeds"].values()))["files"][0]
            described.append(Described(text, re.sub(r"[*?]", "1", pattern), plain))
    return tuple(described)


def mutated(number: int) -> Described:
    """The mutation of this number of one of the descriptions."""
    draw = random.Random(number)
    of_exports, all_of_them = sound()[: len(originals())], sound()
    one = draw.choice(draw.choice((of_exports, of_exports, all_of_them)))
    if draw.random() < 0.25:
        text = one.description
        for _ in range(draw.choice((1, 1, 3))):
            text = _edit_text(draw, text)
        return Described(text, one.file_name, one.content)
    tree = tomllib.loads(one.description)
    for _ in range(draw.choice((1, 1, 1, 3))):
        _edit_tree(draw, tree)
    return Described(written(tree), one.file_name, one.content)


def written(tree: Node) -> str:
    """A tree of values as TOML: top-level keys, each an inline value."""
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in tree.items())


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(_letter(letter) for letter in value) + '"'
    return str(value).lower() if isinstance(value, bool) else str(value)


def _letter(letter: str) -> str:
    return f"\\U{ord(letter):08X}" if letter in '"\\' or not letter.isprintable() else letter


_WORDS = (
    "files", "table", "required", "format", "encoding", "delimiter", "quote", "escape", "decimal",
    "group", "missing", "header", "positions", "skip_lines", "member", "sheet", "rows", "each",
    "fill_down", "replaces", "guests", "repeated_keys", "where", "unless", "columns", "currency",
    "per_order", "rules", "also", "lookup", "column", "constant", "first_of", "product_of",
    "sum_of", "difference_of", "money", "timezone", "timezone_column", "timezones", "values",
    "scale", "optional", "lower", "whole", "strip", "unicode", "weighed", "when", "kind",
    "in_place", "quarantine", "leave_out", "set", "because", "order_id", "product_id",
    "customer_id", "event_at", "quantity", "line_amount_cents", "discount_cents", "order",
    "customer", "placed", "sku", "qty", "price", "status", "name", "title", "feeds", "by", "on",
    "key", "file", "feed", "separator", "pattern", "amount", "negate", "minor_units", "licence",
    "occurrence", "columns.0", "",
)  # fmt: skip
_TEXTS = (
    "", " ", "order", "qty", "price", "status", "customer", "placed", "missing", "present", "iso",
    "epoch_s", "epoch_us", "excel", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S %z", "%F %T", "%Q", "%s", "%",
    "%-d", "%Z", "YYYY", "^C", "(", "(?!x)", "(a)\\1", "[", "\\", "(?P<n>\\d+)", "(?P<n>a)(?P<n>b)",
    "(?i)x", "x{1001}", "< 0", "< 1.5", "= ", "> 9999999999999999999999", "< 2025-01-01", "sale",
    "return", "purchase", "charge", "holdout", "order_lines", "events", "customers", "rates",
    "exchange_rates", "contact_permissions", "csv", "json", "jsonl", "xlsx", "parquet", "fixed_width", "utf-8", "utf8",
    "cp932", "utf-16", "utf-7", "idna", "rot13", "hex", "undefined", "unicode_escape", "base64",
    "Europe/Berlin", "EST", "Berlin", "UTC", "+01:00", "USD", "usd", "EUR", "dollars", ",", ";",
    "\t", "|", "\n", "\r", "\x00", '"', "'", "ab", "NFC", "NFX", "1", "1.0", "12.50", "1e5", "*",
    "[a", "lines*", "../x", "/etc/passwd", "a/b.csv", "items", "a[key=b].c", "a[key=", "a..b",
    ".", "x" * 5_000, "\u200b", "customer\u200b", "\U0001f600", "last", "number", "first", "true",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    True, False, 0, 1, -1, 2, 1.5, 10**18, -(10**18), 0.0, [], {}, [""], ["order"], ["a", "b"],
    [1], [[]], [{}], {"column": "qty"}, {"column": ""}, {"constant": "1"}, {"a": "b"}, {"": ""},
    {"columns": ["order", "sku"]}, {"column": "qty", "money": True}, {"product_of": ["qty"]},
    [1, 5], [5, 1], [1, 1], ["order", "order"], {"file": "x.csv", "on": "order"},
    {"feed": "lines", "on": "order"},
)  # fmt: skip


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every value of a tree, as the container and the key within it."""
    keys = list(node) if isinstance(node, dict) else range(len(node))
    for key in keys:
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key])


def _edit_tree(draw: random.Random, tree: Node) -> None:
    """One value becomes another, goes, comes, or goes elsewhere."""
    places = list(_places(tree))
    if not places:
        return
    holder, key = draw.choice(places)
    deed = draw.randrange(8)
    if deed <= 2:
        holder[key] = draw.choice((draw.choice(_TEXTS), draw.choice(_TEXTS), draw.choice(_VALUES)))
    elif deed == 3:
        del holder[key]
    elif deed == 4 and isinstance(holder, dict):
        name = draw.choice((draw.choice(_WORDS), key[:-1], key + "s", key.upper(), key[::-1]))
        holder[name] = holder.pop(key)
    elif deed == 5:
        _add(draw, holder, draw.choice((draw.choice(_TEXTS), draw.choice(_VALUES))))
    elif deed == 6:
        other, where = draw.choice(places)
        holder[key] = copy.deepcopy(other[where])
    else:
        _add(draw, holder, copy.deepcopy(holder[key]))


def _add(draw: random.Random, holder: Any, value: Any) -> None:
    if isinstance(holder, list):
        holder.insert(draw.randrange(len(holder) + 1), value)
    else:
        holder[draw.choice(_WORDS)] = value


def _edit_text(draw: random.Random, text: str) -> str:
    """The TOML itself: words misspelt, marks missing, lines less or again."""
    deed = draw.randrange(4)
    at = draw.randrange(len(text))
    if deed == 0:
        mark = draw.choice(
            ('"', "'", "[", "]", "{", "}", "=", "\n", "#", "\\", ".", ",", "\x00", "é")
        )
        return text[:at] + mark + text[at + draw.choice((0, 1)) :]
    if deed == 1:
        return text[:at] + text[at + draw.choice((1, 1, 5, 200)) :]
    lines = text.splitlines(keepends=True)
    line = draw.randrange(len(lines))
    if deed == 2:
        return "".join([*lines[:line], *lines[line + 1 :]])
    return "".join([*lines[: line + 1], *lines[line:]])
