"""The models of a scoring run: the champion that counts and the challenger in its shadow."""

import logging
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from retention_ml.errors import NotReady, PublicationRefused, RegistryError
from retention_ml.models.following import APPROVED, decisions
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

if TYPE_CHECKING:
    from retention_ml.models.registry import ServedModel

logger = logging.getLogger(__name__)


def served(warehouse: Warehouse, settings: Settings, alias: str) -> "ServedModel | None":
    """The model under an alias, its digest checked; None if there is none."""
    from retention_ml.models.registry import Registry

    return Registry(settings).served(warehouse, alias)


def champion(warehouse: Warehouse, settings: Settings, as_of: date) -> "ServedModel":
    """The champion.

    Raises
    ------
    NotReady
        If there never was one.
    PublicationRefused
        If none of those there were may serve now.
    """
    model = served(warehouse, settings, "champion")
    if model is None and _was_approved(warehouse):
        raise PublicationRefused(
            f"No champion that was approved can score {as_of}: its churn definition or its "
            "features are not today's. The scores published before stay up. Run `retention train "
            f"--as-of {as_of}`, or set [churn] in retention.toml back; `retention models` lists "
            "the decisions."
        )
    if model is None:
        raise NotReady(
            f"There is no champion, so nobody can be scored for {as_of}. Run `retention train "
            f"--as-of {as_of}`; its report says what is missing if no candidate is good enough."
        )
    return model


def _was_approved(warehouse: Warehouse) -> bool:
    return any(one.verdict in APPROVED for one in decisions(warehouse, "champion"))


def demand_features(model: "ServedModel", features: pa.Table) -> None:
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
    warehouse: Warehouse, settings: Settings, scored: pa.Table
) -> "tuple[ServedModel | None, pa.Array]":
    """The challenger and its probabilities, shape (n,), null where it has no answer.

    It scores in shadow: one that cannot read the features at hand is left out with a warning
    and never stops the champion.
    """
    nothing = pa.nulls(scored.num_rows, pa.float64())
    try:
        model = served(warehouse, settings, "challenger")
    except RegistryError as error:
        logger.warning("The challenger does not score, because: %s", error)
        return None, nothing
    if model is None or scored.num_rows == 0:
        return None, nothing
    missing = set(model.bundle.features) - set(scored.column_names)
    if missing:
        logger.warning(
            "Challenger v%s reads %d features that are not computed; it does not score.",
            model.version,
            len(missing),
        )
        return None, nothing
    said = np.asarray(model.bundle.predict(scored), dtype=np.float64)
    return model, pa.array(said, mask=~((said >= 0) & (said <= 1)))
