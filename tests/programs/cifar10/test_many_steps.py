"""Many steps in one call: the bits of one at a time, and when the loop takes how many."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small  # sets TensorFlow's environment: before harness.fit

import tensorflow as tf  # isort: skip
from harness import checkpoint, environment, fit, step  # isort: skip
from harness.errors import ReadRecord  # isort: skip

PLAN = "a" * 64
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own


def after(count: int, steps: int, **changes: Any) -> dict[str, Any]:
    """All arrays after `count` steps, `steps` to a call; the epochs have 55 steps."""
    tf.config.experimental.enable_op_determinism()
    trainer = step.Trainer(small.training(**{"batch_size": 4, **changes}), small.dataset(220))
    while trainer.step < count:
        trainer.advance(steps=min(steps, count - trainer.step))
    return trainer.arrays()


def assert_equal(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert one.keys() == two.keys()
    assert not [name for name, array in one.items() if array.tobytes() != two[name].tobytes()]


MUCH = {"resnet_version": 2, "optimizer": "muon", "small_epochs": 0.2, "alternate_flips": True, "nesterov": False}


@pytest.mark.parametrize("changes", [{}, pytest.param(MUCH, marks=pytest.mark.slow)])
def test_any_number_of_steps_in_a_call_gives_the_same_bits(changes: dict[str, Any]) -> None:
    alone = after(60, 1, **changes)
    for steps in (7, 50):
        assert_equal(alone, after(60, steps, **changes))


@pytest.mark.slow
def test_so_it_does_under_xla() -> None:
    assert_equal(after(3, 1, xla=True), after(3, 3, xla=True))


def test_a_call_ends_with_the_epoch_and_with_small_images() -> None:
    trainer = step.Trainer(small.training(small_epochs=0.5), small.dataset())
    rooms = []
    while trainer.step < trainer.steps:
        rooms.append(trainer.room)
        trainer.advance(steps=100)
        assert trainer.step == sum(rooms)
    assert rooms == [3, 3, 6]


def test_a_step_touches_nothing_that_tensorflow_keeps_in_the_hosts_memory() -> None:
    trainer = step.Trainer(small.training(xla=True, alternate_flips=True, batch_size=4), small.dataset())
    trainer.advance(steps=2)
    (function,) = trainer._compiled.values()
    graph = function.get_concrete_function(tf.constant(0, tf.int64), tf.constant(1, tf.int64)).graph
    types = {variable.dtype for variable in graph.variables} | {tensor.dtype for tensor, _ in graph.captures}
    assert types <= {tf.float32, tf.float64, tf.int64, tf.uint8, tf.bool, tf.resource}, "a GPU holds all but int32"
    assert (
        max(
            np.prod(
                node.attr["value"].tensor.tensor_shape.dim
                and [size.size for size in node.attr["value"].tensor.tensor_shape.dim]
            )
            for node in graph.as_graph_def().node
            if node.op == "Const"
        )
        < 10_000
    ), "the images are no constant of the code"


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """As where there is a GPU: calls of several steps; returns their lengths."""
    monkeypatch.setattr(step.tf.config, "list_logical_devices", lambda kind: ["GPU"])
    lengths: list[int] = []
    advance = step.Trainer.advance

    def counted(self: step.Trainer, stop: bool = False, steps: int = 1) -> bool:
        before = self.step
        stopped = advance(self, stop, steps)
        lengths.append(self.step - before)
        return stopped

    monkeypatch.setattr(step.Trainer, "advance", counted)
    return lengths


def train(folder: Path | None = None, seconds: float = 1e9, stop: Any = lambda: None, **more: Any) -> fit.Outcome:
    keeper = folder and fit.Keeper(folder, PLAN, seconds)
    return fit.train(small.training(batch_size=4), small.dataset(220), lambda line: None, keeper, stop, **more)


def test_calls_fill_their_time_and_change_no_bits(several: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    many = checkpoint.weight_digest(train().model)
    assert several[:2] == [1, 10] and sum(several) == 110 and max(several) > 10
    monkeypatch.undo()
    assert checkpoint.weight_digest(train().model) == many


def test_a_call_is_no_longer_than_a_stop_may_wait(several: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "CALL_SECONDS", 0.0)
    train()
    assert set(several) - {10} == {1}


def test_a_state_is_kept_when_it_is_due_and_resumed_to_the_same_bits(
    several: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "CALL_SECONDS", 0.1)
    whole = checkpoint.weight_digest(train().model)
    asked = iter([None] * 5)
    with pytest.raises(ReadRecord, match="stopped by a test"):
        train(tmp_path, 0.05, lambda: next(asked, "stopped by a test"))
    kept = sorted(int(path.stem.split("-")[1]) for path in tmp_path.iterdir())
    assert 0 < kept[-1] < 110
    assert checkpoint.weight_digest(train(tmp_path, 0.05).model) == whole


def test_a_trial_stops_after_its_step(several: list[int], tmp_path: Path) -> None:
    with pytest.raises(ReadRecord):
        train(tmp_path, stop_after=70)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000070.ckpt"]


def test_a_gpu_gets_threads_and_flags_that_a_processor_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for gpu, given, threads, flags in (
        (False, {}, "2", None),
        (True, {}, "8", " ".join(environment.XLA_GPU_FLAGS)),
        (True, {"XLA_FLAGS": "--a=b " + environment.XLA_GPU_FLAGS[0].replace("false", "true")}, "8", None),
    ):
        monkeypatch.setattr(os, "environ", dict(given))
        monkeypatch.setattr(environment, "has_gpu", lambda gpu=gpu: gpu)
        environment.configure(8)
        assert os.environ["TF_NUM_INTEROP_THREADS"] == threads
        assert os.environ.get("XLA_FLAGS") == (flags or given.get("XLA_FLAGS"))
