"""The tier policy that is served with a version: approved with it, restored with it."""

from collections.abc import Mapping

from retention_ml.settings import Settings

Policy = Mapping[str, float]


def configured_policy(settings: Settings) -> Policy:
    """The policy that the settings ask for: `medium`, `high`, `critical`, `hysteresis`."""
    names = ("medium", "high", "critical", "hysteresis")
    return {name: float(getattr(settings.tiers, name)) for name in names}
