"""A buying process as a model of churn: three features in, log-odds of no order out."""

import json
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import ClassVar, Self

import numpy as np

from retention_ml.errors import UnfitModel
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.predictors.predictor import floats, to_json
from retention_ml.statistics.arrays import Floats, logit

FEATURES = ("purchase_days_count", "recency_days", "tenure_days")


@dataclass(frozen=True, kw_only=True)
class BuyingProcess:
    """Log-odds that a customer does not order within the horizon.

    Parameters
    ----------
    process : BetaGeoNBD
        How customers buy and drop out.
    horizon_days : float
        The days that count, from `as_of` on.
    reference : array of float64, shape (3,)
        The `FEATURES` of the customer whom explanations compare with, and who stands in for
        values that are missing.
    """

    kind: ClassVar[str] = "btyd"
    process: BetaGeoNBD
    horizon_days: float
    reference: Floats

    def margin(self, values: Floats) -> Floats:
        """Log-odds before calibration, shape (n,), of `FEATURES`, shape (n, 3).

        Any values are accepted: impossible ones (recency beyond tenure) are clipped to the nearest
        possible ones.
        """
        days, recency, tenure = np.where(np.isnan(values), self.reference, values).T
        T = np.maximum(tenure, 0.0)
        t_x = T - np.clip(recency, 0.0, T)
        frequency = np.maximum(days - 1.0, 0.0)
        return logit(self.process.p_no_order(frequency, t_x, T, self.horizon_days))

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """What each feature adds to the base, shape (n, 3), and the base.

        Exact Shapley values against the reference customer: every coalition of features is
        evaluated, with the reference's values for the features outside it.

        References
        ----------
        Shapley, "A value for n-person games", 1953; Lundberg and Lee, "A unified approach to
        interpreting model predictions", 2017, section 2.4.
        """
        count = len(FEATURES)
        margins: dict[frozenset[int], Floats] = {}
        for size in range(count + 1):
            for members in combinations(range(count), size):
                mixed = np.broadcast_to(self.reference, values.shape).copy()
                mixed[:, list(members)] = values[:, list(members)]
                margins[frozenset(members)] = self.margin(mixed)
        added = np.zeros(values.shape)
        for coalition, with_all in margins.items():
            for feature in coalition:
                share = 1 / (count * comb(count - 1, len(coalition) - 1))
                added[:, feature] += share * (with_all - margins[coalition - {feature}])
        return added, float(self.margin(self.reference[None, :])[0])

    def files(self) -> dict[str, bytes]:
        """The process as text files."""
        content = {
            "process": self.process.to_dict(),
            "horizon_days": self.horizon_days,
            "reference": self.reference,
        }
        return {"btyd.json": to_json(content)}

    @classmethod
    def from_files(cls, files: dict[str, bytes], features: tuple[str, ...]) -> Self:
        """What was written by `files`; checked for its features and sound values.

        Raises
        ------
        UnfitModel
            It is for other features, or a value makes no sense.
        """
        content = json.loads(files["btyd.json"])
        model = cls(
            process=BetaGeoNBD.from_dict(content["process"]),
            horizon_days=float(content["horizon_days"]),
            reference=floats(content["reference"]),
        )
        sound = (
            features == FEATURES
            and 0 < model.horizon_days < np.inf
            and model.reference.shape == (len(FEATURES),)
            and bool(np.isfinite(model.reference).all())
        )
        if not sound:
            raise UnfitModel(
                f"btyd.json has a horizon of {model.horizon_days} days and a reference of "
                f"{model.reference.size} values for {len(features)} features; expected a positive "
                f"horizon and finite values for {', '.join(FEATURES)}. Train anew."
            )
        return model
