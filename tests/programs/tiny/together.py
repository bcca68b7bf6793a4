"""Several workers of one job, tied together by a line of text at a time over TCP; the first one is the hub."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import TextIO

from harness.contract.errors import RunFailed
from harness.contract.job import Group, Workers
from harness.contract.program import Runtime

PORT = 2222  # where a host is named without one
PATIENCE = 60.0  # seconds until all workers have found each other


class Together(Runtime):
    """NumPy, in any number of workers."""

    def join(self, workers: Workers) -> Group:
        return Team(workers) if len(workers.hosts) > 1 else Group()


class Team(Group):
    """The chief has a connection to each of the others, in their order; they have one to the chief."""

    def __init__(self, workers: Workers) -> None:
        self.workers, others = workers, workers.hosts[1:]
        if workers.chief:
            with socket.create_server(("", _address(workers.current)[1])) as server:
                server.settimeout(PATIENCE)
                named = dict(_greeted(server.accept()[0]) for _ in others)
            self.connections = [named[host] for host in others]
        else:
            self.connections = [_connected(workers)]
            self._say(workers.current)

    def gather(self, text: str) -> list[str]:
        if not self.workers.chief:
            self._say(text)
            texts: list[str] = json.loads(_heard(self.connections[0]))
            return texts
        texts = [text, *(_heard(each) for each in self.connections)]
        self._say(json.dumps(texts))
        return texts

    def _say(self, text: str) -> None:
        for each in self.connections:
            print(text, file=each, flush=True)

    @contextlib.contextmanager
    def lost_workers_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not isinstance(error, ConnectionError):
                raise
            count = len(self.workers.hosts)
            raise RunFailed(f"{self.workers.current} lost another of the {count} workers: it has ended") from error

    def leave(self) -> None:
        """The chief, with which the others would be ended, goes last."""
        self.gather("")
        if self.workers.chief:
            for each in self.connections:
                with contextlib.suppress(ConnectionError):
                    each.read()


def _address(host: str) -> tuple[str, int]:
    name, _, port = host.partition(":")
    return name, int(port or PORT)


def _connected(workers: Workers) -> TextIO:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection = socket.create_connection(_address(workers.hosts[0]), timeout=PATIENCE)
        except OSError:  # the chief is not there yet, or its name is not known yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return _file(connection)


def _greeted(connection: socket.socket) -> tuple[str, TextIO]:
    file = _file(connection)
    return _heard(file), file


def _file(connection: socket.socket) -> TextIO:
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection.makefile("rw", encoding="ascii")


def _heard(file: TextIO) -> str:
    if not (line := file.readline()):
        raise ConnectionResetError
    return line.removesuffix("\n")
