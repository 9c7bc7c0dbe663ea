"""What must hold before a snapshot is published: the result of one audit, and what results decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One result: its name, how bad a failure is, whether it holds, and what was observed."""

    name: str
    severity: Severity
    is_success: bool
    observed: str


def critical(name: str, is_success: bool, observed: str) -> Audit:
    """An audit whose failure refuses the snapshot."""
    return Audit(name=name, severity="critical", is_success=bool(is_success), observed=observed)


def none_of(name: str, count: int, what: str) -> Audit:
    """A critical audit that nothing of a kind is there.

    >>> none_of("ranks_have_no_holes", 3, "lists with holes").observed
    '3 lists with holes'
    """
    return critical(name, count == 0, f"{count:,} {what}")


def refusal(results: Sequence[Audit]) -> str | None:
    """Why the snapshot must not be published, in words; None if it may be.

    No audits at all count as a failure: nothing is published unchecked.
    """
    if not results:
        return "no audit ran"
    failed = [a for a in results if a.severity == "critical" and not a.is_success]
    return "; ".join(f"{a.name}: {a.observed}" for a in failed) or None
