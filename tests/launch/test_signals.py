"""Signals that are held while a run may not be broken off."""

import os
import signal
import subprocess
import sys

import pytest

from harness.launch.signals import Held, blocked, hearing
from tests.support.hosts import SOURCE


def test_held_signals_are_noted_and_end_nothing_until_they_are_let_go():
    before = signal.getsignal(signal.SIGINT)
    held = Held()
    held.take()
    held.take()
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    held.restore()
    assert held.received == ["Ctrl-C", "SIGTERM"] and signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    held = Held()
    held.take()
    os.kill(os.getpid(), signal.SIGHUP)
    assert held.received == [] and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    held.restore()
    signal.signal(signal.SIGHUP, before)


def test_what_is_heard_leaves_an_ignored_signal_alone_and_the_handlers_as_they_were():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    others = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    heard = []
    try:
        with hearing(heard.append):
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert heard == ["SIGTERM"]
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == others
    finally:
        signal.signal(signal.SIGHUP, before)


NEWBORN = """
import time
time.sleep(0.5)
from harness.launch import signals
held = signals.Held()
held.take()
signals.unblock()
print(*held.received)
"""


def test_a_program_that_is_only_just_starting_hears_a_signal_when_it_listens():
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    with blocked():
        child = subprocess.Popen([sys.executable, "-c", NEWBORN], env=environment, stdout=subprocess.PIPE, text=True)
    child.send_signal(signal.SIGTERM)
    assert child.communicate()[0] == "SIGTERM\n" and child.returncode == 0
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())
