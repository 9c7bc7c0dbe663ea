"""The audits between a snapshot and its readers: plain numbers in, results out.

A critical failure refuses the snapshot; a warning is stored with it (`audit_results`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from retention_ml.scores.audits.audit_results import Audit
from retention_ml.statistics.sample_ratio import Arms, mismatch_p_value, worst_stratum

# Name: whether it holds, and what was observed, in words.
_Results = dict[str, tuple[bool, str]]
_WARNINGS = {
    "sample_ratio_is_likely",
    "sample_ratio_is_likely_by_stratum",
    "tier_shares_moved",
    "mean_probability_moved",
    "input_is_fresh",
}
# Among fewer customers probabilities may be alike, and one or two who move are a large share.
_FEWEST_CUSTOMERS = 20
# Of fair assignments one in a thousand is noted and one in a billion stopped.
_RATIO_WARNING, _RATIO_CRITICAL = 1e-3, 1e-9
_REASSIGN = "; outcomes of such arms cannot be compared: set another [trial] salt or share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The snapshot published before: what the new one is compared with.

    `common_count` customers are in both, and of these `moved_count` have changed their tier.
    """

    as_of: date
    policy_sha256: str
    mean_probability: float
    tier_counts: Mapping[str, int]
    common_count: int = 0
    moved_count: int = 0
    is_starter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditInputs:
    """What was counted of a snapshot inside the publishing transaction."""

    as_of: date
    population_count: int
    scored_count: int
    excluded_count: int
    feature_rows_count: int
    rows_count: int
    customers_count: int
    excluded_rows_count: int
    scored_and_excluded_count: int
    improbable_count: int
    negative_value_count: int
    untraceable_count: int
    unknown_tier_count: int
    distinct_probabilities_count: int
    mean_probability: float
    tier_counts: Mapping[str, int]
    policy_sha256: str
    bundle_sha256: str
    is_bundle_approved: bool
    is_bundle_taken_back: bool
    newer_bundle_sha256: str | None
    features_digest: str
    latest_features_digest: str | None
    newest_input_age_days: float | None
    baseline: Baseline | None = None
    tiers_by: str = "probability"
    is_starter: bool = False
    misassigned_count: int = 0
    is_challenger_approved: bool = True
    challenger_share: float = 0.0
    arms: Arms = field(default=Arms(arm_count=0, customers_count=0))
    strata: Mapping[str, Arms] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where a change or an age is remarkable (warning) and from where it stops (critical).

    Shares and probabilities in [0, 1], ages in days.
    """

    share_change_warning: float = 0.15
    share_change_critical: float = 0.50
    input_age_warning_days: float = 3
    input_age_critical_days: float = 14


def audits(inputs: AuditInputs, limits: Limits) -> list[Audit]:
    """Every audit of one snapshot, in the order in which a reader should look at them."""
    results = (
        _rows_account(inputs)
        | _rows_are_sound(inputs)
        | _rows_are_traceable(inputs)
        | _arms_are_fair(inputs)
        | _nothing_jumped(inputs, limits)
        | _input_is_fresh(inputs, limits)
    )
    return [
        Audit(
            name=name,
            severity="warning" if name in _WARNINGS else "critical",
            is_success=is_success,
            observed=observed,
        )
        for name, (is_success, observed) in results.items()
    ]


def _rows_account(f: AuditInputs) -> _Results:
    return {
        "rows_account": (
            f.population_count == f.scored_count + f.excluded_count == f.feature_rows_count
            and f.scored_count == f.rows_count
            and f.excluded_count == f.excluded_rows_count,
            f"{f.feature_rows_count:,} active customers; manifest {f.population_count:,} = "
            f"{f.scored_count:,} scored + {f.excluded_count:,} excluded; rows {f.rows_count:,} "
            f"and {f.excluded_rows_count:,}",
        ),
        "someone_is_scored": (f.rows_count > 0, f"{f.rows_count:,} customers scored"),
        "one_row_per_customer": (
            f.rows_count == f.customers_count and f.scored_and_excluded_count == 0,
            f"{f.rows_count:,} rows of {f.customers_count:,} customers, "
            f"{f.scored_and_excluded_count:,} both scored and excluded",
        ),
    }


def _rows_are_sound(f: AuditInputs) -> _Results:
    return {
        "probabilities_are_probable": _none(
            f.improbable_count, "probabilities not finite or outside 0 to 1"
        ),
        "probabilities_vary": (
            f.rows_count < _FEWEST_CUSTOMERS or f.distinct_probabilities_count > 1,
            f"{f.distinct_probabilities_count:,} different probabilities",
        ),
        "values_are_not_negative": _none(f.negative_value_count, "negative values at risk"),
        "tiers_are_known": _none(
            f.unknown_tier_count, "rows in a tier that the policy does not have"
        ),
    }


def _rows_are_traceable(f: AuditInputs) -> _Results:
    newer = f.newer_bundle_sha256 if f.newer_bundle_sha256 != f.bundle_sha256 else None
    return {
        "rows_are_of_the_manifest": _none(
            f.untraceable_count, "rows of another day, model or version than the manifest's"
        ),
        "arms_account": _none(
            f.misassigned_count,
            "rows whose arm, or whose probability, is not the one that salt and share assign to "
            "the customer",
        ),
        "challenger_is_approved": (
            f.is_challenger_approved,
            "the challenger is approved in models.promotions"
            if f.is_challenger_approved
            else "nobody approved the challenger: models.promotions has no approval of it",
        ),
        "model_is_served": (
            f.is_bundle_approved and not f.is_bundle_taken_back,
            f"scored with bundle {f.bundle_sha256[:12]}{_approval(f)}"
            + (f"; since then {newer[:12]} has become champion" if newer is not None else ""),
        ),
        "features_are_current": (
            f.features_digest == f.latest_features_digest,
            f"scored from features {f.features_digest[:12]}, the day's latest build is "
            f"{(f.latest_features_digest or 'none')[:12]}",
        ),
    }


def _none(count: int, what: str) -> tuple[bool, str]:
    return count == 0, f"{count:,} {what}"


def _approval(f: AuditInputs) -> str:
    if f.is_bundle_taken_back:
        return ", which was rolled back from"
    if f.is_bundle_approved:
        return ", the starter model: no champion had been approved" if f.is_starter else ""
    if f.is_starter:
        return ", which is not the starter model as shipped, or not needed: see [scoring] starter"
    return ", which nobody approved as champion"


def _arms_are_fair(f: AuditInputs) -> _Results:
    """Whether both arms are as large as the share says, among customers either could serve."""
    names = ("sample_ratio_holds", "sample_ratio_is_likely", "sample_ratio_is_likely_by_stratum")
    if f.challenger_share == 0:
        return dict.fromkeys(names, (True, "nobody is assigned to a challenger"))
    p_value = mismatch_p_value(f.arms, f.challenger_share)
    stratum, corrected = worst_stratum(f.strata, f.challenger_share)
    all_arms = by_stratum = _ratio(f.arms, f.challenger_share, p_value)
    if stratum:
        by_stratum = f"{stratum}: {_ratio(f.strata[stratum], f.challenger_share, corrected)}"
    results = (
        (p_value >= _RATIO_CRITICAL, all_arms + _REASSIGN * (p_value < _RATIO_CRITICAL)),
        (p_value >= _RATIO_WARNING, all_arms),
        (corrected >= _RATIO_WARNING, by_stratum),
    )
    return dict(zip(names, results, strict=True))


def _ratio(arms: Arms, share: float, p_value: float) -> str:
    return (
        f"{arms.arm_count:,} of {arms.customers_count:,} customers are the challenger's, "
        f"expected {share * arms.customers_count:,.0f} (p = {p_value:.2g})"
    )


def _nothing_jumped(f: AuditInputs, limits: Limits) -> _Results:
    names = ("tier_shares_jumped", "tier_shares_moved", "mean_probability_moved")
    unlike = _not_comparable(f)
    if f.baseline is None or unlike:
        return dict.fromkeys(names, (True, f"nothing to compare with: {unlike}"))
    change, customers_count, share = _tier_change(f, f.baseline)
    stops = customers_count >= _FEWEST_CUSTOMERS and change > limits.share_change_critical
    mean_change = abs(f.mean_probability - f.baseline.mean_probability)
    mean = (
        f"mean probability {f.baseline.mean_probability:.3f} on {f.baseline.as_of}, "
        f"now {f.mean_probability:.3f}"
    )
    results = (
        (not stops, share),
        (change <= limits.share_change_warning, share),
        (mean_change <= limits.share_change_warning, mean),
    )
    return dict(zip(names, results, strict=True))


def _tier_change(f: AuditInputs, baseline: Baseline) -> tuple[float, int, str]:
    """How much the tiers have changed, as a share; of how many customers; and in words.

    By rank the tiers are as large as ever whatever happens: there, who is in them is compared.
    """
    if f.tiers_by != "probability":
        customers_count = baseline.common_count
        share = baseline.moved_count / max(customers_count, 1)
        words = (
            f"{share:.1%} of the {customers_count:,} customers also scored on {baseline.as_of} are in "
            "another tier now"
        )
        return share, customers_count, words
    before, after = _shares(baseline.tier_counts), _shares(f.tier_counts)
    change, tier = max(
        (abs(after.get(tier, 0.0) - before.get(tier, 0.0)), tier)
        for tier in sorted({*before, *after})
    )
    customers_count = min(sum(baseline.tier_counts.values()), sum(f.tier_counts.values()))
    words = (
        f"share of tier {tier} {before.get(tier, 0.0):.1%} on {baseline.as_of}, "
        f"now {after.get(tier, 0.0):.1%}"
    )
    return change, customers_count, words


def _not_comparable(f: AuditInputs) -> str | None:
    """Why tiers and probabilities cannot be compared with the day before, or None."""
    if f.baseline is None:
        return "no earlier day is published"
    if f.rows_count == 0:
        return "nobody is scored"
    if f.baseline.policy_sha256 != f.policy_sha256:
        return "the tier policy changed"
    # The starter's level is that of other shops; the handover must not wait for a person.
    if f.baseline.is_starter and not f.is_starter:
        return "the starter model scored before"
    return None


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values()) or 1
    return {tier: count / total for tier, count in counts.items()}


def _input_is_fresh(f: AuditInputs, limits: Limits) -> _Results:
    days = f.newest_input_age_days
    age = f"newest input {days:.1f} days before {f.as_of}" if days is not None else ""
    return {
        name: (days is not None and days <= days_max, age or "no input at all")
        for name, days_max in (
            ("input_is_not_stale", limits.input_age_critical_days),
            ("input_is_fresh", limits.input_age_warning_days),
        )
    }
