"""Text as it is stored: without what nobody sees, and spelt as its description asks."""

import re
import unicodedata
from functools import reduce
from typing import Literal

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import tables
from retention_ml.deliveries.casting.cast import Cast, without
from retention_ml.deliveries.casting.rules import Check
from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.reasons import Reason

ID_CHARACTERS_MAX = 200
_ASCII_MAX, _BLANK = 127, ord(" ")

# Zero-width blanks, marks of byte order and of direction, soft hyphens. Joiners (U+200C, U+200D)
# shape what is seen (emoji, Persian), so inside a text they stay.
_INVISIBLE = (
    r"\x{AD}\x{61C}\x{180E}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2064}"
    r"\x{2066}-\x{206F}\x{FEFF}"
)
_AROUND = rf"[\s\p{{Z}}\x{{0B}}\x{{85}}\x{{200C}}\x{{200D}}{_INVISIBLE}]+"
_HIDDEN = rf"^{_AROUND}|{_AROUND}$|[{_INVISIBLE}]+"
_HIDDEN_STARTS = np.array(
    [
        int.from_bytes(character.encode()[:2], "big")
        for character in "\u00a0\u0085\u00ad\u061c\u1680\u180e\u2000\u2040\u3000\ufeff"
    ]
)
"""The first two bytes of these characters in UTF-8; others may begin alike."""

_YES, _NO = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_MANGLED = r"^[+-]?[0-9]([.,][0-9]+[eE][+-]?|[eE]\+)[0-9]{1,3}$"


def visible(rows: pa.Table) -> pa.Table:
    """The rows, their texts without white space around them and without invisible characters."""
    for i, field in enumerate(rows.schema):
        if not pa.types.is_string(field.type):
            continue
        hides, has_edge = _look(rows[i])
        if hides:
            shown = pc.replace_substring_regex(rows[i], pattern=_HIDDEN, replacement="")
            rows = rows.set_column(i, field, shown)
        elif has_edge:
            rows = rows.set_column(i, field, pc.ascii_trim_whitespace(rows[i]))
    return rows


def normalized(rows: pa.Table, feed: Feed) -> pa.Table:
    """The rows, the texts of columns that ask for it in one Unicode form."""
    maps = (feed.columns, *(also.columns for also in feed.also.values()))
    forms = {
        name: spec.unicode
        for columns in maps
        for spec in columns.values()
        if spec.unicode
        for name in spec.source_columns
    }
    for name, form in forms.items():
        i = rows.schema.get_field_index(name)
        rows = rows.set_column(i, name, _in_form(rows[name], form))
    return rows


def _in_form(column: pa.ChunkedArray, form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> pa.Array:
    """Texts in a Unicode form; Arrow's own kernel decomposes whatever the form."""
    coded = column.combine_chunks().dictionary_encode()
    texts = [unicodedata.normalize(form, text) for text in coded.dictionary.to_pylist()]
    return pa.array(texts, pa.string()).take(coded.indices)


def _look(column: pa.ChunkedArray) -> tuple[bool, bool]:
    """Whether a text may hold characters that nobody sees, and whether one has white space around it.

    Decided from the bytes alone, as most columns have neither.
    """
    hides = has_edge = False
    for texts in column.chunks:
        _, offsets, data = texts.buffers()
        if data is None or not len(texts):
            continue
        ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
        written = np.frombuffer(data, np.uint8)
        is_text = ends[1:] > ends[:-1]
        edges = (written[ends[:-1][is_text]], written[ends[1:][is_text] - 1])
        has_edge = has_edge or any(bool((edge <= _BLANK).any()) for edge in edges)
        places = np.flatnonzero(written[ends[0] : ends[-1]] > _ASCII_MAX) + ends[0]
        places = places[places + 1 < ends[-1]]
        starts = written[places].astype(np.int64) * 256 + written[places + 1]
        hides = hides or bool(np.isin(starts, _HIDDEN_STARTS).any())
    return hides, has_edge


def text(chunk: ibis.Table, column: tables.Column, spec: Column, feed: Feed) -> Cast:
    """A canonical text, its id checked: too long, or made a rounded number by a spreadsheet."""
    if spec.constant is not None:
        return Cast(ibis.literal(spec.constant))
    parts = [
        spelt(without(chunk[n], missing=spec.missing), spec, feed) for n in spec.source_columns
    ]
    if spec.first_of:
        value = ibis.coalesce(*parts)
    else:
        value = reduce(lambda joined, part: joined + "-" + part, parts)
    if spec.values:
        value = value.substitute(_words(spec))
        if "" in spec.values.values():
            value = value.nullif("")
    if not column.name.endswith("_id"):
        return Cast(value, names=spec.source_columns)
    mangled = reduce(lambda a, b: a | b, (_is_mangled(part) for part in parts))
    checks = (
        Check(value.length() > ID_CHARACTERS_MAX, Reason.ID_TOO_LONG),
        Check(mangled, Reason.MANGLED_ID),
    )
    return Cast(value, checks, names=spec.source_columns)


def flag(chunk: ibis.Table, column: tables.Column, spec: Column, feed: Feed) -> Cast:
    """A canonical yes or no out of the words for it."""
    words = text(chunk, column, spec, feed)
    word = words.value.lower()
    value = ibis.cases((word.isin(_YES), True), (word.isin(_NO), False))
    is_unread = words.value.notnull() & value.isnull()
    check = Check(is_unread, Reason.BAD_FLAG, words.names, "true or false, yes or no, 1 or 0")
    return Cast(value, () if spec.constant is not None else (check,), names=words.names)


def spelt(value: ibis.Value, spec: Column, feed: Feed) -> ibis.Value:
    """A text in the spelling that its column asks for; null where nothing of it is left."""
    if not (spec.strip or spec.lower or spec.whole):
        return value
    if spec.strip:
        ends = "|".join(re.escape(end) for end in sorted(spec.strip, key=len, reverse=True))
        value = value.re_replace(rf"^(?:{ends}|\s)+|(?:{ends}|\s)+$", "")
    if spec.lower:
        value = value.lower()
    if spec.whole:
        value = value.re_replace(rf"^([+-]?[0-9]+){re.escape(feed.decimal)}0*$", r"\1")
    return without(value.nullif(""), missing=spec.missing)


def _words(spec: Column) -> dict[str, str]:
    """The words of `values`, in lower case where the column is."""
    return {word.lower() if spec.lower else word: value for word, value in spec.values.items()}


def _is_mangled(value: ibis.Value) -> ibis.Value:
    """Whether a spreadsheet made a number of an id and rounded it, as in `1.23457E+12`.

    `12E5` may be an article, `12345e67` a digest: without a decimal mark or a plus it is an id.
    """
    return (value.contains("E") | value.contains("e")) & value.re_search(_MANGLED)
