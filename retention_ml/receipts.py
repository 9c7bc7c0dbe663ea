"""The receipt every door returns: what it read and what became of each row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from retention_ml.errors import AccountingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a door did.

    Raises
    ------
    AccountingError
        If rows read are not the rows written, quarantined and recognised as duplicates.
    """

    door: str
    as_of: date | None = None
    read: int
    written: int
    quarantined: int = 0
    duplicates: int = 0
    seconds: float
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.read != self.written + self.quarantined + self.duplicates:
            raise AccountingError(
                f"{self.door} read {self.read:,} rows but wrote {self.written:,}, quarantined "
                f"{self.quarantined:,} and recognised {self.duplicates:,} duplicates. "
                "The sum must be equal; nothing was recorded. Please report this as a defect."
            )

    def to_dict(self) -> dict[str, Any]:
        """The receipt as plain JSON values, for logs, Airflow and `--json`."""
        return {
            "door": self.door,
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "read": self.read,
            "written": self.written,
            "quarantined": self.quarantined,
            "duplicates": self.duplicates,
            "seconds": round(self.seconds, 3),
            **self.details,
        }

    def __str__(self) -> str:
        day = f" of {self.as_of}" if self.as_of else ""
        return (
            f"{self.door}{day}: read {self.read:,} = written {self.written:,} + quarantined "
            f"{self.quarantined:,} + duplicates {self.duplicates:,} in {self.seconds:.1f} s"
        )
