"""The training loop, with no framework: a stop anywhere, and a resume, change nothing of what comes out."""

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.contract.errors import NotReady, RunFailed
from harness.contract.job import Group, Job, Workers
from harness.contract.plan import TRIED
from harness.contract.steps import Arrays, Outcome, Steps
from harness.worker import checkpoint, loop
from harness.worker import clock as wall
from harness.worker.clock import Clock as PhaseClock
from tests.support import tiny

EXPERIMENT = "a" * 64
NEVER = 1e9  # seconds between two checkpoints
TIMES = ("examples_per_second", "seconds")


class Clock:
    """A clock that goes on by a second with each step that `Counting` takes."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(loop, "time", clock)
    monkeypatch.setattr(wall, "time", clock)
    return clock


class Counting(Steps):
    """A training whose numbers tell every step that was taken, and in which order; `most` of a call is its own too."""

    batch = 4

    def __init__(self, steps: int = 14, steps_per_epoch: int = 5, call: int = 1, clock: Clock | None = None) -> None:
        self.steps, self.steps_per_epoch, self.call, self.clock = steps, steps_per_epoch, call, clock
        self.value, self.sum = np.int64(1), np.int64(0)
        self.calls: list[tuple[int, int]] = []  # (step before it, steps that it took)
        self.measured: dict[str, float] = {}
        self.dies_at = -1
        self.checks = 0

    def take(self, step: int) -> None:
        if step == self.dies_at:
            raise KeyboardInterrupt
        if step % self.steps_per_epoch == 0:
            self.sum = np.int64(0)
        self.value = (self.value * 31 + step) % 1_000_003
        self.sum = self.sum + self.value
        if self.clock:
            self.clock.now += 1

    def advance(self, stop: bool, most: int) -> bool:
        assert most >= 1
        count = min(self.call, most)
        self.calls.append((self.step, count))
        for _ in range(count):
            super().advance(stop, 1)
        return stop

    def state(self) -> Arrays:
        return {"value": np.asarray(self.value), "sum": np.asarray(self.sum)}

    def weights(self) -> Arrays:
        return {"value": np.asarray(self.value)}

    def restore(self, step: int, arrays: Arrays) -> None:
        assert self.step == step
        self.value, self.sum = arrays["value"][()], arrays["sum"][()]

    def measure(self) -> dict[str, float]:
        return {"train_sum": float(self.sum), "validation_sum": float(self.value % 97), **self.measured}

    def finish(self) -> Outcome:
        return Outcome({"test_sum": float(self.value % 89), **self.measured}, 1, self.weights(), lambda path: None)

    def check(self) -> None:
        self.checks += 1

    def work(self, step: int) -> float:
        return step / 2  # another unit than steps


def train(
    steps: Steps, folder: Path, seconds: float = NEVER, write: bool = True, **options: Any
) -> tuple[loop.Trained, list[dict[str, Any]]]:
    """A training, and what it reported."""
    reports: list[dict[str, Any]] = []
    checkpointer = loop.Checkpointer(folder, EXPERIMENT, seconds, write)
    return loop.Loop(steps, "examples", reports.append, checkpointer, PhaseClock(), **options).run(), reports


def stop_after(steps: Steps, count: int) -> Callable[[], str | None]:
    """A request to stop that comes during the call in which the step `count` (from 1) is taken."""
    return lambda: "stopped by a test" if steps.step >= count - 1 else None


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def came_to(trained: loop.Trained, folder: Path) -> Any:
    """What must not depend on how often a training was interrupted."""
    last = checkpoint.load_latest(folder, EXPERIMENT, pytest.fail)
    assert last is not None
    arrays = {name: (str(array.dtype), array.tolist()) for name, array in last.arrays.items()}
    weights = checkpoint.digest(trained.outcome.weights)
    assert trained.worker_weights == [weights]
    return weights, plain(trained.epochs), dict(trained.outcome.metrics), last.step, plain(last.epochs), arrays


@pytest.mark.parametrize("kind", ["counting", "tiny"])
def test_stopped_after_any_step_and_resumed_it_comes_to_the_same(kind: str, tmp_path: Path) -> None:
    data, alone = tmp_path / "data", Workers(("algo-1",), "algo-1")
    own = Job(alone, tiny.PROGRAM.runtime.join(alone), 1, tiny.write_data(data))

    def begin() -> Steps:
        return Counting() if kind == "counting" else tiny.PROGRAM.train(tiny.settings(), data, own)

    expected = came_to(train(begin(), tmp_path / "whole")[0], tmp_path / "whole")
    last = begin().steps
    assert expected[3] == last
    for step in range(1, last + 1):
        folder, first, second = tmp_path / f"{step}", begin(), begin()
        with pytest.raises(RunFailed, match=r"^stopped by a test$"):
            train(first, folder, stop=stop_after(first, step))
        assert names(folder) == [f"step-{step:09d}.ckpt"]
        trained, reports = train(second, folder)
        assert reports[0] == {"note": f"resumed after step {step} of {last}"}
        assert came_to(trained, folder) == expected
        epochs = [report["epoch"] for report in reports if "epoch" in report]
        assert epochs[0] == math.ceil(step / first.steps_per_epoch)


def test_one_that_is_resumed_after_the_last_step_of_an_epoch_measures_it_first(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    with pytest.raises(RunFailed):
        train(first, tmp_path, stop=stop_after(first, 5))
    newest = checkpoint.load_latest(tmp_path, EXPERIMENT, pytest.fail)
    assert newest is not None and (newest.step, newest.epochs) == (5, [])
    trained, reports = train(second, tmp_path)
    assert second.calls[0] == (5, 1)
    assert [row["step"] for row in trained.epochs] == [5, 10, 14]
    assert [report["step"] for report in reports if "epoch" in report] == [5, 10, 14]


def test_a_finished_training_that_is_resumed_does_nothing_and_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = train(Counting(), tmp_path)
    done = written(monkeypatch)
    again = Counting()
    trained, reports = train(again, tmp_path)
    assert not again.calls and not done
    assert came_to(trained, tmp_path) == came_to(whole, tmp_path)
    assert [next(iter(report)) for report in reports] == ["note", "test_sum"]


@given(
    steps=st.integers(1, 30),
    per_epoch=st.integers(1, 12),
    call=st.sampled_from([1, 2, 7, 50]),
    ends=st.lists(st.tuples(st.integers(0, 29), st.booleans(), st.sampled_from([0.0, NEVER])), max_size=5),
)
@hypothesis_settings(max_examples=60, deadline=None, derandomize=True)
def test_however_often_and_in_whatever_way_it_ends_the_resumed_one_comes_to_the_same(
    steps: int, per_epoch: int, call: int, ends: list[tuple[int, bool, float]]
) -> None:
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "PACE_SECONDS", 0.0)  # so that calls of many steps begin at once
        whole, broken = Path(scratch, "whole"), Path(scratch, "broken")
        expected = came_to(train(Counting(steps, per_epoch), whole)[0], whole)
        for at, killed, seconds in ends:
            training = Counting(steps, per_epoch, call)
            training.dies_at = at if killed else -1
            stop = (lambda: None) if killed else stop_after(training, at)
            try:
                train(training, broken, seconds, stop=stop)
            except KeyboardInterrupt:
                assert killed
            except RunFailed:
                assert not killed
        assert came_to(train(Counting(steps, per_epoch, call), broken)[0], broken) == expected


def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(steps, epochs) of each checkpoint that is written from now on."""
    done: list[tuple[int, int]] = []
    really = checkpoint.write

    def write(folder: Path, content: checkpoint.Checkpoint) -> Path:
        done.append((content.step, len(content.epochs)))
        return really(folder, content)

    monkeypatch.setattr(checkpoint, "write", write)
    return done


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, [*((step, (step - 1) // 5) for step in range(1, 15)), (14, 3)]),
        (4.0, [(4, 0), (8, 1), (12, 2), (14, 3)]),
        (NEVER, [(14, 3)]),
    ],
)
def test_checkpoints_are_written_when_they_are_due_and_at_the_end(
    seconds: float, expected: Any, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = written(monkeypatch)
    train(Counting(clock=clock), tmp_path, seconds)
    assert done == expected
    assert names(tmp_path) == sorted({f"step-{step:09d}.ckpt" for step, _ in expected})[-checkpoint.KEEP :]


def test_the_device_is_waited_for_before_a_checkpoint_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Counting()
    seen: list[int] = []
    monkeypatch.setattr(checkpoint, "write", lambda folder, content: seen.append(training.checks))
    train(training, tmp_path, 0.0)
    assert len(seen) == len(set(seen)) == 15


def test_only_one_worker_writes_checkpoints(tmp_path: Path) -> None:
    train(Counting(), tmp_path, 0.0, write=False)
    assert not names(tmp_path)


def test_checkpoints_of_another_experiment_are_refused(tmp_path: Path) -> None:
    other = checkpoint.Checkpoint("b" * 64, 3, [], {})
    checkpoint.write(tmp_path, other)
    with pytest.raises(NotReady, match="belongs to experiment bbbbbbbb, not to aaaaaaaa"):
        train(Counting(), tmp_path)


def test_a_torn_checkpoint_is_reported_and_the_one_before_it_resumed(tmp_path: Path) -> None:
    expected, _ = train(Counting(), tmp_path / "whole")
    first = Counting()
    with pytest.raises(RunFailed):
        train(first, tmp_path, 0.0, stop=stop_after(first, 8))
    newest = tmp_path / "step-000000008.ckpt"
    newest.write_bytes(newest.read_bytes()[:-9])
    trained, reports = train(Counting(), tmp_path)
    assert [report["note"] for report in reports[:2]] == [
        "step-000000008.ckpt is torn or altered: skipped",
        "resumed after step 7 of 14",
    ]
    assert plain(trained.epochs) == plain(expected.epochs)


@pytest.mark.parametrize("call", [1, 7, 50])
@pytest.mark.parametrize("end", range(1, 15))
def test_a_trial_ends_after_the_very_step_as_if_it_had_been_stopped(
    end: int, call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PACE_SECONDS", 0.0)
    with pytest.raises(RunFailed, match=rf"^{TRIED}$"):
        train(Counting(call=call), tmp_path, stop_after=end)
    assert names(tmp_path) == [f"step-{end:09d}.ckpt"]
    whole, _ = train(Counting(), tmp_path / "whole")
    assert came_to(train(Counting(), tmp_path)[0], tmp_path) == came_to(whole, tmp_path / "whole")


@pytest.mark.parametrize("call", [1, 7, 50])
def test_calls_of_several_steps_end_with_the_epoch_and_change_no_row(
    call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PACE_SECONDS", 0.0)
    expected, _ = train(Counting(100, 40), tmp_path / "one by one")
    training = Counting(100, 40, call)
    trained, _ = train(training, tmp_path / "many")
    assert came_to(trained, tmp_path / "many") == came_to(expected, tmp_path / "one by one")
    assert [sum(count for step, count in training.calls if step // 40 == epoch) for epoch in range(3)] == [40, 40, 20]
    assert all(step // 40 == (step + count - 1) // 40 for step, count in training.calls)
    assert training.calls[0] == (0, 1)  # what a step costs is not known yet
    assert max(count for _, count in training.calls) == {1: 1, 7: 7, 50: 40}[call]


def test_a_call_takes_no_longer_than_a_stop_may_wait(clock: Clock, tmp_path: Path) -> None:
    """At a second each, no call takes two steps, however many the program could take."""
    training = Counting(100, 40, 50, clock)
    train(training, tmp_path)
    assert {count for _, count in training.calls} == {1}


def test_a_stop_that_is_known_before_a_call_is_not_made_to_wait_for_many_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "PACE_SECONDS", 0.0)
    training = Counting(100, 100, 20)
    with pytest.raises(RunFailed):
        train(training, tmp_path, stop=stop_after(training, 31))
    assert training.calls[-1][1] == 1 and training.step - training.calls[-1][0] == 1


def test_another_workers_stop_ends_this_one_too(tmp_path: Path) -> None:
    class Told(Counting):
        def advance(self, stop: bool, most: int) -> bool:
            return super().advance(stop, most) or self.step == 3

    with pytest.raises(RunFailed, match=r"^another worker was stopped$"):
        train(Told(), tmp_path)
    assert names(tmp_path) == ["step-000000003.ckpt"]
    training = Told()  # this one gets its own signal while the call with the other's goes on
    with pytest.raises(RunFailed, match=r"^stopped by a test$"):
        train(training, tmp_path / "both", stop=stop_after(training, 4))
    assert names(tmp_path / "both") == ["step-000000003.ckpt"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_ends_the_training_and_is_named(value: float, tmp_path: Path) -> None:
    class AtTheEnd(Counting):
        def finish(self) -> Outcome:
            self.measured = {"test_other": value}
            return super().finish()

    training = Counting()
    training.measured = {"validation_other": value}
    with pytest.raises(RunFailed, match=rf"^validation_other is {value} after epoch 1: it is infinite or not a num"):
        train(training, tmp_path)
    with pytest.raises(RunFailed, match=rf"^test_other is {value} on the test data: "):
        train(AtTheEnd(), tmp_path / "end")
    assert names(tmp_path / "end") == ["step-000000014.ckpt"]


def test_what_the_program_raises_when_it_gives_up_is_the_reason(tmp_path: Path) -> None:
    class Lost(Counting):
        def check(self) -> None:
            if self.step >= 7:
                raise RunFailed("the loss is not a number from step 7 on")

    with pytest.raises(RunFailed, match=r"^the loss is not a number from step 7 on$"):
        train(Lost(), tmp_path, 0.0)
    assert names(tmp_path) == ["step-000000005.ckpt", "step-000000006.ckpt"]  # none of a training that is lost


def test_each_epoch_is_reported_once_and_the_test_data_at_the_end(clock: Clock, tmp_path: Path) -> None:
    trained, reports = train(Counting(clock=clock), tmp_path)
    rows = [report for report in reports if "epoch" in report and "progress" not in report]
    assert rows == trained.epochs
    assert [(row["epoch"], row["step"]) for row in rows] == [(1, 5), (2, 10), (3, 14)]
    for row in rows:
        assert list(row) == ["epoch", "step", "train_sum", "validation_sum", *TIMES, "weights"]
        assert len(row["weights"]) == checkpoint.SHORT
    assert [row["examples_per_second"] for row in rows] == [4.0, 4.0, 4.0]
    assert [row["seconds"] for row in rows] == [5.0, 5.0, 4.0]
    assert len({row["weights"] for row in rows}) == 3
    assert rows[-1]["weights"] == checkpoint.digest(trained.outcome.weights)[: checkpoint.SHORT]
    assert reports[-1] == {"test_sum": trained.outcome.metrics["test_sum"]}


def test_an_epoch_of_which_but_one_step_is_left_has_a_speed_too(clock: Clock, tmp_path: Path) -> None:
    first = Counting(clock=clock)
    with pytest.raises(RunFailed):
        train(first, tmp_path, stop=stop_after(first, 9))
    trained, _ = train(Counting(clock=clock), tmp_path)
    assert [row["examples_per_second"] for row in trained.epochs] == [4.0, 4.0, 4.0]


def test_progress_tells_where_it_is_how_fast_and_how_long_it_will_take(clock: Clock, tmp_path: Path) -> None:
    training = Counting(clock=clock)
    _, reports = train(training, tmp_path)
    progress = [report for report in reports if "progress" in report]
    assert [report["step"] for report in progress] == [3, 5, 7, 9, 11, 13]  # every two seconds after the first step
    assert progress[0] == {
        "progress": True,
        "epoch": 1,
        "epochs": 3,
        "step": 3,
        "steps": 14,
        "examples_per_second": 4.0,
        "seconds_left": 11.0,
    }
    assert progress[-1]["epoch"] == 3 and progress[-1]["seconds_left"] == 1.0


def test_progress_has_what_the_program_says_of_the_last_steps(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Counting(clock=clock)
    monkeypatch.setattr(training, "recent", lambda: {"loss": float(training.step)})
    _, reports = train(training, tmp_path)
    progress = [report for report in reports if "progress" in report]
    assert [report["recent_loss"] for report in progress] == [report["step"] for report in progress]


def test_the_time_that_is_left_goes_by_the_work_of_a_resumed_training_alone(clock: Clock, tmp_path: Path) -> None:
    first = Counting(clock=clock)
    with pytest.raises(RunFailed):
        train(first, tmp_path, stop=stop_after(first, 6))
    _, reports = train(Counting(clock=clock), tmp_path)
    assert [(report["step"], report["seconds_left"]) for report in reports if "progress" in report] == [
        (9, 5.0),
        (11, 3.0),
        (13, 1.0),
    ]


class Two(Group):
    """A group whose other worker says something else."""

    def __init__(self, other: Callable[[str], str]) -> None:
        self.other = other
        self.texts: list[str] = []

    def gather(self, text: str) -> list[str]:
        self.texts.append(text)
        return [text, self.other(text)]


def test_workers_that_find_different_checkpoints_do_not_train(tmp_path: Path) -> None:
    first = Counting()
    with pytest.raises(RunFailed):
        train(first, tmp_path, stop=stop_after(first, 6))
    second = Counting()
    with pytest.raises(RunFailed, match=r"^the workers found checkpoints of different steps: 0, 6$"):
        train(second, tmp_path, group=Two(lambda text: "0"))
    assert not second.calls


def test_the_weights_of_all_workers_are_gathered_and_every_text_fits_the_message(tmp_path: Path) -> None:
    group = Two(lambda text: text[::-1])
    trained, _ = train(Counting(), tmp_path, group=group)
    own = checkpoint.digest(trained.outcome.weights)
    assert trained.worker_weights == [own, own[::-1]]
    assert all(text.isascii() and len(text) <= 64 for text in group.texts)


def test_seconds_are_told_by_phase(clock: Clock, tmp_path: Path) -> None:
    own = PhaseClock()
    checkpointer = loop.Checkpointer(tmp_path, EXPERIMENT, NEVER)
    loop.Loop(Counting(clock=clock), "examples", lambda report: None, checkpointer, own).run()
    assert own.seconds == {"build": 0.0, "trace": 1.0, "train": 13.0, "evaluate": 0.0, "checkpoint": 0.0}
