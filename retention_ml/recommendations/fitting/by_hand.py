"""The doors by which a person decides which ranker makes the lists: another, an earlier one, none."""

import re
import time
from collections.abc import Mapping
from datetime import date

from retention_ml.errors import UnfitModel, UsageError
from retention_ml.models.promotion import decisions as ledger
from retention_ml.models.promotion.decisions import Decision
from retention_ml.receipts import DecisionReceipt
from retention_ml.recommendations.fitting.ledger import (
    CHALLENGER,
    CHAMPION,
    decisions_upto,
    load_ranker,
)
from retention_ml.recommendations.fitting.registration import show_rankers
from retention_ml.recommendations.ranker import MODEL_NAME
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

NO_RANKER = "frequency"
"""Named instead of a version: personal frequency makes the lists."""
_VERSION = re.compile(r"ranker-(\d{1,18})")
_EVER = date.max


def is_ranker(version: str) -> bool:
    """Whether a version is one of a ranker, by its name."""
    return _VERSION.fullmatch(version) is not None


def promote_ranker(
    warehouse: Warehouse, *, settings: Settings, version: str, decided_by: str, reason: str
) -> DecisionReceipt:
    """Let a fitted ranker make the lists, from the newest published day on.

    Promoting it again changes nothing.

    Returns
    -------
    DecisionReceipt
        `details` holds `changed`, `version`, `previous_version`, `passed_over` and `alias`.

    Raises
    ------
    UsageError
        There is no such ranker, or no reason was given.
    UnfitModel
        Its files were changed, or it reads other features than are computed now.
    """
    ledger.require_decider(decided_by, reason)
    started = time.perf_counter()
    with warehouse.transaction() as transaction:
        history = _history(transaction)
        sha256 = _digest(transaction, version)
        load_ranker(transaction, sha256, settings.compute.threads)
        details = _decide(
            transaction, settings, history, version, sha256, "promote", decided_by, reason
        )
    return _receipt(warehouse, settings, "recommendations.promote", details, started)


def rollback_ranker(
    warehouse: Warehouse,
    *,
    settings: Settings,
    decided_by: str,
    reason: str,
    version: str | None = None,
) -> DecisionReceipt:
    """Let an earlier ranker make the lists again, from the newest published day on.

    Parameters
    ----------
    version : str, optional
        A ranker that made lists before, or `frequency` for none. By default the one before today's;
        once more goes further back. Rankers that cannot be used (any more) are passed over.

    Returns
    -------
    DecisionReceipt
        `details` holds `changed`, `version`, `previous_version`, `passed_over` (versions with the
        reason) and `alias`.

    Raises
    ------
    UsageError
        There is no earlier ranker, or the named one never made lists.
    UnfitModel
        The named one cannot be used.
    """
    ledger.require_decider(decided_by, reason)
    started = time.perf_counter()
    with warehouse.transaction() as transaction:
        history = _history(transaction)
        if version == NO_RANKER:
            details = _retire(transaction, settings, history, decided_by, reason)
        else:
            approval, passed_over = _target(transaction, settings, history, version)
            details = _decide(
                transaction,
                settings,
                history,
                approval.model_version,
                approval.bundle_sha256,
                "rollback",
                decided_by,
                reason,
            ) | {"passed_over": passed_over}
    return _receipt(warehouse, settings, "recommendations.rollback", details, started)


def _history(transaction: Transaction) -> list[Decision]:
    """All decisions about who makes the lists, newest first; nobody else decides meanwhile."""
    for alias in (CHAMPION, CHALLENGER):
        ledger.lock_decisions(transaction, alias)
    return decisions_upto(transaction, CHAMPION, _EVER)


def _decide(
    transaction: Transaction,
    settings: Settings,
    history: list[Decision],
    version: str,
    sha256: str,
    verdict: str,
    decided_by: str,
    reason: str,
) -> dict[str, object]:
    """Write that a version makes the lists, unless it does already; what the receipt says."""
    champion = ledger.current_approval(history)
    has_changed = champion is None or champion.model_version != version
    if has_changed:
        ledger.write_decision(
            transaction,
            settings=settings,
            alias=CHAMPION,
            model_name=MODEL_NAME,
            version=version,
            bundle_sha256=sha256,
            verdict=verdict,
            decided_by=decided_by,
            reason=reason,
            evidence={"from_version": champion.model_version if champion else None},
            as_of=_counts_from(transaction, history),
        )
    return _details(has_changed, version, champion)


def _retire(
    transaction: Transaction,
    settings: Settings,
    history: list[Decision],
    decided_by: str,
    reason: str,
) -> dict[str, object]:
    """Write that no ranker makes the lists, nor stands on trial against one."""
    champion = ledger.current_approval(history)
    if champion is not None:
        as_of = _counts_from(transaction, history)
        ledger.write_decision(
            transaction,
            settings=settings,
            alias=CHAMPION,
            model_name=MODEL_NAME,
            version=champion.model_version,
            bundle_sha256=champion.bundle_sha256,
            verdict="retire",
            decided_by=decided_by,
            reason=reason,
            as_of=as_of,
        )
        challenger = ledger.current_approval(decisions_upto(transaction, CHALLENGER, _EVER))
        if challenger is not None:
            ledger.retire_challenger(
                transaction,
                settings,
                challenger.bundle_sha256,
                decided_by,
                f"{champion.model_version}, against which it stood, makes no lists any more.",
                alias=CHALLENGER,
                as_of=as_of,
            )
    return _details(champion is not None, NO_RANKER, champion)


def _counts_from(transaction: Transaction, history: list[Decision]) -> date | None:
    """The newest published day, or that of the newest decision where it is later."""
    rows = transaction.execute(
        "SELECT coalesce((SELECT max(as_of) FROM recommendations.published), "
        "(SELECT max(as_of) FROM recommendations.fits))"
    )
    days = [rows[0][0], *(each.as_of for each in history)]
    return max((day for day in days if day is not None), default=None)


def _target(
    transaction: Transaction, settings: Settings, history: list[Decision], version: str | None
) -> tuple[Decision, dict[str, str]]:
    """The approval to go back to, and the versions passed over with the reason."""
    threads = settings.compute.threads
    if version is not None:
        approval = ledger.last_approval(history, version)
        if approval is None:
            raise UsageError(
                f"{version[:40]!r} never made lists, so there is nothing to go back to. "
                "`retention models` lists the rankers, `retention promote` makes one champion, "
                f"`--to {NO_RANKER}` goes without."
            )
        load_ranker(transaction, approval.bundle_sha256, threads)
        return approval, {}
    chain = ledger.fallback_chain(history)
    if ledger.current_approval(history) is not None:
        chain = chain[1:]
    passed_over: dict[str, str] = {}
    for approval in chain:
        try:
            load_ranker(transaction, approval.bundle_sha256, threads)
        except UnfitModel as error:
            passed_over[approval.model_version] = str(error).rstrip(".")
            continue
        return approval, passed_over
    why = "".join(f" {one} was passed over: {what}." for one, what in passed_over.items())
    raise UsageError(
        f"No ranker made lists before that could make them now.{why} With `--to {NO_RANKER}` they "
        "are made by personal frequency until the next ranker proves itself."
    )


def _digest(transaction: Transaction, version: str) -> str:
    match = _VERSION.fullmatch(version)
    rows = transaction.execute(
        "SELECT bundle_sha256 FROM recommendations.fits WHERE fit_id = :fit_id",
        fit_id=int(match[1]) if match else 0,
    )
    if not rows:
        raise UsageError(
            f"There is no ranker {version[:40]!r}; expected one such as ranker-3. `retention models` "
            "lists them."
        )
    return str(rows[0].bundle_sha256)


def _details(has_changed: bool, version: str, champion: Decision | None) -> dict[str, object]:
    return {
        "changed": has_changed,
        "version": version,
        "previous_version": champion.model_version if champion else None,
        "passed_over": {},
    }


def _receipt(
    warehouse: Warehouse,
    settings: Settings,
    door: str,
    details: Mapping[str, object],
    started: float,
) -> DecisionReceipt:
    """Let MLflow follow what was committed; the receipt."""
    version, previous = details["version"], details["previous_version"]
    whose = "Personal frequency" if version == NO_RANKER else version
    instead = f" instead of {previous}" if previous else ""
    sentence = (
        f"{whose} makes the lists from now on{instead}."
        if details["changed"]
        else f"{whose} makes the lists already. Nothing was changed."
    )
    receipt = DecisionReceipt(
        door=door,
        sentence=sentence,
        seconds=time.perf_counter() - started,
        details={**details, "alias": show_rankers(warehouse, settings)},
    )
    return warehouse.record(receipt, settings.run_id)
