"""Ctrl-C before a verb's own code runs: one line instead of a traceback. Each verb imports this first.

While Python itself starts, before any of our code runs, it answers Ctrl-C by itself.
"""

import os
import sys
from types import FrameType, TracebackType

STOPPED = "stopped before the run began; nothing is left behind"
MAIN = getattr(sys.modules["__main__"], "__file__", None) or ""
SRC = os.path.realpath(__file__).rpartition("/harness/")[0]  # not by pathlib, whose import takes time of its own
TYPED = os.path.realpath(MAIN).rpartition("/")[0] == SRC  # a verb of src/ is what runs here


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    at_once()


def at_once(number: int = 0, frame: FrameType | None = None) -> None:
    """End this process with the line; nothing is there that would have to be put in order."""
    try:
        os.write(2, f"{STOPPED}\n".encode())
    finally:
        os._exit(130)


def _take() -> None:
    sys.excepthook = _hook  # for what comes before the handler, and after `give_back`
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not one that is ignored, as in the background
        signal.signal(signal.SIGINT, at_once)


def give_back() -> None:
    """Let Ctrl-C raise KeyboardInterrupt, now that there is code that answers it."""
    import signal

    if signal.getsignal(signal.SIGINT) is at_once:
        signal.signal(signal.SIGINT, signal.default_int_handler)


if TYPED:
    _take()
