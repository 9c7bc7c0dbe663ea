"""The worker: hears of events, waits a moment for more, delivers them, refreshes scores."""

import logging
import time
from collections.abc import Callable

from retention_ml import clock
from retention_ml.errors import HeldBack, RetentionError, WarehouseError, frames_of
from retention_ml.live.deliver_events import deliver_events
from retention_ml.live.event_log import CHANNEL
from retention_ml.live.in_force import InForce
from retention_ml.live.listening import listening
from retention_ml.live.prune_keys import prune_keys
from retention_ml.live.refresh import BATCHES_AT_ONCE, next_day, refresh
from retention_ml.live.warnings.warn import warn
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)

_QUIET_SECONDS = 5.0  # an announcement that was missed is made good after this
_PRUNE_SECONDS = 3_600.0
_WARN_SECONDS = 60.0  # between two looks for what time alone brings
_RETRY_SECONDS = 2.0
_RETRY_SECONDS_MAX = 60.0


class Worker:
    """Holds what is dear to load between two passes.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    """

    def __init__(self, warehouse: Warehouse, settings: Settings) -> None:
        self._warehouse = warehouse
        self._settings = settings
        self._standing: InForce | None = None
        self._pruned_at: float | None = None
        self._warned_at: float | None = None

    def work(self) -> int:
        """Deliver and score all that waits; how many batches got scores.

        Where there is no model that may score, events are delivered all the same.
        """
        deliver_events(self._warehouse, settings=self._settings)
        total, count = 0, BATCHES_AT_ONCE
        while count == BATCHES_AT_ONCE:
            as_of = next_day(clock.now(), self._settings.calendar.timezone)
            try:
                receipt, self._standing = refresh(
                    self._warehouse, settings=self._settings, as_of=as_of, standing=self._standing
                )
            except HeldBack as error:
                logger.error("Events are taken in, but nobody is scored: %s", error)
                return total
            count = int(receipt.details["batches"])
            total += count
        return total

    def run(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Work until the process is stopped, or `is_over` says so; errors end a pass, not the worker."""
        patience = _RETRY_SECONDS
        while not is_over():
            try:
                with listening(self._warehouse, CHANNEL) as wait:
                    while not is_over():
                        self.work()
                        self._warn_when_due()
                        self._prune_when_due()
                        patience = _RETRY_SECONDS
                        if wait(_QUIET_SECONDS):
                            time.sleep(self._settings.live.debounce_milliseconds / 1_000)
            except WarehouseError as error:
                logger.error("%s", error)
            except RetentionError as error:
                logger.error("A pass ended; it is tried again in %.0f s: %s", patience, error)
            except Exception as error:  # a defect: its text may hold a customer's value
                logger.error(
                    "A pass ended with %s; it is tried again in %.0f s.\n%s",
                    type(error).__name__,
                    patience,
                    frames_of(error),
                )
            else:
                return
            time.sleep(patience)
            patience = min(2 * patience, _RETRY_SECONDS_MAX)

    def _warn_when_due(self) -> None:
        monotonic, now = time.monotonic(), clock.now()
        if self._warned_at is None or monotonic - self._warned_at > _WARN_SECONDS:
            as_of = next_day(now, self._settings.calendar.timezone)
            warn(self._warehouse, settings=self._settings, as_of=as_of, now=now)
            self._warned_at = monotonic

    def _prune_when_due(self) -> None:
        now = time.monotonic()
        if self._pruned_at is None or now - self._pruned_at > _PRUNE_SECONDS:
            prune_keys(self._warehouse, settings=self._settings)
            self._pruned_at = now
