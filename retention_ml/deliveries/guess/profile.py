"""What the texts of a column are: numbers, times or words, how many, how often the same."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from retention_ml.deliveries.engine import Engine
from retention_ml.deliveries.guess import dates
from retention_ml.deliveries.guess.dates import Times
from retention_ml.deliveries.guess.numbers import Notation, currency_of, is_numeric, notation_of

_MOSTLY = 0.9


class Content(StrEnum):
    """What most texts of a column are."""

    EMPTY = "empty"
    NUMBER = "number"
    TIME = "time"
    CLOCK = "clock"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One column.

    Parameters
    ----------
    texts : list of str
        "" where missing.
    counts : Counter
        Of the texts that are not missing.
    numbers : list of float or None
        Per row, where the column is one of numbers; else empty.
    times : Times, optional
    clock : str, optional
        The format of a column of times of day.
    """

    name: str
    texts: Sequence[str]
    counts: Counter[str]
    content: Content
    numbers: Sequence[float | None] = ()
    times: Times | None = None
    clock: str | None = None
    signs: Counter[str] = field(default_factory=Counter)

    @property
    def filled(self) -> int:
        """Rows with a text."""
        return self.counts.total()

    @property
    def filled_share(self) -> float:
        """Of the rows, how many have a text."""
        return self.filled / len(self.texts) if self.texts else 0.0

    @property
    def is_unique(self) -> bool:
        """Whether no text comes twice."""
        return len(self.counts) == self.filled > 0

    @property
    def is_whole(self) -> bool:
        """Whether all numbers are whole."""
        return all(value is None or value.is_integer() for value in self.numbers)

    @property
    def negatives(self) -> int:
        """How many numbers are below zero."""
        return sum(value is not None and value < 0 for value in self.numbers)


def notation_of_columns(values: Mapping[str, Sequence[str]]) -> Notation:
    """The notation of the columns that hold mostly numbers."""
    texts: list[str] = []
    for column in values.values():
        unique = {text for text in column if text}
        if unique and sum(map(is_numeric, unique)) >= _MOSTLY * len(unique):
            texts += unique
    return notation_of(texts)


def profiles_of(
    engine: Engine, values: Mapping[str, Sequence[str]], notation: Notation
) -> dict[str, Profile]:
    """The profile of each column."""
    return {name: _profile(engine, name, texts, notation) for name, texts in values.items()}


def _profile(engine: Engine, name: str, texts: Sequence[str], notation: Notation) -> Profile:
    counts = Counter(text for text in texts if text)
    if not counts:
        return Profile(name=name, texts=texts, counts=counts, content=Content.EMPTY)
    unique = list(counts)
    clock = dates.clock_format(unique)
    if clock is not None:
        return Profile(name=name, texts=texts, counts=counts, content=Content.CLOCK, clock=clock)
    values = {text: notation.value(text) for text in unique}
    is_number = sum(v is not None for v in values.values()) >= _MOSTLY * len(unique)
    times = dates.numeric_format(unique) if is_number else None
    if times is None:
        times = dates.formats_of(engine, [text for text in texts if text])
    if times is not None and not is_number:
        return Profile(name=name, texts=texts, counts=counts, content=Content.TIME, times=times)
    if is_number:
        signs = Counter(one.sign for one in map(currency_of, unique) if one is not None)
        numbers = [values.get(text) for text in texts]
        return Profile(
            name=name, texts=texts, counts=counts, content=Content.NUMBER,
            numbers=numbers, times=times, signs=signs,
        )  # fmt: skip
    return Profile(name=name, texts=texts, counts=counts, content=Content.TEXT)
