"""Whether the data still holds what the platform promises."""

from collections.abc import Sequence

from retention_ml.maintenance.invariants import Violation
from retention_ml.outcomes.monitoring.alerts import Alert


def invariant_alerts(broken: Sequence[Violation]) -> list[Alert]:
    """An alert for every invariant that does not hold."""
    return [
        Alert(
            kind="broken_invariant",
            subject=f"{violation.invariant.promise}: {violation.invariant.sentence}",
            severity="critical",
            sentence="The warehouse holds what must never be there. "
            f"{violation.sentence} {violation.remedy}",
            evidence={"promise": violation.invariant.promise, "count": violation.count},
        )
        for violation in broken
    ]
