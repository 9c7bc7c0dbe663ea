"""Rising numbers that values are compared with, laid out for compiled loops."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints

_STEP_MIN, _STEPS_MAX = 8, 24


@dataclass(frozen=True, slots=True)
class Cuts:
    """Several rising sequences, one after the other.

    Parameters
    ----------
    start : array of int64, shape (sequences + 1,)
        Where each begins.
    step : array of int64, shape (sequences,)
        Values are compared with every `step`-th number first; a power of two.
    numbers : array of float64
        Each sequence filled up with infinity to a whole number of steps, one of them at least.
    """

    start: Ints
    step: Ints
    numbers: Floats

    @classmethod
    def of(cls, sequences: Sequence[Floats]) -> Self:
        """The layout of rising sequences."""
        steps = [_step(len(each)) for each in sequences]
        sizes = [
            (len(each) // step + 1) * step for each, step in zip(sequences, steps, strict=True)
        ]
        start = np.cumsum([0, *sizes], dtype=np.int64)
        numbers = _laid_out(np.full(start[-1], np.inf), start, sequences)
        return cls(start, np.array(steps, dtype=np.int64), numbers)

    def laid_out(self, sequences: Sequence[Floats]) -> Floats:
        """Sequences of the same lengths, or shorter, where these numbers are; 0 elsewhere."""
        return _laid_out(np.zeros(len(self.numbers)), self.start, sequences)


def _laid_out(numbers: Floats, start: Ints, sequences: Sequence[Floats]) -> Floats:
    for begin, each in zip(start[:-1].tolist(), sequences, strict=True):
        numbers[begin : begin + len(each)] = each
    return numbers


def _step(count: int) -> int:
    step = _STEP_MIN
    while count // step > _STEPS_MAX:
        step *= 2
    return step
