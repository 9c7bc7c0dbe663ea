"""What is done where a block takes too long: one thread waits for all blocks of the process."""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Deadlines:
    """Calls a function where a block is not left in time.

    A thread for every block would cost more than most statements that it bounds.
    """

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget all blocks and the thread: a forked child has none of them."""
        self._change = threading.Condition()
        self._pending: dict[object, tuple[float, Callable[[], object]]] = {}
        self._looks_at = math.inf  # when the thread looks again if nobody wakes it
        self._thread: threading.Thread | None = None

    @contextmanager
    def within(self, seconds: float, late: Callable[[], object]) -> Iterator[None]:
        """Call `late` once, from another thread, if the block takes longer.

        Parameters
        ----------
        seconds : float
        late : callable
            Quick, and raises nothing. It is never called once the block was left.
        """
        block, deadline = object(), time.monotonic() + seconds
        try:
            with self._change:
                self._pending[block] = deadline, late
                if deadline < self._looks_at:
                    self._wake()
                    self._looks_at = deadline
            yield
        finally:
            with self._change:
                self._pending.pop(block, None)

    def _wake(self) -> None:
        if self._thread is not None:
            self._change.notify()
            return
        thread = threading.Thread(target=self._watch, daemon=True, name="deadlines")
        thread.start()  # may fail for want of memory; then the next block tries again
        self._thread = thread

    def _watch(self) -> None:
        with self._change:
            while True:
                now = time.monotonic()
                overdue = [block for block, (at, _) in self._pending.items() if at <= now]
                for block in overdue:
                    _, late = self._pending.pop(block)
                    late()
                self._looks_at = min((at for at, _ in self._pending.values()), default=math.inf)
                self._change.wait(None if math.isinf(self._looks_at) else self._looks_at - now)


DEADLINES = Deadlines()
os.register_at_fork(after_in_child=DEADLINES.begin_anew)
