"""The ledger of personas: every decision about them, and which is in force on a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np

from retention_ml import __version__, clock
from retention_ml.errors import UnfitModel
from retention_ml.profiles.personas.clusters import Scale, Steadiness
from retention_ml.profiles.personas.fit import Persona, PersonaFit
from retention_ml.warehouse import Transaction

Trigger = Literal["first", "drift", "schedule", "request"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A fit with its number, the day from which on it counts, and why it was made."""

    fit_id: int
    as_of: date
    trigger: Trigger
    fit: PersonaFit

    @property
    def caveat(self) -> str | None:
        """Why there are no personas, in words; None where there are."""
        if self.fit.why_none is None:
            return None
        return f"There are no personas: on {self.as_of} {self.fit.why_none}."


def in_force(transaction: Transaction, as_of: date) -> Decision | None:
    """The decision that counts on a day: the newest of those from that day or before.

    Raises
    ------
    UnfitModel
        What is stored is not what was decided.
    """
    rows = transaction.execute(
        "SELECT * FROM profiles.persona_fits WHERE as_of <= :as_of "
        "ORDER BY as_of DESC, fit_id DESC LIMIT 1",
        as_of=as_of,
    )
    return _decision(transaction, dict(rows[0]._mapping)) if rows else None


def first_after(transaction: Transaction, as_of: date) -> Decision | None:
    """The first decision of a later day: days before any decision borrow its personas.

    The first of that day, so that a later request changes no day that has borrowed it.

    Raises
    ------
    UnfitModel
        What is stored is not what was decided.
    """
    rows = transaction.execute(
        "SELECT * FROM profiles.persona_fits WHERE as_of > :as_of ORDER BY as_of, fit_id LIMIT 1",
        as_of=as_of,
    )
    return _decision(transaction, dict(rows[0]._mapping)) if rows else None


def next_persona_id(transaction: Transaction) -> int:
    """The first number that no persona has had."""
    [(highest,)] = transaction.execute(
        "SELECT coalesce(max(persona_id), 0) FROM profiles.persona_centroids"
    )
    return int(highest) + 1


def persona_names(transaction: Transaction) -> frozenset[str]:
    """Every name that a persona has had."""
    rows = transaction.execute("SELECT DISTINCT persona_name FROM profiles.persona_centroids")
    return frozenset(str(row.persona_name) for row in rows)


def newest_published(transaction: Transaction) -> date | None:
    """The newest day whose profiles were published."""
    [(newest,)] = transaction.execute("SELECT max(as_of) FROM profiles.published")
    return newest if newest is None else date.fromisoformat(str(newest))


def record(
    transaction: Transaction,
    fit: PersonaFit,
    *,
    as_of: date,
    trigger: Trigger,
    decided_by: str,
    reason: str,
    drift: float | None,
    run_id: str,
) -> int:
    """Write a decision; its number."""
    chosen = fit.tried.get(len(fit.personas))
    row = transaction.insert_row(
        "profiles.persona_fits",
        {
            "as_of": as_of,
            "trigger": trigger,
            "decided_by": decided_by,
            "reason": reason,
            "personas_count": len(fit.personas),
            "customers_count": fit.customers_count,
            "stability": chosen.stability if chosen else None,
            "month_change_share": chosen.change if chosen else None,
            "tried": {
                str(count): {"stability": one.stability, "month_change_share": one.change}
                for count, one in fit.tried.items()
            },
            "why_none": fit.why_none,
            "drift": drift,
            **{
                f"scale_{name}": getattr(fit.scale, name).tolist()
                for name in ("lower", "upper", "mean", "spread")
            },
            "fit_digest": fit.digest,
            "library_version": __version__,
            "run_id": run_id,
            "decided_at": clock.now(),
        },
        returning="fit_id",
    )
    assert row is not None
    for place, (persona, centre) in enumerate(zip(fit.personas, fit.centres, strict=True)):
        transaction.insert_row(
            "profiles.persona_centroids",
            {
                "fit_id": int(row[0]),
                "persona_id": persona.persona_id,
                "place": place,
                "persona_name": persona.name,
                "traits": persona.traits,
                "customers_count": persona.customers_count,
                "overlap_share": persona.overlap,
                "centroid": centre.tolist(),
            },
        )
    return int(row[0])


def _decision(transaction: Transaction, row: Mapping[str, Any]) -> Decision:
    rows = transaction.execute(
        "SELECT * FROM profiles.persona_centroids WHERE fit_id = :fit_id ORDER BY place",
        fit_id=row["fit_id"],
    )
    try:
        fit = _fit(row, rows)
        digest = fit.digest
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnfitModel(
            f"The personas of fit {row['fit_id']} cannot be read ({error}): they were changed. "
            "They are not used."
        ) from error
    if digest != row["fit_digest"]:
        raise UnfitModel(
            f"The personas of fit {row['fit_id']} have the digest {digest[:12]}, decided was "
            f"{row['fit_digest'][:12]}: they were changed. They are not used."
        )
    return Decision(fit_id=int(row["fit_id"]), as_of=row["as_of"], trigger=row["trigger"], fit=fit)


def _fit(row: Mapping[str, Any], rows: Sequence[Any]) -> PersonaFit:
    scale = {
        name: np.array(row[f"scale_{name}"], dtype=np.float64)
        for name in ("lower", "upper", "mean", "spread")
    }
    return PersonaFit(
        scale=Scale(**scale),
        centres=np.array([one.centroid for one in rows], dtype=np.float64).reshape(
            len(rows), len(row["scale_mean"])
        ),
        personas=tuple(
            Persona(
                persona_id=int(one.persona_id),
                name=str(one.persona_name),
                traits=str(one.traits),
                customers_count=int(one.customers_count),
                overlap=one.overlap_share,
            )
            for one in rows
        ),
        tried={
            int(count): Steadiness(stability=one["stability"], change=one["month_change_share"])
            for count, one in row["tried"].items()
        },
        customers_count=int(row["customers_count"]),
        why_none=row["why_none"],
    )
