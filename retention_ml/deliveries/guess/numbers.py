"""How a file writes its numbers: decimal mark, groups, signs of currencies."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from retention_ml.deliveries.description.currencies import CODES, MARKS

_NUMBER = re.compile(
    r"(?P<open>\(?)\s*(?P<sign>[-+−]?)\s*(?P<before>[^\d\s.,()+−-]{1,3}|[A-Z]{3})?\s*(?P<sign2>[-−]?)\s*"
    r"(?P<core>\d[\d.,'’ \u00a0\u202f]*\d|\d|[.,]\d+|\d+[.,])"
    r"\s*(?P<after>[^\d\s.,()+−-]{1,3})?\s*(?P<behind>[-−]?)\s*\)?"
)
# A sign of several currencies that nearly always means one; "$", "kr" and "¥" do not.
_USUAL = {"£": "GBP"}


class Currency(NamedTuple):
    """What a sign in front of or behind numbers says; no code where many currencies use it."""

    sign: str
    code: str | None


@dataclass(frozen=True, slots=True)
class Notation:
    """How numbers of a file are written; `doubt` says what remains open."""

    decimal: str = "."
    group: str | None = None
    doubt: str = ""

    def value(self, text: str) -> float | None:
        """The number, or None where the text is none.

        Examples
        --------
        >>> Notation().value("($1,234.50)"), Notation(",").value("1.234,50 €"), Notation().value("x1")
        (-1234.5, 1234.5, None)
        """
        match = _NUMBER.fullmatch(text.strip())
        if match is None or not _is_currency(match):
            return None
        core = re.sub(r"['’ \u00a0\u202f]", "", match["core"])
        if self.decimal == ",":
            core = core.replace(".", "").replace(",", ".")
        else:
            core = core.replace(",", "")
        try:
            number = float(core)
        except ValueError:
            return None
        is_negative = match["open"] or {"-", "−"} & {match["sign"], match["sign2"], match["behind"]}
        return -number if is_negative else number


def is_numeric(text: str) -> bool:
    """Whether a text looks like a number in some notation."""
    match = _NUMBER.fullmatch(text.strip())
    return match is not None and _is_currency(match)


def currency_of(text: str) -> Currency | None:
    """The sign or code that stands at a number."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None or not _is_currency(match):
        return None
    sign = match["before"] or match["after"]
    return Currency(sign, _code(sign)) if sign else None


def currency_code(text: str) -> str | None:
    """The code that a text is, or of which its sign is."""
    text = text.strip()
    return text.upper() if text.upper() in CODES and len(text) == 3 else _code(text)


def currencies_of_sign(sign: str) -> frozenset[str]:
    """The currencies that a sign at amounts may mean."""
    return frozenset({sign}) if sign in CODES else MARKS.get(_mark(sign), frozenset())


def notation_of(texts: Iterable[str]) -> Notation:
    """The notation in which the numbers of a file make sense.

    Examples
    --------
    >>> notation_of(["1.234,50", "7,5"]).decimal, notation_of(["1,234.50"]).decimal
    (',', '.')
    """
    counts = Counter(_evidence(text) for text in texts)
    point, comma = counts["."], counts[","]
    decimal = "," if comma > point else "."
    groups = counts["?," if decimal == "." else "?."]
    if not point and not comma and counts["?."]:
        return Notation(".", None, f"{counts['?.']:,} numbers such as 1.234 may mean 1234")
    doubt = ""
    if point and comma:
        doubt = f"{point:,} numbers are written with a point and {comma:,} with a comma"
    elif groups and not point and not comma:
        doubt = f"{groups:,} numbers such as 1,234 may mean 1.234"
    return Notation(decimal, "," if groups and decimal == "." else None, doubt)


def _evidence(text: str) -> str:
    """The decimal mark that a text proves; `?` and its mark where it may be a group; "" for none."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None or not _is_currency(match):
        return ""
    core = match["core"]
    marks = re.findall(r"[.,]", core)
    if not marks:
        return ""
    if len(set(marks)) == 2:
        return str(marks[-1])
    mark, (whole, *rest) = marks[0], re.split(r"[.,]", core)
    if len(marks) > 1:
        return {",": ".", ".": ","}[mark] if all(len(part) == 3 for part in rest) else ""
    is_group = len(rest[0]) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")
    return f"?{mark}" if is_group else str(mark)


def _is_currency(match: re.Match[str]) -> bool:
    signs = [sign for sign in (match["before"], match["after"]) if sign]
    return all(sign in CODES or _mark(sign) in MARKS for sign in signs)


def _mark(sign: str) -> str:
    return sign.upper().rstrip(".")


def _code(sign: str) -> str | None:
    if sign in CODES:
        return sign
    codes = MARKS.get(_mark(sign), frozenset())
    return next(iter(codes)) if len(codes) == 1 else _USUAL.get(sign)
