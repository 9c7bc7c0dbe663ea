"""When customers order next and what they pay: part of every bundle, beside its score.

Whatever model predicts churn, the bundle also carries a buying process (MBG/NBD) and a model of
what is spent (Gamma-Gamma), as a few numbers in the manifest. Scoring takes from them how risk is
spread over time and what is at stake.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from retention_ml.errors import UnfitModel
from retention_ml.models.btyd import gamma_gamma, nbd
from retention_ml.models.btyd.gamma_gamma import SpendModel
from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.models.btyd.purchase_summary import PurchaseSummary

KEY = "timing"
# Fewer say too little of how payments differ between customers and from time to time.
_PAYERS_MIN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """A shop's buying process and spending.

    Parameters
    ----------
    process : BetaGeoNBD
        Purchase days of a customer, in days.
    spend : SpendModel or None
        What is paid on a purchase day, in cents; None where too few bought twice.
    lead_days, horizon_days : int
        The outcome window of the churn probability that it stands beside.
    """

    process: BetaGeoNBD
    spend: SpendModel | None
    lead_days: int
    horizon_days: int

    @property
    def reach_days(self) -> int:
        """Days from the day scored to the end of the outcome window."""
        return self.lead_days + self.horizon_days

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return {
            "process": self.process.to_dict(),
            "spend": self.spend.to_dict() if self.spend else None,
            "lead_days": self.lead_days,
            "horizon_days": self.horizon_days,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """What `to_dict` gave.

        Raises
        ------
        UnfitModel
            A part is missing or makes no sense.
        """
        with suppress(KeyError, TypeError, IndexError, AttributeError):
            spend, days = content["spend"], (content["lead_days"], content["horizon_days"])
            timing = cls(
                process=BetaGeoNBD.from_dict(content["process"]),
                spend=None if spend is None else SpendModel.from_dict(spend),
                lead_days=days[0],
                horizon_days=days[1],
            )
            if all(type(number) is int for number in days) and days[0] >= 0 and days[1] > 0:
                return timing
        raise UnfitModel(
            f"The {KEY} in the bundle's manifest cannot be used: expected a process, a spend model "
            "or null, lead_days from 0 and horizon_days from 1 on, both whole. Train anew."
        )


def fit(histories: PurchaseSummary, *, lead_days: int, horizon_days: int) -> Timing:
    """The process and the spending that fit customers' purchase histories best.

    The spend model is fitted to customers with two purchase days or more, `PurchaseSummary.payments`.
    """
    process, spend = nbd.fit(histories, modified=True), None
    if len(histories.payments) >= _PAYERS_MIN:
        spend = gamma_gamma.fit(histories.payments, histories.day_values)
    return Timing(process=process, spend=spend, lead_days=lead_days, horizon_days=horizon_days)


def of_manifest(manifest: Mapping[str, Any]) -> Timing | None:
    """What a bundle's manifest says of timing; None in bundles made without it.

    Raises
    ------
    UnfitModel
        See `Timing.from_dict`.
    """
    return Timing.from_dict(manifest[KEY]) if manifest.get(KEY) is not None else None
