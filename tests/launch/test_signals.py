"""Signals that are held while a run may not be broken off."""

import os
import signal

import pytest

from harness.launch.signals import Held, hearing


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
