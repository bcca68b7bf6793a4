"""The workers of one job find each other, whoever comes late, and nobody else."""

import itertools
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.contract.errors import RunFailed
from harness.contract.job import Workers
from harness.frameworks import meeting


def hosts(count: int) -> tuple[str, ...]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    names = tuple(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)
    for each in sockets:
        each.close()
    return names


def listens(name: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", int(name.partition(":")[2]))) == 0


def test_nobody_goes_on_before_the_last_one_has_come_and_then_all_do_and_their_ports_are_free() -> None:
    names, gone, last_came = hosts(3), [], threading.Event()

    def meet(name: str) -> None:
        meeting.meet(Workers(names, name), 0, 30)
        gone.append((name, last_came.is_set()))

    with ThreadPoolExecutor(3) as pool:
        early = [pool.submit(meet, name) for name in names[1:]]
        for name in names[1:]:  # until they listen
            while not listens(name):
                time.sleep(0.01)
        last_came.set()
        for each in (*early, pool.submit(meet, names[0])):
            each.result()
    assert sorted(gone) == sorted((name, True) for name in names)
    for name in names:
        socket.create_server(("127.0.0.1", int(name.partition(":")[2]))).close()


def test_who_does_not_come_is_named_and_a_stranger_is_not_taken_for_one() -> None:
    names = hosts(3)
    stop = threading.Event()

    def strange() -> None:
        """Says what a worker of another job, and one that is no worker, would say."""
        words = itertools.cycle((f"{names[1]} of {names[1]},{names[0]}\n", "GET / HTTP/1.1\r\n\r\n", "", "x" * 10_000))
        while not stop.is_set():
            with socket.socket() as client:
                client.settimeout(0.2)
                if not client.connect_ex(("127.0.0.1", int(names[0].partition(":")[2]))):
                    client.sendall(next(words).encode())

    another = socket.create_server(("127.0.0.1", int(names[1].partition(":")[2])))
    with another, ThreadPoolExecutor(2) as pool:
        pool.submit(strange)
        other = pool.submit(meeting.meet, Workers(names, names[2]), 0, 2)
        try:
            with pytest.raises(RunFailed, match=rf"{names[0]} waited 2 s for {names[1]} of 3 workers"):
                meeting.meet(Workers(names, names[0]), 0, 2)
        finally:
            stop.set()
        with pytest.raises(RunFailed, match=f"for .*{names[1]}"):
            other.result()


def test_a_port_that_is_taken_is_no_meeting() -> None:
    names = hosts(2)
    with socket.create_server(("", int(names[0].partition(":")[2]))), pytest.raises(OSError):
        meeting.meet(Workers(names, names[0]), 0, 1)
