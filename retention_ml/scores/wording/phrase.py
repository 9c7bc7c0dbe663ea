"""How a feature and its value are worded, and on which side of others it reads as a risk.

A text is a template of its own small kind. `{value:,.0f}` is a number, formatted so;
`{value:,.0f|nothing}` has a word for none; `{value:.0f} [order|orders]` has a noun, in the singular
where the number is shown as 1 and after "no" where it is none.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Literal

from retention_ml.features.feature import Feature

Risk = Literal["high", "low"]
NOT_KNOWN = "not known yet"
_NUMBER = re.compile(r"\{(\w+):([^}|]*)(?:\|([^}]*))?\}(?: \[([^|\]]*)\|([^\]]*)\])?")


def fill(text: str, **values: float) -> str:
    """A template's text with its numbers. Only what is exactly 0 is worded as none.

    Examples
    --------
    >>> orders = "{value:.0f} [order|orders] in the last 30 days"
    >>> fill(orders, value=0), fill(orders, value=1), fill(orders, value=2)
    ('no orders in the last 30 days', '1 order in the last 30 days', '2 orders in the last 30 days')
    >>> spent = "spent {value:,.0f|nothing} so far"
    >>> fill(spent, value=0), fill(spent, value=0.3), fill(spent, value=1_200)
    ('spent nothing so far', 'spent less than 1 so far', 'spent 1,200 so far')
    """

    literals, numbers = _parsed(text)
    written = [literals[0]]
    for literal, (name, spec, none, singular, plural) in zip(literals[1:], numbers, strict=True):
        value = values[name]
        shown = none if none and value == 0 else _shown(value, spec)
        written.append(shown)
        if plural is not None:
            written.append(f" {singular if shown == '1' else plural}")
        written.append(literal)
    return "".join(written)


_Number = tuple[str, str, str | None, str | None, str | None]


@cache
def _parsed(text: str) -> tuple[tuple[str, ...], tuple[_Number, ...]]:
    """What stands between the numbers of a template, and name, format and words of each number."""
    literals, numbers, begin = [], [], 0
    for match in _NUMBER.finditer(text):
        name, spec, none, singular, plural = match.groups()
        numbers.append((name, spec, none or ("no" if plural else None), singular, plural))
        literals.append(text[begin : match.start()])
        begin = match.end()
    return (*literals, text[begin:]), tuple(numbers)


def _shown(value: float, spec: str) -> str:
    text = format(value, spec)
    if value != 0 and not text.strip("-0."):
        return f"less than {10.0 ** -decimals(spec):g}"
    return text


def decimals(text: str) -> int:
    """How many decimals the first number of a template or a format shows."""
    match = re.search(r"\.(\d)f", text)
    return int(match[1]) if match else 0


@dataclass(frozen=True)
class Phrase:
    """The words of one feature.

    Parameters
    ----------
    text : str or callable
        A template of `value`, or the text of a value: money in whole units, shares in percent.
    risk : "high", "low" or None
        The values that a person would call a risk. None where a person would call neither one:
        such a feature is never a reason.
    others : str
        What follows "half of the active customers": the value that is usual, a template of
        `value`. Empty where the feature is not compared with other customers.
    missing : str
        Where there is no value.
    plainer : str, optional
        The feature that speaks instead, where this one's value says little to a reader.
    least : float, optional
        How far a value must be from what is usual to be a reason, in the units that are shown;
        by default what its unit asks for.
    """

    text: str | Callable[[float], str]
    risk: Risk | None
    others: str = ""
    missing: str = NOT_KNOWN
    plainer: str | None = None
    least: float | None = None

    @cached_property
    def digits(self) -> int:
        """Decimals that are shown."""
        return decimals(self.text) if isinstance(self.text, str) else 0

    def over(self, days: int) -> "Phrase":
        """The same for a window of some days, which stands for `{n}` (its weeks for `{weeks}`)."""
        assert isinstance(self.text, str)
        return replace(
            self,
            text=in_window(self.text, days),
            others=in_window(self.others, days),
            missing=in_window(self.missing, days),
            plainer=None if self.plainer is None else in_window(self.plainer, days),
        )

    def write(self, value: float) -> str:
        """The text of a value in the units that are shown."""
        return fill(self.text, value=value) if isinstance(self.text, str) else self.text(value)

    def write_others(self, value: float) -> str:
        """What half of the active customers have, at least or at most."""
        return f"half of the active customers {fill(self.others, value=value) if value else 'none'}"


def in_window(text: str, days: int) -> str:
    """A text about a window of some days, which stands for `{n}` (its weeks for `{weeks}`)."""
    return text.replace("{n}", str(days)).replace("{weeks}", str(days // 7))


def low(text: str, others: str | None = None, **options: Any) -> Phrase:
    """A phrase of a feature whose low values are a risk; `others` is the value "or more"."""
    return Phrase(text, "low", _compared(text, "more") if others is None else others, **options)


def high(text: str, others: str | None = None, **options: Any) -> Phrase:
    """A phrase of a feature whose high values are a risk; `others` is the value "or less"."""
    return Phrase(text, "high", _compared(text, "less") if others is None else others, **options)


def neutral(text: str, **options: Any) -> Phrase:
    """A phrase of a feature that is never a reason."""
    return Phrase(text, None, **options)


def _compared(text: str, end: str) -> str:
    number = _NUMBER.search(text)
    assert number is not None
    percent = " %" if text[number.end() :].startswith(" %") else ""
    return f"{{value:{number[2]}}}{percent} or {end}"


def scale(feature: Feature, minor_units: int) -> float:
    """By what a value is multiplied for readers: money in whole units, shares in percent.

    `minor_units` are the smallest units of money in a whole one.
    """
    return {"cents": 1 / minor_units, "share": 100.0}.get(feature.unit, 1.0)
