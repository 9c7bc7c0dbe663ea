"""What every section of the settings is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section of `retention.toml`: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
