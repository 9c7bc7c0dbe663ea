"""In which formats a column writes its times, and whether day and month could be the other way."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa

from retention_ml.deliveries.engine import Engine

_TIME = (
    r"(?P<gap>[T ,]*(?: +-? ?)?)(?P<hms>\d{1,2}:\d{2}(?P<s>:\d{2})?)(?P<fraction>[.,]\d+)?"
    r"(?P<half> ?[AaPp][Mm])?(?P<zone> ?(?:Z|UTC|GMT|[A-Z]{3,4}|[+-]\d{2}:?\d{2}))?"
)
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?( ?(?:Z|UTC|[+-]\d{2}(?::?\d{2})?))?)?"
)
_DAY = (
    (r"(\d{4})(?P<m>[-/.])\d{1,2}(?P=m)\d{1,2}", ("%Y{m}%m{m}%d", "%Y{m}%d{m}%m")),
    (r"\d{1,2}(?P<m>[-/.])\d{1,2}(?P=m)\d{4}", ("%d{m}%m{m}%Y", "%m{m}%d{m}%Y")),
    (r"\d{1,2}(?P<m>[-/.])\d{1,2}(?P=m)\d{2}", ("%d{m}%m{m}%y", "%m{m}%d{m}%y", "%y{m}%m{m}%d")),
    (r"\d{4}年\d{1,2}月\d{1,2}日", ("%Y年%m月%d日",)),
    (r"\d{1,2}(?P<m>[- ])[A-Za-z]{3}(?P=m)\d{4}", ("%d{m}%b{m}%Y",)),
    (r"\d{1,2}(?P<m>[- ])[A-Za-z]{4,9}(?P=m)\d{4}", ("%d{m}%B{m}%Y",)),
    (r"\d{1,2}(?P<m>[- ])[A-Za-z]{3}(?P=m)\d{2}", ("%d{m}%b{m}%y",)),
    (r"[A-Za-z]{3}(?P<m>-)\d{1,2}-\d{2}", ("%b-%d-%y",)),
    (r"[A-Za-z]{3}(?P<m>-)\d{1,2}-\d{4}", ("%b-%d-%Y",)),
    (r"[A-Za-z]{3} \d{1,2}, \d{4}", ("%b %d, %Y",)),
    (r"[A-Za-z]{4,9} \d{1,2}, \d{4}", ("%B %d, %Y",)),
    (r"[A-Za-z]{3} \d{1,2} \d{4}", ("%b %d %Y",)),
    (r"\d{8}", ("%Y%m%d",)),
)
_SHAPES = [
    (re.compile(rf"(?P<weekday>[A-Za-z]{{3}},? )?{pattern}(?:{_TIME})?"), formats)
    for pattern, formats in _DAY
]
_STAMP = re.compile(r"(?:19|20)\d{12}")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?P<s>:\d{2})?(?P<half> ?[AaPp][Mm])?")
_EPOCHS = {10: "epoch_s", 13: "epoch_ms", 16: "epoch_us"}
_TEXTS_MAX = 3_000
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How a column writes its times.

    Parameters
    ----------
    formats : tuple of str
        As a description writes them: the first that fits counts.
    share : float
        Of the texts, how many fit.
    alternative : str, optional
        Another order of day and month that fits all texts as well.
    reason : str
        What was seen.
    has_offset, has_time_of_day : bool
    """

    formats: tuple[str, ...]
    share: float
    reason: str
    alternative: str | None = None
    has_offset: bool = False
    has_time_of_day: bool = True


def clock_format(texts: Sequence[str]) -> str | None:
    """The format of a column of times without days, or None."""
    matches = [_CLOCK.fullmatch(text.strip()) for text in set(texts)]
    if not matches or not all(matches):
        return None
    first = next(match for match in matches if match)
    if any(match and bool(match["s"]) != bool(first["s"]) for match in matches):
        return None
    hours = "%I:%M{}%p" if first["half"] else "%H:%M{}"
    seconds = (":%S" if first["s"] else "") + (" " if " " in (first["half"] or "") else "")
    return hours.format(seconds)


def numeric_format(texts: Sequence[str]) -> Times | None:
    """Seconds, milliseconds or microseconds since 1970, or a spreadsheet's serial days."""
    texts = list(dict.fromkeys(texts))
    lengths = {len(text) for text in texts if text.isdigit()}
    if all(text.isdigit() and text.startswith("1") for text in texts) and len(lengths) == 1:
        name = _EPOCHS.get(lengths.pop())
        if name:
            return Times(formats=(name,), share=1.0, reason="counts from 1970", has_offset=True)
    serial = re.compile(r"[2-6]\d{4}(?:\.\d+)?")
    if texts and all(serial.fullmatch(text) for text in texts):
        return Times(formats=("excel",), share=1.0, reason="a spreadsheet's count of days")
    return None


def formats_of(engine: Engine, texts: Sequence[str]) -> Times | None:
    """The formats of a column of texts, or None where most of them are no times.

    Parameters
    ----------
    engine : Engine
        Tries the patterns: what it reads here it reads at the ingest.
    """
    unique = list(dict.fromkeys(text.strip() for text in texts))[:_TEXTS_MAX]
    if not unique:
        return None
    iso = {text for text in unique if _ISO.fullmatch(text)}
    rest = [text for text in unique if text not in iso]
    groups: dict[tuple[str, ...], list[str]] = {}
    for text in rest:
        if patterns := _patterns(text):
            groups.setdefault(patterns, []).append(text)
    if len(iso) + sum(map(len, groups.values())) < 0.6 * len(unique):
        return None
    formats: list[str] = ["iso"] if iso else []
    fits, reasons, alternative = len(iso), [], None
    for patterns, members in sorted(groups.items(), key=lambda item: -len(item[1])):
        counts = {one: engine.count_times(members, one) for one in patterns}
        best = max(patterns, key=lambda one: (counts[one], -patterns.index(one)))
        if not counts[best]:
            continue
        fits += counts[best]
        formats.append(best)
        reasons.append(f"{best!r} fits {counts[best]:,} of {len(members):,}")
        rivals = [
            one
            for one in patterns
            if one != best and counts[one] == counts[best] and not one.startswith(("%y", "%m."))
        ]
        if rivals and alternative is None:
            formats[-1], why = _by_neighbours(engine, (best, *rivals), members)
            alternative = next(one for one in (best, *rivals) if one != formats[-1])
            reasons[-1] = _doubt(formats[-1], alternative, len(members), why)
        elif len(patterns) > 1 and "%d" in best and alternative is None:
            reasons[-1] += f"; {_other(patterns, best)!r} only {counts[_other(patterns, best)]:,}"
    if fits < 0.6 * len(unique):
        return None
    patterns_of_all = " ".join(formats)
    return Times(
        formats=tuple(dict.fromkeys(formats)),
        share=fits / len(unique),
        reason="; ".join(reasons) or f"all {len(iso):,} texts",
        alternative=alternative,
        has_offset=_has_offset(iso, patterns_of_all),
        has_time_of_day=any(":" in text for text in unique[:50]) or "%H" in patterns_of_all,
    )


def _patterns(text: str) -> tuple[str, ...]:
    """The patterns that a text may be written in, the likelier first; none where it is no time."""
    if _STAMP.fullmatch(text):
        return ("%Y%m%d%H%M%S",)
    for shape, formats in _SHAPES:
        match = shape.fullmatch(text)
        if match:
            mark = match.groupdict().get("m") or ""
            tail = _tail(match)
            weekday = match["weekday"]
            front = "" if not weekday else "%a, " if "," in weekday else "%a "
            return tuple(front + one.format(m=mark) + tail for one in formats)
    return ()


def _tail(match: re.Match[str]) -> str:
    if match["hms"] is None:
        return ""
    hours = "%I" if match["half"] else "%H"
    seconds = ":%S" if match["s"] else ""
    fraction = (match["fraction"] or "")[:1] + "%f" if match["fraction"] else ""
    half = match["half"] or ""
    zone = match["zone"] or ""
    half = (" %p" if half.startswith(" ") else "%p") if half else ""
    if zone:
        zone = (" " if zone.startswith(" ") else "") + ("%z" if zone.strip()[0] in "+-Z" else "%Z")
    return f"{match['gap']}{hours}:%M{seconds}{fraction}{half}{zone}"


def _by_neighbours(
    engine: Engine, patterns: Sequence[str], texts: Sequence[str]
) -> tuple[str, str]:
    """The likelier of patterns that all read every text, and why; no reason where it is open.

    Exports are written in order of time; read the wrong way, days become months and jump.
    """
    table = pa.table({"text": pa.array([text.strip() for text in texts], pa.string())})
    steps: dict[str, tuple[int, float]] = {}
    for pattern in patterns:
        quoted = pattern.replace("'", "''")
        sql = f"SELECT epoch(try_strptime(text, '{quoted}')) AS moment FROM texts"
        moments = [m for m in engine.run(sql, texts=table)["moment"].to_pylist() if m is not None]
        up = sum(b < a for a, b in pairwise(moments))
        down = sum(b > a for a, b in pairwise(moments))
        steps[pattern] = (min(up, down), (max(moments) - min(moments)) / _DAY_SECONDS)
    best, second = sorted(patterns, key=steps.__getitem__)[:2]
    if steps[best][0] == 0 < steps[second][0]:
        return best, "only so is the file in order of time"
    spans = steps[best][1], steps[second][1]
    if len(moments) > 3 and 4 * max(spans[0], 1) < spans[1]:
        return best, f"so it spans {spans[0]:.0f} days, the other way {spans[1]:.0f}"
    american = [one for one in patterns if "%p" in one and one.startswith("%m/")]
    return (american or list(patterns))[0], ""


def _doubt(pattern: str, alternative: str, count: int, why: str) -> str:
    return (
        f"TODO: {pattern!r} and {alternative!r} both fit all {count:,} texts (no day beyond 12)"
        + (f"; {why}" if why else "")
    )


def _other(patterns: Sequence[str], best: str) -> str:
    return next(one for one in patterns if one != best)


def _has_offset(iso: set[str], patterns: str) -> bool:
    if "%z" in patterns or "%Z" in patterns:
        return True
    return bool(iso) and all(re.search(r"(Z|UTC|[+-]\d{2}:?\d{2})$", text[10:]) for text in iso)
