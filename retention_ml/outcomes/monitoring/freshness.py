"""Whether what readers see is young enough, and whether something was refused."""

from dataclasses import dataclass
from datetime import date

from retention_ml.outcomes.monitoring.alerts import Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the platform stands at the start of a day.

    Parameters
    ----------
    as_of : date
    newest_published : date or None
        The newest published day up to `as_of`.
    newest_input_age_days : float or None
        Days from the newest event that the features of that published day have seen to its start.
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


def standing_alerts(standing: Standing, *, stale_days_max: int) -> list[Alert]:
    """An alert for everything that is stale or was refused."""
    found: list[Alert] = []
    if standing.newest_published is not None:
        age = (standing.as_of - standing.newest_published).days
        if age > stale_days_max:
            found.append(
                Alert(
                    kind="stale_scores",
                    subject="scores",
                    severity="critical",
                    sentence=f"The newest published scores are of {standing.newest_published}, "
                    f"{age} days before {standing.as_of}; at most {stale_days_max} are accepted. "
                    "Look at the tasks of score_customers for the days since.",
                    evidence={"newest_published": str(standing.newest_published), "age_days": age},
                )
            )
    age_days = standing.newest_input_age_days
    if age_days is not None and age_days > stale_days_max:
        found.append(
            Alert(
                kind="stale_feed",
                subject="orders and events",
                severity="warning",
                sentence=f"The features of {standing.newest_published} have seen nothing newer "
                f"than {age_days:.1f} days before it; at most {stale_days_max} are accepted. Ask "
                "whether the shop still delivers, and whether its files are refused.",
                evidence={"newest_input_age_days": round(age_days, 2)},
            )
        )
    if standing.refused_snapshot is not None:
        found.append(
            Alert(
                kind="refused_snapshot",
                subject="scores",
                severity="critical",
                sentence=f"The scores of {standing.as_of} were not published: "
                f"{standing.refused_snapshot.rstrip('.')}. What was published before stays up. "
                "scores.audits holds what each audit saw.",
                evidence={"reason": standing.refused_snapshot},
            )
        )
    for alias, version, reason in standing.refused_models:
        found.append(
            Alert(
                kind="refused_model",
                subject=f"{alias} v{version}",
                severity="critical" if alias == "champion" else "warning",
                sentence=f"Version {version} stands under the alias {alias} but is not served: "
                f"{reason.rstrip('.')}. The last good one stays up. Move the alias back, or "
                "promote another version with `retention promote`.",
                evidence={"alias": alias, "version": version, "reason": reason},
            )
        )
    return found
