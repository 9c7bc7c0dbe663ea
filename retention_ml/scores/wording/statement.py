"""A sentence that a person would call a risk, and of whom it is true.

A feature's value alone says little: what is unusual against the customer's own past or against
other customers does. So a statement compares, and is made only where the comparison is clear.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from retention_ml.features.catalogue import FEATURES
from retention_ml.scores.wording.phrase import Risk, fill, in_window
from retention_ml.scores.wording.phrases import PHRASES
from retention_ml.statistics.arrays import Bools, Floats

# How many times what is usual a value must be (or go into it) to be worth a sentence.
_CLEARLY = 1.25

# And how far from it at least, as readers see both: of small numbers a quarter is nothing.
LEAST_DAYS, LEAST_COUNT = 3.0, 2.0
_LEAST = {"days": LEAST_DAYS, "count": LEAST_COUNT, "share": 5.0, "cents": 1.0}
_LEAST_OF_MEANS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A sentence about a customer, and of whom it is true.

    Parameters
    ----------
    topic : str
        Statements of one topic say nearly the same, whatever feature they come from.
    inputs : tuple of str
        The features whose values it takes, as readers see them.
    holds : callable
        From arrays of these values, shape (n,), to a mask of shape (n,). Missing values are NaN.
    words : callable
        From one customer's values to the text.
    usual : str, optional
        The feature whose usual value among the day's customers is the last argument of both.
    """

    topic: str
    inputs: tuple[str, ...]
    holds: Callable[..., Bools]
    words: Callable[..., str]
    usual: str | None = None


def is_clear(values: Floats, usual: Floats | float, risk: Risk, least: float = 0.0) -> Bools:
    """Whether values are clearly on the side of a risk from what is usual, elementwise.

    By a quarter and by `least`. Amounts below 0 are never clear: they are corrections.

    Examples
    --------
    >>> is_clear(np.array([2.0, 8.0, 10.0, np.nan]), 9.0, "low").tolist()
    [True, False, False, False]
    >>> is_clear(np.array([2.0, 3.0]), 1.0, "high", LEAST_COUNT).tolist()
    [False, True]
    """
    if risk == "low":
        is_beyond = (values < usual) & (values * _CLEARLY <= usual) & (usual - values >= least)
    else:
        is_beyond = (values > usual) & (values >= usual * _CLEARLY) & (values - usual >= least)
    return np.asarray(is_beyond & (values >= 0) & np.isfinite(usual), dtype=np.bool_)


def _least(name: str) -> float:
    """How far a feature must be from what is usual, as readers see it."""
    phrase, unit = PHRASES[name], FEATURES[name].unit
    if phrase.least is not None:
        return phrase.least
    return _LEAST_OF_MEANS if unit == "count" and phrase.digits else _LEAST.get(unit, 0.0)


def against_others(name: str, topic: str | None = None) -> Statement:
    """A feature against what is usual among the day's customers; its topic is its family."""
    phrase, least = PHRASES[name], _least(name)
    risk = phrase.risk
    assert risk is not None, f"{name} is neutral"
    return Statement(
        topic=topic or FEATURES[name].family,
        inputs=(name,),
        holds=lambda values, usual: is_clear(values, usual, risk, least),
        words=lambda value, usual: f"{phrase.write(value)}; {phrase.write_others(usual)}",
        usual=name,
    )


def against_past(topic: str, value: str, usual: str, risk: Risk, text: str) -> Statement:
    """One feature against another of the same customer, which is what they are used to."""
    least = _least(value)
    return Statement(
        topic=topic,
        inputs=(value, usual),
        holds=lambda values, usual: is_clear(values, usual, risk, least),
        words=lambda value, usual: fill(text, value=value, usual=usual),
    )


def against_before(topic: str, stem: str, days: int, text: str) -> Statement:
    """A window against the one as long before it: that of twice the length less itself."""
    least, text = _least(f"{stem}_{days}d"), in_window(text, days)
    return Statement(
        topic=topic,
        inputs=(f"{stem}_{days}d", f"{stem}_{2 * days}d"),
        holds=lambda now, both: is_clear(now, both - now, "low", least),
        words=lambda now, both: fill(text, now=now, before=both - now),
    )


def never(name: str) -> Statement:
    """What at least half of the customers have done, and this one has not."""
    return Statement(
        topic=FEATURES[name].family,
        inputs=(name,),
        holds=lambda values, usual: np.isnan(values) & np.isfinite(usual),
        words=lambda *_: PHRASES[name].missing,
        usual=name,
    )


def by_itself(name: str, holds: Callable[[Floats], Bools]) -> Statement:
    """A value that is a risk whatever is usual."""
    return Statement(
        topic=FEATURES[name].family, inputs=(name,), holds=holds, words=PHRASES[name].write
    )


def where(name: str, holds: Callable[[Floats], Bools], statement: Statement) -> Statement:
    """The statement, of those only who also have certain values of a feature."""
    return Statement(
        topic=statement.topic,
        inputs=(name, *statement.inputs),
        holds=lambda values, *others: holds(values) & statement.holds(*others),
        words=lambda _, *others: statement.words(*others),
        usual=statement.usual,
    )
