"""The registry's aliases follow the ledger: what was decided is carried out once, crash or not."""

import logging

from retention_ml.errors import RegistryError
from retention_ml.failpoints import reach
from retention_ml.models.promotion.decisions import MOVING, mark_settled
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)

_UNSETTLED = (
    "SELECT promotion_id, alias, model_version, verdict FROM models.promotions AS decision "
    "WHERE verdict = ANY (:moving) AND NOT EXISTS (SELECT 1 FROM models.alias_moves AS moved "
    "WHERE moved.promotion_id = decision.promotion_id) ORDER BY promotion_id DESC"
)


def settle(registry: Registry, warehouse: Warehouse) -> list[str]:
    """Carry out every decision that the registry's aliases have not followed yet.

    Of several decisions about an alias the newest counts; the older ones are marked with it. A
    process that died between moving the alias and noting it is no harm: the next call finds the
    alias where it should be and notes it. One process at a time settles.

    Returns
    -------
    list of str
        A sentence for each alias that followed; empty where nothing was open.

    Raises
    ------
    RegistryError
        The registry did not carry out a move. The decision holds; the next call tries again.
    """
    with warehouse.transaction() as transaction:
        if not transaction.execute(f"{_UNSETTLED} LIMIT 1", moving=list(MOVING)):
            return []
    said: list[str] = []
    failure: RegistryError | None = None
    for alias in ("champion", "challenger"):
        try:
            sentence = _settle_one(registry, warehouse, alias)
        except RegistryError as error:
            failure = failure or error
            continue
        if sentence:
            logger.info("%s", sentence)
            said.append(sentence)
    if failure is not None:
        raise failure
    return said


def settle_or_later(registry: Registry, warehouse: Warehouse) -> str:
    """`settle`, for who has decided and need not wait: what became of the aliases, in a sentence."""
    try:
        settle(registry, warehouse)
    except RegistryError as error:
        logger.warning("The alias follows at the next run, because: %s", error)
        return f"It follows at the next run: {error}"
    return "It stands where the ledger says."


def _settle_one(registry: Registry, warehouse: Warehouse, alias: str) -> str | None:
    with warehouse.transaction() as transaction:
        transaction.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))", key=f"settle:{alias}"
        )
        found = transaction.execute(_UNSETTLED, moving=list(MOVING))
        rows = [row for row in found if row.alias == alias]
        if not rows:
            return None
        newest = rows[0]
        at = registry.version_at(alias, brisk=True)
        if newest.verdict == "retire":
            if at is not None:
                registry.clear(alias)
            sentence = f"Alias {alias} was taken off version {newest.model_version}."
        else:
            if at is None or at.version != newest.model_version:
                registry.point(alias, newest.model_version, brisk=True)
            sentence = f"Alias {alias} stands at version {newest.model_version}."
        reach("promote.after_alias")
        mark_settled(transaction, [row.promotion_id for row in rows])
    return sentence
