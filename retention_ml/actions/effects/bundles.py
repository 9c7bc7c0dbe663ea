"""Models of effects as text files in `actions.policy_bundles`, by digest: `assign` needs no MLflow."""

from typing import TypeVar

from retention_ml import clock
from retention_ml.errors import UnfitModel
from retention_ml.models.bandit.bundle import BanditBundle
from retention_ml.models.uplift.bundle import UpliftBundle
from retention_ml.warehouse import Transaction

_Bundle = TypeVar("_Bundle", UpliftBundle, BanditBundle)


def store_bundle(
    transaction: Transaction,
    action_id: str | None,
    bundle: UpliftBundle | BanditBundle,
    card: str,
    *,
    run_id: str,
) -> None:
    """Keep a bundle and its card; nothing where the digest is there already.

    Parameters
    ----------
    action_id : str or None
        Whose effect it is; None of a bandit, which knows all actions.
    """
    transaction.insert_row(
        "actions.policy_bundles",
        {
            "bundle_sha256": bundle.sha256,
            "action_id": action_id,
            "files": {name: content.decode() for name, content in bundle.files().items()},
            "card": card,
            "stored_at": clock.now(),
            "run_id": run_id,
        },
        on_conflict="(bundle_sha256) DO NOTHING",
    )


def load_bundle(transaction: Transaction, sha256: str, kind: type[_Bundle]) -> _Bundle:
    """The bundle of a digest.

    Raises
    ------
    UnfitModel
        It is not there, or its files are not those of the digest.
    """
    rows = transaction.execute(
        "SELECT files FROM actions.policy_bundles WHERE bundle_sha256 = :sha256", sha256=sha256
    )
    if not rows:
        raise UnfitModel(
            f"The policy in force needs the effect model {sha256[:12]}, which is not in "
            "actions.policy_bundles. Train anew: `retention policies train`."
        )
    bundle = kind.from_files({name: str(text).encode() for name, text in rows[0].files.items()})
    if bundle.sha256 != sha256:
        raise UnfitModel(
            f"The files of the effect model {sha256[:12]} have the digest {bundle.sha256[:12]}: "
            "they were changed. It is not used. Train anew: `retention policies train`."
        )
    return bundle
