"""The catalogue of a decision day: the files, or the one used last while they have a mistake."""

import logging
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from retention_ml.actions.catalogue.catalogue import Catalogue
from retention_ml.actions.catalogue.coupons import code_mistakes
from retention_ml.actions.catalogue.loading import load_actions
from retention_ml.errors import SettingsError
from retention_ml.warehouse import Transaction

logger = logging.getLogger(__name__)

_NAMED_MAX = 3
_NEWEST = """
SELECT catalogue_sha256, document, first_as_of FROM actions.catalogues
ORDER BY catalogue_number DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueInForce:
    """The actions to be had, and what to tell people where they are not those of the files.

    Parameters
    ----------
    catalogue : Catalogue
        From the files, or the one that was stored last.
    alert : str, optional
        The mistake in the files, and what is used instead; or lines of a pool that are no codes.
    """

    catalogue: Catalogue
    alert: str | None = None


def store_catalogue(
    transaction: Transaction,
    catalogue: Catalogue,
    *,
    as_of: date,
    stored_at: datetime,
    run_id: str,
) -> None:
    """Remember a catalogue that is used; nothing where it is the one that was stored last."""
    transaction.lock("actions.catalogues")
    newest = transaction.execute(_NEWEST)
    if newest and newest[0].catalogue_sha256 == catalogue.sha256:
        return
    transaction.insert_row(
        "actions.catalogues",
        {
            "catalogue_sha256": catalogue.sha256,
            "document": catalogue.document(),
            "first_as_of": as_of,
            "stored_at": stored_at,
            "run_id": run_id,
        },
    )


def catalogue_in_force(transaction: Transaction, folder: Path) -> CatalogueInForce:
    """The catalogue of the folder, or the one stored last if its files have a mistake.

    Raises
    ------
    SettingsError
        The files have a mistake and no catalogue was ever stored.
    """
    try:
        catalogue = load_actions(folder)
        pools = {action.coupons for action in catalogue.contacts.values() if action.coupons}
        mistakes = [words for pool in sorted(pools) for words in code_mistakes(folder, pool)]
        for words in mistakes:
            logger.error("%s", words)
        return CatalogueInForce(catalogue=catalogue, alert=" ".join(mistakes[:_NAMED_MAX]) or None)
    except SettingsError as error:
        newest = transaction.execute(_NEWEST)
        if not newest:
            raise
        row = newest[0]
        alert = (
            f"{error} Until it is corrected, the actions in force since {row.first_as_of} are used "
            "as they were. `retention actions check` names every mistake."
        )
        logger.error("%s", alert)
        return CatalogueInForce(catalogue=Catalogue.from_document(row.document), alert=alert)
