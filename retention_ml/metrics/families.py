"""What Prometheus reads: families of series with a name, a kind and labels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "summary"]
Labels = tuple[tuple[str, str], ...]
"""Names and values, in the order of the names."""


def labels_of(values: Mapping[str, str]) -> Labels:
    """The labels in the order of their names, so that equal ones are equal."""
    return tuple(sorted(values.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line of an answer.

    Parameters
    ----------
    labels : tuple of (name, value)
    value : float
    suffix : str
        Behind the name of the family: `_count` and `_sum` of a summary, else empty.
    """

    labels: Labels = ()
    value: float
    suffix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """All series of one name.

    Parameters
    ----------
    name : str
        With its unit, as Prometheus names it: `retention_scores_age_seconds`.
    kind : {"counter", "gauge", "summary"}
    text : str
        What a value is, in one sentence.
    samples : tuple of Sample
    """

    name: str
    kind: Kind
    text: str
    samples: tuple[Sample, ...]


def count_samples(families: Iterable[Family]) -> int:
    """How many series there are in all."""
    return sum(len(family.samples) for family in families)
