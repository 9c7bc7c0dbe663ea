"""Stop and resume: what a person decides at once, read before every message."""

from collections.abc import Mapping

from retention_ml import clock
from retention_ml.actions.outbox.outbox import CHANNELS
from retention_ml.errors import UsageError
from retention_ml.warehouse import Warehouse

ALL = "all"


def switch(
    warehouse: Warehouse, *, channel: str, is_stopped: bool, who: str, why: str, run_id: str
) -> bool:
    """Stop or resume a channel, or all; whether that changed anything.

    Once it returns no message begins to leave by what was stopped; at most one per worker is on
    its way. `all` and a channel are two switches: a channel runs if neither is stopped.

    Raises
    ------
    UsageError
        There is no such channel, or nobody or no reason is named.
    """
    if channel not in (ALL, *CHANNELS):
        raise UsageError(
            f"{channel!r} is no channel; expected one of {', '.join((ALL, *CHANNELS))}. Nothing "
            "was changed."
        )
    if not who.strip() or not why.strip():
        raise UsageError("Who decides and why must be named; nothing was changed.")
    with warehouse.transaction() as transaction:
        transaction.lock(f"switch:{channel}")
        newest = transaction.execute(
            "SELECT is_stopped FROM actions.switches WHERE channel = :channel "
            "ORDER BY switch_id DESC LIMIT 1",
            channel=channel,
        )
        if is_stopped == bool(newest and newest[0].is_stopped):
            return False
        row: Mapping[str, object] = {
            "channel": channel,
            "is_stopped": is_stopped,
            "changed_at": clock.now(),
            "who": who.strip(),
            "why": why.strip(),
            "run_id": run_id,
        }
        transaction.insert_row("actions.switches", row)
    return True


def stopped(warehouse: Warehouse) -> list[str]:
    """The switches that are stopped: channels, and `all`."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT channel FROM (SELECT DISTINCT ON (channel) channel, is_stopped "
            "FROM actions.switches ORDER BY channel, switch_id DESC) AS newest "
            "WHERE is_stopped ORDER BY channel"
        )
    return [row.channel for row in rows]
