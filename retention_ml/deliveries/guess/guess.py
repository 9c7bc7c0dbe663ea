"""Write a first description of a shop's files from the files themselves, without a database."""

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retention_ml.deliveries.description.currencies import minor_units
from retention_ml.deliveries.engine import Engine
from retention_ml.deliveries.guess.columns import Mapped, map_columns
from retention_ml.deliveries.guess.feeds import (
    FileKind,
    join_files,
    name_feeds,
    settle_keys,
    table_of,
)
from retention_ml.deliveries.guess.header_words import cell_words, normalized
from retention_ml.deliveries.guess.numbers import currencies_of_sign, currency_code, currency_of
from retention_ml.deliveries.guess.profile import notation_of_columns, profiles_of
from retention_ml.deliveries.guess.roles import assign, assign_by_content, settle_status
from retention_ml.deliveries.guess.rules import rules_of
from retention_ml.deliveries.guess.samples.sample import Sample, read_samples
from retention_ml.deliveries.guess.write_toml import (
    Line,
    counted,
    key_text,
    lines_text,
    paragraph,
    percent,
    value_text,
)
from retention_ml.deliveries.ready.copying import fitting
from retention_ml.errors import FileRefused, printable
from retention_ml.limits import limits_in_memory
from retention_ml.settings import Settings

_MONEY_ROLES = ("line_amount", "unit_price", "order_total", "shipping", "discount")
_QUESTION = "TODO: "
# What programs write where there is nothing.
_MISSING = (
    "\\N",
    "NULL",
    "null",
    "NaN",
    "nan",
    "None",
    "N/A",
    "n/a",
    "#N/A",
    "(null)",
    "undefined",
)
# Of several currencies with one sign: those whose texts have these letters, then the most usual.
_LETTERS = {"JPY": r"[\u3040-\u30ff]", "CNY": r"[\u4e00-\u9fff]"}
_USUAL = ("USD", "JPY", "SEK", "GBP", "INR", "AUD", "CAD", "CNY", "NOK", "DKK")
_NAMED_MAX = 6
_COLUMN_KEYS = (
    "column", "columns", "product_of", "difference_of", "sum_of", "first_of", "timezone_column",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Guess:
    """A description that was guessed: its text, the feeds in it, and the lines that ask."""

    toml: str
    feeds: dict[str, str]

    @property
    def questions(self) -> tuple[str, ...]:
        """What a person has to look at, with the line of the description."""
        asked, comment = [], ""
        for number, line in enumerate(self.toml.splitlines(), 1):
            if line.startswith("# ") and " = " not in line:
                comment += "" if line.startswith("# [") else line.removeprefix("#")
                continue
            key, _, rest = line.removeprefix("# ").partition(" = ")
            text = f"{comment} {rest.partition('  # ')[2]}{rest if 'TODO: ' in rest[:8] else ''}"
            if _QUESTION in text:
                question = text[text.index(_QUESTION) + len(_QUESTION) :].strip(' "')
                asked.append(f"line {number}, {key.strip('[]')}: {question}")
            comment = ""
        return tuple(asked)


def guess(files: Sequence[Path], *, name: str, settings: Settings) -> Guess:
    """The description that the files suggest.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Exports of one shop: orders, events, customers, products …; alike files become one feed.
    name : str
        What the source will be called.
    settings : Settings
        Its time zone and currency stand where the files do not say theirs, with a question.

    Raises
    ------
    FileRefused
        A file cannot be read, or no file holds anything that a feed could take.
    """
    samples = [sample for path in dict.fromkeys(files) for sample in read_samples(path)]
    with Engine(limits_in_memory(settings)) as engine:
        kinds = [_kind(engine, alike) for alike in _groups(samples)]
    for kind in kinds:
        settle_keys(kind)
        kind.table = table_of(kind)
    unclear = [kind for kind in kinds if not kind.table]
    feeds = [kind for kind in join_files(kinds) if kind.table]
    unclear = [k for k in unclear if not any(j.other is k for f in feeds for j in f.lookups)]
    if not feeds:
        listed = ", ".join(printable(name[:40]) for name in unclear[0].sample.columns[:12])
        raise FileRefused(
            f"{files[0].name} has columns ({listed}) of which none names an order, an event or a "
            "customer. Write the description by hand; docs/sources.md shows how.",
            "no_feed",
        )
    name_feeds(feeds)
    currency = _currency(feeds, settings)
    lines = [Line("title", f"TODO: what {name} is"), _timezone(feeds, settings), *currency]
    parts = ["\n".join([*_head(files, samples, feeds, unclear, name), lines_text(lines)])]
    has_fractions = minor_units(currency[0].value) > 1
    parts += [_feed_text(kind, map_columns(kind), has_fractions=has_fractions) for kind in feeds]
    return Guess("\n\n".join(parts) + "\n", {kind.name: kind.table for kind in feeds})


def _groups(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Samples with the same columns, read in the same way, together."""
    groups: dict[Any, list[Sample]] = {}
    for sample in samples:
        how = tuple(sorted((o.key, str(o.value)) for o in sample.options if o.key != "member"))
        groups.setdefault((frozenset(sample.columns), how), []).append(sample)
    return list(groups.values())


def _kind(engine: Engine, alike: list[Sample]) -> FileKind:
    first = alike[0]
    values = {
        name: [text for sample in alike for text in sample.values[name]] for name in first.columns
    }
    missing = tuple(
        mark for mark in _MISSING if any(mark in texts for texts in map(set, values.values()))
    )
    if missing:
        values = {
            name: ["" if text in missing else text for text in texts]
            for name, texts in values.items()
        }
    totals = _totals(values)
    if totals is not None:
        is_sum = [text in totals[1] for text in values[totals[0]]]
        values = {
            name: [text for text, is_total in zip(texts, is_sum, strict=True) if not is_total]
            for name, texts in values.items()
        }
    notation = notation_of_columns(values)
    profiles = profiles_of(engine, values, notation)
    roles = assign(profiles, first.each) if first.has_names else assign_by_content(profiles)
    settle_status(profiles, roles)
    return FileKind(
        samples=alike,
        profiles=profiles,
        roles=roles,
        notation=notation,
        missing=missing,
        totals=totals,
    )


def _totals(values: Mapping[str, Sequence[str]]) -> tuple[str, list[str]] | None:
    """The column, one of the first, and its words that mark sums of other rows; few rows are sums."""
    for name, texts in list(values.items())[:4]:
        words = [text for text in dict.fromkeys(texts) if normalized(text) in cell_words("total")]
        if words and sum(text in words for text in texts) <= 0.34 * len(texts):
            return name, words
    return None


def _head(
    files: Sequence[Path],
    samples: Sequence[Sample],
    feeds: Sequence[FileKind],
    unclear: Sequence[FileKind],
    name: str,
) -> list[str]:
    rows = sum(sample.row_count for sample in samples)
    names = ", ".join(path.name for path in files[:_NAMED_MAX])
    names += " …" if len(files) > _NAMED_MAX else ""
    tried = [path.name for path in files]
    if len(files) > _NAMED_MAX:
        tried = list(dict.fromkeys(pattern for kind in feeds for pattern in kind.files))
    remarks = paragraph(
        f"Guessed from {names} ({counted(rows, 'row')}). Look at each TODO, then try it: "
        f"`retention sources check {' '.join(map(_word, tried))} --source {name}`."
    )
    ready = sorted({name for sample in samples for name in fitting(sample.columns)})
    for one in ready:
        remarks += paragraph(
            f"There is a ready description for files with these columns: `retention sources init {one}`."
        )
    for kind in unclear:
        remarks += paragraph(
            f"TODO: {kind.sample.path.name} fills no table, as far as its columns say: "
            f"{', '.join(kind.sample.columns[:12])}."
        )
    return remarks


def _word(name: str) -> str:
    """A file's name as one word of a command."""
    return name if re.fullmatch(r"[\w.*@%+=:,-]+", name) else shlex.quote(name)


def _timezone(feeds: Sequence[FileKind], settings: Settings) -> Line:
    """Never guessed: offsets make times certain, not the shop's days."""
    columns = [profile.times for kind in feeds if (profile := kind.of("event_at"))]
    doubt = "TODO: the shop's (IANA name); the files do not say it, this is the setting calendar.timezone"
    if columns and all(times and times.has_offset for times in columns):
        doubt = "the times carry their own offset; TODO: the shop's, if its days begin elsewhere"
    return Line("timezone", settings.calendar.timezone, doubt)


def _currency(feeds: Sequence[FileKind], settings: Settings) -> list[Line]:
    """From a column of currencies or the signs at amounts; asked otherwise."""
    codes: Counter[str] = Counter()
    for kind in feeds:
        if column := kind.of("currency"):
            for text, count in column.counts.items():
                codes[str(currency_code(text))] += count
        else:
            codes.update(_codes_of_signs(kind))
    if not codes:
        line = _unsaid_currency(feeds, settings)
        return [line, *_minor_units(line.value)]
    code = codes.most_common(1)[0][0]
    share = codes[code] / codes.total()
    comment = (
        "as the files say"
        if share == 1
        else f"{percent(share)} of the rows; the others: see `currency` below"
    )
    return [Line("currency", code, comment), *_minor_units(code)]


def _minor_units(code: str) -> list[Line]:
    """How many cents a unit has, where it is not a hundred."""
    units = minor_units(code)
    why = f"{code} has no smaller unit" if units == 1 else f"a {code} has {units:,} of them"
    return [] if units == 100 else [Line("minor_units", units, why)]


def _unsaid_currency(feeds: Sequence[FileKind], settings: Settings) -> Line:
    """The setting, unless the sign at the amounts cannot mean it."""
    code = settings.calendar.currency
    signs = Counter(
        {
            sign: count
            for kind in feeds
            for role in _MONEY_ROLES
            if role in kind.roles
            for sign, count in kind.profiles[kind.roles[role].column].signs.items()
        }
    )
    sign = signs.most_common(1)[0][0] if signs else ""
    codes = currencies_of_sign(sign)
    if not codes or code in codes:
        doubt = "TODO: the shop's; the files do not say it, this is the setting calendar.currency"
        return Line("currency", code, doubt)
    texts = "".join(
        text
        for kind in feeds
        for name, profile in kind.profiles.items()
        for text in (name, *list(profile.counts)[:200])
    )
    by_letters = [one for one, letters in _LETTERS.items() if re.search(letters, texts)]
    likely = [x for x in dict.fromkeys((*by_letters, *_USUAL, *sorted(codes))) if x in codes]
    others = ", ".join(likely[1:5])
    return Line("currency", likely[0], f"TODO: {sign} may also be {others}" if others else "")


def _codes_of_signs(kind: FileKind) -> Counter[str]:
    codes: Counter[str] = Counter()
    for role in _MONEY_ROLES:
        if role not in kind.roles:
            continue
        profile = kind.profiles[kind.roles[role].column]
        for text in profile.counts:
            sign = currency_of(text)
            if sign and sign.code:
                codes[sign.code] += 1
        for word in profile.name.replace("(", " ").replace(")", " ").replace("_", " ").split():
            if code := currency_code(word):
                codes[code] += 1
    return codes


def _feed_text(kind: FileKind, mapped: Mapped, *, has_fractions: bool) -> str:
    sample = kind.sample
    options = [
        Line("files", list(kind.files), counted(sum(s.row_count for s in kind.samples), "row")),
        Line("table", kind.table),
        *(Line(one.key, one.value, one.reason) for one in sample.options),
        *_notation(kind, has_fractions=has_fractions),
        *([Line("missing", list(kind.missing), "what stands for nothing")] if kind.missing else []),
        *_lookups(kind),
        *mapped.options,
        *_currency_column(kind),
    ]
    head = [f"[feeds.{kind.name}]"]
    for note in dict.fromkeys(note for one in kind.samples for note in one.notes):
        head += paragraph(note)
    parts = ["\n".join([*head, lines_text(options)])]
    parts.append(f"[feeds.{kind.name}.columns]\n{lines_text(mapped.columns)}")
    for money in mapped.per_order:
        title = f"[[feeds.{kind.name}.per_order]]"
        parts.append(_table(title, money.keys, money.reason, is_proposal=money.is_proposal))
    rules = []
    if kind.table == "order_lines":
        rules = rules_of(kind, has_refunds=mapped.has_refunds)
        for rule in rules:
            title = f"[[feeds.{kind.name}.rules]]"
            parts.append(_table(title, rule.keys, rule.reason, is_proposal=rule.is_proposal))
    for table, lines in mapped.also.items():
        parts.append(f"[feeds.{kind.name}.also.{table}.columns]\n{lines_text(lines)}")
    asked = {name for rule in rules for name in rule.keys.get("when", ())}
    used_columns = asked | _used_columns(kind, mapped)
    others = [
        name
        for name in sample.columns
        if not any(used == name or used.startswith(f"{name}.") for used in used_columns)
    ]
    if others:
        parts.append("\n".join(paragraph(f"Not used: {', '.join(others[:40])}.")))
    return "\n\n".join(parts)


def _used_columns(kind: FileKind, mapped: Mapped) -> set[str]:
    """The columns of the file that its description names outside the rules."""
    lines = [*mapped.columns, *(line for lines in mapped.also.values() for line in lines)]
    named: list[Any] = [line.value for line in lines if not isinstance(line.value, Mapping)]
    values = [line.value for line in lines if isinstance(line.value, Mapping)]
    values += [{"column": money.keys.get("amount")} for money in mapped.per_order]
    values += [line.value for line in mapped.options if line.key == "each"]
    named += [value[key] for value in values for key in _COLUMN_KEYS if key in value]
    for line in (*mapped.options, *_currency_column(kind)):
        if line.key in ("fill_down", "where", "unless", "currency"):
            named.append(list(line.value) if isinstance(line.value, Mapping) else line.value)
    named += [join.on for join in kind.lookups]
    return {name for one in named for name in ([one] if isinstance(one, str) else one or ())}


def _table(title: str, keys: Any, why: str, *, is_proposal: bool) -> str:
    """A table of an array, its reason above; as comments where it is only proposed."""
    if not keys:
        return "\n".join(paragraph(why))
    rows = [title, *(f"{key_text(key)} = {value_text(value)}" for key, value in keys.items())]
    mark = "# " if is_proposal else ""
    return "\n".join([*paragraph(why), *(mark + row for row in rows)])


def _notation(kind: FileKind, *, has_fractions: bool) -> list[Line]:
    """How numbers are written; 1,234 is open only where a currency has fractions."""
    notation, lines = kind.notation, []
    is_open = notation.doubt and (has_fractions or not notation.group)
    doubt = f"TODO: {notation.doubt}" if is_open else ""
    if notation.decimal != "." or (doubt and not notation.group):
        lines.append(Line("decimal", notation.decimal, doubt or "as its numbers are written"))
    if notation.group:
        lines.append(Line("group", notation.group, doubt or "numbers such as 1,234 beside 0.50"))
    return lines


def _lookups(kind: FileKind) -> list[Line]:
    if not kind.lookups:
        return []
    written = []
    for join in kind.lookups:
        how = {option.key: option.value for option in join.other.sample.options}
        keys = {"file": join.other.sample.path.name, "on": join.on}
        keys |= {"key": join.key} if join.key != join.on else {}
        keys["format"] = how.get("format", "csv")
        written.append(keys | {k: how[k] for k in ("encoding", "delimiter") if k in how})
    shares = ", ".join(f"{percent(join.share)} of {join.on!r} are there" for join in kind.lookups)
    return [Line("lookup", written[0] if len(written) == 1 else written, shares)]


def _currency_column(kind: FileKind) -> list[Line]:
    column = kind.of("currency")
    if column is None or kind.table not in ("order_lines",) or column.name not in kind.profiles:
        return []
    counts = ", ".join(f"{text} {count:,}" for text, count in column.counts.most_common(5))
    return [Line("currency", column.name, counts)]
