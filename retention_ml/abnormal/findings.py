"""Who is flagged, confirmed or cleared on a day, and who of them is excluded: no database."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from retention_ml.abnormal.behaviour import Behaviour
from retention_ml.abnormal.evidence import UNKNOWN, evidence
from retention_ml.abnormal.isolation import isolation
from retention_ml.abnormal.kinds import KINDS, Kind
from retention_ml.abnormal.ledger import Decision, Key
from retention_ml.abnormal.measures import measures
from retention_ml.abnormal.ranking import FLAGGED_FROM, scores
from retention_ml.abnormal.rules import Strengths, strengths

NEW_EVIDENCE = 1.5
"""Who was cleared is flagged again where the rule speaks so many times as strongly as then."""

SCHEMA = pa.schema(
    {
        "customer_id": pa.string(),
        "kind": pa.string(),
        "status": pa.string(),
        "score": pa.float64(),
        "strength": pa.float64(),
        "evidence": pa.string(),
        "is_excluded": pa.bool_(),
        "revenue_cents": pa.int64(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The abnormal customers of a day.

    Parameters
    ----------
    rows : pa.Table
        As `SCHEMA`, by customer_id.
    alert : str or None
        Why flagged customers are not excluded, in words.
    caveat : str or None
        Which rules are off, in words.
    """

    rows: pa.Table
    alert: str | None
    caveat: str | None

    def count(self, status: str) -> int:
        """How many have a status."""
        return sum(each == status for each in self.rows["status"].to_pylist())

    @property
    def excluded_count(self) -> int:
        """How many are excluded."""
        return sum(self.rows["is_excluded"].to_pylist())


def findings(
    b: Behaviour,
    decisions: Mapping[Key, Decision],
    *,
    excluded_kinds: Collection[Kind],
    excluded_share_max: float,
    minor_units: int,
) -> Findings:
    """The abnormal customers among those of `b`, and all whom a person confirmed.

    Parameters
    ----------
    decisions : mapping
        People's newest decisions about a customer and a kind.
    excluded_kinds : collection of Kind
    excluded_share_max : float
        Where more than this share of all customers, or of the buyers among them, would be excluded
        without a person having confirmed them, none of them is: so many are no exception, the
        rules do not fit the shop.
    minor_units : int
        Smallest units in one of the currency.
    """
    m = measures(b)
    rules = strengths(b, m)
    table = _table(rules, len(b))
    score = scores(table.max(axis=0), isolation(m)) if len(b) else np.zeros(0)
    rows = []
    for place, customer_id in _noticed(b, table, decisions):
        kind, status = _kind_and_status(customer_id, table, place, decisions, excluded_kinds)
        if kind is None:
            continue
        rows.append(
            {
                "customer_id": customer_id,
                "kind": str(kind),
                "status": status,
                "score": float(score[place]) if place >= 0 else 0.0,
                "strength": float(table[KINDS.index(kind), place]) if place >= 0 else 0.0,
                "evidence": UNKNOWN
                if place < 0
                else evidence(b, place, kind, minor_units=minor_units),
                "is_excluded": status != "cleared" and kind in excluded_kinds,
                "revenue_cents": int(b.net_revenue_cents[place]) if place >= 0 else 0,
            }
        )
    alert = _alert(rows, b, excluded_share_max)
    if alert:
        for row in rows:
            row["is_excluded"] = row["is_excluded"] and row["status"] == "confirmed"
    rows.sort(key=lambda row: str(row["customer_id"]).encode())
    return Findings(rows=pa.Table.from_pylist(rows, SCHEMA), alert=alert, caveat=_caveat(rules.off))


def _table(rules: Strengths, n: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Strengths by kind, 0 where a rule is off, shape (kinds, n)."""
    table = np.zeros((len(KINDS), n))
    for kind, values in rules.by_kind.items():
        table[KINDS.index(kind)] = values
    return table


def _noticed(
    b: Behaviour,
    table: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    decisions: Mapping[Key, Decision],
) -> list[tuple[int, str]]:
    """Places, -1 without one, and ids of whom a rule flags or a person confirmed."""
    flagged = np.flatnonzero(table.max(axis=0, initial=0.0) >= FLAGGED_FROM)
    noticed = {b.customer_ids[int(place)].as_py(): int(place) for place in flagged}
    confirmed = {id_ for (id_, _), each in decisions.items() if each.decision == "confirmed"}
    missing = sorted(confirmed - noticed.keys())
    if missing:
        where = pa.compute.index_in(pa.array(missing), value_set=b.customer_ids).to_pylist()
        noticed |= {
            id_: -1 if place is None else place for id_, place in zip(missing, where, strict=True)
        }
    return [(place, id_) for id_, place in noticed.items()]


def _kind_and_status(
    customer_id: str,
    table: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    place: int,
    decisions: Mapping[Key, Decision],
    excluded_kinds: Collection[Kind],
) -> tuple[Kind | None, str]:
    """What a customer is, by people's decisions and by the rules; None where nothing is left.

    Of several kinds one that is excluded comes first: no other, be it confirmed or stronger,
    makes a customer of who is none. Then come confirmed ones, then those with the stronger rule.
    """
    by_status: dict[str, list[Kind]] = {"confirmed": [], "flagged": [], "cleared": []}
    strength = {kind: table[KINDS.index(kind), place] if place >= 0 else 0.0 for kind in KINDS}
    for kind in KINDS:
        decision = decisions.get((customer_id, kind))
        if decision is not None and decision.decision == "confirmed":
            by_status["confirmed"].append(kind)
        elif strength[kind] >= FLAGGED_FROM:
            is_new = decision is None or strength[kind] > flagged_again_above(decision)
            by_status["flagged" if is_new else "cleared"].append(kind)
    live = [(kind, status) for status in ("confirmed", "flagged") for kind in by_status[status]]
    if not live:
        cleared = max(by_status["cleared"], key=strength.__getitem__, default=None)
        return cleared, "cleared" if cleared else ""
    return min(
        live,
        key=lambda each: (each[0] not in excluded_kinds, each[1] == "flagged", -strength[each[0]]),
    )


def flagged_again_above(decision: Decision) -> float:
    """The strength above which a customer who was cleared is flagged again.

    Who was cleared before a rule spoke is not flagged as soon as it does.
    """
    return NEW_EVIDENCE * max(FLAGGED_FROM, decision.strength)


def _alert(rows: list[dict[str, object]], b: Behaviour, share_max: float) -> str | None:
    flagged = [
        row["customer_id"] for row in rows if row["is_excluded"] and row["status"] == "flagged"
    ]
    is_flagged = pa.compute.is_in(b.customer_ids, value_set=pa.array(flagged, pa.string()))
    ordered = b.orders_count > 0
    buyers = int((np.asarray(is_flagged) & ordered).sum())
    # Among many visitors a shop could lose all its buyers: both shares count.
    for count, whole, name in (
        (len(flagged), len(b), "customers"),
        (buyers, b.buyers_count, "buyers"),
    ):
        if count > share_max * whole:
            return (
                f"{count:,} of {whole:,} {name} ({count / whole:.0%}) would be excluded as "
                f"abnormal; at most {share_max:.0%} may be without a person's decision, so none of "
                "them is. Look at some of them with `retention abnormal list`: if they are "
                'abnormal, confirm them; if they are customers, set their kind to "flag" under '
                "[abnormal]."
            )
    return None


def _caveat(off: Mapping[Kind, str]) -> str | None:
    """One sentence per reason; kinds that share one are named together."""
    by_reason: dict[str, list[str]] = {}
    for kind, reason in off.items():
        by_reason.setdefault(reason, []).append(str(kind))
    sentences = [
        f"The rule{'s' if len(kinds) > 1 else ''} for {' and '.join(f'`{kind}`' for kind in kinds)} "
        f"{'are' if len(kinds) > 1 else 'is'} off: {reason}."
        for reason, kinds in by_reason.items()
    ]
    return " ".join(sentences) or None
