"""The challenger's slot: at most one version is on trial beside the champion."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.registry.mlflow_registry import ServedModel
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengerSlot:
    """The slot, while a version is on trial.

    Parameters
    ----------
    version : str
    until : date or None
        The day on which the trial ends if nothing decides it; None if it has not begun.
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


class TrialBetween(Protocol):
    """Reads the trial of two models; None where it has not begun. Passed in from `outcomes`."""

    def __call__(
        self,
        warehouse: Warehouse,
        /,
        *,
        champion_sha256: str,
        challenger_sha256: str,
        definition_hash: str,
    ) -> TrialState | None:
        """The trial of these two for this churn definition."""


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
    trial_between : callable
        Reads the trial of the two, see `TrialBetween`.
    """
    if challenger is None or challenger.bundle_sha256 == champion.sha256:
        return None
    trial = trial_between(
        warehouse,
        champion_sha256=champion.sha256,
        challenger_sha256=challenger.bundle_sha256,
        definition_hash=champion.manifest["definition_hash"],
    )
    if trial is not None and trial.status not in ("open", "abandoned"):
        return None
    until = trial.began_on + timedelta(days=settings.trial.days_max) if trial else None
    return ChallengerSlot(version=challenger.version, until=until)
