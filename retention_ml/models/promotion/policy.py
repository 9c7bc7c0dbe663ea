"""The tier policy that is served with a version: approved with it, restored with it."""

from collections.abc import Mapping
from typing import Any

from retention_ml.settings import Settings

Policy = Mapping[str, Any]
_DIGITS = 9


def configured_policy(settings: Settings) -> Policy:
    """The policy that the settings ask for: `medium`, `high`, `critical`, `hysteresis`.

    Bounds of probability; where tiers go by rank, `by` says by what, the bounds are positions among
    the day's customers, from the shares of the tiers, and the hysteresis is a share of a tier.
    """
    tiers = settings.tiers
    if tiers.by == "probability":
        names = ("medium", "high", "critical", "hysteresis")
        return {name: float(getattr(tiers, name)) for name in names}
    critical = 1 - tiers.critical_share
    high = critical - tiers.high_share
    bounds = {"critical": critical, "high": high, "medium": high - tiers.medium_share}
    return {
        "by": tiers.by,
        **{name: round(bound, _DIGITS) for name, bound in bounds.items()},
        "hysteresis": tiers.hysteresis_share,
    }
