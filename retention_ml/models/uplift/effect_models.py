"""Fitted models of a contact's effect, each kept as text files."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

import numpy as np

from retention_ml.models.predictors.linear import Linear
from retention_ml.models.predictors.trees import BINARY, REGRESSION, Trees
from retention_ml.statistics.arrays import Floats, sigmoid

_LINK, _LOGIT, _IDENTITY = "link.txt", b"logit", b"identity"


class EffectModel(Protocol):
    """What every learner returns."""

    kind: ClassVar[str]

    def effect(self, values: Floats) -> Floats:
        """Expected outcome with the contact minus without, shape (n,), of values (n, k)."""

    def files(self) -> dict[str, bytes]:
        """The model as named text files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearEffect:
    """An effect that is a weighted sum of normalised features."""

    kind: ClassVar[str] = "linear_effect"
    linear: Linear

    def effect(self, values: Floats) -> Floats:
        """Effects, shape (n,), of feature values of shape (n, k)."""
        return self.linear.margin(values)

    def files(self) -> dict[str, bytes]:
        """The coefficients."""
        return _below("effect", self.linear.files())

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """What was written by `files`."""
        return cls(linear=Linear.from_files(_within("effect", files), features))


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoModels:
    """An outcome model of each arm; the effect is their difference.

    Parameters
    ----------
    if_treated, if_control : Linear
        Log-odds of the outcome, or the outcome itself.
    """

    kind: ClassVar[str] = "two_models"
    if_treated: Linear
    if_control: Linear
    is_binary: bool

    def outcomes(self, values: Floats) -> tuple[Floats, Floats]:
        """Expected outcome with the contact, and without, each of shape (n,)."""
        if_treated, if_control = self.if_treated.margin(values), self.if_control.margin(values)
        if self.is_binary:
            return sigmoid(if_treated), sigmoid(if_control)
        return if_treated, if_control

    def effect(self, values: Floats) -> Floats:
        """Effects, shape (n,), of feature values of shape (n, k)."""
        if_treated, if_control = self.outcomes(values)
        return if_treated - if_control

    def files(self) -> dict[str, bytes]:
        """The coefficients of both."""
        return {
            **_below("treated", self.if_treated.files()),
            **_below("control", self.if_control.files()),
            _LINK: _LOGIT if self.is_binary else _IDENTITY,
        }

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """What was written by `files`."""
        return cls(
            if_treated=Linear.from_files(_within("treated", files), features),
            if_control=Linear.from_files(_within("control", files), features),
            is_binary=files[_LINK] == _LOGIT,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEffect:
    """One model with the contact as its last feature; the effect is what switching it changes."""

    kind: ClassVar[str] = "trees"
    trees: Trees
    is_binary: bool

    def effect(self, values: Floats) -> Floats:
        """Effects, shape (n,), of feature values of shape (n, k)."""
        arms = [
            self.trees.margin(np.column_stack([values, np.full(len(values), arm)]))
            for arm in (1.0, 0.0)
        ]
        if_treated, if_control = map(sigmoid, arms) if self.is_binary else arms
        return np.asarray(if_treated - if_control)

    def files(self) -> dict[str, bytes]:
        """The trees as text."""
        return {**self.trees.files(), _LINK: _LOGIT if self.is_binary else _IDENTITY}

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """What was written by `files`."""
        is_binary = files[_LINK] == _LOGIT
        objective = BINARY if is_binary else REGRESSION
        trees = Trees.from_files(files, (*features, "treated"), objective)
        return cls(trees=trees, is_binary=is_binary)


def _below(folder: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}_{name}": content for name, content in files.items()}


def _within(folder: str, files: dict[str, bytes]) -> dict[str, bytes]:
    prefix = f"{folder}_"
    return {
        name.removeprefix(prefix): content
        for name, content in files.items()
        if name.startswith(prefix)
    }
