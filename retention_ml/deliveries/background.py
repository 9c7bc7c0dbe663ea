"""Reading and writing in threads of their own, beside the work on what lies between."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


def read_ahead(
    items: Iterator[Item], size_of: Callable[[Item], int], size_max: int
) -> Iterator[Item]:
    """The items in their order, taken from `items` by a thread of its own.

    It waits while what nobody has asked for yet is `size_max` or more. What `items` raises is raised
    where its item was due; the thread ends with the iterator.
    """
    waiting: deque[Item] = deque()
    changed = threading.Condition()
    is_stopped = is_at_end = False
    errors: list[BaseException] = []

    def may_go_on() -> bool:
        return is_stopped or not waiting or sum(map(size_of, waiting)) < size_max

    def read() -> None:
        nonlocal is_at_end
        try:
            for item in items:
                with changed:
                    waiting.append(item)
                    changed.notify()
                    changed.wait_for(may_go_on)
                    if is_stopped:
                        return
        except BaseException as error:
            errors.append(error)
        finally:
            with changed:
                is_at_end = True
                changed.notify()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while True:
            with changed:
                changed.wait_for(lambda: waiting or is_at_end)
                if not waiting:
                    break
                item = waiting.popleft()
                changed.notify()
            yield item
        if errors:
            raise errors[0]
    finally:
        with changed:
            is_stopped = True
            changed.notify()
        reader.join()


@contextmanager
def one_behind(*, is_parallel: bool) -> Iterator[Callable[[Callable[[], object]], None]]:
    """A function that runs a piece of work in a thread, once the piece before it has ended.

    So one piece at most waits or runs. When the block ends, all have ended; what one raised is raised
    by the next call or at the end of the block. Where nothing is to run beside, it is run at once.
    """
    if not is_parallel:
        yield lambda work: (work(), None)[1]
        return
    running: list[Future[object]] = []
    with ThreadPoolExecutor(1) as executor:

        def run(work: Callable[[], object]) -> None:
            while running:
                running.pop().result()
            running.append(executor.submit(work))

        yield run
        while running:
            running.pop().result()
