"""The starter model as it lies in the library, and as a shop uses it."""

from dataclasses import replace
from pathlib import Path

from retention_ml.errors import UnfitModel
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.bundle.starter import NAME
from retention_ml.models.predictors.paced import Paced

FOLDER = Path(__file__).resolve().parent


def shipped() -> Bundle:
    """The bundle that `benchmarks/starter.py` wrote, its digest checked.

    Raises
    ------
    UnfitModel
        It is damaged or was changed.
    """
    try:
        sha256 = (FOLDER / "bundle.sha256").read_text(encoding="ascii").strip()
        bundle = Bundle.load(FOLDER / "bundle", sha256)
        if not isinstance(bundle.predictor, Paced) or not bundle.manifest["version"]:
            raise UnfitModel(f"It is a model of the kind {bundle.manifest['kind']!r}.")
    except (KeyError, OSError, UnfitModel, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
        raise UnfitModel(
            f"The starter model is not as it was shipped ({why}). Nobody is scored with it. "
            "Install the library anew; or set starter = false under [scoring] in retention.toml, "
            "and customers are scored once a model of the shop's own is promoted."
        ) from error
    return bundle


def starter(definition: ChurnDefinition, *, threads: int = 1) -> Bundle:
    """The shipped model asked about a shop's outcome window.

    Equal definitions give equal bundles, and so equal digests.

    Raises
    ------
    UnfitModel
        See `shipped`.
    """
    bundle = shipped()
    assert isinstance(bundle.predictor, Paced)
    window_days = float(definition.lead_days + definition.horizon_days)
    slope, intercept = bundle.calibration
    provenance = {
        name: bundle.manifest[name]
        for name in ("version", "base_rate", "shops")
        if name in bundle.manifest
    }
    return Bundle.of(
        replace(bundle.predictor, window_days=window_days),
        model_name=NAME,
        features=bundle.features,
        slope=slope,
        intercept=intercept,
        threads=threads,
        definition=definition.to_dict(),
        definition_hash=definition.hash,
        shipped_sha256=bundle.sha256,
        is_calibrated=False,
        **provenance,
    )
