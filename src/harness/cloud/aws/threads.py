"""Several requests to AWS at a time, in threads that nobody waits for: Ctrl-C must not have to."""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator

STREAMS = 8  # at a time


def together(work: Callable[[str], str], items: list[str]) -> Iterator[tuple[str, str]]:
    """Each item with what `work` makes of it, in the order in which they are done.

    Raises:
        Exception: what `work` raised first; what has not begun by then does not begin.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[str, str | BaseException]] = queue.SimpleQueue()

    def run() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                item = waiting.get_nowait()
                try:
                    done.put((item, work(item)))
                except BaseException as error:  # raised again by whoever takes it
                    done.put((item, error))

    for item in items:
        waiting.put(item)
    for _ in range(min(STREAMS, len(items))):
        threading.Thread(target=run, daemon=True).start()
    try:
        for _ in items:
            item, result = done.get()
            if isinstance(result, BaseException):
                raise result
            yield item, result
    finally:
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.get_nowait()
