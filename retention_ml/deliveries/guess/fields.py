"""Ids, customers and times: from which column, with which options, and what was seen."""

import re
from collections.abc import Mapping
from typing import Any

from retention_ml import clock
from retention_ml.deliveries.guess.feeds import FileKind
from retention_ml.deliveries.guess.header_words import cell_words, normalized, words
from retention_ml.deliveries.guess.profile import Profile
from retention_ml.deliveries.guess.relations import Orders
from retention_ml.deliveries.guess.write_toml import Line, counted, joined, percent


def _doubt(kind: FileKind) -> str:
    basis = "a part of its name" if kind.sample.has_names else "its contents only"
    return f"TODO: is it? Recognised by {basis}"


def id_line(kind: FileKind, role: str, key: str, why: str = "") -> Line:
    """An id: its column, and how its spellings are brought together."""
    profile = kind.of(role)
    assert profile is not None, role
    options, remarks = _spelling(profile, role)
    texts = list(profile.counts)
    if key == "customer_id":
        missing = sorted(text for text in texts if normalized(text) in cell_words("missing"))
        options |= {"missing": missing} if missing else {}
    if mangled := sum("E+" in text.upper() and text[0].isdigit() for text in texts):
        remarks.append(
            f"TODO: {mangled:,} were destroyed by a spreadsheet (1.23E+12): export them anew"
        )
    match = kind.roles.get(role)
    if match is None:
        remarks.append("stands in the lookup")
    elif not match.is_sure:
        remarks.append(_doubt(kind))
    value = {"column": profile.name, **options} if options else profile.name
    return Line(key, value, joined(why, *remarks))


def _spelling(profile: Profile, role: str) -> tuple[dict[str, Any], list[str]]:
    """The options that bring spellings of one id together, and why they stand there."""
    texts = list(profile.counts)
    options: dict[str, Any] = {}
    remarks: list[str] = []
    if role in ("email", "customer_id") and sum("@" in text for text in texts) > 0.5 * len(texts):
        options["lower"] = True
    if any(text.endswith(".0") and text[:-2].isdigit() for text in texts):
        options["whole"] = True
        remarks.append("numbers such as 17850.0")
    if any(text.startswith(('="', "'")) for text in texts):
        options["strip"] = ['="', '"', "'"]
        remarks.append("a spreadsheet's marks around numbers")
    return options, remarks


def customer_lines(kind: FileKind, orders: Orders | None = None) -> tuple[list[Line], list[Line]]:
    """The customer's line, and the feed's `guests` where rows lack one.

    A number is preferred to a mail, unless many more rows have the mail.
    """
    number, mail = kind.of("customer_id"), kind.of("email")
    role = "person_id" if kind.of("person_id") else "customer_id"
    if role == "customer_id" and (
        number is None or (mail is not None and mail.filled > number.filled + 0.2 * len(mail.texts))
    ):
        role = "email"
    profile = kind.of(role)
    if profile is None:
        return [], [Line("guests", True, "TODO: no column names the customer")]
    line = id_line(kind, role, "customer_id")
    missing = sum(not text for text in profile.texts)
    if (
        orders is not None
        and profile.name in kind.profiles
        and orders.level(profile) == "first row"
    ):
        missing = sum(not any(profile.texts[i] for i in rows) for rows in orders.rows.values())
    is_listed = isinstance(line.value, Mapping) and "missing" in line.value
    remarks = counted(missing, "row") + " without a customer" if missing else ""
    return [line], [Line("guests", True, remarks)] if missing or is_listed else []


def time_line(kind: FileKind, role: str = "event_at", key: str = "event_at") -> Line:
    """A time: its column or columns, its formats, its zone."""
    profile = kind.of(role)
    if profile is None or profile.times is None:
        return Line(key, "?", "TODO: no column of times was recognised", is_proposal=True)
    times = profile.times
    options: dict[str, Any] = {"column": profile.name}
    formats = list(times.formats)
    time_of_day = kind.of("time_of_day")
    has_one_day = not times.has_time_of_day and len(formats) == 1
    if time_of_day is not None and time_of_day.clock and has_one_day:
        day = "%Y-%m-%d" if formats == ["iso"] else formats[0]
        options = {"columns": [profile.name, time_of_day.name]}
        formats = [f"{day}-{time_of_day.clock}"]
    if formats != ["iso"]:
        options["format"] = formats[0] if len(formats) == 1 else formats
    remarks = [times.reason]
    if times.share < 1:
        remarks.append(f"TODO: {percent(1 - times.share)} of the texts fit no format")
    zone = kind.of("timezone")
    if zone is not None and not times.has_offset and role == "event_at":
        others = [text for text in zone.counts if text not in clock.zone_names()]
        options["timezone_column"] = zone.name
        if others:
            options["timezones"] = {word: words()["timezones"].get(word, "UTC") for word in others}
            unclear = [word for word in others if word not in words()["timezones"]]
            remarks.append(f"TODO: the zone of {', '.join(unclear)}" if unclear else "")
    elif not times.has_offset and re.search(r"\b(utc|gmt)\b", normalized(profile.name)):
        options["timezone"] = "UTC"
        remarks.append("as its name says")
    match = kind.roles.get(role)
    if match is not None and not match.is_sure:
        remarks.insert(0, _doubt(kind))
    is_plain = set(options) == {"column"}
    return Line(key, profile.name if is_plain else options, joined(*remarks))
