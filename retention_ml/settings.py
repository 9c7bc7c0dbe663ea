"""One frozen `Settings`: environment over `retention.toml` over defaults.

Every business decision stands in `retention.toml`; every secret and address comes from the
environment. Unknown keys are refused.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from retention_ml.errors import SettingsError

PROJECT = Path(__file__).resolve().parent.parent


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Calendar(_Section):
    """Where the shop's day begins."""

    timezone: str = "UTC"
    currency: str = "USD"

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no IANA time zone such as 'Europe/London'")
        return value


class Churn(_Section):
    """The churn definition; its hash stands on every label, model and score."""

    event: Literal["order"] = "order"
    active_days: int = Field(90, ge=1, le=3650)
    lead_days: int = Field(0, ge=0, le=365)
    horizon_days: int = Field(28, ge=1, le=3650)
    embargo_days: int = Field(0, ge=0, le=365)
    settle_days: int = Field(1, ge=0, le=90)


class Features(_Section):
    """How features are computed."""

    engine: Literal["duckdb", "postgres"] = "duckdb"


class Training(_Section):
    """What candidates learn from and are judged on."""

    every_days: int = Field(7, ge=1, le=365)
    cutoff_count: int = Field(12, ge=1, le=60)
    cutoff_every_days: int = Field(14, ge=1, le=365)
    evaluation_count: int = Field(2, ge=1, le=12)
    rows_max: int = Field(200_000, ge=1_000, le=10_000_000)
    candidates: tuple[str, ...] = (
        "recency",
        "rfm_logistic",
        "mbg_nbd",
        "logistic",
        "random_forest",
        "lightgbm",
        "ensemble",
    )
    champion_candidate: str = "ensemble"
    tuning_trials: int = Field(8, ge=0, le=10_000)
    tuning_seconds: float = Field(60, ge=0, le=36_000)
    bootstrap_draws: int = Field(500, ge=50, le=100_000)
    seed: int = 20260301


class Readiness(_Section):
    """The least data that can carry a model."""

    customers_min: int = Field(200, ge=10)
    churned_min: int = Field(50, ge=5)
    retained_min: int = Field(50, ge=5)
    gap_days_max: int = Field(14, ge=1)
    unknown_share_max: float = Field(0.6, ge=0, le=1)


class Scoring(_Section):
    """Who scores before the shop has a model of its own."""

    starter: bool = True


class Trial(_Section):
    """How champion and challenger are compared on what really happens."""

    challenger_share: float = Field(0.10, ge=0, le=0.9)
    salt: str = Field("1", min_length=1, max_length=64)
    error_rate: float = Field(0.05, gt=0, lt=0.5)
    windows_min: int = Field(2, ge=1)
    days_max: int = Field(182, ge=1, le=3650)


class Promotion(_Section):
    """What makes a challenger champion, and who decides."""

    evidence: Literal["outcomes", "offline"] = "outcomes"
    mode: Literal["automatic", "approval"] = "automatic"
    approval_hours: float = Field(48, gt=0)
    auc_margin: float = Field(0.005, ge=0, le=0.5)
    segment_margin: float = Field(0.02, ge=0, le=0.5)
    ece_max: float = Field(0.10, gt=0, le=1)
    seconds_per_thousand_max: float = Field(5, gt=0)
    megabytes_max: float = Field(64, gt=0)
    tier_moves_max: float = Field(0.60, ge=0, le=1)


class Monitoring(_Section):
    """From where on a change is worth an alert."""

    effect_min: float = Field(0.10, gt=0)
    rate_gap_min: float = Field(0.10, gt=0, le=1)
    auc_drop_min: float = Field(0.05, gt=0, le=0.5)
    windows: int = Field(3, ge=1, le=30)
    windows_beyond: int = Field(2, ge=1, le=30)
    cooldown_days: int = Field(7, ge=0)
    stale_days_max: int = Field(3, ge=1)
    publish_hours_max: float = Field(2, gt=0)
    drift_starts_training: bool = True

    @model_validator(mode="after")
    def _k_of_n(self) -> "Monitoring":
        if self.windows_beyond > self.windows:
            raise ValueError("windows_beyond must not exceed windows")
        return self


class Alerts(_Section):
    """Where alerts go besides the log; addresses that are secret come from the environment."""

    email_to: tuple[str, ...] = ()
    email_from: str = "retention-ml@localhost"


class Tiers(_Section):
    """Lower bounds of calibrated churn probability, highest tier first."""

    critical: float = Field(0.80, ge=0, le=1)
    high: float = Field(0.60, ge=0, le=1)
    medium: float = Field(0.35, ge=0, le=1)
    low: float = Field(0.0, ge=0, le=0)
    hysteresis: float = Field(0.03, ge=0, le=0.5)
    share_change_warning: float = Field(0.15, ge=0, le=1)
    share_change_max: float = Field(0.50, ge=0, le=1)

    @model_validator(mode="after")
    def _falling(self) -> "Tiers":
        if not self.critical > self.high > self.medium > self.low:
            raise ValueError("tier bounds must fall: critical > high > medium > low = 0")
        return self


class Value(_Section):
    """What a customer is worth."""

    margin_share: float = Field(0.30, gt=0, le=1)
    horizon_days: int = Field(90, ge=1)
    offer_cost: float = Field(5.0, ge=0)
    save_rate: float = Field(0.10, ge=0, le=1)
    budget_share: float = Field(0.10, gt=0, le=1)


class Compute(_Section):
    """How much of the machine to use."""

    threads: int = Field(2, ge=1, le=256)


class Settings(_Section):
    """Everything the doors need to know; built by `load`.

    `home` holds all local state (default `.retention/` in the working directory);
    `warehouse_url` is `None` where the embedded Postgres of the local stack is meant.
    """

    calendar: Calendar = Calendar()
    churn: Churn = Churn()
    features: Features = Features()
    training: Training = Training()
    readiness: Readiness = Readiness()
    scoring: Scoring = Scoring()
    tiers: Tiers = Tiers()
    trial: Trial = Trial()
    promotion: Promotion = Promotion()
    monitoring: Monitoring = Monitoring()
    alerts: Alerts = Alerts()
    value: Value = Value()
    compute: Compute = Compute()

    home: Path = Path(".retention")
    sources: Path = PROJECT / "sources"
    expectations: Path = PROJECT / "expectations"
    warehouse_url: str | None = Field(None, repr=False)
    tracking_uri: str | None = None
    run_id: str = "manual"


SECTIONS = (
    "calendar",
    "churn",
    "features",
    "training",
    "readiness",
    "scoring",
    "tiers",
    "trial",
    "promotion",
    "monitoring",
    "alerts",
    "value",
    "compute",
)
_ADDRESSES = {
    "RETENTION_HOME": "home",
    "RETENTION_SOURCES": "sources",
    "RETENTION_EXPECTATIONS": "expectations",
    "RETENTION_WAREHOUSE_URL": "warehouse_url",
    "RETENTION_RUN_ID": "run_id",
    "MLFLOW_TRACKING_URI": "tracking_uri",
}
_OTHER_VARIABLES = {
    "RETENTION_SETTINGS",
    "RETENTION_DATA_DIR",
    "RETENTION_FAILPOINT",
    "RETENTION_SLACK_WEBHOOK",
}


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process.

    Parameters
    ----------
    environment : mapping of str to str, optional
        Default `os.environ`. `RETENTION_SETTINGS` names the TOML file; without it
        `retention.toml` is looked for in the working directory, then in the project.

    Raises
    ------
    SettingsError
        The file is no TOML, a key is unknown, or a value is out of range.
    """
    environment = os.environ if environment is None else environment
    path = _settings_file(environment)
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{path.name} is no valid TOML: {error}. Correct the line named."
            ) from error
        unknown = sorted(set(values) - set(SECTIONS))
        if unknown:
            raise SettingsError(
                f"{path.name} has the unknown section {unknown[0]!r}; "
                f"expected one of {', '.join(SECTIONS)}."
            )
    for variable, value in environment.items():
        if variable in _ADDRESSES:
            if value:
                values[_ADDRESSES[variable]] = value
        elif variable.startswith("RETENTION_") and "__" in variable:
            section, _, key = variable.removeprefix("RETENTION_").lower().partition("__")
            if section not in SECTIONS:
                raise SettingsError(
                    f"{variable} names the unknown section {section!r}; "
                    f"expected one of {', '.join(SECTIONS)}."
                )
            values.setdefault(section, {})[key] = (
                value.split(",") if (section, key) == ("training", "candidates") else value
            )
    try:
        settings = Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the settings"
        raise SettingsError(
            f"{where} in {path.name if path else 'the environment'} is {first.get('input')!r}: "
            f"{first['msg']}. See docs/settings.md."
        ) from error
    return settings.model_copy(update={"home": settings.home.resolve()})


def _settings_file(environment: Mapping[str, str]) -> Path | None:
    named = environment.get("RETENTION_SETTINGS")
    if named:
        path = Path(named)
        if not path.is_file():
            raise SettingsError(f"RETENTION_SETTINGS names {named}, which is no file.")
        return path
    for folder in (Path.cwd(), PROJECT):
        if (folder / "retention.toml").is_file():
            return folder / "retention.toml"
    return None
