"""The door that publishes counts of a week or month: noise is drawn once, stored, and paid for."""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock
from retention_ml.aggregates.budget import budget_of, epsilon_of
from retention_ml.aggregates.kinds import (
    CUSTOMER_CELLS_MAX,
    Cell,
    Kind,
    cells,
    counts_of,
    period_of,
)
from retention_ml.aggregates.laplace import Mechanism, half_width, laplace, suppress
from retention_ml.aggregates.releases import Release, release_of, write_release
from retention_ml.errors import NotReady, PublicationRefused, UsageError
from retention_ml.failpoints import failpoint
from retention_ml.people.consents import refuses_profiling
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_LOCK = "privacy.releases"
_FIRST_DAY = (
    "SELECT pointer.as_of, pointer.snapshot_id, manifest.tiers_by, profile.snapshot_id AS profile_id "
    "FROM scores.published AS pointer JOIN scores.snapshots AS manifest USING (snapshot_id) "
    "LEFT JOIN (SELECT published.as_of, snapshot_id FROM profiles.published "
    "JOIN profiles.snapshots USING (snapshot_id) WHERE customers_pruned_at IS NULL) AS profile "
    "ON profile.as_of = pointer.as_of "
    "WHERE pointer.as_of BETWEEN :first AND :last "
    "AND (NOT :needs_profiles OR profile.snapshot_id IS NOT NULL) ORDER BY 1 LIMIT 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """The day that is counted, with its snapshots of scores and profiles."""

    as_of: date
    snapshot_id: int
    tiers_by: str
    profile_id: int | None


def publish_aggregates(
    warehouse: Warehouse, *, settings: Settings, as_of: date, kind: Kind | str
) -> Receipt:
    """Publish the counts of the week or month of a day, once.

    They are of the first day of the period that has published scores, up to `as_of`. What stands
    published is returned as it is, whatever has been scored since: noise that is drawn twice can be
    averaged away. Ledger and counts are written in one transaction.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
        `[privacy]`: whether anything is published, what a release costs, the month's budget.
    as_of : date
        A day of the period.
    kind : Kind or str

    Returns
    -------
    Receipt
        Counts cells: written, left out (suppressed), duplicates where they stood already. It says
        nothing of how many customers there are.

    Raises
    ------
    NotReady
        Public aggregates are off, or the period has no published day yet.
    PublicationRefused
        The budget of the period's month does not suffice.
    UsageError
        Tiers of that day go by rank.
    """
    started = time.monotonic()
    kind = Kind(kind)
    epsilon = epsilon_of(kind, settings)
    period_on = period_of(kind, as_of)
    with warehouse.transaction() as transaction:
        release = release_of(transaction, kind, period_on)
    is_repeat = release is not None
    if release is None:
        _require_enabled(kind, settings)
        day = _first_day(warehouse, kind, period_on, as_of)
        counts = counts_of(kind, day.as_of, _customers(warehouse, settings, kind, day))
        mechanism = laplace(float(epsilon), customer_cells_max=CUSTOMER_CELLS_MAX)
        with warehouse.transaction() as transaction:
            transaction.lock(_LOCK)
            release = release_of(transaction, kind, period_on)
            is_repeat = release is not None
            if release is None:
                release = _release(transaction, settings, kind, period_on, day, counts, mechanism)
                failpoint("publish_aggregates.before_commit")
        failpoint("publish_aggregates.after_commit")
    return warehouse.record(_receipt(release, is_repeat, started), settings.run_id)


def _require_enabled(kind: Kind, settings: Settings) -> None:
    if not settings.privacy.public_aggregates:
        raise NotReady(
            "Public aggregates are off, so nothing is published. Set public_aggregates = true under "
            "[privacy] if anybody may see them (docs/privacy.md)."
        )
    if not epsilon_of(kind, settings):
        key = "public_tiers_epsilon" if kind is Kind.RISK_TIERS else "public_cohorts_epsilon"
        raise NotReady(
            f"{kind} are not published, because {key} under [privacy] is 0. Give them a share of "
            "public_epsilon_month (docs/privacy.md)."
        )


def _first_day(warehouse: Warehouse, kind: Kind, period_on: date, as_of: date) -> _Day:
    """The first published day of a period, up to `as_of`."""
    needs_profiles = kind is Kind.COHORTS
    with warehouse.transaction() as transaction:
        days = transaction.execute(
            _FIRST_DAY, first=period_on, last=as_of, needs_profiles=needs_profiles
        )
    if not days:
        raise NotReady(
            f"{kind} of the {kind.period} of {period_on} cannot be published yet: no scores"
            f"{' with profiles' if needs_profiles else ''} of {period_on} to {as_of} are. "
            "Ask again once they are published."
        )
    if days[0].tiers_by != "probability":
        raise UsageError(
            f"The tiers of {days[0].as_of} go by {days[0].tiers_by}: there one customer moves others "
            "from tier to tier, and noise made for one would hide too little. Expected is "
            'tiers.by = "probability"; switch public_aggregates under [privacy] off, or tiers.by back.'
        )
    return _Day(**days[0]._asdict())


def _customers(warehouse: Warehouse, settings: Settings, kind: Kind, day: _Day) -> Counter[Cell]:
    """Who was scored on that day and does not refuse profiling now, by tier and first order."""
    cohort = (
        "NULL::date" if kind is Kind.RISK_TIERS else "date_trunc('month', first_order_on)::date"
    )
    profiles = (
        ""
        if kind is Kind.RISK_TIERS
        else "LEFT JOIN profiles.customer_daily AS profile "
        f"ON profile.snapshot_id = {day.profile_id:d} AND profile.customer_id = score.customer_id "
    )
    scored = warehouse.read(
        f"SELECT score.customer_id, score.risk_tier, {cohort} AS cohort_on "
        f"FROM scores.customer_daily AS score {profiles}"
        f"WHERE score.snapshot_id = {day.snapshot_id:d}"
    )
    is_refused = refuses_profiling(
        warehouse, settings, scored["customer_id"].combine_chunks().cast(pa.string())
    )
    rows = scored.filter(pc.invert(pa.array(is_refused)))
    grouped = rows.group_by(["cohort_on", "risk_tier"]).aggregate([([], "count_all")]).to_pylist()
    return Counter(
        {
            Cell(cohort_on=row["cohort_on"], risk_tier=row["risk_tier"]): row["count_all"]
            for row in grouped
        }
    )


def _release(
    transaction: Transaction,
    settings: Settings,
    kind: Kind,
    period_on: date,
    day: _Day,
    counts: tuple[int, ...],
    mechanism: Mechanism,
) -> Release:
    epsilon = epsilon_of(kind, settings)
    budget = budget_of(transaction, period_on, settings)
    if why := budget.refusal(kind, period_on, epsilon):
        raise PublicationRefused(why)
    cell_min = settings.privacy.public_cell_min
    write_release(
        transaction,
        {
            "kind": str(kind),
            "period_on": period_on,
            "as_of": day.as_of,
            "snapshot_id": day.snapshot_id,
            "epsilon": epsilon,
            "epsilon_month": budget.limit,
            "margin_count": half_width(mechanism.scale),
            "cell_min": cell_min,
            "run_id": settings.run_id,
            "released_at": clock.now(),
        },
        cells(kind, day.as_of),
        suppress(mechanism.draw(counts), cell_min),
    )
    release = release_of(transaction, kind, period_on)
    assert release is not None
    return release


def _receipt(release: Release, is_repeat: bool, started: float) -> Receipt:
    cells_count = release.published_count + release.suppressed_count
    return Receipt(
        door="publish_aggregates",
        as_of=release.as_of,
        read=cells_count,
        written=0 if is_repeat else release.published_count,
        left_out=0 if is_repeat else release.suppressed_count,
        duplicates=cells_count if is_repeat else 0,
        seconds=time.monotonic() - started,
        details={
            "kind": str(release.kind),
            "period_on": release.period_on.isoformat(),
            "epsilon": float(release.epsilon),
            "is_repeat": is_repeat,
        },
    )
