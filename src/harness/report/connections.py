"""A server whose connections are bounded in number and time: slow readers and writers are let go, never waited for."""

import contextlib
import socket
import threading
import time
from http.server import ThreadingHTTPServer
from typing import Any

MOST = 32  # connections at a time; the oldest one makes room for another
LONGEST = 30.0  # seconds that one may last


class Bounded(ThreadingHTTPServer):
    """One thread a connection, as long as there are few."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *arguments: Any) -> None:
        self._open: dict[socket.socket, float] = {}  # when each one began, oldest first
        self._lock = threading.Lock()
        super().__init__(*arguments)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection; where no descriptor is left, the oldest one gives its own.

        Raises:
            OSError: there is none to be had.
        """
        try:
            return super().get_request()
        except OSError:
            self._end_oldest()
            time.sleep(0.1)  # else this is asked again at once, and takes a whole core
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread for a connection."""
        with self._lock:
            crowded = len(self._open) >= MOST
            self._open[request] = time.monotonic()
        if crowded:
            self._end_oldest()
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be started
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End what has lasted too long; called several times a second."""
        with self._lock:
            late = [each for each, began in self._open.items() if time.monotonic() - began > LONGEST]
        for each in late:
            _end(each)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a reader that leaves is no news, and the others are answered."""

    def _end_oldest(self) -> None:
        with self._lock:
            oldest = next(iter(self._open), None)
            if oldest is not None:
                del self._open[oldest]
        if oldest is not None:
            _end(oldest)


def _end(connection: socket.socket) -> None:
    """Wake the thread that waits for it, which closes it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
