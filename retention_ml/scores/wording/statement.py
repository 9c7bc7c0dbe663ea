"""A sentence that a person would call a risk, and of whom it is true.

A feature's value alone says little: what is unusual against the customer's own past or against
other customers does. So a statement compares, and is made only where the comparison is clear.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from retention_ml.features.catalogue import FEATURES
from retention_ml.scores.wording.phrase import Risk, plain_number
from retention_ml.scores.wording.phrases import PHRASES
from retention_ml.statistics.arrays import Bools, Floats

# How many times what is usual a value must be (or go into it) to be worth a sentence.
_CLEARLY = 1.25


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


def is_clear(values: Floats, usual: Floats | float, risk: Risk) -> Bools:
    """Whether values are clearly on the side of a risk from what is usual, elementwise.

    Examples
    --------
    >>> is_clear(np.array([2.0, 8.0, 10.0, np.nan]), 9.0, "low").tolist()
    [True, False, False, False]
    """
    if risk == "low":
        is_beyond = (values < usual) & (values * _CLEARLY <= usual)
    else:
        is_beyond = (values > usual) & (values >= usual * _CLEARLY)
    return np.asarray(is_beyond & np.isfinite(usual), dtype=np.bool_)


def against_others(name: str, topic: str | None = None) -> Statement:
    """A feature against what is usual among the day's customers; its topic is its family."""
    phrase = PHRASES[name]
    risk = phrase.risk
    assert risk is not None, f"{name} is neutral"

    def words(value: float, usual: float) -> str:
        text = phrase.write(value)
        return f"{text}; {phrase.write_others(usual)}" if usual else text

    return Statement(
        topic=topic or FEATURES[name].family,
        inputs=(name,),
        holds=lambda values, usual: is_clear(values, usual, risk),
        words=words,
        usual=name,
    )


def against_own(topic: str, value: str, usual: str, risk: Risk, text: str) -> Statement:
    """One feature against another of the same customer, which is what they are used to."""
    return Statement(
        topic=topic,
        inputs=(value, usual),
        holds=lambda values, usual: is_clear(values, usual, risk),
        words=lambda value, usual: plain_number(text.format(value=value, usual=usual)),
    )


def against_before(topic: str, stem: str, days: int, text: str) -> Statement:
    """A window against the one as long before it: that of twice the length less itself."""
    return Statement(
        topic=topic,
        inputs=(f"{stem}_{days}d", f"{stem}_{2 * days}d"),
        holds=lambda now, both: is_clear(now, both - now, "low"),
        words=lambda now, both: plain_number(
            text.format(now=now, before=both - now, n=days, weeks=days // 7)
        ),
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
