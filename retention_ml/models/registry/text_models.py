"""Registered models that MLflow only shows: text files of a run, a card, and aliases.

Nothing is loaded from them, so that their versions need no code that predicts.
"""

from dataclasses import dataclass

from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class TextModel:
    """A registered model by its name, with what its page says."""

    name: str
    description: str


class TextModels(Registry):
    """One registered model beside `churn`, at the same registry."""

    def __init__(self, settings: Settings, model: TextModel) -> None:
        super().__init__(settings)
        self.model = model

    def version_of(self, sha256: str) -> str | None:
        """The version whose files have that digest, or None."""
        with self._request("short"):
            versions = self._client.search_model_versions(
                f"name = '{self.model.name}' and tags.bundle_sha256 = '{sha256}'"
            )
        return str(versions[0].version) if versions else None

    def register_run(self, *, run_id: str, folder: str, sha256: str, card: str) -> str:
        """Register the files in a folder of a run; registered again, the version is the same."""
        if (version := self.version_of(sha256)) is not None:
            return version
        name = self.model.name
        with self._request():
            if not self._client.search_registered_models(f"name = '{name}'"):
                self._client.create_registered_model(name, description=self.model.description)
            source = f"{self._client.get_run(run_id).info.artifact_uri}/{folder}"
            version = self._client.create_model_version(
                name, source, run_id=run_id, tags={"bundle_sha256": sha256}, description=card
            )
        return str(version.version)

    def point(self, alias: str, version: str | None) -> None:
        """Set an alias of this model to a version; None deletes it."""
        with self._request("short"):
            models = self._client.search_registered_models(f"name = '{self.model.name}'")
            if version is not None:
                self._client.set_registered_model_alias(self.model.name, alias, version)
            elif any(alias in dict(model.aliases) for model in models):
                self._client.delete_registered_model_alias(self.model.name, alias)
