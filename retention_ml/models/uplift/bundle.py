"""A fitted uplift model as text files with one digest: no code in it, nothing to unpickle."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from retention_ml.errors import UnfitModel
from retention_ml.models.bundle.bundle import digest, read_contents
from retention_ml.models.predictors.blend import UNREADABLE
from retention_ml.models.uplift.effect_models import (
    EffectModel,
    LinearEffect,
    TreeEffect,
    TwoModels,
)
from retention_ml.models.uplift.shrinkage import shrink
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.rate import Estimate

FORMAT = 1
MANIFEST = "manifest.json"
_KINDS: dict[str, Any] = {kind.kind: kind for kind in (TwoModels, LinearEffect, TreeEffect)}
_NUMBERS = ("centre", "average_effect", "believed")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpliftBundle:
    """A model that predicts the effect of a contact, shrunk by its own calibration slope.

    Parameters
    ----------
    learner : str
    features : tuple of str
        What it reads, in its order.
    model : EffectModel
        Promises effects.
    centre : float
        Mean of the promised effects over the decisions it was fitted to.
    average_effect : Estimate
        Of the contact, in units of the outcome.
    slope : Estimate
        Calibration slope on decisions not fitted to.
    believed : float
        The share of the promised differences that is used, 0 to 1.
    meaning : mapping
        What the model stands for: action, days, definition; written into the manifest as it is.
    """

    learner: str
    features: tuple[str, ...]
    model: EffectModel
    centre: float
    average_effect: Estimate
    slope: Estimate
    believed: float
    meaning: Mapping[str, Any]

    def effect(self, values: Floats) -> Floats:
        """Effect of contacting each customer, shape (n,), of values (n, k), NaN where missing."""
        return shrink(
            self.model.effect(values),
            centre=self.centre,
            average_effect=self.average_effect.value,
            slope=self.believed,
        )

    @property
    def sha256(self) -> str:
        """Digest over the sorted file names and their bytes."""
        return digest(self.files())

    def files(self) -> dict[str, bytes]:
        """The manifest and the coefficients as named text files."""
        manifest = {
            "format": FORMAT,
            "kind": self.model.kind,
            "learner": self.learner,
            "features": list(self.features),
            "centre": self.centre,
            "average_effect": self.average_effect.value,
            "average_effect_error": self.average_effect.error,
            "slope": self.slope.value,
            "slope_error": self.slope.error if np.isfinite(self.slope.error) else None,
            "believed": self.believed,
            "meaning": dict(self.meaning),
        }
        text = json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False)
        return {**self.model.files(), MANIFEST: text.encode()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        """What was written by `files`; UnfitModel where a file is missing or not sound."""
        try:
            manifest = json.loads(files[MANIFEST])
            features = tuple(map(str, manifest["features"]))
            model = _KINDS[manifest["kind"]].from_files(dict(files), features)
            numbers = {name: float(manifest[name]) for name in _NUMBERS}
            error = manifest["slope_error"]
            bundle = cls(
                learner=str(manifest["learner"]),
                features=features,
                model=model,
                centre=numbers["centre"],
                average_effect=Estimate(
                    numbers["average_effect"], float(manifest["average_effect_error"])
                ),
                slope=Estimate(
                    float(manifest["slope"]), float("inf") if error is None else float(error)
                ),
                believed=numbers["believed"],
                meaning=dict(manifest["meaning"]),
            )
            foreign = sorted(set(files) - set(model.files()) - {MANIFEST})
        except UNREADABLE as error:
            raise UnfitModel(
                f"The uplift bundle cannot be read ({type(error).__name__}: {str(error)[:80]}). "
                f"Expected {MANIFEST} of format {FORMAT} and the files it names. Train anew."
            ) from error
        is_sound = (
            manifest["format"] == FORMAT
            and bool(np.isfinite(list(numbers.values())).all())
            and 0 <= bundle.believed <= 1
            and len(set(features)) == len(features) > 0
        )
        if not is_sound or foreign:
            raise UnfitModel(
                f"The uplift bundle has format {str(manifest['format'])[:40]!r}, numbers that make "
                f"no sense or {len(foreign)} foreign files; expected format {FORMAT}. Train anew."
            )
        return bundle

    @classmethod
    def load(cls, folder: Path, sha256: str | None = None) -> Self:
        """The bundle in a folder; UnfitModel where its digest is not the one expected."""
        contents = read_contents(folder)
        actual = digest(contents)
        if sha256 is not None and actual != sha256:
            raise UnfitModel(
                f"The uplift bundle has the digest {actual[:12]}, expected {sha256[:12]}: its "
                "files were changed. It is not used. Train anew."
            )
        return cls.from_files(contents)
