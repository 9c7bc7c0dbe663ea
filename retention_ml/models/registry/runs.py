"""Runs in MLflow: a candidate's, the one of its training, and a trial's."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from retention_ml.models.registry.run_dataset import RunDataset
from retention_ml.models.registry.tracking import Tracking, conditions

OVERVIEW = "comparison.html"
"""The page of a training or of a trial among the files of its run."""
_TRAINING = "training"
_PARENT = "mlflow.parentRunId"  # how MLflow's page puts runs under another one


class Runs(Tracking):
    """Logs runs; logged again, a run is overwritten."""

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
        description: str | None = None,
        datasets: Sequence[RunDataset] = (),
        door: str = "train",
    ) -> str:
        """Log one candidate as a run; logged again, the same run is overwritten. Its run id.

        Parameters
        ----------
        texts, figures : mapping
            Go to artifacts under their names; figures are matplotlib's.
        description : str, optional
            Markdown, what the run's page says; as it was if left out.
        datasets : sequence of RunDataset
            What it was fitted and evaluated on.
        door : str
            What logs it, by its command: MLflow shows it as the run's source.
        """
        with self._request():
            key = {"training_id": training_id, "model_name": model_name}
            run_id = self._run(f"{model_name} {training_id}", key, tags, door=door)
            self._log_batch(run_id, steps=[(0, metrics)], params=params, tags=tags)
            self._log_datasets(run_id, datasets)
            if description is not None:
                self._note(run_id, description)
            self._finish(run_id, texts, figures)
        return run_id

    def log_training(
        self,
        *,
        training_id: str,
        run_ids: Sequence[str],
        tags: Mapping[str, str],
        texts: Mapping[str, str],
        description: str,
        datasets: Sequence[RunDataset] = (),
    ) -> str:
        """Log a training as the run above those of its candidates; its run id.

        Parameters
        ----------
        run_ids : sequence of str
            Of the candidates.
        texts : mapping of str to str
            Go to artifacts under their names.
        description : str
            Markdown, what the run's page says.
        """
        with self._request():
            run_id = self._run(f"training {training_id}", _key(training_id))
            for each in run_ids:
                self._client.set_tag(each, _PARENT, run_id)
            self._log_datasets(run_id, datasets)
            self._note(run_id, description)
            self._finish(run_id, texts, {})
            self._log_batch(run_id, tags=tags)  # the last: a run with these is complete
        return run_id

    def has_training(self, training_id: str, tags: Mapping[str, str]) -> bool:
        """Whether the run of a training is complete and has those tags."""
        run = self._newest(_key(training_id))
        return run is not None and tags.items() <= run.data.tags.items()

    def newest_training(self) -> str | None:
        """The run of the newest training, or None."""
        run = self._newest({"run_kind": _TRAINING})
        return None if run is None else str(run.info.run_id)

    def experiment_id(self) -> str:
        """The number of the experiment, made if there is none."""
        with self._request("short"):
            return self._experiment

    def _newest(self, tags: Mapping[str, str]) -> Any:
        with self._request("short"):
            runs = self._client.search_runs(
                [self._experiment],
                " and ".join(conditions(tags)),
                max_results=1,
                order_by=["attributes.start_time DESC"],
            )
        return runs[0] if runs else None

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
        """Log a trial at a run of its own, overwritten each time; its run id.

        Parameters
        ----------
        key : mapping of str to str
            `trial_id`, `champion_version` and `challenger_version`: tags of the run.
        steps : sequence of (instant, mapping of str to float)
            When each look was taken, the oldest first, and its metrics.
        texts, figures : mapping
            Go to artifacts under their names.
        summary : str
            Markdown: the run's description.
        """
        with self._request():
            name = f"comparison v{key['challenger_version']} against v{key['champion_version']}"
            run_id = self._run(name, key, door="decide")
            # The instant of the look is the metric's: told again, it is the same point.
            points = [(round(at.timestamp() * 1000), values) for at, values in steps]
            self._log_batch(run_id, steps=points, tags={"verdict": verdict})
            self._note(run_id, summary)
            self._finish(run_id, texts, figures)
        return run_id


def _key(training_id: str) -> dict[str, str]:
    """The tags by which the run of a training is found."""
    return {"training_id": training_id, "run_kind": _TRAINING}
