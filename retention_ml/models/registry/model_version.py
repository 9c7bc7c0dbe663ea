"""Versions of the registered model `churn`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.registry.description import storable


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A version of the registered model `churn`, as the registry describes it."""

    version: str
    run_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, version: Any) -> Self:
        """The version that MLflow's client describes."""
        # Anybody can tag a version, and what the tags say goes into the ledger.
        tags = version.tags or {}
        tags = {storable(str(key)): storable(str(value)) for key, value in tags.items()}
        return cls(version=str(version.version), run_id=version.run_id, tags=tags)

    @property
    def number(self) -> int:
        """By which versions are ordered."""
        return int(self.version)

    def wrong_tag(self, sha256: str) -> str | None:
        """Why its tag speaks against the digest that the ledger approved, or None."""
        tag = self.tags.get("bundle_sha256")
        if tag == sha256:
            return None
        return f"its tag bundle_sha256 is {str(tag)[:12]}, the ledger approved {sha256[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A version whose bundle was checked and may be used.

    Parameters
    ----------
    version : str
        Version of the registered model `churn`.
    bundle : Bundle
        The model.
    warning : str, optional
        Why it serves instead of the version under the alias.
    """

    version: str
    bundle: Bundle
    warning: str | None = None

    @property
    def name(self) -> str:
        """Name of the candidate, such as lightgbm."""
        return self.bundle.model_name
