"""MLflow as it is reached: address, client, experiment, runs. The only module that imports MLflow."""

import json
import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from retention_ml import atomic_files
from retention_ml.models.registry.description import fit_description
from retention_ml.models.registry.failures import explain_failure
from retention_ml.models.registry.provenance import source_tags
from retention_ml.models.registry.run_dataset import RunDataset
from retention_ml.models.registry.timeouts import Timeout, limited
from retention_ml.settings import Settings

NAME = "churn"
_METRICS_AT_ONCE = 1_000
NOTE = "mlflow.note.content"
"""The tag that MLflow's pages show as a description."""


class Tracking:
    """MLflow's experiment `churn` at `settings.tracking_uri`.

    Without an address everything is kept in `settings.home/mlflow/`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

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

    def _run(
        self,
        name: str,
        key: Mapping[str, str],
        tags: Mapping[str, str] | None = None,
        *,
        door: str = "train",
    ) -> str:
        """The run with those tags, made if there is none; `door` is what made it."""
        runs = self._client.search_runs(
            [self._experiment], " and ".join(conditions(key)), max_results=1
        )
        if runs:
            return str(runs[0].info.run_id)
        tags = source_tags(door, self.settings.run_id) | {**key, **(tags or {})}
        run = self._client.create_run(self._experiment, run_name=name, tags=tags)
        return str(run.info.run_id)

    def _log_batch(
        self,
        run_id: str,
        *,
        steps: Sequence[tuple[int, Mapping[str, float]]] = (),
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log metrics, parameters that are not there yet, and tags.

        Parameters
        ----------
        steps : sequence of (instant, mapping of str to float)
            In milliseconds since 1970, the oldest first, and the metrics of that step.
        """
        from mlflow.entities import Metric, Param, RunTag

        logged = self._client.get_run(run_id).data.params if params else {}
        new = {name: str(value)[:500] for name, value in (params or {}).items()}
        self._client.log_batch(
            run_id,
            tags=[RunTag(*tag) for tag in (tags or {}).items()],
            params=[Param(*param) for param in new.items() if param[0] not in logged],
        )
        points = [
            Metric(name, value, instant, step)
            for step, (instant, values) in enumerate(steps)
            for name, value in values.items()
        ]
        for begin in range(0, len(points), _METRICS_AT_ONCE):
            self._client.log_batch(run_id, metrics=points[begin : begin + _METRICS_AT_ONCE])

    def _log_datasets(self, run_id: str, datasets: Sequence[RunDataset]) -> None:
        """Name what a run used; named again, it is the same."""
        if not datasets:
            return
        from mlflow.entities import Dataset, DatasetInput, InputTag

        self._client.log_inputs(
            run_id,
            datasets=[
                DatasetInput(
                    Dataset(
                        name=each.name,
                        digest=each.short_digest,
                        source_type="code",
                        source=json.dumps({"tags": dict(each.source)}),
                        schema=json.dumps({"mlflow_colspec": each.columns}),
                        profile=json.dumps(dict(each.profile)),
                    ),
                    [InputTag("mlflow.data.context", each.context)],
                )
                for each in datasets
            ],
        )

    def _note(self, run_id: str, text: str) -> None:
        """Describe a run, in Markdown."""
        self._client.set_tag(run_id, NOTE, fit_description(text))

    def _finish(self, run_id: str, texts: Mapping[str, str], figures: Mapping[str, Any]) -> None:
        for name, text in texts.items():
            self._client.log_text(run_id, text, name)
        for name, figure in figures.items():
            self._client.log_figure(run_id, figure, name)
        self._client.set_terminated(run_id)

    def _log_pyfunc(
        self, run_id: str, features: Sequence[str], output: str, **arguments: Any
    ) -> str:
        """Log a pyfunc model whose inputs and output are floats; its id."""
        import mlflow
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, Schema

        self._become_default()
        with mlflow.start_run(run_id=run_id):
            logged = mlflow.pyfunc.log_model(
                signature=ModelSignature(
                    inputs=Schema([ColSpec("double", each) for each in features]),
                    outputs=Schema([ColSpec("double", output)]),
                ),
                **arguments,
            )
        return str(logged.model_id)

    def _files(self, uri: str) -> Sequence[Any]:
        """What lies at an address of artifacts; nothing of it is read."""
        import mlflow

        self._become_default()
        files: Sequence[Any] = mlflow.artifacts.list_artifacts(artifact_uri=uri)
        return files

    def _download(self, uri: str, into: Path) -> Path:
        import mlflow

        return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(into)))

    def _become_default(self) -> None:
        """Where MLflow's own functions, and addresses such as `models:/…`, are looked up."""
        import mlflow

        mlflow.set_tracking_uri(self.uri)

    @cached_property
    def _client(self) -> Any:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        import mlflow

        if self._artifacts:
            atomic_files.make_folder(Path(self._artifacts))
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


def conditions(tags: Mapping[str, str]) -> list[str]:
    """What a search asks for: each of these tags."""
    return [f"tags.{tag} = '{value}'" for tag, value in tags.items()]
