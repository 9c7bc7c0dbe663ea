"""Time zones as files write them: IANA names, offsets and abbreviations."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from retention_ml import clock

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?")
_HOURS = {
    "UTC": 0, "GMT": 0, "UT": 0, "Z": 0, "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MET": 1, "MEST": 2,
    "EET": 2, "EEST": 3, "MSK": 3, "EST": -5, "EDT": -4, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8,
    "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10, "ADT": -3, "NDT": -2.5, "BRT": -3, "ART": -3,
    "SAST": 2, "WAT": 1, "CAT": 2, "EAT": 3, "PKT": 5, "SGT": 8, "HKT": 8, "AWST": 8, "JST": 9,
    "KST": 9, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip


@lru_cache(maxsize=1024)
def resolve(written: str, home: str) -> str | int | None:
    """What a zone means that a row names: an IANA name, or seconds east of UTC; None if nothing.

    An abbreviation that several zones share (CST, IST, BST) means what it means in `home`, and
    nothing elsewhere.

    Examples
    --------
    >>> resolve("EST", "Europe/Berlin"), resolve("America/New_York", "UTC"), resolve("GMT+2", "UTC")
    (-18000, 'America/New_York', 7200)
    >>> resolve("CST", "Asia/Shanghai"), resolve("CST", "America/Chicago"), resolve("CST", "UTC")
    (28800, -21600, None)
    """
    word = written.upper()
    if word in (abbreviations := _abbreviations(home)):
        return abbreviations[word]
    if word in _HOURS:
        return round(_HOURS[word] * 3_600)
    if offset := _OFFSET.fullmatch(word):
        hours, minutes = int(offset[2]), int(offset[3] or 0)
        seconds = (hours * 60 + minutes) * 60
        return (-seconds if offset[1] == "-" else seconds) if hours < 15 and minutes < 60 else None
    return written if "/" in written and written in clock.zone_names() else None


@lru_cache(maxsize=64)
def _abbreviations(zone: str) -> dict[str, int]:
    """What the clocks of a zone have been called, each with its seconds east of UTC."""
    names: dict[str, int] = {}
    for year in range(1990, 2038):
        for month in (1, 7):
            at = datetime(year, month, 1, tzinfo=UTC).astimezone(ZoneInfo(zone))
            name, offset = at.tzname(), at.utcoffset()
            if name and name.isalpha() and offset is not None:
                names[name.upper()] = round(offset.total_seconds())
    return names
