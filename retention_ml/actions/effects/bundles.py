"""Models of effects as text files in `actions.policy_bundles`, by digest: `assign` needs no MLflow."""

from collections.abc import Mapping
from typing import Any

from retention_ml import clock
from retention_ml.errors import UnfitModel
from retention_ml.models.bandit.bundle import BanditBundle
from retention_ml.models.uplift.bundle import UpliftBundle
from retention_ml.warehouse import Transaction


def store_bundle(
    transaction: Transaction, action_id: str, bundle: UpliftBundle, card: str, *, run_id: str
) -> None:
    """Keep a bundle and its card; nothing where the digest is there already."""
    _store(transaction, action_id, bundle.sha256, bundle.files(), card, run_id)


def load_bundle(transaction: Transaction, sha256: str) -> UpliftBundle:
    """The bundle of a digest.

    Raises
    ------
    UnfitModel
        It is not there, or its files are not those of the digest.
    """
    bundle = UpliftBundle.from_files(_files(transaction, sha256))
    _require_digest(bundle.sha256, sha256)
    return bundle


def store_bandit(transaction: Transaction, bundle: BanditBundle, card: str, *, run_id: str) -> None:
    """Keep a bandit's state and its card; nothing where the digest is there already."""
    _store(transaction, None, bundle.sha256, bundle.files(), card, run_id)


def load_bandit(transaction: Transaction, sha256: str) -> BanditBundle:
    """The bandit of a digest.

    Raises
    ------
    UnfitModel
        It is not there, or its files are not those of the digest.
    """
    bundle = BanditBundle.from_files(_files(transaction, sha256))
    _require_digest(bundle.sha256, sha256)
    return bundle


def _store(
    transaction: Transaction,
    action_id: str | None,
    sha256: str,
    files: Mapping[str, bytes],
    card: str,
    run_id: str,
) -> None:
    transaction.insert_row(
        "actions.policy_bundles",
        {
            "bundle_sha256": sha256,
            "action_id": action_id,
            "files": {name: content.decode() for name, content in files.items()},
            "card": card,
            "stored_at": clock.now(),
            "run_id": run_id,
        },
        on_conflict="(bundle_sha256) DO NOTHING",
    )


def _files(transaction: Transaction, sha256: str) -> dict[str, bytes]:
    rows = transaction.execute(
        "SELECT files FROM actions.policy_bundles WHERE bundle_sha256 = :sha256", sha256=sha256
    )
    if not rows:
        raise UnfitModel(
            f"The policy in force needs the effect model {sha256[:12]}, which is not in "
            "actions.policy_bundles. Train anew: `retention policies train`."
        )
    files: dict[str, Any] = rows[0].files
    return {name: str(text).encode() for name, text in files.items()}


def _require_digest(actual: str, sha256: str) -> None:
    if actual != sha256:
        raise UnfitModel(
            f"The files of the effect model {sha256[:12]} have the digest {actual[:12]}: "
            "they were changed. It is not used. Train anew: `retention policies train`."
        )
