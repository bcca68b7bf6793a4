"""Work that waits for AWS, and that a signal must be able to end: in a thread that nobody waits for."""

import threading
from collections.abc import Callable
from typing import TypeVar

from harness.contract.errors import NotReady

T = TypeVar("T")
LOOK = 0.1  # seconds between two looks


def wanted(work: Callable[[], T], unwanted: threading.Event, limit: float | None = None) -> T:
    """What `work` comes to; given up where it is `unwanted`, or takes longer than `limit` seconds.

    Raises:
        NotReady: it was given up.
        Exception: what `work` raises.
    """
    results: list[T] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # raised again where it is waited for
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=run, daemon=True).start()
    waited = 0.0
    while not done.wait(LOOK):
        waited += LOOK
        if unwanted.is_set():
            raise NotReady("a signal ended it before it was complete")
        if limit is not None and waited >= limit:
            raise NotReady(f"AWS does not answer (for {limit:.0f} s)", command="check the network, then the same again")
    if errors:
        raise errors[0]
    return results[0]
