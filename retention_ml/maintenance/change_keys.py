"""The door that adds a new version of a key, or destroys an old one."""

import time

from retention_ml.audit.entries import Event
from retention_ml.audit.record_event import record_event
from retention_ml.errors import UsageError
from retention_ml.keys import PURPOSES, Keyring
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def change_keys(
    warehouse: Warehouse, *, settings: Settings, purpose: str, drop: int | None = None
) -> DecisionReceipt:
    """Add a version of a key; with `drop`, destroy that old version instead.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    purpose : str
        One of `keys.PURPOSES`; the key of pseudonyms cannot be rotated.
    drop : int, optional
        A version that is not the newest: what is still sealed with it can never be read again.

    Returns
    -------
    DecisionReceipt
        `details`: purpose, ring, versions (that can be read now, the newest last); never a key.

    Raises
    ------
    UsageError
        There is no such purpose, or the version or key may not change.
    SettingsError
        The keys are missing, damaged or of another warehouse.
    """
    started = time.monotonic()
    matching = [one for one in PURPOSES if one == purpose]
    if not matching:
        raise UsageError(f"{purpose!r} is no purpose of a key; expected {', '.join(PURPOSES)}.")
    before = Keyring.of(settings)
    if purpose == "audit" and drop is not None:
        _require_unused(warehouse, drop)
    record_event(
        warehouse,
        Event.KEYS_CHANGED,
        settings=settings,
        subject=purpose,
        details={"dropped_version": drop},
    )
    ring = before.rotate(matching[0]) if drop is None else before.drop(matching[0], drop)
    versions = ring.versions(matching[0])
    if drop is None:
        sentence = f"The key for {purpose} has the new version {versions[-1]}."
        if purpose == "archive":
            sentence += " `retention archive seal` seals what is there with it."
    else:
        sentence = f"Version {drop} of the key for {purpose} is destroyed."
    return warehouse.record(
        DecisionReceipt(
            door="change_keys",
            seconds=time.monotonic() - started,
            sentence=sentence,
            details={"purpose": purpose, "ring": ring.id, "versions": list(versions)},
        ),
        settings.run_id,
    )


def _require_unused(warehouse: Warehouse, version: int) -> None:
    with warehouse.transaction() as transaction:
        [[count]] = transaction.execute(
            "SELECT count(*) FROM audit.log WHERE key_version = :version", version=version
        )
    if count:
        raise UsageError(
            f"{count:,} entries of the audit log are made with version {version} of its key, and "
            "could not be verified without it. It stays."
        )
