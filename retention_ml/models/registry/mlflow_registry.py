"""The MLflow registry: runs, versions and aliases. The only module that imports MLflow."""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any, Literal

from retention_ml.errors import RegistryError, UnfitModel, first_words
from retention_ml.models.bundle import serving_file
from retention_ml.models.bundle.bundle import FILES_MAX, TOTAL_BYTES_MAX, Bundle
from retention_ml.models.registry.description import storable, with_section
from retention_ml.settings import Settings

logger = logging.getLogger(__name__)

NAME = "churn"
BUNDLE_PATH = "artifacts/bundle"
_METRICS_AT_ONCE = 1_000
_REQUIREMENTS = ("lightgbm", "numpy", "pandas", "pyarrow", "scipy")
Timeout = Literal["long", "short"]
_TIMEOUTS: Mapping[Timeout, Mapping[str, str]] = {
    "long": {"TIMEOUT": "30", "MAX_RETRIES": "3", "BACKOFF_FACTOR": "1"},
    "short": {"TIMEOUT": "5", "MAX_RETRIES": "1", "BACKOFF_FACTOR": "1"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A version of the registered model `churn`, as the registry describes it."""

    version: str
    run_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

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
    """

    version: str
    bundle: Bundle

    @property
    def name(self) -> str:
        """Name of the candidate, such as lightgbm."""
        return self.bundle.model_name


class Registry:
    """Experiment and registered model `churn` at `settings.tracking_uri`.

    Without an address everything is kept in `settings.home/mlflow/`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.home / "models"

    @property
    def uri(self) -> str:
        """Address of the tracking server or database."""
        if self.settings.tracking_uri:
            return self.settings.tracking_uri
        return f"sqlite:///{self.settings.home / 'mlflow' / 'mlflow.db'}"

    @property
    def _artifacts(self) -> str | None:
        """The folder of the runs' files; None where a tracking server decides."""
        folder = self.settings.home / "mlflow" / "artifacts"
        return str(folder) if self.uri.startswith("sqlite:") else None

    def log_candidate(
        self,
        *,
        training_id: str,
        model_name: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        texts: Mapping[str, str],
        figures: Mapping[str, Any],
        tags: Mapping[str, str],
    ) -> str:
        """Log one candidate as a run; logged again, the same run is overwritten. Its run id.

        `texts` and `figures` (matplotlib) go to artifacts under their names.
        """
        with self._request():
            key = {"training_id": training_id, "model_name": model_name}
            run_id = self._run(f"{model_name} {training_id}", key, tags)
            from mlflow.entities import Metric, Param, RunTag

            logged = self._client.get_run(run_id).data.params
            new = {name: str(value)[:500] for name, value in params.items() if name not in logged}
            self._client.log_batch(
                run_id,
                tags=[RunTag(*tag) for tag in tags.items()],
                metrics=[Metric(name, value, 0, 0) for name, value in metrics.items()],
                params=[Param(*param) for param in new.items()],
            )
            self._finish(run_id, texts, figures)
        return run_id

    def log_comparison(
        self,
        *,
        key: Mapping[str, str],
        verdict: str,
        steps: Sequence[tuple[datetime, Mapping[str, float]]],
        texts: Mapping[str, str],
        figures: Mapping[str, Any],
        summary: str,
    ) -> str:
        """Show a trial at a run of its own, overwritten each time, and at the challenger. The run's id.

        Parameters
        ----------
        key : mapping of str to str
            `trial_id`, `champion_version` and `challenger_version`: tags of the run.
        steps : sequence of (instant, mapping of str to float)
            When each look was taken, the oldest first, and its metrics.
        texts, figures : mapping
            Go to artifacts under their names.
        summary : str
            Markdown: the run's description, and a section of that of the challenger's version.
        """
        challenger = key["challenger_version"]
        with self._request():
            from mlflow.entities import Metric

            run_id = self._run(f"comparison v{challenger} against v{key['champion_version']}", key)
            # The instant of the look is the metric's: told again, it is the same point.
            points = [
                Metric(name, value, round(at.timestamp() * 1000), step)
                for step, (at, values) in enumerate(steps)
                for name, value in values.items()
            ]
            for begin in range(0, len(points), _METRICS_AT_ONCE):
                self._client.log_batch(run_id, metrics=points[begin : begin + _METRICS_AT_ONCE])
            self._client.set_tag(run_id, "verdict", verdict)
            self._client.set_tag(run_id, "mlflow.note.content", summary)
            self._finish(run_id, texts, figures)
            former = self._client.get_model_version(NAME, challenger).description or ""
            text = with_section(former, f"Trial {key['trial_id']}", summary)
            self._client.update_model_version(NAME, challenger, text)
        return run_id

    def version_of_training(self, training_id: str) -> ModelVersion | None:
        """The version that a training registered, or None."""
        of_training = (v for v in self.versions() if v.tags.get("training_id") == training_id)
        return next(of_training, None)

    def register(
        self, bundle: Bundle, *, run_id: str, tags: Mapping[str, str], description: str
    ) -> ModelVersion:
        """Log the bundle as a pyfunc model of the run and register it as a new version."""
        with self._request(), tempfile.TemporaryDirectory() as scratch:
            import mlflow
            from mlflow.models import ModelSignature
            from mlflow.types import ColSpec, Schema

            folder = bundle.write(Path(scratch) / "bundle")
            signature = ModelSignature(
                inputs=Schema([ColSpec("double", name) for name in bundle.features]),
                outputs=Schema([ColSpec("double", "churn_probability")]),
            )
            mlflow.set_tracking_uri(self.uri)
            with mlflow.start_run(run_id=run_id):
                logged = mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(serving_file()),
                    artifacts={"bundle": str(folder)},
                    signature=signature,
                    pip_requirements=[f"{name}=={version_of(name)}" for name in _REQUIREMENTS],
                )
            if not self._client.search_registered_models(f"name = '{NAME}'"):
                self._client.create_registered_model(
                    NAME, description="Probability that an active customer places no order."
                )
            version = self._client.create_model_version(
                NAME,
                logged.model_uri,
                run_id=run_id,
                tags={key: str(value) for key, value in tags.items()},
                description=description,
                model_id=logged.model_id,
            )
        return _plain(version)

    def set_alias(self, alias: str, version: str, *, timeout: Timeout = "long") -> None:
        """Move an alias to a version."""
        with self._request(timeout):
            self._client.set_registered_model_alias(NAME, alias, version)

    def delete_alias(self, alias: str) -> None:
        """Delete an alias; nothing where there is none."""
        with self._request("short"):
            self._client.delete_registered_model_alias(NAME, alias)

    def version_at(self, alias: str, *, timeout: Timeout = "long") -> ModelVersion | None:
        """The version an alias points to, or None."""
        number = self.aliases(timeout=timeout).get(alias)
        if number is None:
            return None
        with self._request(timeout):
            return _plain(self._client.get_model_version(NAME, number))

    def aliases(self, *, timeout: Timeout = "long") -> dict[str, str]:
        """The version each alias points to."""
        with self._request(timeout):
            models = self._client.search_registered_models(f"name = '{NAME}'")
        return {
            alias: str(number) for model in models for alias, number in dict(model.aliases).items()
        }

    def fetch(self, version: str, sha256: str) -> Bundle:
        """The bundle of a version, from the cache or the registry, its digest checked.

        Raises
        ------
        RegistryError
            The registry does not answer.
        UnfitModel
            What it holds has another digest or is damaged.
        """
        if (cached := self.cached(sha256)) is not None:
            return cached
        with tempfile.TemporaryDirectory() as scratch:
            bundle = Bundle.load(self.download(version, Path(scratch)), sha256)
        bundle.write(self.folder / sha256)
        return bundle

    def download(self, version: str, into: Path) -> Path:
        """The folder with the files of a version's bundle, as they are: nothing of them is read.

        Only the bundle's text files are fetched, never anything else that was logged with it.

        Raises
        ------
        RegistryError
            The registry does not answer.
        UnfitModel
            The version has no bundle, or one that is too large.
        """
        with self._request("short"):
            import mlflow

            mlflow.set_tracking_uri(self.uri)
            uri = f"models:/{NAME}/{version}/{BUNDLE_PATH}"
            files = mlflow.artifacts.list_artifacts(artifact_uri=uri)
            size = sum(file.file_size or 0 for file in files)
            if not files or any(file.is_dir or file.file_size is None for file in files):
                raise UnfitModel(
                    f"Version {version} has no model bundle of plain files at {BUNDLE_PATH}: it was "
                    "not made by this library and nothing of it is loaded. Train with `retention "
                    "train`, or register a bundle."
                )
            if len(files) > FILES_MAX or size > TOTAL_BYTES_MAX:
                raise UnfitModel(
                    f"The bundle of version {version} has {len(files)} files and {size:,} bytes; "
                    f"at most {FILES_MAX} and {TOTAL_BYTES_MAX:,} are accepted. It was not fetched."
                )
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(into)))

    def cached(self, sha256: str) -> Bundle | None:
        """The bundle of that digest in the local cache, or None if absent or damaged."""
        folder = self.folder / sha256
        if not folder.is_dir():
            return None
        try:
            return Bundle.load(folder, sha256)
        except UnfitModel as error:
            damage = "The cached bundle %s is damaged and is fetched anew: %s"
            logger.warning(damage, sha256[:12], error)
            return None

    def description(self, version: str) -> str:
        """What the registry's page says of a version: its card and its trials, as Markdown."""
        with self._request():
            return str(self._client.get_model_version(NAME, version).description or "")

    def versions(self, *, timeout: Timeout = "long") -> Sequence[ModelVersion]:
        """All versions, newest first."""
        with self._request(timeout):
            versions = self._client.search_model_versions(f"name = '{NAME}'", max_results=1_000)
        return sorted((_plain(v) for v in versions), key=lambda v: int(v.version), reverse=True)

    def _run(self, name: str, key: Mapping[str, str], tags: Mapping[str, str] | None = None) -> str:
        """The run with those tags, made if there is none."""
        same = " and ".join(f"tags.{tag} = '{value}'" for tag, value in key.items())
        runs = self._client.search_runs([self._experiment], same, max_results=1)
        if runs:
            return str(runs[0].info.run_id)
        run = self._client.create_run(self._experiment, run_name=name, tags={**key, **(tags or {})})
        return str(run.info.run_id)

    def _finish(self, run_id: str, texts: Mapping[str, str], figures: Mapping[str, Any]) -> None:
        for name, text in texts.items():
            self._client.log_text(run_id, text, name)
        for name, figure in figures.items():
            self._client.log_figure(run_id, figure, name)
        self._client.set_terminated(run_id)

    @cached_property
    def _client(self) -> Any:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        import mlflow

        if self._artifacts:
            Path(self._artifacts).mkdir(parents=True, exist_ok=True)
        return mlflow.MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    @cached_property
    def _experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        experiment = self._client.get_experiment_by_name(NAME)
        if experiment is None:
            try:
                return str(self._client.create_experiment(NAME, artifact_location=self._artifacts))
            except MlflowException:
                # Candidates are fitted side by side: another process may have been first.
                experiment = self._client.get_experiment_by_name(NAME)
                if experiment is None:
                    raise
        return str(experiment.experiment_id)

    @contextmanager
    def _request(self, timeout: Timeout = "long") -> Iterator[None]:
        """Bounded waits, the registry's own warnings silenced, its errors as one sentence."""
        limits = {f"MLFLOW_HTTP_REQUEST_{key}": value for key, value in _TIMEOUTS[timeout].items()}
        added = {key: value for key, value in limits.items() if key not in os.environ}
        os.environ.update(added)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import sqlalchemy.exc
                from mlflow.exceptions import MlflowException

                try:
                    yield
                except (MlflowException, OSError, sqlalchemy.exc.SQLAlchemyError) as error:
                    raise RegistryError(
                        f"The model registry did not carry out a request: {first_words(error)} Check that "
                        "MLflow answers (`retention stack status`), then run the same command again."
                    ) from error
        finally:
            for key in added:
                os.environ.pop(key, None)


def _plain(version: Any) -> ModelVersion:
    # Anybody can tag a version, and what the tags say goes into the ledger.
    tags = {storable(str(key)): storable(str(value)) for key, value in (version.tags or {}).items()}
    return ModelVersion(version=str(version.version), run_id=version.run_id, tags=tags)
