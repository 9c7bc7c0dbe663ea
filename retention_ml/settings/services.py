"""The sections of programs that run beside the flow: they show what it did, or compute for it."""

import re

from pydantic import Field, field_validator, model_validator

from retention_ml.settings.section import Section


class Backups(Section):
    """Where backups of the platform are kept, which, and whether every change is archived too."""

    folder: str = ""
    wal: bool = False
    daily_count: int = Field(7, ge=1, le=1_000)
    weekly_count: int = Field(4, ge=0, le=1_000)
    monthly_count: int = Field(6, ge=0, le=1_000)
    drill_every_days: int = Field(7, ge=0, le=365)

    @model_validator(mode="after")
    def _has_folder(self) -> "Backups":
        if self.wal and not self.folder:
            raise ValueError("wal needs a folder to archive to")
        return self


class Assistant(Section):
    """How much a language model may ask for at once, through `retention mcp`."""

    rows_max: int = Field(200, ge=1, le=5_000)
    statement_seconds_max: float = Field(3.0, gt=0, le=60)


class Mlflow(Section):
    """MLflow of the local stack."""

    login: bool = False


class Metrics(Section):
    """Figures about the platform for Prometheus, and where they are served."""

    enabled: bool = False
    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(9464, ge=1024, le=65_535)
    push_seconds: int = Field(15, ge=1, le=600)
    airflow_url: str = ""

    @field_validator("airflow_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/@]+/?", value):
            raise ValueError("it is no address; expected http://host:port, or nothing")
        return value


class Live(Section):
    """Events as they happen, and scores between two daily runs: `retention serve`."""

    enabled: bool = False
    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(9470, ge=1024, le=65_535)
    body_kilobytes_max: int = Field(1_024, ge=1, le=65_536)
    request_events_max: int = Field(1_000, ge=1, le=100_000)
    batch_events_max: int = Field(2_000, ge=1, le=100_000)
    events_per_second: float = Field(200, gt=0, le=100_000)
    reads_per_second: float = Field(500, gt=0, le=100_000)
    debounce_milliseconds: int = Field(200, ge=0, le=60_000)
    keys_kept_days: int = Field(30, ge=1, le=3_650)
    warn_overdue: bool = True
    cart_left_hours: float = Field(3, ge=0, le=120)
    hourly_digest: bool = True


class Spark(Section):
    """Where Spark runs; used only if `features.engine` or `scoring.engine` is.

    `folder` is seen under the same path by this machine and all executors; empty: that for temporary
    files, which serves a local master only.
    """

    master: str = Field("local", min_length=1)
    memory_gb: int = Field(4, ge=1, le=1024)
    partitions: int = Field(16, ge=1, le=100_000)
    folder: str = ""
