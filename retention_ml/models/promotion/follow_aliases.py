"""The door `follow_aliases`: an alias moved in MLflow is followed, or refused and told why, at once.

Training and scoring look at the aliases too, so nothing depends on this one.
"""

import time
from collections.abc import Mapping

from retention_ml.models.promotion.apply import load_served_model
from retention_ml.models.promotion.decisions import Decision, decisions
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_ALIASES = ("champion", "challenger")


def follow_aliases(warehouse: Warehouse, *, settings: Settings) -> DecisionReceipt:
    """Check the versions under the aliases; note in the ledger and on them what became of it.

    Returns
    -------
    DecisionReceipt
        `details`: by alias, the version that serves; `decisions`: a sentence for each new one.

    Raises
    ------
    RegistryError
        The registry does not answer and the last good model is not in the cache.
    """
    began, registry = time.monotonic(), Registry(settings)
    before = _newest(warehouse)
    served = {}
    for alias in _ALIASES:
        model = load_served_model(registry, warehouse, alias)
        served[alias] = model.version if model else None
    sentences = [
        f"{alias}: {each.verdict} version {each.model_version}. {each.reason}"
        for alias, each in _newest(warehouse).items()
        if each is not None and each != before[alias]
    ]
    receipt = DecisionReceipt(
        door="follow_aliases",
        sentence=" ".join(sentences) or "The aliases stand where the ledger has them.",
        seconds=time.monotonic() - began,
        details={**served, "decisions": sentences},
    )
    return warehouse.record(receipt, settings.run_id)


def _newest(warehouse: Warehouse) -> Mapping[str, Decision | None]:
    """The newest decision about each alias."""
    return {alias: next(iter(decisions(warehouse, alias)), None) for alias in _ALIASES}
