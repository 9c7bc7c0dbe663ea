"""MLflow shows rankers as versions of `recommendations`: card, files, figures, aliases.

The ledger decides and the database holds the files; MLflow may be down.
"""

import logging
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.errors import RegistryError
from retention_ml.models.promotion import decisions as ledger
from retention_ml.models.promotion.reconcile import pending_decisions
from retention_ml.models.registry.text_models import TextModel, TextModels
from retention_ml.recommendations.fitting.ledger import CHALLENGER, CHAMPION, serving
from retention_ml.recommendations.ranker import MODEL_NAME
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)

_MODEL = TextModel(
    name=MODEL_NAME,
    description="Probability that an active customer buys a product within the horizon.",
)
_ALIASES = {CHAMPION: "champion", CHALLENGER: "challenger"}


def show_rankers(warehouse: Warehouse, settings: Settings) -> str:
    """Register rankers that MLflow has not seen, and let its aliases follow the ledger.

    Best effort: logs instead of raising. Where the aliases are, in a sentence.
    """
    registry = TextModels(settings, _MODEL)
    try:
        _register(warehouse, registry)
        for alias, name in _ALIASES.items():
            _follow(warehouse, registry, alias, name)
    except RegistryError as error:
        logger.warning("MLflow does not show the ranker: %s", error)
        return f"It follows at the next fit or decision: {error}"
    return "It stands where the ledger says."


def _register(warehouse: Warehouse, registry: TextModels) -> None:
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT bundle_sha256, files, card, (SELECT evidence FROM recommendations.fits AS fit "
            "WHERE fit.bundle_sha256 = bundle.bundle_sha256 ORDER BY fit_id LIMIT 1) AS evidence "
            "FROM recommendations.bundles AS bundle WHERE registered_at IS NULL ORDER BY stored_at"
        )
    for row in rows:
        run_id = registry.log_candidate(
            training_id=row.bundle_sha256[:12],
            model_name=MODEL_NAME,
            params={},
            metrics=_metrics(row.evidence),
            texts={
                "model_card.md": row.card,
                **{f"bundle/{name}": text for name, text in row.files.items()},
            },
            figures={},
            tags={"bundle_sha256": row.bundle_sha256},
            description=row.card,
            door="recommend",
        )
        registry.register_run(
            run_id=run_id, folder="bundle", sha256=row.bundle_sha256, card=row.card
        )
        with warehouse.transaction() as transaction:
            transaction.execute(
                "UPDATE recommendations.bundles SET registered_at = :now "
                "WHERE bundle_sha256 = :sha256",
                now=clock.now(),
                sha256=row.bundle_sha256,
            )


def _follow(warehouse: Warehouse, registry: TextModels, alias: str, name: str) -> None:
    """Move an alias to where the newest decision has it, if it has not followed yet."""
    pending = pending_decisions(ledger.decisions(warehouse, alias))
    if not pending:
        return
    with warehouse.transaction() as transaction:
        approval = serving(transaction, date.max, alias)
    registry.point(name, registry.version_of(approval.bundle_sha256) if approval else None)
    with warehouse.transaction() as transaction:
        ledger.mark_synced(transaction, [each.promotion_id for each in pending])


def _metrics(evidence: dict[str, Any]) -> dict[str, float]:
    """What MLflow shows in columns."""
    lists = evidence["methods"]["champion"]
    return {f"{kind}_ndcg_at_10": lists[kind]["ndcg"] for kind in lists} | {
        "ndcg_minus_personal_frequency": evidence["difference"]["value"]
    }
