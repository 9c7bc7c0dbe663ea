"""Rankers in `recommendations.bundles` and `.fits`, and which of them makes the lists of a day.

The second is decided in `models.promotions`, the ledger of all promotions.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.errors import UnfitModel
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion.decisions import (
    CHALLENGER_OF,
    MOVING,
    Decision,
    current_approval,
    decisions_of,
)
from retention_ml.recommendations.ranker import Ranker
from retention_ml.warehouse import Transaction, Warehouse

CHAMPION = "recommendations_champion"
CHALLENGER = CHALLENGER_OF[CHAMPION]


def decisions_upto(transaction: Transaction, alias: str, as_of: date) -> list[Decision]:
    """The decisions about an alias that count on a day, newest first.

    A past day replayed later decides nothing about the days after it that were decided before.
    """
    history = [each for each in decisions_of(transaction, alias) if _begins(each) <= as_of]
    return sorted(history, key=lambda each: (_begins(each), each.promotion_id), reverse=True)


def _begins(decision: Decision) -> date:
    return decision.as_of or date.min


def serving(transaction: Transaction, as_of: date, alias: str = CHAMPION) -> Decision | None:
    """The ranker that makes the lists of a day, or the one on trial; None without one."""
    return current_approval(decisions_upto(transaction, alias, as_of))


def taken_back(transaction: Transaction, as_of: date) -> Decision | None:
    """The decision that no ranker makes the lists of a day; None where one does or never did."""
    history = decisions_upto(transaction, CHAMPION, as_of)
    newest = next((each for each in history if each.verdict in MOVING), None)
    return newest if newest is not None and newest.verdict == "retire" else None


def newest_fit(transaction: Transaction, as_of: date) -> Any:
    """The newest fit up to a day, None without one."""
    rows = transaction.execute(
        "SELECT * FROM recommendations.fits WHERE as_of <= :as_of "
        "ORDER BY as_of DESC, fit_id DESC LIMIT 1",
        as_of=as_of,
    )
    return rows[0] if rows else None


def store(
    transaction: Transaction, ranker: Ranker, fit: Mapping[str, Any], card: str, run_id: str
) -> int:
    """Keep a ranker, its card, and how it was evaluated; the number of the fit."""
    transaction.insert_row(
        "recommendations.bundles",
        {
            "bundle_sha256": ranker.sha256,
            "files": {name: text.decode() for name, text in ranker.bundle.contents.items()},
            "card": card,
            "stored_at": clock.now(),
            "run_id": run_id,
        },
        on_conflict="(bundle_sha256) DO NOTHING",
    )
    row = transaction.insert_row(
        "recommendations.fits",
        {
            **fit,
            "bundle_sha256": ranker.sha256,
            "run_id": run_id,
            "fitted_at": clock.now(),
        },
        returning="fit_id",
    )
    assert row is not None
    return int(row[0])


def load_ranker(transaction: Transaction, sha256: str, threads: int) -> Ranker:
    """The ranker of a digest.

    Raises
    ------
    UnfitModel
        Its files are not those of the digest, or it reads other features than are computed now.
    """
    rows = transaction.execute(
        "SELECT files FROM recommendations.bundles WHERE bundle_sha256 = :sha256", sha256=sha256
    )
    contents = {name: str(text).encode() for name, text in rows[0].files.items()} if rows else {}
    bundle = Bundle.from_contents(contents, threads=threads)
    if bundle.sha256 != sha256:
        raise UnfitModel(
            f"The files of the ranker {sha256[:12]} have the digest {bundle.sha256[:12]}: they were "
            "changed. It is not used. Fit anew: `retention recommend --fit`."
        )
    return Ranker.of(bundle)


def card_of(warehouse: Warehouse, version: str) -> str:
    """The card of a ranker such as `ranker-3`, in Markdown; empty where there is no such ranker."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT card FROM recommendations.fits JOIN recommendations.bundles "
            "USING (bundle_sha256) WHERE 'ranker-' || fit_id = :version",
            version=version,
        )
    return str(rows[0].card) if rows else ""
