"""The challenger's slot: at most one version is on trial beside the champion."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.registry.model_version import ServedModel
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengerSlot:
    """The version on trial.

    `until` is the day on which the trial ends if nothing decides it; None if it has not begun.
    """

    version: str
    until: date | None


class TrialState(Protocol):
    """What a slot needs of a trial: when it began, and whether it is open."""

    @property
    def began_on(self) -> date:
        """The first day that both scored."""

    @property
    def status(self) -> str:
        """`open`, `abandoned`, or how it ended."""


TrialBetween = Callable[[Warehouse, tuple[str, str], str], TrialState | None]
"""Reads the trial of champion and challenger, by their digests, for a churn definition; None where
it has not begun. Passed in from `outcomes`."""


def find_slot(
    warehouse: Warehouse,
    settings: Settings,
    champion: Bundle,
    challenger: ServedModel | None,
    trial_between: TrialBetween,
) -> ChallengerSlot | None:
    """The slot while it is occupied, None where it is free.

    It is free without a challenger that may serve today, where that is the champion itself, and
    where the trial of the two has been decided. A trial that was abandoned goes on as soon as both
    score the same day again, so it occupies the slot.

    Parameters
    ----------
    champion : Bundle
        The model that scores, which is the starter model where there is no champion.
    """
    if challenger is None or challenger.bundle.sha256 == champion.sha256:
        return None
    pair = (champion.sha256, challenger.bundle.sha256)
    trial = trial_between(warehouse, pair, champion.manifest["definition_hash"])
    if trial is not None and trial.status not in ("open", "abandoned"):
        return None
    until = trial.began_on + timedelta(days=settings.trial.days_max) if trial else None
    return ChallengerSlot(version=challenger.version, until=until)
