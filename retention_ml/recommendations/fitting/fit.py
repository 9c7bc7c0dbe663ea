"""The door `fit`: when due, a ranker is fitted, proves itself on a past day, and is decided about."""

import time
from datetime import date, timedelta
from typing import Any

from retention_ml.errors import NotReady
from retention_ml.failpoints import failpoint
from retention_ml.features.cache.rollup_cache import rollup_folder_of
from retention_ml.features.roll_up import roll_up
from retention_ml.models.promotion.decisions import (
    Decision,
    lock_decisions,
    write_decision,
)
from retention_ml.receipts import DecisionReceipt
from retention_ml.recommendations.backtest.run import learning_of
from retention_ml.recommendations.fit_ranker import fit_ranker, matured_days
from retention_ml.recommendations.fitting.ledger import (
    CHALLENGER,
    CHAMPION,
    newest_fit,
    serving,
    store,
)
from retention_ml.recommendations.fitting.proof import Proof, decision, prove
from retention_ml.recommendations.fitting.registration import show_rankers
from retention_ml.recommendations.purchases import read_descriptions, read_log
from retention_ml.recommendations.ranker import MODEL_NAME
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

LOCK = "recommendations.fit"
DECIDED_BY = "fit"
_ROLES = {CHAMPION: "champion", CHALLENGER: "challenger"}


def fit(
    warehouse: Warehouse, *, settings: Settings, as_of: date, force: bool = False
) -> DecisionReceipt:
    """Fit a ranker on what was known at the start of a day, unless the last one is young enough.

    The first makes the lists from that day on if one of the same making, fitted on an earlier day,
    was better than personal frequency at what was bought afterwards. While one makes the lists, the
    next stands on trial against it, one at a time: nothing is due until the trial is decided. A day
    before that of a ranker fits none: a backfill decides nothing about later days. The
    ledger `models.promotions` keeps every decision. MLflow is shown it; it may be down.

    Returns
    -------
    DecisionReceipt
        `details`: `is_new`, `is_in_force` (whether a ranker makes the lists), `role` of the newest
        fit (champion, challenger or None), `version`, `bundle_sha256`, and the evidence.

    Raises
    ------
    NotReady
        Too little history to learn from, or to look at what was bought afterwards.
    """
    started = time.perf_counter()
    with warehouse.exclusive(LOCK):
        with warehouse.transaction() as transaction:
            before = newest_fit(transaction, as_of)
            champion = serving(transaction, as_of)
            challenger = serving(transaction, as_of, CHALLENGER)
            newer = transaction.execute(
                "SELECT min(as_of) AS as_of FROM recommendations.fits WHERE as_of > :as_of",
                as_of=as_of,
            )[0].as_of
        due_on = (
            before.as_of + timedelta(days=settings.recommendations.fit_every_days)
            if before
            else as_of
        )
        is_due = due_on <= as_of and challenger is None
        if newer is None and (is_due or (force and (before is None or before.as_of < as_of))):
            sentence, details = _fit(warehouse, settings, as_of)
        else:
            sentence = (
                f"Not fitted: a ranker of {newer} exists, and a day before it decides nothing about "
                "those after it."
                if newer
                else f"Not due: {challenger.model_version} is on trial, and its successor is fitted when "
                f"that is decided. {challenger.reason}"
                if challenger
                else f"Not due: the next ranker is fitted on {due_on}. {before.reason}"
            )
            details = {
                "is_new": False,
                "is_in_force": champion is not None,
                **_newest(before, champion, challenger),
            }
    failpoint("fit.after_commit")
    show_rankers(warehouse, settings)
    return warehouse.record(
        DecisionReceipt(
            door="fit",
            as_of=as_of,
            seconds=time.perf_counter() - started,
            sentence=sentence,
            details=details,
        ),
        settings.run_id,
    )


def _fit(warehouse: Warehouse, settings: Settings, as_of: date) -> tuple[str, dict[str, Any]]:
    roll_up(warehouse, settings=settings)
    timezone = settings.calendar.timezone
    log = read_log(warehouse, as_of=as_of, timezone=timezone, cache=rollup_folder_of(settings))
    learning = learning_of(settings)
    days = matured_days(log, as_of, learning)
    if not days:
        needed = 3 * learning.horizon_days + learning.settle_days
        raise NotReady(
            f"No ranker can be fitted at {as_of}: purchases begin on {log.begins_on}; expected at "
            f"least {needed} days of them, a window to look back on, one to learn from and one to "
            "prove itself. Lists are made by personal frequency until then."
        )
    training = settings.training
    proof = prove(
        log,
        days[0],
        learning,
        descriptions=read_descriptions(
            warehouse, as_of=days[0], timezone=settings.calendar.timezone
        ),
        draws=training.bootstrap_draws,
        seed=training.seed,
    )
    ranker = fit_ranker(log, as_of=as_of, learning=learning)
    with warehouse.transaction() as transaction:
        for name in (CHAMPION, CHALLENGER):
            lock_decisions(transaction, name)
        champion = serving(transaction, as_of)
        challenger = serving(transaction, as_of, CHALLENGER)
        alias, reason = _role(
            proof, champion, challenger, is_offline=settings.promotion.evidence == "offline"
        )
        fit_id = store(
            transaction,
            ranker,
            {
                "as_of": as_of,
                "evaluated_on": proof.day,
                "is_in_force": alias == CHAMPION,
                "reason": reason,
                "evidence": proof.evidence,
            },
            _card(proof, reason, ranker.about),
            settings.run_id,
        )
        version = f"ranker-{fit_id}"
        write_decision(
            transaction,
            settings=settings,
            alias=alias or CHAMPION,
            model_name=MODEL_NAME,
            version=version,
            bundle_sha256=ranker.sha256,
            verdict="promote" if alias else "keep",
            decided_by=DECIDED_BY,
            reason=reason,
            evidence=proof.evidence,
            as_of=as_of,
        )
        failpoint("fit.before_commit")
    return reason, {
        "is_new": True,
        "is_in_force": champion is not None or alias == CHAMPION,
        "role": _ROLES[alias] if alias else None,
        "version": version,
        "bundle_sha256": ranker.sha256,
        "evidence": proof.evidence,
    }


def _role(
    proof: Proof, champion: Decision | None, challenger: Decision | None, *, is_offline: bool
) -> tuple[str | None, str]:
    """The alias under which a ranker serves from now on, None for neither, and why.

    Where evidence of a past day is enough for a promotion (`is_offline`), a successor must be as
    good as a first one, and follows at once.
    """
    has_passed, reason = decision(proof, is_renewal=champion is not None and not is_offline)
    if champion is None:
        if has_passed:
            return CHAMPION, f"{reason} It makes the lists."
        return None, f"{reason} Personal frequency makes the lists."
    if not has_passed:
        return None, f"{reason} {champion.model_version} stays."
    if is_offline:
        return CHAMPION, f"{reason} It follows {champion.model_version}."
    if challenger is not None:
        return None, f"{reason} {challenger.model_version} is on trial, one at a time."
    return CHALLENGER, f"{reason} It stands on trial against {champion.model_version}."


def _newest(before: Any, champion: Decision | None, challenger: Decision | None) -> dict[str, Any]:
    """What the receipt says of the newest fit."""
    if before is None:
        return {"role": None, "version": None, "bundle_sha256": None, "evidence": None}
    version = f"ranker-{before.fit_id}"
    roles = ((champion, "champion"), (challenger, "challenger"))
    return {
        "role": next(
            (role for each, role in roles if each and each.model_version == version), None
        ),
        "version": version,
        "bundle_sha256": before.bundle_sha256,
        "evidence": before.evidence,
    }


def _card(proof: Proof, reason: str, about: dict[str, Any]) -> str:
    """What the ranker is and how good, in Markdown."""
    lines = [
        "# Recommendations: ranker",
        "",
        f"Probability that a customer buys a product within {about['horizon_days']} days. Learnt on "
        f"{', '.join(about['learn_days'])}, {about['pairs_count']:,} pairs; calibrated on the newest "
        "of these days.",
        "",
        reason,
        "",
        "| method | list | NDCG@10 | recall@10 | hit@10 |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {kind} | {figures['ndcg']:.4f} | {figures['recall']:.4f} | "
            f"{figures['hit']:.3f} |"
            for name, lists in proof.figures.items()
            for kind, figures in lists.items()
        ),
    ]
    return "\n".join(lines) + "\n"
