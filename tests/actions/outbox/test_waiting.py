"""Which channels have something to do."""

from datetime import timedelta

import pytest

from retention_ml.actions.outbox.dispatch import dispatch
from retention_ml.actions.outbox.switches import switch
from retention_ml.actions.outbox.waiting import waiting_channels
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.outbox import NOON, channel_settings, put, row
from tests.worlds.receivers import crm

HOUR = timedelta(hours=1)


def test_only_channels_with_messages_that_wait_are_named(warehouse: Warehouse) -> None:
    assert waiting_channels(warehouse, now=NOON) == {}
    put(warehouse, [row("ann"), row("bob", "file", not_before=NOON + HOUR)])
    assert waiting_channels(warehouse, now=NOON) == {"email": True, "file": False}
    assert waiting_channels(warehouse, now=NOON + HOUR) == {"email": True, "file": True}


@pytest.mark.parametrize("channel", ["email", "all"])
def test_a_stopped_channel_has_something_to_do_only_where_messages_are_too_late(
    warehouse: Warehouse, channel: str
) -> None:
    put(warehouse, [row("ann")])
    decision = {"channel": channel, "who": "kim", "why": "x", "run_id": "r"}
    switch(warehouse, is_stopped=True, **decision)  # type: ignore[arg-type]
    assert waiting_channels(warehouse, now=NOON) == {"email": False}
    assert waiting_channels(warehouse, now=NOON + 24 * HOUR) == {"email": True}
    switch(warehouse, is_stopped=False, **decision)  # type: ignore[arg-type]
    assert waiting_channels(warehouse, now=NOON) == {"email": True}


def test_what_a_worker_holds_is_left_to_it_until_its_lease_ends(warehouse: Warehouse) -> None:
    put(warehouse, [row("ann")])
    for state, attempts in (("pending", 0), ("sending", 1)):
        with warehouse.transaction() as transaction:
            transaction.execute(
                "UPDATE actions.outbox SET state = :state, attempts = :attempts, lease_until = :at",
                state=state,
                attempts=attempts,
                at=NOON + HOUR,
            )
        assert waiting_channels(warehouse, now=NOON) == {"email": False}
        assert waiting_channels(warehouse, now=NOON + HOUR) == {"email": True}


def test_a_receiver_that_asks_for_patience_gets_it_and_then_the_message(
    warehouse: Warehouse, settings: Settings
) -> None:
    with crm() as receiver:
        receiver.answers, receiver.headers = [(429, False)], {"Retry-After": "1800"}
        sending = channel_settings(settings, webhook_url=receiver.url)
        put(warehouse, [row("ann", "webhook")])
        dispatch(warehouse, settings=sending, now=lambda: NOON)
        assert waiting_channels(warehouse, now=NOON + HOUR / 4) == {"webhook": False}
        assert waiting_channels(warehouse, now=NOON + HOUR / 2) == {"webhook": True}
        dispatch(warehouse, settings=sending, now=lambda: NOON + HOUR / 2)
    assert waiting_channels(warehouse, now=NOON + HOUR / 2) == {}
