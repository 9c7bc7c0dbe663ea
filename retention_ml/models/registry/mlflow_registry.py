"""The MLflow registry: runs, versions and aliases. The only module that imports MLflow."""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from retention_ml.errors import UnfitModel
from retention_ml.models.bundle.bundle import FILES_MAX, TOTAL_BYTES_MAX, Bundle
from retention_ml.models.registry.description import with_section
from retention_ml.models.registry.failures import explain_failure
from retention_ml.models.registry.model_version import ModelVersion
from retention_ml.models.registry.packaging import model_parts
from retention_ml.models.registry.timeouts import Timeout, limited
from retention_ml.settings import Settings

logger = logging.getLogger(__name__)

NAME = "churn"
MODEL, FINAL_MODEL = "model", "final_model"
"""Models of a candidate's run: the evaluated one, and the one fitted anew to be registered."""
BUNDLE_PATH = "artifacts/bundle"
_METRICS_AT_ONCE = 1_000
_VERSIONS_AT_ONCE = 1_000
_NO_SUCH_VERSION = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


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
            self._describe(challenger, f"Trial {key['trial_id']}", summary)
        return run_id

    def version_of_training(self, training_id: str, sha256: str) -> ModelVersion | None:
        """The version of a training with the bundle of that digest, or None."""
        tags = {"training_id": training_id, "bundle_sha256": sha256}
        return next(self._search_versions(tags), None)

    def log_model(self, bundle: Bundle, *, run_id: str, name: str, has_metrics: bool) -> str:
        """Log the bundle as a pyfunc model of the run, with the code that predicts; its id.

        Logged again, the model of that name and bundle is the same. Anybody can register it in
        MLflow as a version of `churn`.

        Parameters
        ----------
        name : str
            `MODEL` or `FINAL_MODEL`.
        has_metrics : bool
            Whether the metrics of the run are the model's.
        """
        with self._request(), tempfile.TemporaryDirectory() as scratch:
            same = f"source_run_id = '{run_id}' AND name = '{name}'"
            for model in self._client.search_logged_models([self._experiment], same):
                is_complete = str(model.status) == "READY"  # an interrupted upload is not
                if is_complete and model.tags.get("bundle_sha256") == bundle.sha256:
                    return str(model.model_id)
            import mlflow
            from mlflow.models import ModelSignature
            from mlflow.types import ColSpec, Schema

            mlflow.set_tracking_uri(self.uri)
            with mlflow.start_run(run_id=run_id):
                logged = mlflow.pyfunc.log_model(
                    name=name,
                    signature=ModelSignature(
                        inputs=Schema([ColSpec("double", each) for each in bundle.features]),
                        outputs=Schema([ColSpec("double", "churn_probability")]),
                    ),
                    tags={"bundle_sha256": bundle.sha256},
                    step=0 if has_metrics else 1,  # metrics are logged at step 0
                    **model_parts(bundle, Path(scratch)),
                )
        return str(logged.model_id)

    def register(
        self, bundle: Bundle, *, run_id: str, tags: Mapping[str, str], description: str
    ) -> ModelVersion:
        """Log the bundle as the run's `final_model` and register it as a new version."""
        model_id = self.log_model(bundle, run_id=run_id, name=FINAL_MODEL, has_metrics=False)
        with self._request():
            import mlflow

            mlflow.set_tracking_uri(self.uri)  # the client looks for the model there
            if not self._client.search_registered_models(f"name = '{NAME}'"):
                self._client.create_registered_model(
                    NAME, description="Probability that an active customer places no order."
                )
            version = self._client.create_model_version(
                NAME,
                f"models:/{model_id}",
                run_id=run_id,
                tags={key: str(value) for key, value in tags.items()},
                description=description,
                model_id=model_id,
            )
        return ModelVersion.of(version)

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
        return None if number is None else self.version(number, timeout=timeout)

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
            bundle = self.load(self.download(version, Path(scratch)), sha256)
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

    def load(self, folder: Path, sha256: str) -> Bundle:
        """The bundle in a folder, its digest checked, to predict with the settings' threads."""
        return Bundle.load(folder, sha256, threads=self.settings.compute.threads)

    def cached(self, sha256: str) -> Bundle | None:
        """The bundle of that digest in the local cache, or None if absent or damaged."""
        folder = self.folder / sha256
        if not folder.is_dir():
            return None
        try:
            return self.load(folder, sha256)
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
        return sorted(
            self._search_versions({}, timeout), key=lambda each: each.number, reverse=True
        )

    def version(self, number: str, *, timeout: Timeout = "long") -> ModelVersion | None:
        """The version of that number, or None."""
        with self._request(timeout):
            from mlflow.exceptions import MlflowException

            try:
                return ModelVersion.of(self._client.get_model_version(NAME, number))
            except MlflowException as error:
                if error.error_code in _NO_SUCH_VERSION:
                    return None
                raise

    def set_version_tags(self, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of a version."""
        with self._request("short"):
            for name, value in tags.items():
                self._client.set_model_version_tag(NAME, version, name, value)

    def set_verdict(self, version: ModelVersion, tags: Mapping[str, str], text: str) -> None:
        """Tag a version and its run, and put a text under `Verdict` in its description."""
        self.set_version_tags(version.version, tags)
        with self._request("short"):
            for name, value in tags.items() if version.run_id else ():
                self._client.set_tag(version.run_id, name, value)
            self._describe(version.version, "Verdict", text)

    def _describe(self, version: str, title: str, text: str) -> None:
        """Put a section into a version's description, at its beginning."""
        former = self._client.get_model_version(NAME, version).description or ""
        self._client.update_model_version(NAME, version, with_section(former, title, text))

    def _search_versions(
        self, tags: Mapping[str, str], timeout: Timeout = "long"
    ) -> Iterator[ModelVersion]:
        """All versions with those tags, the oldest first."""
        page_token = None
        while True:
            with self._request(timeout):
                page = self._client.search_model_versions(
                    " and ".join([f"name = '{NAME}'", *_conditions(tags)]),
                    max_results=_VERSIONS_AT_ONCE,
                    order_by=["version_number ASC"],  # new ones come last: no page moves
                    page_token=page_token,
                )
            yield from map(ModelVersion.of, page)
            page_token = page.token
            if not page_token:
                return

    def _run(self, name: str, key: Mapping[str, str], tags: Mapping[str, str] | None = None) -> str:
        """The run with those tags, made if there is none."""
        same = " and ".join(_conditions(key))
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
        with limited(timeout), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield
            except Exception as error:
                if failure := explain_failure(error):
                    raise failure from error
                raise


def _conditions(tags: Mapping[str, str]) -> list[str]:
    return [f"tags.{tag} = '{value}'" for tag, value in tags.items()]
