"""One frozen `Settings`: environment over `retention.toml` over defaults.

Every business decision stands in `retention.toml`; every secret and address comes from the
environment. Unknown keys and unknown `RETENTION_` variables are refused.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

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
    def _is_time_zone(cls, value: str) -> str:
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
    """What candidates are trained and evaluated on."""

    every_days: int = Field(7, ge=1, le=365)
    cutoff_count: int = Field(12, ge=1, le=60)
    cutoff_every_days: int = Field(14, ge=1, le=365)
    evaluation_count: int = Field(2, ge=1, le=12)
    rows_max: int = Field(200_000, ge=1_000, le=10_000_000)
    candidates: tuple[str, ...] = (
        "recency", "rfm_logistic", "mbg_nbd", "logistic", "random_forest", "lightgbm", "ensemble",
    )  # fmt: skip
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
    def _windows_suffice(self) -> "Monitoring":
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
    def _bounds_fall(self) -> "Tiers":
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


SECTIONS = tuple(
    name for name, field in Settings.model_fields.items() if isinstance(field.default, _Section)
)
_PREFIX = "RETENTION_"
_ADDRESSES = {
    "MLFLOW_TRACKING_URI" if name == "tracking_uri" else _PREFIX + name.upper(): name
    for name in Settings.model_fields
    if name not in SECTIONS
}
# Read by others than `load`: the stack, the containers, the tests.
_OTHER_VARIABLES = {
    "RETENTION_BI_PASSWORD",
    "RETENTION_CHAOS_KILLS",
    "RETENTION_CHAOS_TEXTS",
    "RETENTION_COMPONENT",
    "RETENTION_DATA_DIR",
    "RETENTION_DB_PASSWORD",
    "RETENTION_FAILPOINT",
    "RETENTION_GIT_SHA",
    "RETENTION_SETTINGS",
    "RETENTION_SLACK_WEBHOOK",
    "RETENTION_WRITE_GOLDEN",
}
# Kubernetes describes every service of a namespace so; one may be called retention-something.
_SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT)|_PORT(_\d+_|$)")


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process.

    Parameters
    ----------
    environment : mapping of str to str, optional
        Default `os.environ`. `RETENTION_SETTINGS` names the TOML file; without it
        `retention.toml` is looked for in the working directory, then in the project.
        A variable that is empty counts as not set.

    Raises
    ------
    SettingsError
        The file is no TOML, a key or variable is unknown, or a value is out of range.
    """
    environment = os.environ if environment is None else environment
    file = _settings_file(environment)
    variables = _setting_variables(environment)
    values = {} if file is None else _read_toml(file)
    try:
        settings = _merge(variables, values)
    except ValidationError as error:
        raise SettingsError(_explain(error, variables, file)) from error
    return settings.model_copy(update={"home": settings.home.resolve()})


def _settings_file(environment: Mapping[str, str]) -> Path | None:
    stated = environment.get("RETENTION_SETTINGS")
    if stated:
        path = Path(stated)
        if not path.is_file():
            raise SettingsError(f"RETENTION_SETTINGS names {stated}, which is no file.")
        return path
    for folder in (Path.cwd(), PROJECT):
        if (folder / "retention.toml").is_file():
            return folder / "retention.toml"
    return None


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{file.name} is no valid TOML: {error}. Correct the line named."
        ) from error
    for section in values:
        if section not in SECTIONS:
            raise SettingsError(
                f"{file.name} has the unknown section {section!r}; "
                f"did you mean {_nearest(section, SECTIONS)!r}? "
                f"Expected is one of {', '.join(SECTIONS)}."
            )
    return values


def _keys(section: str) -> dict[str, FieldInfo]:
    default: _Section = Settings.model_fields[section].default
    return type(default).model_fields


def _setting_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that hold a setting, in capitals; SettingsError names one that nobody reads."""
    in_sections = {
        _PREFIX + name.upper()
        for section in SECTIONS
        for name in (section, *(f"{section}__{key}" for key in _keys(section)))
    }
    readable = in_sections | set(_ADDRESSES)
    variables = {}
    for variable, text in environment.items():
        name = variable.upper() if variable.startswith(_PREFIX) else variable
        if name in readable:
            if text:
                variables[name] = text
        elif name.startswith(_PREFIX) and name not in _OTHER_VARIABLES:
            if _SERVICE_LINK.search(name):
                continue
            raise SettingsError(
                f"{variable} is no known variable; "
                f"did you mean {_nearest(name, readable | _OTHER_VARIABLES)}? "
                "Rename or remove it; docs/settings.md lists all of them."
            )
    return variables


def _variable_of(name: str, field: FieldInfo) -> str:
    """The variable of a section, or of a key of one."""
    sections = [section for section in SECTIONS if _keys(section).get(name) is field]
    return _PREFIX + "__".join((*sections, name)).upper()


def _nearest(name: str, names: Collection[str]) -> str:
    return difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.0)[0]


def _merge(variables: Mapping[str, str], values: Mapping[str, Any]) -> Settings:
    # Late: a quarter more start-up time for `retention --help`, which reads no settings.
    from pydantic_settings import (
        BaseSettings,
        EnvSettingsSource,
        InitSettingsSource,
        PydanticBaseSettingsSource,
        SettingsConfigDict,
    )

    class Variables(EnvSettingsSource):
        def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
            is_list_of_text = field.annotation == tuple[str, ...]
            if is_list_of_text and not value.lstrip().startswith("["):
                return [item.strip() for item in value.split(",") if item.strip()]
            try:
                decoded = super().decode_complex_value(field_name, field, value)
                if decoded is None:  # would count as not set
                    raise ValueError("null is no value")
                return decoded
            except ValueError as error:
                expected = (
                    'names with commas between them, or a JSON list such as ["a", "b"]'
                    if is_list_of_text
                    else 'a JSON table such as {"key": 1}'
                )
                raise SettingsError(
                    f"{_variable_of(field_name, field)} is {value!r}: {error}. "
                    f"Expected is {expected}."
                ) from error

    class Layers(Settings, BaseSettings):
        model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter="__")

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            from_variables = Variables(settings_cls)
            from_variables.env_vars = {
                (_PREFIX + _ADDRESSES[name] if name in _ADDRESSES else name).lower(): text
                for name, text in variables.items()
            }
            return from_variables, InitSettingsSource(settings_cls, dict(values))

    layers = Layers()
    return Settings(**{name: getattr(layers, name) for name in Settings.model_fields})


def _explain(error: ValidationError, variables: Mapping[str, str], file: Path | None) -> str:
    """Where the first wrong value stands, what it is, and what is expected."""
    first = error.errors()[0]
    section, *keys = (str(part) for part in first["loc"])
    exact = _PREFIX + "__".join((section, *keys[:1])).upper()
    whole = _PREFIX + section.upper()
    sources = [name for name in variables if name in (exact, whole)] or [
        name for name in variables if not keys and name.startswith(f"{whole}__")
    ]
    where = " and ".join(sources) or (file.name if file else "the environment")
    sentence = (
        f"{'.'.join((section, *keys))} in {where} is {first['input']!r}: "
        f"{first['msg'].removeprefix('Value error, ')}."
    )
    if first["type"] == "extra_forbidden" and keys:
        sentence += f" Did you mean {_nearest(keys[0], _keys(section))!r}?"
    return f"{sentence} See docs/settings.md."
