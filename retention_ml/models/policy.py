"""The tier policy that is served with a version: approved with it, restored with it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from retention_ml.settings import Settings

if TYPE_CHECKING:
    from retention_ml.models.decisions import Decision
    from retention_ml.warehouse import Warehouse

Policy = Mapping[str, float]

NAMES = ("medium", "high", "critical", "hysteresis")


def asked_for(settings: Settings) -> Policy:
    """The policy that the settings ask for: `medium`, `high`, `critical`, `hysteresis`."""
    return {name: float(getattr(settings.tiers, name)) for name in NAMES}


def approved_with(history: "list[Decision]", version: str) -> Policy | None:
    """The policy recorded when a version was last approved; None if it never was.

    `history` is newest first.
    """
    from retention_ml.models.decisions import APPROVED

    for decision in history:
        if decision.model_version == version and decision.verdict in APPROVED:
            return decision.policy
    return None


def policy_served(warehouse: "Warehouse", settings: Settings, version: str) -> Policy:
    """The policy that tiers follow while a version is champion.

    It is the one recorded at its last approval, until somebody edits `[tiers]`: where the
    settings ask for something else than they did at that moment, the settings win.
    """
    from retention_ml.models.decisions import APPROVED, decisions

    asked = asked_for(settings)
    for decision in decisions(warehouse, "champion"):
        if decision.model_version == version and decision.verdict in APPROVED:
            is_edited = decision.policy_of_settings != asked
            return asked if is_edited or decision.policy is None else decision.policy
    return asked
