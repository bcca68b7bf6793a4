"""One program at a time obtains data; the others are told, and do not wait for ever."""

import os
import threading
import time

import pytest

from harness.contract.errors import NotReady
from harness.data import turn
from harness.runs import locks


def test_who_waits_is_told_once_and_then_goes_on(tmp_path):
    lock = locks.hold(tmp_path / turn.LOCK, NotReady("taken"))
    said = []
    threading.Timer(0.5, os.close, [lock]).start()
    with turn.taken(tmp_path, said.append):
        pass
    assert len(said) == 1 and str(tmp_path / turn.LOCK) in said[0]


def test_the_wait_has_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(turn, "PATIENCE", 0.3)
    lock = locks.hold(tmp_path / turn.LOCK, NotReady("taken"))
    began = time.monotonic()
    with pytest.raises(NotReady, match="another program has obtained data"), turn.taken(tmp_path, print):
        pass
    assert time.monotonic() - began < 5
    os.close(lock)


def test_a_lock_that_is_a_folder_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(turn.time, "sleep", lambda seconds: pytest.fail("waited"))
    (tmp_path / turn.LOCK).mkdir()
    with pytest.raises(NotReady, match="is a folder, where a lock belongs"), turn.taken(tmp_path, print):
        pass
