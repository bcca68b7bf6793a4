"""Ctrl-C, SIGTERM and SIGHUP while a run must not be broken off at any point: noted first, obeyed in order."""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


LASTING = (signal.SIGTERM, signal.SIGHUP)  # that wait for a program which is only just starting


class Held:
    """Signals that have arrived since `take`: none of them ends this program until `restore`.

    One that is ignored (nohup, a background job) stays so.
    """

    def __init__(self) -> None:
        self.received: list[str] = []
        self._previous: list[tuple[int, Any]] = []

    def take(self) -> None:
        """Begin; a second call changes nothing."""
        if not self._previous and threading.current_thread() is threading.main_thread():
            taken = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._previous = [(number, signal.signal(number, self._note)) for number in taken]

    def restore(self) -> None:
        """Let the signals do again what they did before."""
        for number, before in self._previous:
            signal.signal(number, before)
        self._previous = []

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received.append(SIGNALS[signal.Signals(number)])


@contextlib.contextmanager
def blocked() -> Iterator[None]:
    """For a program that is started here: SIGTERM and SIGHUP wait until it calls `unblock`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, LASTING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def unblock() -> None:
    """Let the signals through that `blocked` made wait."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, LASTING)


@contextlib.contextmanager
def hearing(heard: Callable[[str], None]) -> Iterator[None]:
    """Take the signals that ask for an end: `heard` is told each one's name, in a thread of its own.

    One that is ignored (nohup, a background job) stays so. Python runs a handler only between two steps of the main
    thread, which may just have begun to wait for the worker's next line; its wakeup socket hears of a signal at once.
    """
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)

    def listen() -> None:
        while number := ear.recv(1):
            if number[0] in SIGNALS:
                heard(SIGNALS[signal.Signals(number[0])])

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()
    before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    taken = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    previous = [(number, signal.signal(number, lambda *_: None)) for number in taken]
    try:
        yield
    finally:
        for number, restored in previous:
            signal.signal(number, restored)
        signal.set_wakeup_fd(before)
        mouth.close()
        listening.join()
        ear.close()
