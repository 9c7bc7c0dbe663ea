"""The result of an audit, and when a snapshot must not be published."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "critical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One result: its name, what was observed, in words, and what a failure means.

    A failure that is critical refuses the snapshot, a warning is noted.
    """

    name: str
    severity: Severity
    is_success: bool
    observed: str


def refusal(results: Sequence[Audit]) -> str | None:
    """Why the snapshot must not be published, in words; None if it may.

    No audits at all count as a failure: nothing is published unchecked.
    """
    if not results:
        return "no audit ran"
    failed = [a for a in results if a.severity == "critical" and not a.is_success]
    return "; ".join(f"{a.name}: {a.observed}" for a in failed) or None
