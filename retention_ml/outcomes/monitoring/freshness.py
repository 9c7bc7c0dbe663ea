"""Whether what readers see is recent, and whether something was refused."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from retention_ml.outcomes.monitoring.alerts import Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How old scores and data are at the start of a day, and what was refused.

    Parameters
    ----------
    as_of : date
    newest_published : date or None
        The newest published day up to `as_of`.
    newest_input_age_days : float or None
        Days from the newest event that went into the features of that day to its start.
    refused_snapshot : str or None
        Why the newest snapshot of `as_of` was refused, where none of the day is published.
    refused_models : tuple of (alias, version, reason)
        What was put under an alias in MLflow and refused, with no decision since that moved the
        alias; empty where a later day than `as_of` is published.
    """

    as_of: date
    newest_published: date | None
    newest_input_age_days: float | None
    refused_snapshot: str | None
    refused_models: tuple[tuple[str, str, str], ...]


def freshness_alerts(freshness: Freshness, *, stale_days_max: int) -> Iterator[Alert]:
    """An alert for everything that is stale or was refused."""
    newest, input_age_days = freshness.newest_published, freshness.newest_input_age_days
    age_days = 0 if newest is None else (freshness.as_of - newest).days
    if age_days > stale_days_max:
        yield Alert(
            kind="stale_scores",
            subject="scores",
            severity="critical",
            sentence=f"The newest published scores are of {newest}, {age_days} days before "
            f"{freshness.as_of}; at most {stale_days_max} are accepted. Look at the tasks of "
            "score_customers for the days since.",
            evidence={"newest_published": str(newest), "age_days": age_days},
        )
    if input_age_days is not None and input_age_days > stale_days_max:
        yield Alert(
            kind="stale_feed",
            subject="orders and events",
            severity="warning",
            sentence=f"The newest event in the features of {newest} happened "
            f"{input_age_days:.1f} days before it; at most {stale_days_max} are accepted. Ask "
            "whether the shop still delivers, and whether its files are refused.",
            evidence={"newest_input_age_days": round(input_age_days, 2)},
        )
    if (reason := freshness.refused_snapshot) is not None:
        yield Alert(
            kind="refused_snapshot",
            subject="scores",
            severity="critical",
            sentence=f"The scores of {freshness.as_of} were not published: {reason.rstrip('.')}. "
            "What was published before stays up. scores.audits holds what each audit saw.",
            evidence={"reason": reason},
        )
    for alias, version, reason in freshness.refused_models:
        yield Alert(
            kind="refused_model",
            subject=f"{alias} v{version}",
            severity="critical" if alias == "champion" else "warning",
            sentence=f"Version {version} has the alias {alias} but is not served: "
            f"{reason.rstrip('.')}. The last good one stays up. Move the alias back, or promote "
            "another version with `retention promote`.",
            evidence={"alias": alias, "version": version, "reason": reason},
        )
