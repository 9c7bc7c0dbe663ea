"""What all sections of a description share: frozen, unknown keys refused, words checked."""

import codecs
import encodings.aliases
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from retention_ml import clock
from retention_ml.deliveries.description.mistakes import Mistake, nearest, shown

Format = Literal["csv", "parquet", "fixed_width", "jsonl", "json", "xlsx"]

CODE = re.compile(r"[a-z][a-z0-9_]{2,59}")
_FIXED_OFFSETS = {
    "EST": "America/New_York",
    "MST": "America/Denver",
    "HST": "Pacific/Honolulu",
    "Factory": "UTC",
    "localtime": "UTC",
}
_ESCAPES = ("idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined", "mbcs", "oem")


def _checked_timezone(value: str) -> str:
    """The name of a time zone, if there is one of that name."""
    if value in _FIXED_OFFSETS:
        raise Mistake(
            f"{value!r} has no daylight saving time; expected the zone of a place, "
            f"such as {_FIXED_OFFSETS[value]!r}"
        )
    zones = clock.zone_names()
    if value not in zones:
        by_place = {zone.rpartition("/")[2]: zone for zone in sorted(zones) if "/" in zone}
        place = value.strip().replace(" ", "_").title()
        near = f" Did you mean {by_place[place]!r}?" if place in by_place else nearest(value, zones)
        raise Mistake(
            f"{shown(value)} is no IANA time zone; expected a name such as 'Europe/London'.{near}"
        )
    return value


def _checked_encoding(value: str) -> str:
    """The name of an encoding of text that this Python has."""
    try:
        "a".encode(value)
        is_text = codecs.lookup(value).name.replace("_", "-") not in _ESCAPES
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        words = {name.replace("_", "-") for name in encodings.aliases.aliases.values()} | {
            name.replace("_", "-") for name in encodings.aliases.aliases
        }
        raise Mistake(
            f"{shown(value)} is no encoding of text; expected a name such as utf-8, cp1252, "
            f"cp932, gb18030 or utf-16.{nearest(value, words)}"
        )
    return value


TimeZone = Annotated[str, AfterValidator(_checked_timezone)]
Encoding = Annotated[str, AfterValidator(_checked_encoding)]
Name = Annotated[str, Field(min_length=1, max_length=500)]


class Section(BaseModel):
    """Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def _require_one(self, who: str, *names: str) -> None:
        values = [name for name in names if getattr(self, name) not in (None, False, (), {})]
        if len(values) != 1:
            raise Mistake(
                f"{who} exactly one of {', '.join(names)}; got {' and '.join(values) or 'none'}",
                values[-1:],
            )
