"""Let the workers of one job find each other before a framework ties them together.

A framework waits for hosts that are not there yet outside of Python: meanwhile no signal is obeyed, and nothing says
which one is missing. Here a worker waits where both work, for hosts that start late and names that are not known yet.
"""

import contextlib
import os
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

from harness.contract.errors import RunFailed
from harness.contract.job import Workers

PATIENCE = 900.0  # seconds; AWS's own containers wait as long for the names of the hosts
LOOK = 0.2  # seconds between two attempts to reach a host, and for each
GREETING = 10.0  # seconds that a greeting may take


def meet(workers: Workers, port: int, patience: float = PATIENCE) -> None:
    """Return when this worker has reached each of the others, and each of them this one.

    `port` is that of hosts that are named without one; afterwards it is free for the framework.

    Raises:
        RunFailed: names the hosts that did not come within `patience` seconds.
        OSError: the own port is taken.
    """
    others = set(workers.hosts) - {workers.current}
    reached: set[str] = set()
    deadline = time.monotonic() + patience
    with _Door(("", _address(workers.current, port)[1]), workers) as door, door.open():
        while missing := others - (reached & door.heard):
            if time.monotonic() > deadline:
                names, count = ", ".join(sorted(missing)), len(workers.hosts)
                raise RunFailed(f"{workers.current} waited {patience:.0f} s for {names} of {count} workers")
            reached |= {host for host in others - reached if _reach(_address(host, port), workers)}
            time.sleep(LOOK / 4)


class _Door(socketserver.ThreadingTCPServer):
    """Takes greetings: `heard` are the workers of this job that have come; strangers are not answered."""

    allow_reuse_address = daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], workers: Workers) -> None:
        self.heard: set[str] = set()
        self.workers = workers
        super().__init__(address, _Greeted)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Listen meanwhile."""
        threading.Thread(target=self.serve_forever, args=(LOOK / 4,), daemon=True).start()
        try:
            yield
        finally:
            self.shutdown()

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke off: whoever it was comes again."""


class _Greeted(socketserver.StreamRequestHandler):
    timeout = GREETING

    def handle(self) -> None:
        door = self.server
        assert isinstance(door, _Door)
        word = f" of {_word(door.workers)}"
        greeting = os.fsdecode(self.rfile.readline(2 * len(word))).rstrip("\n")
        if greeting.endswith(word):
            door.heard.add(greeting.removesuffix(word))


def _word(workers: Workers) -> str:
    """What only the workers of one job say: all its hosts, in its order."""
    return ",".join(workers.hosts)


def _reach(address: tuple[str, int], workers: Workers) -> bool:
    """Greet a host; whether it listens."""
    try:
        with socket.create_connection(address, timeout=LOOK) as connection:
            connection.sendall(f"{workers.current} of {_word(workers)}\n".encode())
    except OSError:  # it is not there yet, or its name is not known yet
        return False
    return True


def _address(host: str, port: int) -> tuple[str, int]:
    name, _, own = host.partition(":")
    return name, int(own or port)
