"""An announcement wakes whoever waits, also one that came while nobody did."""

from retention_ml.live.event_log import CHANNEL
from retention_ml.live.listening import listening
from retention_ml.warehouse import Warehouse


def _announce(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(f"NOTIFY {CHANNEL}")


def test_an_announcement_ends_the_wait_and_is_heard_once(warehouse: Warehouse) -> None:
    with listening(warehouse, CHANNEL) as wait:
        assert wait(0.01) is False
        _announce(warehouse)
        _announce(warehouse)
        assert wait(60.0) is True
        assert wait(0.01) is False


def test_what_was_rolled_back_is_not_heard(warehouse: Warehouse) -> None:
    class Undone(Exception):
        pass

    with listening(warehouse, CHANNEL) as wait:
        try:
            with warehouse.transaction() as transaction:
                transaction.execute(f"NOTIFY {CHANNEL}")
                raise Undone
        except Undone:
            pass
        assert wait(0.05) is False
