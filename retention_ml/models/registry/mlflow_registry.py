"""The MLflow registry: models of runs, versions and aliases."""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from retention_ml.errors import UnfitModel
from retention_ml.models.bundle.bundle import FILES_MAX, TOTAL_BYTES_MAX, Bundle
from retention_ml.models.registry.description import with_section, without_section
from retention_ml.models.registry.model_version import ModelVersion
from retention_ml.models.registry.packaging import model_parts
from retention_ml.models.registry.runs import Runs
from retention_ml.models.registry.timeouts import Timeout
from retention_ml.models.registry.tracking import NAME, NOTE, conditions
from retention_ml.settings import Settings

logger = logging.getLogger(__name__)

MODEL, FINAL_MODEL = "model", "final_model"
"""Models of a candidate's run: the evaluated one, and the one fitted anew to be registered."""
_NOTES = {
    MODEL: "What was evaluated: the metrics are its own. Fitted on days before the evaluation days.",
    FINAL_MODEL: "What a training registers: the settings of `model`, fitted anew on the newest "
    "days. It has no metrics, as nobody has measured it yet.",
}
BUNDLE_PATH = "artifacts/bundle"
_VERSIONS_AT_ONCE = 1_000
_NO_SUCH_VERSION = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class Registry(Runs):
    """Experiment and registered model `churn` at `settings.tracking_uri`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.folder = settings.home / "models"
        self.tables = settings.home / "cache" / "trees"

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
            return self._log_pyfunc(
                run_id,
                bundle.features,
                "churn_probability",
                name=name,
                tags={"bundle_sha256": bundle.sha256, NOTE: _NOTES[name]},
                step=0 if has_metrics else 1,  # metrics are logged at step 0
                **model_parts(bundle, Path(scratch)),
            )

    def register(
        self, bundle: Bundle, *, run_id: str, tags: Mapping[str, str], description: str
    ) -> ModelVersion:
        """Log the bundle as the run's `final_model` and register it as a new version."""
        model_id = self.log_model(bundle, run_id=run_id, name=FINAL_MODEL, has_metrics=False)
        with self._request():
            self._become_default()
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
            uri = f"models:/{NAME}/{version}/{BUNDLE_PATH}"
            files = self._files(uri)
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
            return self._download(uri, into)

    def load(self, folder: Path, sha256: str) -> Bundle:
        """The bundle in a folder, its digest checked, to predict with the settings' threads."""
        threads = self.settings.compute.threads
        return Bundle.load(folder, sha256, threads=threads, tables=self.tables)

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
            try:
                return ModelVersion.of(self._client.get_model_version(NAME, number))
            except Exception as error:  # only MLflow's own have a code
                if getattr(error, "error_code", None) in _NO_SUCH_VERSION:
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
        self.set_section(version.version, "Verdict", text)

    def set_refusal(self, version: ModelVersion, alias: str, reason: str) -> None:
        """Tell on a version why it is not served under an alias; nothing where it tells it already."""
        if version.tags.get(_refusal_tag(alias)) == reason:
            return
        self.clear_refusal(version, alias)
        self.set_section(version.version, _refusal_title(alias), _refusal_text(reason))
        self.set_version_tags(version.version, {_refusal_tag(alias): reason})

    def clear_refusal(self, version: ModelVersion, alias: str) -> None:
        """Take back what `set_refusal` told; nothing where it told nothing."""
        if (reason := version.tags.get(_refusal_tag(alias))) is None:
            return
        with self._request("short"):
            former = self._client.get_model_version(NAME, version.version).description or ""
            rest = without_section(former, _refusal_title(alias), _refusal_text(reason))
            self._client.update_model_version(NAME, version.version, rest)
            self._client.delete_model_version_tag(NAME, version.version, _refusal_tag(alias))

    def set_section(self, version: str, title: str, text: str) -> None:
        """Put a section into a version's description, at its beginning."""
        with self._request("short"):
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
                    " and ".join([f"name = '{NAME}'", *conditions(tags)]),
                    max_results=_VERSIONS_AT_ONCE,
                    order_by=["version_number ASC"],  # new ones come last: no page moves
                    page_token=page_token,
                )
            yield from map(ModelVersion.of, page)
            page_token = page.token
            if not page_token:
                return


def _refusal_tag(alias: str) -> str:
    return f"not_served_as_{alias}"


def _refusal_title(alias: str) -> str:
    return f"Not served as {alias}"


def _refusal_text(reason: str) -> str:
    """What a description has room for beside the card; the tag holds the whole reason."""
    short = reason.rstrip(".") if len(reason) <= 300 else reason[:299] + "…"
    return f"The last good version serves instead, because of this one: {short}."
