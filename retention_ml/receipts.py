"""The receipt every door returns: what became of each row it read, or what it decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from retention_ml.errors import AccountingError

_COUNTS = ("read", "written", "quarantined", "left_out", "duplicates")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorReceipt:
    """What all receipts have in common.

    Parameters
    ----------
    door : str
        The step.
    as_of : date or None
        The day it worked on, where days apply.
    seconds : float
        How long it took.
    details : mapping of str to object
        What else the step has to say.
    """

    door: str
    as_of: date | None = None
    seconds: float
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Rows by what became of them; empty where no rows pass the door."""
        return {}

    @property
    def stored_details(self) -> dict[str, Any]:
        """All that is stored beside door, day, counts and time."""
        return dict(self.details)

    @property
    def title(self) -> str:
        """The door and its day."""
        return f"{self.door} of {self.as_of}" if self.as_of else self.door

    def to_dict(self) -> dict[str, Any]:
        """The receipt as plain JSON values, for logs, Airflow and `--json`."""
        return {
            "door": self.door,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            **self.counts,
            "seconds": round(self.seconds, 3),
            **self.stored_details,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(DoorReceipt):
    """What a door did with the rows it read.

    Raises
    ------
    AccountingError
        If rows read are not the rows written, quarantined, left out and recognised as duplicates.
    """

    read: int
    written: int
    quarantined: int = 0
    left_out: int = 0
    duplicates: int = 0

    def __post_init__(self) -> None:
        if self.read != self.written + self.quarantined + self.left_out + self.duplicates:
            raise AccountingError(
                f"{self.door} read {self.read:,} rows but wrote {self.written:,}, quarantined "
                f"{self.quarantined:,}, left out {self.left_out:,} and recognised "
                f"{self.duplicates:,} duplicates. "
                "The sum must be equal; nothing was recorded. Please report this as a defect."
            )

    @property
    def counts(self) -> dict[str, int]:
        """`read`, `written`, `quarantined`, `left_out` and `duplicates`."""
        return {name: getattr(self, name) for name in _COUNTS}

    def __str__(self) -> str:
        left_out = f"left out {self.left_out:,} + " if self.left_out else ""
        return (
            f"{self.title}: read {self.read:,} = written {self.written:,} + quarantined "
            f"{self.quarantined:,} + {left_out}duplicates {self.duplicates:,} in {self.seconds:.1f} s"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionReceipt(DoorReceipt):
    """What a door decided: no rows pass it, so it counts none.

    Parameters
    ----------
    sentence : str
        What was decided and why.
    """

    sentence: str

    @property
    def stored_details(self) -> dict[str, Any]:
        """The details and the sentence."""
        return {"sentence": self.sentence, **self.details}

    def __str__(self) -> str:
        return f"{self.title}: {self.sentence} ({self.seconds:.1f} s)"
