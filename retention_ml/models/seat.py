"""The challenger's seat: one version at a time is on trial beside the champion."""

from dataclasses import dataclass
from datetime import date, timedelta

from retention_ml.models.bundle import Bundle
from retention_ml.models.registry import ServedModel
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """The version that is on trial beside the champion.

    Parameters
    ----------
    version : str
    until : date or None
        The day on which the trial ends if nothing decides it; None if it has not begun.
    """

    version: str
    until: date | None


def seat_of(
    warehouse: Warehouse,
    settings: Settings,
    champion: Bundle,
    challenger: ServedModel | None,
) -> Seat | None:
    """Who holds the seat, None where it is free.

    It is free without a challenger that may serve today, where that is the champion itself, and
    where the trial of the two has been decided. A trial that was abandoned goes on as soon as both
    score the same day again, so it holds the seat.

    Parameters
    ----------
    champion : Bundle
        The model that scores, which is the starter model where there is no champion.
    """
    if challenger is None or challenger.bundle_sha256 == champion.sha256:
        return None
    with warehouse.transaction() as transaction:
        found = transaction.execute(
            "SELECT began_on, status FROM outcomes.trials WHERE champion_sha256 = :champion "
            "AND challenger_sha256 = :challenger AND definition_hash = :hash",
            champion=champion.sha256,
            challenger=challenger.bundle_sha256,
            hash=champion.manifest["definition_hash"],
        )
    if found and found[0].status not in ("open", "abandoned"):
        return None
    until = found[0].began_on + timedelta(days=settings.trial.days_max) if found else None
    return Seat(version=challenger.version, until=until)
