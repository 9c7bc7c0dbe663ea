"""The models of a scoring run: the champion, and the challenger on trial.

A shop that never had a champion is scored by the starter model (docs/starter.md).
"""

import logging
from dataclasses import replace
from datetime import date

import pyarrow as pa

from retention_ml.errors import NotReady, PublicationRefused, RegistryError, UnfitModel
from retention_ml.labels.cutoffs import days_needed
from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.bundle.starter import shipped
from retention_ml.models.promotion.apply import load_served_model
from retention_ml.models.promotion.decisions import APPROVED, decisions
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.model_version import ServedModel
from retention_ml.scores import arms
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)


def served(warehouse: Warehouse, settings: Settings, alias: str) -> ServedModel | None:
    """The model under an alias, its digest checked; None if there is none."""
    return load_served_model(Registry(settings), warehouse, alias)


def champion(warehouse: Warehouse, settings: Settings, as_of: date) -> ServedModel:
    """The champion, or the starter model where there never was one and the settings allow it.

    Raises
    ------
    NotReady
        If there never was one, and `scoring.starter` is false.
    PublicationRefused
        If none of those there were may serve now. The starter does not step in: it would put
        a lesser model in the place of what readers see.
    UnfitModel
        If the starter is not as it was shipped.
    """
    model = served(warehouse, settings, "champion")
    if model is not None:
        return model
    if any(decision.verdict in APPROVED for decision in decisions(warehouse, "champion")):
        raise PublicationRefused(
            f"No champion that was approved can score {as_of}: its churn definition or its "
            "features are not today's. The scores published before stay up. Run `retention train "
            f"--as-of {as_of}`, or set [churn] in retention.toml back; `retention models` lists "
            "the decisions."
        )
    if settings.scoring.starter:
        return starter(settings)
    raise NotReady(
        f"There is no champion, so nobody can be scored for {as_of}. Run `retention train "
        f"--as-of {as_of}`; its report says what is missing if no candidate is good enough. "
        "Or set starter = true under [scoring] in retention.toml."
    )


def starter(settings: Settings) -> ServedModel:
    """The model that came with the library, for the settings' outcome window.

    Raises
    ------
    UnfitModel
        It is not as it was shipped.
    """
    bundle = shipped.starter(churn_definition(settings), threads=settings.compute.threads)
    return ServedModel(version=str(bundle.manifest["version"]), bundle=bundle)


def bundle_that_scored(settings: Settings, *, arm: str, version: str, sha256: str) -> Bundle:
    """The bundle behind a stored score, by its digest, whether or not it still serves.

    From the cache or the registry: no alias is followed and nothing is decided.

    Raises
    ------
    RegistryError
        The registry does not answer, or has not got it any more.
    UnfitModel
        The registry or this version of the library holds another one.
    """
    if arm != arms.STARTER:
        return Registry(settings).fetch(version, sha256)
    bundle = starter(settings).bundle
    if bundle.sha256 != sha256:
        raise UnfitModel(
            f"The starter model of this version of the library ({bundle.manifest['version']}) is "
            "another one. Score the day again."
        )
    return bundle


def caveat(model: ServedModel, settings: Settings, as_of: date) -> str | None:
    """What a reader of the scores must know about the starter, None for a model of the shop's own."""
    if arms.is_calibrated(model):
        return None
    days = settings.churn.settle_days + days_needed(
        churn_definition(settings),
        cutoff_every_days=settings.training.cutoff_every_days,
        embargo_days=settings.churn.embargo_days,
    )
    least = settings.readiness
    return (
        f"There is no champion yet: the starter model ({model.version}) scored. It was trained on "
        "other shops and is not calibrated for this one: trust the order of the customers, not "
        f"the level of the probabilities. A model of the shop's own needs about {days} days of "
        f"orders, {least.customers_min:,} active customers, {least.churned_min:,} churned and "
        f"{least.retained_min:,} retained ones: `retention train --as-of {as_of}` says what is "
        "missing. Once promoted it takes over by itself."
    )


def on_engine(model: ServedModel, settings: Settings) -> ServedModel:
    """The model where it is to predict and explain: in this process or on executors of Spark."""
    if settings.scoring.engine == "local":
        return model
    from retention_ml.models.bundle.on_spark import SparkBundle

    bundle = SparkBundle.around(
        model.bundle, spark=settings.spark, threads=settings.compute.threads
    )
    return replace(model, bundle=bundle)


def serving_warnings(
    warehouse: Warehouse, champion: ServedModel, challenger: ServedModel | None
) -> list[str]:
    """A sentence for each alias whose version does not serve, with the reason."""
    sentences = []
    for alias, model in (("champion", champion), ("challenger", challenger)):
        if model is not None and arms.is_calibrated(model):
            sentence = model.warning
        else:
            newest = next(iter(decisions(warehouse, alias)), None)
            sentence = (
                f"Version {newest.model_version} is not served as {alias}: {newest.reason}"
                if newest and newest.verdict == "refuse"
                else None
            )
        sentences += [sentence] if sentence else []
    return sentences


def require_features(model: ServedModel, features: pa.Table) -> None:
    """Check that every feature the model reads is there.

    Raises
    ------
    PublicationRefused
        If one is not.
    """
    missing = sorted(set(model.bundle.features) - set(features.column_names))
    if missing:
        raise PublicationRefused(
            f"The champion {model.name} v{model.version} reads {len(missing)} features that are "
            f"not computed ({', '.join(missing[:3])}). Train a model on today's catalogue with "
            "`retention train`, or go back to the library version it was trained with."
        )


def challenger(
    warehouse: Warehouse, settings: Settings, champion: ServedModel
) -> ServedModel | None:
    """The challenger, None if there is none that predicts what the champion does.

    One that is the champion under another number, predicts another churn definition or cannot be
    read is left out, the latter two with a warning: a challenger never stops the champion.
    """
    try:
        model = served(warehouse, settings, "challenger")
    except RegistryError as error:
        logger.warning("The challenger does not score, because: %s", error)
        return None
    if model is None or model.bundle.sha256 == champion.bundle.sha256:
        return None
    definition = model.bundle.manifest["definition_hash"]
    expected = champion.bundle.manifest["definition_hash"]
    if definition != expected:
        logger.warning(
            "Challenger v%s does not score: it was trained for the churn definition %s, the "
            "champion for %s.",
            model.version,
            definition,
            expected,
        )
        return None
    return model
