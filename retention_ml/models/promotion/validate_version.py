"""What a version must pass before it serves: digest, churn definition, features, sane answers."""

import re
import tempfile
from datetime import date
from pathlib import Path

from retention_ml.errors import UnfitModel
from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.features.store import newest_rows
from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle import prediction_checks, sandbox
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.bundle.starter import NAME as STARTER
from retention_ml.models.registry.mlflow_registry import ModelVersion, Registry
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_DIGEST = re.compile(r"[0-9a-f]{64}")


def vetted(
    registry: Registry,
    warehouse: Warehouse,
    version: ModelVersion,
    sha256: str,
    *,
    is_known: bool,
) -> Bundle:
    """The bundle of a version that may serve.

    Files whose digest the ledger never approved and that were not made here are first read in a
    process of their own (`child`).

    Parameters
    ----------
    version : ModelVersion
        As the registry describes it; without tags where it does not answer.
    sha256 : str
        The digest its files must have.
    is_known : bool
        Whether the ledger accepted that digest before.

    Raises
    ------
    UnfitModel
        It must not serve; the message says why.
    RegistryError
        Its files are not at hand and the registry does not answer.
    """
    if not _DIGEST.fullmatch(sha256):
        raise UnfitModel(
            f"its tag bundle_sha256 is {sha256[:12]!r}, expected the digest of its files in 64 "
            "hexadecimal digits"
        )
    if version.tags and (wrong := wrong_tag(version, sha256)):
        raise UnfitModel(wrong)
    bundle = registry.cached(sha256)
    if bundle is None and is_known:
        bundle = registry.fetch(version.version, sha256)
    if bundle is None:
        with tempfile.TemporaryDirectory() as scratch:
            folder = registry.download(version.version, Path(scratch))
            _, rows = newest_rows(warehouse, FEATURE_NAMES)
            fault = sandbox.fault_of_files(folder, sha256, rows)
            if fault is not None:
                raise UnfitModel(fault)
            bundle = Bundle.load(folder, sha256)
        bundle.write(registry.folder / sha256)
    wrong = unfit(registry.settings, bundle)
    if wrong is None:
        day, rows = newest_rows(warehouse, bundle.features)
        said = prediction_checks.fault_on(bundle, rows)
        wrong = f"on the features of {day} {said}" if said else None
        if day is not None and date.fromisoformat(bundle.manifest["as_of"]) > day:
            wrong = f"it was made for {bundle.manifest['as_of']}, the newest features are of {day}"
    if wrong is not None:
        raise UnfitModel(wrong)
    return bundle


def unfit(settings: Settings, bundle: Bundle) -> str | None:
    """Why a bundle does not suit the settings and the catalogue of today, or None."""
    wanted = churn_definition(settings).hash
    found = bundle.manifest.get("definition_hash")
    if found != wanted:
        return (
            f"it was trained for the churn definition {found}, the settings ask for {wanted}; "
            "train anew or set [churn] back"
        )
    said = bundle.manifest
    if not _is_day(said.get("as_of")):
        return (
            f"its manifest names {said.get('as_of')!r} as the day it was made for, expected a day"
        )
    if said.get("is_calibrated", True) is not True or bundle.model_name == STARTER:
        return "it says of itself that it is not calibrated for this shop"
    unknown = sorted(set(bundle.features) - set(FEATURE_NAMES))
    if unknown:
        return (
            f"it reads {len(unknown)} features that are not in the catalogue, first {unknown[0]!r}"
        )
    return None


def _is_day(text: object) -> bool:
    try:
        date.fromisoformat(str(text))
    except ValueError:
        return False
    return True


def wrong_tag(version: ModelVersion, sha256: str) -> str | None:
    """Why a version's tag speaks against the digest that the ledger approved, or None."""
    told = version.tags.get("bundle_sha256")
    if told == sha256:
        return None
    return f"its tag bundle_sha256 is {str(told)[:12]}, the ledger approved {sha256[:12]}"
