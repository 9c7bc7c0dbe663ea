"""The result of an audit, and when a snapshot must not be published."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One result: its name, what a failure means, and what was observed, in words."""

    name: str
    severity: Severity
    is_success: bool
    observed: str


def critical(name: str, is_success: bool, observed: str) -> Audit:
    """An audit whose failure refuses the snapshot."""
    return Audit(name=name, severity="critical", is_success=is_success, observed=observed)


def warning(name: str, is_success: bool, observed: str) -> Audit:
    """An audit whose failure is noted."""
    return Audit(name=name, severity="warning", is_success=is_success, observed=observed)


def refusal(results: Sequence[Audit]) -> str | None:
    """Why the snapshot must not be published, in words; None if it may.

    No audits at all count as a failure: nothing is published unchecked.
    """
    if not results:
        return "no audit ran"
    failed = [a for a in results if a.severity == "critical" and not a.is_success]
    return "; ".join(f"{a.name}: {a.observed}" for a in failed) or None
