"""The sections of the settings: every key with its bounds and default."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from retention_ml.settings.customers import Abnormal, Privacy, Profiles
from retention_ml.settings.section import Section
from retention_ml.settings.services import Assistant, Backups, Live, Metrics, Mlflow, Spark

PROJECT = Path(__file__).resolve().parent.parent.parent


class Calendar(Section):
    """Where the shop's day begins, and its money."""

    timezone: str = "UTC"
    currency: str = "USD"
    minor_units: int = Field(100, ge=1, le=10_000)

    @field_validator("timezone")
    @classmethod
    def _is_time_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no IANA time zone such as 'Europe/London'")
        return value


class Churn(Section):
    """The churn definition; its hash stands on every label, model and score."""

    event: Literal["order"] = "order"
    active_days: int = Field(90, ge=1, le=3650)
    lead_days: int = Field(0, ge=0, le=365)
    horizon_days: int = Field(28, ge=1, le=3650)
    embargo_days: int = Field(0, ge=0, le=365)
    settle_days: int = Field(1, ge=0, le=90)


class Features(Section):
    """How features are computed."""

    engine: Literal["duckdb", "postgres", "spark"] = "duckdb"


class Training(Section):
    """What candidates are trained and evaluated on."""

    every_days: int = Field(7, ge=1, le=365)
    cutoff_count: int = Field(12, ge=1, le=60)
    cutoff_every_days: int = Field(14, ge=1, le=365)
    evaluation_count: int = Field(2, ge=1, le=12)
    rows_max: int = Field(200_000, ge=1_000, le=10_000_000)
    evaluation_rows_max: int = Field(100_000, ge=1_000, le=10_000_000)
    candidates: tuple[str, ...] = (
        "recency", "rfm_logistic", "mbg_nbd", "logistic", "random_forest", "lightgbm", "ensemble",
    )  # fmt: skip
    champion_candidate: str = "ensemble"
    tuning_trials: int = Field(8, ge=0, le=10_000)
    tuning_seconds: float = Field(60, ge=0, le=36_000)
    bootstrap_draws: int = Field(500, ge=50, le=100_000)
    seed: int = 20260301


class Readiness(Section):
    """The least data that can carry a model."""

    customers_min: int = Field(200, ge=10)
    churned_min: int = Field(50, ge=5)
    retained_min: int = Field(50, ge=5)
    gap_days_max: int = Field(14, ge=1)
    unknown_share_max: float = Field(0.6, ge=0, le=1)


class Scoring(Section):
    """Who scores before the shop has a model of its own, and where models predict and explain."""

    starter: bool = True
    engine: Literal["local", "spark"] = "local"


class Trial(Section):
    """How champion and challenger are compared on what really happens."""

    challenger_share: float = Field(0.10, ge=0, le=0.9)
    salt: str = Field("1", min_length=1, max_length=64)
    error_rate: float = Field(0.05, gt=0, lt=0.5)
    windows_min: int = Field(2, ge=1)
    days_max: int = Field(182, ge=1, le=3650)


class Promotion(Section):
    """What makes a challenger champion, and who decides."""

    evidence: Literal["outcomes", "offline"] = "outcomes"
    mode: Literal["automatic", "approval"] = "automatic"
    approval_hours: float = Field(48, gt=0)
    approvers: tuple[str, ...] = ("approver", "admin")
    auc_margin: float = Field(0.005, ge=0, le=0.5)
    segment_margin: float = Field(0.02, ge=0, le=0.5)
    ece_max: float = Field(0.10, gt=0, le=1)
    group_gap_max: float = Field(0.05, ge=0, le=1)
    seconds_per_thousand_max: float = Field(5, gt=0)
    megabytes_max: float = Field(64, gt=0)
    tier_moves_max: float = Field(0.60, ge=0, le=1)


class Monitoring(Section):
    """From where on a change is worth an alert."""

    effect_min: float = Field(0.10, gt=0)
    rate_gap_min: float = Field(0.10, gt=0, le=1)
    auc_drop_min: float = Field(0.05, gt=0, le=0.5)
    windows: int = Field(3, ge=1, le=30)
    windows_beyond: int = Field(2, ge=1, le=30)
    cooldown_days: int = Field(7, ge=0)
    stale_days_max: int = Field(3, ge=1)
    publish_hours_max: float = Field(2, gt=0)
    due_time: str = Field("06:00", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    drift_starts_training: bool = True
    list_customers_min: int = Field(100, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _windows_suffice(self) -> "Monitoring":
        if self.windows_beyond > self.windows:
            raise ValueError("windows_beyond must not exceed windows")
        return self


class Alerts(Section):
    """Where alerts go besides the log; addresses that are secret come from the environment."""

    email_to: tuple[str, ...] = ()
    email_from: str = "retention-ml@localhost"
    owner_link: str = Field("", pattern="^((https?://|mailto:).+)?$")


class Tiers(Section):
    """What puts a customer in a tier: a level of probability, or a rank by risk or value."""

    by: Literal["probability", "share", "value"] = "probability"
    critical: float = Field(0.80, ge=0, le=1)
    high: float = Field(0.60, ge=0, le=1)
    medium: float = Field(0.35, ge=0, le=1)
    low: float = Field(0.0, ge=0, le=0)
    hysteresis: float = Field(0.03, ge=0, le=0.5)
    critical_share: float = Field(0.05, gt=0, lt=1)
    high_share: float = Field(0.15, gt=0, lt=1)
    medium_share: float = Field(0.30, gt=0, lt=1)
    hysteresis_share: float = Field(0.20, ge=0, le=0.33)
    share_change_warning: float = Field(0.15, ge=0, le=1)
    share_change_max: float = Field(0.50, ge=0, le=1)

    @model_validator(mode="after")
    def _bounds_fall(self) -> "Tiers":
        if not self.critical > self.high > self.medium > self.low:
            raise ValueError("tier bounds must fall: critical > high > medium > low = 0")
        return self

    @model_validator(mode="after")
    def _shares_fit(self) -> "Tiers":
        shares = (self.critical_share, self.high_share, self.medium_share)
        if sum(shares) >= 1:
            raise ValueError(
                f"critical_share, high_share and medium_share are {sum(shares):g} of the customers "
                "together; expected less than 1, the rest is low"
            )
        return self


class Value(Section):
    """What a customer is worth."""

    margin_share: float = Field(0.30, gt=0, le=1)
    horizon_days: int = Field(90, ge=1)
    offer_cost: float = Field(5.0, ge=0)
    save_rate: float = Field(0.10, ge=0, le=1)
    budget_share: float = Field(0.10, gt=0, le=1)


class Holdout(Section):
    """Customers whom the platform never contacts, for proof over the long run."""

    share: float = Field(0.10, ge=0, le=0.5)
    salt: str = Field("h1", min_length=1, max_length=64)
    weeks: int = Field(26, ge=0, le=520)


class Actions(Section):
    """Who may be contacted, how often and for how much; nothing is sent unless enabled."""

    enabled: bool = False
    budget_per_day: float = Field(100.0, gt=0, allow_inf_nan=False)
    fatigue_days: int = Field(28, ge=0, le=365)
    contacts_per_year_max: int = Field(12, ge=0, le=366)
    quiet_after_order_days: int = Field(7, ge=0, le=365)
    explore_share: float = Field(0.10, ge=0, le=1)
    send_within_hours: float = Field(24, gt=0, le=168)
    approval: Literal["never", "first", "always"] = "first"


class Experiments(Section):
    """How actions are compared, and how sure a verdict is."""

    metric: Literal["margin", "retained"] = "margin"
    error_rate: float = Field(0.05, gt=0, lt=0.5)
    power: float = Field(0.80, ge=0.5, lt=1)
    mde_save_rate: float = Field(0.10, gt=0, le=1)
    days_max: int = Field(182, ge=1, le=3650)
    ratio_error_rate: float = Field(0.05, gt=0, lt=0.5)
    unsubscribed_share_max: float = Field(0.005, ge=0, le=0.5)
    returned_share_max: float = Field(0.02, ge=0, le=0.5)


class EmailChannel(Section):
    """How mails leave; the server's address comes from RETENTION_SMTP_URL."""

    sender: str = "retention-ml@localhost"
    security: Literal["starttls", "tls", "none"] = "starttls"
    per_hour: int = Field(1_000, ge=0, le=10_000_000)
    timeout_seconds: float = Field(30, gt=0, le=600)
    lease_seconds: float = Field(120, gt=0, le=3_600)
    retry_seconds: float = Field(60, gt=0, le=3_600)


class WebhookChannel(Section):
    """How requests leave; address and secret come from RETENTION_WEBHOOK_URL and _SECRET."""

    per_hour: int = Field(10_000, ge=0, le=10_000_000)
    timeout_seconds: float = Field(30, gt=0, le=600)
    lease_seconds: float = Field(120, gt=0, le=3_600)
    retry_seconds: float = Field(60, gt=0, le=3_600)


class FileChannel(Section):
    """Where files for a CRM are put."""

    folder: str = Field("outbox", min_length=1)
    per_hour: int = Field(0, ge=0, le=10_000_000)
    rows_max: int = Field(100_000, ge=1, le=1_000_000)
    lease_seconds: float = Field(120, gt=0, le=3_600)


class Channels(Section):
    """How messages leave the house."""

    email: EmailChannel = EmailChannel()
    webhook: WebhookChannel = WebhookChannel()
    file: FileChannel = FileChannel()


class Uplift(Section):
    """When the effect of a contact may rank customers, and how far its differences are believed."""

    rows_min: int = Field(2_000, ge=200, le=10_000_000)
    slope_prior: float = Field(0.5, ge=0, le=1)
    slope_prior_sd: float = Field(0.25, gt=0, le=10)


class Bandit(Section):
    """Whether a bandit may draw the actions, and what it may spend on finding out."""

    enabled: bool = False
    floor: float = Field(0.01, gt=0, le=0.02)
    floor_cost: float = Field(0.002, ge=0, allow_inf_nan=False)
    effective_min: int = Field(500, ge=100, le=10_000_000)


class Recommendations(Section):
    """What is offered to whom, and what is not."""

    list_size: int = Field(10, ge=1, le=100)
    fit_every_days: int = Field(7, ge=1, le=365)
    history_days_min: int = Field(28, ge=1, le=3650)
    min_buyers: int = Field(5, ge=1, le=1_000_000)
    sellable_days: int = Field(90, ge=1, le=3650)
    returned_days: int = Field(365, ge=0, le=3650)
    not_again_days: int = Field(0, ge=0, le=365)
    durable_categories: tuple[str, ...] = ()
    excluded_categories: tuple[str, ...] = ()
    excluded_products: tuple[str, ...] = ()
    explore_share: float = Field(0.0, ge=0, le=1)
    pair_baskets_min: int = Field(10, ge=2, le=1_000_000)
    pair_error_rate: float = Field(0.05, gt=0, lt=1)


class Archive(Section):
    """What is kept of delivered files beside their sealed copies."""

    keep_done: bool = False


class Compute(Section):
    """How much of the machine to use, and for how long."""

    threads: int = Field(2, ge=1, le=256)
    memory_gb: float = Field(0, ge=0, le=4096)
    statement_minutes_max: float = Field(30, gt=0, le=1440)


class Settings(Section):
    """Everything the doors need to know; built by `load`.

    `home` holds all local state (default `.retention/` in the working directory);
    `warehouse_url` is `None` where the embedded Postgres of the local stack is meant.
    """

    calendar: Calendar = Calendar()
    churn: Churn = Churn()
    features: Features = Features()
    spark: Spark = Spark()
    training: Training = Training()
    readiness: Readiness = Readiness()
    scoring: Scoring = Scoring()
    tiers: Tiers = Tiers()
    trial: Trial = Trial()
    promotion: Promotion = Promotion()
    monitoring: Monitoring = Monitoring()
    alerts: Alerts = Alerts()
    value: Value = Value()
    holdout: Holdout = Holdout()
    actions: Actions = Actions()
    experiments: Experiments = Experiments()
    channels: Channels = Channels()
    uplift: Uplift = Uplift()
    bandit: Bandit = Bandit()
    recommendations: Recommendations = Recommendations()
    profiles: Profiles = Profiles()
    abnormal: Abnormal = Abnormal()
    assistant: Assistant = Assistant()
    mlflow: Mlflow = Mlflow()
    metrics: Metrics = Metrics()
    live: Live = Live()
    backups: Backups = Backups()
    privacy: Privacy = Privacy()
    archive: Archive = Archive()
    compute: Compute = Compute()

    home: Path = Path(".retention")
    sources: Path = PROJECT / "sources"
    expectations: Path = PROJECT / "expectations"
    actions_folder: Path = PROJECT / "actions"
    topics_file: Path = PROJECT / "topics.toml"
    warehouse_url: str | None = Field(None, repr=False)
    assistant_url: str | None = Field(None, repr=False)
    assistant_token: str | None = Field(None, repr=False, min_length=24)
    smtp_url: str | None = Field(None, repr=False)
    webhook_url: str | None = Field(None, repr=False)
    webhook_secret: str | None = Field(None, repr=False)
    privacy_keys: str | None = Field(None, repr=False)
    tracking_uri: str | None = None
    mlflow_page: str | None = None
    run_id: str = "manual"

    @field_validator("tracking_uri", "mlflow_page")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            is_usable = bool(parts.port != 0 and parts.hostname)
            has_login = parts.username is not None
        except ValueError:  # its words may hold a password
            is_usable = has_login = False
        if "://" not in value or (value.startswith("http") and not is_usable):
            raise ValueError("it is no address; expected http://host:port, the port a number")
        if value.startswith("http") and has_login:  # links and logs show the address
            raise ValueError(
                "it holds a login; give that as MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, and the address without it"
            )
        return value

    @model_validator(mode="after")
    def _salts_differ(self) -> "Settings":
        # Equal salts would draw different customers, as the holdout's is used with its purpose in
        # front. But whoever draws both again elsewhere and forgets it gets one inside the other.
        if self.holdout.salt == self.trial.salt:
            raise ValueError(
                f"holdout.salt and trial.salt are both {self.holdout.salt!r}: drawn again by hand, "
                "holdout and challenger's arm would be taken for each other. Choose another salt for "
                "one of them"
            )
        return self


SECTIONS = tuple(
    name for name, field in Settings.model_fields.items() if isinstance(field.default, Section)
)
