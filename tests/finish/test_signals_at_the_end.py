"""The end of a run, which no signal breaks off: a completed run is said to be one, with all that belongs to it."""

import os
import signal
import subprocess
import time

import pytest

from harness.finish import conclude
from harness.launch.runner import Ended
from harness.settings.schema import Comet
from tests.launch.test_collect import PLAN, finished


class Done:
    """A runner whose worker has done its work."""

    grace, outlives, remote = 1.0, False, False

    def __init__(self, run):
        self.run = run

    def start(self, run, dataset):
        self.child = subprocess.Popen(["true"], stdout=subprocess.PIPE, text=True)
        return self.child

    def stop(self, at_once):
        """Nothing is left to stop."""

    def finish(self):
        self.child.stdout.close()
        return Ended(0, None, self.run.job / "model", self.run.job / "output")


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """A run that is about to end; what is done at its end is noted, Comet's children aside."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background work deaf to it
    run = finished(tmp_path)
    noted = []

    class Copies:
        def __init__(self, *names, **options):
            pass

        def log_progress(self, values):
            pass

        def finish(self, record):
            noted.append("tracker")
            return "off"

    monkeypatch.setattr(conclude, "Tracker", Copies)
    for module, name in ((conclude.collect, "collect"), (conclude.plots, "draw"), (conclude.summary, "summarise")):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, n=name, act=original: (noted.append(n), act(*given))[1])
    return conclude.Started(
        Done(run), run, PLAN, tmp_path, Comet("project", None, None, None, False), time.monotonic()
    ), noted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["collect", "draw", "summarise"])
def test_a_signal_after_the_training_changes_nothing(begun, monkeypatch, capsys, moment, number):
    started, noted = begun
    module = {"collect": conclude.collect, "draw": conclude.plots, "summarise": conclude.summary}[moment]
    act = getattr(module, moment)

    def interrupted(*given):
        os.kill(os.getpid(), number)
        return act(*given)

    monkeypatch.setattr(module, moment, interrupted)
    try:
        assert conclude.conclude(started) == 0
    finally:
        started.held.restore()
    assert sorted(noted) == ["collect", "draw", "summarise", "tracker"]
    assert started.run.record.exists() and not started.run.job.exists()
    assert started.held.received and "nothing is left behind" not in capsys.readouterr().out
