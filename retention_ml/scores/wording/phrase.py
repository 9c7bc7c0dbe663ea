"""How a feature and its value are worded, and on which side of others it reads as a risk."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from retention_ml.features.feature import Feature

Risk = Literal["high", "low"]
NOT_KNOWN = "not known yet"
_FIELD = re.compile(r"\{value[^}]*\}")


@dataclass(frozen=True)
class Phrase:
    """The words of one feature.

    Parameters
    ----------
    text : str or callable
        With `{value}`, or the text of a value: money in whole units, shares in percent.
    risk : "high", "low" or None
        The values that a person would call a risk. None where a person would call neither one:
        such a feature is never a reason.
    others : str
        What follows "half of the active customers": the value that is usual, with `{value}`.
        Empty where the feature is not compared with other customers.
    missing : str
        Where there is no value.
    plainer : str, optional
        The feature that speaks instead, where this one's value says little to a reader.
    """

    text: str | Callable[[float], str]
    risk: Risk | None
    others: str = ""
    missing: str = NOT_KNOWN
    plainer: str | None = None

    @cached_property
    def digits(self) -> int:
        """Decimals that are shown."""
        decimals = re.search(r"\.(\d)f", self.text) if isinstance(self.text, str) else None
        return int(decimals[1]) if decimals else 0

    def over(self, days: int) -> "Phrase":
        """The same for a window of some days, which stands for `{n}` (its weeks for `{weeks}`)."""

        def fill(text: str) -> str:
            return text.replace("{n}", str(days)).replace("{weeks}", str(days // 7))

        assert isinstance(self.text, str)
        return replace(
            self,
            text=fill(self.text),
            others=fill(self.others),
            missing=fill(self.missing),
            plainer=None if self.plainer is None else fill(self.plainer),
        )

    def write(self, value: float) -> str:
        """The text of a value in the units that are shown, none and one in their own words."""
        if not isinstance(self.text, str):
            return self.text(value)
        return plain_number(self.text.format(value=value))

    def write_others(self, value: float) -> str:
        """What half of the active customers have, at least or at most."""
        return f"half of the active customers {plain_number(self.others.format(value=value))}"


def low(text: str, others: str | None = None, **options: str) -> Phrase:
    """A phrase of a feature whose low values are a risk; `others` is the value "or more"."""
    return Phrase(text, "low", _compared(text, "more") if others is None else others, **options)


def high(text: str, others: str | None = None, **options: str) -> Phrase:
    """A phrase of a feature whose high values are a risk; `others` is the value "or less"."""
    return Phrase(text, "high", _compared(text, "less") if others is None else others, **options)


def neutral(text: str, **options: str) -> Phrase:
    """A phrase of a feature that is never a reason."""
    return Phrase(text, None, **options)


def _compared(text: str, end: str) -> str:
    field = _FIELD.search(text)
    assert field is not None
    percent = " %" if text[field.end() :].startswith(" %") else ""
    return f"{field[0]}{percent} or {end}"


def scale(feature: Feature) -> float:
    """By what a value is multiplied for readers: money in whole units, shares in percent."""
    return {"cents": 0.01, "share": 100.0}.get(feature.unit, 1.0)


def plain_number(text: str) -> str:
    """The text with none and one in words that people use.

    Examples
    --------
    >>> plain_number("0 orders in the last 30 days"), plain_number("ordered in 0 of the last 4 weeks")
    ('no orders in the last 30 days', 'ordered in none of the last 4 weeks')
    >>> plain_number("1 orders in the last 30 days"), plain_number("spent 0 so far")
    ('1 order in the last 30 days', 'spent nothing so far')
    """
    text = re.sub(r"^0 (% of )?(?=[a-z])", "no ", text)
    text = re.sub(r"\b(in|on) 0 of\b", r"\1 none of", text)
    text = re.sub(r"\bspent 0\b(?! or)", "spent nothing", text)
    one = re.search(r"(?<![\d.,+-])1 [a-z ]*?s\b", text)
    return text if one is None else text.replace(one[0], _singular(one[0]), 1)


def _singular(words: str) -> str:
    for plural, singular in (("ies", "y"), ("ches", "ch")):
        if words.endswith(plural):
            return words.removesuffix(plural) + singular
    return words.removesuffix("s")
