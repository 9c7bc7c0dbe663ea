"""The sections about who customers are: every key with its bounds and default."""

from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from retention_ml.settings.section import Section

_WEEKS_MAX = 5  # Mondays in a month
_EPSILON_MIN = 0.01


class Profiles(Section):
    """When a customer changes their lifecycle stage, and how long periods are."""

    new_days: int = Field(30, ge=1, le=3650)
    loyal_purchase_days: int = Field(4, ge=2, le=1000)
    lapsed_days: int = Field(0, ge=0, le=3650)
    slipping_intervals: float = Field(2.5, gt=0, le=100)
    overdue_probability: float = Field(0.9, gt=0, lt=1)
    cohort_period_days: int = Field(30, ge=1, le=365)
    stage_change_warning: float = Field(0.03, ge=0, le=1)
    customer_history_days: int = Field(180, ge=62, le=36500)
    value_horizon_days: int = Field(180, ge=7, le=1095)
    value_fit_days: int = Field(28, ge=1, le=365)
    value_learn_days: int = Field(6, ge=1, le=24)
    value_tier_shares: tuple[float, float, float] = (0.05, 0.2, 0.5)
    personas_count: int = Field(0, ge=0, le=12)
    persona_stability_min: float = Field(0.85, ge=0, le=1)
    persona_drift_max: float = Field(0.25, gt=0)
    persona_steady_days: int = Field(90, ge=1, le=3650)
    persona_change_max: float = Field(0.15, ge=0, le=1)
    forecast_days: int = Field(28, ge=7, le=91)
    forecast_coverage: float = Field(0.8, gt=0, lt=1)

    @model_validator(mode="after")
    def _tiers_rise(self) -> "Profiles":
        top, high, medium = self.value_tier_shares
        if not 0 < top < high < medium < 1:
            raise ValueError(
                f"value_tier_shares are {list(self.value_tier_shares)}; expected three rising "
                "shares above 0 and below 1, those down to top, high and medium"
            )
        return self


class Abnormal(Section):
    """What happens to customers that are none."""

    bot: Literal["flag", "exclude"] = "exclude"
    brusher: Literal["flag", "exclude"] = "exclude"
    returner: Literal["flag", "exclude"] = "flag"
    reseller: Literal["flag", "exclude"] = "flag"
    window_days: int = Field(365, ge=28, le=3650)
    excluded_share_max: float = Field(0.10, ge=0, le=1)


class Privacy(Section):
    """What the warehouse knows a customer by, whom it profiles, and how long it keeps what."""

    pseudonyms: bool = False
    profiling: Literal["unless_refused", "with_consent"] = "unless_refused"
    quarantine_days: int = Field(365, ge=0)
    messages_days: int = Field(365, ge=0)
    assistant_calls_days: int = Field(365, ge=0)
    archive_days: int = Field(0, ge=0)
    public_aggregates: bool = False
    public_epsilon_month: float = Field(1.0, gt=0, le=10)
    public_tiers_epsilon: float = Field(0.2, ge=0, le=10)
    public_cohorts_epsilon: float = Field(0.0, ge=0, le=10)
    public_cell_min: int = Field(10, ge=1, le=1_000)

    @model_validator(mode="after")
    def _month_can_be_paid(self) -> "Privacy":
        """Else the last weeks of a month would be refused."""
        tiers, cohorts = self.public_tiers_epsilon, self.public_cohorts_epsilon
        for name, epsilon in (("tiers", tiers), ("cohorts", cohorts)):
            if 0 < epsilon < _EPSILON_MIN:
                raise ValueError(
                    f"public_{name}_epsilon is {epsilon:g}; expected 0 (not published) or at least "
                    f"{_EPSILON_MIN:g}: below, the noise is larger than 100 customers"
                )
        total = _WEEKS_MAX * Decimal(str(tiers)) + Decimal(str(cohorts))
        if total > Decimal(str(self.public_epsilon_month)):
            raise ValueError(
                f"{_WEEKS_MAX} weeks of public_tiers_epsilon {tiers:g} and a month of "
                f"public_cohorts_epsilon {cohorts:g} cost {total:f}, more than public_epsilon_month "
                f"{self.public_epsilon_month:g}. Lower them, or allow a month more"
            )
        if self.public_aggregates and not total:
            raise ValueError(
                "public_aggregates is true, and public_tiers_epsilon and public_cohorts_epsilon are "
                "0: nothing would be published. Give one of them a share of public_epsilon_month"
            )
        return self
