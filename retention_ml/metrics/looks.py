"""One look at the platform: the ledgers, the components and what was pushed, in bounded time."""

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Generic, TypeVar

from sqlalchemy import make_url

from retention_ml import clock
from retention_ml.errors import RetentionError
from retention_ml.metrics.catalogue import SERIES_MAX, family, single
from retention_ml.metrics.exposition import render
from retention_ml.metrics.families import Family, count_samples
from retention_ml.metrics.ledgers import read_ledgers
from retention_ml.metrics.pushed import PushedSeries
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
_STATEMENT_SECONDS = 2.0
_CONNECT_SECONDS = 2
# A busy api-server takes a second to say how it is; nobody waits for that at every look.
_AT_ONCE_SECONDS = 0.02
_RECENT_SECONDS = 45.0

Answer = TypeVar("Answer")


class Question(Generic[Answer]):
    """Something asked at each look, by one thread at most: who hangs is asked again once it answers.

    Parameters
    ----------
    ask : callable
        Answers, or raises.
    """

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._asked: Future[Answer] | None = None
        self._last: tuple[float, Answer] | None = None

    def begin(self) -> None:
        """Ask, unless the last answer still has not come."""
        if self._asked is not None and not self._asked.done():
            return
        asked: Future[Answer] = Future()
        self._asked = asked

        def run() -> None:
            try:
                answer = self._ask()
                self._last = monotonic(), answer
                asked.set_result(answer)
            except Exception as error:
                asked.set_exception(error)

        threading.Thread(target=run, daemon=True).start()

    def result(self, seconds: float) -> Answer:
        """The answer, waited for so long.

        Raises
        ------
        TimeoutError
            It did not come.
        Exception
            What asking raised.
        """
        assert self._asked is not None, "begin() comes first"
        return self._asked.result(max(0.0, seconds))

    def recent(self, seconds: float) -> Answer:
        """The answer if it comes at once, else the one before if it is recent, else as `result`."""
        try:
            return self.result(min(_AT_ONCE_SECONDS, seconds))
        except TimeoutError:
            if self._last and monotonic() - self._last[0] < _RECENT_SECONDS:
                return self._last[1]
        return self.result(seconds - _AT_ONCE_SECONDS)


@dataclass(slots=True)
class Ledgers:
    """The ledgers of the warehouse, wherever it is now.

    Parameters
    ----------
    address : callable
        The address of the warehouse; None where there is none. A local one changes its port when it
        is started anew.
    cooldown_days : int
        As `[monitoring] cooldown_days`.
    """

    address: Callable[[], str | None]
    cooldown_days: int
    _connected: tuple[str, Warehouse] | None = None

    def read(self) -> list[Family]:
        """All families of the ledgers, and how long it took.

        Raises
        ------
        RetentionError
            There is no warehouse, or it does not answer.
        """
        started = perf_counter()
        with self._warehouse().transaction() as transaction:
            transaction.only_read(seconds_max=_STATEMENT_SECONDS)
            families = read_ledgers(transaction, at=clock.now(), cooldown_days=self.cooldown_days)
        return [*families, single("retention_look_seconds", perf_counter() - started)]

    def close(self) -> None:
        """Give back the connection."""
        if self._connected:
            self._connected[1].close()

    def _warehouse(self) -> Warehouse:
        url = self.address()
        if url is None:
            raise RetentionError("There is no warehouse yet.")
        if self._connected is None or self._connected[0] != url:
            self.close()
            bounded = make_url(url).update_query_dict({"connect_timeout": str(_CONNECT_SECONDS)})
            self._connected = (
                url,
                Warehouse(bounded.render_as_string(hide_password=False), _STATEMENT_SECONDS / 60),
            )
        return self._connected[1]


class Looks:
    """Answers `/metrics`; who asks while somebody else does gets what they get.

    Parameters
    ----------
    ledgers : Ledgers
    components : sequence of (names, callable)
        Each says of the components of these names whether they are well.
    pushed : PushedSeries
    """

    def __init__(
        self,
        ledgers: Ledgers,
        components: Sequence[tuple[Sequence[str], Callable[[], Mapping[str, bool]]]],
        pushed: PushedSeries,
    ) -> None:
        self.pushed = pushed
        self._ledgers = Question(ledgers.read)
        self._components = [(names, Question(ask)) for names, ask in components]
        self._lock = threading.Lock()
        self._is_up: bool | None = None
        self._families: list[Family] = []
        self._ended_at = -math.inf

    def look(self, more: Sequence[Family] = ()) -> str:
        """The text for Prometheus, after `LOOK_SECONDS` at most.

        Parameters
        ----------
        more : sequence of Family
            What else is to be in it.
        """
        asked_at = monotonic()
        with self._lock:
            if self._ended_at < asked_at:  # else somebody's look has ended while this one waited
                self._families = self._take(monotonic() + LOOK_SECONDS)
                self._ended_at = monotonic()
            families = [*self._families, *more]
        return render(within_bounds(families, self.pushed.families(clock.now().timestamp())))

    def _take(self, deadline: float) -> list[Family]:
        self._ledgers.begin()
        for _, question in self._components:
            question.begin()
        return [*self._of_ledgers(deadline), self._of_components(deadline)]

    def _of_ledgers(self, deadline: float) -> list[Family]:
        try:
            families = self._ledgers.result(deadline - monotonic())
            self._say(True, "")
            return [single("retention_warehouse_up", 1), *families]
        except TimeoutError:
            self._say(False, f"no answer within {LOOK_SECONDS:g} seconds")
        except RetentionError as error:
            self._say(False, str(error))
        except Exception as error:  # a defect, or a driver's error that nobody translated
            self._say(False, type(error).__name__)
        return [single("retention_warehouse_up", 0)]

    def _of_components(self, deadline: float) -> Family:
        states: dict[str, bool] = {}
        for names, question in self._components:
            states |= dict.fromkeys(names, False)  # what hangs is not well
            with suppress(Exception):
                states |= question.recent(deadline - monotonic())
        return family(
            "retention_component_up",
            (({"component": name}, is_up) for name, is_up in sorted(states.items())),
        )

    def _say(self, is_up: bool, why: str) -> None:
        """A line in the log when it changes, not at every look."""
        if is_up != self._is_up:
            self._is_up = is_up
            if is_up:
                logger.info("The ledgers can be read.")
            else:
                logger.warning("The ledgers cannot be read: %s", why)


def within_bounds(ledgers: Sequence[Family], pushed: Sequence[Family]) -> list[Family]:
    """The families of an answer of fewer than `SERIES_MAX` series, the platform's own first.

    Whole families are left out, and how many series that were is said.
    """
    room, left_out, families = SERIES_MAX - 2, 0, []
    for each in (*ledgers, *pushed):
        size = count_samples([each])
        if size <= room:
            families.append(each)
            room -= size
        else:
            left_out += size
    return [*families, single("retention_series_left_out", left_out)]
