"""The periods of the holdout: each drawn before any score of it, and none is changed while it lasts."""

import time
from dataclasses import dataclass
from datetime import date, timedelta

from retention_ml import clock
from retention_ml.actions.holdout.membership import period_salt
from retention_ml.errors import UsageError
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

LOCK = "actions.holdouts"
_COLUMNS = "holdout_id, salt, share, began_on, ends_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A period of the holdout, `[began_on, ends_on)`; without an end where `ends_on` is None."""

    holdout_id: int
    salt: str
    share: float
    began_on: date
    ends_on: date | None


def period_on(transaction: Transaction, as_of: date) -> Period | None:
    """The period that a day lies in; None where there was none."""
    rows = transaction.execute(
        f"SELECT {_COLUMNS} FROM actions.holdouts "
        "WHERE began_on <= :as_of AND (ends_on IS NULL OR ends_on > :as_of)",
        as_of=as_of,
    )
    return Period(**rows[0]._asdict()) if rows else None


def require_unchanged(transaction: Transaction, settings: Settings, *, as_of: date) -> None:
    """Check that share and salt of the settings are those of the newest period, unless it has ended.

    An earlier day has the holdout that it had, whatever the settings say now.

    Raises
    ------
    UsageError
        They are not.
    """
    share, salt = settings.holdout.share, settings.holdout.salt
    period = period_on(transaction, _first_day(transaction, as_of))
    if period is None or (period.share == share and _base(period.salt) == salt):
        return
    raise UsageError(
        f"[holdout] says share = {share:g} and salt = {salt!r}, but the holdout since "
        f"{period.began_on} has {period.share:g} and {_base(period.salt)!r}. Changed in the middle "
        "of a period, nothing could be shown by it. Set them back, or draw a new holdout with "
        "`retention holdout renew`."
    )


def ensure_following(
    transaction: Transaction, settings: Settings, *, as_of: date, run_id: str
) -> Period | None:
    """Draw the period of the next day, if none covers it; None where nothing was drawn.

    It begins after the newest day with scores, so that nobody's place depends on a score of the
    period.

    Raises
    ------
    UsageError
        Its salt was used before.
    """
    transaction.lock(LOCK)
    [(has_one,)] = transaction.execute(
        "SELECT count(*) > 0 FROM actions.holdouts WHERE ends_on IS NULL OR ends_on > :next",
        next=as_of + timedelta(days=1),
    )
    if has_one or settings.holdout.share == 0:
        return None
    began_on = _first_day(transaction, as_of)
    _end(transaction, began_on, run_id)
    return _draw(transaction, settings, began_on, drawn_by="assign", run_id=run_id)


def renew(warehouse: Warehouse, *, settings: Settings, as_of: date, by: str) -> DecisionReceipt:
    """End the period of a day and begin another one as the settings say, with other customers.

    The new one begins after the day and after the newest day with scores. With a share of 0 the
    period ends and no other begins.

    Raises
    ------
    UsageError
        A period that has not begun waits already, or nobody is named.
    """
    started = time.perf_counter()
    if not by.strip():
        raise UsageError("Say who renews the holdout, with --by NAME. Nothing was changed.")
    with warehouse.transaction() as transaction:
        transaction.lock(LOCK)
        waiting = transaction.execute(
            "SELECT began_on FROM actions.holdouts WHERE began_on > :as_of", as_of=as_of
        )
        if waiting:
            raise UsageError(
                f"A holdout that begins on {waiting[0].began_on} is drawn already. Renew it after "
                "it has begun."
            )
        began_on = _first_day(transaction, as_of)
        _end(transaction, began_on, settings.run_id)
        period = None
        if settings.holdout.share > 0:
            period = _draw(transaction, settings, began_on, drawn_by=by, run_id=settings.run_id)
    return warehouse.record(
        DecisionReceipt(
            door="renew",
            as_of=as_of,
            seconds=time.perf_counter() - started,
            sentence=f"A holdout of {period.share:.0%} of the customers begins on {began_on}."
            if period
            else f"From {began_on} on there is no holdout: [holdout] share is 0.",
            details={
                "holdout_id": period.holdout_id if period else None,
                "salt": period.salt if period else None,
                "by": by,
            },
        ),
        settings.run_id,
    )


def _first_day(transaction: Transaction, as_of: date) -> date:
    """The day after `as_of` and after the newest day with scores."""
    newest = _newest_scored_on(transaction)
    return max(as_of, newest or as_of) + timedelta(days=1)


def _newest_scored_on(transaction: Transaction) -> date | None:
    [(newest,)] = transaction.execute("SELECT max(as_of) FROM scores.snapshots")
    return newest if newest is None else date.fromisoformat(str(newest))


def _end(transaction: Transaction, day: date, run_id: str) -> None:
    """End a period that is open on a day with that day."""
    transaction.execute(
        "UPDATE actions.holdouts SET ends_on = :day, run_id = :run_id "
        "WHERE began_on < :day AND (ends_on IS NULL OR ends_on > :day)",
        day=day,
        run_id=run_id,
    )


def _draw(
    transaction: Transaction, settings: Settings, began_on: date, *, drawn_by: str, run_id: str
) -> Period:
    weeks = settings.holdout.weeks
    row = transaction.insert_row(
        "actions.holdouts",
        {
            "salt": _next_salt(transaction, settings.holdout.salt),
            "share": settings.holdout.share,
            "began_on": began_on,
            "ends_on": began_on + timedelta(weeks=weeks) if weeks else None,
            "newest_scored_on": _newest_scored_on(transaction),
            "purpose": "What the platform's contacts bring over the long run",
            "drawn_at": clock.now(),
            "drawn_by": drawn_by,
            "run_id": run_id,
        },
        returning=_COLUMNS,
    )
    assert row is not None
    return Period(**row._asdict())


def _next_salt(transaction: Transaction, salt: str) -> str:
    """The salt of the next period: never one that was used.

    Raises
    ------
    UsageError
        It was: a salt of the settings looks like a numbered one.
    """
    salts = {str(row.salt) for row in transaction.execute("SELECT salt FROM actions.holdouts")}
    number = 1 + sum(_base(each) == salt for each in salts)
    following = period_salt(salt, number)
    if following in salts:
        raise UsageError(
            f"The salt {following!r} has drawn a holdout before; the same customers would be left "
            "alone again. Set another holdout.salt."
        )
    return following


def _base(salt: str) -> str:
    """The salt of the settings in that of a period."""
    text = salt.removeprefix("holdout:")
    base, _, number = text.rpartition("/")
    return base if base and number.isdigit() else text
