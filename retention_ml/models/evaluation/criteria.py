"""What a candidate must meet before it may replace a champion."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionCriteria:
    """What a candidate must meet; see `[promotion]` and `[tiers]` of the settings.

    Parameters
    ----------
    auc_margin, segment_margin : float
        By so much its ROC AUC may be lower, overall and in a segment, given the interval.
    ece_max : float
        Highest calibration error, beyond what chance alone brings.
    tier_moves_max : float
        Share of the customers whose tier may change at once.
    tier_bounds : tuple of float
        Lower bounds of the tiers above the lowest, rising.
    seconds_per_thousand_max, megabytes_max : float
        Time to score a thousand customers, and size of the files.
    """

    auc_margin: float
    segment_margin: float
    ece_max: float
    tier_moves_max: float
    tier_bounds: tuple[float, ...]
    seconds_per_thousand_max: float
    megabytes_max: float
