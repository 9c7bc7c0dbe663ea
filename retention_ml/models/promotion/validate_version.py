"""What a version must pass before it serves: digest, churn definition, features, predictions."""

import re
import tempfile
from datetime import date
from pathlib import Path

from retention_ml.errors import RegistryError, UnfitModel, UsageError
from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.features.store import newest_rows
from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle import prediction_checks, sandbox
from retention_ml.models.bundle.bundle import Bundle, digest, read_contents
from retention_ml.models.bundle.starter import NAME as STARTER
from retention_ml.models.promotion.decisions import accepted_digest
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.model_version import ModelVersion
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_DIGEST = re.compile(r"[0-9a-f]{64}")
_VERSIONS_SHOWN_MAX = 12


def find_version(registry: Registry, warehouse: Warehouse, version: str) -> ModelVersion:
    """The version as the registry describes it; without tags where only the ledger knows it.

    Raises
    ------
    UsageError
        There is no such version.
    RegistryError
        The registry does not answer and the ledger never accepted the version.
    """
    try:
        registered = registry.version(version, timeout="short")
        if registered is not None:
            return registered
        newest = registry.versions(timeout="short")[:_VERSIONS_SHOWN_MAX]
    except RegistryError:
        if accepted_digest(warehouse, version) is None:
            raise
        return ModelVersion(version=version)
    raise UsageError(
        f"There is no version {version[:40]!r} of the registered model; the newest are: "
        f"{', '.join(each.version for each in newest) or 'none'}. `retention models` lists them."
    )


def validate_version(registry: Registry, warehouse: Warehouse, version: ModelVersion) -> Bundle:
    """The bundle of a version that may serve.

    Files whose digest the ledger never approved and that were not made here are first read in a
    process of their own (`sandbox`). A version without the tag `bundle_sha256` was registered in
    MLflow's page: if it may serve, it gets the tags that follow from its files.

    Parameters
    ----------
    version : ModelVersion
        As the registry describes it; without tags where it does not answer.

    Raises
    ------
    UnfitModel
        It must not serve; the message says why.
    RegistryError
        Its files are not at hand and the registry does not answer.
    """
    accepted = accepted_digest(warehouse, version.version)
    sha256 = accepted or version.tags.get("bundle_sha256")
    if sha256 is not None:
        if not _DIGEST.fullmatch(sha256):
            raise UnfitModel(
                f"its tag bundle_sha256 is {sha256[:12]!r}, expected the digest of its files in 64 "
                "hexadecimal digits"
            )
        if version.tags and (fault := version.wrong_tag(sha256)):
            raise UnfitModel(fault)
    if accepted:
        bundle = registry.fetch(version.version, accepted)
    else:
        cached = registry.cached(sha256) if sha256 else None
        bundle = cached or _fetch_through_sandbox(registry, warehouse, version, sha256)
    fault = unfit_reason(registry.settings, bundle) or _fault_on_newest_features(warehouse, bundle)
    if fault is not None:
        raise UnfitModel(fault)
    if sha256 is None:
        registry.set_version_tags(version.version, bundle_tags(bundle))
    return bundle


def bundle_tags(bundle: Bundle) -> dict[str, str]:
    """The tags of a version that follow from its files alone, of those that a training sets.

    The digest comes last: a version that has that tag has them all.
    """
    tags = {
        "model_name": bundle.model_name,
        "as_of": str(bundle.manifest["as_of"]),
        "churn_definition": str(bundle.manifest["definition_hash"]),
    }
    training = {} if bundle.training_id is None else {"training_id": bundle.training_id}
    return {**tags, **training, "bundle_sha256": bundle.sha256}


def unfit_reason(settings: Settings, bundle: Bundle) -> str | None:
    """Why a bundle does not suit the settings and the catalogue of today, or None."""
    manifest = bundle.manifest
    expected, definition_hash = churn_definition(settings).hash, manifest.get("definition_hash")
    if definition_hash != expected:
        return (
            f"it was trained for the churn definition {definition_hash}, the settings ask for "
            f"{expected}; train anew or set [churn] back"
        )
    if not _is_day(manifest.get("as_of")):
        return f"its manifest names {manifest.get('as_of')!r} as its day, expected a date"
    if manifest.get("is_calibrated", True) is not True or bundle.model_name == STARTER:
        return "it says of itself that it is not calibrated for this shop"
    unknown = sorted(set(bundle.features) - set(FEATURE_NAMES))
    if unknown:
        return (
            f"it reads {len(unknown)} features that are not in the catalogue, first {unknown[0]!r}"
        )
    return None


def _is_day(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _fetch_through_sandbox(
    registry: Registry, warehouse: Warehouse, version: ModelVersion, sha256: str | None
) -> Bundle:
    """Read the files in another process first; what it could read goes into the cache.

    Without a digest they need not have a particular one.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = registry.download(version.version, Path(scratch))
        sha256 = sha256 or digest(read_contents(folder))
        _, rows = newest_rows(warehouse, FEATURE_NAMES)
        fault = sandbox.fault_of_files(folder, sha256, rows)
        if fault is not None:
            raise UnfitModel(fault)
        bundle = registry.load(folder, sha256)
    bundle.write(registry.folder / sha256)
    return bundle


def _fault_on_newest_features(warehouse: Warehouse, bundle: Bundle) -> str | None:
    day, rows = newest_rows(warehouse, bundle.features)
    as_of = bundle.manifest["as_of"]
    if day is not None and date.fromisoformat(as_of) > day:
        return f"it was made for {as_of}, the newest features are of {day}"
    fault = prediction_checks.fault_on(bundle, rows)
    return f"on the features of {day} {fault}" if fault else None
